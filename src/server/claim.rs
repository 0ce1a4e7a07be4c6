//! The claim of one server on its data folder.
//!
//! Whoever works in a data folder ends what an earlier server left there, processes and all. A second server beside
//! a living one would end that one's agents and take its runs away, so that only one may be at work in a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::StartError;

/// The file that is locked. It stays; the lock ends with its process, however that ends.
const NAME: &str = "serve.lock";
/// How long a server that is being replaced has for its end.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// A data folder that is this process's alone until this is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    /// None where the file system knows no locks.
    _lock: Option<File>,
}

impl Claim {
    /// Makes the folder where there is none, and claims it; returns its real path, which does not depend on how it
    /// was named or where the program was started.
    ///
    /// # Errors
    /// Another server is at work there, or the folder cannot be used.
    pub(super) async fn on(data_dir: &Path) -> Result<(Self, PathBuf), StartError> {
        Self::within(data_dir, PATIENCE).await
    }

    async fn within(data_dir: &Path, patience: Duration) -> Result<(Self, PathBuf), StartError> {
        let failed = |source| StartError::Folder {
            folder: data_dir.to_owned(),
            source,
        };
        std::fs::create_dir_all(data_dir).map_err(failed)?;
        let folder = data_dir.canonicalize().map_err(failed)?;
        let file = open(&folder.join(NAME)).map_err(failed)?;
        let until = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok((Self { _lock: Some(file) }, folder)),
                Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(PAUSE).await,
                Err(TryLockError::WouldBlock) => return Err(StartError::Claimed { folder }),
                Err(TryLockError::Error(error)) => {
                    tracing::warn!(
                        folder = %folder.display(), %error,
                        "the data folder cannot be locked; make sure that no other server uses it"
                    );
                    return Ok((Self { _lock: None }, folder));
                }
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn one_server_claims_a_folder_however_it_is_named_and_the_next_one_after_it() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&data, &link).unwrap();

        let (claim, folder) = Claim::within(&data, SHORT).await.unwrap();
        assert_eq!(folder, data.canonicalize().unwrap());
        let refused = Claim::within(&link, SHORT).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "another server is at work in {}: two in one data folder would end each other's agents. \
                 Stop that one first, or give this one another `data_dir`",
                folder.display()
            )
        );
        // Another folder is free.
        Claim::within(&place.path().join("other"), SHORT).await.unwrap();

        drop(claim);
        let (_claim, again) = Claim::within(&link, SHORT).await.unwrap();
        assert_eq!(again, folder);
    }

    #[tokio::test]
    async fn a_server_that_is_about_to_end_is_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let (claim, _) = Claim::within(place.path(), SHORT).await.unwrap();
        let next = Claim::within(place.path(), Duration::from_mins(1));
        let ending = async {
            sleep(PAUSE * 2).await;
            drop(claim);
        };
        let (next, ()) = tokio::join!(next, ending);
        next.unwrap();
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Claim::within(&file.join("data"), SHORT).await.unwrap_err();
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }
}
