//! Whether a run may still spend, and on whom: [`ledger::Budget`](crate::ledger::Budget) asked about a node's
//! candidates.
//!
//! What the run itself spent stands in its log.
//! What other runs spent, and how full the windows of subscriptions are, is looked up right before an attempt begins
//! and becomes an event ([`Outside`]), so that a decision can be made again from the log alone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::frozen::Policy;
use super::report::Report;
use super::state::{Attempt, Run};
use crate::ledger::{
    Billing, Budget, Decision, Expected, Millionths, Offer, Reason, Scope, Spent, WindowState,
};
use crate::model::{MicroUsd, NodeId, Timestamp};
use crate::route::Candidate;

/// The time that a repository's budget is for.
pub const DAY: Duration = Duration::from_millis(DAY_MS.unsigned_abs());
const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// What was spent and read outside of a run, as somebody looked it up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Outside {
    /// What the other runs of each scope cost. What is older than its end counts no longer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub money: BTreeMap<Scope, Spent>,
    /// How full windows were when a provider last told, by `provider/window`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub windows: BTreeMap<String, WindowRead>,
}

/// A window as a provider told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRead {
    /// The share in use.
    pub used: Millionths,
    /// When it begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets: Option<Timestamp>,
}

impl Outside {
    /// Takes over what an attempt's provider told of its windows.
    pub fn read(&mut self, report: &Report) {
        let Some(account) = &report.account else { return };
        let Some(provider) = &account.provider else { return };
        for window in account.wire.iter().flat_map(|reading| &reading.windows) {
            if let Some(used) = window.after.or(window.before) {
                let resets = window.resets;
                let name = format!("{provider}/{}", window.name);
                self.windows.insert(name, WindowRead { used, resets });
            }
        }
    }
}

impl Policy {
    /// All limits together.
    pub fn limits(&self) -> Budget {
        let mut budget = self.budget.clone();
        if let Some(limit) = self.run_usd {
            let own = budget.money.entry(Scope::Run).or_insert(limit);
            *own = limit.min(*own);
        }
        budget
    }

    /// The limits that depend on more than the run itself; `None` where there are none.
    pub fn limits_outside(&self) -> Option<Budget> {
        let mut budget = self.limits();
        budget.money.remove(&Scope::Run);
        (budget != Budget::default()).then_some(budget)
    }
}

/// The first moment of the month in UTC that `at` lies in, and of the next one.
pub fn month(at: Timestamp) -> (Timestamp, Timestamp) {
    let text = at.to_string();
    let first = |year: i64, month: i64| Timestamp::parse(&format!("{year:04}-{month:02}-01T00:00:00Z"));
    let number = |range| {
        text.get(range)
            .and_then(|digits: &str| digits.parse::<i64>().ok())
    };
    let (Some(year), Some(month)) = (number(0..4), number(5..7)) else {
        return (Timestamp(i64::MIN), Timestamp(i64::MAX));
    };
    let next = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    (
        first(year, month).unwrap_or(Timestamp(i64::MIN)),
        first(next.0, next.1).unwrap_or(Timestamp(i64::MAX)),
    )
}

/// Decides who of a node's candidates, in `order`, makes the next attempt.
pub(super) fn choose(
    policy: &Policy,
    run: &Run,
    node: &NodeId,
    candidates: &[Candidate],
    order: &[usize],
    now: Timestamp,
) -> Decision {
    let limits = policy.limits();
    if limits == Budget::default() {
        return if order.is_empty() {
            Decision::Stop(Reason::NoCandidate)
        } else {
            Decision::Go
        };
    }
    let offers: Vec<Offer> = order
        .iter()
        .filter_map(|index| candidates.get(*index))
        .map(|candidate| offer(policy, &limits, run, node, candidate))
        .collect();
    limits.decide(&spent(&limits, run, now), &offers, now)
}

