//! The folder in which an agent works: made, checked, thrown back to a commit, removed.
//!
//! A worktree's git directory lies in the mirror and is recorded when the worktree is made; the `.git` file
//! in the folder is for the agent's own reading and is never believed. Next to git's index of the worktree
//! lies a private one, which is ours: an agent that marks files in its index as unchanged hides nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;

use super::durable;
use super::error::{Error, Tampered, blocking};
use super::mirror::Mirror;
use super::survey::{Depth, survey};
use crate::model::CommitId;

/// The private index, in the worktree's git directory.
const INDEX: &str = "footplate.index";
/// What may lie in a worktree's git directory when git gets to see it; locks and half-done merges may not.
const KNOWN: &[&str] = &["HEAD", "commondir", "gitdir", "index", INDEX, "info", "refs"];

/// A folder in which an agent works, tied to a [`Mirror`].
#[derive(Debug)]
pub struct Worktree {
    /// The folder, an absolute path.
    pub path: PathBuf,
    pub(super) tie: Tie,
    pub(super) mirror: Mirror,
    /// The commit that the folder was last made equal to or recorded as. Held while git works in the folder.
    pub(super) head: Arc<Mutex<CommitId>>,
}

/// What binds a worktree to its mirror, as it was when we made it.
#[derive(Debug, Clone)]
pub(super) struct Tie {
    pub(super) path: PathBuf,
    pub(super) git_dir: PathBuf,
    dot_git: Vec<u8>,
    /// The content of `info/sparse-checkout`; `None` where the whole tree is checked out.
    cone: Option<String>,
}

impl Mirror {
    /// Gives a worktree at `at` that holds exactly the commit `start`.
    ///
    /// A worktree of ours that is there already is cleaned and reused, or removed and made anew if it is
    /// damaged. Pointers to large files stay pointers.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], [`Error::Occupied`] where the folder holds something that is not ours, or a
    /// failing disk.
    pub async fn worktree(&self, at: &Path, start: &CommitId) -> Result<Worktree, Error> {
        self.prepare(at, start, None).await
    }

    /// The same with only the named folders, and the files beside and above them, in place.
    ///
    /// Everything else stays part of what is recorded, unchanged.
    ///
    /// # Errors
    /// As [`Mirror::worktree`].
    pub async fn sparse_worktree(
        &self,
        at: &Path,
        start: &CommitId,
        folders: &[&str],
    ) -> Result<Worktree, Error> {
        self.prepare(at, start, Some(cone(folders))).await
    }

    async fn prepare(&self, at: &Path, start: &CommitId, cone: Option<String>) -> Result<Worktree, Error> {
        if !self.contains(start).await? {
            return Err(Error::UnknownCommit(start.clone()));
        }
        let at = absolute(at).await?;
        if let Some(tie) = self.find_tie(&at, cone.as_ref()).await? {
            let worktree = self.tied(tie, start);
            match worktree.reset(start).await {
                Ok(()) => return Ok(worktree),
                Err(error) => tracing::warn!(path = %at.display(), %error, "a worktree is made anew"),
            }
        }
        let tie = {
            let _alone = self.locks().worktrees.lock().await;
            self.discard(&at).await?;
            self.call("worktree")
                .await?
                .args(["add", "--quiet", "--detach", "--no-checkout"])
                .arg(&at)
                .arg(start.as_str())
                .succeed()
                .await?;
            let mirror = self.clone();
            blocking(move || read_tie(&mirror, &at, cone)).await?
        };
        let worktree = self.tied(tie, start);
        worktree.reset(start).await?;
        Ok(worktree)
    }

    /// Removes the worktree at `at` with all that is in it; harmless where there is none.
    ///
    /// # Errors
    /// [`Error::Occupied`] where the folder holds something that is not ours, or a failing disk.
    pub async fn remove_worktree(&self, at: &Path) -> Result<(), Error> {
        let at = absolute(at).await?;
        let _alone = self.locks().worktrees.lock().await;
        self.discard(&at).await
    }

    fn tied(&self, tie: Tie, start: &CommitId) -> Worktree {
        Worktree {
            path: tie.path.clone(),
            tie,
            mirror: self.clone(),
            head: Arc::new(Mutex::new(start.clone())),
        }
    }

