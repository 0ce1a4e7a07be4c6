//! Recording what an agent left in a worktree, as a commit on a ref of ours.
//!
//! Staging is git's own, so that `.gitignore`, line ends and encodings come out as everybody expects; but
//! with a private index, and with every filter command, hook and helper off. What can't be part of a commit
//! or should not be (nested repositories, pipes, unreadable files) is left out and reported.

use std::collections::BTreeSet;
use std::fmt;

use super::change::TreePath;
use super::commit::{CommitOrder, Person, write};
use super::durable;
use super::error::{Error, Tampered, blocking};
use super::mirror::{Mirror, find_commit, set_ref};
use super::survey::{Depth, beneath, survey};
use super::worktree::{Tie, Worktree};
use crate::model::{CommitId, Timestamp};

/// How often staging is tried again without the file that git stumbled over. Each round names one file, so
/// this is the number of unusable files after which an attempt is given up.
const MAX_ROUNDS: u32 = 50;

/// What an agent left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The commit that holds it; the parent itself where nothing changed.
    pub commit: CommitId,
    /// The commit that the worktree was at before.
    pub parent: CommitId,
    /// Whether anything changed.
    pub changed: bool,
    /// What was left out.
    pub findings: Vec<SnapshotFinding>,
}

/// Something in a worktree that is no part of its snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotFinding {
    /// A folder became a repository of its own; nothing in it was staged.
    NestedRepository {
        /// The folder.
        path: TreePath,
    },
    /// Neither a file nor a link nor a folder.
    SpecialFile {
        /// Where.
        path: TreePath,
        /// What it is, with its article.
        what: &'static str,
    },
    /// A file that can't be read, or a folder that can't be listed.
    Unreadable {
        /// Where.
        path: TreePath,
    },
    /// A file that git does not take, such as one that is not in the encoding its attributes promise.
    NotStaged {
        /// Where.
        path: TreePath,
        /// Git's own words.
        why: String,
    },
}

impl SnapshotFinding {
    /// What it is about.
    pub fn path(&self) -> &TreePath {
        match self {
            Self::NestedRepository { path }
            | Self::SpecialFile { path, .. }
            | Self::Unreadable { path }
            | Self::NotStaged { path, .. } => path,
        }
    }
}

impl fmt::Display for SnapshotFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NestedRepository { path } => {
                write!(
                    f,
                    "{path} is a repository of its own; nothing in it was taken over."
                )
            }
            Self::SpecialFile { path, what } => write!(f, "{path} is {what} and was left out."),
            Self::Unreadable { path } => write!(f, "{path} can't be read and was left out."),
            Self::NotStaged { path, why } => write!(f, "{path} was left out: {why}."),
        }
    }
}

/// What is known before staging.
struct Before {
    submodules: BTreeSet<Vec<u8>>,
    excluded: BTreeSet<Vec<u8>>,
    findings: Vec<SnapshotFinding>,
}

impl Worktree {
    /// Records the folder as a commit, without `.footplate/` and without what git ignores.
    ///
    /// Files that the repository tracks in `.footplate/` stay as they were. The commit lies on a ref of ours
    /// that follows this worktree and goes with it: [`Mirror::hold`] keeps it longer. The same content,
    /// message and time on the same parent give the same id.
    ///
    /// # Errors
    /// [`Error::Tampered`], a file tree on which git gives up, or a failing disk.
    pub async fn snapshot(&self, message: &str, at: Timestamp) -> Result<Snapshot, Error> {
        self.verify().await?;
        let mut head = self.head.lock().await;
        let tie = self.tie.clone();
        let mut before = blocking(move || look(&tie)).await?;
        self.drop_ignored(&mut before).await?;
        self.stage(&mut before).await?;
        // Once more: what git staged is only worth something if the folder was still ours while it did.
        self.verify().await?;
        let order = CommitOrder {
            tree_of: head.clone(),
            parents: vec![head.clone()],
            author: Person::footplate(),
            committer: Person::footplate(),
            message: message.to_owned(),
            at,
        };
        let (tie, mirror) = (self.tie.clone(), self.mirror.clone());
        let snapshot = blocking(move || record(&mirror, &tie, &order, before)).await?;
        *head = snapshot.commit.clone();
        Ok(snapshot)
    }

