//! The shapes of GitHub's answers, with the few fields that Footplate reads, and what they become.

use serde::Deserialize;

use super::forge::{Comment, Issue, IssueState, Permission, Pull, RepositoryInfo, ReviewComment, User};
use crate::model::{
    AppId, CommentId, CommitId, InstallationId, IssueNumber, Login, PullNumber, RepositoryId, RepositoryName,
    Timestamp, UserId,
};

#[derive(Deserialize)]
pub(super) struct IdView {
    pub(super) id: u64,
}

#[derive(Deserialize)]
pub(super) struct UserView {
    pub(super) id: u64,
    pub(super) login: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl UserView {
    /// `None` where the login is none that GitHub gives out today; such a user has no rights either.
    pub(super) fn into_user(self) -> Option<User> {
        let is_bot = self.kind.as_deref() == Some("Bot") || self.login.ends_with("[bot]");
        Some(User {
            id: UserId(self.id),
            login: Login::new(self.login).ok()?,
            is_bot,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct PermissionView {
    permission: String,
    role_name: Option<String>,
    user: Option<UserView>,
}

impl From<PermissionView> for Permission {
    fn from(view: PermissionView) -> Self {
        Self {
            permission: view.permission,
            role_name: view.role_name,
            user: view.user.map(|user| UserId(user.id)),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RepositoryView {
    id: u64,
    full_name: RepositoryName,
    default_branch: Option<String>,
    #[serde(default)]
    archived: bool,
    private: Option<bool>,
    html_url: Option<String>,
}

impl RepositoryView {
    pub(super) fn reference(self, installation: InstallationId) -> super::Repository {
        super::Repository {
            installation,
            id: RepositoryId(self.id),
            name: self.full_name,
        }
    }
}

impl From<RepositoryView> for RepositoryInfo {
    fn from(view: RepositoryView) -> Self {
        Self {
            id: RepositoryId(view.id),
            name: view.full_name,
            default_branch: view.default_branch.unwrap_or_else(|| "main".to_owned()),
            archived: view.archived,
            // Where GitHub does not say, nothing may be shown in public.
            private: view.private.unwrap_or(true),
            html_url: view.html_url.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RefView {
    pub(super) object: ObjectView,
}

#[derive(Deserialize)]
pub(super) struct ObjectView {
    pub(super) sha: CommitId,
}

/// A label within an issue: an object, or in old records its bare name.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum LabelView {
    Object { name: Option<String> },
    Name(String),
}

#[derive(Deserialize)]
pub(super) struct IssueView {
    number: u64,
    title: String,
    body: Option<String>,
    state: IssueState,
    #[serde(default)]
    labels: Vec<LabelView>,
    user: Option<UserView>,
    pull_request: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    locked: bool,
    updated_at: Option<String>,
    html_url: Option<String>,
}

impl From<IssueView> for Issue {
    fn from(view: IssueView) -> Self {
        let name = |label| match label {
            LabelView::Object { name } => name,
            LabelView::Name(name) => Some(name),
        };
        Self {
            number: IssueNumber(view.number),
            title: view.title,
            body: view.body.unwrap_or_default(),
            state: view.state,
            labels: view.labels.into_iter().filter_map(name).collect(),
            user: view.user.and_then(UserView::into_user),
            is_pull: view.pull_request.is_some(),
            locked: view.locked,
            updated_at: time(view.updated_at.as_deref()),
            html_url: view.html_url.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct CommentView {
    id: u64,
    node_id: Option<String>,
    body: Option<String>,
    user: Option<UserView>,
    performed_via_github_app: Option<IdView>,
    created_at: Option<String>,
    updated_at: Option<String>,
    html_url: Option<String>,
}

impl From<CommentView> for Comment {
    fn from(view: CommentView) -> Self {
        Self {
            id: CommentId(view.id),
            node_id: view.node_id.unwrap_or_default(),
            body: view.body.unwrap_or_default(),
            user: view.user.and_then(UserView::into_user),
            app: view.performed_via_github_app.map(|app| AppId(app.id)),
            created_at: time(view.created_at.as_deref()),
            updated_at: time(view.updated_at.as_deref()),
            html_url: view.html_url.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct ReviewCommentView {
    id: u64,
    path: String,
    line: Option<u32>,
    body: Option<String>,
    user: Option<UserView>,
}

impl From<ReviewCommentView> for ReviewComment {
    fn from(view: ReviewCommentView) -> Self {
        Self {
            id: view.id,
            path: view.path,
            line: view.line,
            body: view.body.unwrap_or_default(),
            user: view.user.and_then(UserView::into_user),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct EndView {
    #[serde(rename = "ref")]
    reference: String,
    sha: CommitId,
    repo: Option<IdView>,
}

#[derive(Deserialize)]
pub(super) struct PullView {
    number: u64,
    node_id: Option<String>,
    title: String,
    body: Option<String>,
    state: IssueState,
    draft: Option<bool>,
    // Lists carry `merged_at` only, single pull requests carry both.
    merged: Option<bool>,
    merged_at: Option<String>,
    merge_commit_sha: Option<CommitId>,
    head: EndView,
    base: EndView,
    user: Option<UserView>,
    html_url: Option<String>,
}

impl From<PullView> for Pull {
    fn from(view: PullView) -> Self {
        let merged = view.merged.unwrap_or(false) || view.merged_at.is_some();
        Self {
            number: PullNumber(view.number),
            node_id: view.node_id.unwrap_or_default(),
            title: view.title,
            body: view.body.unwrap_or_default(),
            state: view.state,
            draft: view.draft.unwrap_or(false),
            merged,
            // Before the merge the field holds a commit of GitHub's own, made to see whether it merges.
            merge_commit: view.merge_commit_sha.filter(|_| merged),
            head: view.head.reference,
            head_commit: view.head.sha,
            head_repository: view.head.repo.map(|repo| RepositoryId(repo.id)),
            base: view.base.reference,
            user: view.user.and_then(UserView::into_user),
            html_url: view.html_url.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct TokenView {
    pub(super) token: secrecy::SecretString,
    pub(super) expires_at: Option<String>,
}

/// What GraphQL answers: a success by status may hold errors.
#[derive(Deserialize)]
pub(super) struct GraphView {
    #[serde(default)]
    pub(super) errors: Option<Vec<GraphError>>,
}

#[derive(Deserialize)]
pub(super) struct GraphError {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) message: Option<String>,
}

pub(super) fn time(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(Timestamp::parse)
}
