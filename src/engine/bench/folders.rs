//! Where an attempt's things lie.

use std::path::{Path, PathBuf};

use super::machine;
use crate::engine::error::Error;
use crate::model::{AttemptKey, RunId};

/// The folders of a data directory.
///
/// A run has one worktree for its agents, recycled from attempt to attempt, and two checkouts for checks;
/// everything else belongs to a single attempt and goes with it.
#[derive(Debug, Clone)]
pub struct Folders {
    root: PathBuf,
}

impl Folders {
    /// The folders below a data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self {
            root: data_dir.to_owned(),
        }
    }

    /// Where mirrors lie.
    pub fn mirrors(&self) -> PathBuf {
        self.root.join("mirrors")
    }

    /// The worktree of a node's agents.
    pub fn worktree(&self, key: &AttemptKey) -> PathBuf {
        self.of_run(&key.run).join(format!("work-{}", key.node))
    }

    /// A fresh checkout for checks of the work.
    pub fn checkout(&self, key: &AttemptKey) -> PathBuf {
        self.of_run(&key.run).join(format!("check-{}", key.node))
    }

    /// A fresh checkout for checks of the base.
    pub fn baseline(&self, key: &AttemptKey) -> PathBuf {
        self.of_run(&key.run).join(format!("base-{}", key.node))
    }

    /// All that a run has on disk besides refs and rows.
    pub fn of_run(&self, run: &RunId) -> PathBuf {
        self.root.join("runs").join(run.as_str())
    }

    /// The file with the prompt, outside the worktree, so that it is no part of the work.
    pub fn brief(&self, key: &AttemptKey) -> PathBuf {
        self.of_attempt(key).join("brief.md")
    }

    /// The private home of an attempt.
    pub fn home(&self, key: &AttemptKey) -> PathBuf {
        self.of_attempt(key).join("home")
    }

    fn of_attempt(&self, key: &AttemptKey) -> PathBuf {
        self.of_run(&key.run).join(format!("attempt-{}", name_of(key)))
    }

    /// Where the meter notes what a run's attempts use. It outlives the attempts' own folders.
    pub(super) fn readings(&self, run: &RunId) -> PathBuf {
        self.of_run(run).join("readings")
    }

    /// Where the meter notes what an attempt uses.
    pub(super) fn reading(&self, key: &AttemptKey) -> PathBuf {
        self.readings(&key.run).join(format!("{}.jsonl", name_of(key)))
    }

    /// The same folder of every run that has anything on disk.
    pub(super) async fn all_readings(&self) -> Result<Vec<PathBuf>, Error> {
        let runs = self.root.join("runs");
        blocking(move || match std::fs::read_dir(runs) {
            Ok(runs) => runs
                .map(|run| Ok(run?.path().join("readings")))
                .filter(|folder| folder.as_ref().is_ok_and(|folder| folder.is_dir()))
                .collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        })
        .await
        .map_err(machine)
    }

    /// The worktrees that a run has on disk.
    pub(super) async fn worktrees(&self, run: &RunId) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let Ok(mut entries) = tokio::fs::read_dir(self.of_run(run)).await else {
            return found;
        };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if ["work-", "check-", "base-"]
                .iter()
                .any(|kind| name.starts_with(kind))
            {
                found.push(entry.path());
            }
        }
        found
    }

    /// Removes all that a run has on disk. Its worktrees must be gone.
    pub(super) async fn clear_run(&self, run: &RunId) -> Result<(), Error> {
        match tokio::fs::remove_dir_all(self.of_run(run)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(machine(error)),
            _ => Ok(()),
        }
    }

    /// Makes the folder of an attempt anew and puts the brief there, if there is one.
    pub(super) async fn open(&self, key: &AttemptKey, brief: Option<&str>) -> Result<(), Error> {
        let (folder, brief) = (self.of_attempt(key), brief.map(str::to_owned));
        blocking(move || {
            remove(&folder)?;
            std::fs::create_dir_all(folder.join("home"))?;
            match brief {
                Some(brief) => std::fs::write(folder.join("brief.md"), brief),
                None => Ok(()),
            }
        })
        .await
        .map_err(machine)
    }

    /// Removes what belongs to a single attempt.
    pub(super) async fn clear(&self, key: &AttemptKey) {
        let folder = self.of_attempt(key);
        let at = folder.clone();
        if let Err(error) = blocking(move || remove(&at)).await {
            tracing::warn!(folder = %folder.display(), %error, "the folder of an attempt could not be removed");
        }
    }
}

/// An attempt's name within its run.
pub(super) fn name_of(key: &AttemptKey) -> String {
    format!("{}-{}-{}", key.node, key.generation, key.n)
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// One trip to the threads for blocking calls, whatever the number of calls.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await?
}
