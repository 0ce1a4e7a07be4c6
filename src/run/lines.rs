//! A run's lines in the ledger.

use super::report::{Report, Verdict};
use super::state::{Attempt, Run};
use crate::ledger::{Account, Line};
use crate::model::NodeId;

/// One line for each attempt by a candidate that began, node by node, the oldest first: also for those that failed,
/// were killed, or are under way.
pub fn lines(run: &Run) -> Vec<Line> {
    let nodes = run.nodes.iter();
    nodes
        .flat_map(|(id, node)| {
            node.attempts
                .iter()
                .filter_map(move |attempt| line(run, id, attempt))
        })
        .collect()
}

fn line(run: &Run, node: &NodeId, attempt: &Attempt) -> Option<Line> {
    let (_, candidate) = attempt.candidate.as_ref()?;
    if attempt.is_withdrawn() || (attempt.began.is_none() && attempt.report.is_none()) {
        return None;
    }
    let outcome = match attempt.verdict() {
        None => "running",
        Some(Verdict::Succeeded) => "succeeded",
        Some(Verdict::Failed { class, .. }) => class.as_str(),
        Some(Verdict::Returned { .. }) => "returned",
        Some(Verdict::Cancelled) => "cancelled",
        Some(Verdict::Lost) => "lost",
    };
    Some(Line {
        run: run.created.run.to_string(),
        node: node.to_string(),
        generation: attempt.generation,
        n: attempt.n,
        candidate: candidate.clone(),
        outcome: outcome.to_owned(),
        account: attempt.report.as_ref().and_then(account),
    })
}

/// The account, or what a report without one says; nothing where nobody told anything.
fn account(report: &Report) -> Option<Account> {
    if let Some(account) = &report.account {
        return Some(account.clone());
    }
    (report.usage.is_some() || report.cost.is_some()).then(|| Account {
        reported: report.usage,
        reported_cost: report.cost,
        wall_ms: u64::try_from(report.ended.since(report.started).as_millis()).unwrap_or(u64::MAX),
        ..Account::default()
    })
}
