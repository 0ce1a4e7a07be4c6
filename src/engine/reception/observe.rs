//! Looking at the world for a command that depends on it.

use super::deliveries::{Call, issue_text};
use super::{Desk, passing};
use crate::command::Command;
use crate::contract::{self, Document};
use crate::engine::error::Error;
use crate::engine::ground::Ground;
use crate::github::{Forge, IssueText};
use crate::model::{ArtifactName, Clock, ContentHash};
use crate::run::{Observed, Run};
use crate::store::{Journal, RunRow};

impl<J: Journal, C: Clock, F: Forge, G: Ground> Desk<J, C, F, G> {
    /// What an approval or a new plan is compared with; nothing for other commands.
    pub(super) async fn observe(
        &self,
        call: &Call<'_>,
        row: &RunRow,
        command: &Command,
    ) -> Result<Observed, Error> {
        if !matches!(command, Command::Approve { .. } | Command::Replan { .. }) {
            return Ok(Observed::default());
        }
        let Some(page) = self.page(&row.run).await? else {
            return Ok(Observed::default());
        };
        let run = &page.run;
        let text = self.text_of(call, row).await?;
        let drift = self
            .ground
            .drift(&call.repository, &run.created.base, &run.base_commit)
            .await?;
        let plan = self.plan(run).await?;
        let base_touches_plan = match &plan {
            Some(plan) => drift.touched.iter().any(|path| plan.touches(path)),
            None => !drift.touched.is_empty(),
        };
        let posted = run.plan.as_ref().and_then(|plan| plan.posted);
        let plan_comment = match posted {
            Some(posted) => {
                let comment = self
                    .forge
                    .comment(&call.repository, posted.comment)
                    .await
                    .map_err(passing)?;
                comment.map(|comment| ContentHash::of(comment.body))
            }
            None => None,
        };
        let issue_text = match text {
            Some(text) => Some(self.keep_issue(&text).await?),
            None => None,
        };
        Ok(Observed {
            issue_text,
            base_head: drift.head,
            base_touches_plan,
            plan_comment,
        })
    }

    /// The address of the issue's text as it is now, where it is another one than was seen: deliveries come in any
    /// order, and the edit may have been heard of before the approval that it voids.
    pub(super) async fn edited_since(
        &self,
        call: &Call<'_>,
        row: &RunRow,
        seen: ContentHash,
    ) -> Result<Option<ContentHash>, Error> {
        let Some(number) = row.issue else { return Ok(None) };
        let issue = self.forge.issue(&call.repository, number).await;
        let issue = issue.map_err(passing)?;
        let now = IssueText {
            title: issue.title,
            body: issue.body,
        };
        let now = self.keep_issue(&now).await?;
        Ok((now != seen).then_some(now))
    }

    /// Keeps an issue's text under the address that identifies it.
    pub(super) async fn keep_issue(&self, text: &IssueText) -> Result<ContentHash, Error> {
        Ok(self.book.journal().put(canonical(text).as_bytes()).await?)
    }

    /// The issue's text as the command's author saw it: what the delivery carried, or, from a pull request's
    /// thread, what GitHub shows now.
    async fn text_of(&self, call: &Call<'_>, row: &RunRow) -> Result<Option<IssueText>, Error> {
        let own = call
            .facts
            .issue
            .as_ref()
            .is_some_and(|issue| Some(issue.number) == row.issue);
        if own {
            return Ok(issue_text(&call.row.body));
        }
        let Some(number) = row.issue else { return Ok(None) };
        let issue = self
            .forge
            .issue(&call.repository, number)
            .await
            .map_err(passing)?;
        Ok(Some(IssueText {
            title: issue.title,
            body: issue.body,
        }))
    }

    async fn plan(&self, run: &Run) -> Result<Option<contract::Plan>, Error> {
        let Some(plan) = &run.plan else { return Ok(None) };
        let Some(bytes) = self.book.journal().get(&plan.hash).await? else {
            return Ok(None);
        };
        let name = ArtifactName::new("plan.md").expect("it is a word and `.md`");
        Ok(match contract::parse(&name, &String::from_utf8_lossy(&bytes)) {
            Ok(Document::Plan(plan)) => Some(plan),
            _ => None,
        })
    }
}

/// The form of an issue's text whose hash is [`IssueText::hash`].
pub(crate) fn canonical(text: &IssueText) -> String {
    format!("{}\n{}\n{}", text.title.len(), text.title, text.body)
}
