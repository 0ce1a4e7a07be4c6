//! The state of a run: a fold over its log, never stored by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::budget::Outside;
use super::event::{Created, EndedHow, Person, RepeatWhy};
use super::report::{Report, Verdict};
use super::split::Split;
use crate::model::{
    ArtifactName, CommentId, CommitId, ContentHash, MicroUsd, NodeId, PullNumber, Timestamp, TokenUsage,
};
use crate::workflow::Field;

/// A run as its log tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What was asked, and what was frozen.
    pub created: Arc<Created>,
    /// When it began.
    pub began: Timestamp,
    /// When the last event was.
    pub updated: Timestamp,
    /// How many events the log holds.
    pub len: u64,
    /// The length of the log at the last change that people should see.
    pub revision: u64,
    /// The commit of the base branch that the newest plan starts from.
    pub base_commit: CommitId,
    /// The address of the issue's text as last heard.
    pub issue_text: ContentHash,
    /// The address of the issue's text that the newest plan was made for.
    pub planned_text: ContentHash,
    /// The address of what the last `/replan` wished for.
    pub wishes: Option<ContentHash>,
    /// The nodes. Most do not change from one state to the next, and are shared by both.
    pub nodes: BTreeMap<NodeId, Arc<Node>>,
    /// The nodes whose work is divided, and their parts.
    pub splits: BTreeMap<NodeId, Split>,
    /// The newest plan that was put to a person.
    pub plan: Option<PlanState>,
    /// Superseded plan comments that are not collapsed yet.
    pub collapsible: BTreeSet<CommentId>,
    /// The approval in force.
    pub approval: Option<Approval>,
    /// Why the last approval was voided, until the next one.
    pub voided: Option<String>,
    /// Commits of ours that may stand on the branch.
    pub intended: BTreeSet<CommitId>,
    /// The commit that was pushed last.
    pub pushed: Option<CommitId>,
    /// The open pull request.
    pub pull: Option<Pull>,
    /// Why the run waits for a person, where it cannot go on by itself.
    pub stuck: Option<Stuck>,
    /// Answers that are owed.
    pub replies: BTreeMap<ReplyTo, ReplyKind>,
    /// Comments that have been answered, or will be.
    pub answered: BTreeSet<ReplyTo>,
    /// The status comment's id.
    pub status_comment: Option<CommentId>,
    /// The revision that the status comment shows.
    pub status_posted: u64,
    /// When the status comment was last written; `None` where there is none.
    pub status_at: Option<Timestamp>,
    /// What was spent and read outside of this run, as last looked up.
    pub outside: Outside,
    /// Effects that were refused for good, by action key, with the reason.
    pub refused: BTreeMap<String, String>,
    /// Where the work of a run without a pull request was kept.
    pub held: Option<Held>,
    /// Who asked to stop, and why.
    pub cancel: Option<(Option<Person>, String)>,
    /// How, why and when the run ended.
    pub ended: Option<(EndedHow, String, Timestamp)>,
}

/// A node's state in its newest generation, with the attempts of all generations.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// From 1; raised by replan, retry, repair and a voided approval.
    pub generation: u32,
    /// Where it stands.
    pub phase: NodePhase,
    /// Every attempt, oldest first, of all generations.
    pub attempts: Vec<Attempt>,
    /// The candidate that this generation begins with.
    pub first_candidate: usize,
    /// The commit that this generation builds on, where it repairs earlier work.
    pub resume: Option<CommitId>,
    /// Why this generation began, for the brief; `None` for the first.
    pub repeat: Option<RepeatWhy>,
    /// How many repairs this node has asked for since a person last stepped in.
    pub rounds: u32,
    /// The artifacts of this generation.
    pub artifacts: BTreeMap<ArtifactName, ContentHash>,
    /// The fields of those artifacts.
    pub fields: BTreeMap<String, Field>,
    /// The commit with the changes of this generation.
    pub snapshot: Option<CommitId>,
    /// The commit with the changes of the newest generation that had any.
    pub last_snapshot: Option<CommitId>,
    /// For validators and checks: whether they said yes.
    pub passed: Option<bool>,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            generation: 1,
            phase: NodePhase::Pending,
            attempts: Vec::new(),
            first_candidate: 0,
            resume: None,
            repeat: None,
            rounds: 0,
            artifacts: BTreeMap::new(),
            fields: BTreeMap::new(),
            snapshot: None,
            last_snapshot: None,
            passed: None,
        }
    }
}

impl Node {
    /// The attempts of the newest generation, oldest first.
    pub fn current(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts
            .iter()
            .filter(|attempt| attempt.generation == self.generation)
    }

    /// The newest attempt of the newest generation.
    pub fn latest(&self) -> Option<&Attempt> {
        self.attempts
            .last()
            .filter(|attempt| attempt.generation == self.generation)
    }

    /// Whether the node is done, one way or the other.
    pub fn is_settled(&self) -> bool {
        matches!(
            self.phase,
            NodePhase::Succeeded | NodePhase::Failed { .. } | NodePhase::Skipped { .. }
        )
    }
}

/// Where a node stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodePhase {
    /// Its inputs do not exist yet.
    Pending,
    /// Its latest attempt is scheduled, runs, or has just ended.
    Running,
    /// Its next attempt waits.
    Backoff {
        /// Until when.
        until: Timestamp,
        /// What for, a sentence for people; `None` for a pause after a failure.
        why: Option<String>,
    },
    /// It is a gate, and a person has to decide.
    Open {
        /// Since when.
        since: Timestamp,
    },
    /// Done.
    Succeeded,
    /// Given up.
    Failed {
        /// Why, a sentence for people.
        why: String,
    },
    /// Not needed.
    Skipped {
        /// Why, a sentence for people.
        why: String,
    },
}

