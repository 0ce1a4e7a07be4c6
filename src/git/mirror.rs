//! The bare copy of one repository, and the refs of ours in it.
//!
//! A mirror is fetched with the sole refspec `+refs/heads/*:refs/remotes/origin/*`, so that pruning never
//! touches what is ours: everything under `refs/footplate/`. Its configuration file is a function of the
//! remote's address; before every call it is compared with that text and put back if anybody changed it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use git2::Repository;

use super::askpass::{Credentials, Session};
use super::call::Call;
use super::error::{Error, blocking};
use super::program::Git;
use super::remote::{Remote, classify};
use super::stale::settle_in;
use crate::model::{BranchName, CommitId};

/// Says in a mirror's folder that it is ours, and of which layout.
const MARKER: &str = "footplate-mirror";
/// How many commits are remembered as found; a run asks for a few, again and again.
const MOST_FOUND: usize = 10_000;
/// Keeps agents' `git status` clean of the artifact folder.
const EXCLUDE: &str = "# Written by Footplate.\n/.footplate/\n";
/// Files with which somebody could change what git does in a mirror; we have none of them.
const UNWANTED: &[&str] = &[
    "info/attributes",
    "info/grafts",
    "info/sparse-checkout",
    "config.worktree",
    "hooks",
];

/// Our bare copy of one repository. Cheap to clone.
#[derive(Clone)]
pub struct Mirror {
    inner: Arc<Inner>,
}

struct Inner {
    git: Git,
    path: PathBuf,
    remote: Remote,
    locks: Arc<Locks>,
}

/// What must not happen twice at once in one mirror.
#[derive(Debug, Default)]
pub(super) struct Locks {
    /// Fetching and tidying.
    pub(super) fetch: tokio::sync::Mutex<()>,
    /// Making and removing worktrees.
    pub(super) worktrees: tokio::sync::Mutex<()>,
    /// How often a worktree began or ended to be made.
    pub(super) made: AtomicU64,
    /// Commits that were found in the mirror since it was last tidied: nothing else of ours takes objects away, and
    /// git refuses what is missing after all.
    found: std::sync::Mutex<HashSet<CommitId>>,
    /// Says to other processes that this one uses the mirror, from the first time on that it is opened.
    used: std::sync::OnceLock<std::fs::File>,
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "mirror of {} at {}",
            self.inner.remote.address(),
            self.inner.path.display()
        )
    }
}

impl Mirror {
    /// Opens the mirror at `at`, making it if need be.
    ///
    /// `remote` is an `https` or `http` address without credentials, or an absolute path. An existing mirror
    /// is pointed to it, so a renamed repository keeps its mirror. Nothing is fetched.
    ///
    /// # Errors
    /// [`Error::BadRemote`], [`Error::Occupied`] where `at` holds something else, or a failing disk.
    pub async fn open(git: &Git, at: &Path, remote: &str) -> Result<Self, Error> {
        Self::open_as(git, at, Remote::parse(remote)?).await
    }

    pub(super) async fn open_as(git: &Git, at: &Path, remote: Remote) -> Result<Self, Error> {
        let at = at.to_owned();
        let path = blocking(move || {
            std::fs::create_dir_all(&at).map_err(Error::io(&at))?;
            at.canonicalize().map_err(Error::io(&at))
        })
        .await?;
        let locks = git.locks(&path);
        let mirror = Self {
            inner: Arc::new(Inner {
                git: git.clone(),
                path,
                remote,
                locks,
            }),
        };
        let _alone = mirror.inner.locks.worktrees.lock().await;
        let made = mirror.clone();
        blocking(move || made.establish()).await?;
        Ok(mirror.clone())
    }

    /// The mirror's folder, an absolute path.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The address of the remote.
    pub fn remote(&self) -> &str {
        self.inner.remote.address()
    }

    /// Brings the branches of the remote up to date and forgets those that are gone.
    ///
    /// Refs of ours are never touched. Calls on one mirror wait for each other.
    ///
    /// # Errors
    /// [`Error::Unreachable`] and [`Error::Late`] may pass; [`Error::Denied`] and [`Error::Gone`] need a
    /// person.
    pub async fn fetch(&self, credentials: Option<&Credentials>) -> Result<(), Error> {
        let _alone = self.inner.locks.fetch.lock().await;
        let made = || self.inner.locks.made.load(Ordering::Relaxed);
        let before = made();
        match self.fetch_once(credentials).await {
            // Git looks at all worktrees, and one that is just being made looks damaged to it.
            Err(error @ Error::Failed { .. })
                if made() != before || self.inner.locks.worktrees.try_lock().is_err() =>
            {
                tracing::debug!(%error, "fetching again while no worktree is made");
                let _none_is_made = self.inner.locks.worktrees.lock().await;
                self.fetch_once(credentials).await
            }
            fetched => fetched,
        }
    }

    async fn fetch_once(&self, credentials: Option<&Credentials>) -> Result<(), Error> {
        let session = self.session(credentials)?;
        let call = self
            .remote_call("fetch")
            .await?
            .args([
                "--prune",
                "--no-tags",
                "--no-auto-maintenance",
                "--no-recurse-submodules",
            ])
            .args(["--no-write-fetch-head", "--quiet", "--update-shallow"])
            .args(self.upload_pack())
            .arg("origin")
            .network(session.as_ref());
        self.finish(call, "fetch", session.as_ref()).await
    }

