//! What is shipped: providers with their addresses, models with their prices.
//!
//! Both are files that people edit, `providers.yml` and `prices.yml` in this folder, compiled into the program.
//! They are read by the rules of `footplate.yml`, whose `providers` and `prices` win over them.

mod read;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Provider;
use super::error::Problem;
use crate::ledger::Price;

pub(super) use read::{billing, headers, model, urls, windows};

/// Providers and models, by name.
#[derive(Debug)]
pub struct Catalog {
    /// By the names that candidates use.
    pub providers: BTreeMap<String, Shipped>,
    /// By `provider/model`.
    pub models: BTreeMap<String, Model>,
}

/// A provider as it is shipped.
#[derive(Debug)]
pub struct Shipped {
    /// Its name for people.
    pub title: String,
    /// Its addresses and ways; the key is absent here.
    pub provider: Provider,
    /// The variable that holds its key by convention; `None` where it wants no key.
    pub key_variable: Option<String>,
    /// The page that this is from.
    pub source: String,
    /// The day on which it was looked up, as `2026-11-22`.
    pub as_of: String,
    /// What people should know.
    pub note: Option<String>,
}

/// What is known of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Model {
    /// Its list price; empty where nobody knows it.
    pub price: Price,
    /// How many tokens it can take in.
    pub context: Option<u64>,
    /// Other names of exactly this model.
    pub aliases: Vec<String>,
    /// The day on which it will not be served any longer, as its provider has announced it.
    pub retires: Option<String>,
    /// What people should know.
    pub note: Option<String>,
}

impl Catalog {
    /// The catalog that this program was built with.
    pub fn shipped() -> &'static Self {
        static SHIPPED: LazyLock<Catalog> = LazyLock::new(|| Catalog::read().0);
        &SHIPPED
    }

    /// A model by `provider/model`, under its name or one of its others.
    pub fn model(&self, name: &str) -> Option<&Model> {
        find(&self.models, name)
    }

    /// Reads both files; what is wrong in them is left out and told. A test holds that nothing is.
    fn read() -> (Self, Vec<Problem>) {
        let (providers, mut problems) = read::providers(include_str!("providers.yml"));
        let (models, more) = read::models(include_str!("prices.yml"));
        problems.extend(more);
        (Self { providers, models }, problems)
    }
}

/// A model by `provider/model`, under its name or one of its others.
pub(super) fn find<'a>(models: &'a BTreeMap<String, Model>, name: &str) -> Option<&'a Model> {
    models.get(name).or_else(|| {
        let (provider, wanted) = name.split_once('/')?;
        let mut all = models.iter();
        all.find_map(|(name, model)| {
            let (owner, _) = name.split_once('/')?;
            (owner == provider && model.aliases.iter().any(|alias| alias == wanted)).then_some(model)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Billing;
    use crate::model::{Dialect, MicroUsd, TokenUsage};

    #[test]
    fn nothing_in_the_shipped_files_is_wrong() {
        let (_, problems) = Catalog::read();
        assert_eq!(problems, []);
    }

    #[test]
    fn every_shipped_model_is_of_a_shipped_provider_and_every_price_is_dated() {
        let catalog = Catalog::shipped();
        assert!(catalog.models.len() > 120, "{}", catalog.models.len());
        for (name, model) in &catalog.models {
            let (provider, _) = name.split_once('/').expect("checked when it was read");
            assert!(catalog.providers.contains_key(provider), "{name}");
            assert!(model.price.as_of.is_some(), "{name}");
            let rates = &model.price.rates;
            assert!(
                model.price.is_empty() || rates.input.is_some() && rates.output.is_some(),
                "{name}"
            );
            for tier in &model.price.tiers {
                let kinds = rates
                    .all()
                    .iter()
                    .zip(tier.rates.all())
                    .all(|(base, tier)| base.is_none() || tier.is_some());
                assert!(
                    kinds,
                    "{name}: a tier leaves out a kind that has a price below it"
                );
            }
        }
    }

    #[test]
    fn the_models_of_the_default_routes_and_their_successors_are_there() {
        let priced = [
            "anthropic/claude-opus-5-5",
            "anthropic/claude-sonnet-5-5",
            "moonshot/kimi-k2.6",
            "moonshot/kimi-k3",
            "google/gemini-3.5-flash",
            "google/gemini-3.8-flash",
            "deepseek/deepseek-v4-flash",
            "deepseek/deepseek-v4-pro",
            "zai/glm-5.1",
            "zai/glm-5.3",
            "minimax/MiniMax-M3",
            "qwen/qwen3.8-max",
            "openai/gpt-5.6-sol",
        ];
        for name in priced {
            let model = Catalog::shipped().model(name).unwrap_or_else(|| panic!("{name}"));
            assert!(!model.price.is_empty(), "{name}");
        }
        let qwen = Catalog::shipped().model("qwen/qwen3.6-plus").expect("shipped");
        assert!(qwen.price.is_empty(), "unknown, not free");
        let dated = Catalog::shipped().model("anthropic/claude-opus-4-7-20260416");
        assert_eq!(dated, Catalog::shipped().model("anthropic/claude-opus-4-7"));
    }

    #[test]
    fn a_run_on_kimi_costs_what_its_price_list_says() {
        let usage = TokenUsage {
            input: 2_400,
            cache_read: 1_000,
            output: 240,
            ..TokenUsage::default()
        };
        let kimi = &Catalog::shipped().models["moonshot/kimi-k2.6"].price;
        assert_eq!(kimi.cost(&usage, None), Some(MicroUsd(2_280 + 160 + 960)));
    }

    #[test]
    fn every_shipped_provider_speaks_and_says_where_that_is_from() {
        for (name, shipped) in &Catalog::shipped().providers {
            assert!(!shipped.provider.base_urls.is_empty(), "{name}");
            assert!(shipped.source.starts_with("https://"), "{name}");
            let free = shipped.provider.billing == Billing::Own;
            assert_eq!(shipped.key_variable.is_none(), free, "{name}");
            for (dialect, url) in &shipped.provider.base_urls {
                assert!(free || url.scheme() == "https", "{name} {dialect}");
            }
        }
        let anthropic = |name: &str| &Catalog::shipped().providers[name].provider;
        assert_eq!(
            anthropic("anthropic").key_header(Dialect::Anthropic).as_str(),
            "x-api-key"
        );
        assert_eq!(
            anthropic("moonshot").key_header(Dialect::Anthropic).as_str(),
            "bearer"
        );
    }
}
