//! The driver: hands inputs to runs, and sees to it that what should be in flight is.
//!
//! It holds no state of its own: it may die between any two statements, and another may go on from the store.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use super::book::{Book, Creation, Outcome, Page};
use super::error::Error;
use super::executor::Executor;
use super::reconcile::reconcile;
use crate::model::{Clock, RunId};
use crate::run::{Created, Frozen, Input};
use crate::store::{InboxKind, InboxRow, Journal, Settle};

/// Logs that are read with one question when a server starts. Ten thousand questions one after the other would take
/// most of a second.
const READ_AT_ONCE: usize = 256;

/// Makes sense of what GitHub delivered or a person ordered: looks up what must be looked up, and says who is
/// told what.
pub trait Reception: Send + Sync + 'static {
    /// Reads a row of the inbox that is not an outcome.
    ///
    /// # Errors
    /// The row is tried again later; after five times it is set aside.
    fn read(&self, row: &InboxRow) -> impl Future<Output = Result<Vec<Reading>, Error>> + Send;
}

/// What a row of the inbox means.
#[derive(Debug)]
pub enum Reading {
    /// Nothing for a run; the note says why.
    Nothing(String),
    /// A run is told something.
    Tell(RunId, Box<Input>),
    /// A run begins, unless the issue has an active one.
    Start(Box<Created>, Box<Frozen>),
}

/// What came of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Processed {
    /// It is done.
    Done,
    /// It failed for now; it stays in the inbox.
    Failed {
        /// How often by now.
        failures: u32,
    },
}

/// The driver.
pub struct Driver<J, C, E, R> {
    book: Arc<Book<J, C>>,
    executor: E,
    reception: R,
    /// The length of each run's log when it was last reconciled.
    attended: Mutex<HashMap<RunId, u64>>,
}

impl<J: Journal, C: Clock, E: Executor, R: Reception> Driver<J, C, E, R> {
    /// Makes a driver.
    pub fn new(book: Arc<Book<J, C>>, executor: E, reception: R) -> Self {
        Self {
            book,
            executor,
            reception,
            attended: Mutex::default(),
        }
    }

    /// The book it works on.
    pub fn book(&self) -> &Arc<Book<J, C>> {
        &self.book
    }

    /// The executor it drives.
    pub fn executor(&self) -> &E {
        &self.executor
    }

    /// The reception it asks.
    pub fn reception(&self) -> &R {
        &self.reception
    }

