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
use super::tie::{Tie, claims_to_be_ours, dot_git, read_tie, registered, snapshot_ref};
use crate::model::CommitId;

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

/// Whether anybody has worked in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Used,
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
        worktree.bring_to(start, State::New).await?;
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
        self.bring_to(to, State::Used).await
    }

    async fn bring_to(&self, to: &CommitId, state: State) -> Result<(), Error> {
        self.verify().await?;
        if !self.mirror.contains(to).await? {
            return Err(Error::UnknownCommit(to.clone()));
        }
        let mut head = self.head.lock().await;
        let (tie, commit) = (self.tie.clone(), to.clone());
        blocking(move || tie.sweep(&commit)).await?;
        if self.throw_back(to, state).await.is_err() {
            // An index that can't be read, or folders without the right to empty them: once more without.
            let tie = self.tie.clone();
            blocking(move || {
                durable::open_up(&tie.path);
                durable::remove(&tie.index())
            })
            .await?;
            self.throw_back(to, State::Used).await?;
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

    async fn throw_back(&self, to: &CommitId, state: State) -> Result<(), Error> {
        let reset = self.call("reset").await?;
        reset
            .args(["--hard", "--quiet", "--no-recurse-submodules", to.as_str()])
            .succeed()
            .await?;
        if state == State::Used {
            self.call("clean")
                .await?
                .args(["-ffdx", "--quiet"])
                .succeed()
                .await?;
        }
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
        text = text + "/" + &folder + "/\n!/" + &folder + "/*/\n";
    }
    for folder in whole {
        text = text + "/" + &quote(folder) + "/\n";
    }
    text
}
