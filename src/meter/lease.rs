//! What one attempt may ask of whom, and at what price.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::replay::Replay;
use super::{Error, Purse};
use crate::model::{AttemptKey, Dialect, MicroUsd, TokenUsage};

/// What one attempt may ask.
#[derive(Clone)]
pub struct Lease {
    /// The attempt that asks.
    pub attempt: AttemptKey,
    /// Who answers.
    pub upstream: Upstream,
    /// The model that the attempt is to use.
    pub model: Option<String>,
    /// What happens to requests for another model.
    pub pin: Pin,
    /// Further names under which the right model may be asked for and answer; one that ends in `*` is a beginning.
    pub also: BTreeSet<String>,
    /// What happens when another model answers.
    pub on_wrong_model: OnWrongModel,
    /// What bounds it.
    pub limits: Limits,
    /// What tokens cost. Without it nothing may be asked at the expense of a limited purse.
    pub price: Option<Arc<dyn Price>>,
    /// Who pays: every one of them must have enough (run, repository's day, month).
    pub purses: Vec<Arc<Purse>>,
    /// A folder that keeps all exchanges.
    pub record: Option<PathBuf>,
    /// A file that keeps the reading as it grows; see [`super::Remains`].
    pub note: Option<PathBuf>,
}

impl Lease {
    /// A lease without a price, purses or a fixed model, within the usual limits.
    pub fn new(attempt: AttemptKey, upstream: Upstream) -> Self {
        Self {
            attempt,
            upstream,
            model: None,
            pin: Pin::Free,
            also: BTreeSet::new(),
            on_wrong_model: OnWrongModel::Note,
            limits: Limits::default(),
            price: None,
            purses: Vec::new(),
            record: None,
            note: None,
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("attempt", &self.attempt)
            .field("upstream", &self.upstream)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// What happens to a request for another model than the lease's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// It is passed on.
    Free,
    /// It is passed on as a request for the lease's model.
    Rewrite,
    /// It is refused with 403.
    Refuse,
}

/// What happens when another model answers than the one that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnWrongModel {
    /// It is noted, and further requests are refused.
    Fail,
    /// It is noted.
    Note,
}

/// What bounds the requests of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From sending a request to the first byte of the answer's body.
    pub first_byte: Duration,
    /// Between two pieces of an answer.
    pub stream_idle: Duration,
    /// How many requests the attempt may make.
    pub requests: u32,
    /// How often one request is sent at most.
    pub tries: u32,
    /// How long repeating one request may take, pauses included.
    pub patience: Duration,
}

impl Default for Limits {
    /// Thinking models take minutes to their first byte, six were too few for some; 200 requests are more than any
    /// honest attempt of the measured harnesses made.
    fn default() -> Self {
        Self {
            first_byte: Duration::from_mins(2),
            stream_idle: Duration::from_secs(90),
            requests: 200,
            tries: 4,
            patience: Duration::from_mins(2),
        }
    }
}

/// What tokens cost; `None` where that is not known.
pub trait Price: Send + Sync {
    /// The cost of that many tokens of that model.
    fn cost(&self, model: &str, usage: TokenUsage) -> Option<MicroUsd>;
}

impl<F> Price for F
where
    F: Fn(&str, TokenUsage) -> Option<MicroUsd> + Send + Sync,
{
    fn cost(&self, model: &str, usage: TokenUsage) -> Option<MicroUsd> {
        self(model, usage)
    }
}

/// Who answers requests.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub(super) provider: String,
    pub(super) dialect: Dialect,
    pub(super) source: Source,
    pub(super) key: Option<(KeyScheme, SecretString)>,
}

/// Where answers come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// From the provider at this base URL, as the provider's own documents give it.
    Network(Url),
    /// From a recording.
    Recording(Arc<Replay>),
}

/// The header that carries the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyScheme {
    /// `Authorization: Bearer …`, as OpenAI and most others want it.
    Bearer,
    /// `x-api-key`, as Anthropic wants it.
    ApiKey,
    /// `x-goog-api-key`, as Google wants it.
    GoogApiKey,
}

impl KeyScheme {
    /// The header that a dialect's own vendor wants.
    pub fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Anthropic => Self::ApiKey,
            Dialect::Openai => Self::Bearer,
            Dialect::Gemini => Self::GoogApiKey,
        }
    }
}

impl Upstream {
    /// A provider on the network, with the key in the header that the dialect's vendor wants.
    ///
    /// # Errors
    /// The address is no plain `http` or `https` URL, or the key cannot stand in a header, or the key would cross a
    /// network in the clear.
    pub fn network(
        provider: impl Into<String>,
        dialect: Dialect,
        base: Url,
        key: Option<SecretString>,
    ) -> Result<Self, Error> {
        let provider = provider.into();
        let wrong = |why| Error::Provider {
            provider: provider.clone(),
            why,
        };
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(wrong("the base URL wants to begin with https:// or http://"));
        }
        if !base.username().is_empty()
            || base.password().is_some()
            || base.query().is_some()
            || base.fragment().is_some()
        {
            return Err(wrong(
                "the base URL may hold no user, password, query or fragment",
            ));
        }
        if let Some(key) = &key {
            let text = key.expose_secret();
            if text.is_empty() || HeaderValue::from_str(text).is_err() {
                return Err(wrong("the key is empty or holds what a header cannot"));
            }
            if base.scheme() == "http" && !is_loopback(&base) {
                return Err(wrong("the key would cross the network in the clear; use https"));
            }
        }
        Ok(Self {
            key: key.map(|key| (KeyScheme::of(dialect), key)),
            source: Source::Network(base),
            provider,
            dialect,
        })
    }

    /// Answers from a recording that an earlier ticket made.
    ///
    /// # Errors
    /// The folder cannot be read as one.
    pub fn recording(
        provider: impl Into<String>,
        dialect: Dialect,
        folder: impl Into<PathBuf>,
    ) -> Result<Self, Error> {
        Ok(Self {
            provider: provider.into(),
            dialect,
            source: Source::Recording(Arc::new(Replay::open(&folder.into())?)),
            key: None,
        })
    }

    /// The same with the key in another header.
    #[must_use]
    pub fn key_in(mut self, scheme: KeyScheme) -> Self {
        self.key = self.key.map(|(_, key)| (scheme, key));
        self
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
