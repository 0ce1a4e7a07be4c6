//! The accounts of several implementers as one.

use std::fmt::Write as _;

use super::implementation::{Implementation, StepDone};

impl Implementation {
    /// Puts accounts of parts of one plan together: each with the heading it gets and the steps that it answers for.
    /// What it says of other steps is left to whose steps they are.
    pub fn join<'a>(parts: impl IntoIterator<Item = (&'a str, &'a [u32], &'a Self)>) -> Self {
        let mut joint = Self {
            steps: Vec::new(),
            deviations: Vec::new(),
            body: String::new(),
        };
        for (heading, own, part) in parts {
            joint.steps.extend(own.iter().map(|id| StepDone {
                id: *id,
                done: part.steps.iter().any(|step| step.id == *id && step.done),
            }));
            for deviation in &part.deviations {
                if !joint.deviations.contains(deviation) {
                    joint.deviations.push(deviation.clone());
                }
            }
            if !joint.body.is_empty() {
                joint.body.push('\n');
            }
            let _ = write!(joint.body, "## {heading}\n\n{}\n", part.body.trim());
        }
        joint.steps.sort_by_key(|step| step.id);
        joint.steps.dedup_by_key(|step| step.id);
        joint
    }

    /// The steps of these that are not said to be done, in their order.
    pub fn unfinished_of(&self, steps: &[u32]) -> Vec<u32> {
        let done = |id: u32| self.steps.iter().any(|step| step.id == id && step.done);
        steps.iter().copied().filter(|id| !done(*id)).collect()
    }

    /// The steps of these that it does not mention, in their order.
    pub fn unmentioned_of(&self, steps: &[u32]) -> Vec<u32> {
        let mentioned = |id: u32| self.steps.iter().any(|step| step.id == id);
        steps.iter().copied().filter(|id| !mentioned(*id)).collect()
    }

    /// The text that parses to it.
    pub fn render(&self) -> String {
        let mut out = String::from("---\nfootplate: implementation/1\nsteps:\n");
        for step in &self.steps {
            let _ = writeln!(out, "  - {{id: {}, done: {}}}", step.id, step.done);
        }
        if self.deviations.is_empty() {
            out.push_str("deviations: []\n");
        } else {
            out.push_str("deviations:\n");
        }
        for deviation in &self.deviations {
            // JSON's strings are YAML's double-quoted ones.
            let quoted = serde_json::to_string(deviation).unwrap_or_default();
            let _ = writeln!(out, "  - {quoted}");
        }
        out.push_str("---\n");
        out.push_str(&self.body);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::{Document, LONGEST, parse};
    use crate::model::ArtifactName;

    fn read(name: &str, text: &str) -> Implementation {
        match parse(&ArtifactName::new(name).unwrap(), text) {
            Ok(Document::Implementation(read)) => read,
            other => panic!("{other:?}\n{text}"),
        }
    }

    fn account(steps: &str, deviations: &str, body: &str) -> Implementation {
        let text = format!(
            "---\nfootplate: implementation/1\nsteps: {steps}\ndeviations: {deviations}\n---\n{body}\n"
        );
        read("implementation-logic.md", &text)
    }

    #[test]
    fn a_joint_account_says_what_each_part_says_of_its_own_steps_and_passes_its_lint() {
        let logic = account(
            "[{id: 1, done: true}, {id: 2, done: true}]",
            "['No \"half\": cents']",
            "Added it.",
        );
        let design = account("[{id: 2, done: false}]", "[]", "Could not.");
        let joint = Implementation::join([("Logic", &[1, 3][..], &logic), ("Design", &[2][..], &design)]);
        let done: Vec<(u32, bool)> = joint.steps.iter().map(|step| (step.id, step.done)).collect();
        assert_eq!(done, [(1, true), (2, false), (3, false)]);
        assert_eq!(joint.body, "## Logic\n\nAdded it.\n\n## Design\n\nCould not.\n");
        assert_eq!(read("implementation.md", &joint.render()), joint);
        assert_eq!(logic.unmentioned_of(&[1, 3]), [3]);
        assert_eq!(design.unfinished_of(&[2]), [2]);
    }

    proptest! {
        #[test]
        fn what_is_rendered_reads_back(deviation in "[ -~äé“\\\\\"']{1,80}", body in "[ -~\\n]{1,200}") {
            prop_assume!(!deviation.trim().is_empty());
            let one = Implementation {
                steps: vec![StepDone { id: 1, done: true }],
                deviations: vec![deviation.trim().to_owned()],
                body: format!("x{body}\n"),
            };
            let text = one.render();
            prop_assume!(text.len() < LONGEST);
            let back = read("implementation.md", &text);
            prop_assert_eq!(back.deviations, one.deviations);
            prop_assert_eq!(back.steps, one.steps);
        }
    }
}
