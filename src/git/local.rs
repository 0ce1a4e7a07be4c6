//! Working on a person's own repository on this machine, without GitHub.
//!
//! The repository is the remote of a mirror like any other: its branches are fetched, and the result is
//! pushed to it as a new branch. What is checked out there, and what is changed but not committed, is
//! neither used nor touched, and its hooks do not run.

use std::path::Path;

use super::call::Call;
use super::error::{Error, blocking};
use super::mirror::Mirror;
use super::program::Git;
use super::remote::Remote;
use crate::model::{BranchName, CommitId};

/// A local repository, ready to be worked on.
#[derive(Debug, Clone)]
pub struct Adopted {
    /// Its mirror; pushes go to the repository.
    pub mirror: Mirror,
    /// The commit that is checked out there.
    pub head: CommitId,
    /// The branch that is checked out there; `None` for a detached head, or a name that we don't use.
    pub branch: Option<BranchName>,
    /// Whether there are changes that are not committed; `None` where that can't be told.
    pub uncommitted: Option<bool>,
}

/// Opens a mirror at `at` for the local repository of which `folder` is a part, and fetches its branches.
///
/// Objects are read in place where possible, so that this costs no copy of the repository.
///
/// # Errors
/// [`Error::Gone`] where `folder` is in no repository, [`Error::Empty`] where there is no commit yet.
pub async fn adopt_local(git: &Git, folder: &Path, at: &Path) -> Result<Adopted, Error> {
    let given = folder.to_owned();
    let folder = blocking(move || given.canonicalize().map_err(Error::io(&given))).await?;
    let gone = |message: &str| Error::Gone {
        message: message.to_owned(),
    };
    let found = Call::bare(git, "rev-parse")
        .arg("-C")
        .arg(&folder)
        .args([
            "rev-parse",
            "--path-format=absolute",
            "--git-dir",
            "--git-common-dir",
        ])
        .run()
        .await?;
    if !found.succeeded() {
        return Err(gone(&format!("{} is not in a git repository", folder.display())));
    }
    let text = String::from_utf8(found.stdout).map_err(|_| gone("its path is not UTF-8"))?;
    // In a linked worktree the head is its own, and the branches are the repository's.
    let Some((git_dir, common_dir)) = text.trim_end_matches('\n').split_once('\n') else {
        return Err(gone("its path holds a line break"));
    };
    let git_dir = Path::new(git_dir).to_owned();
    let head = Call::on(git, &git_dir, "rev-parse")
        .args(["--verify", "--quiet", "HEAD^{commit}"])
        .run()
        .await?;
    let Ok(head) = CommitId::new(String::from_utf8_lossy(&head.stdout).trim()) else {
        return Err(Error::Empty { path: folder });
    };
    let named = Call::on(git, &git_dir, "symbolic-ref")
        .args(["--quiet", "--short", "HEAD"])
        .run()
        .await?;
    let branch = BranchName::new(String::from_utf8_lossy(&named.stdout).trim()).ok();

    let Remote::Path(address) = Remote::parse(common_dir)? else {
        return Err(gone("its path is not absolute"));
    };
    let mirror = Mirror::open_as(git, at, Remote::Adopted(address)).await?;
    mirror.fetch(None).await?;
    if !mirror.contains(&head).await? {
        // A detached head that no branch has.
        mirror.fetch_commit(&head).await?;
    }
    let uncommitted = blocking(move || Ok(has_changes(&git_dir))).await?;
    Ok(Adopted {
        mirror,
        head,
        branch,
        uncommitted,
    })
}

impl Mirror {
    async fn fetch_commit(&self, commit: &CommitId) -> Result<(), Error> {
        let _alone = self.locks().fetch.lock().await;
        let call = self
            .remote_call("fetch")
            .await?
            .args([
                "--no-tags",
                "--no-write-fetch-head",
                "--quiet",
                "--update-shallow",
            ])
            .args(self.upload_pack())
            .arg("origin")
            .arg(format!("+{commit}:refs/footplate/adopted"))
            .network(None);
        self.finish(call, "fetch", None).await
    }
}

/// Looks for uncommitted changes through libgit2, which runs no filter and no hook.
fn has_changes(git_dir: &Path) -> Option<bool> {
    let repository = git2::Repository::open(git_dir).ok()?;
    let mut options = git2::StatusOptions::new();
    options.include_untracked(false).exclude_submodules(true);
    let statuses = repository.statuses(Some(&mut options)).ok()?;
    Some(!statuses.is_empty())
}
