//! What budgets make of attempts: a next iteration, one that is withdrawn, a pause.

use super::Deciding;
use crate::ledger::Decision;
use crate::model::{AttemptKey, MicroUsd, Timestamp, TokenUsage};
use crate::run::budget::{self, Outside};
use crate::run::state::Node as NodeState;
use crate::run::{Event, Report, Verdict};
use crate::workflow::{Node, NodeKind};

impl Deciding<'_> {
    /// A loop goes on with its next iteration after one that went well; everything else is tried again.
    pub(super) fn next_iteration(&self, node: &Node) -> u32 {
        let latest = self.run().node(&node.id).and_then(NodeState::latest);
        latest.map_or(1, |attempt| {
            let is_done = matches!(attempt.verdict(), Some(Verdict::Succeeded));
            attempt.iteration + u32::from(is_done && matches!(node.kind, NodeKind::Loop(_)))
        })
    }

    /// Schedules the next iteration of a loop by whom it was begun with, where the budget allows it.
    pub(super) fn iterate(&mut self, node: &Node, candidate: Option<(usize, String)>) {
        let candidates = self.candidates(&node.id);
        let index = candidate.as_ref().map(|(index, _)| *index);
        let fits = index.is_none_or(|index| {
            let policy = &self.frozen.policy;
            let order = [index];
            budget::choose(policy, self.run(), &node.id, candidates, &order, self.now) == Decision::Go
        });
        if fits {
            let iteration = self.next_iteration(node);
            self.schedule(node, candidate, iteration);
        } else {
            self.next_attempt(node);
        }
    }

    /// Takes in what was looked up for an attempt that is about to begin. One that does not fit any more is withdrawn
    /// before it has cost anything; what follows from its end is decided as after any other.
    pub(super) fn spending(&mut self, key: &AttemptKey, outside: &Outside) {
        let Some(attempt) = self.attempt(key).filter(|attempt| attempt.began.is_none()) else {
            return;
        };
        let Some((index, _)) = attempt.candidate.clone() else {
            return;
        };
        if self.run().outside != *outside {
            self.emit(Event::Spending {
                outside: outside.clone(),
            });
        }
        let candidates = self.candidates(&key.node);
        let policy = &self.frozen.policy;
        let decision = budget::choose(policy, self.run(), &key.node, candidates, &[index], self.now);
        if decision != Decision::Go {
            let mut report = Report::bare(key.clone(), Verdict::Cancelled, self.now);
            report.cost = Some(MicroUsd::ZERO);
            report.usage = Some(TokenUsage::default());
            self.emit(Event::AttemptEnded {
                report: Box::new(report),
            });
        }
    }

    pub(super) fn back_off(&mut self, node: &Node, until: Timestamp, why: Option<String>) {
        self.emit(Event::BackedOff {
            node: node.id.clone(),
            until,
            why,
        });
    }
}
