//! Turning inputs into events.
//!
//! First the input itself is answered, then [`settle`](settle) follows its consequences until nothing more
//! follows: nodes become ready, attempts are resolved, gates open, the run gets stuck or ends.
//! An input that is late, repeated or of an abandoned generation yields no events, or only its bookkeeping.

mod commands;
mod resolve;
mod settle;
mod spend;

pub use settle::output;

use std::borrow::Cow;

use super::evolve::evolve;
use super::frozen::Frozen;
use super::outstanding::status_has_rested;
use super::report::Report;
use super::state::{NodePhase, Run};
use super::{EndedHow, Event, FORMAT, Input, Recorded, RepeatWhy};
use crate::model::{AttemptKey, NodeId, Timestamp};
use crate::workflow::NodeKind;

/// Turns an input into the events that follow from it, given the state and the present moment.
///
/// `run` is `None` before [`Input::Start`]; every other input then yields nothing.
pub fn decide(frozen: &Frozen, run: Option<&Run>, input: &Input, now: Timestamp) -> Vec<Event> {
    let mut deciding = match (run, input) {
        (None, Input::Start(created)) => {
            let mut deciding = Deciding {
                base: frozen,
                frozen: Cow::Borrowed(frozen),
                run: None,
                events: Vec::new(),
                now,
            };
            deciding.emit(Event::Created(created.clone()));
            deciding
        }
        (Some(run), input) => {
            let mut deciding = Deciding {
                base: frozen,
                frozen: frozen.expanded(run),
                run: Some(run.clone()),
                events: Vec::new(),
                now,
            };
            deciding.take(input);
            deciding
        }
        (None, _) => return Vec::new(),
    };
    deciding.settle();
    if status_has_rested(frozen, deciding.run(), now) {
        deciding.emit(Event::StatusDue);
    }
    deciding.events
}

/// The work of one decision: the state with all events so far folded in.
struct Deciding<'a> {
    /// The workflow and the policy as the run froze them.
    base: &'a Frozen,
    /// The same with the parts of divided nodes.
    frozen: Cow<'a, Frozen>,
    run: Option<Run>,
    events: Vec<Event>,
    now: Timestamp,
}

