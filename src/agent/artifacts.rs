//! The artifact folder: inputs go in, declared outputs come out, and no link is ever followed.
//!
//! An agent owns its worktree, so that anything in it may be a trap: the folder may be a link to a place
//! outside, an artifact may be a link to a secret, a pipe that never answers, or a file of a gigabyte.

use std::fs::{DirBuilder, File, FileTimes};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::model::ArtifactName;

/// The most that an artifact may hold: 256 KiB is a book of 40,000 words.
pub const MAX_ARTIFACT_BYTES: u64 = 256 * 1024;

/// Inputs are dated back by this much, so that one that is also declared as output cannot pass for new.
/// More than the coarsest file system's clock tick, which is 2 s.
const BACKDATE: Duration = Duration::from_secs(10);

/// Says why a declared artifact was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{name} {why}")]
pub struct CollectError {
    /// The artifact.
    pub name: ArtifactName,
    /// The reason.
    pub why: Refusal,
}

/// Why a declared artifact was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It was there before the attempt and has not been written since.
    #[error("is older than the attempt")]
    Stale,
    /// It, or the folder, is a link, a folder, a pipe or a device.
    #[error("is not a regular file")]
    NotAFile,
    /// It has a second name, so that it may be somebody else's file.
    #[error("is a hard link")]
    HardLink,
    /// It is larger than [`MAX_ARTIFACT_BYTES`].
    #[error("is larger than 256 KiB")]
    TooLarge,
    /// It could not be read.
    #[error("could not be read")]
    Unreadable,
}

/// Makes the artifact folder anew and puts the inputs there.
///
/// Whatever stood at its place is removed, links unfollowed. Returns the moment of the start in the file
/// system's own time, which is what [`collect`] wants. Blocks.
///
/// # Errors
/// The worktree is not there, or the folder cannot be made; the worktree should then be made anew.
pub fn place(folder: &Path, inputs: &[(ArtifactName, Vec<u8>)]) -> Result<SystemTime, Error> {
    let failed = |source| Error::Folder {
        what: "the artifact folder",
        path: folder.to_owned(),
        source,
    };
    remove(folder).map_err(failed)?;
    DirBuilder::new().mode(0o755).create(folder).map_err(failed)?;
    let opened = open_folder(folder).map_err(|errno| failed(errno.into()))?;
    let now = stamp(&opened).map_err(failed)?;
    for (name, content) in inputs {
        put(&opened, name.as_str(), content, now).map_err(failed)?;
    }
    Ok(now)
}

/// Puts one more file into the folder that [`place`] has made, for reading; it is no artifact, and never collected.
/// `now` is what [`place`] returned. Blocks.
///
/// # Errors
/// The folder is not there any more, the name is taken or no plain file name, or the disk fails.
pub fn place_beside(folder: &Path, name: &'static str, content: &[u8], now: SystemTime) -> Result<(), Error> {
    let failed = |source| Error::Folder {
        what: "the artifact folder",
        path: folder.to_owned(),
        source,
    };
    let opened = open_folder(folder).map_err(|errno| failed(errno.into()))?;
    put(&opened, name, content, now).map_err(failed)
}

/// Writes a new file, dated back.
fn put(folder: &OwnedFd, name: &str, content: &[u8], now: SystemTime) -> io::Result<()> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = Mode::from_bits_truncate(0o644);
    let mut file = File::from(openat(folder, name, flags, mode)?);
    file.write_all(content)?;
    file.set_times(FileTimes::new().set_modified(now - BACKDATE))
}

