//! The few words for people whom no run answers: refusals, corrections, help. Each is said at most once.

use super::deliveries::Call;
use super::{Desk, passing};
use crate::command::{Command, Mistake, Permission};
use crate::engine::error::Error;
use crate::engine::ground::Ground;
use crate::github::{Forge, Reactable, Reaction};
use crate::model::{Clock, CommentId, ContentHash, IssueNumber};
use crate::report::{Marker, MarkerKey, MarkerKind, ReplyKind, escape, reply_text};
use crate::store::Journal;

impl<J: Journal, C: Clock, F: Forge, G: Ground> Desk<J, C, F, G> {
    /// Tells somebody without permission so: a reaction on every such comment, one sentence a thread.
    pub(super) async fn refuse(
        &self,
        call: &Call<'_>,
        thread: IssueNumber,
        comment: Option<CommentId>,
        command: &Command,
    ) -> Result<(), Error> {
        if let Some(comment) = comment {
            let to = Reactable::Comment(comment);
            self.forge
                .react(&call.repository, to, Reaction::Confused)
                .await
                .map_err(passing)?;
        }
        let login = call.sender.login.clone();
        let kind = ReplyKind::NotPermitted {
            login,
            command: command.word().to_owned(),
            needs: Permission::Write,
        };
        self.say(call, thread, "refusal", &reply_text(&kind)).await
    }

    /// Corrects a command that is one letter away from ours, or malformed.
    pub(super) async fn correct(
        &self,
        call: &Call<'_>,
        thread: IssueNumber,
        comment: CommentId,
        mistake: &Mistake,
    ) -> Result<(), Error> {
        self.say(
            call,
            thread,
            &format!("correction-{comment}"),
            &reply_text(&ReplyKind::Misunderstood(mistake.clone())),
        )
        .await
    }

    /// Lists the commands.
    pub(super) async fn help(
        &self,
        call: &Call<'_>,
        thread: IssueNumber,
        comment: CommentId,
    ) -> Result<(), Error> {
        self.say(
            call,
            thread,
            &format!("help-{comment}"),
            &reply_text(&ReplyKind::Help {
                bot: "footplate".to_owned(),
            }),
        )
        .await
    }

    /// Says that there is no run to give commands to.
    pub(super) async fn no_run(
        &self,
        call: &Call<'_>,
        thread: IssueNumber,
        comment: CommentId,
    ) -> Result<(), Error> {
        self.say(
            call,
            thread,
            &format!("no-run-{comment}"),
            &reply_text(&ReplyKind::NoActiveRun),
        )
        .await
    }

    /// Says why no run can begin; the same reason is said once a thread.
    pub(super) async fn say_once(
        &self,
        call: &Call<'_>,
        thread: IssueNumber,
        why: &str,
    ) -> Result<(), Error> {
        let key = format!("cannot-start-{}", ContentHash::of(why).short());
        self.say(
            call,
            thread,
            &key,
            &format!(
                "No run was started: {} Mend that and set the label again.",
                escape::inline(why)
            ),
        )
        .await
    }

    /// Shows that a comment was seen. It is a nicety: a failure is logged, and nothing waits for it.
    pub(super) async fn acknowledge(&self, call: &Call<'_>, to: Reactable) {
        if let Err(error) = self.forge.react(&call.repository, to, Reaction::Eyes).await {
            tracing::warn!(%error, "a reaction could not be set");
        }
    }

    /// Posts a text once for its key: a comment of our App that begins with its marker is looked for first.
    async fn say(&self, call: &Call<'_>, thread: IssueNumber, key: &str, text: &str) -> Result<(), Error> {
        let marker = Marker {
            run: None,
            kind: MarkerKind::Reply,
            generation: 0,
            key: MarkerKey::new(key),
        };
        let comments = self
            .forge
            .comments(&call.repository, thread)
            .await
            .map_err(passing)?;
        let said = comments.iter().any(|comment| {
            comment.app == Some(self.manners.app) && Marker::parse(&comment.body).as_ref() == Some(&marker)
        });
        if !said {
            let body = format!("{text}\n\n{marker}");
            self.forge
                .create_comment(&call.repository, thread, &body)
                .await
                .map_err(passing)?;
        }
        Ok(())
    }
}
