//! What a run froze when it began: the workflow in force, the routes and the limits.

use std::collections::BTreeMap;

use super::classes::Classes;
use super::reaction::Reaction;
use super::report::Failure;
use crate::ledger::{Billing, Budget, Price};
use crate::model::{BranchName, ContentHash, MicroUsd, Role};
use crate::route::Candidate;
use crate::workflow::Workflow;

/// The snapshots that a run's first event names by their hashes.
#[derive(Debug, Clone, PartialEq)]
pub struct Frozen {
    /// The graph of nodes.
    pub workflow: Workflow,
    /// Routes, limits and the repository's own commands.
    pub policy: Policy,
}

/// Everything besides the workflow that a run's decisions depend on.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The candidates of each role, best first.
    pub routes: BTreeMap<Role, Vec<Candidate>>,
    /// How a plan's steps are classed, and the candidates that classes have of their own.
    #[serde(default, skip_serializing_if = "Classes::is_empty")]
    pub classes: Classes,
    /// When an attempt is given up, and how often a node is tried.
    pub guard: Guard,
    /// Limits of single candidates, by the candidate's full name; they take the place of the guard's.
    #[serde(default)]
    pub candidate_limits: BTreeMap<String, LimitsMs>,
    /// The most that a run may cost, where there is a limit.
    pub run_usd: Option<MicroUsd>,
    /// All limits on money and on the windows of subscriptions, that on the run among them.
    #[serde(default)]
    pub budget: Budget,
    /// The list prices of the candidates' models, by the candidate's full name; absent where nobody knows one.
    #[serde(default)]
    pub prices: BTreeMap<String, Price>,
    /// What the candidates' tokens are paid with, by the candidate's full name; absent where its harness decides.
    #[serde(default)]
    pub billing: BTreeMap<String, Billing>,
    /// Commands that prepare a fresh checkout before checks, from the repository's configuration.
    pub setup: Vec<String>,
    /// Checks that the repository demands besides the plan's own.
    pub tests: Vec<String>,
    /// Globs of files that no run may change.
    pub protected: Vec<String>,
    /// The sandbox tier in force, for people: `none`.
    pub sandbox: String,
    /// The repository's default branch, which closing keywords depend on; `None` for local runs.
    pub default_branch: Option<BranchName>,
}

impl Policy {
    /// A name for exactly the prices that were frozen: twelve digits of a hash.
    pub fn prices_revision(&self) -> String {
        let mut text = String::new();
        for (candidate, price) in &self.prices {
            text.push_str(candidate);
            text.push(' ');
            text.push_str(&price.revision());
            text.push('\n');
        }
        ContentHash::of(text).short()
    }
}

impl Default for Policy {
    /// No routes and no limits, outside of any sandbox.
    fn default() -> Self {
        Self {
            routes: BTreeMap::new(),
            classes: Classes::default(),
            guard: Guard::default(),
            candidate_limits: BTreeMap::new(),
            run_usd: None,
            budget: Budget::default(),
            prices: BTreeMap::new(),
            billing: BTreeMap::new(),
            setup: Vec::new(),
            tests: Vec::new(),
            protected: Vec::new(),
            sandbox: "none".to_owned(),
            default_branch: None,
        }
    }
}

/// When an attempt is given up, and how often a node is tried.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Limits of one attempt.
    pub limits: LimitsMs,
    /// Failures of one candidate before the next one is tried.
    pub failures: u32,
    /// How often an artifact that fails its lint goes back to its author before that counts as a failure.
    pub lint_returns: u32,
    /// How many attempts of a node may be lost to crashes of the server before a person is asked.
    pub lost: u32,
    /// The pause before the second attempt after a crash, in milliseconds; doubled for each further one.
    pub retry_delay_ms: u64,
    /// How long a run waits for a person before it ends as failed, in milliseconds.
    pub patience_ms: u64,
    /// Whether an attempt fails when another model answers than the one that was asked for; else that is a finding.
    #[serde(default)]
    pub exact_model: bool,
    /// Reactions to classes of failure that differ from [`Reaction::to`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub on: BTreeMap<Failure, Reaction>,
    /// The shortest time between two edits of the status comment, in milliseconds.
    #[serde(default)]
    pub status_pause_ms: u64,
}

impl Guard {
    /// What happens after a failure of this class.
    pub fn reaction(&self, class: Failure) -> Reaction {
        self.on
            .get(&class)
            .copied()
            .unwrap_or_else(|| Reaction::to(class))
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            limits: LimitsMs::default(),
            failures: 2,
            lint_returns: 2,
            lost: 5,
            retry_delay_ms: 2_000,
            patience_ms: 14 * 24 * 3_600 * 1_000,
            exact_model: false,
            on: BTreeMap::new(),
            // GitHub asks for few writes; nobody reads a comment more often than this.
            status_pause_ms: 5_000,
        }
    }
}

/// Limits of one attempt, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsMs {
    /// Until the first sign of life.
    pub first_event: u64,
    /// Between two signs of life.
    pub idle: u64,
    /// In all.
    pub wall: u64,
    /// Between the request to stop and the kill.
    pub grace: u64,
    /// From a request to the first byte of a model's answer.
    #[serde(default = "LimitsMs::default_first_byte")]
    pub first_byte: u64,
    /// Between two bytes of a model's answer.
    #[serde(default = "LimitsMs::default_stream_idle")]
    pub stream_idle: u64,
    /// Requests to a model; a number, not a time.
    #[serde(default = "LimitsMs::default_requests")]
    pub requests: u32,
}

impl LimitsMs {
    fn default_first_byte() -> u64 {
        Self::default().first_byte
    }

    fn default_stream_idle() -> u64 {
        Self::default().stream_idle
    }

    fn default_requests() -> u32 {
        Self::default().requests
    }
}

impl Default for LimitsMs {
    /// Thinking models and slow provider starts need minutes before the first byte; half an hour in all
    /// covers what benchmark runs of real tasks took.
    fn default() -> Self {
        Self {
            first_event: 120_000,
            idle: 600_000,
            wall: 1_800_000,
            grace: 5_000,
            first_byte: 120_000,
            stream_idle: 90_000,
            requests: 200,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Rate, Rates};

    #[test]
    fn a_policy_without_prices_reads_back_and_prices_make_its_revision() {
        let old = r#"{"routes": {}, "guard": {"limits": {"first_event": 1, "idle": 1, "wall": 1, "grace": 1},
            "failures": 2, "lint_returns": 2, "lost": 5, "retry_delay_ms": 1, "patience_ms": 1}, "run_usd": null,
            "setup": [], "tests": [], "protected": [], "sandbox": "none", "default_branch": null}"#;
        let old: Policy = serde_json::from_str(old).expect("policies of the first format can be read");
        assert_eq!((old.prices.len(), &old.budget), (0, &Budget::default()));
        let mut new = old.clone();
        let rates = Rates {
            input: Some(Rate(950_000)),
            ..Rates::default()
        };
        new.prices.insert(
            "claude:moonshot/kimi-k2.6".to_owned(),
            Price {
                rates,
                ..Price::default()
            },
        );
        assert_ne!(new.prices_revision(), old.prices_revision());
        let text = serde_json::to_string(&new).expect("serializes");
        assert_eq!(serde_json::from_str::<Policy>(&text).expect("reads back"), new);
    }
}
