//! The two files as they are written: every scalar a text that knows its place.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use crate::model::Role;

/// A scalar and where it stands.
pub(super) type Text = Spanned<String>;

// None of these is `Debug`: some texts are secrets.

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Server {
    pub(super) listen: Option<Text>,
    pub(super) data_dir: Option<Text>,
    pub(super) database_url: Option<Text>,
    pub(super) retention: Option<Text>,
    pub(super) recordings: Option<Text>,
    pub(super) sandbox: Option<Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) egress: Egress,
    #[serde(deserialize_with = "or_default")]
    pub(super) github: GitHub,
    #[serde(deserialize_with = "or_default")]
    pub(super) harnesses: BTreeMap<String, Harness>,
    #[serde(deserialize_with = "or_default")]
    pub(super) providers: BTreeMap<String, Provider>,
    #[serde(deserialize_with = "or_default")]
    pub(super) prices: BTreeMap<String, Model>,
    #[serde(deserialize_with = "or_default")]
    pub(super) routes: BTreeMap<Role, Vec<Text>>,
    #[serde(deserialize_with = "or_default")]
    pub(super) classes: Classes,
    #[serde(deserialize_with = "or_default")]
    pub(super) guard: ServerGuard,
    #[serde(deserialize_with = "or_default")]
    pub(super) limits: Limits,
    #[serde(deserialize_with = "or_default")]
    pub(super) labels: Labels,
    #[serde(deserialize_with = "or_default")]
    pub(super) commands: Commands,
    #[serde(deserialize_with = "or_default")]
    pub(super) allowed_bots: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) pass_env: Vec<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GitHub {
    pub(super) app_id: Option<Text>,
    pub(super) private_key: Option<Text>,
    pub(super) webhook_secret: Option<Text>,
    pub(super) api_url: Option<Text>,
    pub(super) url: Option<Text>,
    pub(super) write_gap: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Egress {
    #[serde(deserialize_with = "or_default")]
    pub(super) agents: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) setup: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Harness {
    pub(super) kind: Text,
    pub(super) program: Option<Text>,
    pub(super) login: Option<Text>,
    #[serde(default)]
    pub(super) argv: Vec<Text>,
    #[serde(default)]
    pub(super) env: BTreeMap<String, Text>,
    pub(super) file: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Provider {
    pub(super) dialect: Option<Text>,
    pub(super) base_url: Option<Text>,
    pub(super) base_urls: BTreeMap<String, Text>,
    pub(super) key: Option<Text>,
    pub(super) key_headers: BTreeMap<String, Text>,
    pub(super) billing: Option<Text>,
    pub(super) windows: BTreeMap<String, Text>,
}

/// A model and its price, in `footplate.yml` and in the shipped file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Model {
    pub(super) input: Option<Text>,
    pub(super) output: Option<Text>,
    pub(super) cache_read: Option<Text>,
    pub(super) cache_write: Option<Text>,
    pub(super) cache_write_hour: Option<Text>,
    pub(super) tiers: Vec<Tier>,
    pub(super) context: Option<Text>,
    pub(super) aliases: Vec<Text>,
    pub(super) source: Option<Text>,
    pub(super) as_of: Option<Text>,
    pub(super) retires: Option<Text>,
    pub(super) note: Option<Text>,
}

impl Model {
    /// Anything that is written of it, to point at.
    pub(super) fn first(&self) -> Option<&Text> {
        let tier = self.tiers.first().map(|tier| &tier.above);
        self.input
            .as_ref()
            .or(self.output.as_ref())
            .or(tier)
            .or(self.source.as_ref())
    }
}

/// The prices of requests with a long prompt.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tier {
    pub(super) above: Text,
    pub(super) input: Option<Text>,
    pub(super) output: Option<Text>,
    pub(super) cache_read: Option<Text>,
    pub(super) cache_write: Option<Text>,
    pub(super) cache_write_hour: Option<Text>,
}

/// The shipped `prices.yml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ShippedModels {
    pub(super) as_of: Option<Text>,
    pub(super) models: BTreeMap<String, Model>,
}