    /// Forgets findings about what git ignores anyway, such as a repository in a package folder.
    async fn drop_ignored(&self, before: &mut Before) -> Result<(), Error> {
        if before.findings.is_empty() {
            return Ok(());
        }
        let mut paths = Vec::new();
        for finding in &before.findings {
            paths.extend_from_slice(finding.path().as_bytes());
            paths.push(0);
        }
        let call = self
            .call("check-ignore")
            .await?
            .args(["--stdin", "-z"])
            .input(paths);
        let output = call.run().await?;
        // 1 says that none is ignored; anything else leaves all findings in place, which is the safe side.
        let ignored: BTreeSet<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
        before
            .findings
            .retain(|finding| !ignored.contains(finding.path().as_bytes()));
        Ok(())
    }

    async fn stage(&self, before: &mut Before) -> Result<(), Error> {
        for _ in 0..MAX_ROUNDS {
            let output = self
                .call("add")
                .await?
                .args(["--all", "--sparse", "--ignore-errors", "--no-warn-embedded-repo"])
                .args(["--pathspec-from-file=-", "--pathspec-file-nul"])
                .input(pathspec(&before.excluded))
                .run()
                .await?;
            if output.succeeded() {
                return Ok(());
            }
            let named = output.stderr.lines().find_map(stumbled_over);
            match named {
                Some((path, why)) if before.excluded.insert(path.clone()) => {
                    let path = TreePath::new(path);
                    before.findings.push(SnapshotFinding::NotStaged { path, why });
                }
                _ if output.code == Some(1) => return self.report_leftovers(before).await,
                _ => return Err(super::call::failed("add", &output)),
            }
        }
        Err(Error::Failed {
            what: "add",
            message: format!("it stumbled over more than {MAX_ROUNDS} files"),
        })
    }

    /// Asks git what is still unstaged after it passed over files with an error.
    async fn report_leftovers(&self, before: &mut Before) -> Result<(), Error> {
        let output = self
            .call("ls-files")
            .await?
            .args([
                "-z",
                "--others",
                "--modified",
                "--deduplicate",
                "--exclude-standard",
            ])
            .succeed()
            .await?;
        for path in output
            .stdout
            .split(|byte| *byte == 0)
            .filter(|path| !path.is_empty())
        {
            let path = path.strip_suffix(b"/").unwrap_or(path);
            let outside = |folder: &Vec<u8>| {
                path == folder.as_slice()
                    || (path.starts_with(folder) && path.get(folder.len()) == Some(&b'/'))
            };
            if path.split(|byte| *byte == b'/').next() == Some(b".footplate".as_slice())
                || before.excluded.iter().any(outside)
            {
                continue;
            }
            let readable = std::fs::File::open(beneath(&self.path, path)).is_ok();
            let path = TreePath::new(path);
            before.findings.push(if readable {
                SnapshotFinding::NotStaged {
                    path,
                    why: "git does not take a file of this name or kind".to_owned(),
                }
            } else {
                SnapshotFinding::Unreadable { path }
            });
        }
        Ok(())
    }
}

fn look(tie: &Tie) -> Result<Before, Error> {
    // A git that was killed leaves its lock; nobody else uses this index.
    durable::remove(&tie.git_dir.join("footplate.index.lock"))?;
    let index = open_index(tie)?;
    let mut submodules = BTreeSet::new();
    let mut heads = BTreeSet::new();
    for entry in index.iter() {
        if entry.mode == 0o160_000 {
            submodules.insert(entry.path);
        } else if entry.path.ends_with(b"/HEAD") {
            heads.insert(entry.path);
        }
    }
    let found = survey(&tie.path, Depth::Work, |path| heads.contains(path));
    let mut findings = Vec::new();
    let mut excluded = submodules.clone();
    for path in found.nested {
        // What an agent checked out in a submodule's folder is the submodule's business.
        if submodules.contains(&path) {
            continue;
        }
        excluded.insert(path.clone());
        findings.push(SnapshotFinding::NestedRepository {
            path: TreePath::new(path),
        });
    }
    for (path, what) in found.special {
        excluded.insert(path.clone());
        findings.push(SnapshotFinding::SpecialFile {
            path: TreePath::new(path),
            what,
        });
    }
    for path in found.unreadable {
        excluded.insert(path.clone());
        findings.push(SnapshotFinding::Unreadable {
            path: TreePath::new(path),
        });
    }
    Ok(Before {
        submodules,
        excluded,
        findings,
    })
}

