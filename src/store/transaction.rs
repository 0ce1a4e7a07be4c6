//! A write transaction that can be dropped at any moment.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool};

use super::Error;
use super::batch::Batch;

/// A write transaction on the writing connection. Dropping it closes that connection, which rolls back.
///
/// The driver's own transactions do not survive a caller that goes away while `BEGIN IMMEDIATE` is under way:
/// the transaction can stay open with nobody to end it, and no later one can begin. Here a connection whose
/// state is unknown is never used again; the pool opens another one. That is rare and costs a millisecond.
pub(super) struct Transaction {
    connection: PoolConnection<Any>,
    open: bool,
}

impl Transaction {
    /// Begins at once as a writer: a transaction that begins as a reader and then writes is refused without
    /// waiting if another process wrote meanwhile.
    pub(super) async fn begin(writer: &AnyPool) -> Result<Self, Error> {
        let connection = writer.acquire().await?;
        let mut transaction = Self {
            connection,
            open: true,
        };
        transaction.run("BEGIN IMMEDIATE").await?;
        Ok(transaction)
    }

    /// Begins with a first statement in the same trip to the database, which must return a row for each row that it
    /// changes; says whether it changed any.
    pub(super) async fn begin_with(writer: &AnyPool, first: Batch) -> Result<(Self, bool), Error> {
        let connection = writer.acquire().await?;
        let mut transaction = Self {
            connection,
            open: true,
        };
        let text = format!("BEGIN IMMEDIATE; {}", first.text);
        let rows = sqlx::query_with(&text, first.arguments)
            .fetch_all(&mut *transaction.connection)
            .await;
        match rows {
            Ok(rows) => Ok((transaction, !rows.is_empty())),
            Err(error) => {
                // Where it did not even begin this fails too, and the connection is given up.
                drop(transaction.rollback().await);
                Err(error.into())
            }
        }
    }

    /// Runs statements whose effects need no look, and makes it all durable, in one trip to the database.
    pub(super) async fn commit_with(mut self, last: Batch) -> Result<(), Error> {
        let text = format!("{}COMMIT", last.text);
        sqlx::query_with(&text, last.arguments)
            .execute(&mut *self.connection)
            .await?;
        self.open = false;
        Ok(())
    }

    /// Makes it all durable.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        self.run("COMMIT").await?;
        self.open = false;
        Ok(())
    }

    /// Takes it all back and keeps the connection.
    pub(super) async fn rollback(mut self) -> Result<(), Error> {
        self.run("ROLLBACK").await?;
        self.open = false;
        Ok(())
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), Error> {
        sqlx::query(statement).execute(&mut *self.connection).await?;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.open {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Transaction {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}
