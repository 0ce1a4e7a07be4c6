//! The fields that are read, borrowed from the body, and the facts that they become.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::github::facts::{
    CommentFacts, Facts, IssueFacts, IssueText, LabelFacts, PullFacts, PushFacts, RepositoryFacts,
    ReviewFacts, UserFacts,
};
use crate::model::{
    AppId, CommentId, CommitId, InstallationId, IssueNumber, PullNumber, RepositoryId, Timestamp, UserId,
};

/// A text that is borrowed where it holds no escapes. (`Option<Cow<str>>` alone would always be copied.)
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.0.into_owned()
    }
}

impl Text<'_> {
    fn timestamp(self) -> Option<Timestamp> {
        Timestamp::parse(&self.0)
    }

    /// A commit, where it is one: GitHub writes forty zeros for "none".
    fn commit(self) -> Option<CommitId> {
        let is_zero = self.0.bytes().all(|byte| byte == b'0');
        CommitId::new(self.0).ok().filter(|_| !is_zero)
    }
}

#[derive(Deserialize)]
pub(super) struct Core<'a> {
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    repository: Option<RepositoryView<'a>>,
    installation: Option<IdView>,
}

#[derive(Deserialize)]
pub(super) struct View<'a> {
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    repository: Option<RepositoryView<'a>>,
    installation: Option<IdView>,
    #[serde(borrow)]
    sender: Option<UserView<'a>>,
    #[serde(borrow)]
    issue: Option<IssueView<'a>>,
    #[serde(borrow)]
    comment: Option<CommentView<'a>>,
    #[serde(borrow)]
    label: Option<LabelView<'a>>,
    #[serde(borrow)]
    pull_request: Option<PullView<'a>>,
    #[serde(borrow)]
    review: Option<ReviewView<'a>>,
    #[serde(borrow)]
    changes: Option<ChangesView<'a>>,
    #[serde(borrow, rename = "ref")]
    reference: Option<Text<'a>>,
    #[serde(borrow)]
    before: Option<Text<'a>>,
    #[serde(borrow)]
    after: Option<Text<'a>>,
    forced: Option<bool>,
    repositories_removed: Option<Vec<IdView>>,
}

#[derive(Deserialize)]
struct IdView {
    id: Option<u64>,
}

#[derive(Deserialize)]
struct RepositoryView<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    full_name: Option<Text<'a>>,
    #[serde(borrow)]
    default_branch: Option<Text<'a>>,
    private: Option<bool>,
}

#[derive(Deserialize)]
struct UserView<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    login: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct LabelView<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct IssueView<'a> {
    number: Option<u64>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    state: Option<Text<'a>>,
    #[serde(borrow)]
    state_reason: Option<Text<'a>>,
    pull_request: Option<IgnoredAny>,
    #[serde(borrow)]
    labels: Option<Vec<LabelView<'a>>>,
    #[serde(borrow)]
    user: Option<UserView<'a>>,
    performed_via_github_app: Option<IdView>,
    #[serde(borrow)]
    updated_at: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct CommentView<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    #[serde(borrow)]
    user: Option<UserView<'a>>,
    performed_via_github_app: Option<IdView>,
    #[serde(borrow)]
    created_at: Option<Text<'a>>,
    #[serde(borrow)]
    updated_at: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct PullView<'a> {
    number: Option<u64>,
    #[serde(borrow)]
    state: Option<Text<'a>>,
    merged: Option<bool>,
    #[serde(borrow)]
    merged_at: Option<Text<'a>>,
    #[serde(borrow)]
    merged_by: Option<UserView<'a>>,
    #[serde(borrow)]
    head: Option<EndView<'a>>,
    #[serde(borrow)]
    base: Option<EndView<'a>>,
    #[serde(borrow)]
    user: Option<UserView<'a>>,
    #[serde(borrow)]
    labels: Option<Vec<LabelView<'a>>>,
    #[serde(borrow)]
    updated_at: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct EndView<'a> {
    #[serde(borrow, rename = "ref")]
    reference: Option<Text<'a>>,
    #[serde(borrow)]
    sha: Option<Text<'a>>,
    repo: Option<IdView>,
}

#[derive(Deserialize)]
struct ReviewView<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    state: Option<Text<'a>>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    #[serde(borrow)]
    user: Option<UserView<'a>>,
    #[serde(borrow)]
    commit_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ChangesView<'a> {
    #[serde(borrow)]
    body: Option<FromView<'a>>,
    title: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct FromView<'a> {
    #[serde(borrow)]
    from: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct TextView<'a> {
    #[serde(borrow)]
    issue: Option<TitledView<'a>>,
    #[serde(borrow)]
    pull_request: Option<TitledView<'a>>,
}

#[derive(Deserialize)]
struct TitledView<'a> {
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
}

impl Core<'_> {
    pub(super) fn add_to(self, facts: &mut Facts) {
        facts.action = self.action.map(String::from);
        facts.repository = self.repository.and_then(RepositoryView::into_facts);
        facts.installation = self.installation.and_then(|it| it.id).map(InstallationId);
    }
}

impl TextView<'_> {
    pub(super) fn into_text(self) -> Option<IssueText> {
        self.issue.or(self.pull_request).map(|text| IssueText {
            title: text.title.map(String::from).unwrap_or_default(),
            body: text.body.map(String::from).unwrap_or_default(),
        })
    }
}

