//! The ground that runs stand on: repositories as they are now, and the configuration they are built with.

use std::future::Future;

use super::error::Error;
use crate::github::Repository;
use crate::model::{BranchName, CommitId};
use crate::run::Frozen;

/// What a new run is to be based on.
#[derive(Debug, Clone, PartialEq)]
pub struct Footing {
    /// The branch that the pull request will go to.
    pub base: BranchName,
    /// Its newest commit.
    pub base_commit: CommitId,
    /// The workflow in force, the routes and the limits.
    pub frozen: Frozen,
}

/// What became of a base branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Its newest commit; `None` where the branch is gone.
    pub head: Option<CommitId>,
    /// The files that changed since the commit asked about, relative to the repository's root.
    pub touched: Vec<String>,
}

/// Knows repositories as they are now.
pub trait Ground: Send + Sync + 'static {
    /// Fetches the repository, finds the base branch (the default branch where none is wanted), and reads the
    /// configuration from the default branch at the commit just fetched.
    ///
    /// # Errors
    /// [`Error::Refused`] with a sentence for people where the branch does not exist or the repository's
    /// configuration is wrong; otherwise another try may help.
    fn footing(
        &self,
        repository: &Repository,
        wanted: Option<&BranchName>,
    ) -> impl Future<Output = Result<Footing, Error>> + Send;

    /// Fetches the repository and compares a branch with a commit that it had.
    ///
    /// # Errors
    /// Another try may help.
    fn drift(
        &self,
        repository: &Repository,
        base: &BranchName,
        since: &CommitId,
    ) -> impl Future<Output = Result<Drift, Error>> + Send;
}
