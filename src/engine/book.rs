//! The book of runs: reads a log, decides, and appends what was decided.
//!
//! A decision takes effect by being appended at the length of the log that it was made from, in the same
//! transaction that marks its input as done.
//! Whoever loses a race reads again and decides again.

mod outside;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex as AsyncMutex, Notify};

use super::error::Error;
use super::frozen_store;
use crate::model::{AttemptKey, Clock, ContentHash, IssueNumber, RepositoryId, RunId, Timestamp};
use crate::run::{
    Created, Event, FORMAT, Frozen, Input, Origin, Recorded, Run, WindowRead, decide, evolve, next_wake,
    outstanding, phase, replay,
};
use crate::store::{Append, Appended, InboxKind, Journal, NewOutcome, RunRow};

/// How often one input is decided again after losing a race, before the conflict is reported.
const MOST_CONFLICTS: u32 = 20;

/// How many runs are kept in memory, about 5 MiB of them. A run beyond that is read again when it is told something.
const MOST_OPEN: usize = 1024;

/// The book of runs.
pub struct Book<J, C> {
    journal: J,
    clock: C,
    open: Mutex<HashMap<RunId, Arc<AsyncMutex<Option<Page>>>>>,
    frozen: Mutex<HashMap<(ContentHash, ContentHash), Arc<Frozen>>>,
    touched: Mutex<BTreeSet<RunId>>,
    touch: Notify,
    /// How full windows were when a provider last told, by `provider/window`, and when that was.
    windows: Mutex<BTreeMap<String, (Timestamp, WindowRead)>>,
}

/// A run with what it froze.
#[derive(Clone)]
pub struct Page {
    /// The run.
    pub run: Arc<Run>,
    /// What it froze.
    pub frozen: Arc<Frozen>,
}

impl Page {
    /// The same page with the workflow as it is in force now: with the parts of divided nodes in it.
    #[must_use]
    pub fn expanded(&self) -> Self {
        match self.frozen.expanded(&self.run) {
            Cow::Borrowed(_) => self.clone(),
            Cow::Owned(frozen) => Self {
                run: Arc::clone(&self.run),
                frozen: Arc::new(frozen),
            },
        }
    }
}

/// A run that is kept in memory.
#[must_use]
pub struct Hold {
    _slot: Arc<AsyncMutex<Option<Page>>>,
}

/// What came of telling a run something.
pub struct Told {
    /// The run afterwards.
    pub page: Page,
    /// The events that followed.
    pub events: Vec<Event>,
}

/// What came of creating a run.
pub enum Creation {
    /// It exists now.
    New(Told),
    /// The issue has an active run already.
    Taken(RunId),
}

/// The outcome of an action as it lies in the inbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The run.
    pub run: RunId,
    /// What it is told.
    pub input: Input,
}

impl<J: Journal, C: Clock> Book<J, C> {
    /// Opens the book over a journal.
    pub fn new(journal: J, clock: C) -> Self {
        Self {
            journal,
            clock,
            open: Mutex::default(),
            frozen: Mutex::default(),
            touched: Mutex::default(),
            touch: Notify::new(),
            windows: Mutex::default(),
        }
    }

    /// The journal beneath.
    pub fn journal(&self) -> &J {
        &self.journal
    }

    /// The clock that decisions are made by.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// Reads a run; `None` where there is none.
    ///
    /// # Errors
    /// The store fails, or the log or a snapshot is damaged or too new.
    pub async fn look(&self, run: &RunId) -> Result<Option<Page>, Error> {
        let slot = self.slot(run);
        let mut slot_guard = slot.lock().await;
        let page = self.page(run, &mut slot_guard).await?;
        drop(slot_guard);
        self.let_go(run, page.as_ref());
        Ok(page)
    }

