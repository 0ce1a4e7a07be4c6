//! The steps of a run: who worked at them, how long, and what it cost.

use std::time::Duration;

use crate::model::{MicroUsd, TokenUsage};
use crate::publish::Context;
use crate::report::view::{Cost, NodeState, NodeView};
use crate::run::{
    Attempt, EndedHow, Failure, Node as State, NodePhase, PublishResult, Report, Run, Verdict, lines,
};
use crate::workflow::{Node, NodeKind};

/// The nodes in the order of the workflow.
pub(super) fn nodes(context: &Context) -> Vec<NodeView> {
    let nodes = &context.frozen.workflow.nodes;
    nodes
        .iter()
        .filter_map(|node| Some(view(node, context.run.node(&node.id)?, &context.run)))
        .collect()
}

/// Which node needs which, as indices into [`nodes`].
pub(super) fn edges(context: &Context) -> Vec<(usize, usize)> {
    let nodes: Vec<_> = context
        .frozen
        .workflow
        .nodes
        .iter()
        .filter(|node| context.run.node(&node.id).is_some())
        .collect();
    let index = |id| nodes.iter().position(|node| node.id == id);
    nodes
        .iter()
        .enumerate()
        .flat_map(|(to, node)| {
            let from = node.needs.iter().filter_map(move |need| index(need.clone()));
            from.map(move |from| (from, to))
        })
        .collect()
}

/// What the whole run cost so far.
pub(super) fn cost(context: &Context) -> Cost {
    let attempts = context.run.nodes.values().flat_map(|node| &node.attempts);
    cost_of(attempts)
}

/// The candidate whose work counts in a node's newest generation.
pub(super) fn author(state: &State) -> Option<String> {
    let done = |attempt: &&Attempt| attempt.verdict() == Some(&Verdict::Succeeded);
    let attempt = state.attempts.iter().rev().find(done)?;
    attempt.candidate.as_ref().map(|(_, name)| name.clone())
}

fn view(node: &Node, state: &State, run: &Run) -> NodeView {
    let mut candidates: Vec<String> = Vec::new();
    for (_, name) in state
        .attempts
        .iter()
        .filter(|attempt| !attempt.is_withdrawn())
        .filter_map(|attempt| attempt.candidate.as_ref())
    {
        if !candidates.contains(name) {
            candidates.push(name.clone());
        }
    }
    let begun =
        |attempt: &&Attempt| attempt.began.is_some() || attempt.report.is_some() && !attempt.is_withdrawn();
    let times: Vec<Duration> = reports(&state.attempts)
        .map(|report| report.ended.since(report.started))
        .collect();
    let mut usage: Option<TokenUsage> = None;
    for used in reports(&state.attempts).filter_map(|report| report.usage) {
        *usage.get_or_insert_default() += used;
    }
    NodeView {
        id: node.id.clone(),
        kind: kind(&node.kind).to_owned(),
        state: node_state(state, run),
        generation: state.generation,
        candidates,
        attempts: u32::try_from(state.attempts.iter().filter(begun).count()).unwrap_or(u32::MAX),
        time: (!times.is_empty()).then(|| times.iter().sum()),
        usage,
        cost: cost_of(&state.attempts),
        ledger: lines(run)
            .into_iter()
            .filter(|line| line.node == node.id.as_str())
            .collect(),
        findings: findings(state),
    }
}

fn kind(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Agent(_) => "agent",
        NodeKind::Loop(_) => "loop",
        NodeKind::Check(_) => "check",
        NodeKind::Gate(_) => "gate",
        NodeKind::Publish => "publish",
        NodeKind::Cancel { .. } => "cancel",
    }
}