fn record(mirror: &Mirror, tie: &Tie, order: &CommitOrder, before: Before) -> Result<Snapshot, Error> {
    let repository = mirror.repository()?;
    let mut index = open_index(tie)?;
    let new = index
        .iter()
        .filter(|entry| entry.mode == 0o160_000)
        .find(|e| !before.submodules.contains(&e.path));
    if let Some(entry) = new {
        let path = beneath(&tie.path, &entry.path);
        return Err(Tampered {
            path,
            why: "it became a repository while it was being recorded",
        }
        .into());
    }
    let parent = find_commit(&repository, &order.tree_of)?;
    let old = parent.tree().map_err(Error::library("read a tree"))?;
    let tree = index
        .write_tree_to(&repository)
        .map_err(Error::library("write a tree"))?;
    let mut snapshot = Snapshot {
        commit: order.tree_of.clone(),
        parent: order.tree_of.clone(),
        changed: tree != old.id(),
        findings: before.findings,
    };
    if snapshot.changed {
        let tree = repository
            .find_tree(tree)
            .map_err(Error::library("read a tree"))?;
        flush(&repository, &tree, Some(&old))?;
        snapshot.commit = write(&repository, order, &tree, &[parent])?;
    }
    let id = find_commit(&repository, &snapshot.commit)?.id();
    set_ref(&repository, &tie.snapshot_ref(), id)?;
    tie.point_to(&snapshot.commit)?;
    durable::copy(&tie.index(), &tie.git_dir.join("index"))?;
    Ok(snapshot)
}

fn open_index(tie: &Tie) -> Result<git2::Index, Error> {
    git2::Index::open(&tie.index()).map_err(Error::library("read an index"))
}

/// Flushes every tree that is new against `old` to the disk.
fn flush(
    repository: &git2::Repository,
    new: &git2::Tree<'_>,
    old: Option<&git2::Tree<'_>>,
) -> Result<(), Error> {
    for entry in new {
        if entry.kind() != Some(git2::ObjectType::Tree) {
            continue;
        }
        let before = old.and_then(|old| old.get_name_bytes(entry.name_bytes()));
        if before.as_ref().is_some_and(|before| before.id() == entry.id()) {
            continue;
        }
        let below = repository
            .find_tree(entry.id())
            .map_err(Error::library("read a tree"))?;
        let before = before.and_then(|before| repository.find_tree(before.id()).ok());
        flush(repository, &below, before.as_ref())?;
    }
    durable::sync_object(repository.path(), new.id())
}

/// Everything from the root on but the artifact folder and what is excluded, one pathspec per NUL.
fn pathspec(excluded: &BTreeSet<Vec<u8>>) -> Vec<u8> {
    let mut text = b":(top)\0:(top,exclude,literal).footplate\0".to_vec();
    for path in excluded {
        text.extend_from_slice(b":(top,exclude,literal)");
        text.extend_from_slice(path);
        text.push(0);
    }
    text
}

/// Reads which file made git give up, from its words in the C locale (`convert.c`).
fn stumbled_over(line: &str) -> Option<(Vec<u8>, String)> {
    let said = line.strip_prefix("fatal: ")?;
    let (before, rest) = said.split_once('\'')?;
    let known = [
        "failed to encode ",
        "BOM is prohibited in ",
        "BOM is required in ",
    ];
    if !known.contains(&before) {
        return None;
    }
    let (path, after) = rest.rsplit_once('\'')?;
    Some((path.as_bytes().to_vec(), format!("{before}it{after}")))
}
