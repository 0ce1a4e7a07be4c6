//! The journal in memory, with the semantics of the product's store. Writes are atomic, as in a database.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use footplate::model::{ContentHash, RunId, Timestamp};
use footplate::store::{
    Append, Appended, Error, FindRun, InboxKind, InboxRow, Journal, ListRuns, MAX_FAILURES, NewOutcome,
    RunRow, Settle,
};

use super::scene::{Scene, beat};

/// Where an inbox row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    Pending,
    Done,
    Aside,
}

/// The tables.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) rows: Vec<(InboxRow, Stand, Option<String>)>,
    keys: HashMap<(InboxKind, String), usize>,
    pub(super) pending: BTreeSet<usize>,
    pub(super) runs: BTreeMap<RunId, RunRow>,
    pub(super) logs: BTreeMap<RunId, Vec<String>>,
    contents: HashMap<ContentHash, Vec<u8>>,
    /// How many times the store was made to fail.
    pub(super) refusals: u32,
}

impl Shelf {
    /// Takes a row into the inbox; `false` where its key is there already.
    pub(super) fn take_in(&mut self, mut row: InboxRow) -> bool {
        let place = self.rows.len();
        if self.keys.contains_key(&(row.kind, row.key.clone())) {
            return false;
        }
        self.keys.insert((row.kind, row.key.clone()), place);
        row.seq = i64::try_from(place).expect("few rows") + 1;
        self.pending.insert(place);
        self.rows.push((row, Stand::Pending, None));
        true
    }

    /// Takes a row in even if its key is there already, which a store never does.
    pub(super) fn take_in_again(&mut self, row: InboxRow) {
        self.keys.remove(&(row.kind, row.key.clone()));
        self.take_in(row);
    }

    fn at(&mut self, seq: i64) -> Option<&mut (InboxRow, Stand, Option<String>)> {
        self.rows.get_mut(place(seq))
    }

    pub(super) fn stand(&self, kind: InboxKind, key: &str) -> Option<Stand> {
        let place = self.keys.get(&(kind, key.to_owned()))?;
        Some(self.rows[*place].1)
    }

    fn leave(&mut self, seq: i64, stand: Stand, note: Option<String>) -> bool {
        let Some(row) = self.at(seq).filter(|row| row.1 == Stand::Pending) else {
            return false;
        };
        row.1 = stand;
        row.2 = note;
        self.pending.remove(&place(seq));
        true
    }

    pub(super) fn content(&self, hash: &ContentHash) -> Option<&Vec<u8>> {
        self.contents.get(hash)
    }

    pub(super) fn keep(&mut self, content: &[u8]) -> ContentHash {
        let hash = ContentHash::of(content);
        self.contents.entry(hash).or_insert_with(|| content.to_vec());
        hash
    }

    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.runs.values().filter_map(|row| row.next_wake).min()
    }

    fn holder(&self, row: &RunRow) -> Option<RunId> {
        let holds = |other: &&RunRow| {
            other.active
                && row.issue.is_some()
                && other.issue == row.issue
                && other.repository == row.repository
        };
        self.runs.values().find(holds).map(|holder| holder.run.clone())
    }

    /// One transaction.
    pub(super) fn append(&mut self, append: &Append, unique: bool) -> Appended {
        let Append {
            run,
            expected_len,
            row,
            ..
        } = append;
        if *expected_len == 0 {
            if self.runs.contains_key(run) {
                return Appended::Conflict;
            }
            if unique
                && row.active
                && let Some(holder) = self.holder(row)
            {
                return Appended::IssueTaken(holder);
            }
        } else if self.runs.get(run).is_none_or(|known| known.len != *expected_len) {
            return Appended::Conflict;
        }
        if let Some(seq) = append.consumes
            && !self.leave(seq, Stand::Done, append.note.clone())
        {
            return Appended::Settled;
        }
        self.runs.insert(run.clone(), row.clone());
        self.logs
            .entry(run.clone())
            .or_default()
            .extend(append.events.iter().cloned());
        for content in &append.contents {
            self.keep(content);
        }
        for outcome in &append.outcomes {
            self.take_in(inbox_row(outcome.clone()));
        }
        Appended::Ok
    }
}

fn place(seq: i64) -> usize {
    usize::try_from(seq - 1).unwrap_or(usize::MAX)
}

fn inbox_row(outcome: NewOutcome) -> InboxRow {
    InboxRow {
        seq: 0,
        key: outcome.key,
        kind: outcome.kind,
        lane: outcome.lane,
        event: String::new(),
        action: String::new(),
        body: outcome.body,
        facts: outcome.facts,
        received: outcome.received,
        failures: 0,
    }
}

/// A process's connection to the tables.
#[derive(Clone)]
pub(super) struct Memory(pub(super) Arc<Scene>);

impl Memory {
    /// Waits for its turn; now and then the store is busy.
    async fn turn(&self) -> Result<(), Error> {
        beat().await;
        if self.0.faults().store > 0 && self.0.chance().per_mille(self.0.faults().store) {
            self.0.shelf().refusals += 1;
            return Err(sqlx::Error::PoolTimedOut.into());
        }
        Ok(())
    }

