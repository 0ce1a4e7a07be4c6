//! What can go wrong with git, sorted by what the caller can do about it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::CommitId;

/// Says why an operation on a repository failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine has no usable git program: an operator must install one.
    #[error("git can't be used on this machine: {why}")]
    NoGit {
        /// What was found instead.
        why: String,
    },
    /// Git did not finish in time and was killed with everything it had started.
    #[error("git {what} did not finish within {} s", after.as_secs())]
    Late {
        /// The operation, as a git subcommand.
        what: &'static str,
        /// The deadline that passed.
        after: Duration,
    },
    /// The remote could not be reached, or broke off: trying again later may help.
    #[error("the remote can't be reached: {message}")]
    Unreachable {
        /// Git's own words.
        message: String,
    },
    /// The remote wants other credentials or rights than ours.
    #[error("the remote refused our credentials: {message}")]
    Denied {
        /// Git's own words.
        message: String,
    },
    /// The remote repository does not exist, or is hidden from us.
    #[error("the remote repository can't be found: {message}")]
    Gone {
        /// Git's own words.
        message: String,
    },
    /// The address of a remote is of a kind that we do not use.
    #[error("this remote can't be used: {why}")]
    BadRemote {
        /// The rule that it breaks.
        why: &'static str,
    },
    /// The commit is not in the mirror: fetch first, or give up.
    #[error("commit {0} is not in the mirror")]
    UnknownCommit(CommitId),
    /// The local repository has no commit yet.
    #[error("{} has no commit yet", path.display())]
    Empty {
        /// The repository.
        path: PathBuf,
    },
    /// Someone changed what binds a worktree to its mirror: the attempt must be refused.
    #[error(transparent)]
    Tampered(#[from] Tampered),
    /// The folder holds something that is not ours, and is left alone.
    #[error("{} is not empty and was not made by Footplate; move it away", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The path names something other than a regular file in that commit.
    #[error("{path} is {what}, not a regular file")]
    NotAFile {
        /// The path within the tree.
        path: String,
        /// What it is instead: `a folder`, `a symbolic link`, `a submodule`.
        what: &'static str,
    },
    /// The file or output is larger than we are willing to hold.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What it is about.
        what: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A name can't be used for a ref of ours.
    #[error("{name:?} can't be part of a ref's name")]
    BadRefName {
        /// The name.
        name: String,
    },
    /// Git failed for a reason of its own; its words are for the log.
    #[error("git {what} failed: {message}")]
    Failed {
        /// The operation, as a git subcommand.
        what: &'static str,
        /// Git's own words.
        message: String,
    },
    /// libgit2 failed.
    #[error("could not {what}: {source}")]
    Library {
        /// What was being done.
        what: &'static str,
        /// libgit2's words.
        source: git2::Error,
    },
    /// The file system failed.
    #[error("could not use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}

impl Error {
    /// Tells whether the same call may succeed later without anybody's help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Late { .. } | Self::Unreachable { .. })
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn library(what: &'static str) -> impl FnOnce(git2::Error) -> Self {
        move |source| Self::Library { what, source }
    }
}

/// Says how a worktree's tie to its mirror was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} was tampered with: {why}", path.display())]
pub struct Tampered {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Runs blocking work on the threads kept for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) => match failure.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Failed {
                what: "work",
                message: "the server is shutting down".to_owned(),
            }),
        },
    }
}
