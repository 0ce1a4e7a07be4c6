//! What the labels of an issue ask for.
//!
//! A label alone proves nothing about who set it: the sender of the `labeled` event is asked about as for any
//! other command.

use super::Command;
use crate::model::{BranchName, InvalidId};

/// The label that makes a run end with its plan.
pub const PLAN_ONLY_LABEL: &str = "plan-only";

/// Reads a label that was just set: the trigger asks for a build, any other for nothing.
///
/// Letter case does not matter, as GitHub keeps no two labels that differ in case alone.
pub fn label(label: &str, trigger: &str) -> Option<Command> {
    let fits = !trigger.is_empty() && label.to_lowercase() == trigger.to_lowercase();
    fits.then_some(Command::Build {
        base: None,
        plan_only: false,
    })
}

/// Says why the labels name no usable base branch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseLabel {
    /// What follows `base=` is no branch name.
    #[error(transparent)]
    Invalid(#[from] InvalidId),
    /// Two labels name different branches.
    #[error("the labels name two base branches, `{first}` and `{second}`")]
    Ambiguous {
        /// The one that stands first.
        first: BranchName,
        /// The next different one.
        second: BranchName,
    },
}

/// Finds the base branch that a label such as `base=release/1.x` names.
///
/// # Errors
/// The name is no branch name, or two labels disagree; the caller asks the person instead of guessing.
pub fn base_from_labels(labels: &[&str]) -> Option<Result<BranchName, BaseLabel>> {
    let mut found: Option<BranchName> = None;
    for name in labels
        .iter()
        .filter_map(|label| label.trim().strip_prefix("base="))
    {
        match (BranchName::new(name.trim()), &found) {
            (Err(wrong), _) => return Some(Err(wrong.into())),
            (Ok(second), Some(first)) if *first != second => {
                return Some(Err(BaseLabel::Ambiguous {
                    first: first.clone(),
                    second,
                }));
            }
            (Ok(name), _) => found = Some(name),
        }
    }
    found.map(Ok)
}

/// Whether the labels ask for a plan and nothing more.
pub fn plan_only_from_labels(labels: &[&str]) -> bool {
    labels
        .iter()
        .any(|label| label.trim().eq_ignore_ascii_case(PLAN_ONLY_LABEL))
}