    /// Reads the logs of several runs at once, for whoever is about to tell each of them something.
    ///
    /// What cannot be read is left out; whoever needs that run is told why.
    ///
    /// # Errors
    /// The store fails.
    pub async fn prefetch(&self, runs: &[RunId]) -> Result<(), Error> {
        for (run, lines) in self.journal.load_many(runs).await? {
            let slot = self.slot(&run);
            let mut slot = slot.lock().await;
            if slot.is_none()
                && let Ok(page) = self.read(&run, &lines).await
            {
                *slot = Some(page);
            }
        }
        Ok(())
    }

    /// Creates a run, unless the issue has an active one. `consumes` is the inbox row that asked for it.
    ///
    /// # Errors
    /// As [`Book::look`].
    pub async fn create(
        &self,
        created: Created,
        frozen: &Frozen,
        consumes: Option<i64>,
    ) -> Result<Creation, Error> {
        frozen_store::put(&self.journal, frozen).await?;
        let id = created.run.clone();
        let slot = self.slot(&id);
        let mut slot = slot.lock().await;
        let frozen = Arc::new(frozen.clone());
        let now = self.clock.now();
        let events = decide(&frozen, None, &Input::Start(Box::new(created)), now);
        let mut run = None;
        let lines = fold(&mut run, &events, now);
        let run = run.ok_or_else(|| Error::Damaged {
            run: id.clone(),
            why: "it was not created".to_owned(),
        })?;
        let append = Append {
            run: id.clone(),
            expected_len: 0,
            events: lines,
            row: row(&frozen, &run),
            consumes,
            note: None,
            outcomes: Vec::new(),
            contents: Vec::new(),
            at: now,
        };
        match self.journal.append(append).await? {
            Appended::Ok => {
                let page = Page {
                    run: Arc::new(run),
                    frozen,
                };
                *slot = Some(page.clone());
                Ok(Creation::New(Told { page, events }))
            }
            Appended::IssueTaken(other) => Ok(Creation::Taken(other)),
            // The same run was created before, by an earlier try at the same input.
            Appended::Conflict | Appended::Settled => Ok(Creation::Taken(id)),
        }
    }

    /// Tells a run something. `consumes` is the inbox row that said it; it is marked done with the append.
    /// `None` where there is no such run.
    ///
    /// # Errors
    /// As [`Book::look`]; or the race was lost too often, which another try may win.
    pub async fn tell(
        &self,
        run: &RunId,
        input: &Input,
        consumes: Option<i64>,
    ) -> Result<Option<Told>, Error> {
        self.tell_with(run, input, consumes, &[]).await
    }

    /// The same with contents that the input names; they are stored in the append's transaction.
    async fn tell_with(
        &self,
        run: &RunId,
        input: &Input,
        consumes: Option<i64>,
        contents: &[Vec<u8>],
    ) -> Result<Option<Told>, Error> {
        if let Input::AttemptEnded(report) = input {
            self.note_windows(report);
        }
        let slot = self.slot(run);
        let mut slot = slot.lock().await;
        for _ in 0..MOST_CONFLICTS {
            let Some(page) = self.page(run, &mut slot).await? else {
                return Ok(None);
            };
            let now = self.clock.now();
            let events = decide(&page.frozen, Some(&page.run), input, now);
            if events.is_empty() && consumes.is_none() {
                drop(slot);
                self.let_go(run, Some(&page));
                return Ok(Some(Told { page, events }));
            }
            let mut after = Some((*page.run).clone());
            let lines = fold(&mut after, &events, now);
            let after = after.unwrap_or_else(|| (*page.run).clone());
            let append = Append {
                run: run.clone(),
                expected_len: page.run.len,
                events: lines,
                row: row(&page.frozen, &after),
                consumes,
                note: None,
                outcomes: Vec::new(),
                contents: contents.to_vec(),
                at: now,
            };
            match self.journal.append(append).await? {
                Appended::Ok => {
                    let page = Page {
                        run: Arc::new(after),
                        frozen: page.frozen,
                    };
                    *slot = Some(page.clone());
                    drop(slot);
                    self.let_go(run, Some(&page));
                    return Ok(Some(Told { page, events }));
                }
                // Somebody else has processed the row: the input has had its effect.
                Appended::Settled => {
                    return Ok(Some(Told {
                        page,
                        events: Vec::new(),
                    }));
                }
                Appended::Conflict | Appended::IssueTaken(_) => *slot = None,
            }
        }
        Err(Error::Contended { run: run.clone() })
    }

