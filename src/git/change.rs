//! The difference between two exact commits, file by file.
//!
//! No renames are guessed: a moved file is one that went and one that came, and both are looked at.

use std::fmt;

use git2::{Delta, DiffOptions, Repository};

use super::error::Error;
use super::mirror::{Mirror, find_commit};
use crate::model::CommitId;

/// The largest patch that is made: GitHub shows 1 MB of a diff, and a person reads less.
const MAX_PATCH_BYTES: u64 = 64 << 20;

/// A path within a tree: bytes, since git knows no encoding. Shown with everything odd escaped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// Wraps the bytes as git has them, with `/` between components.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes as git has them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as text, where it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The components, from the root on.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                // Also the marks that turn the direction of writing around.
                let odd = character.is_control()
                    || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\\');
                if odd {
                    write!(f, "{}", character.escape_default())?
                } else {
                    write!(f, "{character}")?
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

/// What happened to one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its content or its executable bit differs.
    Modified,
    /// It is gone.
    Deleted,
    /// It became something else, such as a link where a file was.
    TypeChanged,
}

/// What a tree holds at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A regular file that can be executed.
    Executable,
    /// A symbolic link to this target, as written.
    Link(Vec<u8>),
    /// A commit of another repository.
    Submodule,
}

/// One side of a [`Change`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Its size in bytes; 0 for a submodule.
    pub bytes: u64,
}

/// One path that differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub path: TreePath,
    /// What happened.
    pub kind: ChangeKind,
    /// What was there; `None` for a path that is new.
    pub old: Option<Entry>,
    /// What is there; `None` for a path that is gone.
    pub new: Option<Entry>,
    /// Lines that came; 0 for binary content.
    pub additions: u64,
    /// Lines that went; 0 for binary content.
    pub deletions: u64,
    /// Whether git takes one of the sides for binary.
    pub binary: bool,
}

impl Mirror {
    /// Everything that differs between two commits, in the order of paths.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], or a damaged mirror.
    pub async fn changes(&self, from: &CommitId, to: &CommitId) -> Result<Vec<Change>, Error> {
        let (from, to) = (from.clone(), to.clone());
        self.in_repository(move |repository| {
            let diff = compare(repository, &from, &to, 0)?;
            let odb = repository
                .odb()
                .map_err(Error::library("open the object store"))?;
            let mut changes = Vec::new();
            for index in 0..diff.deltas().len() {
                let patch = git2::Patch::from_diff(&diff, index).map_err(Error::library("compare a file"))?;
                let Some(delta) = diff.get_delta(index) else {
                    continue;
                };
                let Some(kind) = kind_of(delta.status()) else {
                    continue;
                };
                let side = |file: git2::DiffFile<'_>| entry(repository, &odb, &file);
                let old = if kind == ChangeKind::Added {
                    None
                } else {
                    side(delta.old_file())?
                };
                let new = if kind == ChangeKind::Deleted {
                    None
                } else {
                    side(delta.new_file())?
                };
                let path = delta
                    .new_file()
                    .path_bytes()
                    .or(delta.old_file().path_bytes())
                    .unwrap_or_default();
                let binary = delta.flags().is_binary();
                let (additions, deletions) = match &patch {
                    Some(patch) if !binary => {
                        let (_, additions, deletions) =
                            patch.line_stats().map_err(Error::library("count lines"))?;
                        (additions as u64, deletions as u64)
                    }
                    _ => (0, 0),
                };
                changes.push(Change {
                    path: TreePath::new(path),
                    kind,
                    old,
                    new,
                    additions,
                    deletions,
                    binary,
                });
            }
            changes.sort_by(|one, other| one.path.cmp(&other.path));
            Ok(changes)
        })
        .await
    }