impl View<'_> {
    pub(super) fn into_facts(self, event: &str) -> Facts {
        let action = self.action.map(String::from);
        // A comment says through which App it was written. An issue says it too, but of its opening only:
        // on every later event that would be about somebody else.
        let via_app = match (&self.comment, &self.issue) {
            (Some(comment), _) => comment.performed_via_github_app.as_ref(),
            (None, Some(issue)) if action.as_deref() == Some("opened") => {
                issue.performed_via_github_app.as_ref()
            }
            _ => None,
        };
        let via_app = via_app.and_then(|app| app.id).map(AppId);
        let (reference, before, after) = (self.reference, self.before, self.after);
        let push = (event == "push")
            .then_some(reference)
            .flatten()
            .map(|reference| PushFacts {
                reference: reference.into(),
                before: before.and_then(Text::commit),
                after: after.and_then(Text::commit),
                forced: self.forced.unwrap_or(false),
            });
        Facts {
            event: event.to_owned(),
            action,
            repository: self.repository.and_then(RepositoryView::into_facts),
            installation: self.installation.and_then(|it| it.id).map(InstallationId),
            sender: self.sender.and_then(UserView::into_facts),
            via_app,
            issue: self.issue.and_then(IssueView::into_facts),
            comment: self.comment.and_then(CommentView::into_facts),
            label: self
                .label
                .and_then(|label| label.name)
                .map(|name| LabelFacts { name: name.into() }),
            pull_request: self.pull_request.and_then(PullView::into_facts),
            review: self.review.and_then(ReviewView::into_facts),
            title_changed: self
                .changes
                .as_ref()
                .is_some_and(|changes| changes.title.is_some()),
            body_before: self
                .changes
                .and_then(|changes| changes.body?.from)
                .map(String::from),
            push,
            removed: self
                .repositories_removed
                .into_iter()
                .flatten()
                .filter_map(|it| it.id)
                .map(RepositoryId)
                .collect(),
            unreadable: None,
        }
    }
}

impl RepositoryView<'_> {
    fn into_facts(self) -> Option<RepositoryFacts> {
        Some(RepositoryFacts {
            id: RepositoryId(self.id?),
            full_name: self.full_name.map(String::from),
            default_branch: self.default_branch.map(String::from),
            private: self.private,
        })
    }
}

impl UserView<'_> {
    fn into_facts(self) -> Option<UserFacts> {
        let (login, kind) = (self.login.map(String::from), self.kind.map(String::from));
        let is_bot =
            kind.as_deref() == Some("Bot") || login.as_deref().is_some_and(|it| it.ends_with("[bot]"));
        Some(UserFacts {
            id: UserId(self.id?),
            login,
            kind,
            is_bot,
        })
    }
}

impl IssueView<'_> {
    fn into_facts(self) -> Option<IssueFacts> {
        Some(IssueFacts {
            number: IssueNumber(self.number?),
            title: self.title.map(String::from),
            state: self.state.map(String::from),
            state_reason: self.state_reason.map(String::from),
            is_pull_request: self.pull_request.is_some(),
            labels: names(self.labels),
            user: self.user.and_then(UserView::into_facts),
            updated_at: self.updated_at.and_then(Text::timestamp),
        })
    }
}

impl CommentView<'_> {
    fn into_facts(self) -> Option<CommentFacts> {
        Some(CommentFacts {
            id: CommentId(self.id?),
            body: self.body.map(String::from).unwrap_or_default(),
            user: self.user.and_then(UserView::into_facts),
            created_at: self.created_at.and_then(Text::timestamp),
            updated_at: self.updated_at.and_then(Text::timestamp),
        })
    }
}

impl PullView<'_> {
    fn into_facts(self) -> Option<PullFacts> {
        let (mut head_ref, mut head_commit, mut head_repository) = (None, None, None);
        if let Some(head) = self.head {
            head_ref = head.reference.map(String::from);
            head_commit = head.sha.and_then(Text::commit);
            head_repository = head.repo.and_then(|repo| repo.id).map(RepositoryId);
        }
        Some(PullFacts {
            number: PullNumber(self.number?),
            state: self.state.map(String::from),
            merged: self.merged.unwrap_or(self.merged_at.is_some()),
            merged_by: self.merged_by.and_then(UserView::into_facts),
            head_ref,
            head_commit,
            head_repository,
            base_ref: self.base.and_then(|base| base.reference).map(String::from),
            user: self.user.and_then(UserView::into_facts),
            labels: names(self.labels),
            updated_at: self.updated_at.and_then(Text::timestamp),
        })
    }
}

impl ReviewView<'_> {
    fn into_facts(self) -> Option<ReviewFacts> {
        Some(ReviewFacts {
            id: self.id?,
            state: self.state.map(|state| state.0.to_ascii_lowercase()),
            body: self.body.map(String::from).unwrap_or_default(),
            user: self.user.and_then(UserView::into_facts),
            commit: self.commit_id.and_then(Text::commit),
        })
    }
}

fn names(labels: Option<Vec<LabelView<'_>>>) -> Vec<String> {
    labels
        .unwrap_or_default()
        .into_iter()
        .filter_map(|label| label.name)
        .map(String::from)
        .collect()
}
