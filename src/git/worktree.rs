//! The folder in which an agent works: made, checked, thrown back to a commit, removed.
//!
//! A worktree's git directory lies in the mirror and is recorded when the worktree is made; the `.git` file
//! in the folder is for the agent's own reading and is never believed. Next to git's index of the worktree
//! lies a private one, which is ours: an agent that marks files in its index as unchanged hides nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{Mutex, MutexGuard};

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

/// What is where a worktree is wanted.
enum Place {
    /// One of ours, whole.
    Ours(Tie),
    /// Nothing, at this absolute path.
    Free(PathBuf),
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
        let mut alone = self.locks().worktrees.lock().await;
        let at = match self.place(at, start, cone.clone()).await? {
            Place::Free(at) => at,
            Place::Ours(tie) => {
                drop(alone);
                let at = tie.path.clone();
                let worktree = self.tied(tie, start);
                match worktree.reset(start).await {
                    Ok(()) => return Ok(worktree),
                    Err(error) => tracing::warn!(path = %at.display(), %error, "a worktree is made anew"),
                }
                alone = self.locks().worktrees.lock().await;
                self.discard(&at).await?;
                at
            }
        };
        self.locks().made.fetch_add(1, Ordering::Relaxed);
        let added = self
            .call_restored(self.path(), "worktree")
            .args(["add", "--quiet", "--detach", "--no-checkout"])
            .arg(&at)
            .arg(start.as_str())
            .succeed()
            .await;
        self.locks().made.fetch_add(1, Ordering::Relaxed);
        added?;
        let (mirror, commit) = (self.clone(), start.clone());
        let tie = blocking(move || {
            let tie = read_tie(&mirror, &at, cone)?;
            tie.sweep(&commit)?;
            mirror.restore()?;
            Ok(tie)
        })
        .await?;
        drop(alone);
        let worktree = self.tied(tie, start);
        let head = worktree.head.lock().await;
        worktree.fill(start, State::New, head).await?;
        Ok(worktree)
    }

    /// Looks at where a worktree is wanted: there is one of ours that is whole and has the wanted cone, or room is
    /// made. The mirror's configuration is as it must be afterwards.
    async fn place(&self, at: &Path, start: &CommitId, cone: Option<String>) -> Result<Place, Error> {
        let (mirror, at, start) = (self.clone(), at.to_owned(), start.clone());
        blocking(move || {
            mirror.restore()?;
            if !mirror.has(&start)? {
                return Err(Error::UnknownCommit(start));
            }
            let at = absolute(&at)?;
            let known = registered(&mirror, &at)?;
            if let Some(tie) = whole(&known, &at, cone) {
                return Ok(Place::Ours(tie));
            }
            make_room(&mirror, &at, &known)?;
            Ok(Place::Free(at))
        })
        .await
    }

    /// Removes the worktree at `at` with all that is in it; harmless where there is none.
    ///
    /// # Errors
    /// [`Error::Occupied`] where the folder holds something that is not ours, or a failing disk.
    pub async fn remove_worktree(&self, at: &Path) -> Result<(), Error> {
        let _alone = self.locks().worktrees.lock().await;
        self.discard(at).await
    }

    fn tied(&self, tie: Tie, start: &CommitId) -> Worktree {
        Worktree {
            path: tie.path.clone(),
            tie,
            mirror: self.clone(),
            head: Arc::new(Mutex::new(start.clone())),
        }
    }

    /// Removes what is at `at` if it is ours, and what the mirror knows of it.
    async fn discard(&self, at: &Path) -> Result<(), Error> {
        let (mirror, at) = (self.clone(), at.to_owned());
        blocking(move || {
            let at = absolute(&at)?;
            make_room(&mirror, &at, &registered(&mirror, &at)?)?;
            mirror.restore()
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
        let (tie, mirror, commit) = (self.tie.clone(), self.mirror.clone(), to.clone());
        let head = self.head.lock().await;
        blocking(move || {
            tie.check()?;
            if !mirror.has(&commit)? {
                return Err(Error::UnknownCommit(commit));
            }
            tie.sweep(&commit)?;
            mirror.restore()
        })
        .await?;
        self.fill(to, state, head).await
    }

    /// Lets git make the folder equal to a commit at which it was pointed just now.
    async fn fill(
        &self,
        to: &CommitId,
        state: State,
        mut head: MutexGuard<'_, CommitId>,
    ) -> Result<(), Error> {
        if self.throw_back(to, state).await.is_err() {
            // An index that can't be read, or folders without the right to empty them: once more without.
            let (tie, mirror) = (self.tie.clone(), self.mirror.clone());
            blocking(move || {
                durable::open_up(&tie.path);
                durable::remove(&tie.index())?;
                mirror.restore()
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

    /// Throws the folder back, right after the mirror's configuration was looked at.
    async fn throw_back(&self, to: &CommitId, state: State) -> Result<(), Error> {
        self.call_restored("reset")
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
        Ok(self.equip(call))
    }

    /// The same for a caller whose last step was [`Mirror::restore`].
    fn call_restored(&self, what: &'static str) -> super::call::Call<'_> {
        self.equip(self.mirror.call_restored(&self.tie.git_dir, what))
    }

    fn equip<'a>(&'a self, call: super::call::Call<'a>) -> super::call::Call<'a> {
        let call = call.work_tree(&self.path).index(&self.tie.index());
        match self.tie.cone {
            Some(_) => call
                .with("core.sparseCheckout=true")
                .with("core.sparseCheckoutCone=true"),
            None => call.with("core.sparseCheckout=false"),
        }
    }
}

/// The worktree of ours that `known` says is at `at`, if it is whole and has the wanted cone.
fn whole(known: &[PathBuf], at: &Path, cone: Option<String>) -> Option<Tie> {
    let [git_dir] = known else { return None };
    let found = std::fs::read_to_string(git_dir.join("info/sparse-checkout")).ok();
    let tie = Tie {
        dot_git: dot_git(git_dir),
        path: at.to_owned(),
        git_dir: git_dir.clone(),
        cone,
    };
    (found == tie.cone && tie.check().is_ok()).then_some(tie)
}

/// Removes what is at `at` if it is ours, and the git directories `known` for it.
fn make_room(mirror: &Mirror, at: &Path, known: &[PathBuf]) -> Result<(), Error> {
    if known.is_empty() && !claims_to_be_ours(mirror, at) {
        let occupied = || Error::Occupied { path: at.to_owned() };
        return match std::fs::read_dir(at) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Err(occupied()),
            Err(error) => Err(Error::io(at)(error)),
            Ok(entries) => match entries.count() {
                0 => Ok(()),
                _ => Err(occupied()),
            },
        };
    }
    durable::remove(at)?;
    for git_dir in known {
        release(mirror, &snapshot_ref(git_dir))?;
        durable::remove(git_dir)?;
    }
    Ok(())
}

/// Deletes a ref if it is there. The mirror is only opened for one that is: the checkouts of checks have none.
fn release(mirror: &Mirror, name: &str) -> Result<(), Error> {
    let loose = std::fs::symlink_metadata(mirror.path().join(name)).is_ok();
    let packed = || match std::fs::read(mirror.path().join("packed-refs")) {
        Ok(refs) => memchr::memmem::find(&refs, name.as_bytes()).is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    if !loose && !packed() {
        return Ok(());
    }
    if let Ok(mut reference) = mirror.repository()?.find_reference(name) {
        reference.delete().map_err(Error::library("release a snapshot"))?;
    }
    Ok(())
}

/// The absolute path of `at`, links in the folders above resolved; those folders are made.
fn absolute(at: &Path) -> Result<PathBuf, Error> {
    let (Some(parent), Some(name)) = (at.parent(), at.file_name()) else {
        return Err(Error::Occupied { path: at.to_owned() });
    };
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
    Ok(parent.canonicalize().map_err(Error::io(parent))?.join(name))
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
