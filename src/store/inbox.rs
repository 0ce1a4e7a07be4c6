//! What is still to be decided: reading it, taking it off the list, setting it aside.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use crate::model::Timestamp;

use super::packed::Packed;
use super::{Database, Error, InboxKind, InboxRow, MAX_FAILURES, NewOutcome, Settle, sql};

const COLUMNS: &str = "seq, kind, key, lane, event, action, facts, received, size, body, failures";

impl Database {
    /// Lists the inbox rows that were set aside, each with the reason, oldest first.
    ///
    /// # Errors
    /// The store cannot be read, or a row is damaged.
    pub async fn set_aside(&self, limit: usize) -> Result<Vec<(InboxRow, String)>, Error> {
        let query = format!("SELECT {COLUMNS}, note FROM inbox WHERE state = 'aside' ORDER BY seq LIMIT $1");
        let rows = sqlx::query(&query)
            .bind(sql::signed(limit as u64)?)
            .fetch_all(self.readers())
            .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    inbox_row(row)?,
                    row.try_get::<Option<String>, _>(11)?.unwrap_or_default(),
                ))
            })
            .collect()
    }

    /// Puts an inbox row that was set aside back on the list, with no failures counted; `false` where it was not
    /// set aside.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn requeue(&self, seq: i64) -> Result<bool, Error> {
        let done = sqlx::query(
            "UPDATE inbox SET state = 'pending', failures = 0 WHERE seq = $1 AND state = 'aside'",
        )
        .bind(seq)
        .execute(self.writer())
        .await?;
        if done.rows_affected() > 0 {
            self.announce();
        }
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn read_pending(&self, after: i64, limit: usize) -> Result<Vec<InboxRow>, Error> {
        let query =
            format!("SELECT {COLUMNS} FROM inbox WHERE state = 'pending' AND seq > $1 ORDER BY seq LIMIT $2");
        let rows = sqlx::query(&query)
            .bind(after)
            .bind(sql::signed(limit as u64)?)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(inbox_row).collect()
    }

    pub(super) async fn settle_row(&self, seq: i64, how: Settle) -> Result<(), Error> {
        match how {
            Settle::Done { note } => self.settle_with_others(seq, note).await,
            Settle::Aside { why } => self.settle_one(seq, "aside", Some(&why)).await,
        }
    }

    pub(super) async fn settle_one(
        &self,
        seq: i64,
        state: &'static str,
        note: Option<&str>,
    ) -> Result<(), Error> {
        sqlx::query("UPDATE inbox SET state = $1, note = $2 WHERE seq = $3 AND state = 'pending'")
            .bind(state)
            .bind(note.map(sql::text))
            .bind(seq)
            .execute(self.writer())
            .await?;
        Ok(())
    }

    pub(super) async fn count_failure(&self, seq: i64, error: &str) -> Result<u32, Error> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "UPDATE inbox SET failures = failures + 1, note = $1, \
             state = CASE WHEN failures + 1 >= $2 THEN 'aside' ELSE state END \
             WHERE seq = $3 AND state = 'pending'",
        )
        .bind(sql::text(error))
        .bind(i64::from(MAX_FAILURES))
        .bind(seq)
        .execute(&mut *transaction)
        .await?;
        let row = sqlx::query("SELECT failures FROM inbox WHERE seq = $1")
            .bind(seq)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(Error::Invalid("there is no such inbox row"))?;
        transaction.commit().await?;
        count(row.try_get(0)?)
    }

    pub(super) async fn deliver_one(&self, outcome: &NewOutcome) -> Result<bool, Error> {
        let body = Packed::pack(&outcome.body);
        let mut connection = self.writer().acquire().await?;
        let new = insert(&mut connection, outcome, &body).await?;
        drop(connection);
        if new {
            self.announce();
        }
        Ok(new)
    }
}

/// Inserts an inbox row unless its key is there already.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    outcome: &NewOutcome,
    body: &Packed,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO inbox (kind, key, lane, event, action, facts, received, size, body, state, failures) \
         VALUES ($1, $2, $3, '', '', $4, $5, $6, $7, 'pending', 0) ON CONFLICT (kind, key) DO NOTHING",
    )
    .bind(outcome.kind.as_str())
    .bind(outcome.key.as_str())
    .bind(outcome.lane.as_str())
    .bind(outcome.facts.as_str())
    .bind(outcome.received.0)
    .bind(sql::signed(body.size as u64)?)
    .bind(body.bytes.as_slice())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

fn inbox_row(row: &AnyRow) -> Result<InboxRow, Error> {
    let seq: i64 = row.try_get(0)?;
    let what = || format!("inbox row {seq}");
    let kind: &str = row.try_get(1)?;
    let size = sql::unsigned(row.try_get(8)?, what)?;
    let packed = Packed {
        bytes: row.try_get(9)?,
        size: usize::try_from(size).unwrap_or(usize::MAX),
    };
    Ok(InboxRow {
        seq,
        kind: InboxKind::parse(kind)
            .ok_or_else(|| Error::corrupt(what(), format!("it is of kind {kind:?}")))?,
        key: row.try_get(2)?,
        lane: row.try_get(3)?,
        event: row.try_get(4)?,
        action: row.try_get(5)?,
        facts: row.try_get(6)?,
        received: Timestamp(row.try_get(7)?),
        body: packed.unpack(what)?,
        failures: count(row.try_get(10)?)?,
    })
}

fn count(failures: i64) -> Result<u32, Error> {
    u32::try_from(failures)
        .map_err(|_| Error::corrupt("an inbox row", "its count of failures cannot be right"))
}