fn node_state(state: &State, run: &Run) -> NodeState {
    let ended = run.ended.as_ref().map(|(how, _, _)| *how);
    match (&state.phase, ended) {
        (NodePhase::Pending, _) => NodeState::Pending,
        (NodePhase::Succeeded, _) => NodeState::Done,
        (NodePhase::Failed { .. }, _) => NodeState::Failed,
        // A decision that was not wanted, as where only a plan was asked for.
        (NodePhase::Skipped { .. }, _)
        | (NodePhase::Open { .. }, Some(EndedHow::Closed | EndedHow::Merged)) => NodeState::Skipped,
        (_, Some(_)) => NodeState::Cancelled,
        (NodePhase::Running, None) => {
            let waits = state
                .latest()
                .is_some_and(|attempt| attempt.began.is_none() && attempt.report.is_none());
            if waits {
                NodeState::Ready
            } else {
                NodeState::Running
            }
        }
        (NodePhase::Backoff { .. } | NodePhase::Open { .. }, None) => NodeState::Waiting,
    }
}

/// Only candidates cost money; what none of them told is unknown.
fn cost_of<'a>(attempts: impl IntoIterator<Item = &'a Attempt>) -> Cost {
    let mut known: Option<MicroUsd> = None;
    let mut incomplete = false;
    let by_candidates = attempts.into_iter().filter(|attempt| attempt.candidate.is_some());
    for report in by_candidates.filter_map(|attempt| attempt.report.as_ref()) {
        match report.cost {
            Some(cost) => *known.get_or_insert_default() += cost,
            None => incomplete = true,
        }
    }
    Cost { known, incomplete }
}

fn reports(attempts: &[Attempt]) -> impl Iterator<Item = &Report> {
    attempts.iter().filter_map(|attempt| attempt.report.as_ref())
}

/// What went wrong, attempt by attempt, then what the last one noticed, then why it was given up.
fn findings(state: &State) -> Vec<String> {
    let mut findings = Vec::new();
    for attempt in state.attempts.iter().filter(|attempt| !attempt.is_withdrawn()) {
        let Some(what) = attempt.verdict().and_then(mishap) else {
            continue;
        };
        let by = attempt
            .candidate
            .as_ref()
            .map(|(_, name)| format!(" by {name}"))
            .unwrap_or_default();
        let generation = if attempt.generation > 1 {
            format!(" of generation {}", attempt.generation)
        } else {
            String::new()
        };
        findings.push(format!("Attempt {}{generation}{by}: {what}", attempt.n));
    }
    let noticed = state.latest().and_then(|attempt| attempt.report.as_ref());
    findings.extend(noticed.iter().flat_map(|report| report.findings.clone()));
    if let Some(PublishResult::Refused { findings: rules }) =
        noticed.and_then(|report| report.publish.as_ref())
    {
        // One by one; the reason of the failure below joins them and may be cut.
        findings.extend(rules.clone());
    }
    if let NodePhase::Failed { why } | NodePhase::Skipped { why } = &state.phase {
        findings.push(why.clone());
    }
    findings
}

fn mishap(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Succeeded => None,
        Verdict::Failed { class, why } => {
            let what = failure(*class);
            let says_more = !why.trim_end_matches('.').eq_ignore_ascii_case(what);
            Some(if says_more {
                format!("{what}. {why}")
            } else {
                format!("{what}.")
            })
        }
        Verdict::Returned { findings } => {
            Some(format!("its artifact went back to it. {}", findings.join(" ")))
        }
        Verdict::Cancelled => Some("stopped, because it was no longer wanted.".to_owned()),
        Verdict::Lost => Some("lost when the server stopped.".to_owned()),
    }
}

fn failure(class: Failure) -> &'static str {
    match class {
        Failure::Hang => "it hung",
        Failure::Crash => "it crashed",
        Failure::RateLimited => "its provider had too many requests",
        Failure::Auth => "its provider refused the key",
        Failure::Unavailable => "its provider failed",
        Failure::EditFailed => "its edits failed",
        Failure::MalformedCall => "its tool calls could not be read",
        Failure::Empty => "it gave no answer",
        Failure::Truncated => "its answer was cut off",
        Failure::Refused => "it refused",
        Failure::Conflict => "its parts do not go together",
        Failure::OutOfScope => "it changed files outside the plan",
        Failure::WrongModel => "another model answered",
        Failure::Budget => "it reached its budget",
        Failure::MissingArtifact => "an artifact is missing",
        Failure::NoChange => "it changed nothing",
        Failure::Tampered => "it touched what it must not",
        Failure::Machine => "this machine failed",
    }
}