    /// The paths that differ between two commits, such as an old and a new head of the base branch.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], or a damaged mirror.
    pub async fn touched_between(&self, from: &CommitId, to: &CommitId) -> Result<Vec<TreePath>, Error> {
        let (from, to) = (from.clone(), to.clone());
        self.in_repository(move |repository| {
            let diff = compare(repository, &from, &to, 0)?;
            let mut paths: Vec<TreePath> = diff
                .deltas()
                .filter_map(|delta| delta.new_file().path_bytes().or(delta.old_file().path_bytes()))
                .map(TreePath::new)
                .collect();
            paths.sort();
            paths.dedup();
            Ok(paths)
        })
        .await
    }

    /// The difference as a patch that `git apply` takes, binary content included.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond 64 MB, [`Error::UnknownCommit`], or a damaged mirror.
    pub async fn patch(&self, from: &CommitId, to: &CommitId) -> Result<Vec<u8>, Error> {
        let (from, to) = (from.clone(), to.clone());
        self.in_repository(move |repository| {
            let diff = compare(repository, &from, &to, 3)?;
            let mut text = Vec::new();
            let printed = diff.print(git2::DiffFormat::Patch, |_, _, line| {
                if matches!(line.origin(), '+' | '-' | ' ') {
                    text.extend_from_slice(&[u8::try_from(line.origin()).unwrap_or(b' ')]);
                }
                text.extend_from_slice(line.content());
                text.len() as u64 <= MAX_PATCH_BYTES
            });
            match printed {
                Ok(()) => Ok(text),
                Err(error) if error.code() == git2::ErrorCode::User => Err(Error::TooLarge {
                    what: "the patch".to_owned(),
                    limit: MAX_PATCH_BYTES,
                }),
                Err(error) => Err(Error::library("write a patch")(error)),
            }
        })
        .await
    }
}

fn compare<'r>(
    repository: &'r Repository,
    from: &CommitId,
    to: &CommitId,
    context: u32,
) -> Result<git2::Diff<'r>, Error> {
    let tree = |id| {
        find_commit(repository, id)?
            .tree()
            .map_err(Error::library("read a tree"))
    };
    let (old, new) = (tree(from)?, tree(to)?);
    let mut options = DiffOptions::new();
    options
        .context_lines(context)
        .interhunk_lines(0)
        .id_abbrev(40)
        // `git apply` wants a file that becomes a link as one that goes and one that comes.
        .include_typechange(context == 0)
        .ignore_submodules(false)
        .ignore_filemode(false)
        .show_binary(context > 0)
        .old_prefix("a")
        .new_prefix("b");
    repository
        .diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))
        .map_err(Error::library("compare two commits"))
}

fn kind_of(status: Delta) -> Option<ChangeKind> {
    match status {
        Delta::Added | Delta::Copied | Delta::Untracked => Some(ChangeKind::Added),
        Delta::Deleted => Some(ChangeKind::Deleted),
        Delta::Modified | Delta::Renamed | Delta::Unreadable | Delta::Conflicted => {
            Some(ChangeKind::Modified)
        }
        Delta::Typechange => Some(ChangeKind::TypeChanged),
        Delta::Unmodified | Delta::Ignored => None,
    }
}

fn entry(
    repository: &Repository,
    odb: &git2::Odb<'_>,
    file: &git2::DiffFile<'_>,
) -> Result<Option<Entry>, Error> {
    let kind = match file.mode() {
        git2::FileMode::BlobExecutable => EntryKind::Executable,
        git2::FileMode::Link => {
            let target = repository
                .find_blob(file.id())
                .map_err(Error::library("read a link"))?;
            EntryKind::Link(target.content().to_vec())
        }
        git2::FileMode::Commit => {
            return Ok(Some(Entry {
                kind: EntryKind::Submodule,
                bytes: 0,
            }));
        }
        git2::FileMode::Unreadable => return Ok(None),
        git2::FileMode::Blob | git2::FileMode::BlobGroupWritable | git2::FileMode::Tree => EntryKind::File,
    };
    let (bytes, _) = odb
        .read_header(file.id())
        .map_err(Error::library("read a file's size"))?;
    Ok(Some(Entry {
        kind,
        bytes: bytes as u64,
    }))
}
