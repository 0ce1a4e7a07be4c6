//! The repositories on this machine: one mirror each.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::Mutex;

use super::machine;
use crate::engine::error::Error;
use crate::git::{Credentials, Git, Mirror, adopt_local};
use crate::github::Repository;
use crate::run::Origin;

/// Yields a token that can read and write the contents of one repository.
pub type Tokens = Arc<
    dyn Fn(Repository) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send>> + Send + Sync,
>;

/// The repositories on this machine.
pub struct Mirrors {
    git: Git,
    folder: PathBuf,
    /// The web and git host: `https://github.com`; `None` where there are only local repositories.
    host: Option<String>,
    tokens: Option<Tokens>,
    open: Mutex<HashMap<String, Mirror>>,
}

impl Mirrors {
    /// Mirrors in `folder`, of repositories on `host`.
    pub fn new(git: Git, folder: PathBuf, host: Option<String>, tokens: Option<Tokens>) -> Self {
        Self { git, folder, host, tokens, open: Mutex::default() }
    }

    /// The mirror of the repository that a run came from.
    ///
    /// # Errors
    /// Git or the disk fails.
    pub async fn of(&self, origin: &Origin) -> Result<Mirror, Error> {
        match origin {
            Origin::Issue { installation, repository, name, .. } => {
                self.of_repository(&Repository { installation: *installation, id: *repository, name: name.clone() }).await
            }
            Origin::Local { path, .. } => self.of_folder(path).await,
        }
    }

    /// The mirror of a repository on the host. Its folder goes by the numeric id, which survives renames.
    ///
    /// # Errors
    /// Git or the disk fails.
    pub async fn of_repository(&self, repository: &Repository) -> Result<Mirror, Error> {
        let Some(host) = &self.host else {
            return Err(Error::Refused { why: "No git host is configured.".to_owned() });
        };
        let remote = format!("{}/{}.git", host.trim_end_matches('/'), repository.name);
        let mut open = self.open.lock().await;
        if let Some(mirror) = open.get(&remote) {
            return Ok(mirror.clone());
        }
        let at = self.folder.join(format!("{}.git", repository.id));
        let mirror = Mirror::open(&self.git, &at, &remote).await.map_err(machine)?;
        open.insert(remote, mirror.clone());
        Ok(mirror)
    }

    /// The mirror of a repository in a folder of this machine.
    ///
    /// # Errors
    /// Git or the disk fails, or there is no repository.
    pub async fn of_folder(&self, path: &str) -> Result<Mirror, Error> {
        let mut open = self.open.lock().await;
        if let Some(mirror) = open.get(path) {
            return Ok(mirror.clone());
        }
        let name = crate::model::ContentHash::of(path).short();
        let at = self.folder.join(format!("local-{name}.git"));
        let adopted = adopt_local(&self.git, path.as_ref(), &at).await.map_err(machine)?;
        open.insert(path.to_owned(), adopted.mirror.clone());
        Ok(adopted.mirror)
    }

    /// What git needs to reach a repository on the host; asked for only when git asks.
    pub fn credentials(&self, repository: &Repository) -> Option<Credentials> {
        let tokens = Arc::clone(self.tokens.as_ref()?);
        let repository = repository.clone();
        Some(Credentials::new(move || tokens(repository.clone())))
    }

    /// The git program.
    pub fn git(&self) -> &Git {
        &self.git
    }
}
