//! What each kind of delivery means.

use std::fmt::Write as _;

use serde::Deserialize;

use super::start::issue_of_branch;
use super::{Desk, nothing, passing};
use crate::command::{self, Command, Grammar, Mistake, Permission, Permit, permit};
use crate::engine::driver::Reading;
use crate::engine::error::Error;
use crate::engine::ground::Ground;
use crate::github::{Facts, Forge, IssueText, PullFacts, Reactable, Repository};
use crate::model::{Clock, IssueNumber, Login, PullNumber, RepositoryName};
use crate::run::{Input, Order, Person, ReplyTo, Review};
use crate::store::{FindRun, InboxRow, Journal, RunRow};

/// A delivery about one repository, by somebody.
pub(super) struct Call<'a> {
    pub(super) row: &'a InboxRow,
    pub(super) facts: Facts,
    pub(super) repository: Repository,
    pub(super) sender: Person,
}

impl<J: Journal, C: Clock, F: Forge, G: Ground> Desk<J, C, F, G> {
    pub(super) async fn delivery(&self, row: &InboxRow) -> Result<Vec<Reading>, Error> {
        let facts: Facts = match serde_json::from_str(&row.facts) {
            Ok(facts) => facts,
            Err(error) => return Ok(nothing(&format!("unreadable facts: {error}"))),
        };
        let Some(call) = call(row, facts) else {
            return Ok(nothing(
                "not about a repository of an installation, or without a sender",
            ));
        };
        let action = call.facts.action.as_deref().unwrap_or_default();
        match (call.facts.event.as_str(), action) {
            ("issues", "labeled") => self.labeled(&call).await,
            ("issues", "edited") => self.issue_edited(&call).await,
            ("issues", "closed") => self.issue_closed(&call).await,
            ("issues", "deleted" | "transferred") => self.issue_gone(&call).await,
            ("issue_comment", "created") => self.commented(&call).await,
            ("pull_request", "closed") => self.pull_closed(&call).await,
            ("pull_request_review", "submitted") => self.reviewed(&call).await,
            (event, action) => Ok(nothing(&format!("{event} {action} asks for nothing"))),
        }
    }

    async fn labeled(&self, call: &Call<'_>) -> Result<Vec<Reading>, Error> {
        let label = call.facts.label.as_ref().map_or("", |label| label.name.as_str());
        let (Some(_), Some(issue)) = (command::label(label, &self.manners.trigger), &call.facts.issue) else {
            return Ok(nothing("another label"));
        };
        if issue.is_pull_request {
            return Ok(nothing("a label on a pull request"));
        }
        if self.is_deaf(call) {
            return Ok(nothing("a label set by a program"));
        }
        let build = Command::Build {
            base: None,
            plan_only: false,
        };
        if permit(
            &build,
            self.permission(&call.repository, &call.sender.login).await?,
        ) != Permit::Allowed
        {
            self.refuse(call, issue.number, None, &build).await?;
            return Ok(nothing("the sender may not start runs"));
        }
        if self.active(call, issue.number).await?.is_some() {
            return Ok(nothing("a run is active on this issue"));
        }
        let labels: Vec<&str> = issue.labels.iter().map(String::as_str).collect();
        let base = match command::base_from_labels(&labels) {
            None => None,
            Some(Ok(base)) => Some(base),
            Some(Err(wrong)) => {
                self.say_once(call, issue.number, &format!("{wrong}")).await?;
                return Ok(nothing("the base label names no branch"));
            }
        };
        let plan_only = command::plan_only_from_labels(&labels);
        self.start(call, issue.number, base.as_ref(), plan_only).await
    }

