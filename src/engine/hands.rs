//! The hands of the product: each action is done by the workshop or the publisher, and its outcome reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::book::{Book, Page};
use super::error::Error;
use super::executor::{Done, Hands};
use super::workshop::{Work, Workshop};
use crate::model::{AttemptKey, Clock, CommitId, ContentHash, RunId};
use crate::publish::{self, Context, Intend, Publisher};
use crate::run::{Action, Failure, Input, NodePhase, Origin, PublishResult, Report, Verdict};
use crate::store::Journal;
use crate::workflow::NodeKind;

/// Does what the core asks for.
pub struct Crew<J, C, P, W> {
    book: Arc<Book<J, C>>,
    publisher: P,
    workshop: W,
}

impl<J: Journal, C: Clock, P: Publisher, W: Workshop> Crew<J, C, P, W> {
    /// Puts a crew together.
    pub fn new(book: Arc<Book<J, C>>, publisher: P, workshop: W) -> Self {
        Self {
            book,
            publisher,
            workshop,
        }
    }

    /// The publisher.
    pub fn publisher(&self) -> &P {
        &self.publisher
    }

    /// The workshop.
    pub fn workshop(&self) -> &W {
        &self.workshop
    }

    /// The run with its workflow as it is in force now.
    async fn look(&self, run: &RunId) -> Result<Page, Error> {
        let page = self.book.look(run).await?;
        page.map(|page| page.expanded()).ok_or_else(|| Error::Refused {
            why: format!("There is no run {run}."),
        })
    }

    /// One attempt, from the log entry that it begins to its report. An attempt that has begun before belongs to
    /// whoever began it; nobody else may touch the world in its name.
    async fn attempt(&self, key: &AttemptKey, stop: &CancellationToken) -> Result<Option<Done>, Error> {
        let page = self.look(&key.run).await?;
        let Some(node) = page.frozen.workflow.node(&key.node) else {
            return Err(Error::Refused {
                why: format!("The workflow has no step `{}`.", key.node),
            });
        };
        let Some(slot) = self.workshop.slot(node, stop).await else {
            return Ok(None);
        };
        if !self.book.begin(key).await? {
            return Ok(None);
        }
        let page = self.look(&key.run).await?;
        let work = if page.frozen.workflow.node(&key.node).is_none() {
            // The node that this was a part of begins anew as a whole, since a moment ago.
            Work::from(Report::bare(
                key.clone(),
                Verdict::Cancelled,
                self.book.clock().now(),
            ))
        } else if matches!(node.kind, NodeKind::Publish) {
            Work::from(self.publish(&page, key).await)
        } else {
            self.workshop
                .attempt(&page, key, stop)
                .await
                .unwrap_or_else(|error| {
                    let verdict = Verdict::Failed {
                        class: Failure::Machine,
                        why: format!("{error}."),
                    };
                    Report::bare(key.clone(), verdict, self.book.clock().now()).into()
                })
        };
        drop(slot);
        Ok(Some(Done {
            input: Input::AttemptEnded(Box::new(work.report)),
            contents: work.contents,
            stake: work.stake,
        }))
    }

    /// Publishes, trying again for as long as the outside fails for now: an attempt to publish that has begun is
    /// always seen to its end, because only its end tells what stands on the branch.
    async fn publish(&self, page: &Page, key: &AttemptKey) -> Report {
        let started = self.book.clock().now();
        let mut pause = std::time::Duration::from_secs(1);
        let mut tries = 0;
        let verdict = loop {
            match self.publish_once(page, key).await {
                Ok(result) => {
                    let mut report = Report::bare(key.clone(), Verdict::Succeeded, self.book.clock().now());
                    report.started = started;
                    report.publish = Some(result);
                    return report;
                }
                Err(publish::Error::Unwanted) => break Verdict::Cancelled,
                Err(publish::Error::Refused { why }) => {
                    break Verdict::Failed {
                        class: Failure::Machine,
                        why,
                    };
                }
                Err(publish::Error::Transient { why, after }) => {
                    tries += 1;
                    if tries >= MOST_PUBLISH_TRIES {
                        break Verdict::Failed {
                            class: Failure::Machine,
                            why: format!("GitHub could not be reached: {why}."),
                        };
                    }
                    tracing::warn!(%key, why, "publishing failed for now");
                    self.workshop.pause(after.unwrap_or(pause).max(pause)).await;
                    pause = (pause * 2).min(std::time::Duration::from_mins(1));
                }
            }
        };
        let mut report = Report::bare(key.clone(), verdict, self.book.clock().now());
        report.started = started;
        report
    }

    async fn publish_once(&self, page: &Page, key: &AttemptKey) -> Result<PublishResult, publish::Error> {
        let transient = |error: Error| publish::Error::Transient {
            why: error.to_string(),
            after: None,
        };
        // The newest state: an earlier try may have pushed.
        let page = self
            .book
            .look(&key.run)
            .await
            .map_err(transient)?
            .unwrap_or_else(|| page.clone());
        let Some(attempt) = page.run.node(&key.node).and_then(|node| {
            node.attempts
                .iter()
                .find(|attempt| attempt.generation == key.generation && attempt.n == key.n)
        }) else {
            return Err(publish::Error::Unwanted);
        };
        let work = attempt.start.clone();
        let context = self.context(&page).await.map_err(transient)?;
        let intend = Logged {
            book: &self.book,
            key,
        };
        self.publisher.publish(&context, key, &work, &intend).await
    }

