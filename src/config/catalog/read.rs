//! Reading providers and models, of the shipped files and of `footplate.yml` alike.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::{Model, Shipped};
use crate::config::error::Problem;
use crate::config::file::Reader;
use crate::config::wire::{self, Text};
use crate::config::{KeyHeader, Provider, value};
use crate::ledger::{Billing, Price, Rates, Tier};
use crate::model::Dialect;
use crate::suggest;

/// Reads `providers.yml`.
pub(super) fn providers(text: &str) -> (BTreeMap<String, Shipped>, Vec<Problem>) {
    let mut reader = Reader::new("providers.yml");
    let file: wire::ShippedProviders = reader.yaml(text);
    let as_of = file.as_of.map(|text| text.value).unwrap_or_default();
    let mut providers = BTreeMap::new();
    for (name, it) in file.providers {
        let key = format!("providers.{name}");
        let shipped = Shipped {
            title: it.title.value,
            provider: Provider {
                base_urls: urls(&mut reader, &key, &it.base_urls),
                key: None,
                key_headers: headers(&mut reader, &key, &it.key_headers),
                billing: billing(&mut reader, &key, Some(&it.billing)).unwrap_or_default(),
                windows: windows(&mut reader, &key, &it.windows),
            },
            key_variable: reader.value(&format!("{key}.key"), it.key.as_ref(), value::variable),
            source: it.source.value,
            as_of: as_of.clone(),
            note: it.note.map(|text| text.value),
        };
        providers.insert(name, shipped);
    }
    (providers, reader.problems)
}

/// Reads `prices.yml`.
pub(super) fn models(text: &str) -> (BTreeMap<String, Model>, Vec<Problem>) {
    let mut reader = Reader::new("prices.yml");
    let file: wire::ShippedModels = reader.yaml(text);
    let as_of = file.as_of.map(|text| text.value);
    let mut models = BTreeMap::new();
    for (name, it) in &file.models {
        if let Some(mut model) = model(&mut reader, &format!("models.{name}"), name, it) {
            model.price.as_of = model.price.as_of.or_else(|| as_of.clone());
            models.insert(name.clone(), model);
        }
    }
    (models, reader.problems)
}

/// Reads the addresses of a provider, by dialect.
pub(in crate::config) fn urls(
    reader: &mut Reader<'_>,
    key: &str,
    texts: &BTreeMap<String, Text>,
) -> BTreeMap<Dialect, Url> {
    let mut urls = BTreeMap::new();
    for (name, text) in texts {
        let key = format!("{key}.base_urls");
        let Some(dialect) = dialect(reader, &key, name, text) else {
            continue;
        };
        if let Some(url) = reader.value(&format!("{key}.{name}"), Some(text), value::base) {
            urls.insert(dialect, url);
        }
    }
    urls
}

/// Reads how keys are sent, by dialect.
pub(in crate::config) fn headers(
    reader: &mut Reader<'_>,
    key: &str,
    texts: &BTreeMap<String, Text>,
) -> BTreeMap<Dialect, KeyHeader> {
    let mut headers = BTreeMap::new();
    for (name, text) in texts {
        let key = format!("{key}.key_headers");
        let Some(dialect) = dialect(reader, &key, name, text) else {
            continue;
        };
        let header = reader.value(&format!("{key}.{name}"), Some(text), |text| {
            KeyHeader::named(text)
                .ok_or_else(|| "it wants `x-api-key`, `bearer` or `x-goog-api-key`".to_owned())
        });
        if let Some(header) = header {
            headers.insert(dialect, header);
        }
    }
    headers
}

/// Reads what tokens are paid with.
pub(in crate::config) fn billing(reader: &mut Reader<'_>, key: &str, text: Option<&Text>) -> Option<Billing> {
    reader.value(&format!("{key}.billing"), text, |text| {
        Billing::named(text).ok_or_else(|| "it wants `tokens`, `window` or `own`".to_owned())
    })
}