    async fn commented(&self, call: &Call<'_>) -> Result<Vec<Reading>, Error> {
        let (Some(comment), Some(issue)) = (&call.facts.comment, &call.facts.issue) else {
            return Ok(nothing("a comment without text or issue"));
        };
        if self.is_deaf(call) {
            return Ok(nothing("a comment by a program"));
        }
        let parsed = command::parse(
            &comment.body,
            &Grammar {
                bare: self.manners.bare,
            },
        );
        let Some(first) = parsed.into_iter().next() else {
            return Ok(nothing("no command"));
        };
        let run = self.run_of(call, issue.number, issue.is_pull_request).await?;
        if run.is_none() && !first.addressed {
            return Ok(nothing("no run here, and not addressed"));
        }
        let permission = self.permission(&call.repository, &call.sender.login).await?;
        let thread = issue.number;
        let command = match first.command {
            Ok(command) => command,
            Err(mistake) => {
                let near = matches!(
                    &mistake,
                    Mistake::Unknown {
                        suggestion: Some(_),
                        ..
                    } | Mistake::Malformed { .. }
                );
                if near && permission >= Permission::Write {
                    self.correct(call, thread, comment.id, &mistake).await?;
                }
                return Ok(nothing("no command of ours"));
            }
        };
        if let Permit::Denied { .. } = permit(&command, permission) {
            self.refuse(call, thread, Some(comment.id), &command).await?;
            return Ok(nothing("the sender may not give this command"));
        }
        match (run, command) {
            (Some(run), Command::Build { base, plan_only }) if run.ended => {
                self.start_by_comment(call, &run, base, plan_only).await
            }
            (None, Command::Build { base, plan_only }) if !issue.is_pull_request => {
                self.acknowledge(call, Reactable::Comment(comment.id)).await;
                self.start(call, issue.number, base.as_ref(), plan_only).await
            }
            (None, Command::Help | Command::Status) => {
                self.help(call, thread, comment.id).await?;
                Ok(nothing("helped"))
            }
            (None, _) => {
                self.no_run(call, thread, comment.id).await?;
                Ok(nothing("no run here"))
            }
            (Some(run), command) => {
                let text = match &command {
                    Command::Approve { notes: text, .. } | Command::Replan { wishes: text } => {
                        self.keep(text).await?
                    }
                    _ => None,
                };
                let observed = self.observe(call, &run, &command).await?;
                let edited = match (&command, observed.issue_text) {
                    (Command::Approve { .. }, Some(seen)) => self.edited_since(call, &run, seen).await?,
                    _ => None,
                };
                let order = Order {
                    command,
                    by: call.sender.clone(),
                    comment: Some(comment.id),
                    reply_to: Some(ReplyTo(comment.id)),
                    text,
                    observed,
                };
                let mut readings = tell(&run, Input::Command(Box::new(order)));
                readings.extend(
                    edited
                        .into_iter()
                        .flat_map(|text| tell(&run, Input::IssueEdited { text })),
                );
                Ok(readings)
            }
        }
    }

    async fn start_by_comment(
        &self,
        call: &Call<'_>,
        run: &RunRow,
        base: Option<crate::model::BranchName>,
        plan_only: bool,
    ) -> Result<Vec<Reading>, Error> {
        let on_its_issue = run.issue == call.facts.issue.as_ref().map(|issue| issue.number);
        match (run.issue, &call.facts.comment) {
            (Some(issue), Some(comment)) if on_its_issue => {
                self.acknowledge(call, Reactable::Comment(comment.id)).await;
                self.start(call, issue, base.as_ref(), plan_only).await
            }
            _ => Ok(nothing("a build asked for on a pull request")),
        }
    }

    async fn issue_edited(&self, call: &Call<'_>) -> Result<Vec<Reading>, Error> {
        let Some(issue) = &call.facts.issue else {
            return Ok(nothing("no issue"));
        };
        let Some(run) = self.active(call, issue.number).await? else {
            return Ok(nothing("no active run"));
        };
        let Some(text) = issue_text(&call.row.body) else {
            return Ok(nothing("the delivery does not hold the issue's text"));
        };
        let text = self.keep_issue(&text).await?;
        Ok(tell(&run, Input::IssueEdited { text }))
    }

    async fn issue_closed(&self, call: &Call<'_>) -> Result<Vec<Reading>, Error> {
        let Some(issue) = &call.facts.issue else {
            return Ok(nothing("no issue"));
        };
        let Some(run) = self.active(call, issue.number).await? else {
            return Ok(nothing("no active run"));
        };
        let merged = self.is_merged(call, &run).await?;
        Ok(tell(&run, Input::IssueClosed { merged }))
    }

    /// Whether a pull request from the run's branch is merged. Closing by our own merge reaches us in either
    /// order, and a person can merge before the run itself knows its pull request; GitHub knows how it is.
    async fn is_merged(&self, call: &Call<'_>, row: &RunRow) -> Result<bool, Error> {
        let Some(page) = self.page(&row.run).await? else {
            return Ok(false);
        };
        let branch = &page.run.created.branch;
        let pulls = self.forge.pulls_by_head(&call.repository, branch).await;
        let ours = |id| id == call.repository.id;
        let mut pulls = pulls.map_err(passing)?.into_iter();
        Ok(pulls.any(|pull| pull.merged && pull.head_repository.is_none_or(ours)))
    }

    async fn issue_gone(&self, call: &Call<'_>) -> Result<Vec<Reading>, Error> {
        let Some(issue) = &call.facts.issue else {
            return Ok(nothing("no issue"));
        };
        Ok(match self.active(call, issue.number).await? {
            Some(run) => tell(&run, Input::IssueClosed { merged: false }),
            None => nothing("no active run"),
        })
    }

    async fn pull_closed(&self, call: &Call<'_>) -> Result<Vec<Reading>, Error> {
        let Some(pull) = &call.facts.pull_request else {
            return Ok(nothing("no pull request"));
        };
        let by = FindRun::ByPull {
            repository: call.repository.id,
            pull: pull.number,
        };
        let found = match self.book.journal().find(by).await? {
            Some(run) => Some(run),
            None => self.by_branch(call, pull).await?,
        };
        Ok(match found {
            Some(run) => tell(
                &run,
                Input::PullClosed {
                    pull: pull.number,
                    merged: pull.merged,
                },
            ),
            None => nothing("not a pull request of ours"),
        })
    }