    /// Collects the texts that the run's state names.
    ///
    /// # Errors
    /// The store fails.
    pub async fn context(&self, page: &Page) -> Result<Context, Error> {
        let run = &page.run;
        let mut wanted: Vec<ContentHash> = vec![run.issue_text];
        wanted.extend(
            run.nodes
                .values()
                .flat_map(|node| node.artifacts.values().copied()),
        );
        wanted.extend(
            run.nodes
                .values()
                .flat_map(|node| &node.attempts)
                .flat_map(|attempt| {
                    let artifacts = attempt
                        .report
                        .as_ref()
                        .map(|report| report.artifacts.as_slice())
                        .unwrap_or_default();
                    artifacts.iter().map(|artifact| artifact.hash)
                }),
        );
        wanted.extend(
            run.plan
                .iter()
                .flat_map(|plan| [Some(plan.hash), plan.previous])
                .flatten(),
        );
        wanted.extend(run.wishes);
        wanted.extend(run.approval.as_ref().and_then(|approval| approval.notes));
        let mut texts = BTreeMap::new();
        for hash in wanted {
            if texts.contains_key(&hash) {
                continue;
            }
            if let Some(bytes) = self.book.journal().get(&hash).await? {
                texts.insert(hash, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(Context {
            run: Arc::clone(&page.run),
            frozen: page.expanded().frozen,
            texts,
        })
    }
}

/// How often publishing is tried within one attempt.
const MOST_PUBLISH_TRIES: u32 = 8;

impl<J: Journal, C: Clock, P: Publisher, W: Workshop> Hands for Crew<J, C, P, W> {
    async fn perform(&self, action: &Action, stop: &CancellationToken) -> Result<Option<Done>, Error> {
        if let Action::Attempt(key) = action {
            return self.attempt(key, stop).await;
        }
        let page = self.look(action.run()).await?;
        // Nobody reads the status of a local run, whose progress the command line tells from the log; it only says
        // when there is something to put away.
        let local = matches!(page.run.created.origin, Origin::Local { .. });
        if local && matches!(action, Action::PostStatus { .. }) && is_being_made(&page) {
            return Ok(None);
        }
        // Between the wish and its turn the run may have moved on.
        if !crate::run::outstanding(&page.frozen, &page.run).contains(action) {
            return Ok(None);
        }
        let context = self.context(&page).await?;
        let input = match action {
            Action::Attempt(_) => return Ok(None),
            Action::PostPlan { plan, .. } => {
                let posted = self.publisher.post_plan(&context, plan).await?;
                Input::PlanPosted {
                    plan: *plan,
                    comment: posted.comment,
                    body: posted.body,
                }
            }
            Action::PostStatus { .. } => {
                let comment = self.publisher.post_status(&context).await?;
                if !is_being_made(&page) {
                    self.workshop.put_away(&page).await;
                }
                Input::StatusPosted {
                    comment,
                    revision: page.run.revision,
                }
            }
            Action::Reply { to, .. } => {
                let Some(kind) = page.run.replies.get(to) else {
                    return Ok(None);
                };
                self.publisher.reply(&context, *to, kind).await?;
                Input::Replied(*to)
            }
            Action::CollapsePlan { comment, .. } => {
                self.publisher.collapse(&context, *comment).await?;
                Input::PlanCollapsed(*comment)
            }
            Action::HoldWork { .. } => {
                let kept = self.publisher.hold(&context).await?;
                let patch = match kept.patch {
                    Some(patch) => Some(self.book.journal().put(&patch).await?),
                    None => None,
                };
                Input::WorkHeld {
                    reference: kept.reference,
                    patch,
                }
            }
        };
        Ok(Some(input.into()))
    }
}

impl From<publish::Error> for Error {
    fn from(error: publish::Error) -> Self {
        match error {
            publish::Error::Transient { why, after } => Self::Transient { why, after },
            publish::Error::Refused { why } => Self::Refused { why },
            publish::Error::Unwanted => Self::Transient {
                why: "it is no longer wanted".to_owned(),
                after: None,
            },
        }
    }
}

/// Logs the intention to push before the push.
struct Logged<'a, J, C> {
    book: &'a Book<J, C>,
    key: &'a AttemptKey,
}

impl<J: Journal, C: Clock> Intend for Logged<'_, J, C> {
    async fn intend(&self, commit: &CommitId) -> Result<bool, publish::Error> {
        let input = Input::PushIntended {
            key: self.key.clone(),
            commit: commit.clone(),
        };
        let told = self.book.tell(&self.key.run, &input, None).await;
        let told = told.map_err(|error| publish::Error::Transient {
            why: error.to_string(),
            after: None,
        })?;
        Ok(told
            .is_some_and(|told| told.page.run.intended.contains(commit) && is_current(&told.page, self.key)))
    }
}

/// Whether the attempt is still the newest of a run that goes on.
fn is_current(page: &Page, key: &AttemptKey) -> bool {
    page.run.ended.is_none()
        && page.run.cancel.is_none()
        && page.run.node(&key.node).is_some_and(|node| {
            node.latest()
                .is_some_and(|attempt| attempt.generation == key.generation && attempt.n == key.n)
        })
}

/// Whether any attempt of the run is under way or about to be.
fn is_being_made(page: &Page) -> bool {
    let open = page.run.ended.is_none() && page.run.cancel.is_none();
    open && page
        .run
        .nodes
        .values()
        .any(|node| matches!(node.phase, NodePhase::Running | NodePhase::Backoff { .. }))
}
