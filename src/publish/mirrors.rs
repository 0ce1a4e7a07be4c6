//! The product's [`Tree`]: one mirror per repository in the data folder.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;

use super::Error;
use super::tree::Tree;
use crate::git::{self, Change, CommitOrder, Credentials, Git, Mirror, Push, Pushed, TreePath};
use crate::github::{self, Repository};
use crate::model::{BranchName, CommitId, RepositoryId, RepositoryName};

/// Where the tokens for git come from.
pub trait Tokens: Send + Sync + 'static {
    /// A token that may read the repository, and also write to its branches where `write` says so.
    ///
    /// # Errors
    /// As [`github::Error`] says; what may pass is tried again.
    fn token(
        &self,
        at: &Repository,
        write: bool,
    ) -> impl Future<Output = github::Result<SecretString>> + Send;
}

/// The mirrors of all repositories that we work on.
///
/// A mirror's folder is named by the repository's numeric id, so that a rename moves nothing and a stranger's
/// repository under an old name gets a mirror of its own.
pub struct Mirrors<K> {
    git: Git,
    folder: PathBuf,
    host: String,
    tokens: Arc<K>,
    open: Mutex<HashMap<RepositoryId, (RepositoryName, Mirror)>>,
}

impl<K: Tokens> Mirrors<K> {
    /// Keeps mirrors in `folder`; `host` is the address before `owner/name.git`, such as `https://github.com`.
    pub fn new(git: Git, folder: PathBuf, host: &str, tokens: Arc<K>) -> Self {
        Self {
            git,
            folder,
            host: host.trim_end_matches('/').to_owned(),
            tokens,
            open: Mutex::default(),
        }
    }

    /// The mirror of a repository, made where there is none yet. Nothing is fetched.
    ///
    /// # Errors
    /// As [`Mirror::open`] says.
    pub async fn mirror(&self, at: &Repository) -> Result<Mirror, git::Error> {
        if let Some((name, mirror)) = self.opened().get(&at.id)
            && *name == at.name
        {
            return Ok(mirror.clone());
        }
        let folder = self.folder.join(at.id.to_string());
        let remote = format!("{}/{}.git", self.host, at.name);
        let mirror = Mirror::open(&self.git, &folder, &remote).await?;
        self.opened().insert(at.id, (at.name.clone(), mirror.clone()));
        Ok(mirror)
    }

    /// What git is to be given when it asks for a token for this repository.
    pub fn credentials(&self, at: &Repository, write: bool) -> Credentials {
        let (tokens, at) = (Arc::clone(&self.tokens), at.clone());
        Credentials::new(move || {
            let (tokens, at) = (Arc::clone(&tokens), at.clone());
            async move { tokens.token(&at, write).await.map_err(|error| error.to_string()) }
        })
    }

    /// Buys the token before git is started, so that the reason why there is none is not lost on the way
    /// through git; the token is kept by its source, and git then gets the same.
    async fn session(&self, at: &Repository, write: bool) -> Result<Credentials, Error> {
        match self.tokens.token(at, write).await {
            Ok(_) => Ok(self.credentials(at, write)),
            Err(error) if error.is_passing() => Err(Error::Transient {
                why: error.to_string(),
                after: match error {
                    github::Error::Transient { after, .. } => after,
                    _ => None,
                },
            }),
            Err(error) => Err(Error::Refused {
                why: format!("{error}."),
            }),
        }
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, HashMap<RepositoryId, (RepositoryName, Mirror)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Tokens> Tree for Mirrors<K> {
    async fn fetch(&self, at: &Repository) -> Result<(), Error> {
        let mirror = self.mirror(at).await.map_err(|error| sorted(&error))?;
        let session = self.session(at, false).await?;
        mirror.fetch(Some(&session)).await.map_err(|error| sorted(&error))
    }

    async fn head_of(&self, at: &Repository, branch: &BranchName) -> Result<Option<CommitId>, Error> {
        let mirror = self.mirror(at).await.map_err(|error| sorted(&error))?;
        mirror.head_of(branch).await.map_err(|error| sorted(&error))
    }

    async fn remote_head(&self, at: &Repository, branch: &BranchName) -> Result<Option<CommitId>, Error> {
        let mirror = self.mirror(at).await.map_err(|error| sorted(&error))?;
        let session = self.session(at, false).await?;
        mirror
            .remote_head(branch, Some(&session))
            .await
            .map_err(|error| sorted(&error))
    }

    async fn commit(&self, at: &Repository, order: CommitOrder) -> Result<CommitId, Error> {
        let mirror = self.mirror(at).await.map_err(|error| sorted(&error))?;
        mirror.commit(order).await.map_err(|error| sorted(&error))
    }

    async fn changes(&self, at: &Repository, from: &CommitId, to: &CommitId) -> Result<Vec<Change>, Error> {
        let mirror = self.mirror(at).await.map_err(|error| sorted(&error))?;
        mirror.changes(from, to).await.map_err(|error| sorted(&error))
    }

    async fn touched_between(
        &self,
        at: &Repository,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<Vec<TreePath>, Error> {
        let mirror = self.mirror(at).await.map_err(|error| sorted(&error))?;
        mirror
            .touched_between(from, to)
            .await
            .map_err(|error| sorted(&error))
    }

    async fn patch(&self, at: &Repository, from: &CommitId, to: &CommitId) -> Result<Vec<u8>, Error> {
        let mirror = self.mirror(at).await.map_err(|error| sorted(&error))?;
        mirror.patch(from, to).await.map_err(|error| sorted(&error))
    }

    async fn is_ancestor(
        &self,
        at: &Repository,
        ancestor: &CommitId,
        descendant: &CommitId,
    ) -> Result<bool, Error> {
        let mirror = self.mirror(at).await.map_err(|error| sorted(&error))?;
        mirror
            .is_ancestor(ancestor, descendant)
            .await
            .map_err(|error| sorted(&error))
    }

    async fn push(&self, at: &Repository, push: &Push) -> Result<Pushed, Error> {
        let mirror = self.mirror(at).await.map_err(|error| sorted(&error))?;
        let session = self.session(at, true).await?;
        mirror
            .push(push, Some(&session))
            .await
            .map_err(|error| sorted(&error))
    }

    async fn hold(&self, at: &Repository, name: &str, commit: &CommitId) -> Result<(), Error> {
        let mirror = self.mirror(at).await.map_err(|error| sorted(&error))?;
        mirror.hold(name, commit).await.map_err(|error| sorted(&error))
    }
}

/// What git's failure means for a run: what this machine lacks is for the operator and passes once it is there;
/// what the remote or the repository says is for the run.
pub(super) fn sorted(error: &git::Error) -> Error {
    match error {
        git::Error::Denied { .. }
        | git::Error::Gone { .. }
        | git::Error::BadRemote { .. }
        | git::Error::UnknownCommit(_)
        | git::Error::Empty { .. }
        | git::Error::Tampered(_)
        | git::Error::NotAFile { .. }
        | git::Error::TooLarge { .. }
        | git::Error::BadRefName { .. } => Error::Refused {
            why: format!("{error}."),
        },
        git::Error::NoGit { .. }
        | git::Error::Late { .. }
        | git::Error::Unreachable { .. }
        | git::Error::Occupied { .. }
        | git::Error::Failed { .. }
        | git::Error::Library { .. }
        | git::Error::Io { .. } => Error::Transient {
            why: error.to_string(),
            after: None,
        },
    }
}