    /// The active run from whose branch a bot opened a pull request that the run did not know just now: its
    /// opening and its end can both come before the run is told.
    async fn by_branch(&self, call: &Call<'_>, pull: &PullFacts) -> Result<Option<RunRow>, Error> {
        let by_bot = pull.user.as_ref().is_some_and(|user| user.is_bot);
        let from_here = pull.head_repository == Some(call.repository.id);
        let head = pull.head_ref.as_deref().filter(|_| by_bot && from_here);
        let Some((head, issue)) = head.and_then(|head| Some((head, issue_of_branch(head)?))) else {
            return Ok(None);
        };
        let Some(row) = self.active(call, issue).await? else {
            return Ok(None);
        };
        let page = self.page(&row.run).await?;
        let own = page.is_some_and(|page| page.run.created.branch.as_str() == head);
        Ok(own.then_some(row))
    }

    async fn reviewed(&self, call: &Call<'_>) -> Result<Vec<Reading>, Error> {
        let (Some(review), Some(pull)) = (&call.facts.review, &call.facts.pull_request) else {
            return Ok(nothing("no review"));
        };
        if review.state.as_deref() != Some("changes_requested") || self.is_deaf(call) {
            return Ok(nothing("a review that asks for no changes"));
        }
        let by = FindRun::ByPull {
            repository: call.repository.id,
            pull: pull.number,
        };
        let Some(run) = self.book.journal().find(by).await?.filter(|run| !run.ended) else {
            return Ok(nothing("not a pull request of an active run"));
        };
        if self.permission(&call.repository, &call.sender.login).await? < Permission::Write {
            return Ok(nothing("the reviewer may not write"));
        }
        let lines = self
            .forge
            .review_comments(&call.repository, pull.number, review.id)
            .await
            .map_err(passing)?;
        let mut text = review.body.clone();
        for comment in lines {
            let line = comment.line.map(|line| format!(":{line}")).unwrap_or_default();
            let _ = write!(text, "\n\n`{}{line}`: {}", comment.path, comment.body);
        }
        let Some(text) = self.keep(&text).await? else {
            return Ok(nothing("an empty review"));
        };
        Ok(tell(
            &run,
            Input::Review(Review {
                pull: pull.number,
                by: call.sender.clone(),
                text,
            }),
        ))
    }

    fn is_deaf(&self, call: &Call<'_>) -> bool {
        call.facts
            .sender
            .as_ref()
            .is_none_or(|sender| self.is_deaf_to(sender, call.facts.via_app))
    }

    async fn active(&self, call: &Call<'_>, issue: IssueNumber) -> Result<Option<RunRow>, Error> {
        let by = FindRun::ActiveOnIssue {
            repository: call.repository.id,
            issue,
        };
        Ok(self.book.journal().find(by).await?)
    }

    /// The run that a thread belongs to: by its pull request, else the active or the latest one on the issue.
    async fn run_of(
        &self,
        call: &Call<'_>,
        number: IssueNumber,
        is_pull: bool,
    ) -> Result<Option<RunRow>, Error> {
        let repository = call.repository.id;
        if is_pull {
            let by = FindRun::ByPull {
                repository,
                pull: PullNumber(number.0),
            };
            return Ok(self.book.journal().find(by).await?);
        }
        match self.active(call, number).await? {
            Some(run) => Ok(Some(run)),
            None => Ok(self
                .book
                .journal()
                .find(FindRun::LatestOnIssue {
                    repository,
                    issue: number,
                })
                .await?),
        }
    }
}

fn call(row: &InboxRow, facts: Facts) -> Option<Call<'_>> {
    let known = facts.repository.as_ref()?;
    let repository = Repository {
        installation: facts.installation?,
        id: known.id,
        name: RepositoryName::new(known.full_name.clone()?).ok()?,
    };
    let sender = facts.sender.as_ref()?;
    let sender = Person {
        login: Login::new(sender.login.clone()?).ok()?,
        id: Some(sender.id),
    };
    Some(Call {
        row,
        facts,
        repository,
        sender,
    })
}

fn tell(run: &RunRow, input: Input) -> Vec<Reading> {
    vec![Reading::Tell(run.run.clone(), Box::new(input))]
}

/// The issue's text as the delivery carried it. Comments on pull requests carry the pull request's.
pub(super) fn issue_text(body: &[u8]) -> Option<IssueText> {
    #[derive(Deserialize)]
    struct Payload {
        issue: Option<Text>,
    }
    #[derive(Deserialize)]
    struct Text {
        title: String,
        body: Option<String>,
    }
    let text = serde_json::from_slice::<Payload>(body).ok()?.issue?;
    Some(IssueText {
        title: text.title,
        body: text.body.unwrap_or_default(),
    })
}
