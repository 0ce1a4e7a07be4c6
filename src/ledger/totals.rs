//! Sums over accounts, in which unknown stays unknown.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Account;
use crate::model::{MicroUsd, TokenUsage};

/// One attempt's line in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The run.
    pub run: String,
    /// The node.
    pub node: String,
    /// The node's generation.
    pub generation: u32,
    /// The attempt's number within the generation.
    pub n: u32,
    /// The candidate's full name.
    pub candidate: String,
    /// What came of it, in a word: `succeeded`, or the class of its failure.
    pub outcome: String,
    /// What it used; `None` where nobody told anything.
    pub account: Option<Account>,
}

/// What lines are summed up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The run.
    Run,
    /// The run and the node.
    Node,
    /// The candidate.
    Candidate,
    /// Who served the model.
    Provider,
    /// Who served the model, and the model that was asked for.
    Model,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Run,
        Self::Node,
        Self::Candidate,
        Self::Provider,
        Self::Model,
    ];

    /// The name that output uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Node => "node",
            Self::Candidate => "candidate",
            Self::Provider => "provider",
            Self::Model => "model",
        }
    }

    /// What a line is summed up under. What nobody told is `unknown`.
    pub fn key(self, line: &Line) -> String {
        let account = line.account.as_ref();
        let provider = account
            .and_then(|account| account.provider.as_deref())
            .unwrap_or("unknown");
        match self {
            Self::Run => line.run.clone(),
            Self::Node => format!("{}/{}", line.run, line.node),
            Self::Candidate => line.candidate.clone(),
            Self::Provider => provider.to_owned(),
            Self::Model => {
                let model = account.and_then(|account| account.asked.as_deref());
                format!("{provider}/{}", model.unwrap_or("unknown"))
            }
        }
    }
}

/// A sum, and how many of its parts nobody told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Sum<T> {
    /// The sum of what is known.
    pub known: T,
    /// How many parts are unknown.
    pub unknown: u32,
}

impl<T: std::ops::AddAssign> Sum<T> {
    /// Adds a part.
    pub fn add(&mut self, part: Option<T>) {
        match part {
            Some(part) => self.known += part,
            None => self.unknown = self.unknown.saturating_add(1),
        }
    }
}

/// What some attempts used together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// How many attempts.
    pub attempts: u32,
    /// Their tokens by kind.
    pub tokens: Sum<TokenUsage>,
    /// The money that counts.
    pub money: Sum<MicroUsd>,
    /// What the harnesses reported.
    pub reported: Sum<MicroUsd>,
    /// What was computed from the counted tokens.
    pub computed: Sum<MicroUsd>,
    /// The same at list price.
    pub list: Sum<MicroUsd>,
    /// Requests to models, where the meter counted them.
    pub requests: Sum<u64>,
    /// Edits that did not apply.
    pub failed_edits: u64,
    /// The time of all attempts together, in milliseconds.
    pub wall_ms: u64,
    /// The longest wait for a first byte, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slowest_first_byte_ms: Option<u64>,
    /// By `provider/window`, how full windows were: the first reading of the first attempt, the last of the last.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub windows: BTreeMap<String, Filled>,
}

/// How full a window was over some attempts, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Filled {
    /// At the first answer.
    pub before: Option<u32>,
    /// At the last one.
    pub after: Option<u32>,
}

impl Totals {
    /// Adds an attempt; they come in the order in which they were made.
    pub fn add(&mut self, account: Option<&Account>) {
        self.attempts = self.attempts.saturating_add(1);
        self.tokens.add(account.and_then(Account::usage));
        self.money.add(account.and_then(Account::cost));
        self.reported
            .add(account.and_then(|account| account.reported_cost));
        self.computed
            .add(account.and_then(|account| account.computed_cost));
        self.list.add(account.and_then(|account| account.list_cost));
        let wire = account.and_then(|account| account.wire.as_ref());
        self.requests.add(wire.map(|reading| u64::from(reading.requests)));
        let Some(account) = account else { return };
        self.failed_edits = self.failed_edits.saturating_add(account.failed_edits.into());
        self.wall_ms = self.wall_ms.saturating_add(account.wall_ms);
        let Some(reading) = wire else { return };
        self.slowest_first_byte_ms = self.slowest_first_byte_ms.max(reading.first_byte_ms);
        for window in &reading.windows {
            let provider = account.provider.as_deref().unwrap_or("unknown");
            let filled = self
                .windows
                .entry(format!("{provider}/{}", window.name))
                .or_default();
            filled.before = filled.before.or(window.before);
            filled.after = window.after.or(filled.after);
        }
    }

    /// The totals of some lines.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Self {
        let mut totals = Self::default();
        for line in lines {
            totals.add(line.account.as_ref());
        }
        totals
    }
}

/// The totals of lines, which come in the order of their attempts, by what they have in common.
pub fn totals<'a>(lines: impl IntoIterator<Item = &'a Line>, by: By) -> BTreeMap<String, Totals> {
    let mut sums: BTreeMap<String, Totals> = BTreeMap::new();
    for line in lines {
        sums.entry(by.key(line)).or_default().add(line.account.as_ref());
    }
    sums
}
