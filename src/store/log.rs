//! The event log, and the append that keeps log, row, inbox and contents in step.

use std::collections::HashMap;

use sqlx::{AnyConnection, Row};

use crate::model::{ContentHash, RunId};

use super::batch::Batch;
use super::packed::Packed;
use super::runs;
use super::transaction::Transaction;
use super::{Append, Appended, Database, Error, contents, inbox, sql};

/// Stands between the events of a log that is read as one value. JSON holds no such character, not even in strings.
const SEPARATOR: char = '\u{1e}';

/// Runs that one statement reads; the statement is prepared once and filled up with its last run.
const RUNS_AT_ONCE: usize = 64;

/// Why a run's row was not written.
enum Refused {
    /// It has another length than expected, or is not there.
    OtherLength,
    /// The run is there already, or another one holds its issue.
    NotUnique,
}

impl Database {
    pub(super) async fn read_events(&self, run: &RunId) -> Result<Option<Vec<String>>, Error> {
        let rows = sqlx::query("SELECT event FROM events WHERE run = $1 ORDER BY n")
            .bind(run.as_str())
            .fetch_all(self.readers())
            .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        rows.iter()
            .map(|row| Ok(row.try_get(0)?))
            .collect::<Result<_, Error>>()
            .map(Some)
    }

    pub(super) async fn read_many(&self, wanted: &[RunId]) -> Result<Vec<(RunId, Vec<String>)>, Error> {
        // A log is one row of the answer: most of what reading costs is by the row.
        let query = format!(
            "SELECT run, string_agg(event, '{SEPARATOR}' ORDER BY n) FROM events WHERE run IN {} GROUP BY run",
            sql::rows(1, RUNS_AT_ONCE)
        );
        let mut connection = self.readers().acquire().await?;
        let mut found: HashMap<String, Vec<String>> = HashMap::with_capacity(wanted.len());
        for chunk in wanted.chunks(RUNS_AT_ONCE) {
            let mut statement = sqlx::query(&query);
            for place in 0..RUNS_AT_ONCE {
                statement = statement.bind(chunk[place.min(chunk.len() - 1)].as_str());
            }
            for row in statement.fetch_all(&mut *connection).await? {
                let (run, events): (String, &str) = (row.try_get(0)?, row.try_get(1)?);
                found.insert(run, events.split(SEPARATOR).map(str::to_owned).collect());
            }
        }
        Ok(wanted
            .iter()
            .filter_map(|run| found.remove(run.as_str()).map(|events| (run.clone(), events)))
            .collect())
    }

    /// The order matters in two places. The run's row goes first: its length is the fence, and a decision that
    /// lost the race writes nothing. What can be computed is computed before the write lock is taken.
    pub(super) async fn write_append(&self, append: &Append) -> Result<Appended, Error> {
        let added = append.events.len() as u64;
        if append.row.run != append.run {
            return Err(Error::Invalid("an append and its row speak of different runs"));
        }
        if append.row.len != append.expected_len + added {
            return Err(Error::Invalid("a run's row does not count the run's events"));
        }
        if append.row.len == 0 {
            return Err(Error::Invalid("a run begins with an event"));
        }
        let bodies: Vec<Packed> = append
            .outcomes
            .iter()
            .map(|outcome| Packed::pack(&outcome.body))
            .collect();
        let contents: Vec<(ContentHash, Packed)> = append
            .contents
            .iter()
            .map(|content| (ContentHash::of(content), Packed::pack(content)))
            .collect();

        // A transaction that is dropped rolls back.
        let mut transaction = match self.write_row(append).await? {
            Ok(transaction) => transaction,
            Err(Refused::OtherLength) => return Ok(Appended::Conflict),
            Err(Refused::NotUnique) => {
                return Ok(match self.holder(&append.row).await? {
                    Some(holder) if holder != append.run => Appended::IssueTaken(holder),
                    // The holder has let go since, or the run itself was created by another: decide again.
                    Some(_) | None => Appended::Conflict,
                });
            }
        };
        if let Some(seq) = append.consumes
            && !mark_done(&mut transaction, seq, append.note.as_deref()).await?
        {
            transaction.rollback().await?;
            return Ok(Appended::Settled);
        }
        let mut arrived = false;
        for (outcome, body) in append.outcomes.iter().zip(&bodies) {
            arrived |= inbox::insert(&mut transaction, outcome, body).await?;
        }
        let mut rest = Batch::default();
        insert_events(&mut rest, append)?;
        for (hash, packed) in contents {
            contents::insert_with_others(&mut rest, &hash, packed, append.at)?;
        }
        transaction.commit_with(rest).await?;
        if arrived {
            self.announce();
        }
        Ok(Appended::Ok)
    }

    /// Begins the transaction and writes the run's row; where that cannot be, says why and leaves nothing open.
    async fn write_row(&self, append: &Append) -> Result<Result<Transaction, Refused>, Error> {
        if append.expected_len > 0 {
            let update = runs::update(&append.row, append.expected_len)?;
            return match Transaction::begin_with(self.writer(), update).await {
                Ok((transaction, true)) => Ok(Ok(transaction)),
                Ok((transaction, false)) => {
                    transaction.rollback().await?;
                    Ok(Err(Refused::OtherLength))
                }
                Err(error) if runs::is_not_unique(&error) => Ok(Err(Refused::NotUnique)),
                Err(error) => Err(error),
            };
        }
        let mut transaction = self.begin().await?;
        if runs::insert(&mut transaction, &append.row).await? {
            return Ok(Ok(transaction));
        }
        transaction.rollback().await?;
        Ok(Err(Refused::NotUnique))
    }
}

/// Marks an inbox row as done; `false` where it is no longer pending.
async fn mark_done(connection: &mut AnyConnection, seq: i64, note: Option<&str>) -> Result<bool, Error> {
    let done = sqlx::query("UPDATE inbox SET state = 'done', note = $1 WHERE seq = $2 AND state = 'pending'")
        .bind(note.map(sql::text))
        .bind(seq)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

fn insert_events(batch: &mut Batch, append: &Append) -> Result<(), Error> {
    if append.events.is_empty() {
        return Ok(());
    }
    batch.say("INSERT INTO events (run, n, event, at) VALUES ");
    for place in 0..append.events.len() {
        batch.say(if place == 0 { "($,$,$,$)" } else { ",($,$,$,$)" });
    }
    batch.end();
    let first = sql::signed(append.expected_len)?;
    for (n, event) in (first..).zip(&append.events) {
        batch.bind(append.run.to_string())?;
        batch.bind(n)?;
        batch.bind(event.clone())?;
        batch.bind(append.at.0)?;
    }
    Ok(())
}
