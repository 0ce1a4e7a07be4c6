//! Everything that Footplate asks of GitHub about a repository, as a trait, and the data it speaks in.
//!
//! The types are our own: small, lenient where GitHub is loose (a deleted user is `None`), and free of any
//! client library, so that the simulator can build them.

use std::future::Future;

use serde::{Deserialize, Serialize};

use super::Result;
use crate::model::{
    AppId, BranchName, CommentId, CommitId, InstallationId, IssueNumber, Login, PullNumber, RepositoryId,
    RepositoryName, Timestamp, UserId,
};

/// A repository and the installation through which the App may see it.
///
/// The ids are the identity; the name is what GitHub's documented routes want, and may be out of date:
/// reads follow a rename, and tokens are limited to the id, so that a stranger's repository that took an
/// old name is out of reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// The installation of the App on the owner's account.
    pub installation: InstallationId,
    /// The numeric id.
    pub id: RepositoryId,
    /// `owner/name` as last heard.
    pub name: RepositoryName,
}

/// What GitHub says about a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryInfo {
    /// The numeric id.
    pub id: RepositoryId,
    /// The present `owner/name`.
    pub name: RepositoryName,
    /// The branch on which configuration is read and which pull requests aim at by default.
    pub default_branch: String,
    /// Whether it is read-only.
    pub archived: bool,
    /// Whether only invited people can see it.
    pub private: bool,
    /// The page for people.
    pub html_url: String,
}

/// What a user may do in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// GitHub's base level: `admin`, `write`, `read` or `none`.
    pub permission: String,
    /// The role, which is finer and may be an organization's own: `maintain`, `triage`, `security-lead`.
    pub role_name: Option<String>,
    /// The account that now has the login. Compare it with the sender's id: logins can change hands.
    pub user: Option<UserId>,
}

impl Permission {
    /// Whether the user may push to the repository.
    ///
    /// The base level decides, because a role's name is chosen by its organization; unknown levels may not.
    pub fn may_write(&self) -> bool {
        matches!(self.permission.as_str(), "admin" | "maintain" | "write")
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The numeric id.
    pub id: UserId,
    /// The login; for Apps with the `[bot]` suffix.
    pub login: Login,
    /// Whether GitHub calls the account a bot.
    pub is_bot: bool,
}

/// Whether an issue or pull request is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IssueState {
    /// Open.
    Open,
    /// Closed; a merged pull request is closed too.
    Closed,
}

/// An issue, or a pull request seen as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The number.
    pub number: IssueNumber,
    /// The title, as its author wrote it.
    pub title: String,
    /// The body, as its author wrote it; empty where there is none.
    pub body: String,
    /// Open or closed.
    pub state: IssueState,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// The author; `None` for a deleted account.
    pub user: Option<User>,
    /// Whether it is a pull request.
    pub is_pull: bool,
    /// Whether only collaborators may comment.
    pub locked: bool,
    /// When anything about it changed last.
    pub updated_at: Option<Timestamp>,
    /// The page for people.
    pub html_url: String,
}

/// A comment on an issue or on the conversation of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The numeric id.
    pub id: CommentId,
    /// The id that GraphQL wants, for [`Forge::minimize_comment`].
    pub node_id: String,
    /// The text.
    pub body: String,
    /// The author; `None` for a deleted account.
    pub user: Option<User>,
    /// The App that wrote it, where one did. A marker counts only together with our own id here.
    pub app: Option<AppId>,
    /// When it was written.
    pub created_at: Option<Timestamp>,
    /// When it was edited last; equal to `created_at` where never.
    pub updated_at: Option<Timestamp>,
    /// The page for people.
    pub html_url: String,
}

/// A comment on a line of a pull request, as part of a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewComment {
    /// The numeric id.
    pub id: u64,
    /// The file, relative to the repository's root.
    pub path: String,
    /// The line in the newest version of the file, where it still exists.
    pub line: Option<u32>,
    /// The text.
    pub body: String,
    /// The author; `None` for a deleted account.
    pub user: Option<User>,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// The number.
    pub number: PullNumber,
    /// The id that GraphQL wants.
    pub node_id: String,
    /// The title.
    pub title: String,
    /// The body; empty where there is none.
    pub body: String,
    /// Open or closed.
    pub state: IssueState,
    /// Whether it is a draft.
    pub draft: bool,
    /// Whether it was merged.
    pub merged: bool,
    /// The commit that merged it, once merged.
    pub merge_commit: Option<CommitId>,
    /// The branch it comes from, without the owner.
    pub head: String,
    /// The newest commit of that branch.
    pub head_commit: CommitId,
    /// The repository of that branch; `None` where it was deleted.
    pub head_repository: Option<RepositoryId>,
    /// The branch it aims at.
    pub base: String,
    /// The author; `None` for a deleted account.
    pub user: Option<User>,
    /// The page for people.
    pub html_url: String,
}

/// A pull request to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPull {
    /// The title.
    pub title: String,
    /// The body, at most 65,536 characters.
    pub body: String,
    /// The branch with the work, in the same repository.
    pub head: BranchName,
    /// The branch it aims at.
    pub base: BranchName,
    /// Whether it opens as a draft.
    pub draft: bool,
}

/// What to change about a pull request; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullChange {
    /// A new title.
    pub title: Option<String>,
    /// A new body, at most 65,536 characters.
    pub body: Option<String>,
    /// Opens or closes it.
    pub state: Option<IssueState>,
}

