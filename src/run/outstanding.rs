//! What should be in flight, and when to look again: both from the state alone.

use std::fmt;
use std::time::Duration;

use super::event::EndedHow;
use super::frozen::Frozen;
use super::state::{NodePhase, ReplyTo, Run};
use crate::model::{AttemptKey, CommentId, ContentHash, RunId, Timestamp};
use crate::workflow::NodeKind;

/// Something that should be done. Doing it twice is made harmless where it is done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Run one attempt of a node: an agent, a check, or publishing.
    Attempt(AttemptKey),
    /// Post a plan as a comment of its own.
    PostPlan {
        /// The run.
        run: RunId,
        /// The plan's number within the run: a plan that comes back after another one is posted again.
        revision: u32,
        /// The address of the plan.
        plan: ContentHash,
    },
    /// Bring the status comment and the state label up to date.
    PostStatus {
        /// The run.
        run: RunId,
        /// The revision to show, at least.
        revision: u64,
    },
    /// Answer a comment.
    Reply {
        /// The run.
        run: RunId,
        /// The comment.
        to: ReplyTo,
    },
    /// Collapse a superseded plan comment.
    CollapsePlan {
        /// The run.
        run: RunId,
        /// The comment.
        comment: CommentId,
    },
    /// Keep the work of a run that ended without a pull request where it can be fetched.
    HoldWork {
        /// The run.
        run: RunId,
    },
}

/// Identifies an action; the same action always has the same key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ActionKey(String);

impl ActionKey {
    /// The key of posting a plan.
    pub fn plan(run: &RunId, revision: u32, plan: &ContentHash) -> Self {
        Self(format!("plan/{run}/{revision}/{plan}"))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Action {
    /// The action's key.
    pub fn key(&self) -> ActionKey {
        match self {
            Self::Attempt(key) => ActionKey(format!("attempt/{key}")),
            Self::PostPlan { run, revision, plan } => ActionKey::plan(run, *revision, plan),
            Self::PostStatus { run, revision } => ActionKey(format!("status/{run}/{revision}")),
            Self::Reply { run, to } => ActionKey(format!("reply/{run}/{}", to.0)),
            Self::CollapsePlan { run, comment } => ActionKey(format!("collapse/{run}/{comment}")),
            Self::HoldWork { run } => ActionKey(format!("hold/{run}")),
        }
    }

    /// The run that wants it.
    pub fn run(&self) -> &RunId {
        match self {
            Self::Attempt(key) => &key.run,
            Self::PostPlan { run, .. }
            | Self::PostStatus { run, .. }
            | Self::Reply { run, .. }
            | Self::CollapsePlan { run, .. }
            | Self::HoldWork { run } => run,
        }
    }
}

/// The actions that should be in flight, in the order in which they should be begun.
pub fn outstanding(frozen: &Frozen, run: &Run) -> Vec<Action> {
    let frozen = frozen.expanded(run);
    let id = &run.created.run;
    let mut actions = Vec::new();
    for to in run.replies.keys() {
        actions.push(Action::Reply {
            run: id.clone(),
            to: *to,
        });
    }
    if run.ended.is_none() && run.cancel.is_none() {
        // In the order of the workflow: what others wait for comes first.
        for node in &frozen.workflow.nodes {
            let Some(state) = run.node(&node.id) else { continue };
            match (&state.phase, state.latest()) {
                (NodePhase::Running, Some(attempt)) if attempt.report.is_none() => {
                    actions.push(Action::Attempt(AttemptKey {
                        run: id.clone(),
                        node: node.id.clone(),
                        generation: attempt.generation,
                        n: attempt.n,
                    }));
                }
                (NodePhase::Open { .. }, _) => {
                    if let Some(plan) = run
                        .plan
                        .as_ref()
                        .filter(|plan| plan.posted.is_none() && plan.gate == node.id)
                    {
                        actions.push(Action::PostPlan {
                            run: id.clone(),
                            revision: plan.revision,
                            plan: plan.hash,
                        });
                    }
                }
                _ => {}
            }
        }
    }
    for comment in &run.collapsible {
        actions.push(Action::CollapsePlan {
            run: id.clone(),
            comment: *comment,
        });
    }
    let ended_unmerged = run
        .ended
        .as_ref()
        .is_some_and(|(how, _, _)| *how != EndedHow::Merged);
    if ended_unmerged && run.pull.is_none() && run.pushed.is_none() && run.held.is_none() && has_work(run) {
        actions.push(Action::HoldWork { run: id.clone() });
    }
    if run.status_posted < run.revision {
        actions.push(Action::PostStatus {
            run: id.clone(),
            revision: run.revision,
        });
    }
    actions.retain(|action| !run.refused.contains_key(action.key().as_str()));
    actions
}

fn has_work(run: &Run) -> bool {
    run.nodes.values().any(|node| node.last_snapshot.is_some())
}

/// When the run wants to be looked at again, if time alone can change anything.
pub fn next_wake(frozen: &Frozen, run: &Run) -> Option<Timestamp> {
    if run.ended.is_some() {
        return None;
    }
    let frozen = frozen.expanded(run);
    let patience = Duration::from_millis(frozen.policy.guard.patience_ms);
    let stuck = run.stuck.as_ref().map(|stuck| stuck.since.plus(patience));
    let nodes =
        frozen
            .workflow
            .nodes
            .iter()
            .filter_map(|node| match (&run.node(&node.id)?.phase, &node.kind) {
                (NodePhase::Backoff { until }, _) => Some(*until),
                (NodePhase::Open { since }, NodeKind::Gate(gate)) => Some(since.plus(gate.expires)),
                _ => None,
            });
    nodes.chain(stuck).min()
}