/// Reads the windows of a subscription.
pub(in crate::config) fn windows(
    reader: &mut Reader<'_>,
    key: &str,
    texts: &BTreeMap<String, Text>,
) -> BTreeMap<String, Duration> {
    let mut windows = BTreeMap::new();
    for (name, text) in texts {
        let length = reader.value(&format!("{key}.windows.{name}"), Some(text), value::duration);
        if let Some(length) = length {
            windows.insert(name.clone(), length);
        }
    }
    windows
}

/// Reads a model with its price.
pub(in crate::config) fn model(
    reader: &mut Reader<'_>,
    key: &str,
    name: &str,
    file: &wire::Model,
) -> Option<Model> {
    let named = name
        .split_once('/')
        .is_some_and(|(provider, model)| value::is_word(provider) && !model.is_empty());
    if !named {
        let place = file.first();
        let message = "a price is named `provider/model`, as in a route";
        match place {
            Some(text) => reader.refuse_at(text, key, message, None),
            None => reader.refuse(crate::config::Place::Nowhere, key, message, None),
        }
        return None;
    }
    let mut tiers = Vec::new();
    for (index, tier) in file.tiers.iter().enumerate() {
        let key = format!("{key}.tiers.{index}");
        let above = reader.value(&format!("{key}.above"), Some(&tier.above), value::id);
        let rates = Rates {
            input: rate(reader, &key, "input", tier.input.as_ref()),
            output: rate(reader, &key, "output", tier.output.as_ref()),
            cache_read: rate(reader, &key, "cache_read", tier.cache_read.as_ref()),
            cache_write: rate(reader, &key, "cache_write", tier.cache_write.as_ref()),
            cache_write_hour: rate(reader, &key, "cache_write_hour", tier.cache_write_hour.as_ref()),
        };
        if let Some(above) = above {
            tiers.push(Tier { above, rates });
        }
    }
    tiers.sort_by_key(|tier| tier.above);
    if let Some(twice) = tiers.windows(2).find(|pair| pair[0].above == pair[1].above) {
        let message = format!("there are two tiers above {}", twice[0].above);
        if let Some(tier) = file.tiers.first() {
            reader.refuse_at(&tier.above, &format!("{key}.tiers"), message, None);
        }
    }
    let day = |reader: &mut Reader<'_>, name: &str, text: &Option<Text>| {
        reader.value(&format!("{key}.{name}"), text.as_ref(), value::day)
    };
    Some(Model {
        price: Price {
            rates: Rates {
                input: rate(reader, key, "input", file.input.as_ref()),
                output: rate(reader, key, "output", file.output.as_ref()),
                cache_read: rate(reader, key, "cache_read", file.cache_read.as_ref()),
                cache_write: rate(reader, key, "cache_write", file.cache_write.as_ref()),
                cache_write_hour: rate(reader, key, "cache_write_hour", file.cache_write_hour.as_ref()),
            },
            tiers,
            source: file.source.as_ref().map(|text| text.value.clone()),
            as_of: day(reader, "as_of", &file.as_of),
        },
        context: reader.value(&format!("{key}.context"), file.context.as_ref(), value::id),
        aliases: reader.values(&format!("{key}.aliases"), &file.aliases, value::text),
        retires: day(reader, "retires", &file.retires),
        note: file.note.as_ref().map(|text| text.value.clone()),
    })
}

fn rate(reader: &mut Reader<'_>, key: &str, name: &str, text: Option<&Text>) -> Option<crate::ledger::Rate> {
    reader.value(&format!("{key}.{name}"), text, value::rate)
}

fn dialect(reader: &mut Reader<'_>, key: &str, name: &str, text: &Text) -> Option<Dialect> {
    let dialect = Dialect::named(name);
    if dialect.is_none() {
        let help = suggest::help(name, Dialect::ALL.map(Dialect::as_str));
        reader.refuse_at(text, &format!("{key}.{name}"), "there is no such dialect", help);
    }
    dialect
}