/// What one can react to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reactable {
    /// The first post of an issue or pull request.
    Issue(IssueNumber),
    /// A comment.
    Comment(CommentId),
}

/// The reactions that Footplate uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// 👀: seen, at work.
    Eyes,
    /// 🚀: done.
    Rocket,
    /// 😕: not possible.
    Confused,
    /// 👍: agreed.
    PlusOne,
    /// 👎: refused.
    MinusOne,
}

impl Reaction {
    /// The name in GitHub's API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eyes => "eyes",
            Self::Rocket => "rocket",
            Self::Confused => "confused",
            Self::PlusOne => "+1",
            Self::MinusOne => "-1",
        }
    }
}

/// Asks GitHub about one repository, and writes to it.
///
/// Reads may be repeated within a call; a write that creates something is sent once, and where its outcome
/// is unknown the error is [`Error::Unclear`](super::Error::Unclear): look the thing up before trying again.
///
/// # Errors
/// Every method fails as [`Error`](super::Error) says; where a method treats a missing thing as an answer,
/// its line says so.
pub trait Forge: Send + Sync + 'static {
    /// Asks what a user may do. Callers fail closed: any error is a refusal.
    fn permission(
        &self,
        repository: &Repository,
        login: &Login,
    ) -> impl Future<Output = Result<Permission>> + Send;

    /// Reads the repository itself.
    fn repository(&self, repository: &Repository) -> impl Future<Output = Result<RepositoryInfo>> + Send;

    /// Reads the commit at the end of a branch; `None` where there is no such branch.
    fn branch(
        &self,
        repository: &Repository,
        branch: &BranchName,
    ) -> impl Future<Output = Result<Option<CommitId>>> + Send;

    /// Reads an issue.
    fn issue(
        &self,
        repository: &Repository,
        number: IssueNumber,
    ) -> impl Future<Output = Result<Issue>> + Send;

    /// Lists the open issues that carry a label, without pull requests; all pages.
    fn issues_with_label(
        &self,
        repository: &Repository,
        label: &str,
    ) -> impl Future<Output = Result<Vec<Issue>>> + Send;

    /// Reads a comment; `None` where it was deleted.
    fn comment(
        &self,
        repository: &Repository,
        id: CommentId,
    ) -> impl Future<Output = Result<Option<Comment>>> + Send;

    /// Lists the comments of an issue or pull request, oldest first; all pages.
    fn comments(
        &self,
        repository: &Repository,
        number: IssueNumber,
    ) -> impl Future<Output = Result<Vec<Comment>>> + Send;

    /// Writes a comment. Not repeatable: look for it by its marker after an unclear outcome.
    fn create_comment(
        &self,
        repository: &Repository,
        number: IssueNumber,
        body: &str,
    ) -> impl Future<Output = Result<Comment>> + Send;

    /// Replaces the text of a comment; `None` where it was deleted. Repeatable.
    fn update_comment(
        &self,
        repository: &Repository,
        id: CommentId,
        body: &str,
    ) -> impl Future<Output = Result<Option<Comment>>> + Send;

    /// Deletes a comment; one that is gone already is fine. Repeatable.
    fn delete_comment(
        &self,
        repository: &Repository,
        id: CommentId,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Collapses a comment as outdated, by its [`Comment::node_id`]. Repeatable.
    fn minimize_comment(
        &self,
        repository: &Repository,
        node_id: &str,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Reacts as the App. Repeatable: GitHub keeps one reaction of a kind per account.
    fn react(
        &self,
        repository: &Repository,
        to: Reactable,
        reaction: Reaction,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Adds labels to an issue or pull request, creating missing ones in gray. Repeatable.
    fn add_labels(
        &self,
        repository: &Repository,
        number: IssueNumber,
        labels: &[&str],
    ) -> impl Future<Output = Result<()>> + Send;

    /// Removes a label from an issue or pull request; one that is not there is fine. Repeatable.
    fn remove_label(
        &self,
        repository: &Repository,
        number: IssueNumber,
        label: &str,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Creates a label in the repository unless there is one of that name; an existing one is left as it is.
    ///
    /// `color` is six hexadecimal digits without `#`; GitHub allows 100 characters of description.
    fn ensure_label(
        &self,
        repository: &Repository,
        name: &str,
        color: &str,
        description: &str,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Reads a pull request.
    fn pull(&self, repository: &Repository, number: PullNumber) -> impl Future<Output = Result<Pull>> + Send;

    /// Lists the pull requests, open and closed, from a branch of this repository; all pages.
    fn pulls_by_head(
        &self,
        repository: &Repository,
        head: &BranchName,
    ) -> impl Future<Output = Result<Vec<Pull>>> + Send;

    /// Opens a pull request. Not repeatable: look it up by its head branch after an unclear outcome.
    fn create_pull(
        &self,
        repository: &Repository,
        new: &NewPull,
    ) -> impl Future<Output = Result<Pull>> + Send;

    /// Changes a pull request. Repeatable.
    fn update_pull(
        &self,
        repository: &Repository,
        number: PullNumber,
        change: &PullChange,
    ) -> impl Future<Output = Result<Pull>> + Send;

    /// Asks people to review a pull request. Repeatable.
    fn request_review(
        &self,
        repository: &Repository,
        number: PullNumber,
        reviewers: &[Login],
    ) -> impl Future<Output = Result<()>> + Send;

    /// Lists the line comments of one review; all pages.
    fn review_comments(
        &self,
        repository: &Repository,
        number: PullNumber,
        review: u64,
    ) -> impl Future<Output = Result<Vec<ReviewComment>>> + Send;
}
