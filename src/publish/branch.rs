//! From the work of a run to its commit on the branch.

use super::documents::Place;
use super::github::{GitHub, transient};
use super::inspect::inspect;
use super::order::{Signer, order};
use super::tree::Tree;
use super::{Context, Error, Intend, Kept};
use crate::contract::Plan;
use crate::git::{Change, Expected, Push, Pushed};
use crate::github::{Forge, Repository};
use crate::model::{AttemptKey, CommitId, ContentHash};
use crate::run::{PublishResult, Run};

/// How often a push whose lease was out of date is tried with a fresh one. Only our own late pushes can make
/// that happen, and there is one publisher per run.
const LOOKS: usize = 3;

/// The commit that may be pushed, and what it changes against the base.
pub(super) struct Built {
    pub(super) commit: CommitId,
    pub(super) changes: Vec<Change>,
}

impl<F: Forge, T: Tree> GitHub<F, T> {
    /// Builds, checks and pushes the commit, and opens or updates the pull request.
    pub(super) async fn bring_out(
        &self,
        context: &Context,
        key: &AttemptKey,
        work: &CommitId,
        intend: &impl Intend,
    ) -> Result<PublishResult, Error> {
        let place = Place::on_github(&context.run)?;
        let plan = plan_in_force(context)?;
        let known = match self.known_pull(context, &place).await? {
            Ok(known) => known,
            Err(settled) => return Ok(settled),
        };
        self.tree().fetch(&place.repository).await?;
        let signer = Signer::bot(&self.settings().identity, &context.run.created.requester)?;
        let branch = Branch {
            tree: self.tree(),
            at: &place.repository,
            remote: "GitHub",
        };
        let built = match branch
            .bring(context, plan.as_ref(), &signer, work, intend)
            .await?
        {
            Ok(built) => built,
            Err(stopped) => return Ok(stopped),
        };
        self.show_pull(context, key, &place, plan.as_ref(), &built, known)
            .await
    }
}

/// The branch of a run, wherever its repository lies.
pub(super) struct Branch<'a, T> {
    /// Our copy of the repository.
    pub(super) tree: &'a T,
    /// Which repository.
    pub(super) at: &'a Repository,
    /// Who answers a push, for people.
    pub(super) remote: &'static str,
}