/// One try of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The generation it belongs to.
    pub generation: u32,
    /// Its number within the generation, from 1.
    pub n: u32,
    /// The candidate: index in the route and full name; `None` for checks and publishing.
    pub candidate: Option<(usize, String)>,
    /// The commit that its worktree starts from.
    pub start: CommitId,
    /// The iteration of a loop node, from 1.
    pub iteration: u32,
    /// When it was scheduled.
    pub scheduled: Timestamp,
    /// When it began to touch the world.
    pub began: Option<Timestamp>,
    /// What came of it.
    pub report: Option<Report>,
}

impl Attempt {
    /// Whether it was taken back before it began, as where the budget was used up meanwhile. It cost nothing.
    pub fn is_withdrawn(&self) -> bool {
        self.began.is_none() && self.verdict() == Some(&Verdict::Cancelled)
    }

    /// How it ended, where it has.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.report.as_ref().map(|report| &report.verdict)
    }
}

/// A plan that was put to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanState {
    /// The gate.
    pub gate: NodeId,
    /// The address of the plan.
    pub hash: ContentHash,
    /// The address of the plan before it, for the difference.
    pub previous: Option<ContentHash>,
    /// The plan's number within the run, from 1.
    pub revision: u32,
    /// How many questions it leaves open.
    pub questions: u32,
    /// The comment that holds it.
    pub posted: Option<Posted>,
    /// Whether another plan was asked for since. The same one is then posted again, so that people hear of it.
    pub asked_anew: bool,
}

/// A comment of ours as it was posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// The comment.
    pub comment: CommentId,
    /// The address of its body.
    pub body: ContentHash,
}

/// An approval, bound to what was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The gate.
    pub node: NodeId,
    /// The address of the plan.
    pub plan: ContentHash,
    /// Who.
    pub by: Person,
    /// The approving comment.
    pub comment: Option<CommentId>,
    /// The address of the notes that came with it.
    pub notes: Option<ContentHash>,
    /// The address of the issue's text then.
    pub issue_text: ContentHash,
    /// The head of the base branch then.
    pub base_head: CommitId,
    /// When.
    pub at: Timestamp,
}

/// Our pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number.
    pub number: PullNumber,
    /// Its page.
    pub url: String,
}

/// Why a run waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// A sentence for people.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
}

/// Where the work of a run without a pull request was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The ref in the mirror.
    pub reference: Option<String>,
    /// The address of the patch.
    pub patch: Option<ContentHash>,
}

/// The comment that is answered. One comment gets one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplyTo(pub CommentId);

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyKind {
    /// Understood and done: a reaction, no words.
    Accepted,
    /// There is no plan that waits for approval.
    NotWaiting,
    /// A bare approval does not hold; the hash makes clear what is approved.
    NeedsHash {
        /// The newest plan.
        plan: ContentHash,
        /// Why, a sentence for people.
        why: String,
    },
    /// The hash is not the newest plan's.
    WrongHash {
        /// The newest plan.
        plan: ContentHash,
    },
    /// The plan has open questions.
    QuestionsOpen {
        /// How many.
        questions: u32,
    },
    /// The plan is not posted yet, or nobody knows yet whether it is.
    NotPosted,
    /// The plan could not be posted.
    Unpostable {
        /// The newest plan.
        plan: ContentHash,
    },
    /// The issue already has an active run.
    AlreadyActive,
    /// The run is over.
    Over,
    /// Nothing can be repeated now.
    NothingToRepeat,
    /// There is no such node, or it cannot be retried.
    NoSuchNode {
        /// What was asked for.
        node: String,
        /// The nodes that can be retried.
        nodes: Vec<String>,
    },
    /// There is no such candidate in the route.
    NoSuchCandidate {
        /// Why, a sentence for people.
        why: String,
    },
    /// How things stand, in one sentence.
    Status,
    /// The commands.
    Help,
}

impl Run {
    /// A node by its id.
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.get(id).map(Arc::as_ref)
    }

    /// A node's state, to be changed: no longer shared with an earlier state of the run.
    pub(super) fn node_mut(&mut self, id: &NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id).map(Arc::make_mut)
    }

    /// What all attempts used together, and whether any of them did not say.
    pub fn usage(&self) -> (TokenUsage, bool) {
        let mut sum = TokenUsage::default();
        let mut unknown = false;
        for report in self.reports() {
            match report.usage {
                Some(usage) => sum += usage,
                None => unknown = true,
            }
        }
        (sum, unknown)
    }

    /// What all attempts cost together, and whether any of them did not say.
    pub fn cost(&self) -> (MicroUsd, bool) {
        let mut sum = MicroUsd::ZERO;
        let mut unknown = false;
        for report in self.reports() {
            match report.cost {
                Some(cost) => sum += cost,
                None => unknown = true,
            }
        }
        (sum, unknown)
    }

    /// Whether an attempt, of whatever generation, has begun and not told its end.
    pub fn has_open_attempts(&self) -> bool {
        let mut attempts = self.nodes.values().flat_map(|node| &node.attempts);
        attempts.any(|attempt| attempt.began.is_some() && attempt.report.is_none())
    }

    /// The reports of all attempts by candidates, also failed and abandoned ones.
    pub fn reports(&self) -> impl Iterator<Item = &Report> {
        self.nodes
            .values()
            .flat_map(|node| &node.attempts)
            .filter(|attempt| attempt.candidate.is_some())
            .filter_map(|attempt| attempt.report.as_ref())
    }
}
