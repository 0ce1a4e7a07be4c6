//! GitHub Apps, their installations and the tokens given out to them.

use std::collections::BTreeMap;

use crate::model::Timestamp;

/// Where an App's webhooks go.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The receiver's address.
    pub url: String,
    /// The secret that signs every body.
    pub secret: String,
}

/// A GitHub App.
#[derive(Debug, Clone)]
pub struct App {
    /// The numeric id, `iss` of its JWTs.
    pub id: u64,
    /// The client id, also accepted as `iss`.
    pub client_id: String,
    /// The lower-case name in URLs and in the bot's login.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// The account that owns the App.
    pub owner_id: u64,
    /// The account `slug[bot]`.
    pub bot_id: u64,
    /// The public half of its key, PEM.
    pub public_key: String,
    /// Permissions by GitHub's names, with `read` or `write`.
    pub permissions: BTreeMap<String, String>,
    /// The events it subscribes to.
    pub events: Vec<String>,
    /// Where webhooks go; nothing is sent while this is empty.
    pub webhook: Option<Webhook>,
    /// The id of its webhook, for `X-GitHub-Hook-ID`.
    pub hook_id: u64,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// An App on an account.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The numeric id.
    pub id: u64,
    /// Which App.
    pub app_id: u64,
    /// On which account.
    pub account_id: u64,
    /// The chosen repositories; `None` means all of the account.
    pub selected: Option<Vec<u64>>,
    /// What the account granted; at most what the App asks for.
    pub permissions: BTreeMap<String, String>,
    /// Since when it is suspended.
    pub suspended_at: Option<Timestamp>,
    /// When it was installed.
    pub created_at: Timestamp,
}

impl Installation {
    /// Whether it reaches this repository of its account.
    pub fn covers(&self, repository: u64) -> bool {
        self.selected
            .as_ref()
            .is_none_or(|chosen| chosen.contains(&repository))
    }
}

/// An installation token and its fate.
#[derive(Clone)]
pub struct Token {
    /// The secret itself, `ghs_…`.
    pub secret: String,
    /// For which installation.
    pub installation_id: u64,
    /// What it may do.
    pub permissions: BTreeMap<String, String>,
    /// Which repositories it reaches; `None` means all of the installation.
    pub repositories: Option<Vec<u64>>,
    /// When it was given out.
    pub created_at: Timestamp,
    /// When it stops working, an hour after birth unless a test ends it sooner.
    pub expires_at: Timestamp,
    /// Whether its holder revoked it.
    pub revoked: bool,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("installation_id", &self.installation_id)
            .field("expires_at", &self.expires_at)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}
