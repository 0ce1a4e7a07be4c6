//! Seeded bugs: wrappers around the parts that the simulator puts together, each wrong in one way.
//!
//! Without a mutant a [`Warp`] passes everything through. The product itself has no switch for any of this.

use std::sync::Arc;

use footplate::command::Command;
use footplate::engine::{
    Done, Error as EngineError, Executor, Hands, Outcome, Page, Reading, Reception, Slot, Work, Workshop,
};
use footplate::git::{Change, CommitOrder, Push, Pushed, TreePath};
use footplate::github::{
    Comment, Forge, Issue, NewPull, Permission, Pull, PullChange, Reactable, Reaction, Repository,
    RepositoryInfo, Result as Answer, ReviewComment,
};
use footplate::model::{
    AttemptKey, BranchName, CommentId, CommitId, ContentHash, IssueNumber, Login, PullNumber, RunId,
    Timestamp,
};
use footplate::publish::{Error as PublishError, Tree};
use footplate::run::{Action, ActionKey, Input};
use footplate::store::{
    Append, Appended, Error as StoreError, FindRun, InboxRow, Journal, ListRuns, NewOutcome, RunRow, Settle,
};
use footplate::workflow::{Node, NodeKind};
use tokio_util::sync::CancellationToken;

use super::forge::Wire;
use super::process::{Front, Hive, Squad};
use super::repository::Git;
use super::scene::{Scene, beat};
use super::store::Memory;
use super::workshop::Workbench;

/// A seeded bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    // In the driver's surroundings and the adapters.
    ActsBeforeTheCommit,
    TakesConflictsForSuccess,
    LosesResults,
    RedoesWithoutLooking,
    NeverMarksDone,
    MarksBeforeTheAppend,
    TakesDeliveriesTwice,
    AllowsManyRuns,
    BeginsWithoutFence,
    PushesWithoutLease,
    TrustsEverybody,
    NeverRecovers,
    RecoversBeforeOutcomes,
    StopsNothing,
    StartsTwice,
    ForgetsStarts,
    WakesNobody,
    // In what the core is told, or shows.
    CountsStaleResults,
    OverlooksEdits,
    OverlooksMerges,
    OverlooksHashes,
    OverlooksIssueEdits,
    ShowsAnOldPlan,
    ForgetsAPart,
}

impl Mutant {
    pub(super) const ALL: [Self; 24] = [
        Self::ActsBeforeTheCommit,
        Self::TakesConflictsForSuccess,
        Self::LosesResults,
        Self::RedoesWithoutLooking,
        Self::NeverMarksDone,
        Self::MarksBeforeTheAppend,
        Self::TakesDeliveriesTwice,
        Self::AllowsManyRuns,
        Self::BeginsWithoutFence,
        Self::PushesWithoutLease,
        Self::TrustsEverybody,
        Self::NeverRecovers,
        Self::RecoversBeforeOutcomes,
        Self::StopsNothing,
        Self::StartsTwice,
        Self::ForgetsStarts,
        Self::WakesNobody,
        Self::CountsStaleResults,
        Self::OverlooksEdits,
        Self::OverlooksMerges,
        Self::OverlooksHashes,
        Self::OverlooksIssueEdits,
        Self::ShowsAnOldPlan,
        Self::ForgetsAPart,
    ];
}

/// A part with the bug of a mutant, if any.
#[derive(Clone)]
pub(super) struct Warp<T> {
    pub(super) inner: T,
    pub(super) scene: Arc<Scene>,
    pub(super) mutant: Option<Mutant>,
}

impl<T> Warp<T> {
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn one_in(&self, n: usize) -> bool {
        self.scene.chance().below(n) == 0
    }
}

impl Warp<Memory> {
    /// A result of an old attempt, passed off as the newest one's.
    fn forged(&self, outcome: &NewOutcome) -> Option<Vec<u8>> {
        let mut told: Outcome = serde_json::from_slice(&outcome.body).ok()?;
        let Input::AttemptEnded(report) = &mut told.input else {
            return None;
        };
        let watch = self.scene.watch();
        let newest = watch
            .lives
            .get(&told.run)?
            .run()
            .node(&report.key.node)?
            .latest()?;
        if newest.report.is_some() || newest.began.is_none() {
            return None;
        }
        (report.key.generation, report.key.n) = (newest.generation, newest.n);
        drop(watch);
        serde_json::to_vec(&told).ok()
    }
}