    /// Finds a worktree of ours at `at` that is whole and has the wanted cone.
    async fn find_tie(&self, at: &Path, cone: Option<&String>) -> Result<Option<Tie>, Error> {
        let (mirror, at, cone) = (self.clone(), at.to_owned(), cone.cloned());
        blocking(move || {
            let [git_dir] = &registered(&mirror, &at)?[..] else {
                return Ok(None);
            };
            let found = std::fs::read_to_string(git_dir.join("info/sparse-checkout")).ok();
            if found != cone {
                return Ok(None);
            }
            let tie = Tie {
                dot_git: dot_git(git_dir),
                path: at,
                git_dir: git_dir.clone(),
                cone,
            };
            Ok(tie.check().is_ok().then_some(tie))
        })
        .await
    }

    /// Removes what is at `at` if it is ours, and what the mirror knows of it.
    async fn discard(&self, at: &Path) -> Result<(), Error> {
        let (mirror, at) = (self.clone(), at.to_owned());
        blocking(move || {
            let known = registered(&mirror, &at)?;
            if known.is_empty() && !claims_to_be_ours(&mirror, &at) {
                return match std::fs::read_dir(&at) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                    Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                        Err(Error::Occupied { path: at })
                    }
                    Err(error) => Err(Error::io(&at)(error)),
                    Ok(entries) => match entries.count() {
                        0 => Ok(()),
                        _ => Err(Error::Occupied { path: at }),
                    },
                };
            }
            durable::remove(&at)?;
            let repository = mirror.repository()?;
            for git_dir in known {
                if let Ok(mut reference) = repository.find_reference(&snapshot_ref(&git_dir)) {
                    reference.delete().map_err(Error::library("release a snapshot"))?;
                }
                durable::remove(&git_dir)?;
            }
            Ok(())
        })
        .await
    }
}

impl Worktree {
    /// The git directory that was recorded when the worktree was made.
    pub fn git_dir(&self) -> &Path {
        &self.tie.git_dir
    }

    /// The mirror that it is tied to.
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// Checks that the tie between the folder and its mirror is as we made it.
    ///
    /// # Errors
    /// [`Tampered`] says what was changed; the attempt that did it must be refused.
    pub async fn verify(&self) -> Result<(), Tampered> {
        let tie = self.tie.clone();
        match tokio::task::spawn_blocking(move || tie.check()).await {
            Ok(result) => result,
            Err(_) => Err(Tampered {
                path: self.path.clone(),
                why: "it could not be looked at",
            }),
        }
    }

    /// Makes the folder hold exactly the commit `to`: changes, untracked and ignored files, artifacts and
    /// nested repositories are gone.
    ///
    /// # Errors
    /// [`Error::Tampered`], [`Error::UnknownCommit`] or a failing disk; [`Mirror::worktree`] makes it anew.
    pub async fn reset(&self, to: &CommitId) -> Result<(), Error> {
        self.verify().await?;
        if !self.mirror.contains(to).await? {
            return Err(Error::UnknownCommit(to.clone()));
        }
        let mut head = self.head.lock().await;
        let (tie, commit) = (self.tie.clone(), to.clone());
        blocking(move || tie.sweep(&commit)).await?;
        if self.throw_back(to).await.is_err() {
            // An index that can't be read, or folders without the right to empty them: once more without.
            let tie = self.tie.clone();
            blocking(move || {
                durable::open_up(&tie.path);
                durable::remove(&tie.index())
            })
            .await?;
            self.throw_back(to).await?;
        }
        let tie = self.tie.clone();
        blocking(move || {
            tie.empty_submodules()?;
            durable::copy(&tie.index(), &tie.git_dir.join("index"))
        })
        .await?;
        *head = to.clone();
        Ok(())
    }

    async fn throw_back(&self, to: &CommitId) -> Result<(), Error> {
        let reset = self
            .call("reset")
            .await?
            .args(["--hard", "--quiet", "--no-recurse-submodules"]);
        reset.arg(to.as_str()).succeed().await?;
        self.call("clean")
            .await?
            .args(["-ffdx", "--quiet"])
            .succeed()
            .await?;
        Ok(())
    }

