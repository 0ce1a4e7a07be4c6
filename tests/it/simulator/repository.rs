//! A tiny git: a commit graph, the remote's branches, our copy of them, and the ground that runs stand on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use footplate::engine::{self, Drift, Footing, Ground};
use footplate::git::{Change, ChangeKind, CommitOrder, Entry, EntryKind, Expected, Push, Pushed, TreePath};
use footplate::github::Repository;
use footplate::model::{BranchName, CommitId, ContentHash, Timestamp};
use footplate::publish::{self, Tree};

use super::scene::{Scene, beat};
use super::watch;

/// The files of a commit.
pub(super) type Files = BTreeMap<String, String>;

/// A commit.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    parents: Vec<CommitId>,
    pub(super) files: Arc<Files>,
    /// Whether a person (or GitHub for one) made it.
    pub(super) by_person: bool,
}

/// All commits and refs.
pub(super) struct Repo {
    pub(super) commits: BTreeMap<CommitId, Commit>,
    pub(super) remote: BTreeMap<BranchName, CommitId>,
    fetched: BTreeMap<BranchName, CommitId>,
    held: BTreeMap<String, CommitId>,
    /// Pushes on their way; one may land after the process that sent it died.
    pub(super) flying: Vec<Push>,
}

pub(super) fn branch(name: &str) -> BranchName {
    BranchName::new(name).expect("a branch name")
}

impl Repo {
    pub(super) fn new() -> Self {
        let mut repo = Self {
            commits: BTreeMap::new(),
            remote: BTreeMap::new(),
            fetched: BTreeMap::new(),
            held: BTreeMap::new(),
            flying: Vec::new(),
        };
        let files = Files::from([
            ("src/widgets.py".to_owned(), "nothing".to_owned()),
            ("README.md".to_owned(), "Widgets".to_owned()),
        ]);
        let first = repo.commit(Vec::new(), files, "first", true);
        repo.remote.insert(branch("main"), first);
        repo
    }

    /// Makes a commit; the same contents give the same id.
    pub(super) fn commit(
        &mut self,
        parents: Vec<CommitId>,
        files: Files,
        words: &str,
        by_person: bool,
    ) -> CommitId {
        let digest = ContentHash::of(format!("{parents:?} {files:?} {words}")).to_string();
        let id = CommitId::new(&digest[..40]).expect("hexadecimal digits");
        self.commits.entry(id.clone()).or_insert(Commit {
            parents,
            files: Arc::new(files),
            by_person,
        });
        id
    }

    pub(super) fn files(&self, id: &CommitId) -> Arc<Files> {
        self.commits
            .get(id)
            .map(|commit| Arc::clone(&commit.files))
            .unwrap_or_default()
    }

    /// A person adds a commit to a branch of the remote; where there is none, it begins at `main`.
    pub(super) fn person_commits(&mut self, on: &BranchName, path: &str, words: &str) -> CommitId {
        let head = self
            .remote
            .get(on)
            .or_else(|| self.remote.get(&branch("main")))
            .cloned();
        let head = head.expect("main exists");
        let mut files = (*self.files(&head)).clone();
        files.insert(path.to_owned(), words.to_owned());
        let id = self.commit(vec![head], files, words, true);
        self.remote.insert(on.clone(), id.clone());
        id
    }

    /// GitHub merges a branch into `main`.
    pub(super) fn merge(&mut self, head: &CommitId, words: &str) -> CommitId {
        let main = self.remote.get(&branch("main")).cloned().expect("main exists");
        let base = self.files(&main);
        let mut files = (*base).clone();
        files.extend((*self.files(head)).clone());
        let id = self.commit(vec![main, head.clone()], files, words, true);
        self.remote.insert(branch("main"), id.clone());
        id
    }

    /// A push is no longer on its way.
    fn arrive(&mut self, push: &Push) {
        if let Some(place) = self.flying.iter().position(|flying| flying == push) {
            self.flying.remove(place);
        }
    }

    fn is_ancestor(&self, ancestor: &CommitId, descendant: &CommitId) -> bool {
        let mut open = vec![descendant.clone()];
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            if next == *ancestor {
                return true;
            }
            if seen.insert(next.clone())
                && let Some(commit) = self.commits.get(&next)
            {
                open.extend(commit.parents.iter().cloned());
            }
        }
        false
    }

    fn changes(&self, from: &CommitId, to: &CommitId) -> Vec<Change> {
        let (old, new) = (self.files(from), self.files(to));
        let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let entry = |text: &String| Entry {
            kind: EntryKind::File,
            bytes: text.len() as u64,
        };
        paths
            .into_iter()
            .filter(|path| old.get(*path) != new.get(*path))
            .map(|path| Change {
                path: TreePath::new(path.as_bytes()),
                kind: match (old.contains_key(path), new.contains_key(path)) {
                    (true, true) => ChangeKind::Modified,
                    (false, _) => ChangeKind::Added,
                    (true, false) => ChangeKind::Deleted,
                },
                old: old.get(path).map(entry),
                new: new.get(path).map(entry),
                additions: 1,
                deletions: 1,
                binary: false,
            })
            .collect()
    }
}

