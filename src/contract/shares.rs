//! How a plan's work divides over routes: steps that go the same way together, and who waits for whom.

use std::collections::{BTreeMap, BTreeSet};

use super::files::overlap;
use super::plan::{Plan, Step, StepClass};

/// Steps of a plan that go to one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Division {
    /// The class of its first step, which names it.
    pub class: StepClass,
    /// Its steps, in the plan's order.
    pub steps: Vec<u32>,
    /// The globs of the files that they may change.
    pub files: Vec<String>,
    /// Divisions that must be done before, by their place in the list; all of them stands before this one.
    pub after: Vec<usize>,
}

impl Plan {
    /// Divides the plan's steps by the way they go.
    ///
    /// `class_of` says which class a step belongs to, `way_of` which route a class takes; classes that take the same
    /// one stay together. Divisions whose files may overlap, or whose steps need each other, come one after the other;
    /// the others may be worked on at the same time. Where classes need each other in a circle, the plan's order is
    /// cut into stretches of one way each.
    pub fn divide<W: Ord>(
        &self,
        class_of: impl Fn(&Step) -> StepClass,
        way_of: impl Fn(StepClass) -> W,
    ) -> Vec<Division> {
        let steps: Vec<(&Step, StepClass, W)> = self
            .steps
            .iter()
            .map(|step| (step, class_of(step), way_of(class_of(step))))
            .collect();
        let mut ways: BTreeMap<&W, Vec<usize>> = BTreeMap::new();
        for (index, (_, _, way)) in steps.iter().enumerate() {
            ways.entry(way).or_default().push(index);
        }
        let mut groups: Vec<Vec<usize>> = ways.into_values().collect();
        groups.sort_unstable();
        let mut before = self.before(&steps, &groups);
        if let Some(sorted) = order(&before) {
            groups = sorted.iter().map(|index| groups[*index].clone()).collect();
            before = self.before(&steps, &groups);
        } else {
            groups = stretches(&steps);
            before = chain(groups.len());
        }
        // With two predecessors a division would have to begin from work that is not put together yet.
        if before.iter().any(|before| before.len() > 1) {
            before = chain(groups.len());
        }
        groups
            .iter()
            .zip(before)
            .map(|(group, before)| Division {
                class: steps[group[0]].1,
                steps: group.iter().map(|index| steps[*index].0.id).collect(),
                files: self.files_of(group.iter().map(|index| steps[*index].0)),
                after: before.into_iter().collect(),
            })
            .collect()
    }

    /// For each group the groups that must be done before.
    fn before<W>(&self, steps: &[(&Step, StepClass, W)], groups: &[Vec<usize>]) -> Vec<BTreeSet<usize>> {
        let needs = |later: &[usize], earlier: &[usize]| {
            later.iter().any(|step| {
                let wanted = &steps[*step].0.needs;
                earlier.iter().any(|other| wanted.contains(&steps[*other].0.id))
            })
        };
        let share_files = |one: &[usize], other: &[usize]| {
            let files = |group: &[usize]| self.files_of(group.iter().map(|index| steps[*index].0));
            let (one, other) = (files(one), files(other));
            one.iter().any(|a| other.iter().any(|b| overlap(a, b)))
        };
        (0..groups.len())
            .map(|this| {
                (0..groups.len())
                    .filter(|other| *other != this)
                    .filter(|other| {
                        let (this_group, that) = (&groups[this], &groups[*other]);
                        // Who shares files comes in the plan's order, unless a need says otherwise.
                        needs(this_group, that)
                            || (that[0] < this_group[0]
                                && !needs(that, this_group)
                                && share_files(this_group, that))
                    })
                    .collect()
            })
            .collect()
    }

    /// The files of some steps; a step that names none may change all files of the plan.
    fn files_of<'a>(&self, steps: impl Iterator<Item = &'a Step>) -> Vec<String> {
        let mut files = BTreeSet::new();
        for step in steps {
            let own = if step.files.is_empty() {
                &self.files
            } else {
                &step.files
            };
            files.extend(own.iter().cloned());
        }
        files.into_iter().collect()
    }
}

