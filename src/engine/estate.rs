//! The ground of the product: mirrors of repositories, and their configuration on the default branch.

use std::sync::Arc;

use super::error::Error;
use super::ground::{Drift, Footing, Ground};
use super::policy::policy;
use crate::config::{RepositoryConfig, Settings};
use crate::contract::declared_fields;
use crate::git::Mirror;
use crate::github::{Forge, Repository};
use crate::model::{BranchName, CommitId};
use crate::publish::{Mirrors, Tokens, Tree};
use crate::run::Frozen;
use crate::workflow::{self, Workflow};

/// Where a repository's configuration lies, on its default branch.
const CONFIGURATION: &str = ".github/footplate.yml";

/// Where a repository's own workflows lie.
const WORKFLOWS: &str = ".github/footplate/workflows";

/// The repositories that the App is installed on.
pub struct Estate<F, K> {
    forge: Arc<F>,
    mirrors: Arc<Mirrors<K>>,
    settings: Arc<Settings>,
    /// The tier of the sandbox in force, which people are told.
    sandbox: String,
}

impl<F: Forge, K: Tokens> Estate<F, K> {
    /// Looks after repositories.
    pub fn new(forge: Arc<F>, mirrors: Arc<Mirrors<K>>, settings: Arc<Settings>, sandbox: String) -> Self {
        Self {
            forge,
            mirrors,
            settings,
            sandbox,
        }
    }
}

impl<F: Forge, K: Tokens> Ground for Estate<F, K> {
    async fn footing(&self, repository: &Repository, wanted: Option<&BranchName>) -> Result<Footing, Error> {
        let info = self.forge.repository(repository).await.map_err(|error| {
            if error.is_passing() {
                Error::Transient {
                    why: error.to_string(),
                    after: None,
                }
            } else {
                Error::Refused {
                    why: format!("{error}."),
                }
            }
        })?;
        if info.archived {
            return Err(Error::Refused {
                why: "The repository is archived.".to_owned(),
            });
        }
        let default = BranchName::new(info.default_branch.as_str()).map_err(|error| Error::Refused {
            why: format!("The default branch cannot be used: {error}."),
        })?;
        self.mirrors.fetch(repository).await?;
        let mirror = self.mirrors.mirror(repository).await.map_err(passing)?;
        let trusted = self
            .mirrors
            .head_of(repository, &default)
            .await?
            .ok_or_else(|| Error::Refused {
                why: format!("The default branch `{default}` has no commit yet."),
            })?;
        let (mut frozen, configured) =
            frozen(&self.settings, &mirror, &trusted, Some(default.clone())).await?;
        frozen.policy.sandbox.clone_from(&self.sandbox);
        let base = wanted.cloned().or(configured).unwrap_or(default);
        let base_commit = self
            .mirrors
            .head_of(repository, &base)
            .await?
            .ok_or_else(|| Error::Refused {
                why: format!("There is no branch `{base}`."),
            })?;
        Ok(Footing {
            base,
            base_commit,
            frozen,
        })
    }

    async fn drift(
        &self,
        repository: &Repository,
        base: &BranchName,
        since: &CommitId,
    ) -> Result<Drift, Error> {
        self.mirrors.fetch(repository).await?;
        let Some(head) = self.mirrors.head_of(repository, base).await? else {
            return Ok(Drift {
                head: None,
                touched: Vec::new(),
            });
        };
        if head == *since {
            return Ok(Drift {
                head: Some(head),
                touched: Vec::new(),
            });
        }
        let touched = self.mirrors.touched_between(repository, since, &head).await?;
        // A name that is not text can be in nobody's plan; shown escaped, it matches only what says "everything".
        let touched = touched.iter().map(ToString::to_string).collect();
        Ok(Drift {
            head: Some(head),
            touched,
        })
    }
}

/// What is in force for a repository, read at one commit: its configuration, its workflow, and the policy.
/// Also yields the base branch that the configuration names.
///
/// # Errors
/// [`Error::Refused`] with a sentence for people where the repository's files are wrong.
pub async fn frozen(
    settings: &Settings,
    mirror: &Mirror,
    trusted: &CommitId,
    default_branch: Option<BranchName>,
) -> Result<(Frozen, Option<BranchName>), Error> {
    let text = read(mirror, trusted, CONFIGURATION).await?.unwrap_or_default();
    let configuration = RepositoryConfig::parse(CONFIGURATION, &text).map_err(|error| Error::Refused {
        why: format!("{error}"),
    })?;
    let (policy, effective) = policy(settings, &configuration, default_branch)?;
    let workflow = workflow_of(mirror, trusted, effective.workflow.as_deref()).await?;
    Ok((Frozen { workflow, policy }, effective.base))
}

/// The workflow that a repository chose: a file of its own, or a built-in one.
async fn workflow_of(mirror: &Mirror, trusted: &CommitId, name: Option<&str>) -> Result<Workflow, Error> {
    let built_in = Workflow::built_in();
    let name = name.unwrap_or(&built_in.name);
    let file = format!("{WORKFLOWS}/{name}.yml");
    match read(mirror, trusted, &file).await? {
        Some(source) => workflow::parse(&source, &file, &declared_fields).map_err(|problems| {
            let told: Vec<String> = problems.iter().take(5).map(ToString::to_string).collect();
            Error::Refused {
                why: format!("The workflow is wrong: {}", told.join("; ")),
            }
        }),
        None if name == built_in.name => Ok(built_in),
        None => Err(Error::Refused {
            why: format!("There is no workflow `{name}`: neither built in nor in `{file}`."),
        }),
    }
}

async fn read(mirror: &Mirror, commit: &CommitId, path: &str) -> Result<Option<String>, Error> {
    let Some(bytes) = mirror.read(commit, path).await.map_err(passing)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|_| Error::Refused {
        why: format!("`{path}` is not UTF-8."),
    })?;
    Ok(Some(text))
}

fn passing(error: impl std::fmt::Display) -> Error {
    Error::Transient {
        why: error.to_string(),
        after: None,
    }
}