impl Journal for Warp<Memory> {
    async fn pending(&self, after: i64, limit: usize) -> Result<Vec<InboxRow>, StoreError> {
        self.inner.pending(after, limit).await
    }

    async fn load(&self, run: &RunId) -> Result<Option<Vec<String>>, StoreError> {
        self.inner.load(run).await
    }

    async fn append(&self, mut append: Append) -> Result<Appended, StoreError> {
        match self.mutant {
            Some(Mutant::ActsBeforeTheCommit) if append.expected_len > 0 => {
                let memory = self.inner.clone();
                self.scene.spawn(
                    "late commit".to_owned(),
                    Box::pin(async move {
                        for _ in 0..4 {
                            beat().await;
                        }
                        memory.write_now(&append, true);
                    }),
                );
                beat().await;
                Ok(Appended::Ok)
            }
            Some(Mutant::TakesConflictsForSuccess) => match self.inner.append(append).await? {
                Appended::Conflict => Ok(Appended::Ok),
                other => Ok(other),
            },
            Some(Mutant::NeverMarksDone) => {
                append.consumes = None;
                self.inner.append(append).await
            }
            Some(Mutant::MarksBeforeTheAppend) => {
                if let Some(seq) = append.consumes.take() {
                    self.inner.settle(seq, Settle::Done { note: None }).await?;
                }
                self.inner.append(append).await
            }
            Some(Mutant::AllowsManyRuns) => self.inner.write(append, false).await,
            _ => self.inner.append(append).await,
        }
    }

    async fn settle(&self, seq: i64, how: Settle) -> Result<(), StoreError> {
        self.inner.settle(seq, how).await
    }

    async fn fail(&self, seq: i64, error: &str) -> Result<u32, StoreError> {
        self.inner.fail(seq, error).await
    }

    async fn deliver(&self, mut outcome: NewOutcome) -> Result<bool, StoreError> {
        if self.is(Mutant::LosesResults) && self.one_in(10) {
            return Ok(true);
        }
        if self.is(Mutant::CountsStaleResults)
            && let Some(body) = self.forged(&outcome)
        {
            outcome.body = body;
        }
        self.inner.deliver(outcome).await
    }

    async fn open_runs(&self) -> Result<Vec<RunRow>, StoreError> {
        self.inner.open_runs().await
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<RunId>, StoreError> {
        if self.is(Mutant::WakesNobody) {
            return Ok(Vec::new());
        }
        self.inner.due(now).await
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_wake().await
    }

    async fn find(&self, by: FindRun) -> Result<Option<RunRow>, StoreError> {
        self.inner.find(by).await
    }

    async fn list(&self, filter: ListRuns) -> Result<Vec<RunRow>, StoreError> {
        self.inner.list(filter).await
    }

    async fn put(&self, content: &[u8]) -> Result<ContentHash, StoreError> {
        self.inner.put(content).await
    }

    async fn get(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(hash).await
    }
}

impl Executor for Warp<Hive> {
    fn start(&self, action: Action) {
        if self.is(Mutant::ForgetsStarts) && self.one_in(10) {
            return;
        }
        if self.is(Mutant::StartsTwice) {
            return self.inner.launch(action);
        }
        self.inner.start(action);
    }

    fn stop(&self, key: &ActionKey) {
        if !self.is(Mutant::StopsNothing) {
            self.inner.stop(key);
        }
    }

