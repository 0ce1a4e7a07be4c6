//! Price files of others: LiteLLM's `model_prices_and_context_window.json` and models.dev's `api.json`.
//!
//! They are read as strangers' files: of bounded size, each figure from its own digits without a float between, and
//! what is strange in one model is that model's loss alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Catalog;
use crate::ledger::{Billing, Price, Rate, Rates, Tier};

/// The largest file that is read. LiteLLM's has 2 MB, models.dev's 3 MB.
pub(super) const LARGEST: usize = 32 << 20;

/// The longest name of a model that is taken from a file.
const LONGEST_NAME: usize = 200;

/// The models of the shipped providers in a price file.
#[derive(Debug, PartialEq, Eq)]
pub struct PriceFile {
    /// Whose format it has.
    pub format: Format,
    /// By `provider/model` in our names; a price is empty where the file has none that we understand.
    pub models: BTreeMap<String, Listed>,
}

/// Whose format a price file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// LiteLLM's: one object of models, prices in dollars for a token.
    LiteLlm,
    /// models.dev's: one object of providers with models, prices in dollars for a million tokens.
    ModelsDev,
}

/// A model as a price file lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// Its price.
    pub price: Price,
    /// How many tokens it can take in.
    pub context: Option<u64>,
}

/// Why a file is no price file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPriceFile {
    /// It is larger than any is.
    #[error("it is larger than 32 MiB")]
    TooLarge,
    /// It is not JSON.
    #[error("it is no JSON object")]
    NotJson,
    /// It is JSON, and of neither format.
    #[error("it is neither LiteLLM's `model_prices_and_context_window.json` nor models.dev's `api.json`")]
    Unknown,
}

/// What those files call our providers.
const LITELLM: &[(&str, &str)] = &[
    ("anthropic", "anthropic"),
    ("openai", "openai"),
    ("gemini", "google"),
    ("moonshot", "moonshot"),
    ("deepseek", "deepseek"),
    ("zai", "zai"),
    ("minimax", "minimax"),
    ("dashscope", "qwen"),
    ("openrouter", "openrouter"),
];
const MODELS_DEV: &[(&str, &str)] = &[
    ("anthropic", "anthropic"),
    ("openai", "openai"),
    ("google", "google"),
    ("moonshotai", "moonshot"),
    ("kimi-for-coding", "kimi-code"),
    ("deepseek", "deepseek"),
    ("zai", "zai"),
    ("zai-coding-plan", "zai-coding"),
    ("minimax", "minimax"),
    ("alibaba", "qwen"),
    ("openrouter", "openrouter"),
];

type Raw<'a> = BTreeMap<String, &'a RawValue>;

impl PriceFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// It is no price file that is known, or too large.
    pub fn parse(text: &str) -> Result<Self, NoPriceFile> {
        if text.len() > LARGEST {
            return Err(NoPriceFile::TooLarge);
        }
        let top: Raw<'_> = serde_json::from_str(text).map_err(|_| NoPriceFile::NotJson)?;
        let mut models = BTreeMap::new();
        let mut format = None;
        for (name, raw) in &top {
            let Some(fields) = object(raw) else { continue };
            if let Some(provider) = fields.get("litellm_provider") {
                format = format.or(Some(Format::LiteLlm));
                if format == Some(Format::LiteLlm) {
                    lite_llm(&mut models, name, provider, &fields);
                }
            } else if let Some(listed) = fields.get("models").and_then(|raw| object(raw)) {
                format = format.or(Some(Format::ModelsDev));
                if format == Some(Format::ModelsDev) {
                    models_dev(&mut models, name, &listed);
                }
            }
        }
        let format = format.ok_or(NoPriceFile::Unknown)?;
        Ok(Self { format, models })
    }
}

