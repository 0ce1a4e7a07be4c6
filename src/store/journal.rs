//! What the driver asks of a store.
//!
//! [`Database`](super::Database) answers from SQL, the simulator from memory.

use std::future::Future;

use crate::model::{
    ContentHash, IssueNumber, MicroUsd, PullNumber, RepositoryId, RepositoryName, RunId, Timestamp,
};

use super::Error;

/// How often the decision about one inbox row may fail before the row is set aside.
///
/// A fault that passes (a busy disk, a provider's outage) is over after a few tries; one that does not would
/// block everything behind it in its lane.
pub const MAX_FAILURES: u32 = 5;

/// The log of runs and the inbox that feeds it.
pub trait Journal: Send + Sync + 'static {
    /// Reads up to `limit` inbox rows that are still to be decided and stand after `after`, oldest first.
    ///
    /// # Errors
    /// The store cannot be read, or a row is damaged.
    fn pending(&self, after: i64, limit: usize) -> impl Future<Output = Result<Vec<InboxRow>, Error>> + Send;

    /// Reads a run's events as JSON, oldest first; `None` where there is no such run.
    ///
    /// # Errors
    /// The store cannot be read.
    fn load(&self, run: &RunId) -> impl Future<Output = Result<Option<Vec<String>>, Error>> + Send;

    /// Reads the events of many runs, in the order asked for; runs that do not exist are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    fn load_many(
        &self,
        runs: &[RunId],
    ) -> impl Future<Output = Result<Vec<(RunId, Vec<String>)>, Error>> + Send {
        async move {
            let mut found = Vec::with_capacity(runs.len());
            for run in runs {
                if let Some(events) = self.load(run).await? {
                    found.push((run.clone(), events));
                }
            }
            Ok(found)
        }
    }

    /// Writes a decision in one transaction; every answer but [`Appended::Ok`] leaves nothing behind.
    ///
    /// # Errors
    /// The store cannot be written, or the request contradicts itself; nothing is left behind either.
    fn append(&self, append: Append) -> impl Future<Output = Result<Appended, Error>> + Send;

    /// Takes an inbox row off the list without changing a run.
    ///
    /// A row that is off the list already stays as it is.
    ///
    /// # Errors
    /// The store cannot be written.
    fn settle(&self, seq: i64, how: Settle) -> impl Future<Output = Result<(), Error>> + Send;

    /// Counts a failed try to decide an inbox row and returns how many there were.
    ///
    /// At [`MAX_FAILURES`] the row is set aside: no longer pending, but kept and shown.
    ///
    /// # Errors
    /// The store cannot be written.
    fn fail(&self, seq: i64, error: &str) -> impl Future<Output = Result<u32, Error>> + Send;

    /// Puts the outcome of an action, or an order, into the inbox; `false` where its key is there already.
    ///
    /// # Errors
    /// The store cannot be written.
    fn deliver(&self, outcome: NewOutcome) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Reads the rows of all runs that want attention after a start: those with outstanding work, and those
    /// that have not ended and want to wake at some time. Oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn open_runs(&self) -> impl Future<Output = Result<Vec<RunRow>, Error>> + Send;

    /// The runs with work outstanding, in order: what a start must take up again. Runs that only wait for a time or
    /// a person are not read.
    ///
    /// # Errors
    /// The store cannot be read.
    fn runs_with_work(&self) -> impl Future<Output = Result<Vec<RunId>, Error>> + Send {
        async {
            let open = self.open_runs().await?;
            let working = open.into_iter().filter(|row| row.has_work);
            Ok(working.map(|row| row.run).collect())
        }
    }

    /// Lists the runs whose wake-up time has come, the most overdue first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn due(&self, now: Timestamp) -> impl Future<Output = Result<Vec<RunId>, Error>> + Send;

    /// The earliest wake-up time of any run, so that one timer serves them all.
    ///
    /// # Errors
    /// The store cannot be read.
    fn next_wake(&self) -> impl Future<Output = Result<Option<Timestamp>, Error>> + Send;

    /// Finds one run.
    ///
    /// # Errors
    /// The store cannot be read, or a shortened id fits more than one run.
    fn find(&self, by: FindRun) -> impl Future<Output = Result<Option<RunRow>, Error>> + Send;

    /// Lists runs, youngest first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn list(&self, filter: ListRuns) -> impl Future<Output = Result<Vec<RunRow>, Error>> + Send;

    /// Sums up what runs cost.
    ///
    /// # Errors
    /// The store cannot be read.
    fn cost(&self, of: CostOf) -> impl Future<Output = Result<CostSum, Error>> + Send {
        async move {
            let filter = ListRuns {
                repository: of.repository,
                limit: 1_000_000,
                ..ListRuns::default()
            };
            let mut sum = CostSum::default();
            for row in self.list(filter).await? {
                let is_meant = row.run != of.except
                    && row.updated >= of.since
                    && of.issue.is_none_or(|issue| row.issue == Some(issue));
                if !is_meant {
                    continue;
                }
                match row.cost {
                    Some(cost) => sum.known += cost,
                    None => sum.unknown = sum.unknown.saturating_add(1),
                }
                if row.cost != Some(MicroUsd::ZERO) {
                    sum.oldest = Some(sum.oldest.map_or(row.updated, |oldest| oldest.min(row.updated)));
                }
            }
            Ok(sum)
        }
    }

    /// Keeps a content under its address. Keeping it again is harmless.
    ///
    /// # Errors
    /// The store cannot be written.
    fn put(&self, content: &[u8]) -> impl Future<Output = Result<ContentHash, Error>> + Send;

    /// Reads a content, verified against its address; `None` where it is not (or no longer) kept.
    ///
    /// # Errors
    /// The store cannot be read, or what it holds is not what the address says.
    fn get(&self, hash: &ContentHash) -> impl Future<Output = Result<Option<Vec<u8>>, Error>> + Send;
}

