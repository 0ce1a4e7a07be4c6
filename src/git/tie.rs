//! What binds a worktree to its mirror: recorded once, checked ever after.

use std::path::{Path, PathBuf};

use super::durable;
use super::error::{Error, Tampered};
use super::mirror::{Mirror, keep};
use super::survey::{Depth, beneath, survey};
use crate::model::CommitId;

/// The private index, in the worktree's git directory.
const INDEX: &str = "footplate.index";
/// What may lie in a worktree's git directory when git gets to see it; locks and half-done merges may not.
const KNOWN: &[&str] = &["HEAD", "commondir", "gitdir", "index", INDEX, "info", "refs"];

/// What binds a worktree to its mirror, as it was when we made it.
#[derive(Debug, Clone)]
pub(super) struct Tie {
    pub(super) path: PathBuf,
    pub(super) git_dir: PathBuf,
    pub(super) dot_git: Vec<u8>,
    /// The content of `info/sparse-checkout`; `None` where the whole tree is checked out.
    pub(super) cone: Option<String>,
}

impl Tie {
    pub(super) fn index(&self) -> PathBuf {
        self.git_dir.join(INDEX)
    }

    pub(super) fn snapshot_ref(&self) -> String {
        snapshot_ref(&self.git_dir)
    }

    pub(super) fn check(&self) -> Result<(), Tampered> {
        let is_folder = |path: &Path| std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
        if !is_folder(&self.path) {
            return Err(Tampered {
                path: self.path.clone(),
                why: "it is no longer a folder",
            });
        }
        if !is_folder(&self.git_dir) {
            return Err(Tampered {
                path: self.git_dir.clone(),
                why: "it is no longer a folder",
            });
        }
        exactly(&self.path.join(".git"), &self.dot_git)?;
        exactly(&self.git_dir.join("commondir"), b"../..\n")?;
        exactly(&self.git_dir.join("gitdir"), &gitdir(&self.path))
    }

    /// Points the worktree at a commit, and removes what an agent or a killed git left behind.
    pub(super) fn sweep(&self, to: &CommitId) -> Result<(), Error> {
        let entries = std::fs::read_dir(&self.git_dir).map_err(Error::io(&self.git_dir))?;
        for entry in entries.flatten() {
            if !KNOWN.iter().any(|known| entry.file_name() == *known) {
                durable::remove(&entry.path())?;
            }
        }
        let info = self.git_dir.join("info");
        durable::remove(&info)?;
        if let Some(cone) = &self.cone {
            std::fs::create_dir_all(&info).map_err(Error::io(&info))?;
            durable::replace(&info.join("sparse-checkout"), cone.as_bytes())?;
        }
        self.point_to(to)?;
        // Git passes over these: it would neither look into them nor remove them.
        let found = survey(&self.path, Depth::Everything, |_| true);
        for folder in &found.unreadable {
            durable::open_up(&beneath(&self.path, folder));
        }
        let found = if found.unreadable.is_empty() {
            found
        } else {
            survey(&self.path, Depth::Everything, |_| true)
        };
        for folder in &found.nested {
            durable::remove(&beneath(&self.path, folder).join(".git"))?;
        }
        Ok(())
    }

    /// Detaches the worktree's `HEAD` at a commit, whatever ref an agent attached it to.
    pub(super) fn point_to(&self, commit: &CommitId) -> Result<(), Error> {
        keep(&self.git_dir.join("HEAD"), &format!("{commit}\n"))
    }

    /// Empties the folders of submodules: git leaves alone what an agent put there.
    pub(super) fn empty_submodules(&self) -> Result<(), Error> {
        let index = git2::Index::open(&self.index()).map_err(Error::library("read an index"))?;
        for entry in index.iter().filter(|entry| entry.mode == 0o160_000) {
            let folder = beneath(&self.path, &entry.path);
            // The folders above are tracked, so after a reset none of them is a link.
            if std::fs::symlink_metadata(&folder).is_ok() {
                durable::remove(&folder)?;
                std::fs::create_dir(&folder).map_err(Error::io(&folder))?;
            }
        }
        Ok(())
    }
}

fn exactly(path: &Path, wanted: &[u8]) -> Result<(), Tampered> {
    let tampered = |why| {
        Err(Tampered {
            path: path.to_owned(),
            why,
        })
    };
    match std::fs::symlink_metadata(path) {
        Err(_) => tampered("it is gone"),
        Ok(meta) if meta.is_symlink() => tampered("it became a symbolic link"),
        Ok(meta) if meta.is_dir() => tampered("it became a folder"),
        Ok(meta) if !meta.is_file() => tampered("it is no longer a regular file"),
        Ok(meta) if meta.len() != wanted.len() as u64 => tampered("its content was changed"),
        Ok(_) if std::fs::read(path).is_ok_and(|found| found == wanted) => Ok(()),
        Ok(_) => tampered("its content was changed"),
    }
}

/// Every git directory that the mirror keeps for a worktree at `at`.
pub(super) fn registered(mirror: &Mirror, at: &Path) -> Result<Vec<PathBuf>, Error> {
    let folder = mirror.path().join("worktrees");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(&folder)(error)),
    };
    let wanted = gitdir(at);
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| std::fs::read(path.join("gitdir")).is_ok_and(|found| found == wanted))
        .collect())
}

/// Tells whether a folder that the mirror no longer knows was once a worktree of it.
pub(super) fn claims_to_be_ours(mirror: &Mirror, at: &Path) -> bool {
    let mut start = b"gitdir: ".to_vec();
    start.extend_from_slice(mirror.path().join("worktrees/").as_os_str().as_encoded_bytes());
    let file = at.join(".git");
    std::fs::symlink_metadata(&file).is_ok_and(|meta| meta.is_file() && meta.len() < 10_000)
        && std::fs::read(&file).is_ok_and(|found| found.starts_with(&start))
}

/// Reads what git has just made, while no agent has seen it.
pub(super) fn read_tie(mirror: &Mirror, at: &Path, cone: Option<String>) -> Result<Tie, Error> {
    let [git_dir] = &registered(mirror, at)?[..] else {
        return Err(Error::Failed {
            what: "worktree",
            message: "it was not registered".to_owned(),
        });
    };
    let tie = Tie {
        path: at.to_owned(),
        git_dir: git_dir.clone(),
        dot_git: dot_git(git_dir),
        cone,
    };
    tie.check()?;
    Ok(tie)
}

pub(super) fn dot_git(git_dir: &Path) -> Vec<u8> {
    let mut content = b"gitdir: ".to_vec();
    content.extend_from_slice(git_dir.as_os_str().as_encoded_bytes());
    content.push(b'\n');
    content
}

fn gitdir(at: &Path) -> Vec<u8> {
    let mut content = at.join(".git").into_os_string().into_encoded_bytes();
    content.push(b'\n');
    content
}

pub(super) fn snapshot_ref(git_dir: &Path) -> String {
    let id = git_dir.file_name().unwrap_or_default().as_encoded_bytes();
    // Hexadecimal: a folder's name may hold what a ref's name may not.
    format!("refs/footplate/worktrees/{}", hex::encode(id))
}
