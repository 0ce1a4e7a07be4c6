//! Taking rows that ask for nothing off the list, many with one flush to the disk.
//!
//! Most of what a busy repository delivers asks for nothing. Were each of these rows a transaction of its own, the
//! flushes would hold up those who wait for their delivery to be accepted: all writing goes through one connection.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, oneshot};

use super::{Database, Error, sql};

/// Rows that one statement settles. There are as many lanes of rows at work.
const AT_ONCE: usize = 32;

/// Rows that wait to be settled. Whoever's turn it is settles all of them.
#[derive(Default)]
pub(super) struct Settling {
    waiting: Mutex<Vec<Waiting>>,
    turn: AsyncMutex<()>,
}

struct Waiting {
    seq: i64,
    note: Option<String>,
    settled: oneshot::Sender<Result<(), Error>>,
}

impl Database {
    /// Marks a row as done, together with others that wait for the same.
    pub(super) async fn settle_with_others(&self, seq: i64, note: Option<String>) -> Result<(), Error> {
        let settling = self.settling();
        let (settled, mut answer) = oneshot::channel();
        let waiting = || settling.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting().push(Waiting { seq, note, settled });
        loop {
            let turn = settling.turn.lock().await;
            // Whoever had the turn before may have settled this row as well. One who gave up in the middle of it
            // may have done so or not, and dropped the sender.
            match answer.try_recv() {
                Ok(result) => return result,
                Err(oneshot::error::TryRecvError::Closed) => return Err(Error::Closed),
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            let some: Vec<Waiting> = {
                let mut waiting = waiting();
                let count = waiting.len().min(AT_ONCE);
                waiting.drain(..count).collect()
            };
            match self.settle_all(&some).await {
                Ok(()) => some.into_iter().for_each(|row| drop(row.settled.send(Ok(())))),
                // Each is tried alone, so that everybody gets an error of their own.
                Err(_) => {
                    for row in some {
                        let alone = self.settle_one(row.seq, "done", row.note.as_deref()).await;
                        drop(row.settled.send(alone));
                    }
                }
            }
            drop(turn);
        }
    }

    async fn settle_all(&self, rows: &[Waiting]) -> Result<(), Error> {
        let [first, ..] = rows else { return Ok(()) };
        if rows.len() == 1 {
            return self.settle_one(first.seq, "done", first.note.as_deref()).await;
        }
        // One statement for all sizes, so that it stays prepared; it is filled up with the first row.
        let cases: Vec<String> = (0..AT_ONCE)
            .map(|n| format!("WHEN ${} THEN ${}", 2 * n + 1, 2 * n + 2))
            .collect();
        let seqs: Vec<String> = (0..AT_ONCE).map(|n| format!("${}", 2 * n + 1)).collect();
        let query = format!(
            "UPDATE inbox SET state = 'done', note = CASE seq {} END WHERE seq IN ({}) AND state = 'pending'",
            cases.join(" "),
            seqs.join(",")
        );
        let mut statement = sqlx::query(&query);
        for n in 0..AT_ONCE {
            let row = rows.get(n).unwrap_or(first);
            statement = statement.bind(row.seq).bind(row.note.as_deref().map(sql::text));
        }
        statement.execute(self.writer()).await?;
        Ok(())
    }
}
