//! GitHub and git as a plain world in memory, in which any call may be done and yet answered with an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard};

use crate::git::{Change, ChangeKind, CommitOrder, Entry, EntryKind, Expected, Push, Pushed, TreePath};
use crate::github::{
    Comment, Error, Forge, Issue, IssueState, NewPull, Permission, Pull, PullChange, Reactable, Reaction,
    Repository, RepositoryInfo, Result, ReviewComment, User,
};
use crate::model::{
    AppId, BranchName, CommentId, CommitId, ContentHash, IssueNumber, Login, PullNumber, RepositoryId,
    Timestamp, UserId,
};
use crate::publish::{Error as Failed, Identity, Tree};

pub(super) const ISSUE: IssueNumber = IssueNumber(12);
pub(super) const REPOSITORY: RepositoryId = RepositoryId(7);

pub(super) fn identity() -> Identity {
    Identity {
        app: AppId(99),
        slug: "footplate".to_owned(),
        bot: UserId(4_242),
        noreply: "users.noreply.github.com".to_owned(),
    }
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is done, and answered with an error.
    Unclear,
    /// It is not done.
    Undone,
}

pub(super) struct World {
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) comments: BTreeMap<IssueNumber, Vec<Comment>>,
    pub(super) labels: BTreeSet<String>,
    pub(super) known_labels: BTreeSet<String>,
    pub(super) pulls: Vec<Pull>,
    pub(super) reactions: BTreeSet<(CommentId, &'static str)>,
    pub(super) minimized: BTreeSet<String>,
    pub(super) reviewers: Vec<Login>,
    pub(super) commits: BTreeMap<CommitId, Stored>,
    pub(super) branches: BTreeMap<String, CommitId>,
    pub(super) held: BTreeMap<String, CommitId>,
    pub(super) refuses_pushes: Option<String>,
    pub(super) has_no_drafts: bool,
    pub(super) fault: Option<(usize, Fault)>,
    /// Every call, in order.
    pub(super) calls: Vec<&'static str>,
    next: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Stored {
    pub(super) files: BTreeMap<String, String>,
    pub(super) parents: Vec<CommitId>,
    pub(super) message: String,
}

impl World {
    pub(super) fn new() -> Self {
        let mut state = State {
            next: 1_000,
            ..State::default()
        };
        state.labels.insert("agent:build".to_owned());
        state.labels.insert("bug".to_owned());
        Self {
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Makes a commit out of nowhere, as a person or an agent's snapshot would.
    pub(super) fn plant(&self, files: &[(&str, &str)], parents: &[&CommitId]) -> CommitId {
        let stored = Stored {
            files: files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
            parents: parents.iter().map(|id| (*id).clone()).collect(),
            message: "planted".to_owned(),
        };
        self.state().store(stored)
    }

    /// Writes a comment as somebody else.
    pub(super) fn stranger_says(&self, body: &str) -> CommentId {
        let mut state = self.state();
        let user = User {
            id: UserId(666),
            login: Login::new("mallory").unwrap(),
            is_bot: false,
        };
        state.comment(ISSUE, body, Some(user), None, false).id
    }

    /// All bodies of comments of ours that have a marker of this kind.
    pub(super) fn ours(&self, kind: &str) -> Vec<Comment> {
        let state = self.state();
        let kind = format!(" kind={kind} ");
        let all = state.comments.values().flatten();
        all.filter(|comment| comment.app == Some(AppId(99)) && comment.body.contains(&kind))
            .cloned()
            .collect()
    }

    fn call<T, E: From<Unclear>>(
        &self,
        name: &'static str,
        act: impl FnOnce(&mut State) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut state = self.state();
        state.calls.push(name);
        let count = state.calls.len();
        let fault = state.fault.filter(|(at, _)| *at == count).map(|(_, fault)| fault);
        if fault == Some(Fault::Undone) {
            return Err(E::from(Unclear));
        }
        let answer = act(&mut state);
        if fault == Some(Fault::Unclear) {
            return Err(E::from(Unclear));
        }
        answer
    }
}

/// The answer to a call that went wrong.
struct Unclear;

impl From<Unclear> for Error {
    fn from(_: Unclear) -> Self {
        Self::Unclear {
            why: "the connection broke".to_owned(),
        }
    }
}

impl From<Unclear> for Failed {
    fn from(_: Unclear) -> Self {
        Self::Transient {
            why: "the connection broke".to_owned(),
            after: None,
        }
    }
}

impl State {
    fn store(&mut self, stored: Stored) -> CommitId {
        let hash = ContentHash::of(format!("{stored:?}")).to_string();
        let id = CommitId::new(&hash[..40]).unwrap();
        self.commits.insert(id.clone(), stored);
        id
    }

    pub(super) fn comment(
        &mut self,
        thread: IssueNumber,
        body: &str,
        user: Option<User>,
        app: Option<AppId>,
        on_pull: bool,
    ) -> Comment {
        self.next += 1;
        let id = CommentId(self.next);
        let kind = if on_pull { "pull" } else { "issues" };
        let comment = Comment {
            id,
            node_id: format!("IC_{id}"),
            body: body.to_owned(),
            user,
            app,
            created_at: None,
            updated_at: None,
            html_url: format!("https://github.com/o/r/{kind}/{thread}#issuecomment-{id}"),
        };
        self.comments.entry(thread).or_default().push(comment.clone());
        comment
    }

    fn find(&mut self, id: CommentId) -> Option<&mut Comment> {
        self.comments
            .values_mut()
            .flatten()
            .find(|comment| comment.id == id)
    }

    fn diff(&self, from: &CommitId, to: &CommitId) -> Vec<Change> {
        let (old, new) = (&self.commits[from].files, &self.commits[to].files);
        let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        paths
            .into_iter()
            .filter(|path| old.get(*path) != new.get(*path))
            .map(|path| Change {
                path: TreePath::new(path.as_bytes()),
                kind: match (old.get(path), new.get(path)) {
                    (None, _) => ChangeKind::Added,
                    (_, None) => ChangeKind::Deleted,
                    _ => ChangeKind::Modified,
                },
                old: old.get(path).map(|text| entry(text)),
                new: new.get(path).map(|text| entry(text)),
                additions: lines(new.get(path)),
                deletions: lines(old.get(path)),
                binary: false,
            })
            .collect()
    }

    fn is_ancestor(&self, ancestor: &CommitId, descendant: &CommitId) -> bool {
        let parents = || self.commits[descendant].parents.iter();
        ancestor == descendant || parents().any(|parent| self.is_ancestor(ancestor, parent))
    }
}

/// A file whose text begins with `->` stands for a link.
fn entry(text: &str) -> Entry {
    let kind = match text.strip_prefix("->") {
        Some(target) => EntryKind::Link(target.as_bytes().to_vec()),
        None => EntryKind::File,
    };
    Entry {
        kind,
        bytes: text.len() as u64,
    }
}

fn lines(text: Option<&String>) -> u64 {
    text.map_or(0, |text| text.lines().count() as u64)
}

fn bot() -> User {
    User {
        id: identity().bot,
        login: Login::new("footplate[bot]").unwrap(),
        is_bot: true,
    }
}

fn missing<T>(what: &str) -> Result<T> {
    Err(Error::NotFound {
        what: what.to_owned(),
    })
}

impl Forge for World {
    async fn permission(&self, _: &Repository, _: &Login) -> Result<Permission> {
        missing("permission")
    }

    async fn repository(&self, _: &Repository) -> Result<RepositoryInfo> {
        missing("repository")
    }

    async fn branch(&self, _: &Repository, branch: &BranchName) -> Result<Option<CommitId>> {
        self.call("branch", |state| Ok(state.branches.get(branch.as_str()).cloned()))
    }

    async fn issue(&self, _: &Repository, number: IssueNumber) -> Result<Issue> {
        self.call("issue", |state| {
            Ok(Issue {
                number,
                title: String::new(),
                body: String::new(),
                state: IssueState::Open,
                labels: state.labels.iter().cloned().collect(),
                user: None,
                is_pull: false,
                locked: false,
                updated_at: None,
                html_url: String::new(),
            })
        })
    }

    async fn issues_with_label(&self, _: &Repository, _: &str) -> Result<Vec<Issue>> {
        Ok(Vec::new())
    }

    async fn comment(&self, _: &Repository, id: CommentId) -> Result<Option<Comment>> {
        self.call("comment", |state| Ok(state.find(id).cloned()))
    }

    async fn comments(&self, _: &Repository, number: IssueNumber) -> Result<Vec<Comment>> {
        self.call("comments", |state| {
            Ok(state.comments.get(&number).cloned().unwrap_or_default())
        })
    }

    async fn create_comment(&self, _: &Repository, number: IssueNumber, body: &str) -> Result<Comment> {
        self.call("create_comment", |state| {
            Ok(state.comment(number, body, Some(bot()), Some(identity().app), number != ISSUE))
        })
    }

    async fn update_comment(&self, _: &Repository, id: CommentId, body: &str) -> Result<Option<Comment>> {
        self.call("update_comment", |state| {
            Ok(state.find(id).map(|comment| {
                body.clone_into(&mut comment.body);
                comment.clone()
            }))
        })
    }

    async fn delete_comment(&self, _: &Repository, id: CommentId) -> Result<()> {
        self.call("delete_comment", |state| {
            for thread in state.comments.values_mut() {
                thread.retain(|comment| comment.id != id);
            }
            Ok(())
        })
    }

    async fn minimize_comment(&self, _: &Repository, node_id: &str) -> Result<()> {
        self.call("minimize_comment", |state| {
            state.minimized.insert(node_id.to_owned());
            Ok(())
        })
    }

    async fn react(&self, _: &Repository, to: Reactable, reaction: Reaction) -> Result<()> {
        self.call("react", |state| {
            if let Reactable::Comment(id) = to {
                state.reactions.insert((id, reaction.as_str()));
            }
            Ok(())
        })
    }

    async fn add_labels(&self, _: &Repository, _: IssueNumber, labels: &[&str]) -> Result<()> {
        self.call("add_labels", |state| {
            state
                .labels
                .extend(labels.iter().map(|label| (*label).to_owned()));
            Ok(())
        })
    }

    async fn remove_label(&self, _: &Repository, _: IssueNumber, label: &str) -> Result<()> {
        self.call("remove_label", |state| {
            state.labels.remove(label);
            Ok(())
        })
    }

    async fn ensure_label(&self, _: &Repository, name: &str, color: &str, description: &str) -> Result<()> {
        assert!(color.len() == 6 && description.len() <= 100, "{name}");
        self.call("ensure_label", |state| {
            state.known_labels.insert(name.to_owned());
            Ok(())
        })
    }

    async fn pull(&self, _: &Repository, _: PullNumber) -> Result<Pull> {
        missing("pull request")
    }

    async fn pulls_by_head(&self, _: &Repository, head: &BranchName) -> Result<Vec<Pull>> {
        self.call("pulls_by_head", |state| {
            let of_branch = state.pulls.iter().filter(|pull| pull.head == head.as_str());
            Ok(of_branch.cloned().collect())
        })
    }

    async fn create_pull(&self, repository: &Repository, new: &NewPull) -> Result<Pull> {
        let invalid = |message: &str| {
            Err(Error::Invalid {
                message: "Validation Failed".to_owned(),
                errors: vec![message.to_owned()],
            })
        };
        self.call("create_pull", |state| {
            if new.draft && state.has_no_drafts {
                return invalid("Draft pull requests are not supported in this repository.");
            }
            let Some(head_commit) = state.branches.get(new.head.as_str()).cloned() else {
                return invalid("head invalid");
            };
            let is_open = |pull: &Pull| pull.head == new.head.as_str() && pull.state == IssueState::Open;
            if state.pulls.iter().any(is_open) {
                return invalid("A pull request already exists for o:branch.");
            }
            let number = PullNumber(30 + state.pulls.len() as u64);
            let pull = Pull {
                number,
                node_id: format!("PR_{number}"),
                title: new.title.clone(),
                body: new.body.clone(),
                state: IssueState::Open,
                draft: new.draft,
                merged: false,
                merge_commit: None,
                head: new.head.to_string(),
                head_commit,
                head_repository: Some(repository.id),
                base: new.base.to_string(),
                user: Some(bot()),
                html_url: format!("https://github.com/o/r/pull/{number}"),
            };
            state.pulls.push(pull.clone());
            Ok(pull)
        })
    }

    async fn update_pull(&self, _: &Repository, number: PullNumber, change: &PullChange) -> Result<Pull> {
        self.call("update_pull", |state| {
            let Some(pull) = state.pulls.iter_mut().find(|pull| pull.number == number) else {
                return missing("pull request");
            };
            if let Some(title) = &change.title {
                pull.title.clone_from(title);
            }
            if let Some(body) = &change.body {
                pull.body.clone_from(body);
            }
            Ok(pull.clone())
        })
    }

    async fn request_review(&self, _: &Repository, _: PullNumber, reviewers: &[Login]) -> Result<()> {
        self.call("request_review", |state| {
            state.reviewers.extend(reviewers.iter().cloned());
            Ok(())
        })
    }

    async fn review_comments(&self, _: &Repository, _: PullNumber, _: u64) -> Result<Vec<ReviewComment>> {
        Ok(Vec::new())
    }
}

impl Tree for World {
    async fn fetch(&self, _: &Repository) -> std::result::Result<(), Failed> {
        self.call("fetch", |_| Ok(()))
    }

    async fn head_of(
        &self,
        _: &Repository,
        branch: &BranchName,
    ) -> std::result::Result<Option<CommitId>, Failed> {
        self.call("head_of", |state| {
            Ok(state.branches.get(branch.as_str()).cloned())
        })
    }

    async fn remote_head(
        &self,
        _: &Repository,
        branch: &BranchName,
    ) -> std::result::Result<Option<CommitId>, Failed> {
        self.call("remote_head", |state| {
            Ok(state.branches.get(branch.as_str()).cloned())
        })
    }

    async fn commit(&self, _: &Repository, order: CommitOrder) -> std::result::Result<CommitId, Failed> {
        self.call("commit", |state| {
            let stored = Stored {
                files: state.commits[&order.tree_of].files.clone(),
                parents: order.parents.clone(),
                message: format!("{}\n{}", order.message, Timestamp(order.at.0)),
            };
            Ok(state.store(stored))
        })
    }

    async fn changes(
        &self,
        _: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> std::result::Result<Vec<Change>, Failed> {
        self.call("changes", |state| Ok(state.diff(from, to)))
    }

    async fn touched_between(
        &self,
        _: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> std::result::Result<Vec<TreePath>, Failed> {
        self.call("touched_between", |state| {
            Ok(state
                .diff(from, to)
                .into_iter()
                .map(|change| change.path)
                .collect())
        })
    }

    async fn patch(
        &self,
        _: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> std::result::Result<Vec<u8>, Failed> {
        self.call("patch", |state| {
            let mut patch = String::new();
            for change in state.diff(from, to) {
                let path = change.path.to_string();
                let _ = write!(
                    patch,
                    "diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n"
                );
                for line in state.commits[to]
                    .files
                    .get(&path)
                    .into_iter()
                    .flat_map(|text| text.lines())
                {
                    let _ = writeln!(patch, "+{line}");
                }
            }
            Ok(patch.into_bytes())
        })
    }

    async fn is_ancestor(
        &self,
        _: &Repository,
        ancestor: &CommitId,
        descendant: &CommitId,
    ) -> std::result::Result<bool, Failed> {
        self.call("is_ancestor", |state| Ok(state.is_ancestor(ancestor, descendant)))
    }

    async fn push(&self, _: &Repository, push: &Push) -> std::result::Result<Pushed, Failed> {
        self.call("push", |state| {
            if let Some(message) = state.refuses_pushes.clone() {
                return Ok(Pushed::Refused { message });
            }
            let found = state.branches.get(push.branch.as_str()).cloned();
            if found.as_ref() == Some(&push.commit) {
                return Ok(Pushed::AlreadyThere);
            }
            let expected = match &push.expected {
                Expected::Absent => None,
                Expected::At(commit) => Some(commit.clone()),
            };
            if found != expected {
                return Ok(Pushed::Moved { found });
            }
            state
                .branches
                .insert(push.branch.to_string(), push.commit.clone());
            Ok(Pushed::Done)
        })
    }

    async fn hold(&self, _: &Repository, name: &str, commit: &CommitId) -> std::result::Result<(), Failed> {
        self.call("hold", |state| {
            state.held.insert(name.to_owned(), commit.clone());
            Ok(())
        })
    }
}
