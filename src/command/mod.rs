//! What people may ask: commands parsed from Markdown, and who is permitted to give them.
//!
//! A comment is read once, when it is created. [`parse`] finds the commands that stand as the first word of a
//! line where GitHub shows plain text, [`label`] and [`base_from_labels`] read the labels of an issue, and
//! [`permit`] says which [`Permission`] a command wants.
//!
//! What a command does to a run is decided in [`crate::run`]; asking GitHub for somebody's permission, and
//! ignoring bots and edited comments, is left to those who talk to GitHub.

mod help;
mod label;
mod parse;
mod permit;
mod plain;
#[cfg(test)]
mod tests;

pub use help::help;
pub use label::{BaseLabel, PLAN_ONLY_LABEL, base_from_labels, label, plan_only_from_labels};
pub use parse::{Grammar, Mistake, Parsed, parse};
pub use permit::{Permission, Permit, permit};

use crate::model::{BranchName, NodeId};

/// What a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Starts a run for the issue.
    Build {
        /// The branch to build on; the repository's default branch where none is named.
        base: Option<BranchName>,
        /// Whether the run ends with the plan.
        plan_only: bool,
    },
    /// Approves the newest plan.
    Approve {
        /// The beginning of the plan's hash: 8 to 64 lower-case hexadecimal digits.
        hash: Option<String>,
        /// What the person wrote after the command, raw Markdown, trimmed; often empty.
        notes: String,
    },
    /// Asks for another plan.
    Replan {
        /// What should be different, raw Markdown, trimmed; empty where the person only wants a fresh plan.
        wishes: String,
    },
    /// Repeats a node and everything after it.
    Retry {
        /// The node; the one that failed where none is named.
        node: Option<NodeId>,
        /// The candidate to use, as configuration writes it.
        model: Option<String>,
    },
    /// Ends the run.
    Cancel,
    /// Asks where the run stands.
    Status,
    /// Asks what can be asked.
    Help,
}

impl Command {
    /// The command's word as people write it after the slash.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Build { .. } => "build",
            Self::Approve { .. } => "approve",
            Self::Replan { .. } => "replan",
            Self::Retry { .. } => "retry",
            Self::Cancel => "cancel",
            Self::Status => "status",
            Self::Help => "help",
        }
    }
}
