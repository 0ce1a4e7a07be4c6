//! The client: who speaks (the App or an installation), with which manners, and how often.
//!
//! What is asked stands in `calls` (about a repository) and `app` (about the App itself).

use std::sync::Arc;

use http::Method;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::{Effect, decoded, sorted};
use super::forge::Repository;
use super::key::AppKey;
use super::pace::{Manners, Pace, Purse, Rate};
use super::request::{get, next_link, with_body};
use super::settings::{Settings, SetupError};
use super::tokens::{Minted, Scope, Token, Tokens};
use super::view::{TokenView, time};
use super::wire::{Answer, Call, Wire};
use super::{Error, Result};
use crate::model::{AppId, Clock, InstallationId, Timestamp};

/// The most pages of a list that are read, of 100 entries each; more is an error, never a silent cut.
pub(super) const MAX_PAGES: usize = 100;

/// Which part of an installation's rights git needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitAccess {
    /// Fetches.
    Read,
    /// Pushes.
    Write,
}

/// Speaks to one GitHub as one App. Cheap to clone; clones share tokens and manners.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) app: AppId,
    key: AppKey,
    pub(super) wire: Wire,
    pace: Pace,
    manners: Manners,
    tokens: Tokens,
    clock: Arc<dyn Clock>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Voice<'a> {
    /// The App, by JWT.
    App,
    /// An installation, limited to one repository.
    Repository(&'a Repository),
    /// An installation with all its repositories.
    Installation(InstallationId),
}

/// A call with what it does and what it is about, for errors.
pub(super) struct Ask<'a> {
    pub(super) voice: Voice<'a>,
    pub(super) effect: Effect,
    pub(super) what: &'a str,
    pub(super) call: Call,
}