/// What was spent in each limited scope, the run's own attempts included.
pub fn spent(limits: &Budget, run: &Run, now: Timestamp) -> BTreeMap<Scope, Spent> {
    let (month, next_month) = month(now);
    let scopes = limits.money.keys().map(|scope| {
        let current = |spent: &&Spent| spent.frees.is_none_or(|frees| frees > now);
        let others = run.outside.money.get(scope).filter(current);
        let mut spent = others.copied().unwrap_or_default();
        let since = match scope {
            Scope::Run | Scope::Issue => Timestamp(i64::MIN),
            Scope::RepositoryDay => Timestamp(now.0.saturating_sub(DAY_MS)),
            Scope::Month => month,
        };
        for report in run.reports().filter(|report| report.ended >= since) {
            match report.cost {
                Some(cost) => spent.known += cost,
                None => spent.unknown = spent.unknown.saturating_add(1),
            }
            if *scope == Scope::RepositoryDay && report.cost != Some(MicroUsd::ZERO) {
                let frees = report.ended.plus(DAY).plus(Duration::from_millis(1));
                spent.frees = Some(spent.frees.map_or(frees, |known| known.min(frees)));
            }
        }
        if *scope == Scope::Month {
            spent.frees = Some(next_month);
        }
        (*scope, spent)
    });
    scopes.collect()
}

fn offer(policy: &Policy, limits: &Budget, run: &Run, node: &NodeId, candidate: &Candidate) -> Offer {
    let name = candidate.to_string();
    let billing = policy.billing.get(&name).copied();
    let cost = match billing {
        Some(Billing::Window | Billing::Own) => Expected::Nothing,
        Some(Billing::Tokens) | None => match usual(run, node, &name) {
            Some(cost) => Expected::About(cost),
            None if policy.prices.contains_key(&name) => Expected::Unheard,
            // A harness that chose its provider itself tells what it cost; where it does not, the next attempt is
            // refused.
            None if billing.is_none() => Expected::Unheard,
            None => Expected::Unpriced,
        },
    };
    let prefix = candidate.provider.as_ref().map(|provider| format!("{provider}/"));
    let is_its = |window: &str| {
        prefix.as_ref().is_some_and(|prefix| window.starts_with(prefix))
            && (billing == Some(Billing::Window) || limits.windows.contains_key(window))
    };
    let windows = run.outside.windows.iter().filter(|(window, _)| is_its(window));
    let windows = windows.map(|(window, read)| WindowState {
        name: window.clone(),
        used: Some(read.used),
        resets: read.resets,
        expected: 0,
    });
    Offer {
        cost,
        windows: windows.collect(),
    }
}

/// What this candidate's attempts at this node cost in the mean; `None` where none of them told.
fn usual(run: &Run, node: &NodeId, name: &str) -> Option<MicroUsd> {
    let by_it = |attempt: &&Attempt| {
        attempt.began.is_some() && attempt.candidate.as_ref().is_some_and(|(_, other)| other == name)
    };
    let costs: Vec<u64> = run
        .node(node)?
        .attempts
        .iter()
        .filter(by_it)
        .filter_map(|attempt| Some(attempt.report.as_ref()?.cost?.0))
        .collect();
    let sum: u64 = costs.iter().fold(0, |sum, cost| sum.saturating_add(*cost));
    Some(MicroUsd(sum.checked_div(costs.len() as u64)?))
}

/// Why nothing more is spent, for people: the reason, and what would change it.
pub(super) fn refusal(why: &Reason) -> String {
    let help = match why {
        Reason::NoCandidate => return why.to_string(),
        Reason::Spent { scope, .. } | Reason::TooDear { scope, .. } => format!(
            "Whoever runs the server can raise `{}`; it then holds for runs that begin later.",
            scope.key()
        ),
        Reason::UnknownSpent { scope, .. } => format!(
            "Unknown is not nothing: `{}` wants candidates whose cost is known.",
            scope.key()
        ),
        Reason::UnknownPrice { scope } => format!(
            "Whoever runs the server can give it a price under `prices`, or take away `{}`.",
            scope.key()
        ),
        Reason::Window { name, .. } => format!(
            "Whoever runs the server can raise `limits.window_share.{name}` or lower `limits.window_reserve`."
        ),
    };
    format!("{why} {help}")
}
