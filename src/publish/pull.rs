//! The one pull request of a run: found by branch, marker and author before one is opened.

use super::branch::Built;
use super::comments::same;
use super::documents::Place;
use super::github::{GitHub, transient};
use super::order::title;
use super::tree::Tree;
use super::{Context, Error, secrets, views};
use crate::contract::Plan;
use crate::github::{self, Forge, IssueState, NewPull, Pull, PullChange};
use crate::model::{AttemptKey, CommitId};
use crate::report::{Marker, MarkerKind};
use crate::run::{PublishResult, Run};

impl<F: Forge, T: Tree> GitHub<F, T> {
    /// Our pull request, where there is one that can be worked on; the error is what its end means.
    pub(super) async fn known_pull(
        &self,
        context: &Context,
        place: &Place,
    ) -> Result<Result<Option<Pull>, PublishResult>, Error> {
        let run = &context.run;
        let pulls = self.pulls(run, place).await?;
        let ours = || pulls.iter().filter(|pull| self.is_ours(run, place, pull));
        if let Some(open) = ours().find(|pull| pull.state == IssueState::Open) {
            return Ok(Ok(Some(open.clone())));
        }
        if let Some(merged) = ours().find(|pull| pull.merged) {
            return Ok(Err(published(&merged.head_commit, merged)));
        }
        if let Some(closed) = ours().next() {
            let why = format!(
                "Pull request {} was closed; reopen it to go on with it.",
                closed.number
            );
            return Ok(Err(PublishResult::Refused { findings: vec![why] }));
        }
        Ok(Ok(None))
    }

    /// Opens the pull request, or brings an open one up to date.
    pub(super) async fn show_pull(
        &self,
        context: &Context,
        key: &AttemptKey,
        place: &Place,
        plan: Option<&Plan>,
        built: &Built,
        known: Option<Pull>,
    ) -> Result<PublishResult, Error> {
        let title = secrets::redact(&title(context, plan));
        let body = secrets::redact(&views::pull(context, key, plan, built, self.settings()));
        let pull = match known {
            Some(pull) => self.refresh(place, pull, &title, &body).await?,
            None => self.open(context, place, &title, &body).await?,
        };
        Ok(published(&built.commit, &pull))
    }

    async fn refresh(&self, place: &Place, pull: Pull, title: &str, body: &str) -> Result<Pull, Error> {
        let change = PullChange {
            title: (pull.title != title).then(|| title.to_owned()),
            body: (!same(&pull.body, body)).then(|| body.to_owned()),
            state: None,
        };
        if change == PullChange::default() {
            return Ok(pull);
        }
        self.forge()
            .update_pull(&place.repository, pull.number, &change)
            .await
            .map_err(|error| self.sorted(&error))
    }

    async fn open(&self, context: &Context, place: &Place, title: &str, body: &str) -> Result<Pull, Error> {
        let created = &context.run.created;
        let mut new = NewPull {
            title: title.to_owned(),
            body: body.to_owned(),
            head: created.branch.clone(),
            base: created.base.clone(),
            draft: self.settings().draft,
        };
        let mut answer = self.forge().create_pull(&place.repository, &new).await;
        if new.draft
            && answer
                .as_ref()
                .is_err_and(|error| says(error, "raft pull requests are not supported"))
        {
            // Private repositories of free accounts have none.
            new.draft = false;
            answer = self.forge().create_pull(&place.repository, &new).await;
        }
        match answer {
            Ok(pull) => {
                self.ask_review(context, place, &pull).await;
                Ok(pull)
            }
            Err(error) if says(&error, "already exists") => self.existing(context, place).await,
            Err(error) => Err(self.sorted(&error)),
        }
    }

    /// What stands where GitHub says that a pull request exists: ours of a moment ago, or another's.
    async fn existing(&self, context: &Context, place: &Place) -> Result<Pull, Error> {
        let run = &context.run;
        let pulls = self.pulls(run, place).await?;
        let open = || pulls.iter().filter(|pull| pull.state == IssueState::Open);
        if let Some(pull) = open().find(|pull| self.is_ours(run, place, pull)) {
            return Ok(pull.clone());
        }
        match open().next() {
            Some(other) => Err(Error::Refused {
                why: format!(
                    "Pull request {} from branch {} is not Footplate's; close it, and retry.",
                    other.number, run.created.branch
                ),
            }),
            None => Err(transient(
                "GitHub says that the pull request exists, but does not list it yet",
            )),
        }
    }

    async fn pulls(&self, run: &Run, place: &Place) -> Result<Vec<Pull>, Error> {
        self.forge()
            .pulls_by_head(&place.repository, &run.created.branch)
            .await
            .map_err(|error| self.sorted(&error))
    }

    /// Whether a pull request is this run's: opened by our bot from our branch of this very repository, and
    /// known by its number or its marker. A marker that a stranger pasted proves nothing.
    fn is_ours(&self, run: &Run, place: &Place, pull: &Pull) -> bool {
        let known = run.pull.as_ref().is_some_and(|known| known.number == pull.number);
        let marked = || {
            Marker::parse(&pull.body).is_some_and(|marker| {
                marker.kind == MarkerKind::Pull && marker.run.as_ref() == Some(&run.created.run)
            })
        };
        self.settings().identity.opened(pull)
            && pull.head == run.created.branch.as_str()
            && pull.head_repository.is_none_or(|id| id == place.repository.id)
            && (known || marked())
    }

    /// Tells the person who asked that there is something to look at. Not everybody can be asked.
    async fn ask_review(&self, context: &Context, place: &Place, pull: &Pull) {
        let login = &context.run.created.requester.login;
        if !self.settings().ask_review || login.as_str().ends_with("[bot]") {
            return;
        }
        let reviewers = [login.clone()];
        let asked = self
            .forge()
            .request_review(&place.repository, pull.number, &reviewers)
            .await;
        if let Err(error) = asked {
            tracing::info!(pull = %pull.number, %error, "nobody could be asked for a review");
        }
    }
}

fn published(commit: &CommitId, pull: &Pull) -> PublishResult {
    PublishResult::Published {
        commit: commit.clone(),
        pull: pull.number,
        url: pull.html_url.clone(),
    }
}

/// Whether GitHub refused a request with these words.
fn says(error: &github::Error, words: &str) -> bool {
    match error {
        github::Error::Invalid { message, errors } => {
            message.contains(words) || errors.iter().any(|error| error.contains(words))
        }
        _ => false,
    }
}