    /// Logs that an attempt is about to touch the world. `false` where it is no longer wanted or has begun
    /// before, or does not fit the budget any more; then it must not start.
    ///
    /// Where limits depend on more than the run, they are looked up first, so that they hold over all runs.
    ///
    /// # Errors
    /// As [`Book::tell`].
    pub async fn begin(&self, key: &AttemptKey) -> Result<bool, Error> {
        if let Some(outside) = self.outside(key).await? {
            let key = key.clone();
            let run = key.run.clone();
            let told = self.tell(&run, &Input::Spending { key, outside }, None).await?;
            let is_withdrawn = |event: &Event| matches!(event, Event::AttemptEnded { .. });
            if told.is_some_and(|told| told.events.iter().any(is_withdrawn)) {
                self.mark_changed(&run);
                return Ok(false);
            }
        }
        let told = self.tell(&key.run, &Input::Began(key.clone()), None).await?;
        let began = told.is_some_and(|told| !told.events.is_empty());
        if began {
            self.mark_changed(&key.run);
        }
        Ok(began)
    }

    /// Logs the outcome of an action together with the contents that it names, in one transaction. What follows from
    /// it is begun by whoever waits for [`Book::changed`].
    ///
    /// Where the run cannot be read, the outcome is put into the inbox instead, to be tried again there and set aside
    /// visibly.
    ///
    /// # Errors
    /// The store fails, or the race was lost too often; another try may succeed, and doing it twice is harmless.
    pub async fn conclude(&self, key: &str, outcome: &Outcome, contents: &[Vec<u8>]) -> Result<(), Error> {
        match self.tell_with(&outcome.run, &outcome.input, None, contents).await {
            Ok(Some(_)) => {
                self.mark_changed(&outcome.run);
                Ok(())
            }
            Ok(None) | Err(Error::Damaged { .. }) => {
                for content in contents {
                    self.journal.put(content).await?;
                }
                self.deliver(key, outcome).await
            }
            Err(error) => Err(error),
        }
    }

    /// Marks a run as changed, so that somebody looks what follows.
    pub fn mark_changed(&self, run: &RunId) {
        self.touched
            .lock()
            .expect("no holder of this lock panics")
            .insert(run.clone());
        self.touch.notify_one();
    }

    /// Waits until a run has changed although no row of the inbox said so: an attempt began, or an action ended.
    pub async fn changed(&self) {
        self.touch.notified().await;
    }

    /// Takes the runs that have changed so since the last call.
    pub fn take_changed(&self) -> BTreeSet<RunId> {
        std::mem::take(&mut *self.touched.lock().expect("no holder of this lock panics"))
    }

    /// Puts the outcome of an action into the inbox, once per key.
    ///
    /// # Errors
    /// The store fails.
    pub async fn deliver(&self, key: &str, outcome: &Outcome) -> Result<(), Error> {
        let body = serde_json::to_vec(outcome).map_err(|error| Error::Damaged {
            run: outcome.run.clone(),
            why: error.to_string(),
        })?;
        let new = NewOutcome {
            kind: InboxKind::Outcome,
            facts: String::new(),
            key: key.to_owned(),
            lane: outcome.run.to_string(),
            body,
            received: self.clock.now(),
        };
        self.journal.deliver(new).await?;
        Ok(())
    }

    /// Keeps a run in memory, also while nothing happens to it, until what is returned is dropped: for whoever looks
    /// at it again and again.
    pub fn hold(&self, run: &RunId) -> Hold {
        Hold {
            _slot: self.slot(run),
        }
    }

