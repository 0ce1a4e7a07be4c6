//! What Footplate knows of a delivery: an owned, small extract of its payload.
//!
//! Everything is optional, because events differ, accounts get deleted and GitHub changes its payloads
//! without notice. What is missing is `None`, never a default that could be taken for an answer.

use serde::{Deserialize, Serialize};

use super::door::Rejection;
use super::payload;
use crate::model::{
    AppId, CommentId, CommitId, ContentHash, InstallationId, IssueNumber, PullNumber, RepositoryId,
    Timestamp, UserId,
};

/// The facts of one delivery, as they are stored beside its body.
///
/// Texts are kept only where a command can stand in them (comments and reviews); the text of an issue is
/// read from the body when it is needed, see [`IssueText`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The event, from `X-GitHub-Event`, such as `issues`.
    pub event: String,
    /// What happened, such as `labeled`; any word, not only those known today.
    pub action: Option<String>,
    /// The repository it happened in.
    pub repository: Option<RepositoryFacts>,
    /// The installation of the App that was told.
    pub installation: Option<InstallationId>,
    /// Who did it.
    pub sender: Option<UserFacts>,
    /// The App through which the comment, review or issue was written, where one was.
    pub via_app: Option<AppId>,
    /// The issue, or the pull request seen as one.
    pub issue: Option<IssueFacts>,
    /// The comment, of events `issue_comment` and `pull_request_review_comment`.
    pub comment: Option<CommentFacts>,
    /// The label that was added or removed.
    pub label: Option<LabelFacts>,
    /// The pull request.
    pub pull_request: Option<PullFacts>,
    /// The review, of event `pull_request_review`.
    pub review: Option<ReviewFacts>,
    /// The text before an edit, of action `edited`.
    pub body_before: Option<String>,
    /// Whether an edit changed an issue's title.
    pub title_changed: bool,
    /// What was pushed, of event `push`.
    pub push: Option<PushFacts>,
    /// The repositories that left the installation, of event `installation_repositories`.
    pub removed: Vec<RepositoryId>,
    /// Why nothing but the event is known: the payload is JSON, but of another shape than GitHub documents.
    pub unreadable: Option<String>,
}

/// A repository as a payload shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryFacts {
    /// The numeric id.
    pub id: RepositoryId,
    /// `owner/name`; unchecked text, turn it into a `RepositoryName` before use in a URL.
    pub full_name: Option<String>,
    /// The default branch.
    pub default_branch: Option<String>,
    /// Whether only invited people can see it.
    pub private: Option<bool>,
}

/// An account as a payload shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserFacts {
    /// The numeric id.
    pub id: UserId,
    /// The login; unchecked text.
    pub login: Option<String>,
    /// GitHub's kind of account: `User`, `Bot`, `Organization`, `Mannequin`.
    pub kind: Option<String>,
    /// Whether it is a program by its kind or by its `[bot]` suffix. Being one is no trust.
    pub is_bot: bool,
}

/// An issue as a payload shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueFacts {
    /// The number.
    pub number: IssueNumber,
    /// The title.
    pub title: Option<String>,
    /// `open` or `closed`.
    pub state: Option<String>,
    /// Why it was closed: `completed`, `not_planned`, `duplicate`.
    pub state_reason: Option<String>,
    /// Whether it is a pull request.
    pub is_pull_request: bool,
    /// The names of the labels it carries.
    pub labels: Vec<String>,
    /// The author; `None` for a deleted account.
    pub user: Option<UserFacts>,
    /// When it changed last; orders events that arrive out of order.
    pub updated_at: Option<Timestamp>,
}

/// A comment as a payload shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentFacts {
    /// The numeric id.
    pub id: CommentId,
    /// The text.
    pub body: String,
    /// The author; `None` for a deleted account.
    pub user: Option<UserFacts>,
    /// When it was written.
    pub created_at: Option<Timestamp>,
    /// When it was edited last.
    pub updated_at: Option<Timestamp>,
}

/// A label as a payload shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelFacts {
    /// The name.
    pub name: String,
}

/// A pull request as a payload shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullFacts {
    /// The number.
    pub number: PullNumber,
    /// `open` or `closed`.
    pub state: Option<String>,
    /// Whether it was merged.
    pub merged: bool,
    /// Who merged it.
    pub merged_by: Option<UserFacts>,
    /// The branch it comes from.
    pub head_ref: Option<String>,
    /// The newest commit of that branch.
    pub head_commit: Option<CommitId>,
    /// The repository of that branch; `None` where it was deleted.
    pub head_repository: Option<RepositoryId>,
    /// The branch it aims at.
    pub base_ref: Option<String>,
    /// The author; `None` for a deleted account.
    pub user: Option<UserFacts>,
    /// The names of the labels it carries.
    pub labels: Vec<String>,
    /// When it changed last.
    pub updated_at: Option<Timestamp>,
}

/// A review as a payload shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewFacts {
    /// The numeric id.
    pub id: u64,
    /// `approved`, `changes_requested`, `commented` or `dismissed`, in lower case.
    pub state: Option<String>,
    /// The text; empty where there is none.
    pub body: String,
    /// The author; `None` for a deleted account.
    pub user: Option<UserFacts>,
    /// The commit that was reviewed.
    pub commit: Option<CommitId>,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushFacts {
    /// The full name of the ref, such as `refs/heads/main`.
    pub reference: String,
    /// The commit before; `None` where the ref is new.
    pub before: Option<CommitId>,
    /// The commit after; `None` where the ref was deleted.
    pub after: Option<CommitId>,
    /// Whether history was rewritten.
    pub forced: bool,
}

/// The text of an issue, exactly as the delivery carried it.
///
/// It is never fetched later: between a person's label and our reading, a stranger could edit it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueText {
    /// The title.
    pub title: String,
    /// The body; empty where there is none.
    pub body: String,
}

impl IssueText {
    /// Reads the text of the issue, or else of the pull request, from the body of a delivery; `None` where it
    /// carries neither.
    ///
    /// # Errors
    /// The body is no JSON object in UTF-8, or is nested too deep.
    pub fn read(body: &[u8]) -> Result<Option<Self>, Rejection> {
        payload::issue_text(body)
    }

    /// Identifies the text, for binding an approval to it.
    ///
    /// The title's length stands in front, so that no text can be moved between title and body unnoticed.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(format!("{}\n{}\n{}", self.title.len(), self.title, self.body))
    }
}

impl Facts {
    /// Reads the facts from the body of a delivery that came through the [`Door`](super::Door) before.
    ///
    /// # Errors
    /// The body is no JSON object in UTF-8, or is nested too deep.
    pub fn read(event: &str, body: &[u8]) -> Result<Self, Rejection> {
        payload::facts(event, body)
    }

    /// The number of the issue or pull request that the delivery is about.
    pub fn number(&self) -> Option<u64> {
        let issue = self.issue.as_ref().map(|issue| issue.number.0);
        issue.or_else(|| self.pull_request.as_ref().map(|pull| pull.number.0))
    }
}

/// The line in which deliveries wait for each other: `repository#number`, else the repository, else `-`.
///
/// Inputs of one issue are decided in the order of their arrival. The ids are numeric, so that a rename in
/// between changes nothing.
pub fn lane(facts: &Facts) -> String {
    match (&facts.repository, facts.number()) {
        (Some(repository), Some(number)) => format!("{}#{number}", repository.id),
        (Some(repository), None) => repository.id.to_string(),
        (None, _) => "-".to_owned(),
    }
}
