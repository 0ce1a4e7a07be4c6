//! Settings: the file and the environment, checked, with secrets kept apart.
//!
//! Two files, written by two kinds of people.
//! `footplate.yml` is the operator's: it says where to listen, which models exist and what may be spent.
//! Every scalar of it is also an environment variable (`github.app_id` is `FOOTPLATE_GITHUB_APP_ID`), and the
//! variable wins.
//! `.github/footplate.yml` is a repository's: it chooses among what the operator offers and may be stricter,
//! never laxer ([`RepositoryConfig::tighten`]).
//!
//! Providers and models are shipped as two more files ([`Catalog`]), which the operator's overrides and extends;
//! [`resolve`] connects a candidate of a route with its provider.
//!
//! All are read the same way: YAML into plain text values that know their place (`wire`), then
//! each value into its type, collecting *all* problems with file, line, column, key and a suggestion.
//! A message never repeats the value of a key that may hold a secret.
//!
//! What the settings mean is decided elsewhere: routes are candidates for [`crate::route`], limits are kept by
//! the engine. The process environment is read by whoever calls [`Settings::load`], through [`environment`].

mod catalog;
mod classes;
mod error;
mod file;
mod harness;
mod load;
mod price_diff;
mod price_file;
mod provider;
mod repository;
mod secret;
mod settings;
mod value;
mod wire;

#[cfg(test)]
mod tests;

pub use catalog::{Catalog, Model, Shipped};
pub use classes::{ClassRule, Classes};
pub use error::{Error, Place, Problem};
pub use price_diff::PriceDiff;
pub use price_file::{Format, Listed, NoPriceFile, PriceFile};
pub use provider::{KeyHeader, Provider, Unresolved, Upstream, resolve};
pub use repository::{Effective, RepositoryConfig};
pub use secret::Secret;
pub use settings::{App, Egress, GitHub, Guard, Guards, Harness, Labels, Limits, Routes, Sandbox, Settings};

/// The commented settings file that the documentation shows; it is valid as it stands.
pub fn example() -> &'static str {
    include_str!("example.yml")
}

/// The process's environment, for [`Settings::load`]; a variable that is not UTF-8 counts as not set.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