    /// Packs loose objects and refs, and drops what has been unreachable for two weeks.
    ///
    /// Mirrors never do this by themselves, and it wants a quiet moment. Held commits, the last
    /// snapshots of worktrees and the branches of the remote stay.
    ///
    /// # Errors
    /// [`Error::Late`] or [`Error::Failed`]; nothing is lost by either.
    pub async fn tidy(&self) -> Result<(), Error> {
        let _alone = self.inner.locks.fetch.lock().await;
        // Git looks at all worktrees, and one that is just being made looks damaged to it.
        let _none_is_made = self.inner.locks.worktrees.lock().await;
        let call = self.call("gc").await?.args(["--quiet", "--prune=2.weeks.ago"]);
        let tidied = call.succeed().await.map(drop);
        self.found().clear();
        tidied
    }

    /// The newest commit of a branch of the remote, as of the last fetch.
    ///
    /// # Errors
    /// A damaged mirror.
    pub async fn head_of(&self, branch: &BranchName) -> Result<Option<CommitId>, Error> {
        self.resolve(format!("refs/remotes/origin/{branch}")).await
    }

    pub(super) async fn resolve(&self, name: String) -> Result<Option<CommitId>, Error> {
        self.in_repository(move |repository| match repository.refname_to_id(&name) {
            Ok(id) => commit_id(id).map(Some),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(Error::library("read a ref")(error)),
        })
        .await
    }

    pub(super) fn locks(&self) -> &Locks {
        &self.inner.locks
    }

