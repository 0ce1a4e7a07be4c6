//! The state of a run in one word, for people.

use std::fmt;

use super::event::EndedHow;
use super::frozen::Frozen;
use super::state::{NodePhase, Run};
use crate::model::Timestamp;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Nothing has begun yet.
    Queued,
    /// A step is at work.
    Working,
    /// It cannot go on for now.
    Waiting(WaitingFor),
    /// Its pull request is open.
    InReview,
    /// Its pull request was merged.
    Merged,
    /// It is finished without a merge.
    Closed,
    /// It could not do its work.
    Failed,
    /// It was stopped.
    Cancelled,
}

/// What a run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitingFor {
    /// A person's decision about the plan.
    Approval,
    /// A person's help.
    Person {
        /// Why, a sentence.
        why: String,
    },
    /// A moment.
    Until(Timestamp),
}

impl Phase {
    /// Whether the run is over.
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Merged | Self::Closed | Self::Failed | Self::Cancelled)
    }

    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Working => "working",
            Self::Waiting(_) => "waiting",
            Self::InReview => "in review",
            Self::Merged => "merged",
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Says where a run stands.
pub fn phase(frozen: &Frozen, run: &Run) -> Phase {
    let frozen = frozen.expanded(run);
    if let Some((how, _, _)) = &run.ended {
        return match how {
            EndedHow::Merged => Phase::Merged,
            EndedHow::Closed => Phase::Closed,
            EndedHow::Failed => Phase::Failed,
            EndedHow::Cancelled => Phase::Cancelled,
        };
    }
    if let Some(stuck) = &run.stuck {
        return Phase::Waiting(WaitingFor::Person {
            why: stuck.why.clone(),
        });
    }
    let states = || frozen.workflow.nodes.iter().filter_map(|node| run.node(&node.id));
    if states().any(|node| node.phase == NodePhase::Running) {
        let begun = states().any(|node| node.attempts.iter().any(|attempt| attempt.began.is_some()));
        return if begun { Phase::Working } else { Phase::Queued };
    }
    if states().any(|node| matches!(node.phase, NodePhase::Open { .. })) {
        return Phase::Waiting(WaitingFor::Approval);
    }
    let paused = states().filter_map(|node| match node.phase {
        NodePhase::Backoff { until, .. } => Some(until),
        _ => None,
    });
    if let Some(until) = paused.min() {
        return Phase::Waiting(WaitingFor::Until(until));
    }
    if run.pull.is_some() {
        Phase::InReview
    } else {
        Phase::Working
    }
}
