//! The event log, and the append that keeps log, row, inbox and contents in step.

use std::collections::HashMap;

use sqlx::{AnyConnection, Row};

use crate::model::{ContentHash, RunId, Timestamp};

use super::packed::Packed;
use super::runs::{self, Written};
use super::{Append, Appended, Database, Error, contents, inbox, sql};

/// Events that one statement inserts at most. A decision seldom has more than a few.
const EVENTS_AT_ONCE: usize = 8;

/// Stands between the events of a log that is read as one value. JSON holds no such character, not even in strings.
const SEPARATOR: char = '\u{1e}';

/// Runs that one statement reads; the statement is prepared once and filled up with its last run.
const RUNS_AT_ONCE: usize = 64;

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

        let mut transaction = self.begin().await?;
        // A transaction that is dropped rolls back.
        let written = if append.expected_len == 0 {
            runs::insert(&mut transaction, &append.row).await?
        } else {
            runs::update(&mut transaction, &append.row, append.expected_len).await?
        };
        match written {
            Written::Yes => {}
            Written::OtherLength => {
                transaction.rollback().await?;
                return Ok(Appended::Conflict);
            }
            Written::NotUnique => {
                transaction.rollback().await?;
                return Ok(match self.holder(&append.row).await? {
                    Some(holder) if holder != append.run => Appended::IssueTaken(holder),
                    // The holder has let go since, or the run itself was created by another: decide again.
                    Some(_) | None => Appended::Conflict,
                });
            }
        }
        if let Some(seq) = append.consumes
            && !mark_done(&mut transaction, seq, append.note.as_deref()).await?
        {
            transaction.rollback().await?;
            return Ok(Appended::Settled);
        }
        insert_events(&mut transaction, append).await?;
        for (hash, packed) in &contents {
            contents::insert(&mut transaction, hash, packed, append.at).await?;
        }
        let mut arrived = false;
        for (outcome, body) in append.outcomes.iter().zip(&bodies) {
            arrived |= inbox::insert(&mut transaction, outcome, body).await?;
        }
        transaction.commit().await?;
        if arrived {
            self.announce();
        }
        Ok(Appended::Ok)
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

async fn insert_events(connection: &mut AnyConnection, append: &Append) -> Result<(), Error> {
    let Timestamp(at) = append.at;
    let mut n = sql::signed(append.expected_len)?;
    for chunk in append.events.chunks(EVENTS_AT_ONCE) {
        let query = format!(
            "INSERT INTO events (run, n, event, at) VALUES {}",
            sql::rows(chunk.len(), 4)
        );
        let mut statement = sqlx::query(&query);
        for event in chunk {
            statement = statement
                .bind(append.run.as_str())
                .bind(n)
                .bind(event.as_str())
                .bind(at);
            n += 1;
        }
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}
