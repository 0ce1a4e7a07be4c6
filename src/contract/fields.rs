//! The scalar fields of documents, for conditions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::Contract;
use super::{Document, Severity};

/// A field's value; the shape of a workflow's `Field`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// A truth value.
    Bool(bool),
}

/// The names of the fields that [`fields`] gives for an artifact of this stem; `None` where it has no
/// contract.
pub fn declared_fields(stem: &str) -> Option<&'static [&'static str]> {
    Some(match Contract::of(stem)? {
        Contract::Exploration => &["files", "notes"],
        Contract::Plan => &[
            "summary",
            "size",
            "files",
            "steps",
            "tests",
            "criteria",
            "risks",
            "questions",
        ],
        Contract::Implementation => &["steps", "undone", "deviations"],
        Contract::Checks => &["verified", "commands", "failed", "passed_tests", "failed_tests"],
        Contract::Validation => &[
            "verdict", "criteria", "unmet", "findings", "blockers", "majors", "minors",
        ],
    })
}

/// The fields of a document. Lists count as the number of their entries; what is unknown is absent.
pub fn fields(document: &Document) -> BTreeMap<String, Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    let pairs = match document {
        Document::Exploration(exploration) => {
            vec![
                ("files", count(exploration.files.len())),
                ("notes", count(exploration.notes.len())),
            ]
        }
        Document::Plan(plan) => vec![
            ("summary", text(&plan.summary)),
            ("size", text(plan.size.as_str())),
            ("files", count(plan.files.len())),
            ("steps", count(plan.steps.len())),
            ("tests", count(plan.tests.len())),
            ("criteria", count(plan.criteria.len())),
            ("risks", count(plan.risks.len())),
            ("questions", count(plan.questions.len())),
        ],
        Document::Implementation(done) => vec![
            ("steps", count(done.steps.len())),
            (
                "undone",
                count(done.steps.iter().filter(|step| !step.done).count()),
            ),
            ("deviations", count(done.deviations.len())),
        ],
        Document::Checks(checks) => {
            let counted: Option<Vec<_>> = checks.commands.iter().map(|command| command.tests).collect();
            let mut pairs = vec![
                ("verified", text(checks.verified.as_str())),
                ("commands", count(checks.commands.len())),
                ("failed", count(checks.failures().len())),
            ];
            if let Some(tests) = counted {
                pairs.push((
                    "passed_tests",
                    Value::Number(tests.iter().map(|t| f64::from(t.passed)).sum()),
                ));
                pairs.push((
                    "failed_tests",
                    Value::Number(tests.iter().map(|t| f64::from(t.failed)).sum()),
                ));
            }
            pairs
        }
        Document::Validation(validation) => vec![
            ("verdict", text(validation.verdict.as_str())),
            ("criteria", count(validation.criteria.len())),
            (
                "unmet",
                count(validation.criteria.iter().filter(|c| !c.met).count()),
            ),
            ("findings", count(validation.findings.len())),
            ("blockers", count(validation.count(Severity::Blocker))),
            ("majors", count(validation.count(Severity::Major))),
            ("minors", count(validation.count(Severity::Minor))),
        ],
        Document::Plain(_) => Vec::new(),
    };
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn count(number: usize) -> Value {
    Value::Number(u32::try_from(number).map_or(f64::MAX, f64::from))
}
