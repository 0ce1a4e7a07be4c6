//! Refs of ours, under `refs/footplate/`: what they point to is never collected as garbage.

use git2::Repository;

use super::durable;
use super::error::Error;
use super::mirror::{Mirror, commit_id, find_commit};
use crate::model::{BranchName, CommitId};

impl Mirror {
    /// Keeps a commit, and all it stands on, under `refs/footplate/<name>`; an earlier one there is replaced.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], or [`Error::BadRefName`] for a name that git would not take.
    pub async fn hold(&self, name: &str, commit: &CommitId) -> Result<(), Error> {
        let name = our_ref(name)?;
        let commit = commit.clone();
        self.in_repository(move |repository| {
            let id = find_commit(repository, &commit)?.id();
            set_ref(repository, &name, id)
        })
        .await
    }

    /// Lets go of what [`Mirror::hold`] kept; harmless where nothing is held.
    ///
    /// # Errors
    /// [`Error::BadRefName`], or a failing disk.
    pub async fn release(&self, name: &str) -> Result<(), Error> {
        let name = our_ref(name)?;
        self.in_repository(move |repository| match repository.find_reference(&name) {
            Ok(mut reference) => reference.delete().map_err(Error::library("release a ref")),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(()),
            Err(error) => Err(Error::library("release a ref")(error)),
        })
        .await
    }

    /// The commit held under `refs/footplate/<name>`.
    ///
    /// # Errors
    /// [`Error::BadRefName`], or a damaged mirror.
    pub async fn held(&self, name: &str) -> Result<Option<CommitId>, Error> {
        self.resolve(our_ref(name)?).await
    }

    /// Every held commit whose name starts with `prefix`, with its name, in the order of names.
    ///
    /// # Errors
    /// A damaged mirror.
    pub async fn all_held(&self, prefix: &str) -> Result<Vec<(String, CommitId)>, Error> {
        let prefix = prefix.to_owned();
        self.in_repository(move |repository| {
            let mut found = Vec::new();
            let refs = repository
                .references_glob("refs/footplate/*")
                .map_err(Error::library("list refs"))?;
            for reference in refs.flatten() {
                let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
                let (Some(name), Some(id)) = (name.strip_prefix("refs/footplate/"), reference.target())
                else {
                    continue;
                };
                if name.starts_with(&prefix) {
                    found.push((name.to_owned(), commit_id(id)?));
                }
            }
            found.sort();
            Ok(found)
        })
        .await
    }
}

pub(super) fn set_ref(repository: &Repository, name: &str, id: git2::Oid) -> Result<(), Error> {
    // Git packs refs under locks that it holds for an instant; libgit2 does not wait for them.
    let mut tries = 0;
    loop {
        match repository.reference(name, id, true, "footplate") {
            Ok(_) => {
                let file = repository.path().join(name);
                durable::sync(&file)?;
                return durable::sync(file.parent().unwrap_or(repository.path()));
            }
            Err(error) if error.code() == git2::ErrorCode::Locked && tries < 50 => {
                tries += 1;
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(error) => return Err(Error::library("write a ref")(error)),
        }
    }
}

fn our_ref(name: &str) -> Result<String, Error> {
    match BranchName::new(name) {
        Ok(name) => Ok(format!("refs/footplate/{name}")),
        Err(_) => Err(Error::BadRefName {
            name: name.to_owned(),
        }),
    }
}