/// Takes the declared artifacts out of the folder: all of them, or the reasons why not.
///
/// `since` is what [`place`] returned. Blocks.
///
/// # Errors
/// One entry for every artifact that is not there, not new, or not plainly a file of its own.
pub fn collect(
    folder: &Path,
    declared: &[ArtifactName],
    since: SystemTime,
) -> Result<Vec<(ArtifactName, Vec<u8>)>, Vec<CollectError>> {
    let mut artifacts = Vec::with_capacity(declared.len());
    let mut errors = Vec::new();
    let opened = open_folder(folder).map_err(refusal);
    for name in declared {
        let content = match &opened {
            Ok(opened) => take(opened, name, since),
            Err(why) => Err(*why),
        };
        match content {
            Ok(content) => artifacts.push((name.clone(), content)),
            Err(why) => errors.push(CollectError {
                name: name.clone(),
                why,
            }),
        }
    }
    if errors.is_empty() {
        Ok(artifacts)
    } else {
        Err(errors)
    }
}

fn take(folder: &OwnedFd, name: &ArtifactName, since: SystemTime) -> Result<Vec<u8>, Refusal> {
    // Without waiting: opening a pipe for reading would wait for its writer.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let file = File::from(openat(folder, name.as_str(), flags, Mode::empty()).map_err(refusal)?);
    let meta = file.metadata().map_err(|_| Refusal::Unreadable)?;
    if !meta.is_file() {
        return Err(Refusal::NotAFile);
    }
    if meta.nlink() != 1 {
        return Err(Refusal::HardLink);
    }
    if meta.len() > MAX_ARTIFACT_BYTES {
        return Err(Refusal::TooLarge);
    }
    if meta.modified().map_err(|_| Refusal::Unreadable)? < since {
        return Err(Refusal::Stale);
    }
    let mut content = Vec::new();
    file.take(MAX_ARTIFACT_BYTES + 1)
        .read_to_end(&mut content)
        .map_err(|_| Refusal::Unreadable)?;
    if content.len() as u64 > MAX_ARTIFACT_BYTES {
        return Err(Refusal::TooLarge);
    }
    Ok(content)
}

/// Opens the folder by way of its parent, the worktree, neither of them through a link.
fn open_folder(folder: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(Errno::EINVAL);
    };
    let parent = open(parent, flags, Mode::empty())?;
    openat(parent.as_fd(), name, flags, Mode::empty())
}

fn refusal(errno: Errno) -> Refusal {
    match errno {
        Errno::ENOENT => Refusal::Missing,
        // What O_NOFOLLOW and O_DIRECTORY say of a link, and open of a socket.
        Errno::ELOOP | Errno::ENOTDIR | Errno::EMLINK | Errno::ENXIO => Refusal::NotAFile,
        _ => Refusal::Unreadable,
    }
}

/// Removes whatever stands there, without following links.
fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        // The standard library removes trees by descriptors, so that a link swapped in is not followed.
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    }
}

