//! What can go wrong in the engine itself.

use crate::model::RunId;

/// What can go wrong in the engine itself, by what a caller can do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed; try again later.
    #[error("the store failed: {0}")]
    Store(#[from] crate::store::Error),
    /// The run's log or a snapshot cannot be read; the run is left alone.
    #[error("run {run} cannot be read: {why}")]
    Damaged {
        /// The run.
        run: RunId,
        /// Why, a clause.
        why: String,
    },
    /// Others changed the run at the same time, again and again; try again.
    #[error("run {run} changed too often while a decision was made; trying again helps")]
    Contended {
        /// The run.
        run: RunId,
    },
    /// Something outside did not answer as hoped; try again later.
    #[error("{why}")]
    Transient {
        /// Why, a clause.
        why: String,
        /// How long to wait at least, where that was said.
        after: Option<std::time::Duration>,
    },
    /// It cannot be done, and trying again does not help.
    #[error("{why}")]
    Refused {
        /// Why, a sentence for people.
        why: String,
    },
}