impl Client {
    /// Sets up a client. Nothing is asked yet; must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address is unusable or the machine lacks root certificates.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> std::result::Result<Self, SetupError> {
        let user_agent = format!(
            "footplate/{} (GitHub App {})",
            env!("CARGO_PKG_VERSION"),
            settings.app
        );
        let wire = Wire::new(&settings.api_url, &user_agent, settings.manners.deadline)?;
        let pace = Pace::new(&settings.manners);
        let (app, key, manners) = (settings.app, settings.key, settings.manners);
        let inner = Inner {
            app,
            key,
            wire,
            pace,
            manners,
            tokens: Tokens::default(),
            clock,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Hands out a token for git, limited to the repository and to its contents.
    ///
    /// The user name that goes with it is `x-access-token`.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::NotFound`] where the App is no longer installed.
    pub async fn git_token(&self, repository: &Repository, access: GitAccess) -> Result<SecretString> {
        let level = match access {
            GitAccess::Read => "read",
            GitAccess::Write => "write",
        };
        let scope = Scope {
            installation: repository.installation,
            repository: Some(repository.id),
            permissions: vec![("contents", level), ("metadata", "read")],
        };
        Ok(self.token(&scope).await?.secret)
    }

    /// Hands out a token of an installation with all its rights and repositories.
    ///
    /// # Errors
    /// As [`Error`] says; [`Error::NotFound`] where the App is no longer installed.
    pub async fn token_of(&self, installation: InstallationId) -> Result<SecretString> {
        Ok(self.token(&whole(installation)).await?.secret)
    }

    /// Drops the tokens of an installation, for instance because it was suspended or deleted.
    pub fn forget(&self, installation: InstallationId) {
        self.inner.tokens.forget(installation);
    }

    /// How much GitHub still allows, as it last said.
    pub fn rates(&self) -> Vec<Rate> {
        self.inner.pace.rates()
    }

    /// Asks, and reads the answer.
    pub(super) async fn ask<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T> {
        self.ask_with(ask, |answer, effect, what| decoded(answer, effect, what))
            .await
    }

    /// Asks for something done, whatever is said about it.
    pub(super) async fn tell(&self, ask: Ask<'_>) -> Result<()> {
        self.ask_with(ask, |_, _, _| Ok(())).await
    }

    /// Asks for a list, page by page.
    pub(super) async fn list<T, U, F>(
        &self,
        voice: Voice<'_>,
        path: &str,
        what: &str,
        items: F,
    ) -> Result<(Vec<U>, bool)>
    where
        T: DeserializeOwned,
        F: Fn(T) -> Vec<U>,
    {
        let (mut all, mut moved) = (Vec::new(), false);
        let mark = if path.contains('?') { '&' } else { '?' };
        for page in 1..=MAX_PAGES {
            let ask = Ask {
                voice,
                effect: Effect::Read,
                what,
                call: get(&format!("{path}{mark}per_page=100&page={page}")),
            };
            let read = |answer: &Answer, effect, what: &str| {
                Ok((
                    decoded::<T>(answer, effect, what)?,
                    next_link(answer).is_some(),
                    answer.moved,
                ))
            };
            let (some, more, elsewhere) = self.ask_with(ask, read).await?;
            all.extend(items(some));
            moved |= elsewhere;
            if !more {
                return Ok((all, moved));
            }
        }
        Err(Error::Broken {
            why: format!("{what} has more than {MAX_PAGES} pages"),
        })
    }

    /// Asks with all manners: a turn for writers, a seat for all, silence under a limit, fresh credentials
    /// once, and repetition of reads only.
    pub(super) async fn ask_with<T, F>(&self, ask: Ask<'_>, read: F) -> Result<T>
    where
        F: Fn(&Answer, Effect, &str) -> Result<T>,
    {
        let inner = &*self.inner;
        let _turn = match (ask.voice, ask.effect) {
            (_, Effect::Read) => None,
            (Voice::Repository(repository), _) => Some(inner.pace.turn(repository.id).await?),
            _ => None,
        };
        let mut repeats = 0;
        loop {
            let outcome = self
                .attempt(&ask)
                .await
                .and_then(|answer| read(&answer, ask.effect, ask.what));
            let Err(Error::Transient { after: None, why }) = &outcome else {
                return outcome;
            };
            if ask.effect != Effect::Read || repeats == inner.manners.read_repeats {
                return outcome;
            }
            tracing::debug!(what = ask.what, why, "reading from GitHub again");
            tokio::time::sleep(inner.manners.read_backoff * 2u32.saturating_pow(repeats)).await;
            repeats += 1;
        }
    }

    /// Asks once, or twice where the credentials were refused: a refused call has not been executed.
    async fn attempt(&self, ask: &Ask<'_>) -> Result<Answer> {
        let scope = match ask.voice {
            Voice::App => {
                let jwt = self.jwt()?;
                return self.send(ask, &jwt, None).await;
            }
            Voice::Repository(repository) => Scope {
                installation: repository.installation,
                repository: Some(repository.id),
                permissions: Vec::new(),
            },
            Voice::Installation(installation) => whole(installation),
        };
        let token = self.token(&scope).await?;
        match self.send(ask, &token.secret, Some(scope.installation)).await {
            Err(Error::Unauthorized { .. }) => {}
            outcome => return outcome,
        }
        self.inner.tokens.drop_refused(&scope, &token).await;
        let fresh = self.token(&scope).await?;
        self.send(ask, &fresh.secret, Some(scope.installation)).await
    }

    async fn send(
        &self,
        ask: &Ask<'_>,
        bearer: &SecretString,
        installation: Option<InstallationId>,
    ) -> Result<Answer> {
        let inner = &*self.inner;
        let purse = Purse {
            installation,
            graphql: ask.call.path.ends_with("/graphql"),
        };
        let _seat = inner.pace.seat().await?;
        inner.pace.check(purse, self.now())?;
        let outcome = inner.wire.exchange(&ask.call, bearer).await;
        let now = self.now();
        if let Ok(answer) = &outcome {
            inner.pace.note(purse, &answer.headers, now);
        }
        let outcome = sorted(outcome, ask.effect, ask.what, now, inner.pace.strikes(purse));
        match &outcome {
            Err(Error::RateLimited { until }) => {
                tracing::warn!(what = ask.what, %until, "GitHub's rate limit is reached");
                inner.pace.met(purse, Some(*until));
            }
            Ok(_) => inner.pace.met(purse, None),
            Err(_) => {}
        }
        outcome
    }

    async fn token(&self, scope: &Scope) -> Result<Token> {
        self.inner.tokens.get(scope, self.now(), self.mint(scope)).await
    }

    /// Buys a token. A purchase that got lost is repeated: an unused token harms nobody.
    async fn mint(&self, scope: &Scope) -> Result<Minted> {
        #[derive(Serialize)]
        struct Limits<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            repository_ids: Option<[u64; 1]>,
            #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
            permissions: std::collections::BTreeMap<&'a str, &'a str>,
        }
        let limits = Limits {
            repository_ids: scope.repository.map(|id| [id.0]),
            permissions: scope.permissions.iter().copied().collect(),
        };
        let path = format!("/app/installations/{}/access_tokens", scope.installation);
        let ask = Ask {
            voice: Voice::App,
            effect: Effect::Repeatable,
            what: "installation of the App",
            call: with_body(Method::POST, &path, &limits),
        };
        let jwt = self.jwt()?;
        let mut outcome = self.send(&ask, &jwt, None).await;
        if matches!(outcome, Err(Error::Transient { after: None, .. })) {
            tokio::time::sleep(self.inner.manners.read_backoff).await;
            outcome = self.send(&ask, &jwt, None).await;
        }
        let answer = outcome.map_err(|error| unsold(error, scope))?;
        let view: TokenView = decoded(&answer, ask.effect, ask.what)?;
        Ok(Minted {
            token: view.token,
            expires_at: time(view.expires_at.as_deref()),
        })
    }

    fn jwt(&self) -> Result<SecretString> {
        let unusable = || Error::Unauthorized {
            message: "the App's private key cannot sign".to_owned(),
        };
        self.inner
            .key
            .jwt(self.inner.app, self.now())
            .ok_or_else(unusable)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("app", &self.inner.app)
            .finish_non_exhaustive()
    }
}

/// What a refused purchase means: GitHub says with one status that the repository left the installation, and
/// that the installation was not granted what is asked for.
fn unsold(error: Error, scope: &Scope) -> Error {
    match error {
        Error::Invalid { message, .. } if message.contains("permission") => Error::Forbidden { message },
        Error::Invalid { .. } if scope.repository.is_some() => Error::NotFound {
            what: "such repository among those the App is installed on".to_owned(),
        },
        error => error,
    }
}

fn whole(installation: InstallationId) -> Scope {
    Scope {
        installation,
        repository: None,
        permissions: Vec::new(),
    }
}

#[cfg(test)]
mod standin;
#[cfg(test)]
mod tests;
