//! Comments that exist once: found by their stored id, else by marker and author, and only then written.
//!
//! GitHub may do what it is asked and answer with an error. So whoever writes a comment looks through all of
//! them first, and where the outcome of writing is unclear the error says "later", which leads through the
//! same look again.

use super::documents::Place;
use super::github::{GitHub, transient};
use super::tree::Tree;
use super::{Context, Error, PlanComment, secrets, views};
use crate::github::{Comment, Forge, Reactable, Reaction};
use crate::model::{CommentId, ContentHash, IssueNumber};
use crate::report::{Marker, MarkerKey, MarkerKind};
use crate::run::{ReplyKind, ReplyTo, Run, phase};

/// What the status comment of a run shows, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    revision: u64,
    comment: Option<CommentId>,
    /// The word of the phase whose label was set last.
    label: Option<&'static str>,
}

impl<F: Forge, T: Tree> GitHub<F, T> {
    /// Brings the sticky comment and the label up to date. One issue has one such comment: a later run takes
    /// over that of an earlier one, and the earlier run then leaves it alone.
    pub(super) async fn show_status(&self, context: &Context) -> Result<Option<CommentId>, Error> {
        let run = &context.run;
        let Some(place) = Place::of(run) else {
            return Ok(None);
        };
        if run.status_posted >= run.revision && run.status_comment.is_some() {
            return Ok(run.status_comment);
        }
        let slot = self.slot(&run.created.run);
        let mut shown = slot.lock().await;
        if shown.revision >= run.revision && shown.comment.is_some() {
            return Ok(shown.comment);
        }
        let body = secrets::redact(&views::status(context, self.settings()));
        let known = shown.comment.or(run.status_comment);
        let (comment, is_ours) = self.upsert_status(&place, run, known, &body).await?;
        shown.revision = run.revision;
        shown.comment = Some(comment);
        let word = phase(&context.frozen, run).as_str();
        if is_ours && shown.label != Some(word) && self.show_label(context, &place).await {
            shown.label = Some(word);
        }
        drop(shown);
        if run.ended.is_some() {
            self.forget_slot(&run.created.run);
        }
        Ok(Some(comment))
    }

    /// Returns the comment and whether this run speaks in it; `false` where a later run has taken it over.
    async fn upsert_status(
        &self,
        place: &Place,
        run: &Run,
        known: Option<CommentId>,
        body: &str,
    ) -> Result<(CommentId, bool), Error> {
        let found = match known {
            Some(id) => self
                .forge()
                .comment(&place.repository, id)
                .await
                .map_err(|e| self.sorted(&e))?,
            None => None,
        };
        let found = match found {
            Some(comment) => Some(comment),
            // Not posted yet, or somebody deleted it: look before writing a new one.
            None => self.newest_status(place).await?,
        };
        let Some(found) = found else {
            return Ok((self.write(place, place.issue, body).await?.id, true));
        };
        let speaker = Marker::parse(&found.body).and_then(|marker| marker.run);
        // A run's id begins with its time of birth.
        if speaker.is_some_and(|speaker| speaker > run.created.run) {
            return Ok((found.id, false));
        }
        if same(&found.body, body) {
            return Ok((found.id, true));
        }
        let updated = self
            .forge()
            .update_comment(&place.repository, found.id, body)
            .await
            .map_err(|error| self.sorted(&error))?;
        match updated {
            Some(comment) => Ok((comment.id, true)),
            None => Err(transient("the status comment was deleted while it was edited")),
        }
    }

    async fn newest_status(&self, place: &Place) -> Result<Option<Comment>, Error> {
        let mut found = self
            .ours(place, place.issue, |marker| marker.kind == MarkerKind::Status)
            .await?;
        Ok(found.pop())
    }

    /// Posts the plan as a comment of its own, or finds it. An existing one is never edited, so that its body
    /// stays what people read when they approved.
    pub(super) async fn show_plan(
        &self,
        context: &Context,
        plan: &ContentHash,
    ) -> Result<PlanComment, Error> {
        let run = &context.run;
        let place = Place::on_github(run)?;
        let Some(state) = run.plan.as_ref().filter(|state| state.hash == *plan) else {
            return Err(Error::Unwanted);
        };
        if let Some(posted) = state.posted {
            return Ok(PlanComment {
                comment: posted.comment,
                body: posted.body,
            });
        }
        let body = secrets::redact(&views::plan(context, state)?);
        let is_wanted = |marker: &Marker| {
            let of_run = marker.run.as_ref() == Some(&run.created.run);
            of_run && marker.kind == MarkerKind::Plan && marker.generation == state.revision
        };
        let found = self.ours(&place, place.issue, is_wanted).await?;
        let comment = match found.into_iter().next() {
            Some(comment) => comment,
            None => self.write(&place, place.issue, &body).await?,
        };
        // Where somebody edited it before we could note it, what counts as unedited is what we wrote.
        let unedited = if same(&comment.body, &body) {
            &comment.body
        } else {
            &body
        };
        Ok(PlanComment {
            comment: comment.id,
            body: ContentHash::of(unedited),
        })
    }

