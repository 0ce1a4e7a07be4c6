//! What a client needs to know, and why it may not be set up.

use url::Url;

use super::key::AppKey;
use super::pace::Manners;
use crate::model::AppId;

/// What a client needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The base of the REST API: `https://api.github.com`, or `https://HOST/api/v3` on an enterprise server.
    pub api_url: Url,
    /// The App.
    pub app: AppId,
    /// Its private key.
    pub key: AppKey,
    /// How to behave.
    pub manners: Manners,
}

/// Says why a client cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The address of the API is not usable.
    #[error("the API's address must be an https URL without user, query or fragment")]
    Address,
    /// The address is plain HTTP to another machine.
    #[error(
        "the API's address is plain http to {0}; tokens cross a network over https only (http is for this machine)"
    )]
    PlainHttp(String),
    /// The machine has no root certificates.
    #[error("no root certificates were found on this machine: {0}")]
    Roots(String),
    /// The name for the User-Agent cannot stand in a header.
    #[error("the User-Agent is not printable")]
    UserAgent,
}