    /// Writes in one transaction, and shows the witnesses what was written.
    pub(super) async fn write(&self, append: Append, unique: bool) -> Result<Appended, Error> {
        self.turn().await?;
        let answer = self.write_now(&append, unique);
        beat().await;
        Ok(answer)
    }

    pub(super) fn write_now(&self, append: &Append, unique: bool) -> Appended {
        let answer = self.0.shelf().append(append, unique);
        if answer == Appended::Ok {
            super::watch::appended(&self.0, append);
        }
        answer
    }
}

impl Journal for Memory {
    async fn pending(&self, after: i64, limit: usize) -> Result<Vec<InboxRow>, Error> {
        self.turn().await?;
        let shelf = self.0.shelf();
        let rows = shelf
            .pending
            .iter()
            .map(|place| &shelf.rows[*place].0)
            .filter(|row| row.seq > after);
        Ok(rows.take(limit).cloned().collect())
    }

    async fn load(&self, run: &RunId) -> Result<Option<Vec<String>>, Error> {
        self.turn().await?;
        Ok(self.0.shelf().logs.get(run).cloned())
    }

    async fn append(&self, append: Append) -> Result<Appended, Error> {
        self.write(append, true).await
    }

    async fn settle(&self, seq: i64, how: Settle) -> Result<(), Error> {
        self.turn().await?;
        let (stand, note) = match how {
            Settle::Done { note } => (Stand::Done, note),
            Settle::Aside { why } => (Stand::Aside, Some(why)),
        };
        self.0.shelf().leave(seq, stand, note);
        beat().await;
        Ok(())
    }

    async fn fail(&self, seq: i64, error: &str) -> Result<u32, Error> {
        self.turn().await?;
        let failures = {
            let mut shelf = self.0.shelf();
            let Some(row) = shelf.at(seq) else {
                return Err(Error::Invalid("there is no such inbox row"));
            };
            if row.1 == Stand::Pending {
                row.0.failures += 1;
                row.2 = Some(error.to_owned());
            }
            let failures = row.0.failures;
            if failures >= MAX_FAILURES {
                shelf.leave(seq, Stand::Aside, Some(error.to_owned()));
            }
            failures
        };
        beat().await;
        Ok(failures)
    }

    async fn deliver(&self, outcome: NewOutcome) -> Result<bool, Error> {
        self.turn().await?;
        let key = outcome.key.clone();
        let new = self.0.shelf().take_in(inbox_row(outcome));
        self.0.tell(|| {
            format!(
                "outcome of {key} {}",
                if new {
                    "is in the inbox"
                } else {
                    "was there already"
                }
            )
        });
        beat().await;
        Ok(new)
    }

    async fn open_runs(&self) -> Result<Vec<RunRow>, Error> {
        self.turn().await?;
        let shelf = self.0.shelf();
        let open = shelf
            .runs
            .values()
            .filter(|row| row.has_work || (row.next_wake.is_some() && !row.ended));
        Ok(open.cloned().collect())
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<RunId>, Error> {
        self.turn().await?;
        let shelf = self.0.shelf();
        let mut due: Vec<(Timestamp, RunId)> = shelf
            .runs
            .values()
            .filter_map(|row| Some((row.next_wake?, row.run.clone())))
            .collect();
        due.retain(|(wake, _)| *wake <= now);
        due.sort();
        Ok(due.into_iter().map(|(_, run)| run).collect())
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, Error> {
        self.turn().await?;
        Ok(self.0.shelf().next_wake())
    }

    async fn find(&self, by: FindRun) -> Result<Option<RunRow>, Error> {
        self.turn().await?;
        let shelf = self.0.shelf();
        let fits = |row: &&RunRow| match &by {
            FindRun::ActiveOnIssue { repository, issue } => {
                row.active && row.repository == *repository && row.issue == Some(*issue)
            }
            FindRun::LatestOnIssue { repository, issue } => {
                row.repository == *repository && row.issue == Some(*issue)
            }
            FindRun::ByPull { repository, pull } => row.repository == *repository && row.pull == Some(*pull),
            FindRun::ById(id) => {
                row.run.as_str().starts_with(id.as_str()) || row.run.as_str().ends_with(id.as_str())
            }
        };
        Ok(shelf.runs.values().rev().find(fits).cloned())
    }

    async fn list(&self, filter: ListRuns) -> Result<Vec<RunRow>, Error> {
        self.turn().await?;
        let shelf = self.0.shelf();
        let fits = |row: &&RunRow| filter.ended.is_none_or(|ended| row.ended == ended);
        Ok(shelf.runs.values().rev().filter(fits).cloned().collect())
    }

    async fn put(&self, content: &[u8]) -> Result<ContentHash, Error> {
        self.turn().await?;
        Ok(self.0.shelf().keep(content))
    }

    async fn get(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, Error> {
        // Reading contents is what is done most; it changes nothing, so that it is no point for others.
        Ok(self.0.shelf().content(hash).cloned())
    }
}

impl Memory {
    /// The runs there are.
    pub(super) fn runs(&self) -> Vec<RunId> {
        self.0.shelf().runs.keys().cloned().collect()
    }
}