/// A decision, ready to be written in one transaction.
#[derive(Debug, Clone)]
pub struct Append {
    /// The run.
    pub run: RunId,
    /// How many events the run had when the decision was made; 0 creates the run.
    pub expected_len: u64,
    /// The new events as JSON, oldest first. May be empty for a run that exists.
    pub events: Vec<String>,
    /// The run's row as it is after these events; its `len` is `expected_len` plus the new events.
    pub row: RunRow,
    /// The inbox row that led to this decision, to be marked as done.
    pub consumes: Option<i64>,
    /// What is noted at that inbox row, for people.
    pub note: Option<String>,
    /// New inbox rows; those whose key is there already are left out.
    pub outcomes: Vec<NewOutcome>,
    /// Contents that the events refer to. Those that are kept already are left out.
    pub contents: Vec<Vec<u8>>,
    /// When the decision was made.
    pub at: Timestamp,
}

/// How an append ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// All of it is written and durable.
    Ok,
    /// The run has another length than expected: load it and decide again.
    Conflict,
    /// Another run is active on this issue.
    IssueTaken(RunId),
    /// The inbox row has been settled meanwhile: drop this input.
    Settled,
}

/// What is known about a run without reading its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// The repository's id on GitHub; 0 for a local run.
    pub repository: RepositoryId,
    /// The repository's name when the row was last written.
    pub repository_name: RepositoryName,
    /// The issue; `None` for a local run.
    pub issue: Option<IssueNumber>,
    /// The pull request, once there is one.
    pub pull: Option<PullNumber>,
    /// The issue's title. A stranger's text.
    pub title: String,
    /// The workflow's name.
    pub workflow: String,
    /// The run's state, for people and lists.
    pub state: String,
    /// Whether the run holds its issue: at most one run for an issue does.
    pub active: bool,
    /// Whether the run is over.
    pub ended: bool,
    /// The number of events in the log.
    pub len: u64,
    /// When the run wants to be looked at again.
    pub next_wake: Option<Timestamp>,
    /// Whether an action should be in flight, or an attempt has begun and not told its end.
    pub has_work: bool,
    /// When the run began.
    pub created: Timestamp,
    /// When the row was last written.
    pub updated: Timestamp,
    /// What the run has cost so far; `None` where it is unknown.
    pub cost: Option<MicroUsd>,
}

