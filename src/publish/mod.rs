//! Publishing: policy on the exact commit to push, then push and pull request, and everything we say.
//!
//! [`Publisher`] is what the engine asks for; [`Context`] is what it hands over: the run, what it froze, and the
//! texts that the run's state names by their hashes.
//! [`GitHub`] is the publisher for issues: it speaks through a [`Forge`](crate::github::Forge) and pushes
//! through a [`Tree`], whose product form is [`Mirrors`]. [`Local`] is the publisher for runs on a repository of
//! this machine: the same rules, and the result is a branch.
//!
//! Doing anything twice is harmless, also where GitHub did what it was asked and answered with an error:
//! comments are found by their stored id, else by marker and author; the commit is a function of what is in
//! the log; the branch is overwritten only where it holds a commit of ours; the pull request is found by
//! branch, marker and author.
//!
//! Deliberately absent: whether something should be published or said ([`crate::run`] decides), how it is put
//! into Markdown ([`crate::report`]), and who may ask for it ([`crate::command`]).

mod branch;
mod comments;
mod documents;
mod github;
mod identity;
mod inspect;
mod labels;
mod local;
mod mirrors;
mod order;
mod pull;
mod secrets;
#[cfg(test)]
mod tests;
mod tree;
mod views;

pub use github::{GitHub, Settings};
pub use identity::Identity;
pub use labels::Labels;
pub use local::Local;
pub use mirrors::{Mirrors, Tokens};
pub use tree::Tree;
pub use views::{plan_view, pull_view, status_view};

use std::collections::BTreeMap;
use std::future::Future;

use crate::model::{AttemptKey, CommentId, CommitId, ContentHash};
use crate::run::{Frozen, PublishResult, ReplyKind, ReplyTo, Run};

/// A run with everything that is needed to speak about it.
#[derive(Debug, Clone)]
pub struct Context {
    /// The run.
    pub run: std::sync::Arc<Run>,
    /// What it froze, with the parts of divided nodes in its workflow.
    pub frozen: std::sync::Arc<Frozen>,
    /// Texts by their address: artifacts of all nodes, the plan and the one before it, wishes, notes, and
    /// [`crate::github::IssueText`] in its canonical form. What is missing was forgotten on purpose.
    pub texts: BTreeMap<ContentHash, String>,
}

/// A comment that holds a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanComment {
    /// The comment.
    pub comment: CommentId,
    /// The address of its body.
    pub body: ContentHash,
}

/// Where work was kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// The ref in the mirror.
    pub reference: Option<String>,
    /// The patch against the base.
    pub patch: Option<Vec<u8>>,
}

/// Why something was not published, by what a caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It may go better later.
    #[error("{why}")]
    Transient {
        /// Why, a clause.
        why: String,
        /// How long to wait at least, where that was said.
        after: Option<std::time::Duration>,
    },
    /// It is refused for good.
    #[error("{why}")]
    Refused {
        /// Why, a sentence for people.
        why: String,
    },
    /// It is no longer wanted.
    #[error("it is no longer wanted")]
    Unwanted,
}

/// Asked before a push: whether the commit may be pushed. By then the log says that it may be found on the branch.
pub trait Intend: Sync {
    /// Logs the intention; `false` where the attempt is no longer wanted.
    fn intend(&self, commit: &CommitId) -> impl Future<Output = Result<bool, Error>> + Send;
}

/// Speaks and pushes for a run. Everything it does may be done twice without harm.
pub trait Publisher: Send + Sync + 'static {
    /// Posts the newest plan as a comment of its own, or finds the one posted before.
    fn post_plan(
        &self,
        context: &Context,
        plan: &ContentHash,
    ) -> impl Future<Output = Result<PlanComment, Error>> + Send;

    /// Brings the status comment and the state label up to date; `None` where there are no comments.
    fn post_status(&self, context: &Context)
    -> impl Future<Output = Result<Option<CommentId>, Error>> + Send;

    /// Answers a comment.
    fn reply(
        &self,
        context: &Context,
        to: ReplyTo,
        kind: &ReplyKind,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Collapses a superseded plan comment.
    fn collapse(
        &self,
        context: &Context,
        comment: CommentId,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Builds the commit from the work at `work`, checks it, pushes exactly it, and opens or updates the pull request.
    fn publish(
        &self,
        context: &Context,
        key: &AttemptKey,
        work: &CommitId,
        intend: &impl Intend,
    ) -> impl Future<Output = Result<PublishResult, Error>> + Send;

    /// Keeps the work of a run without a pull request where it can be fetched.
    fn hold(&self, context: &Context) -> impl Future<Output = Result<Kept, Error>> + Send;
}
