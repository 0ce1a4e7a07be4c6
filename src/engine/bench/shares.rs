//! How a plan's work is shared out over routes, and what a part is told of it.

use std::fmt::Write as _;

use crate::contract::{ClassRules, Plan, StepClass};
use crate::model::NodeId;
use crate::run::{Part, Policy, Run, Share};

/// Shares a plan's work out: steps whose classes have the same candidates stay together.
pub(super) fn shares(plan: &Plan, policy: &Policy, labels: &[String]) -> Vec<Share> {
    let rules =
        policy
            .classes
            .rules
            .iter()
            .fold(ClassRules::default(), |rules, rule| {
                match StepClass::named(&rule.class) {
                    Some(class) => rules.with(class, rule.label.as_deref(), &rule.files),
                    None => rules,
                }
            });
    let way = |class: StepClass| -> Vec<String> {
        let role = policy.role_of_class(class.as_str());
        let candidates = policy.candidates(role, Some(class.as_str()));
        candidates.iter().map(ToString::to_string).collect()
    };
    plan.divide(|step| rules.class_of(step, labels), way)
        .into_iter()
        .map(|division| Share {
            class: division.class.as_str().to_owned(),
            role: policy.role_of_class(division.class.as_str()),
            steps: division.steps,
            files: division.files,
            after: division.after,
        })
        .collect()
}

/// What the brief of a part says of its share and of the others; `None` for a node that is no part.
pub(super) fn section(run: &Run, node: &NodeId) -> Option<String> {
    let (whole, part) = run.part(node)?;
    let parts = &run.splits.get(whole)?.parts;
    let mut text = format!(
        "\n## Your part\n\nThe plan's work is divided. Yours: {}, and nothing else. These files are yours:\n\n",
        steps(&part.share.steps)
    );
    for file in &part.share.files {
        let _ = writeln!(text, "- `{}`", file.replace(['`', '\n'], "'"));
    }
    let before = |other: &Part| {
        let after = part.share.after.iter().filter_map(|index| parts.get(*index));
        after.into_iter().any(|needed| needed.node == other.node)
    };
    for other in parts.iter().filter(|other| other.node != part.node) {
        let steps = capital(&steps(&other.share.steps));
        let _ = if before(other) {
            write!(text, "\n{steps}: done already, and in this worktree.\n")
        } else {
            write!(
                text,
                "\n{steps}: others work on that, in a worktree of their own. Leave their files alone, even where \
                 something there is missing.\n"
            )
        };
    }
    text.push_str("\nAfterwards git puts the parts together.\n");
    Some(text)
}

/// The steps by their numbers: `step 2` or `steps 1, 3`.
pub(super) fn steps(steps: &[u32]) -> String {
    let numbers: Vec<String> = steps.iter().map(ToString::to_string).collect();
    let word = if steps.len() == 1 { "step" } else { "steps" };
    format!("{word} {}", numbers.join(", "))
}

/// The text with a capital letter in front.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Document, parse};
    use crate::model::{ArtifactName, Role};
    use crate::run::{ClassRule, Classes};

    const PLAN: &str = "---\nfootplate: plan/1\nsummary: S.\nfiles: [src/**, web/**, README.md]\nsteps:\n  \
        - {id: 1, title: A, class: logic, files: [src/a.rs]}\n  - {id: 2, title: B, class: logic, files: [web/a.css]}\n  \
        - {id: 3, title: C, class: content, files: [README.md]}\ntests: ['true']\ncriteria: [It works]\nrisks: []\n\
        questions: []\nsize: small\n---\nBody.\n";

    fn plan() -> Plan {
        match parse(&ArtifactName::new("plan.md").unwrap(), PLAN) {
            Ok(Document::Plan(plan)) => plan,
            other => panic!("{other:?}"),
        }
    }

    fn policy(design: Option<&str>) -> Policy {
        let one = |name: &str| vec![name.parse().unwrap()];
        let mut policy = Policy::default();
        policy.routes.insert(Role::Implement, one("a"));
        if let Some(name) = design {
            policy.routes.insert(Role::Design, one(name));
        }
        policy
    }

    fn told(policy: &Policy, labels: &[&str]) -> String {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let shares = shares(&plan(), policy, &labels);
        let told: Vec<String> = shares
            .iter()
            .map(|share| format!("{} by {} {:?}", share.class, share.role, share.steps))
            .collect();
        told.join("; ")
    }

    #[test]
    fn classes_with_the_same_candidates_are_one_share() {
        assert_eq!(told(&policy(None), &[]), "logic by implement [1, 2, 3]");
        assert_eq!(told(&policy(Some("a")), &[]), "logic by implement [1, 2, 3]");
        assert_eq!(
            told(&policy(Some("b")), &[]),
            "logic by implement [1, 2]; content by design [3]"
        );
    }

    #[test]
    fn rules_and_labels_class_steps_otherwise_than_the_plan() {
        let mut policy = policy(Some("b"));
        let rule = |class: &str, label: Option<&str>, files: &[&str]| ClassRule {
            class: class.to_owned(),
            label: label.map(str::to_owned),
            files: files.iter().map(|file| (*file).to_owned()).collect(),
        };
        policy.classes = Classes {
            rules: vec![
                rule("design", None, &["**/*.css"]),
                rule("logic", Some("docs-too"), &[]),
            ],
            ..Classes::default()
        };
        assert_eq!(
            told(&policy, &[]),
            "logic by implement [1]; design by design [2, 3]"
        );
        assert_eq!(
            told(&policy, &["docs-too"]),
            "logic by implement [1, 3]; design by design [2]"
        );
    }
}