/// Takes a push in at the remote, under its lease.
pub(super) fn land(scene: &Scene, push: &Push, leased: bool) -> Pushed {
    let mut repo = scene.repo();
    let found = repo.remote.get(&push.branch).cloned();
    if found.as_ref() == Some(&push.commit) {
        return Pushed::AlreadyThere;
    }
    let expected = match &push.expected {
        Expected::Absent => None,
        Expected::At(commit) => Some(commit),
    };
    if leased && found.as_ref() != expected {
        return Pushed::Moved { found };
    }
    let over_a_person = found
        .as_ref()
        .and_then(|id| repo.commits.get(id))
        .is_some_and(|commit| commit.by_person);
    repo.remote.insert(push.branch.clone(), push.commit.clone());
    let files = repo.files(&push.commit);
    drop(repo);
    scene.hub().move_head(&push.branch, &push.commit);
    scene.tell(|| {
        format!(
            "the remote's {} is at {} (before: {found:?})",
            push.branch,
            push.commit.short()
        )
    });
    watch::pushed(scene, push, over_a_person, &files);
    Pushed::Done
}

/// A process's hold on the commit graph.
#[derive(Clone)]
pub(super) struct Git(pub(super) Arc<Scene>);

impl Git {
    /// Waits for its turn; now and then the network fails before anything happens.
    async fn turn(&self) -> Result<(), publish::Error> {
        beat().await;
        if self.strikes() {
            return Err(transient());
        }
        Ok(())
    }

    fn strikes(&self) -> bool {
        let odds = self.0.faults().outside;
        self.0.chance().per_mille(odds)
    }

    pub(super) async fn send(&self, push: &Push, leased: bool) -> Result<Pushed, publish::Error> {
        self.turn().await?;
        self.0.repo().flying.push(push.clone());
        beat().await;
        self.0.repo().arrive(push);
        let pushed = land(&self.0, push, leased);
        beat().await;
        // The push arrived, and its answer was lost.
        if self.strikes() {
            return Err(transient());
        }
        Ok(pushed)
    }
}

fn transient() -> publish::Error {
    publish::Error::Transient {
        why: "the network failed".to_owned(),
        after: None,
    }
}

impl Tree for Git {
    async fn fetch(&self, _: &Repository) -> Result<(), publish::Error> {
        self.turn().await?;
        let mut repo = self.0.repo();
        repo.fetched = repo.remote.clone();
        Ok(())
    }

    async fn head_of(&self, _: &Repository, branch: &BranchName) -> Result<Option<CommitId>, publish::Error> {
        Ok(self.0.repo().fetched.get(branch).cloned())
    }

    async fn remote_head(
        &self,
        _: &Repository,
        branch: &BranchName,
    ) -> Result<Option<CommitId>, publish::Error> {
        self.turn().await?;
        let head = self.0.repo().remote.get(branch).cloned();
        self.0.watch().moment = Some(watch::Moment::BranchSeen(branch.clone()));
        beat().await;
        Ok(head)
    }

    async fn commit(&self, _: &Repository, order: CommitOrder) -> Result<CommitId, publish::Error> {
        beat().await;
        let mut repo = self.0.repo();
        let files = (*repo.files(&order.tree_of)).clone();
        let words = format!("{} {:?} {}", order.message, order.author, order.at.0 / 1000);
        Ok(repo.commit(order.parents, files, &words, false))
    }

    async fn changes(
        &self,
        _: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<Vec<Change>, publish::Error> {
        Ok(self.0.repo().changes(from, to))
    }

    async fn touched_between(
        &self,
        _: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<Vec<TreePath>, publish::Error> {
        Ok(self
            .0
            .repo()
            .changes(from, to)
            .into_iter()
            .map(|change| change.path)
            .collect())
    }

    async fn patch(&self, _: &Repository, from: &CommitId, to: &CommitId) -> Result<Vec<u8>, publish::Error> {
        Ok(format!("from {from} to {to}\n").into_bytes())
    }

    async fn is_ancestor(
        &self,
        _: &Repository,
        one: &CommitId,
        other: &CommitId,
    ) -> Result<bool, publish::Error> {
        Ok(self.0.repo().is_ancestor(one, other))
    }

    async fn push(&self, _: &Repository, push: &Push) -> Result<Pushed, publish::Error> {
        self.send(push, true).await
    }

    async fn hold(&self, _: &Repository, name: &str, commit: &CommitId) -> Result<(), publish::Error> {
        self.turn().await?;
        self.0.repo().held.insert(name.to_owned(), commit.clone());
        Ok(())
    }
}

impl Ground for Git {
    async fn footing(&self, _: &Repository, wanted: Option<&BranchName>) -> Result<Footing, engine::Error> {
        self.turn().await?;
        let base = wanted.cloned().unwrap_or_else(|| branch("main"));
        let mut repo = self.0.repo();
        repo.fetched = repo.remote.clone();
        let Some(base_commit) = repo.remote.get(&base).cloned() else {
            return Err(engine::Error::Refused {
                why: format!("There is no branch {base}."),
            });
        };
        Ok(Footing {
            base,
            base_commit,
            frozen: self.0.frozen.clone(),
        })
    }

    async fn drift(
        &self,
        _: &Repository,
        base: &BranchName,
        since: &CommitId,
    ) -> Result<Drift, engine::Error> {
        self.turn().await?;
        let (head, changes) = {
            let mut repo = self.0.repo();
            repo.fetched = repo.remote.clone();
            let head = repo.remote.get(base).cloned();
            let changes = head
                .as_ref()
                .map(|head| repo.changes(since, head))
                .unwrap_or_default();
            (head, changes)
        };
        let touched = changes
            .iter()
            .filter_map(|change| change.path.as_str().map(str::to_owned))
            .collect();
        beat().await;
        Ok(Drift { head, touched })
    }
}

/// A moment as GitHub writes it.
pub(super) fn written(at: Timestamp) -> String {
    at.to_string()
}