/// Takes a model of LiteLLM's file, where it is one that answers texts and its provider is one of ours.
fn lite_llm(models: &mut BTreeMap<String, Listed>, name: &str, provider: &RawValue, fields: &Raw<'_>) {
    let mode = fields.get("mode").and_then(|raw| text(raw));
    if !matches!(mode.as_deref(), Some("chat" | "responses")) {
        return;
    }
    let Some(ours) = text(provider).and_then(|provider| our(LITELLM, &provider)) else {
        return;
    };
    // `moonshot/kimi-k2.6`, but `gpt-5.5`; for OpenRouter `openrouter/moonshotai/kimi-k2.6`.
    let prefix = text(provider).unwrap_or_default();
    let model = name
        .strip_prefix(&prefix)
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(name);
    if !is_model(model) || (ours != "openrouter" && model.contains('/')) {
        return;
    }
    let figure = |key: String| rate(fields.get(key.as_str()).copied(), 12);
    let rates = |suffix: &str| Rates {
        input: figure(format!("input_cost_per_token{suffix}")),
        output: figure(format!("output_cost_per_token{suffix}")),
        cache_read: figure(format!("cache_read_input_token_cost{suffix}")),
        cache_write: figure(format!("cache_creation_input_token_cost{suffix}")),
        cache_write_hour: figure(format!("cache_creation_input_token_cost_above_1hr{suffix}")),
    };
    let mut price = Price {
        rates: rates(""),
        source: fields.get("source").and_then(|raw| page(raw)),
        ..Price::default()
    };
    for key in fields.keys() {
        let thousands = key
            .strip_prefix("input_cost_per_token_above_")
            .and_then(|rest| rest.strip_suffix("k_tokens"))
            .and_then(|digits| digits.parse::<u32>().ok());
        if let Some(thousands) = thousands {
            price.tiers.push(Tier {
                above: u64::from(thousands) * 1_000,
                rates: rates(&format!("_above_{thousands}k_tokens")),
            });
        }
    }
    let ranges = fields
        .get("tiered_pricing")
        .and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok());
    for range in ranges.unwrap_or_default() {
        let Some(range) = object(range) else { continue };
        let from = range
            .get("range")
            .and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok())
            .and_then(|bounds| whole(bounds.first().copied()?));
        let figure = |key: &str| rate(range.get(key).copied(), 12);
        let rates = Rates {
            input: figure("input_cost_per_token"),
            output: figure("output_cost_per_token"),
            cache_read: figure("cache_read_input_token_cost"),
            cache_write: figure("cache_creation_input_token_cost"),
            cache_write_hour: None,
        };
        match from {
            Some(0) => price.rates = rates,
            Some(above) => price.tiers.push(Tier { above, rates }),
            None => {}
        }
    }
    let context = fields.get("max_input_tokens").and_then(|raw| whole(raw));
    insert(models, ours, model, price, context);
}

/// Takes the models of one provider of models.dev's file, where it is one of ours.
fn models_dev(models: &mut BTreeMap<String, Listed>, provider: &str, listed: &Raw<'_>) {
    let Some(ours) = our(MODELS_DEV, provider) else {
        return;
    };
    for (model, raw) in listed {
        let Some(fields) = object(raw).filter(|_| is_model(model)) else {
            continue;
        };
        let context = fields
            .get("limit")
            .and_then(|raw| whole(object(raw)?.get("context")?));
        let Some(cost) = fields.get("cost").and_then(|raw| object(raw)) else {
            insert(models, ours, model, Price::default(), context);
            continue;
        };
        let rates = |cost: &Raw<'_>| {
            let figure = |key: &str| rate(cost.get(key).copied(), 6);
            Rates {
                input: figure("input"),
                output: figure("output"),
                cache_read: figure("cache_read"),
                cache_write: figure("cache_write"),
                cache_write_hour: None,
            }
        };
        let mut price = Price {
            rates: rates(&cost),
            source: Some("https://models.dev/api.json".to_owned()),
            ..Price::default()
        };
        if let Some(long) = cost.get("context_over_200k").and_then(|raw| object(raw)) {
            price.tiers.push(Tier {
                above: 200_000,
                rates: rates(&long),
            });
        }
        insert(models, ours, model, price, context);
    }
}

fn insert(
    models: &mut BTreeMap<String, Listed>,
    ours: &str,
    model: &str,
    mut price: Price,
    context: Option<u64>,
) {
    price.tiers.sort_by_key(|tier| tier.above);
    price.tiers.dedup_by_key(|tier| tier.above);
    // A subscription's models are listed for nothing, which is not their price.
    let shipped = Catalog::shipped().providers.get(ours);
    let by_window = shipped.is_some_and(|shipped| shipped.provider.billing == Billing::Window);
    if by_window && price.rates.all().iter().flatten().all(|rate| rate.0 == 0) {
        price = Price::default();
    }
    // One without a price for input or output is no price.
    if price.rates.input.is_none() || price.rates.output.is_none() {
        price = Price::default();
    }
    models.insert(format!("{ours}/{model}"), Listed { price, context });
}

fn our(names: &'static [(&'static str, &'static str)], theirs: &str) -> Option<&'static str> {
    let found = names.iter().find(|(name, _)| *name == theirs);
    found.map(|(_, ours)| *ours)
}

/// Names go into a terminal and a YAML file, so that they are plain.
fn is_model(name: &str) -> bool {
    let plain =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':' | b'@' | b'+');
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(plain)
}

fn object(raw: &RawValue) -> Option<Raw<'_>> {
    serde_json::from_str(raw.get()).ok()
}

fn text(raw: &RawValue) -> Option<String> {
    String::deserialize(&mut serde_json::Deserializer::from_str(raw.get())).ok()
}

/// An address, where it is one that can stand in a file without quotes.
fn page(raw: &RawValue) -> Option<String> {
    let url: url::Url = text(raw)?.parse().ok()?;
    let plain = matches!(url.scheme(), "https" | "http") && url.as_str().len() <= 300;
    (plain && !url.as_str().contains(['#', ',', '{', '}', '[', ']', '"', '\''])).then(|| url.to_string())
}

fn rate(raw: Option<&RawValue>, shift: i32) -> Option<Rate> {
    Rate::from_json_number(raw?.get(), shift)
}

/// A whole number, also where it is written as `1e6` or `256000.0`.
fn whole(raw: &RawValue) -> Option<u64> {
    Rate::from_json_number(raw.get(), 0).map(|number| number.0)
}

#[cfg(test)]
mod tests;