    /// Answers a comment, where it was written: with a reaction, or with words once.
    pub(super) async fn answer(&self, context: &Context, to: ReplyTo, kind: &ReplyKind) -> Result<(), Error> {
        let run = &context.run;
        let place = Place::on_github(run)?;
        let asked = self.forge().comment(&place.repository, to.0).await;
        // Nobody waits for an answer to a comment that is gone.
        let Some(asked) = asked.map_err(|error| self.sorted(&error))? else {
            return Ok(());
        };
        let Some(words) = views::reply(context, kind, self.settings()) else {
            return self.react(&place, to.0, Reaction::PlusOne).await;
        };
        let thread = thread_of(&asked, run, place.issue);
        let wanted = reply_marker(run, to);
        let found = self.ours(&place, thread, |marker| *marker == wanted).await?;
        if found.is_empty() {
            let body = secrets::redact(&format!("{wanted}\n\n{words}\n"));
            self.write(&place, thread, &body).await?;
        }
        match kind {
            ReplyKind::Accepted | ReplyKind::Status | ReplyKind::Help => Ok(()),
            _ => self.react(&place, to.0, Reaction::Confused).await,
        }
    }

    /// Collapses a superseded plan comment; one that is gone needs no collapsing.
    pub(super) async fn hide(&self, context: &Context, comment: CommentId) -> Result<(), Error> {
        let place = Place::on_github(&context.run)?;
        let found = self.forge().comment(&place.repository, comment).await;
        let Some(found) = found.map_err(|error| self.sorted(&error))? else {
            return Ok(());
        };
        match self
            .forge()
            .minimize_comment(&place.repository, &found.node_id)
            .await
        {
            Err(error) if !error.is_not_found() => Err(self.sorted(&error)),
            _ => Ok(()),
        }
    }

    /// Our comments in a thread whose marker is wanted, oldest first. A stranger's pasted marker is no match.
    async fn ours(
        &self,
        place: &Place,
        thread: IssueNumber,
        is_wanted: impl Fn(&Marker) -> bool + Send,
    ) -> Result<Vec<Comment>, Error> {
        let comments = self.forge().comments(&place.repository, thread).await;
        let mut comments = comments.map_err(|error| self.sorted(&error))?;
        comments.retain(|comment| {
            self.settings().identity.wrote(comment)
                && Marker::parse(&comment.body).is_some_and(|marker| is_wanted(&marker))
        });
        comments.sort_by_key(|comment| comment.id);
        Ok(comments)
    }

    async fn write(&self, place: &Place, thread: IssueNumber, body: &str) -> Result<Comment, Error> {
        self.forge()
            .create_comment(&place.repository, thread, body)
            .await
            .map_err(|error| self.sorted(&error))
    }

    /// Reacts; a reaction that is refused is not worth more than a line in the log.
    async fn react(&self, place: &Place, to: CommentId, reaction: Reaction) -> Result<(), Error> {
        let done = self
            .forge()
            .react(&place.repository, Reactable::Comment(to), reaction)
            .await;
        match done {
            Ok(()) => Ok(()),
            Err(error) if error.is_passing() => Err(self.sorted(&error)),
            Err(error) => {
                tracing::warn!(comment = %to, %error, "a reaction was refused");
                Ok(())
            }
        }
    }

    /// Swaps the label that says the state. Labels are decoration: what fails is logged, and the next state
    /// puts it right. Says whether it went well.
    async fn show_label(&self, context: &Context, place: &Place) -> bool {
        let swapped = self.swap_label(context, place).await;
        if let Err(error) = &swapped {
            let run = &context.run.created.run;
            tracing::warn!(%run, %error, "the state label could not be brought up to date");
        }
        swapped.is_ok()
    }

    async fn swap_label(&self, context: &Context, place: &Place) -> crate::github::Result<()> {
        let run = &context.run;
        let labels = &self.settings().labels;
        let (forge, repository) = (self.forge(), &place.repository);
        let present = forge.issue(repository, place.issue).await?.labels;
        let has = |name: &str| present.iter().any(|label| label.eq_ignore_ascii_case(name));
        let look = labels.of(&phase(&context.frozen, run));
        if let Some(look) = &look
            && !has(look.name)
        {
            if self.is_new_label(repository.id, look.name) {
                forge
                    .ensure_label(repository, look.name, look.color, look.description)
                    .await?;
                self.know_label(repository.id, look.name);
            }
            forge.add_labels(repository, place.issue, &[look.name]).await?;
        }
        // A trigger that comes back after the end asks for the next run.
        let stale_trigger = run.ended.is_none() || run.status_posted == 0;
        let trigger = Some(labels.trigger.as_str()).filter(|_| stale_trigger);
        for name in labels.states().into_iter().chain(trigger) {
            let is_shown = look
                .as_ref()
                .is_some_and(|look| look.name.eq_ignore_ascii_case(name));
            if !is_shown && has(name) {
                forge.remove_label(repository, place.issue, name).await?;
            }
        }
        Ok(())
    }
}

fn reply_marker(run: &Run, to: ReplyTo) -> Marker {
    Marker {
        run: Some(run.created.run.clone()),
        kind: MarkerKind::Reply,
        generation: 0,
        key: MarkerKey::new(to.0.to_string()),
    }
}

/// Whether two bodies are the same but for what GitHub does to line ends.
pub(super) fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    plain(one) == plain(other)
}

/// The thread in which a comment was written: the run's pull request where its address says so, else the issue.
fn thread_of(comment: &Comment, run: &Run, issue: IssueNumber) -> IssueNumber {
    let pull = run.pull.as_ref().filter(|pull| {
        let part = format!("/pull/{}#", pull.number);
        comment.html_url.contains(&part)
    });
    pull.map_or(issue, |pull| IssueNumber(pull.number.0))
}
