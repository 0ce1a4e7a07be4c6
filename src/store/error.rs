//! What can go wrong with a store, shaped by what a caller can do about it.

use std::fmt::Display;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is busy, full or unreachable. Nothing was written; the same call may be made again later.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The store is being closed. What was not answered was not accepted.
    #[error("the store is closed")]
    Closed,
    /// The database was written by a newer Footplate. Use that version, or restore an older copy.
    #[error(
        "the database has schema version {found}, but this version of Footplate knows only up to {known}: \
         start the newer Footplate, or restore a copy from before the upgrade"
    )]
    NewerSchema {
        /// The newest version applied to the database.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The database's address cannot be used.
    #[error("the database address {url:?} cannot be used: {why}")]
    Address {
        /// The address as it was given, without a password.
        url: String,
        /// The reason, for people.
        why: String,
    },
    /// The data folder or the database's file could not be made.
    #[error("{path}: {source}")]
    File {
        /// The folder or file.
        path: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// Something stored cannot be read back as what it was. Asking again will not help.
    #[error("{what} is damaged: {why}")]
    Corrupt {
        /// What was read, for people: `content 3f2a…`, `inbox row 12`.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A shortened run id fits more than one run.
    #[error("{prefix:?} fits more than one run: give more characters")]
    Ambiguous {
        /// What was asked for.
        prefix: String,
    },
    /// The caller asked for something contradictory. This is a mistake in Footplate.
    #[error("a contradictory request to the store: {0}")]
    Invalid(&'static str),
    /// Any other answer of the database. Asking again will most probably not help.
    #[error("the database refused: {0}")]
    Refused(#[source] sqlx::Error),
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Says that something stored is not what it was.
    pub(super) fn corrupt(what: impl Into<String>, why: impl Display) -> Self {
        Self::Corrupt {
            what: what.into(),
            why: why.to_string(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(error)
            }
            sqlx::Error::Database(answer) if answer.code().is_some_and(|code| is_transient_code(&code)) => {
                Self::Unavailable(error)
            }
            _ => Self::Refused(error),
        }
    }
}

/// Whether a code of SQLite speaks of a passing state.
///
/// The low byte of an extended code is the primary one: 5 busy, 6 locked, 10 input/output, 13 full
/// (<https://www.sqlite.org/rescode.html>).
fn is_transient_code(code: &str) -> bool {
    code.parse::<u32>()
        .is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_and_full_may_be_tried_again_and_a_broken_rule_may_not() {
        for code in ["5", "517", "13", "778"] {
            assert!(is_transient_code(code), "{code}");
        }
        for code in ["19", "2067", "1", "23505"] {
            assert!(!is_transient_code(code), "{code}");
        }
    }
}