    fn under_way(&self, run: &RunId) -> Vec<ActionKey> {
        self.inner.under_way(run)
    }
}

impl Hands for Warp<Squad> {
    async fn perform(&self, action: &Action, stop: &CancellationToken) -> Result<Option<Done>, EngineError> {
        if self.is(Mutant::BeginsWithoutFence)
            && let Action::Attempt(key) = action
            && let Some(page) = self.inner.book.look(&key.run).await?
            && page
                .frozen
                .workflow
                .node(&key.node)
                .is_some_and(|node| !matches!(node.kind, NodeKind::Publish))
        {
            let _ = self.inner.book.begin(key).await?;
            let work = self.inner.team.workshop().attempt(&page, key, stop).await?;
            return Ok(Some(Input::AttemptEnded(Box::new(work.report)).into()));
        }
        self.inner.team.perform(action, stop).await
    }
}

impl Reception for Warp<Front> {
    async fn read(&self, row: &InboxRow) -> Result<Vec<Reading>, EngineError> {
        let mut readings = self.inner.read(row).await?;
        for reading in &mut readings {
            let Reading::Tell(run, input) = reading else {
                continue;
            };
            match (self.mutant, &mut **input) {
                (Some(Mutant::OverlooksEdits), Input::Command(order)) => {
                    let watch = self.scene.watch();
                    let plan = watch.lives.get(run).and_then(|life| life.run().plan.as_ref());
                    if let Some(posted) = plan.and_then(|plan| plan.posted) {
                        order.observed.plan_comment = Some(posted.body);
                    }
                }
                (
                    Some(Mutant::OverlooksMerges),
                    Input::IssueClosed { merged } | Input::PullClosed { merged, .. },
                ) => {
                    *merged = false;
                }
                (Some(Mutant::OverlooksHashes), Input::Command(order)) => {
                    if let Command::Approve { hash, .. } = &mut order.command {
                        *hash = None;
                    }
                }
                (Some(Mutant::OverlooksIssueEdits), Input::IssueEdited { text }) => {
                    let watch = self.scene.watch();
                    if let Some(life) = watch.lives.get(run) {
                        *text = life.run().issue_text;
                    }
                }
                _ => {}
            }
        }
        Ok(readings)
    }
}

impl Workshop for Warp<Workbench> {
    async fn slot(&self, node: &Node, stop: &CancellationToken) -> Option<Slot> {
        self.inner.slot(node, stop).await
    }

    async fn attempt(
        &self,
        page: &Page,
        key: &AttemptKey,
        stop: &CancellationToken,
    ) -> Result<Work, EngineError> {
        let mut run = (*page.run).clone();
        if self.is(Mutant::ForgetsAPart) {
            let last = run.splits.get(&key.node).and_then(|split| split.parts.last());
            let last = last.map(|part| part.node.clone());
            if let Some(node) = last.and_then(|id| run.nodes.get_mut(&id)) {
                Arc::make_mut(node).snapshot = None;
            }
        } else if !self.is(Mutant::ShowsAnOldPlan) {
            return self.inner.attempt(page, key, stop).await;
        }
        for node in run.nodes.values_mut().filter(|_| self.is(Mutant::ShowsAnOldPlan)) {
            let old = node.attempts.iter().filter_map(|attempt| attempt.report.as_ref());
            let old = old
                .flat_map(|report| &report.artifacts)
                .find(|artifact| artifact.name.as_str() == "plan.md");
            if let Some(old) = old.cloned()
                && node.artifacts.contains_key(&old.name)
            {
                Arc::make_mut(node).artifacts.insert(old.name, old.hash);
            }
        }
        let page = Page {
            run: Arc::new(run),
            frozen: Arc::clone(&page.frozen),
        };
        self.inner.attempt(&page, key, stop).await
    }

    async fn put_away(&self, page: &Page) {
        self.inner.put_away(page).await;
    }

    async fn pause(&self, duration: std::time::Duration) {
        self.inner.pause(duration).await;
    }
}

impl Tree for Warp<Git> {
    async fn fetch(&self, at: &Repository) -> Result<(), PublishError> {
        self.inner.fetch(at).await
    }

    async fn head_of(&self, at: &Repository, branch: &BranchName) -> Result<Option<CommitId>, PublishError> {
        self.inner.head_of(at, branch).await
    }

    async fn remote_head(
        &self,
        at: &Repository,
        branch: &BranchName,
    ) -> Result<Option<CommitId>, PublishError> {
        self.inner.remote_head(at, branch).await
    }

    async fn commit(&self, at: &Repository, order: CommitOrder) -> Result<CommitId, PublishError> {
        self.inner.commit(at, order).await
    }

