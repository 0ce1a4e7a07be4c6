//! Who serves models, and how a candidate is connected with one of them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::catalog::Model;
use super::{Catalog, Secret, Settings};
use crate::ledger::{Billing, Price};
use crate::model::Dialect;
use crate::route::Candidate;

/// Who serves models.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// The base of its addresses in each dialect that it speaks, as its own documents give it.
    pub base_urls: BTreeMap<Dialect, Url>,
    /// The key, where it wants one.
    pub key: Option<Secret>,
    /// How the key is sent, where that is not the dialect's own way.
    pub key_headers: BTreeMap<Dialect, KeyHeader>,
    /// What its tokens are paid with.
    pub billing: Billing,
    /// The windows of its subscription, by the names that readings give them, and their lengths.
    pub windows: BTreeMap<String, Duration>,
}

/// The header that carries a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHeader {
    /// `x-api-key`, Anthropic's own way.
    XApiKey,
    /// `authorization: Bearer`, OpenAI's way and that of most others, in Anthropic's dialect too.
    Bearer,
    /// `x-goog-api-key`, Google's own way.
    XGoogApiKey,
}

impl KeyHeader {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::XApiKey, Self::Bearer, Self::XGoogApiKey];

    /// The name that configuration uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::XApiKey => "x-api-key",
            Self::Bearer => "bearer",
            Self::XGoogApiKey => "x-goog-api-key",
        }
    }

    /// The header of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|header| header.as_str() == name)
    }

    /// The way in which the dialect's inventor wants the key.
    pub fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Anthropic => Self::XApiKey,
            Dialect::Openai => Self::Bearer,
            Dialect::Gemini => Self::XGoogApiKey,
        }
    }
}

impl fmt::Display for KeyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Everything that is needed to ask a candidate's model.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// The provider's name in the settings.
    pub name: String,
    /// The dialect in which it is asked.
    pub dialect: Dialect,
    /// The base of its addresses in that dialect.
    pub base_url: Url,
    /// The key; `None` where it wants none.
    pub key: Option<SecretString>,
    /// How the key is sent.
    pub key_header: KeyHeader,
    /// What its tokens are paid with.
    pub billing: Billing,
    /// The list price of the model, where anybody knows it.
    pub price: Option<Price>,
    /// How many tokens the model can take in, where anybody knows it.
    pub context: Option<u64>,
}

/// Why a candidate cannot be connected with a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// The candidate leaves provider and model to its harness.
    #[error("`{candidate}` names no provider; write `harness:provider/model`")]
    NoProvider {
        /// The candidate.
        candidate: String,
    },
    /// The provider is neither shipped nor configured.
    #[error("there is no provider `{provider}`{}", parenthesized(.help.as_ref()))]
    UnknownProvider {
        /// The name.
        provider: String,
        /// What may be meant.
        help: Option<String>,
    },
    /// The harness speaks no dialect that the provider speaks.
    #[error("`{provider}` speaks {has}, and the harness `{harness}` speaks {wants}")]
    NoDialect {
        /// The provider.
        provider: String,
        /// Its dialects.
        has: String,
        /// The harness.
        harness: String,
        /// The harness's dialects.
        wants: String,
    },
    /// The variable that should hold the key is not set.
    #[error("`{provider}` wants a key, and the environment variable {variable} is not set")]
    NoKey {
        /// The provider.
        provider: String,
        /// The variable.
        variable: String,
    },
}

impl Provider {
    /// How the key is sent in a dialect.
    pub fn key_header(&self, dialect: Dialect) -> KeyHeader {
        self.key_headers
            .get(&dialect)
            .copied()
            .unwrap_or_else(|| KeyHeader::of(dialect))
    }
}

impl Settings {
    /// What is known of a model: what the settings say of it, else what is shipped.
    pub fn model(&self, provider: &str, model: &str) -> Option<&Model> {
        let name = format!("{provider}/{model}");
        super::catalog::find(&self.prices, &name).or_else(|| Catalog::shipped().model(&name))
    }

    /// The list price of a candidate's model; `None` where nobody knows any.
    pub fn price(&self, candidate: &Candidate) -> Option<&Price> {
        let (provider, model) = (candidate.provider.as_ref()?, candidate.model.as_ref()?);
        let model = self.model(provider, model)?;
        (!model.price.is_empty()).then_some(&model.price)
    }

    /// What a candidate's tokens are paid with; `None` where its harness decides about the provider.
    pub fn billing(&self, candidate: &Candidate) -> Option<Billing> {
        let provider = self.providers.get(candidate.provider.as_ref()?)?;
        Some(provider.billing)
    }
}

/// Connects a candidate with its provider, in the first dialect of `wanted` that the provider speaks.
///
/// `wanted` are the dialects of the candidate's harness, the best first.
///
/// # Errors
/// It cannot be connected: the settings, or the environment, must change before this candidate can work.
pub fn resolve(
    settings: &Settings,
    candidate: &Candidate,
    wanted: &[Dialect],
) -> Result<Upstream, Unresolved> {
    let Some(name) = &candidate.provider else {
        return Err(Unresolved::NoProvider {
            candidate: candidate.to_string(),
        });
    };
    let Some(provider) = settings.providers.get(name) else {
        return Err(Unresolved::UnknownProvider {
            provider: name.clone(),
            help: crate::suggest::help(name, known(&settings.providers)),
        });
    };
    let found = wanted
        .iter()
        .find_map(|dialect| Some((*dialect, provider.base_urls.get(dialect)?)));
    let Some((dialect, base_url)) = found else {
        return Err(Unresolved::NoDialect {
            provider: name.clone(),
            has: listed(provider.base_urls.keys().copied()),
            harness: candidate.harness.clone(),
            wants: listed(wanted.iter().copied()),
        });
    };
    let key = match &provider.key {
        Some(Secret::Unset { variable }) => {
            return Err(Unresolved::NoKey {
                provider: name.clone(),
                variable: variable.clone(),
            });
        }
        Some(Secret::Text(text)) => Some(text.clone()),
        None => None,
    };
    let model = candidate
        .model
        .as_ref()
        .and_then(|model| settings.model(name, model));
    Ok(Upstream {
        name: name.clone(),
        dialect,
        base_url: base_url.clone(),
        key,
        key_header: provider.key_header(dialect),
        billing: provider.billing,
        price: settings.price(candidate).cloned(),
        context: model.and_then(|model| model.context),
    })
}

/// The names of all providers that a route can use.
pub(super) fn known<T>(configured: &BTreeMap<String, T>) -> Vec<&str> {
    let shipped = Catalog::shipped().providers.keys();
    let mut names: Vec<&str> = configured.keys().chain(shipped).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn listed(dialects: impl Iterator<Item = Dialect>) -> String {
    let words: Vec<&str> = dialects.map(Dialect::as_str).collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

fn parenthesized(help: Option<&String>) -> String {
    help.map_or(String::new(), |help| format!(" ({help})"))
}