    /// A call of git on the mirror itself, after its configuration has been looked at.
    pub(super) async fn call(&self, what: &'static str) -> Result<Call<'_>, Error> {
        self.call_in(&self.inner.path, what).await
    }

    /// The same with another git directory: a worktree's, which shares the mirror's configuration.
    pub(super) async fn call_in(&self, git_dir: &Path, what: &'static str) -> Result<Call<'_>, Error> {
        let mirror = self.clone();
        blocking(move || mirror.restore()).await?;
        Ok(self.call_restored(git_dir, what))
    }

    /// The same for a caller whose last step was [`Mirror::restore`].
    pub(super) fn call_restored(&self, git_dir: &Path, what: &'static str) -> Call<'_> {
        Call::on(&self.inner.git, git_dir, what)
    }

    /// Tells whether a commit is in the mirror.
    pub(super) fn has(&self, commit: &CommitId) -> Result<bool, Error> {
        if self.found().contains(commit) {
            return Ok(true);
        }
        match find_commit(&self.repository()?, commit) {
            Ok(_) => {
                let mut found = self.found();
                if found.len() >= MOST_FOUND {
                    found.clear();
                }
                found.insert(commit.clone());
                Ok(true)
            }
            Err(Error::UnknownCommit(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn found(&self) -> std::sync::MutexGuard<'_, HashSet<CommitId>> {
        self.inner
            .locks
            .found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A call that talks to the remote, by its kind of transport alone.
    pub(super) async fn remote_call(&self, what: &'static str) -> Result<Call<'_>, Error> {
        let mut call = self.call(what).await?;
        // The protocol is configuration of this call, so it is put before the subcommand.
        for setting in self.inner.remote.protocol() {
            call = call.with(setting);
        }
        Ok(call)
    }

    pub(super) fn session(&self, credentials: Option<&Credentials>) -> Result<Option<Session>, Error> {
        Session::open(&self.inner.git, self.remote(), credentials)
    }

    pub(super) async fn finish(
        &self,
        call: Call<'_>,
        what: &'static str,
        session: Option<&Session>,
    ) -> Result<(), Error> {
        let output = call.run().await?;
        if output.succeeded() {
            Ok(())
        } else {
            Err(remote_failure(what, &output, session))
        }
    }

    /// How the other end of a repository on this machine is started: it does not inherit our `-c` settings.
    pub(super) fn upload_pack(&self) -> Option<String> {
        self.far_end("upload-pack")
            .map(|command| format!("--upload-pack={command}"))
    }

    pub(super) fn receive_pack(&self) -> Option<String> {
        self.far_end("receive-pack")
            .map(|command| format!("--receive-pack={command}"))
    }

    fn far_end(&self, service: &str) -> Option<String> {
        // Git hands this text to a shell; the program's path is quoted for it.
        let program = self
            .inner
            .git
            .program()
            .display()
            .to_string()
            .replace('\'', "'\\''");
        let common = "-c safe.directory='*' -c core.fsmonitor=false -c core.alternateRefsCommand=true";
        match self.inner.remote {
            Remote::Url(_) => None,
            Remote::Path(_) => Some(format!("'{program}' -c safe.directory='*' {service}")),
            Remote::Adopted(_) => Some(format!(
                "'{program}' {common} -c core.hooksPath=/dev/null -c gc.auto=0 {service}"
            )),
        }
    }

    /// Runs blocking work on the mirror through libgit2.
    pub(super) async fn in_repository<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Repository) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let mirror = self.clone();
        blocking(move || {
            mirror.restore()?;
            work(&mirror.repository()?)
        })
        .await
    }

    /// Opens the mirror through libgit2, without discovery and without asking who owns it.
    pub(super) fn repository(&self) -> Result<Repository, Error> {
        Repository::open_bare(&self.inner.path).map_err(Error::library("open the mirror"))
    }

    fn establish(&self) -> Result<(), Error> {
        let path = &self.inner.path;
        let marker = path.join(MARKER);
        if !marker.is_file() {
            let mut entries = std::fs::read_dir(path).map_err(Error::io(path))?;
            if entries.next().is_some() {
                return Err(Error::Occupied { path: path.clone() });
            }
            std::fs::write(&marker, "1\n").map_err(Error::io(&marker))?;
        }
        // Callers hold the lock of worktrees: nobody else of this process is here.
        if self.inner.locks.used.get().is_none() {
            let _ = self.inner.locks.used.set(settle_in(path, &marker)?);
        }
        for folder in [
            "objects/info",
            "objects/pack",
            "refs/heads",
            "refs/footplate",
            "info",
        ] {
            let folder = path.join(folder);
            std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        }
        if let Remote::Adopted(_) = self.inner.remote {
            self.borrow_objects()?;
        }
        self.restore()?;
        keep(&path.join("HEAD"), "ref: refs/heads/main\n")
    }

    /// Lets the mirror of a local repository read that repository's objects in place, so that adopting it
    /// costs no copy.
    fn borrow_objects(&self) -> Result<(), Error> {
        let theirs = Repository::open_ext(
            self.remote(),
            git2::RepositoryOpenFlags::NO_SEARCH,
            std::iter::empty::<&Path>(),
        );
        // A repository of another user is not opened by libgit2; then its objects are fetched, as over any network.
        let Ok(theirs) = theirs else { return Ok(()) };
        let objects = theirs.commondir().join("objects");
        let objects = objects.canonicalize().map_err(Error::io(&objects))?;
        match objects.to_str() {
            // The format is one path a line, with quotes for odd ones.
            Some(text) if !text.contains(['\n', '"', '\\']) => keep(
                &self.inner.path.join("objects/info/alternates"),
                &format!("{text}\n"),
            ),
            _ => Ok(()),
        }
    }

    /// Puts the mirror's configuration back to what it must be.
    pub(super) fn restore(&self) -> Result<(), Error> {
        let path = &self.inner.path;
        keep(&path.join("config"), &self.configuration())?;
        keep(&path.join("info/exclude"), EXCLUDE)?;
        for name in UNWANTED {
            let unwanted = path.join(name);
            if std::fs::symlink_metadata(&unwanted).is_ok() {
                tracing::warn!(path = %unwanted.display(), "somebody put this into a mirror; it is removed");
                super::durable::remove(&unwanted)?;
            }
        }
        Ok(())
    }

    fn configuration(&self) -> String {
        let url = self.remote().replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "# Written by Footplate, which puts it back when it is changed.\n\
             [core]\n\
             \trepositoryformatversion = 0\n\
             \tbare = true\n\
             \tfilemode = true\n\
             \tlogAllRefUpdates = false\n\
             [gc]\n\
             \tauto = 0\n\
             [maintenance]\n\
             \tauto = false\n\
             [diff]\n\
             \tignoreSubmodules = none\n\
             [remote \"origin\"]\n\
             \turl = \"{url}\"\n\
             \tfetch = +refs/heads/*:refs/remotes/origin/*\n\
             \ttagOpt = --no-tags\n"
        )
    }
}

/// Sorts a failed call to the remote; a source of tokens that refused comes first.
pub(super) fn remote_failure(
    what: &'static str,
    output: &super::call::Output,
    session: Option<&Session>,
) -> Error {
    match session.and_then(Session::refusal) {
        Some(message) => Error::Denied { message },
        None => classify(what, output),
    }
}

pub(super) fn find_commit<'r>(repository: &'r Repository, id: &CommitId) -> Result<git2::Commit<'r>, Error> {
    let unknown = |_| Error::UnknownCommit(id.clone());
    let oid = git2::Oid::from_str(id.as_str()).map_err(unknown)?;
    match repository.find_commit(oid) {
        Ok(commit) => Ok(commit),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Err(Error::UnknownCommit(id.clone())),
        Err(error) if error.class() == git2::ErrorClass::Invalid => Err(Error::UnknownCommit(id.clone())),
        Err(error) => Err(Error::library("read a commit")(error)),
    }
}

pub(super) fn commit_id(id: git2::Oid) -> Result<CommitId, Error> {
    CommitId::new(id.to_string()).map_err(|error| Error::Failed {
        what: "rev-parse",
        message: error.to_string(),
    })
}

/// Makes a file hold exactly `text`, without touching it where it does.
pub(super) fn keep(path: &Path, text: &str) -> Result<(), Error> {
    let regular = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file());
    if regular && std::fs::read(path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(());
    }
    super::durable::replace(path, text.as_bytes())
}