    async fn changes(
        &self,
        at: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<Vec<Change>, PublishError> {
        self.inner.changes(at, from, to).await
    }

    async fn touched_between(
        &self,
        at: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<Vec<TreePath>, PublishError> {
        self.inner.touched_between(at, from, to).await
    }

    async fn patch(&self, at: &Repository, from: &CommitId, to: &CommitId) -> Result<Vec<u8>, PublishError> {
        self.inner.patch(at, from, to).await
    }

    async fn is_ancestor(
        &self,
        at: &Repository,
        one: &CommitId,
        other: &CommitId,
    ) -> Result<bool, PublishError> {
        self.inner.is_ancestor(at, one, other).await
    }

    async fn push(&self, _: &Repository, push: &Push) -> Result<Pushed, PublishError> {
        self.inner.send(push, !self.is(Mutant::PushesWithoutLease)).await
    }

    async fn hold(&self, at: &Repository, name: &str, commit: &CommitId) -> Result<(), PublishError> {
        self.inner.hold(at, name, commit).await
    }
}

impl Forge for Warp<Wire> {
    async fn permission(&self, at: &Repository, login: &Login) -> Answer<Permission> {
        if self.is(Mutant::TrustsEverybody) {
            return Ok(Permission {
                permission: "admin".to_owned(),
                role_name: None,
                user: None,
            });
        }
        self.inner.permission(at, login).await
    }

    async fn repository(&self, at: &Repository) -> Answer<RepositoryInfo> {
        self.inner.repository(at).await
    }

    async fn branch(&self, at: &Repository, branch: &BranchName) -> Answer<Option<CommitId>> {
        self.inner.branch(at, branch).await
    }

    async fn issue(&self, at: &Repository, number: IssueNumber) -> Answer<Issue> {
        self.inner.issue(at, number).await
    }

    async fn issues_with_label(&self, at: &Repository, label: &str) -> Answer<Vec<Issue>> {
        self.inner.issues_with_label(at, label).await
    }

    async fn comment(&self, at: &Repository, id: CommentId) -> Answer<Option<Comment>> {
        self.inner.comment(at, id).await
    }

    async fn comments(&self, at: &Repository, number: IssueNumber) -> Answer<Vec<Comment>> {
        if self.is(Mutant::RedoesWithoutLooking) {
            return Ok(Vec::new());
        }
        self.inner.comments(at, number).await
    }

    async fn create_comment(&self, at: &Repository, number: IssueNumber, body: &str) -> Answer<Comment> {
        self.inner.create_comment(at, number, body).await
    }

    async fn update_comment(&self, at: &Repository, id: CommentId, body: &str) -> Answer<Option<Comment>> {
        self.inner.update_comment(at, id, body).await
    }

    async fn delete_comment(&self, at: &Repository, id: CommentId) -> Answer<()> {
        self.inner.delete_comment(at, id).await
    }

    async fn minimize_comment(&self, at: &Repository, node_id: &str) -> Answer<()> {
        self.inner.minimize_comment(at, node_id).await
    }

    async fn react(&self, at: &Repository, to: Reactable, reaction: Reaction) -> Answer<()> {
        self.inner.react(at, to, reaction).await
    }

    async fn add_labels(&self, at: &Repository, number: IssueNumber, labels: &[&str]) -> Answer<()> {
        self.inner.add_labels(at, number, labels).await
    }

    async fn remove_label(&self, at: &Repository, number: IssueNumber, label: &str) -> Answer<()> {
        self.inner.remove_label(at, number, label).await
    }

    async fn ensure_label(&self, at: &Repository, name: &str, color: &str, description: &str) -> Answer<()> {
        self.inner.ensure_label(at, name, color, description).await
    }

    async fn pull(&self, at: &Repository, number: PullNumber) -> Answer<Pull> {
        self.inner.pull(at, number).await
    }

    async fn pulls_by_head(&self, at: &Repository, head: &BranchName) -> Answer<Vec<Pull>> {
        self.inner.pulls_by_head(at, head).await
    }

    async fn create_pull(&self, at: &Repository, new: &NewPull) -> Answer<Pull> {
        self.inner.create_pull(at, new).await
    }

    async fn update_pull(&self, at: &Repository, number: PullNumber, change: &PullChange) -> Answer<Pull> {
        self.inner.update_pull(at, number, change).await
    }

    async fn request_review(&self, at: &Repository, number: PullNumber, reviewers: &[Login]) -> Answer<()> {
        self.inner.request_review(at, number, reviewers).await
    }

    async fn review_comments(
        &self,
        at: &Repository,
        number: PullNumber,
        review: u64,
    ) -> Answer<Vec<ReviewComment>> {
        self.inner.review_comments(at, number, review).await
    }
}