/// The present moment as this file system writes it.
fn stamp(folder: &OwnedFd) -> io::Result<SystemTime> {
    const NAME: &str = ".start";
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = File::from(openat(folder, NAME, flags, Mode::from_bits_truncate(0o600))?);
    let now = file.metadata()?.modified()?;
    nix::unistd::unlinkat(folder, NAME, nix::unistd::UnlinkatFlags::NoRemoveDir)?;
    Ok(now)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    fn name(text: &str) -> ArtifactName {
        ArtifactName::new(text).expect("a valid name")
    }

    struct World {
        root: tempfile::TempDir,
        since: SystemTime,
    }

    impl World {
        fn new(inputs: &[(&str, &str)]) -> Self {
            let root = tempfile::tempdir().expect("a temporary folder");
            std::fs::create_dir(root.path().join("tree")).expect("a worktree");
            std::fs::write(root.path().join("secret"), "the key").expect("a secret");
            let inputs: Vec<_> = inputs
                .iter()
                .map(|(n, c)| (name(n), c.as_bytes().to_vec()))
                .collect();
            let since = place(&root.path().join("tree/.footplate"), &inputs).expect("placed");
            Self { root, since }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.root.path().join("tree/.footplate").join(name)
        }

        fn collect(&self, names: &[&str]) -> Result<Vec<String>, Vec<(String, Refusal)>> {
            let names: Vec<_> = names.iter().map(|n| name(n)).collect();
            collect(&self.root.path().join("tree/.footplate"), &names, self.since)
                .map(|found| {
                    found
                        .into_iter()
                        .map(|(_, c)| String::from_utf8_lossy(&c).into_owned())
                        .collect()
                })
                .map_err(|errors| errors.into_iter().map(|e| (e.name.to_string(), e.why)).collect())
        }

        fn refuses(&self, why: Refusal) {
            assert_eq!(self.collect(&["plan.md"]), Err(vec![("plan.md".to_owned(), why)]));
        }
    }

    #[test]
    fn what_was_declared_and_written_is_collected() {
        let world = World::new(&[("exploration.md", "what there is")]);
        assert_eq!(
            std::fs::read_to_string(world.path("exploration.md")).expect("placed"),
            "what there is"
        );
        std::fs::write(world.path("plan.md"), "a plan").expect("written");
        assert_eq!(world.collect(&["plan.md"]), Ok(vec!["a plan".to_owned()]));
        assert_eq!(
            world.collect(&["plan.md", "validation.md"]),
            Err(vec![("validation.md".to_owned(), Refusal::Missing)])
        );
    }

    #[test]
    fn an_input_that_was_not_written_again_is_stale() {
        let world = World::new(&[("plan.md", "the old plan")]);
        world.refuses(Refusal::Stale);
        std::fs::write(world.path("plan.md"), "the new plan").expect("written");
        assert_eq!(world.collect(&["plan.md"]), Ok(vec!["the new plan".to_owned()]));
    }

    #[test]
    fn a_link_to_a_secret_is_refused() {
        let world = World::new(&[]);
        symlink(world.root.path().join("secret"), world.path("plan.md")).expect("linked");
        world.refuses(Refusal::NotAFile);
        std::fs::remove_file(world.path("plan.md")).expect("removed");
        std::fs::hard_link(world.root.path().join("secret"), world.path("plan.md")).expect("linked");
        world.refuses(Refusal::HardLink);
    }

    #[test]
    fn folders_pipes_and_books_are_refused_without_waiting() {
        let world = World::new(&[]);
        std::fs::create_dir(world.path("plan.md")).expect("made");
        world.refuses(Refusal::NotAFile);
        std::fs::remove_dir(world.path("plan.md")).expect("removed");
        nix::unistd::mkfifo(&world.path("plan.md"), Mode::S_IRWXU).expect("made");
        world.refuses(Refusal::NotAFile);
        std::fs::remove_file(world.path("plan.md")).expect("removed");
        std::fs::write(world.path("plan.md"), vec![b'x'; 256 * 1024 + 1]).expect("written");
        world.refuses(Refusal::TooLarge);
        std::fs::write(world.path("plan.md"), vec![b'x'; 256 * 1024]).expect("written");
        assert!(world.collect(&["plan.md"]).is_ok());
    }

    #[test]
    fn a_folder_that_became_a_link_is_not_followed_and_is_replaced() {
        let world = World::new(&[]);
        let folder = world.root.path().join("tree/.footplate");
        let elsewhere = world.root.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).expect("made");
        std::fs::write(elsewhere.join("plan.md"), "planted").expect("written");
        std::fs::remove_dir(&folder).expect("removed");
        symlink(&elsewhere, &folder).expect("linked");
        world.refuses(Refusal::NotAFile);

        place(&folder, &[(name("plan.md"), b"ours".to_vec())]).expect("placed");
        assert!(!folder.symlink_metadata().expect("there").is_symlink());
        assert_eq!(
            std::fs::read_to_string(elsewhere.join("plan.md")).expect("there"),
            "planted"
        );

        std::fs::remove_dir_all(&folder).expect("removed");
        std::fs::write(&folder, "a file").expect("written");
        world.refuses(Refusal::NotAFile);
        place(&folder, &[]).expect("placed over a file");
        std::fs::remove_dir_all(&folder).expect("removed");
        world.refuses(Refusal::Missing);
    }
}