impl Deciding<'_> {
    fn run(&self) -> &Run {
        self.run
            .as_ref()
            .expect("a decision begins with a run or creates one")
    }

    fn emit(&mut self, event: Event) {
        let recorded = Recorded {
            v: FORMAT,
            at: self.now,
            event,
        };
        evolve(&mut self.run, &recorded);
        if let Some(run) = &self.run
            && matches!(
                recorded.event,
                Event::Split { .. } | Event::Repeated { .. } | Event::ApprovalVoided { .. }
            )
        {
            self.frozen = self.base.expanded(run);
        }
        self.events.push(recorded.event);
    }

    fn take(&mut self, input: &Input) {
        match input {
            Input::Start(_) | Input::Wake => {}
            Input::Command(order) => self.command(order),
            Input::IssueEdited { text } => self.issue_edited(*text),
            Input::IssueClosed { merged } => self.issue_closed(*merged),
            Input::PullClosed { pull, merged } => {
                // Opened and ended before the run was told that it is open: whoever tells it has looked at the branch.
                let ours = self.run().pull.as_ref().is_none_or(|known| known.number == *pull);
                if ours && self.run().ended.is_none() {
                    let (how, why) = if *merged {
                        (EndedHow::Merged, "The pull request was merged.")
                    } else {
                        (EndedHow::Closed, "The pull request was closed without a merge.")
                    };
                    self.end(how, why);
                }
            }
            Input::Review(review) => {
                let ours = self
                    .run()
                    .pull
                    .as_ref()
                    .is_some_and(|known| known.number == review.pull);
                if ours
                    && self.is_open()
                    && let Some(from) = self.last_writer()
                {
                    let why = RepeatWhy::Review { text: review.text };
                    self.repeat(from, why, Some(review.by.clone()));
                }
            }
            Input::Spending { key, outside } => {
                if self.is_wanted(key) {
                    self.spending(key, outside);
                }
            }
            Input::Began(key) => {
                if self.is_wanted(key) && self.attempt(key).is_some_and(|attempt| attempt.began.is_none()) {
                    self.emit(Event::AttemptBegan { key: key.clone() });
                }
            }
            Input::PushIntended { key, commit } => {
                if self.is_wanted(key) && !self.run().intended.contains(commit) {
                    self.emit(Event::PushIntended {
                        commit: commit.clone(),
                    });
                }
            }
            Input::AttemptEnded(report) => self.attempt_ended(report),
            Input::PlanPosted { plan, comment, body } => {
                let known = self.run().plan.as_ref().is_some_and(|newest| {
                    newest.hash == *plan && newest.posted.is_some_and(|posted| posted.comment == *comment)
                });
                if !known && self.run().ended.is_none() {
                    self.emit(Event::PlanPosted {
                        plan: *plan,
                        comment: *comment,
                        body: *body,
                    });
                }
            }
            Input::StatusPosted { comment, revision } => {
                if *revision > self.run().status_posted {
                    self.emit(Event::StatusPosted {
                        comment: *comment,
                        revision: *revision,
                    });
                }
            }
            Input::Replied(to) => {
                if self.run().replies.contains_key(to) {
                    self.emit(Event::Replied { to: *to });
                }
            }
            Input::PlanCollapsed(comment) => {
                if self.run().collapsible.contains(comment) {
                    self.emit(Event::PlanCollapsed { comment: *comment });
                }
            }
            Input::WorkHeld { reference, patch } => {
                if self.run().held.is_none() {
                    self.emit(Event::WorkHeld {
                        reference: reference.clone(),
                        patch: *patch,
                    });
                }
            }
            Input::EffectFailed { action, why } => {
                if !self.run().refused.contains_key(action) {
                    self.emit(Event::EffectFailed {
                        action: action.clone(),
                        why: why.clone(),
                    });
                }
            }
            Input::Recover => self.recover(),
        }
    }

    /// Whether the run is neither over nor about to be.
    fn is_open(&self) -> bool {
        self.run().ended.is_none() && self.run().cancel.is_none()
    }

    /// Whether this attempt is the one whose result would count.
    fn is_wanted(&self, key: &AttemptKey) -> bool {
        self.is_open()
            && self.run().created.run == key.run
            && self.run().node(&key.node).is_some_and(|node| {
                node.phase == NodePhase::Running
                    && node.latest().is_some_and(|attempt| {
                        attempt.generation == key.generation && attempt.n == key.n && attempt.report.is_none()
                    })
            })
    }

    fn attempt(&self, key: &AttemptKey) -> Option<&super::state::Attempt> {
        self.run()
            .node(&key.node)?
            .attempts
            .iter()
            .find(|attempt| attempt.generation == key.generation && attempt.n == key.n)
    }

    /// Every attempt's first result is booked, whether it still counts or not; a second one is a repetition.
    fn attempt_ended(&mut self, report: &Report) {
        if self.run().created.run == report.key.run
            && self
                .attempt(&report.key)
                .is_some_and(|attempt| attempt.report.is_none())
        {
            self.emit(Event::AttemptEnded {
                report: Box::new(report.clone()),
            });
        }
    }

    fn issue_edited(&mut self, text: crate::model::ContentHash) {
        if !self.is_open() || self.run().issue_text == text {
            return;
        }
        self.emit(Event::IssueEdited { text });
        let approved = self
            .run()
            .approval
            .as_ref()
            .map(|approval| (approval.node.clone(), approval.issue_text));
        if let Some((gate, seen)) = approved
            && seen != text
            && self.run().pull.is_none()
        {
            self.void(&gate, "The issue's text was edited after the plan was approved.");
        }
    }

    fn issue_closed(&mut self, merged: bool) {
        if self.run().ended.is_some() {
            return;
        }
        if merged {
            self.end(EndedHow::Merged, "The pull request was merged.");
        } else if self.run().pull.is_some() {
            self.end(
                EndedHow::Closed,
                "The issue was closed while its pull request was open.",
            );
        } else if self.run().cancel.is_none() {
            self.emit(Event::CancelRequested {
                by: None,
                why: "The issue was closed.".to_owned(),
            });
        }
    }

    /// What began without a result died with the server that began it.
    fn recover(&mut self) {
        let lost: Vec<AttemptKey> = self
            .run()
            .nodes
            .iter()
            .flat_map(|(id, node)| node.attempts.iter().map(move |attempt| (id, attempt)))
            .filter(|(_, attempt)| attempt.began.is_some() && attempt.report.is_none())
            .map(|(id, attempt)| AttemptKey {
                run: self.run().created.run.clone(),
                node: id.clone(),
                generation: attempt.generation,
                n: attempt.n,
            })
            .collect();
        for key in lost {
            let report = Report::bare(key, super::Verdict::Lost, self.now);
            self.emit(Event::AttemptEnded {
                report: Box::new(report),
            });
        }
    }

    fn end(&mut self, how: EndedHow, why: &str) {
        self.emit(Event::Ended {
            how,
            why: why.to_owned(),
        });
    }

    fn void(&mut self, gate: &NodeId, why: &str) {
        let nodes = self.with_downstream(gate);
        self.emit(Event::ApprovalVoided {
            nodes,
            why: why.to_owned(),
        });
    }

    fn repeat(&mut self, from: NodeId, why: RepeatWhy, by: Option<super::Person>) {
        let nodes = self.with_downstream(&from);
        self.emit(Event::Repeated { from, nodes, why, by });
    }

    fn with_downstream(&self, from: &NodeId) -> Vec<NodeId> {
        std::iter::once(from.clone())
            .chain(self.frozen.workflow.downstream(from))
            .collect()
    }

    /// The last node, in the order of the workflow, that changes files and has done so.
    fn last_writer(&self) -> Option<NodeId> {
        self.frozen
            .workflow
            .nodes
            .iter()
            .rev()
            .find(|node| {
                matches!(node.kind, NodeKind::Agent(_) | NodeKind::Loop(_))
                    && self
                        .run()
                        .node(&node.id)
                        .is_some_and(|state| state.last_snapshot.is_some())
            })
            .map(|node| node.id.clone())
    }
}