    /// A call of git on this worktree with the private index.
    pub(super) async fn call(&self, what: &'static str) -> Result<super::call::Call<'_>, Error> {
        let call = self.mirror.call_in(&self.tie.git_dir, what).await?;
        let call = call.work_tree(&self.path).index(&self.tie.index());
        Ok(match self.tie.cone {
            Some(_) => call
                .with("core.sparseCheckout=true")
                .with("core.sparseCheckoutCone=true"),
            None => call.with("core.sparseCheckout=false"),
        })
    }
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
    fn sweep(&self, to: &CommitId) -> Result<(), Error> {
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
            durable::open_up(&super::survey::beneath(&self.path, folder));
        }
        let found = if found.unreadable.is_empty() {
            found
        } else {
            survey(&self.path, Depth::Everything, |_| true)
        };
        for folder in &found.nested {
            durable::remove(&super::survey::beneath(&self.path, folder).join(".git"))?;
        }
        Ok(())
    }

    /// Detaches the worktree's `HEAD` at a commit, whatever ref an agent attached it to.
    pub(super) fn point_to(&self, commit: &CommitId) -> Result<(), Error> {
        durable::replace(&self.git_dir.join("HEAD"), format!("{commit}\n").as_bytes())
    }

    /// Empties the folders of submodules: git leaves alone what an agent put there.
    fn empty_submodules(&self) -> Result<(), Error> {
        let index = git2::Index::open(&self.index()).map_err(Error::library("read an index"))?;
        for entry in index.iter().filter(|entry| entry.mode == 0o160_000) {
            let folder = super::survey::beneath(&self.path, &entry.path);
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
fn registered(mirror: &Mirror, at: &Path) -> Result<Vec<PathBuf>, Error> {
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
fn claims_to_be_ours(mirror: &Mirror, at: &Path) -> bool {
    let mut start = b"gitdir: ".to_vec();
    start.extend_from_slice(mirror.path().join("worktrees/").as_os_str().as_encoded_bytes());
    let file = at.join(".git");
    std::fs::symlink_metadata(&file).is_ok_and(|meta| meta.is_file() && meta.len() < 10_000)
        && std::fs::read(&file).is_ok_and(|found| found.starts_with(&start))
}

/// Reads what git has just made, while no agent has seen it.
fn read_tie(mirror: &Mirror, at: &Path, cone: Option<String>) -> Result<Tie, Error> {
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

fn dot_git(git_dir: &Path) -> Vec<u8> {
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

fn snapshot_ref(git_dir: &Path) -> String {
    let id = git_dir.file_name().unwrap_or_default().as_encoded_bytes();
    // Hexadecimal: a folder's name may hold what a ref's name may not.
    format!("refs/footplate/worktrees/{}", hex::encode(id))
}

/// The absolute path of `at`, links in the folders above resolved; those folders are made.
async fn absolute(at: &Path) -> Result<PathBuf, Error> {
    let at = at.to_owned();
    blocking(move || {
        let (Some(parent), Some(name)) = (at.parent(), at.file_name()) else {
            return Err(Error::Occupied { path: at });
        };
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
        Ok(parent.canonicalize().map_err(Error::io(parent))?.join(name))
    })
    .await
}

/// Writes the patterns of git's cone mode for some folders: gitformat `sparse-checkout`, "cone pattern set".
fn cone(folders: &[&str]) -> String {
    let mut above = std::collections::BTreeSet::new();
    let mut whole = std::collections::BTreeSet::new();
    for folder in folders {
        let folder = folder.trim_matches('/');
        if folder.is_empty() {
            continue;
        }
        whole.insert(folder);
        for (cut, _) in folder.match_indices('/') {
            above.insert(&folder[..cut]);
        }
    }
    let quote = |folder: &str| -> String {
        folder
            .chars()
            .flat_map(|c| {
                if "*?[\\".contains(c) {
                    vec!['\\', c]
                } else {
                    vec![c]
                }
            })
            .collect()
    };
    let mut text = "/*\n!/*/\n".to_owned();
    for folder in above.difference(&whole) {
        let folder = quote(folder);
        text.push_str(&format!("/{folder}/\n!/{folder}/*/\n"));
    }
    for folder in whole {
        text.push_str(&format!("/{}/\n", quote(folder)));
    }
    text
}
