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
    if run.status_posted < run.revision && !status_rests(&frozen, run) {
        actions.push(post_status(run));
    }
    actions.retain(|action| !run.refused.contains_key(action.key().as_str()));
    actions
}

/// One edit at a time: it shows the newest state when its turn comes, so that changes meanwhile do not call for
/// another. Only after a refusal each change is a reason of its own to try again.
fn post_status(run: &Run) -> Action {
    let post = |revision| Action::PostStatus {
        run: run.created.run.clone(),
        revision,
    };
    let next = post(run.status_posted + 1);
    if run.refused.contains_key(next.key().as_str()) {
        post(run.revision)
    } else {
        next
    }
}

/// When the status comment may be written again, where it has something new to show.
fn status_due(frozen: &Frozen, run: &Run) -> Option<Timestamp> {
    let pause = Duration::from_millis(frozen.policy.guard.status_pause_ms);
    let behind = run.status_posted < run.revision;
    run.status_at.filter(|_| behind).map(|at| at.plus(pause))
}

/// Whether what is new has to wait, as of the last event. A clock that was set back is no reason to.
fn status_rests(frozen: &Frozen, run: &Run) -> bool {
    let early = |due| run.updated < due && run.status_at.is_some_and(|at| run.updated >= at);
    status_due(frozen, run).is_some_and(early)
}

/// Whether the status comment has waited long enough, and nothing but time says so.
pub(super) fn status_has_rested(frozen: &Frozen, run: &Run, now: Timestamp) -> bool {
    let set_back = run.status_at.is_some_and(|at| now < at);
    status_rests(frozen, run) && (set_back || status_due(frozen, run).is_some_and(|due| due <= now))
}

fn has_work(run: &Run) -> bool {
    run.nodes.values().any(|node| node.last_snapshot.is_some())
}

/// When the run wants to be looked at again, if time alone can change anything.
pub fn next_wake(frozen: &Frozen, run: &Run) -> Option<Timestamp> {
    let status = status_due(frozen, run).filter(|_| status_rests(frozen, run));
    if run.ended.is_some() {
        return status;
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
                (NodePhase::Backoff { until, .. }, _) => Some(*until),
                (NodePhase::Open { since }, NodeKind::Gate(gate)) => Some(since.plus(gate.expires)),
                _ => None,
            });
    nodes.chain(stuck).chain(status).min()
}