    /// Starts again after a stop or a crash: attempts without a result are logged as lost, and everything
    /// outstanding is started. Leftovers of the old process must have been killed before.
    ///
    /// A run whose log is damaged is left alone and reported; it must not keep the others from going on.
    ///
    /// # Errors
    /// The store fails. Some runs may have been recovered by then, and calling this again would take what they
    /// have begun since for lost: the process must end and start anew.
    pub async fn recover(&self) -> Result<Vec<(RunId, Error)>, Error> {
        self.take_in_outcomes().await?;
        let mut unreadable = Vec::new();
        let runs = self.book.journal().runs_with_work().await?;
        for some in runs.chunks(READ_AT_ONCE) {
            self.book.prefetch(some).await?;
            for run in some {
                match self.tell(run, &Input::Recover, None).await {
                    Ok(_) => {}
                    Err(error @ Error::Damaged { .. }) => unreadable.push((run.clone(), error)),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(unreadable)
    }

    /// What the old process finished is in the inbox, and must be known before anything counts as lost.
    ///
    /// Nothing is started yet: it would begin before the run is recovered, and count as lost a moment later.
    ///
    /// # Errors
    /// The store fails.
    pub async fn take_in_outcomes(&self) -> Result<(), Error> {
        let mut after = i64::MIN;
        loop {
            let rows = self.book.journal().pending(after, 256).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.seq;
            for row in rows.iter().filter(|row| row.kind == InboxKind::Outcome) {
                match self.take_in(row).await {
                    Ok(_) => {}
                    Err(error @ Error::Damaged { .. }) => {
                        self.book.journal().fail(row.seq, &error.to_string()).await?;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Processes one row of the inbox. Rows of one lane must be handed in in their order.
    ///
    /// # Errors
    /// The store fails; the row stays.
    pub async fn process(&self, row: &InboxRow) -> Result<Processed, Error> {
        match self.try_process(row).await {
            Ok(()) => Ok(Processed::Done),
            Err(error) => {
                let failures = self.book.journal().fail(row.seq, &error.to_string()).await?;
                tracing::warn!(row = row.seq, key = %row.key, failures, %error, "an input could not be processed");
                Ok(Processed::Failed { failures })
            }
        }
    }

    async fn try_process(&self, row: &InboxRow) -> Result<(), Error> {
        if row.kind == InboxKind::Outcome {
            if let Some(page) = self.take_in(row).await? {
                self.reconcile(&page);
            }
            return Ok(());
        }
        let mut readings = self.reception.read(row).await?;
        // All but the last are told without marking the row: should the process die in between, the row is
        // read again, and the runs ignore what they know.
        let last = readings.pop().unwrap_or_else(|| Reading::Nothing(String::new()));
        for reading in readings {
            match reading {
                Reading::Nothing(_) => {}
                Reading::Tell(run, input) => {
                    self.tell(&run, &input, None).await?;
                }
                Reading::Start(created, frozen) => {
                    self.start(*created, &frozen, None).await?;
                }
            }
        }
        match last {
            Reading::Nothing(note) => self.settle(row.seq, note).await,
            Reading::Tell(run, input) => self.tell_or_settle(&run, &input, row.seq).await,
            Reading::Start(created, frozen) => {
                if let Creation::Taken(other) = self.start(*created, &frozen, Some(row.seq)).await? {
                    self.settle(row.seq, format!("run {other} is active on this issue"))
                        .await?;
                }
                Ok(())
            }
        }
    }

    /// Sees to it that what should be in flight for a run is.
    ///
    /// # Errors
    /// The run cannot be read.
    pub async fn attend(&self, run: &RunId) -> Result<(), Error> {
        if let Some(page) = self.book.look(run).await? {
            self.reconcile(&page);
        }
        Ok(())
    }

    /// Looks at every run whose time has come.
    ///
    /// # Errors
    /// The store fails.
    pub async fn wake_due(&self) -> Result<(), Error> {
        for run in self.book.journal().due(self.book.clock().now()).await? {
            if let Err(error) = self.tell(&run, &Input::Wake, None).await {
                tracing::error!(%run, %error, "a run could not be woken");
            }
        }
        Ok(())
    }

    /// Tells a run something and sees to what follows. `None` where there is no such run.
    ///
    /// # Errors
    /// As [`Book::tell`].
    pub async fn tell(
        &self,
        run: &RunId,
        input: &Input,
        consumes: Option<i64>,
    ) -> Result<Option<Page>, Error> {
        let Some(told) = self.book.tell(run, input, consumes).await? else {
            return Ok(None);
        };
        self.reconcile(&told.page);
        Ok(Some(told.page))
    }

    /// Begins a run and sees to what follows.
    ///
    /// # Errors
    /// As [`Book::create`].
    pub async fn start(
        &self,
        created: Created,
        frozen: &Frozen,
        consumes: Option<i64>,
    ) -> Result<Creation, Error> {
        let creation = self.book.create(created, frozen, consumes).await?;
        if let Creation::New(told) = &creation {
            self.reconcile(&told.page);
        }
        Ok(creation)
    }

    /// Tells a run what came of one of its actions; what follows from it is not yet begun.
    async fn take_in(&self, row: &InboxRow) -> Result<Option<Page>, Error> {
        let outcome: Outcome = match serde_json::from_slice(&row.body) {
            Ok(outcome) => outcome,
            Err(error) => {
                self.settle(row.seq, format!("unreadable outcome: {error}"))
                    .await?;
                return Ok(None);
            }
        };
        let told = self
            .book
            .tell(&outcome.run, &outcome.input, Some(row.seq))
            .await?;
        if told.is_none() {
            self.settle(row.seq, format!("there is no run {}", outcome.run))
                .await?;
        }
        Ok(told.map(|told| told.page))
    }

    /// Compares what should be in flight with what is, unless somebody did so with a newer state: inputs of one
    /// run come from several threads, and whoever decided first may get here last.
    fn reconcile(&self, page: &Page) {
        let run = &page.run;
        let mut attended = self.attended.lock().expect("no holder of this lock panics");
        let newest = attended.entry(run.created.run.clone()).or_default();
        if run.len < *newest {
            return;
        }
        *newest = run.len;
        reconcile(page, &self.executor);
        if run.ended.is_some() {
            attended.remove(&run.created.run);
        }
    }

    async fn tell_or_settle(&self, run: &RunId, input: &Input, seq: i64) -> Result<(), Error> {
        if self.tell(run, input, Some(seq)).await?.is_none() {
            self.settle(seq, format!("there is no run {run}")).await?;
        }
        Ok(())
    }

    async fn settle(&self, seq: i64, note: String) -> Result<(), Error> {
        Ok(self
            .book
            .journal()
            .settle(seq, Settle::Done { note: Some(note) })
            .await?)
    }
}
