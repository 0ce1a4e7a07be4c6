//! The store: inbox, event log, run rows and content-addressed artifacts, in SQL.
//!
//! What happened is kept in four tables.
//! The **inbox** holds everything that still has to be decided: deliveries, outcomes of actions and orders
//! from the command line, each under a key that makes its arrival idempotent.
//! The **log** holds the events of every run; it is the only truth.
//! A **run row** beside the log, written in the same transaction, answers the questions that must not cost
//! reading logs: which run is active on an issue, which has work, which wants to wake when.
//! The **contents** are addressed by their SHA-256 and verified whenever they are read.
//!
//! | file | idea |
//! | --- | --- |
//! | `journal` | what the driver asks of a store; the simulator answers the same questions from memory |
//! | `database` | opening, settings, closing; one connection writes, a few read |
//! | `intake` | durable acceptance of deliveries: one statement and one fsync for many callers |
//! | `inbox` | what is still to be decided |
//! | `settling` | taking rows that ask for nothing off the list, many with one fsync |
//! | `log` | the append: events, row, inbox mark, new inbox rows and contents in one transaction |
//! | `runs` | the questions that rows answer |
//! | `contents` | content addresses |
//! | `retention` | forgetting |
//! | `transaction` | a write that can be abandoned at any moment |
//! | `batch` | several statements in one trip to the database |
//! | `packed` | lz4 where it pays |
//!
//! What an event, an outcome or a delivery means is not known here: they are text and bytes.
//! This is the only module that names SQL. All statements keep to what SQLite and PostgreSQL both
//! understand: text, 64-bit integers and bytes, `$1` placeholders, `ON CONFLICT DO NOTHING`.

mod batch;
mod contents;
mod database;
mod error;
mod inbox;
mod intake;
mod journal;
mod log;
mod packed;
mod retention;
mod runs;
mod settling;
mod sql;
mod transaction;

#[cfg(test)]
mod tests;

pub use database::Database;
pub use error::Error;
pub use intake::{Accepted, Intake, NewDelivery};
pub use journal::{
    Append, Appended, CostOf, CostSum, FindRun, InboxKind, InboxRow, Journal, ListRuns, MAX_FAILURES,
    NewOutcome, RunRow, Settle,
};
pub use retention::Forgotten;