/// A row of the inbox that is still to be decided, or was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    /// Its place in the order of arrival.
    pub seq: i64,
    /// What makes it unique within its kind: GitHub's delivery id, an action's key, an order's id.
    pub key: String,
    /// Where it came from.
    pub kind: InboxKind,
    /// Rows of one lane are decided in their order.
    pub lane: String,
    /// The event's name of a delivery (`X-GitHub-Event`), empty otherwise.
    pub event: String,
    /// The action of a delivery's payload, empty otherwise.
    pub action: String,
    /// The body as it was received, unpacked.
    pub body: Vec<u8>,
    /// What was extracted from the body when it arrived, as JSON.
    pub facts: String,
    /// When it arrived.
    pub received: Timestamp,
    /// How many tries to decide it have failed.
    pub failures: u32,
}

/// Where an inbox row came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InboxKind {
    /// A webhook call of GitHub.
    Delivery,
    /// The result of an action.
    Outcome,
    /// A request from the command line, such as cancel.
    Order,
}

impl InboxKind {
    /// The kind as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Outcome => "outcome",
            Self::Order => "order",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Delivery, Self::Outcome, Self::Order]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// An inbox row to be: the outcome of an action, or an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutcome {
    /// Where it comes from.
    pub kind: InboxKind,
    /// What makes it unique within its kind.
    pub key: String,
    /// Rows of one lane are decided in their order.
    pub lane: String,
    /// The whole of it, as bytes.
    pub body: Vec<u8>,
    /// What a decision needs of it, as JSON.
    pub facts: String,
    /// When it happened.
    pub received: Timestamp,
}

/// How an inbox row that changes no run is taken off the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settle {
    /// There was nothing to do, or it is done.
    Done {
        /// What is noted at the row, for people.
        note: Option<String>,
    },
    /// It cannot be decided and is kept for people to see.
    Aside {
        /// The reason, for people.
        why: String,
    },
}

/// Which run to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindRun {
    /// The run that holds an issue.
    ActiveOnIssue {
        /// The repository.
        repository: RepositoryId,
        /// The issue.
        issue: IssueNumber,
    },
    /// The youngest run of an issue, active or not.
    LatestOnIssue {
        /// The repository.
        repository: RepositoryId,
        /// The issue.
        issue: IssueNumber,
    },
    /// The youngest run that opened a pull request.
    ByPull {
        /// The repository.
        repository: RepositoryId,
        /// The pull request.
        pull: PullNumber,
    },
    /// The run with this id, or the only one whose id begins with it or ends with it
    /// (the short form in branch names is the id's end).
    ById(String),
}

/// The runs whose cost is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostOf {
    /// All but this one, whose own log says more.
    pub except: RunId,
    /// Only runs of this repository.
    pub repository: Option<RepositoryId>,
    /// Only runs for this issue.
    pub issue: Option<IssueNumber>,
    /// Only runs whose row was written then or later.
    pub since: Timestamp,
}

/// What some runs cost together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CostSum {
    /// The sum of what is known.
    pub known: MicroUsd,
    /// How many of them did not tell.
    pub unknown: u32,
    /// When the one that cost something, or may have, was written longest ago.
    pub oldest: Option<Timestamp>,
}

/// Which runs to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListRuns {
    /// Only runs of this repository.
    pub repository: Option<RepositoryId>,
    /// Only runs that have (`true`) or have not (`false`) ended.
    pub ended: Option<bool>,
    /// Only runs older than this one, to read page by page.
    pub before: Option<RunId>,
    /// At most so many; 0 stands for 100.
    pub limit: usize,
}
