//! What publishing needs of git, as a trait, so that the simulator can stand in.

use std::future::Future;

use super::Error;
use crate::git::{Change, CommitOrder, Push, Pushed, TreePath};
use crate::github::Repository;
use crate::model::{BranchName, CommitId};

/// Our copies of repositories, each keyed by its numeric id, and the branches of their remotes.
///
/// # Errors
/// Every method fails as [`Error`] says: [`Error::Transient`] where the remote can't be reached or a push may
/// or may not have arrived, [`Error::Refused`] where somebody has to do something.
pub trait Tree: Send + Sync + 'static {
    /// Brings our copy up to date with the remote's branches.
    fn fetch(&self, at: &Repository) -> impl Future<Output = Result<(), Error>> + Send;

    /// The newest commit of a branch of the remote as of the last fetch.
    fn head_of(
        &self,
        at: &Repository,
        branch: &BranchName,
    ) -> impl Future<Output = Result<Option<CommitId>, Error>> + Send;

    /// The newest commit of a branch of the remote now.
    fn remote_head(
        &self,
        at: &Repository,
        branch: &BranchName,
    ) -> impl Future<Output = Result<Option<CommitId>, Error>> + Send;

    /// Makes a commit; the same order always gives the same id.
    fn commit(
        &self,
        at: &Repository,
        order: CommitOrder,
    ) -> impl Future<Output = Result<CommitId, Error>> + Send;

    /// Everything that differs between two commits, in the order of paths.
    fn changes(
        &self,
        at: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> impl Future<Output = Result<Vec<Change>, Error>> + Send;

    /// The paths that differ between two commits.
    fn touched_between(
        &self,
        at: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> impl Future<Output = Result<Vec<TreePath>, Error>> + Send;

    /// The difference between two commits as a patch that `git apply` takes.
    fn patch(
        &self,
        at: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> impl Future<Output = Result<Vec<u8>, Error>> + Send;

    /// Whether `descendant` is `ancestor` or stands on it.
    fn is_ancestor(
        &self,
        at: &Repository,
        ancestor: &CommitId,
        descendant: &CommitId,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Pushes a commit to a branch, unless the branch is not where it is expected.
    fn push(&self, at: &Repository, push: &Push) -> impl Future<Output = Result<Pushed, Error>> + Send;

    /// Keeps a commit under `refs/footplate/<name>` of our copy.
    fn hold(
        &self,
        at: &Repository,
        name: &str,
        commit: &CommitId,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}