impl<T: Tree> Branch<'_, T> {
    /// Builds the commit, checks it, and pushes exactly it; or says what stood in the way.
    pub(super) async fn bring(
        &self,
        context: &Context,
        plan: Option<&Plan>,
        signer: &Signer,
        work: &CommitId,
        intend: &impl Intend,
    ) -> Result<Result<Built, PublishResult>, Error> {
        if let Some(moved) = self.drifted(context, plan).await? {
            return Ok(Err(moved));
        }
        let built = self.build(context, plan, signer, work).await?;
        let (commit, changes) = (&built.commit, &built.changes);
        let findings = inspect(self.tree, self.at, context, plan, commit, changes).await?;
        if !findings.is_empty() {
            return Ok(Err(PublishResult::Refused { findings }));
        }
        if !intend.intend(commit).await? {
            return Err(Error::Unwanted);
        }
        let name = format!("pushed/{}", context.run.created.run);
        self.tree.hold(self.at, &name, commit).await?;
        match self.push(&context.run, commit).await? {
            Some(stopped) => Ok(Err(stopped)),
            None => Ok(Ok(built)),
        }
    }

    /// Keeps the newest changes of a run that published nothing, and hands out their patch.
    pub(super) async fn keep(&self, context: &Context) -> Result<Kept, Error> {
        let run = &context.run;
        let newest = context
            .frozen
            .workflow
            .nodes
            .iter()
            .rev()
            .find_map(|node| run.node(&node.id)?.last_snapshot.as_ref());
        let Some(snapshot) = newest else {
            return Ok(Kept::default());
        };
        let name = format!("held/{}", run.created.run);
        self.tree.hold(self.at, &name, snapshot).await?;
        let patch = self.tree.patch(self.at, &run.base_commit, snapshot).await?;
        Ok(Kept {
            reference: Some(format!("refs/footplate/{name}")),
            patch: Some(patch),
        })
    }

    /// Whether the base branch changed files of the plan since a person approved it.
    async fn drifted(&self, context: &Context, plan: Option<&Plan>) -> Result<Option<PublishResult>, Error> {
        let run = &context.run;
        let (Some(approval), Some(plan)) = (&run.approval, plan) else {
            return Ok(None);
        };
        let Some(head) = self.tree.head_of(self.at, &run.created.base).await? else {
            return Err(Error::Refused {
                why: format!("The base branch {} is gone.", run.created.base),
            });
        };
        if head == approval.base_head {
            return Ok(None);
        }
        let touched = self
            .tree
            .touched_between(self.at, &approval.base_head, &head)
            .await?;
        let scope = plan.scope();
        let in_plan = touched
            .iter()
            .any(|path| path.as_str().is_some_and(|path| scope.touches(path)));
        Ok(in_plan.then_some(PublishResult::BaseMoved { head }))
    }

    /// Makes the commit: the work's tree on top of what we pushed last, or of the base.
    ///
    /// Where the plan was made anew on a newer base, that base becomes a second parent; without it, the pull
    /// request would show what came from the base branch as ours.
    async fn build(
        &self,
        context: &Context,
        plan: Option<&Plan>,
        signer: &Signer,
        work: &CommitId,
    ) -> Result<Built, Error> {
        let run = &context.run;
        let (tree, at) = (self.tree, self.at);
        let mut parents = Vec::new();
        match &run.pushed {
            None => parents.push(run.base_commit.clone()),
            Some(pushed) => {
                let stands_on_base = tree.is_ancestor(at, &run.base_commit, pushed).await?;
                if stands_on_base && tree.changes(at, pushed, work).await?.is_empty() {
                    // Nothing is new: what we pushed is what is wanted.
                    let changes = tree.changes(at, &run.base_commit, pushed).await?;
                    let commit = pushed.clone();
                    return Ok(Built { commit, changes });
                }
                parents.push(pushed.clone());
                if !stands_on_base {
                    parents.push(run.base_commit.clone());
                }
            }
        }
        let order = order(context, signer, plan, work, parents);
        let commit = tree.commit(at, order).await?;
        // The rules look at the very commit that is pushed, not at what it was made from.
        let changes = tree.changes(at, &run.base_commit, &commit).await?;
        Ok(Built { commit, changes })
    }

    /// Pushes the commit over nothing but absence or a commit of ours; the result says what stood in the way.
    async fn push(&self, run: &Run, commit: &CommitId) -> Result<Option<PublishResult>, Error> {
        let (tree, at, branch) = (self.tree, self.at, &run.created.branch);
        for _ in 0..LOOKS {
            let found = tree.remote_head(at, branch).await?;
            let expected = match found {
                Some(head) if head == *commit => return Ok(None),
                Some(head) if is_ours(run, &head) => Expected::At(head),
                // After a crash in the first push the branch may be missing; after a finished one, a person
                // removed it.
                None if run.pushed.is_none() => Expected::Absent,
                found => return Ok(Some(PublishResult::BranchMoved { found })),
            };
            let push = Push {
                branch: branch.clone(),
                commit: commit.clone(),
                expected,
            };
            match tree.push(at, &push).await? {
                Pushed::Done | Pushed::AlreadyThere => return Ok(None),
                Pushed::Refused { message } => {
                    let why = format!("{} refused the push: {}", self.remote, message.replace('\n', " "));
                    return Ok(Some(PublishResult::Refused { findings: vec![why] }));
                }
                Pushed::Moved { .. } => {}
            }
        }
        Err(transient("the branch moved while it was pushed"))
    }
}

fn is_ours(run: &Run, commit: &CommitId) -> bool {
    run.intended.contains(commit) || run.pushed.as_ref() == Some(commit)
}

/// The plan that bounds the commit; `None` where the workflow has none. Without its text nothing may be pushed.
pub(super) fn plan_in_force(context: &Context) -> Result<Option<Plan>, Error> {
    let read = |hash: &ContentHash| {
        context.plan_at(hash).map(Some).ok_or_else(|| Error::Refused {
            why: "The plan's text is not kept any more, so the work can't be compared with it.".to_owned(),
        })
    };
    match context.plan_hash() {
        Some(hash) => read(&hash),
        None if context.is_planned() => Err(Error::Refused {
            why: "There is no plan that the work could be compared with.".to_owned(),
        }),
        None => Ok(None),
    }
}
