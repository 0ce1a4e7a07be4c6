//! Where local runs are kept: their log, their mirrors, and the claim of the one process that drives a run.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::machine;
use crate::cli::exit::{Failure, Kind};
use crate::command::Command;
use crate::config::Settings;
use crate::engine::{Book, Folders};
use crate::git::{Adopted, Git, adopt_local};
use crate::model::{ContentHash, RunId, SystemClock};
use crate::run::Input;
use crate::store::Database;

/// The part of the data folder that belongs to local runs.
///
/// It is apart from the server's: a server takes up whatever is open in its store, and would take a run away
/// from the process that drives it.
pub(super) struct Keep {
    folder: PathBuf,
    store: Database,
}

/// The store of local runs; it is there once there was one.
pub(in crate::cli) fn database_file(settings: &Settings) -> PathBuf {
    folder(settings).join("footplate.db")
}

/// Cancels a run that no process drives; `false` where one does.
pub(in crate::cli) async fn cancel_idle(
    settings: &Settings,
    store: &Database,
    run: &RunId,
) -> Result<bool, Failure> {
    let claim = File::create(lock_of(&Folders::new(&folder(settings)).of_run(run))).map_err(machine)?;
    if claim.try_lock().is_err() {
        return Ok(false);
    }
    let order = Input::Command(Box::new(super::line::local(Command::Cancel)));
    Book::new(store.clone(), SystemClock)
        .tell(run, &order, None)
        .await?;
    Ok(true)
}

fn lock_of(run: &Path) -> PathBuf {
    run.with_extension("lock")
}

fn folder(settings: &Settings) -> PathBuf {
    // Agents stand in a folder of their own, so that every path they are told has to be absolute.
    let data = std::path::absolute(&settings.data_dir).unwrap_or_else(|_| settings.data_dir.clone());
    data.join("local")
}

impl Keep {
    pub(super) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let url = format!("sqlite:{}", database_file(settings).display());
        let store = Database::open(&url, Arc::new(SystemClock)).await?;
        Ok(Self {
            folder: folder(settings),
            store,
        })
    }

    pub(super) fn store(&self) -> &Database {
        &self.store
    }

    pub(super) fn folders(&self) -> Folders {
        Folders::new(&self.folder)
    }

    /// The folder of everything that a run has on disk; it also names the run's processes.
    pub(super) fn of_run(&self, run: &RunId) -> PathBuf {
        self.folders().of_run(run)
    }

    /// Opens the mirror of a repository, brought up to date.
    pub(super) async fn adopt(&self, git: &Git, repository: &Path) -> Result<Adopted, Failure> {
        let name = repository
            .canonicalize()
            .unwrap_or_else(|_| repository.to_owned());
        let name = ContentHash::of(name.as_os_str().as_encoded_bytes());
        let at = self.folders().mirrors().join(name.short());
        std::fs::create_dir_all(&at).map_err(machine)?;
        let lock = File::create(at.with_extension("lock")).map_err(machine)?;
        // Two processes that make one mirror at the same time would trip over each other's files.
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock));
        let lock = lock.await.map_err(machine)?.map_err(machine)?;
        let adopted = adopt_local(git, repository, &at).await.map_err(git_failure);
        drop(lock);
        adopted
    }

    /// Claims a run for this process; the claim ends with the process at the latest.
    pub(super) fn claim(&self, run: &RunId) -> Result<File, Failure> {
        let folder = self.of_run(run);
        std::fs::create_dir_all(&folder).map_err(machine)?;
        let claim = File::create(lock_of(&folder)).map_err(machine)?;
        match claim.try_lock() {
            Ok(()) => Ok(claim),
            Err(TryLockError::WouldBlock) => Err(Failure::said(
                Kind::Answer,
                format!("another process is at work on run {run}"),
            )),
            Err(TryLockError::Error(error)) => Err(machine(error)),
        }
    }

    pub(super) async fn close(&self) -> Result<(), Failure> {
        Ok(self.store.close().await?)
    }
}

/// What a failure of git means for whoever asked.
pub(super) fn git_failure(error: crate::git::Error) -> Failure {
    use crate::git::Error;
    let kind = match &error {
        Error::Gone { .. } | Error::Empty { .. } | Error::UnknownCommit(_) => Kind::Missing,
        _ => Kind::Machine,
    };
    match error {
        // "The remote" is what only we call it.
        Error::Gone { message } => Failure::said(kind, message),
        error => Failure::new(kind, error),
    }
}
