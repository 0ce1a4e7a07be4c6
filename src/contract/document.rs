//! Which contract an artifact has, and the way from its text to a document.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::front::Front;
use super::{Checks, Exploration, Implementation, Plan, Validation};
use crate::model::ArtifactName;

/// The longest artifact in bytes: what is longer neither fits a comment nor a model's patience.
pub const LONGEST: usize = 256 * 1024;

/// One thing that is wrong with an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The line within the artifact, from 1; `None` where it concerns the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// A sentence that its author can act on.
    pub message: String,
}

/// A parsed artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Document {
    /// What there is, for the planner.
    Exploration(Exploration),
    /// What is to be done.
    Plan(Plan),
    /// What was done.
    Implementation(Implementation),
    /// What our own commands said.
    Checks(Checks),
    /// What a judge of the result says.
    Validation(Validation),
    /// Text without a contract.
    Plain(String),
}

/// A kind of contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contract {
    Exploration,
    Plan,
    Implementation,
    Checks,
    Validation,
}

impl Contract {
    /// The contract of an artifact by its stem. Several checks and several validators may work side by
    /// side, so these two contracts also hold for `lint-checks` and `security-validation`; parts of one plan tell of
    /// their work in `implementation-logic` and `implementation-design`.
    pub(super) fn of(stem: &str) -> Option<Self> {
        let last = stem.rsplit('-').next().unwrap_or(stem);
        match (stem, last) {
            ("exploration", _) => Some(Self::Exploration),
            ("plan", _) => Some(Self::Plan),
            ("implementation", _) => Some(Self::Implementation),
            (stem, _) if stem.starts_with("implementation-") => Some(Self::Implementation),
            (_, "checks") => Some(Self::Checks),
            (_, "validation") => Some(Self::Validation),
            _ => None,
        }
    }

    /// The value of the first key of the version that is understood.
    pub(super) fn version(self) -> &'static str {
        match self {
            Self::Exploration => "exploration/1",
            Self::Plan => "plan/1",
            Self::Implementation => "implementation/1",
            Self::Checks => "checks/1",
            Self::Validation => "validation/1",
        }
    }
}

/// Parses and lints an artifact.
///
/// # Errors
/// The text breaks its contract; the findings say all that is wrong, in the order of its lines.
pub fn parse(name: &ArtifactName, text: &str) -> Result<Document, Vec<Finding>> {
    let whole = |message: String| vec![Finding { line: None, message }];
    if text.len() > LONGEST {
        return Err(whole(format!(
            "`{name}` is longer than {} KiB; shorten it",
            LONGEST / 1024
        )));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(whole(format!(
            "`{name}` is empty; write it as the brief describes"
        )));
    }
    let Some(contract) = Contract::of(name.stem()) else {
        return Ok(Document::Plain(text.to_owned()));
    };
    let mut front = Front::open(text, contract)?;
    let document = match contract {
        Contract::Exploration => Some(Document::Exploration(Exploration::read(&mut front))),
        Contract::Plan => Plan::read(&mut front).map(Document::Plan),
        Contract::Implementation => Some(Document::Implementation(Implementation::read(&mut front))),
        Contract::Checks => Checks::read(&mut front).map(Document::Checks),
        Contract::Validation => Validation::read(&mut front).map(Document::Validation),
    };
    front.close(document)
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
