//! The publisher for runs that came from an issue on GitHub.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::branch::Branch;
use super::comments::Shown;
use super::documents::Place;
use super::identity::Identity;
use super::labels::Labels;
use super::tree::Tree;
use super::{Context, Error, Intend, Kept, PlanComment, Publisher};
use crate::github::{self, Forge};
use crate::model::{AttemptKey, Clock, CommentId, CommitId, ContentHash, RepositoryId, RunId};
use crate::run::{PublishResult, ReplyKind, ReplyTo};

/// How long to wait before credentials that GitHub refused are tried again: a person has to act first.
const CREDENTIALS_PAUSE: Duration = Duration::from_mins(5);

/// How we appear on GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who we are.
    pub identity: Identity,
    /// The address of GitHub's pages, such as `https://github.com`.
    pub web: String,
    /// The labels that we set.
    pub labels: Labels,
    /// Whether pull requests open as drafts, which only a person marks as ready.
    pub draft: bool,
    /// Whether the person who asked is asked to review a new pull request.
    pub ask_review: bool,
}

/// Publishes to GitHub: through a [`Forge`] what is said, through a [`Tree`] what is pushed.
pub struct GitHub<F, T> {
    forge: Arc<F>,
    tree: Arc<T>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    /// The status comments of active runs; each is edited by one at a time.
    shown: Mutex<HashMap<RunId, Arc<tokio::sync::Mutex<Shown>>>>,
    /// Labels that are known to exist.
    labels: Mutex<BTreeSet<(RepositoryId, String)>>,
}

impl<F: Forge, T: Tree> GitHub<F, T> {
    /// Makes a publisher.
    pub fn new(forge: Arc<F>, tree: Arc<T>, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        Self {
            forge,
            tree,
            clock,
            settings,
            shown: Mutex::default(),
            labels: Mutex::default(),
        }
    }

    pub(super) fn forge(&self) -> &F {
        &self.forge
    }

    pub(super) fn tree(&self) -> &T {
        &self.tree
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What a failed call to GitHub means for what we wanted.
    pub(super) fn sorted(&self, error: &github::Error) -> Error {
        let after = match error {
            github::Error::Transient { after, .. } => *after,
            github::Error::RateLimited { until } => Some(until.since(self.clock.now())),
            github::Error::Unauthorized { .. } => Some(CREDENTIALS_PAUSE),
            github::Error::Unclear { .. } | github::Error::Broken { .. } => None,
            github::Error::Forbidden { .. }
            | github::Error::NotFound { .. }
            | github::Error::Invalid { .. } => {
                return Error::Refused {
                    why: format!("{error}."),
                };
            }
        };
        Error::Transient {
            why: error.to_string(),
            after,
        }
    }

    pub(super) fn slot(&self, run: &RunId) -> Arc<tokio::sync::Mutex<Shown>> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shown.entry(run.clone()).or_default())
    }

    pub(super) fn forget_slot(&self, run: &RunId) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.remove(run);
    }

    pub(super) fn is_new_label(&self, repository: RepositoryId, name: &str) -> bool {
        let labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        !labels.contains(&(repository, name.to_owned()))
    }

    pub(super) fn know_label(&self, repository: RepositoryId, name: &str) {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.insert((repository, name.to_owned()));
    }
}

impl<F: Forge, T: Tree> Publisher for GitHub<F, T> {
    async fn post_plan(&self, context: &Context, plan: &ContentHash) -> Result<PlanComment, Error> {
        self.show_plan(context, plan).await
    }

    async fn post_status(&self, context: &Context) -> Result<Option<CommentId>, Error> {
        self.show_status(context).await
    }

    async fn reply(&self, context: &Context, to: ReplyTo, kind: &ReplyKind) -> Result<(), Error> {
        self.answer(context, to, kind).await
    }

    async fn collapse(&self, context: &Context, comment: CommentId) -> Result<(), Error> {
        self.hide(context, comment).await
    }

    async fn publish(
        &self,
        context: &Context,
        key: &AttemptKey,
        work: &CommitId,
        intend: &impl Intend,
    ) -> Result<PublishResult, Error> {
        match self.bring_out(context, key, work, intend).await {
            // A refusal is a result of the attempt, so that the run can say it and a person can retry.
            Err(Error::Refused { why }) => Ok(PublishResult::Refused { findings: vec![why] }),
            result => result,
        }
    }

    async fn hold(&self, context: &Context) -> Result<Kept, Error> {
        let place = Place::on_github(&context.run)?;
        let branch = Branch {
            tree: self.tree(),
            at: &place.repository,
            remote: "GitHub",
        };
        branch.keep(context).await
    }
}

/// An error that goes away by doing the same again.
pub(super) fn transient(why: &str) -> Error {
    Error::Transient {
        why: why.to_owned(),
        after: None,
    }
}
