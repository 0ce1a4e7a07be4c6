//! Issues and pull requests, which share one sequence of numbers, and what is said in them.

use serde_json::Value;

use crate::model::Timestamp;

/// An issue, or a pull request where `pull` is there.
#[derive(Debug, Clone)]
pub struct Thread {
    /// The numeric id of the issue side.
    pub id: u64,
    /// The number within the repository.
    pub number: u64,
    /// The title.
    pub title: String,
    /// The text; GitHub distinguishes none from empty.
    pub body: Option<String>,
    /// Who opened it.
    pub author: u64,
    /// Through which App.
    pub app: Option<u64>,
    /// Whether it is open.
    pub open: bool,
    /// Why it was closed: `completed`, `not_planned`; `reopened` for open ones that were closed.
    pub state_reason: Option<String>,
    /// Whether only collaborators may comment.
    pub locked: bool,
    /// Ids of its labels, in the order they were put on.
    pub labels: Vec<u64>,
    /// Ids of assigned accounts.
    pub assignees: Vec<u64>,
    /// What was said, oldest first.
    pub comments: Vec<Comment>,
    /// Reactions to the opening text.
    pub reactions: Vec<Reaction>,
    /// What happened, oldest first.
    pub events: Vec<LoggedEvent>,
    /// Edits of the opening text, oldest first.
    pub edits: Vec<Edit>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When anything in it last changed.
    pub updated_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// By whom it was closed.
    pub closed_by: Option<u64>,
    /// What makes it a pull request.
    pub pull: Option<Pull>,
}

/// An edit of a text.
#[derive(Debug, Clone)]
pub struct Edit {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub editor: u64,
    /// What it said before.
    pub before: String,
}

/// A comment in an issue or a pull request.
#[derive(Debug, Clone)]
pub struct Comment {
    /// The numeric id; ids grow with time over all repositories.
    pub id: u64,
    /// Who wrote it.
    pub author: u64,
    /// Through which App.
    pub app: Option<u64>,
    /// The text.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last touched.
    pub updated_at: Timestamp,
    /// Edits of the text, oldest first.
    pub edits: Vec<Edit>,
    /// Why it is collapsed, in GraphQL's words (`OUTDATED`), where it is.
    pub minimized: Option<String>,
    /// Reactions.
    pub reactions: Vec<Reaction>,
}

/// A reaction.
#[derive(Debug, Clone)]
pub struct Reaction {
    /// The numeric id.
    pub id: u64,
    /// Whose.
    pub user: u64,
    /// One of `+1 -1 laugh confused heart hooray rocket eyes`.
    pub content: String,
    /// When.
    pub created_at: Timestamp,
}

/// An entry of the event list.
#[derive(Debug, Clone)]
pub struct LoggedEvent {
    /// The numeric id.
    pub id: u64,
    /// By whom.
    pub actor: u64,
    /// The word: `labeled`, `closed`, `renamed`, …
    pub event: String,
    /// Fields beyond the usual ones, such as `label`.
    pub extra: Value,
    /// When.
    pub created_at: Timestamp,
}

/// What a pull request has beyond an issue.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The numeric id of the pull request side.
    pub id: u64,
    /// The branch with the change.
    pub head_ref: String,
    /// Its commit, as of the last push while open.
    pub head_sha: String,
    /// The branch it shall go to.
    pub base_ref: String,
    /// That branch's commit when the pull request was opened.
    pub base_sha: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// When it was merged.
    pub merged_at: Option<Timestamp>,
    /// By whom.
    pub merged_by: Option<u64>,
    /// The commit that merged it.
    pub merge_commit: Option<String>,
    /// Accounts asked for a review.
    pub requested_reviewers: Vec<u64>,
    /// Reviews, oldest first.
    pub reviews: Vec<Review>,
    /// Comments on lines, oldest first.
    pub review_comments: Vec<ReviewComment>,
}

/// What a review says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewState {
    /// Not yet sent.
    Pending,
    /// Only remarks.
    Commented,
    /// Approved.
    Approved,
    /// Changes requested.
    ChangesRequested,
    /// Taken back by somebody who may.
    Dismissed,
}

impl ReviewState {
    /// The word in the REST API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Commented => "COMMENTED",
            Self::Approved => "APPROVED",
            Self::ChangesRequested => "CHANGES_REQUESTED",
            Self::Dismissed => "DISMISSED",
        }
    }
}

/// A review of a pull request.
#[derive(Debug, Clone)]
pub struct Review {
    /// The numeric id.
    pub id: u64,
    /// Whose.
    pub author: u64,
    /// What it says.
    pub state: ReviewState,
    /// The text.
    pub body: String,
    /// Of which commit.
    pub commit: String,
    /// When it was sent.
    pub submitted_at: Timestamp,
}

/// A comment on a line of a pull request.
#[derive(Debug, Clone)]
pub struct ReviewComment {
    /// The numeric id.
    pub id: u64,
    /// The review it belongs to.
    pub review: u64,
    /// The comment it answers.
    pub in_reply_to: Option<u64>,
    /// Whose.
    pub author: u64,
    /// The text.
    pub body: String,
    /// The file.
    pub path: String,
    /// The line in the new file.
    pub line: u64,
    /// Of which commit.
    pub commit: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last touched.
    pub updated_at: Timestamp,
}
