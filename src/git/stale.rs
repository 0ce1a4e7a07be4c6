//! Locks that a killed process left in a mirror: nobody would ever remove them, and each makes git or libgit2
//! refuse the ref or file that it guards.
//!
//! Whoever uses a mirror holds a shared lock of the operating system on the mirror's own mark, which ends with its
//! process however it ends. Who gets that lock alone knows that the lock files it finds are nobody's.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::durable;
use super::error::Error;

/// What programs leave in a mirror's folder itself, beside `*.lock` files.
const REMAINS: &[&str] = &["gc.pid"];
/// How our own replacements of files begin before they are put in place.
const UNFINISHED: &str = ".footplate-";
/// Where lock files lie, beneath a mirror.
const GUARDED: &[&str] = &["refs", "logs", "objects/info", "worktrees"];

/// Says that somebody uses the mirror, and tidies it up if nobody did before.
///
/// The mirror counts as used until the file that is returned is dropped.
///
/// # Errors
/// A failing disk. A file system without such locks is none: then nothing is tidied up.
pub(super) fn settle_in(mirror: &Path, mark: &Path) -> Result<File, Error> {
    let file = File::open(mark).map_err(Error::io(mark))?;
    match file.try_lock() {
        Ok(()) => {
            let removed = sweep(mirror)?;
            if removed > 0 {
                tracing::warn!(path = %mirror.display(), removed, "removed what a killed process left in a mirror");
            }
            file.unlock().map_err(Error::io(mark))?;
        }
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => {
            tracing::debug!(path = %mark.display(), %error, "the mirror cannot be locked");
            return Ok(file);
        }
    }
    file.lock_shared().map_err(Error::io(mark))?;
    Ok(file)
}

/// Removes every lock file and every unfinished file of ours; returns how many there were.
fn sweep(mirror: &Path) -> Result<usize, Error> {
    let mut removed = 0;
    for entry in entries(mirror)? {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let remains = is_lock(&name) || name.starts_with(UNFINISHED) || REMAINS.contains(&name.as_ref());
        if remains && entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
            durable::remove(&entry.path())?;
            removed += 1;
        }
    }
    for folder in GUARDED {
        removed += sweep_below(&mirror.join(folder))?;
    }
    Ok(removed)
}

fn sweep_below(folder: &Path) -> Result<usize, Error> {
    let mut removed = 0;
    for entry in entries(folder)? {
        // Links are not followed: the kind is the link's own.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            removed += sweep_below(&entry.path())?;
        } else if is_lock(&entry.file_name().to_string_lossy()) {
            durable::remove(&entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// No ref may end so, which is why git may use it.
fn is_lock(name: &str) -> bool {
    name.strip_suffix(".lock")
        .is_some_and(|guarded| !guarded.is_empty())
}

fn entries(folder: &Path) -> Result<Vec<std::fs::DirEntry>, Error> {
    match std::fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::io(folder)(error)),
    }
}
