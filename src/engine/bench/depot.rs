//! Where a run's repository lies on this machine.

use std::future::Future;

use super::machine;
use crate::engine::error::Error;
use crate::git::Mirror;
use crate::github::Repository;
use crate::publish::{Mirrors, Tokens};
use crate::run::Origin;

/// Knows the mirror of a run's repository.
pub trait Depot: Send + Sync + 'static {
    /// The mirror, with nothing fetched.
    ///
    /// # Errors
    /// Git or the disk fails.
    fn mirror_of(&self, origin: &Origin) -> impl Future<Output = Result<Mirror, Error>> + Send;
}

impl<K: Tokens> Depot for Mirrors<K> {
    async fn mirror_of(&self, origin: &Origin) -> Result<Mirror, Error> {
        match origin {
            Origin::Issue {
                installation,
                repository,
                name,
                ..
            } => {
                let at = Repository {
                    installation: *installation,
                    id: *repository,
                    name: name.clone(),
                };
                self.mirror(&at).await.map_err(machine)
            }
            Origin::Local { .. } => Err(Error::Refused {
                why: "This server works for issues on GitHub only.".to_owned(),
            }),
        }
    }
}

/// A single repository of this machine.
#[derive(Debug, Clone)]
pub struct Adopted(pub Mirror);

impl Depot for Adopted {
    async fn mirror_of(&self, _: &Origin) -> Result<Mirror, Error> {
        Ok(self.0.clone())
    }
}
