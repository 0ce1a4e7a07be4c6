//! Files that are replaced whole, flushed to the disk, and removed whatever their rights.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::error::Error;

/// Replaces a file in one step; a link at its place is replaced, not followed.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path);
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
        remove(path)?;
    }
    let mut file = tempfile::Builder::new()
        .prefix(".footplate-")
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(Error::io(folder))?;
    file.write_all(bytes).map_err(Error::io(path))?;
    file.as_file().sync_data().map_err(Error::io(path))?;
    file.persist(path).map_err(|error| Error::io(path)(error.error))?;
    Ok(())
}

/// Copies a file whole, with its time of change, which git compares with those of the files in an index.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let bytes = std::fs::read(from).map_err(Error::io(from))?;
    let time = std::fs::metadata(from)
        .and_then(|meta| meta.modified())
        .map_err(Error::io(from))?;
    let folder = to.parent().unwrap_or(to);
    let mut file = tempfile::Builder::new()
        .prefix(".footplate-")
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(Error::io(folder))?;
    file.write_all(&bytes).map_err(Error::io(to))?;
    file.as_file().set_modified(time).map_err(Error::io(to))?;
    file.persist(to).map_err(|error| Error::io(to)(error.error))?;
    Ok(())
}

/// Flushes a file to the disk; harmless where it is gone (git may have packed it just now).
pub(super) fn sync(path: &Path) -> Result<(), Error> {
    match std::fs::File::open(path) {
        Ok(file) => file.sync_all().map_err(Error::io(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io(path)(error)),
    }
}

/// Flushes a loose object to the disk; harmless where it lies in a pack.
pub(super) fn sync_object(git_dir: &Path, id: git2::Oid) -> Result<(), Error> {
    let name = id.to_string();
    let (fan, rest) = name.split_at(2);
    sync(&git_dir.join("objects").join(fan).join(rest))
}

/// Removes a file, a link or a whole folder, also one whose owner took away its own rights; harmless where
/// there is nothing. Links are removed, never followed.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match try_remove(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            open_up(path);
            try_remove(path).map_err(Error::io(path))
        }
        Err(error) => Err(Error::io(path)(error)),
    }
}

fn try_remove(path: &Path) -> std::io::Result<()> {
    let gone = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => gone(std::fs::remove_dir_all(path)),
        Ok(_) => gone(std::fs::remove_file(path)),
        Err(error) => gone(Err(error)),
    }
}

/// Gives us back the rights to list and empty every folder below, such as those of a Go module cache.
pub(super) fn open_up(path: &Path) {
    let Ok(meta) = std::fs::symlink_metadata(path) else {
        return;
    };
    if !meta.is_dir() {
        return;
    }
    // What can't be opened up is reported by the removal that follows.
    let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700));
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}