/// The groups in an order in which each stands after those before it; `None` where there is a circle.
fn order(before: &[BTreeSet<usize>]) -> Option<Vec<usize>> {
    let mut sorted = Vec::with_capacity(before.len());
    while sorted.len() < before.len() {
        let next = (0..before.len())
            .find(|index| !sorted.contains(index) && before[*index].iter().all(|b| sorted.contains(b)))?;
        sorted.push(next);
    }
    Some(sorted)
}

/// Stretches of steps that go the same way, in the plan's order.
fn stretches<W: Ord>(steps: &[(&Step, StepClass, W)]) -> Vec<Vec<usize>> {
    let mut stretches: Vec<Vec<usize>> = Vec::new();
    for index in 0..steps.len() {
        match stretches.last_mut() {
            Some(last) if steps[last[0]].2 == steps[index].2 => last.push(index),
            _ => stretches.push(vec![index]),
        }
    }
    stretches
}

fn chain(length: usize) -> Vec<BTreeSet<usize>> {
    (0..length)
        .map(|index| index.checked_sub(1).into_iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Document, parse};
    use crate::model::ArtifactName;

    fn plan(steps: &[&str]) -> Plan {
        let text = format!(
            "---\nfootplate: plan/1\nsummary: S.\nfiles: [src/**, web/**, docs/**, a.py]\nsteps:\n{}\ntests: ['true']\n\
             criteria: [It works]\nrisks: []\nquestions: []\nsize: small\n---\nBody.\n",
            steps
                .iter()
                .map(|step| format!("  - {{{step}}}"))
                .collect::<Vec<_>>()
                .join("\n")
        );
        match parse(&ArtifactName::new("plan.md").unwrap(), &text) {
            Ok(Document::Plan(plan)) => plan,
            other => panic!("{other:?}"),
        }
    }

    /// Design and content go one way, logic and tests the other.
    fn divide(steps: &[&str]) -> String {
        let way = |class| matches!(class, StepClass::Design | StepClass::Content);
        plan(steps)
            .divide(|step| step.class, way)
            .iter()
            .map(|division| {
                format!(
                    "{}{:?} after {:?}",
                    division.class.as_str(),
                    division.steps,
                    division.after
                )
            })
            .collect::<Vec<_>>()
            .join("; ")
    }

    #[test]
    fn what_goes_the_same_way_stays_together_and_disjoint_work_is_side_by_side() {
        assert_eq!(
            divide(&[
                "id: 1, title: A, class: logic, files: [src/a.rs]",
                "id: 2, title: B, class: design, files: [web/a.css]",
                "id: 3, title: C, class: tests, files: [src/a_test.rs], needs: [1]",
                "id: 4, title: D, class: content, files: [docs/**]",
            ]),
            "logic[1, 3] after []; design[2, 4] after []"
        );
        assert_eq!(
            divide(&["id: 1, title: A, class: logic, files: [a.py]"]),
            "logic[1] after []"
        );
    }

    #[test]
    fn shared_files_and_needs_put_work_in_order() {
        assert_eq!(
            divide(&[
                "id: 1, title: A, class: logic, files: [web/**]",
                "id: 2, title: B, class: design, files: [web/a.css]",
            ]),
            "logic[1] after []; design[2] after [0]"
        );
        assert_eq!(
            divide(&[
                "id: 1, title: A, class: logic, files: [src/a.rs], needs: [2]",
                "id: 2, title: B, class: design, files: [web/a.css]",
            ]),
            "design[2] after []; logic[1] after [0]"
        );
    }

    #[test]
    fn a_circle_of_classes_is_cut_into_stretches() {
        assert_eq!(
            divide(&[
                "id: 1, title: A, class: logic, files: [src/a.rs]",
                "id: 2, title: B, class: design, files: [web/a.css], needs: [1]",
                "id: 3, title: C, class: logic, files: [src/b.rs], needs: [2]",
            ]),
            "logic[1] after []; design[2] after [0]; logic[3] after [1]"
        );
    }
}
