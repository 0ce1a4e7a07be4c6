//! What follows from the end of an attempt: done, again, another candidate, a repair, or given up.

use std::time::Duration;

use super::Deciding;
use super::settle::Outputs;
use crate::run::reaction::{Reaction, Standing};
use crate::run::report::{Failure, PublishResult, Report, Verdict};
use crate::run::state::Node as NodeState;
use crate::run::{Event, RepeatWhy};
use crate::workflow::{Node, NodeKind, Then};

/// The longest pause between two attempts. A longer one is for a person to decide.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

impl Deciding<'_> {
    pub(super) fn resolve(&mut self, node: &Node, report: &Report) {
        match &report.verdict {
            Verdict::Succeeded => self.succeeded(node, report),
            Verdict::Returned { .. } => self.next_attempt_of(node),
            Verdict::Failed { class, why } => self.failed_attempt(node, *class, why),
            Verdict::Cancelled | Verdict::Lost => self.lost(node),
        }
    }

    fn succeeded(&mut self, node: &Node, report: &Report) {
        match &node.kind {
            NodeKind::Publish => self.published(node, report),
            NodeKind::Loop(looped) => {
                let iteration = self.latest_iteration(node);
                match looped.until.evaluate(&Outputs { run: self.run() }) {
                    Ok(true) => self.done(node),
                    Ok(false) if iteration < looped.max_iterations => {
                        let candidate = self.latest_candidate(node);
                        self.iterate(node, candidate);
                    }
                    Ok(false) => {
                        let why = format!("Its condition still does not hold after {iteration} iterations.");
                        self.fail(node, why);
                    }
                    Err(unresolved) => {
                        self.fail(node, format!("Its condition cannot be told: {unresolved}."));
                    }
                }
            }
            _ if report.passed == Some(false) => self.said_no(node, report),
            _ => self.done(node),
        }
    }

    fn done(&mut self, node: &Node) {
        self.emit(Event::NodeSucceeded {
            node: node.id.clone(),
        });
    }

    fn published(&mut self, node: &Node, report: &Report) {
        match &report.publish {
            Some(PublishResult::Published { .. } | PublishResult::Placed { .. }) => self.done(node),
            Some(PublishResult::Refused { findings }) => {
                self.fail(node, format!("The commit was not pushed: {}", findings.join(" ")));
            }
            Some(PublishResult::BranchMoved { .. }) => {
                let why = "Somebody else's commit is on the branch, and it is never overwritten.".to_owned();
                self.fail(node, why);
            }
            Some(PublishResult::BaseMoved { .. }) => {
                let why = "The base branch changed files of the plan since it was approved.";
                match self.run().approval.as_ref().map(|approval| approval.node.clone()) {
                    Some(gate) => self.void(&gate, why),
                    None => self.fail(node, why.to_owned()),
                }
            }
            None => self.fail(node, "The publisher did not say what it did.".to_owned()),
        }
    }

    /// A validator or a check said no: repair, escalate, or give up, as the workflow says.
    fn said_no(&mut self, node: &Node, report: &Report) {
        let Some(on_fail) = &node.on_fail else {
            if matches!(node.kind, NodeKind::Check(_)) {
                // A failed check is a fact that the validator and the report judge.
                return self.done(node);
            }
            return self.fail(node, "It found that the work does not meet the plan.".to_owned());
        };
        let rounds = self.run().node(&node.id).map_or(0, |state| state.rounds);
        let findings = report
            .artifacts
            .first()
            .map(|artifact| (artifact.name.clone(), artifact.hash));
        let repair = |round, candidate| RepeatWhy::Repair {
            because: node.id.clone(),
            findings,
            round,
            candidate,
        };
        if rounds < on_fail.rounds {
            return self.repeat(on_fail.repeat_from.clone(), repair(rounds + 1, None), None);
        }
        let next = (on_fail.then == Then::Escalate && rounds == on_fail.rounds)
            .then(|| self.stronger(&on_fail.repeat_from))
            .flatten();
        if let Some(candidate) = next {
            self.repeat(
                on_fail.repeat_from.clone(),
                repair(rounds + 1, Some(candidate)),
                None,
            );
        } else {
            let why = format!("The work still does not meet the plan after {rounds} repairs.");
            self.fail(node, why);
        }
    }

    /// The candidate after the one that did the work last, if the route has one.
    fn stronger(&self, node: &crate::model::NodeId) -> Option<usize> {
        let used = self.run().node(node)?.attempts.last()?.candidate.as_ref()?.0;
        (used + 1 < self.candidates(node).len()).then_some(used + 1)
    }

    fn failed_attempt(&mut self, node: &Node, class: Failure, why: &str) {
        let guard = &self.frozen.policy.guard;
        let Some(state) = self.run().node(&node.id) else {
            return;
        };
        let reaction = guard.reaction(class);
        if reaction == Reaction::Ask {
            return self.fail(node, why.to_owned());
        }
        let failures = Standing::of(state, guard).failed.len();
        let most = match &node.kind {
            NodeKind::Agent(agent) => agent.attempts,
            NodeKind::Loop(looped) => looped.agent.attempts,
            // Checks and publishing have no route: what failed is this machine.
            _ => Some(guard.failures),
        };
        if most.is_some_and(|most| failures >= most as usize) {
            return self.fail(node, why.to_owned());
        }
        if reaction == Reaction::Pause && guard.retry_delay_ms > 0 {
            let doubled = guard
                .retry_delay_ms
                .saturating_mul(1 << failures.saturating_sub(1).min(16));
            let until = self.now.plus(Duration::from_millis(doubled).min(LONGEST_PAUSE));
            self.emit(Event::BackedOff {
                node: node.id.clone(),
                until,
                why: None,
            });
        } else {
            self.next_attempt_of(node);
        }
    }

    fn lost(&mut self, node: &Node) {
        let lost = self.run().node(&node.id).map_or(0, |state| {
            let is_lost = |verdict: &Verdict| matches!(verdict, Verdict::Lost | Verdict::Cancelled);
            state
                .current()
                // What was withdrawn before it began was lost to nothing.
                .filter(|attempt| attempt.began.is_some() && attempt.verdict().is_some_and(is_lost))
                .count()
        });
        if lost > self.frozen.policy.guard.lost as usize {
            self.fail(
                node,
                format!("The server stopped {lost} times while it worked on this step."),
            );
        } else {
            self.next_attempt_of(node);
        }
    }

    /// Another attempt: along the route for agents, plainly again for checks and publishing.
    pub(super) fn next_attempt_of(&mut self, node: &Node) {
        match &node.kind {
            NodeKind::Agent(_) | NodeKind::Loop(_) => self.next_attempt(node),
            _ => self.schedule(node, None, 1),
        }
    }

    fn latest_iteration(&self, node: &Node) -> u32 {
        self.run()
            .node(&node.id)
            .and_then(NodeState::latest)
            .map_or(1, |attempt| attempt.iteration)
    }

    fn latest_candidate(&self, node: &Node) -> Option<(usize, String)> {
        self.run()
            .node(&node.id)
            .and_then(NodeState::latest)
            .and_then(|attempt| attempt.candidate.clone())
    }
}
