//! The publisher for runs on a repository of this machine: the result is a branch there, and nobody is written to.
//!
//! What the branch may bring is held to the same rules as on GitHub. Progress, plans and questions are shown by
//! whoever follows the run's state; here is only what the log must know, and the report at the end.

use super::branch::{Branch, plan_in_force};
use super::mirrors::sorted;
use super::order::Signer;
use super::tree::Tree;
use super::{Context, Error, Intend, Kept, PlanComment, Publisher, secrets, views};
use crate::git::{Change, CommitOrder, Mirror, Push, Pushed, TreePath};
use crate::github::Repository;
use crate::model::{AttemptKey, BranchName, CommentId, CommitId, ContentHash, InstallationId, RepositoryId};
use crate::report;
use crate::run::{Origin, PublishResult, ReplyKind, ReplyTo};
use crate::workflow::NodeKind;

/// Publishes to a branch of a repository on this machine.
#[derive(Debug, Clone)]
pub struct Local {
    tree: Adopted,
}

impl Local {
    /// Makes a publisher for the repository that the mirror stands for.
    pub fn new(mirror: Mirror) -> Self {
        Self {
            tree: Adopted(mirror),
        }
    }

    /// The plan that was put to a person, as Markdown; `None` where there is none, or its text is not kept.
    pub fn plan(&self, context: &Context) -> Option<String> {
        let view = views::plan_view(context, context.run.plan.as_ref()?)?;
        Some(secrets::redact(&report::plan_text(&view)))
    }

    /// What the run made, as Markdown: the evidence where there is a branch, else how the run stands and why.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn report(&self, context: &Context) -> Result<String, Error> {
        let Some(commit) = &context.run.pushed else {
            let view = views::status_view(context, "");
            return Ok(secrets::redact(&report::status_text(&view)));
        };
        let plan = plan_in_force(context).ok().flatten();
        let at = repository(context)?;
        let changes = self.tree.changes(&at, &context.run.base_commit, commit).await?;
        let view = views::pull_view(context, generation(context), plan.as_ref(), commit, &changes, "");
        Ok(secrets::redact(&report::report_text(&view)))
    }

    fn branch<'a>(&'a self, at: &'a Repository) -> Branch<'a, Adopted> {
        Branch {
            tree: &self.tree,
            at,
            remote: "The repository",
        }
    }
}

impl Publisher for Local {
    /// Counts the plan as shown. Revisions take the place of comment ids, so that a later one is greater.
    async fn post_plan(&self, context: &Context, plan: &ContentHash) -> Result<PlanComment, Error> {
        let Some(state) = context.run.plan.as_ref().filter(|state| state.hash == *plan) else {
            return Err(Error::Unwanted);
        };
        Ok(PlanComment {
            comment: CommentId(state.revision.into()),
            body: *plan,
        })
    }

    async fn post_status(&self, _: &Context) -> Result<Option<CommentId>, Error> {
        Ok(None)
    }

    async fn reply(&self, _: &Context, _: ReplyTo, _: &ReplyKind) -> Result<(), Error> {
        Ok(())
    }

    async fn collapse(&self, _: &Context, _: CommentId) -> Result<(), Error> {
        Ok(())
    }

    async fn publish(
        &self,
        context: &Context,
        _: &AttemptKey,
        work: &CommitId,
        intend: &impl Intend,
    ) -> Result<PublishResult, Error> {
        let bring = async {
            let at = repository(context)?;
            let plan = plan_in_force(context)?;
            self.tree.fetch(&at).await?;
            let signer = Signer::footplate();
            let branch = self.branch(&at);
            let built = branch
                .bring(context, plan.as_ref(), &signer, work, intend)
                .await?;
            Ok(built.map(|built| built.commit))
        };
        match bring.await {
            Ok(Ok(commit)) => Ok(PublishResult::Placed { commit }),
            Ok(Err(stopped)) => Ok(stopped),
            Err(Error::Refused { why }) => Ok(PublishResult::Refused { findings: vec![why] }),
            Err(error) => Err(error),
        }
    }

    async fn hold(&self, context: &Context) -> Result<Kept, Error> {
        let at = repository(context)?;
        self.branch(&at).keep(context).await
    }
}

/// The repository, in the form in which those on GitHub are known. The ids mean nothing here.
fn repository(context: &Context) -> Result<Repository, Error> {
    match &context.run.created.origin {
        Origin::Local { name, .. } => Ok(Repository {
            installation: InstallationId(0),
            id: RepositoryId(0),
            name: name.clone(),
        }),
        Origin::Issue { .. } => Err(Error::Refused {
            why: "The run belongs to an issue on GitHub.".to_owned(),
        }),
    }
}

/// The generation of the node that publishes.
fn generation(context: &Context) -> u32 {
    let nodes = &context.frozen.workflow.nodes;
    nodes
        .iter()
        .filter(|node| node.kind == NodeKind::Publish)
        .find_map(|node| Some(context.run.node(&node.id)?.generation))
        .unwrap_or(1)
}

/// The one repository that a mirror stands for, by whatever name it is asked for.
#[derive(Debug, Clone)]
struct Adopted(Mirror);

impl Tree for Adopted {
    async fn fetch(&self, _: &Repository) -> Result<(), Error> {
        self.0.fetch(None).await.map_err(|error| sorted(&error))
    }

    async fn head_of(&self, _: &Repository, branch: &BranchName) -> Result<Option<CommitId>, Error> {
        self.0.head_of(branch).await.map_err(|error| sorted(&error))
    }

    async fn remote_head(&self, _: &Repository, branch: &BranchName) -> Result<Option<CommitId>, Error> {
        let head = self.0.remote_head(branch, None).await;
        head.map_err(|error| sorted(&error))
    }

    async fn commit(&self, _: &Repository, order: CommitOrder) -> Result<CommitId, Error> {
        self.0.commit(order).await.map_err(|error| sorted(&error))
    }

    async fn changes(&self, _: &Repository, from: &CommitId, to: &CommitId) -> Result<Vec<Change>, Error> {
        let changes = self.0.changes(from, to).await;
        changes.map_err(|error| sorted(&error))
    }

    async fn touched_between(
        &self,
        _: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<Vec<TreePath>, Error> {
        let touched = self.0.touched_between(from, to).await;
        touched.map_err(|error| sorted(&error))
    }

    async fn patch(&self, _: &Repository, from: &CommitId, to: &CommitId) -> Result<Vec<u8>, Error> {
        self.0.patch(from, to).await.map_err(|error| sorted(&error))
    }

    async fn is_ancestor(
        &self,
        _: &Repository,
        ancestor: &CommitId,
        descendant: &CommitId,
    ) -> Result<bool, Error> {
        let stands = self.0.is_ancestor(ancestor, descendant).await;
        stands.map_err(|error| sorted(&error))
    }

    async fn push(&self, _: &Repository, push: &Push) -> Result<Pushed, Error> {
        self.0.push(push, None).await.map_err(|error| sorted(&error))
    }

    async fn hold(&self, _: &Repository, name: &str, commit: &CommitId) -> Result<(), Error> {
        self.0.hold(name, commit).await.map_err(|error| sorted(&error))
    }
}