    fn slot(&self, run: &RunId) -> Arc<AsyncMutex<Option<Page>>> {
        let mut open = self.open.lock().expect("no holder of this lock panics");
        Arc::clone(open.entry(run.clone()).or_default())
    }

    /// Forgets runs that nothing happens to: a waiting run costs rows, not memory.
    ///
    /// A slot that somebody else holds stays, so that there are never two for one run.
    fn let_go(&self, run: &RunId, page: Option<&Page>) {
        let mut open = self.open.lock().expect("no holder of this lock panics");
        // The map's own and the caller's.
        if open.get(run).is_none_or(|slot| Arc::strong_count(slot) > 2) {
            return;
        }
        let crowded = open.len() > MOST_OPEN;
        if crowded || page.is_none_or(|page| outstanding(&page.frozen, &page.run).is_empty()) {
            open.remove(run);
        }
    }

    async fn page(&self, run: &RunId, slot: &mut Option<Page>) -> Result<Option<Page>, Error> {
        if let Some(page) = slot {
            return Ok(Some(page.clone()));
        }
        let Some(lines) = self.journal.load(run).await? else {
            return Ok(None);
        };
        let page = self.read(run, &lines).await?;
        *slot = Some(page.clone());
        Ok(Some(page))
    }

    async fn read(&self, run: &RunId, lines: &[String]) -> Result<Page, Error> {
        let damaged = |why: String| Error::Damaged {
            run: run.clone(),
            why,
        };
        let log: Vec<Recorded> = lines
            .iter()
            .map(|line| Recorded::from_line(line))
            .collect::<Result<_, _>>()
            .map_err(|error| damaged(error.to_string()))?;
        let state =
            replay(&log).ok_or_else(|| damaged("its log does not begin with its creation".to_owned()))?;
        // A server that starts anew knows of windows what the runs that it takes up were told.
        state.reports().for_each(|report| self.note_windows(report));
        let key = (state.created.workflow, state.created.policy);
        let known = self
            .frozen
            .lock()
            .expect("no holder of this lock panics")
            .get(&key)
            .cloned();
        let frozen = if let Some(frozen) = known {
            frozen
        } else {
            let frozen = Arc::new(frozen_store::get(&self.journal, run, &key.0, &key.1).await?);
            let mut cache = self.frozen.lock().expect("no holder of this lock panics");
            if cache.len() >= 256 {
                cache.clear();
            }
            cache.insert(key, Arc::clone(&frozen));
            frozen
        };
        Ok(Page {
            run: Arc::new(state),
            frozen,
        })
    }
}

fn fold(run: &mut Option<Run>, events: &[Event], now: Timestamp) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let recorded = Recorded {
                v: FORMAT,
                at: now,
                event: event.clone(),
            };
            evolve(run, &recorded);
            recorded.to_line()
        })
        .collect()
}

/// The row that stands for a run in lists and at start-up.
fn row(frozen: &Frozen, run: &Run) -> RunRow {
    let created = &run.created;
    let (repository, repository_name, issue) = match &created.origin {
        Origin::Issue {
            repository,
            name,
            number,
            ..
        } => (*repository, name.clone(), Some(*number)),
        Origin::Local { name, .. } => (RepositoryId(0), name.clone(), None::<IssueNumber>),
    };
    let (cost, unknown) = run.cost();
    RunRow {
        run: created.run.clone(),
        repository,
        repository_name,
        issue,
        pull: run.pull.as_ref().map(|pull| pull.number),
        title: created.title.clone(),
        workflow: created.workflow_name.clone(),
        state: phase(frozen, run).to_string(),
        active: run.ended.is_none(),
        ended: run.ended.is_some(),
        len: run.len,
        next_wake: next_wake(frozen, run),
        // What an abandoned attempt used must be told, too.
        has_work: !outstanding(frozen, run).is_empty() || run.has_open_attempts(),
        created: run.began,
        updated: run.updated,
        cost: (!unknown).then_some(cost),
    }
}

#[cfg(test)]
mod tests;
