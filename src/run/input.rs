//! What a run can be told.

use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::model::{AttemptKey, CommentId, CommitId, ContentHash, PullNumber};

use super::budget::Outside;
use super::event::{Created, Person};
use super::report::Report;
use super::state::ReplyTo;

/// What a run can be told. Inputs may come late, twice or out of order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Begin.
    Start(Box<Created>),
    /// A person who may do so gave a command.
    Command(Box<Order>),
    /// The issue's text changed.
    IssueEdited {
        /// The address of the new text.
        text: ContentHash,
    },
    /// The issue was closed.
    IssueClosed {
        /// Whether our pull request is merged, as GitHub says now.
        merged: bool,
    },
    /// A pull request was closed: the run's own, or one from its branch while it knows none.
    PullClosed {
        /// Which.
        pull: PullNumber,
        /// Whether it was merged.
        merged: bool,
    },
    /// A person who may write asked for changes in a review of our pull request.
    Review(Review),
    /// What other runs spent, and how full windows are, as looked up right before an attempt begins.
    Spending {
        /// The attempt.
        key: AttemptKey,
        /// What was found.
        outside: Outside,
    },
    /// An attempt is about to touch the world.
    Began(AttemptKey),
    /// A publish attempt is about to push a commit.
    PushIntended {
        /// The attempt.
        key: AttemptKey,
        /// The commit.
        commit: CommitId,
    },
    /// An attempt ended.
    AttemptEnded(Box<Report>),
    /// The plan stands in a comment.
    PlanPosted {
        /// The address of the plan.
        plan: ContentHash,
        /// The comment.
        comment: CommentId,
        /// The address of the comment's body.
        body: ContentHash,
    },
    /// The status comment shows a revision.
    StatusPosted {
        /// The comment, where there are comments.
        comment: Option<CommentId>,
        /// The revision shown.
        revision: u64,
    },
    /// An answer was given.
    Replied(ReplyTo),
    /// A plan comment was collapsed.
    PlanCollapsed(CommentId),
    /// The work was kept.
    WorkHeld {
        /// The ref in the mirror.
        reference: Option<String>,
        /// The address of the patch.
        patch: Option<ContentHash>,
    },
    /// An effect was refused for good.
    EffectFailed {
        /// The action's key.
        action: String,
        /// Why, a sentence for people.
        why: String,
    },
    /// The server started: whatever began without a result is lost.
    Recover,
    /// Time may have come for something.
    Wake,
}

/// A command, who gave it, and the world as it was seen when the command was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The command.
    pub command: Command,
    /// Who gave it; their permission has been checked.
    pub by: Person,
    /// The comment that holds it, where one does.
    pub comment: Option<CommentId>,
    /// Where an answer goes; `None` where none is wanted.
    pub reply_to: Option<ReplyTo>,
    /// The address of the command's free text (notes or wishes), stored.
    pub text: Option<ContentHash>,
    /// The world as it was seen.
    pub observed: Observed,
}

/// What was looked up before a command was handed to the core.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Observed {
    /// The address of the issue's text now; `None` where it could not be told.
    pub issue_text: Option<ContentHash>,
    /// The head of the base branch now; `None` where it could not be told.
    pub base_head: Option<CommitId>,
    /// Whether the base branch changed files of the plan since the run's base commit.
    pub base_touches_plan: bool,
    /// The address of the newest plan comment's body now; `None` where it is gone or could not be told.
    pub plan_comment: Option<ContentHash>,
}

/// A review that asked for changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// The pull request.
    pub pull: PullNumber,
    /// Who; their permission has been checked.
    pub by: Person,
    /// The address of the review's text.
    pub text: ContentHash,
}
