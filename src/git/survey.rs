//! A walk over a worktree for what git passes over in silence, or takes for a repository of its own.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// What the walk found; paths are relative to the worktree, as bytes.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Folders that are repositories of their own.
    pub(super) nested: Vec<Vec<u8>>,
    /// Neither files nor links nor folders, with what they are.
    pub(super) special: Vec<(Vec<u8>, &'static str)>,
    /// Folders that can't be listed.
    pub(super) unreadable: Vec<Vec<u8>>,
}

/// How far the walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Everything but `.footplate/`, and not into repositories.
    Work,
    /// Everything.
    Everything,
}

/// Walks `root` without following links. `tracked` tells which paths the index knows: a folder that looks
/// like a bare repository is none if its `HEAD` is tracked.
pub(super) fn survey(root: &Path, depth: Depth, tracked: impl Fn(&[u8]) -> bool) -> Survey {
    let mut found = Survey::default();
    let mut ahead: Vec<Vec<u8>> = vec![Vec::new()];
    while let Some(folder) = ahead.pop() {
        let Ok(entries) = std::fs::read_dir(beneath(root, &folder)) else {
            found.unreadable.push(folder);
            continue;
        };
        let (mut is_repository, mut bare) = (false, 0);
        let mut below = Vec::new();
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            let name = name.as_bytes();
            if name == b".git" {
                is_repository |= !folder.is_empty();
                continue;
            }
            let mut path = folder.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            bare += u32::from(match name {
                b"HEAD" => kind.is_file() && !tracked(&path),
                b"objects" | b"refs" => kind.is_dir(),
                _ => false,
            });
            if kind.is_dir() {
                if depth == Depth::Everything || path != b".footplate" {
                    below.push(path);
                }
            } else if let Some(what) = special(kind) {
                found.special.push((path, what));
            }
        }
        if is_repository || (bare == 3 && depth == Depth::Work && !folder.is_empty()) {
            found.nested.push(folder);
            if depth == Depth::Work {
                continue;
            }
        }
        ahead.append(&mut below);
    }
    found.nested.sort();
    found.special.sort();
    found.unreadable.sort();
    found
}

/// The place of a relative path under `root`.
pub(super) fn beneath(root: &Path, relative: &[u8]) -> PathBuf {
    if relative.is_empty() {
        root.to_owned()
    } else {
        root.join(OsStr::from_bytes(relative))
    }
}

fn special(kind: std::fs::FileType) -> Option<&'static str> {
    if kind.is_fifo() {
        Some("a named pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_block_device() || kind.is_char_device() {
        Some("a device")
    } else {
        None
    }
}