/// The shipped `providers.yml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ShippedProviders {
    pub(super) as_of: Option<Text>,
    pub(super) providers: BTreeMap<String, ShippedProvider>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShippedProvider {
    pub(super) title: Text,
    pub(super) base_urls: BTreeMap<String, Text>,
    pub(super) key: Option<Text>,
    #[serde(default)]
    pub(super) key_headers: BTreeMap<String, Text>,
    pub(super) billing: Text,
    #[serde(default)]
    pub(super) windows: BTreeMap<String, Text>,
    pub(super) source: Text,
    pub(super) note: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServerGuard {
    pub(super) first_event: Option<Text>,
    pub(super) idle: Option<Text>,
    pub(super) wall: Option<Text>,
    pub(super) grace: Option<Text>,
    pub(super) failures: Option<Text>,
    pub(super) retry_delay: Option<Text>,
    pub(super) patience: Option<Text>,
    pub(super) status_pause: Option<Text>,
    pub(super) exact_model: Option<Text>,
    pub(super) first_byte: Option<Text>,
    pub(super) stream_idle: Option<Text>,
    pub(super) requests: Option<Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) on: BTreeMap<String, Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) candidates: BTreeMap<String, Guard>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Guard {
    pub(super) first_event: Option<Text>,
    pub(super) idle: Option<Text>,
    pub(super) wall: Option<Text>,
    pub(super) grace: Option<Text>,
    pub(super) failures: Option<Text>,
    pub(super) first_byte: Option<Text>,
    pub(super) stream_idle: Option<Text>,
    pub(super) requests: Option<Text>,
}

/// A repository has one guard for all candidates, and says how patient its runs are.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RepositoryGuard {
    pub(super) first_event: Option<Text>,
    pub(super) idle: Option<Text>,
    pub(super) wall: Option<Text>,
    pub(super) grace: Option<Text>,
    pub(super) failures: Option<Text>,
    pub(super) first_byte: Option<Text>,
    pub(super) stream_idle: Option<Text>,
    pub(super) requests: Option<Text>,
    pub(super) retry_delay: Option<Text>,
    pub(super) patience: Option<Text>,
}

impl RepositoryGuard {
    /// What it says of a single attempt.
    pub(super) fn attempt(&self) -> Guard {
        Guard {
            first_event: self.first_event.clone(),
            idle: self.idle.clone(),
            wall: self.wall.clone(),
            grace: self.grace.clone(),
            failures: self.failures.clone(),
            first_byte: self.first_byte.clone(),
            stream_idle: self.stream_idle.clone(),
            requests: self.requests.clone(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) run_usd: Option<Text>,
    pub(super) issue_usd: Option<Text>,
    pub(super) repository_day_usd: Option<Text>,
    pub(super) month_usd: Option<Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) window_share: BTreeMap<String, Text>,
    pub(super) window_reserve: Option<Text>,
    pub(super) concurrent_attempts: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Labels {
    pub(super) trigger: Option<Text>,
    pub(super) working: Option<Text>,
    pub(super) waiting: Option<Text>,
    pub(super) review: Option<Text>,
    pub(super) failed: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Commands {
    pub(super) bare: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Classes {
    #[serde(deserialize_with = "or_default")]
    pub(super) rules: Vec<ClassRule>,
    #[serde(deserialize_with = "or_default")]
    pub(super) routes: BTreeMap<String, Vec<Text>>,
}

/// A repository classes steps; who does them is the server's.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RepositoryClasses {
    #[serde(deserialize_with = "or_default")]
    pub(super) rules: Vec<ClassRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassRule {
    pub(super) class: Text,
    pub(super) label: Option<Text>,
    #[serde(default)]
    pub(super) files: Vec<Text>,
}

/// A repository's `.github/footplate.yml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Repository {
    pub(super) workflow: Option<Text>,
    pub(super) base: Option<Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) setup: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) tests: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) protected: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) routes: BTreeMap<Role, Vec<Text>>,
    #[serde(deserialize_with = "or_default")]
    pub(super) classes: RepositoryClasses,
    #[serde(deserialize_with = "or_default")]
    pub(super) guard: RepositoryGuard,
    #[serde(deserialize_with = "or_default")]
    pub(super) limits: Limits,
    #[serde(deserialize_with = "or_default")]
    pub(super) commands: Commands,
}

/// A key without a value is a key left out.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
