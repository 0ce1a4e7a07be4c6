//! How a price file differs from what is known, and the file that takes it over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::price_file::{Listed, PriceFile};
use super::{Catalog, Settings};
use crate::ledger::{Price, Rates};

/// How a price file differs from what is known. Names are `provider/model`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PriceDiff {
    /// In the file with a price, and not known here or without one, although a route uses it or it is shipped.
    pub added: BTreeMap<String, Listed>,
    /// In both, with different prices: ours and the file's.
    pub changed: BTreeMap<String, (Price, Listed)>,
    /// Known here, and not in the file.
    pub removed: BTreeSet<String>,
    /// Shipped or used, and without a price here and in the file.
    pub unknown: BTreeSet<String>,
    /// In both with the same price.
    pub same: usize,
    /// Models of the shipped providers that are neither shipped nor used.
    pub others: BTreeMap<String, Listed>,
}

impl PriceDiff {
    /// Compares a price file with what is shipped and what the settings say and use.
    pub fn new(settings: &Settings, file: &PriceFile) -> Self {
        let mut ours: BTreeSet<String> = Catalog::shipped().models.keys().cloned().collect();
        ours.extend(settings.prices.keys().cloned());
        for candidate in settings.candidates() {
            let candidate = candidate.parse::<crate::route::Candidate>().ok();
            let target = candidate.and_then(|candidate| candidate.target());
            // An alias is compared under the name of its model.
            ours.extend(target.filter(|target| !is_alias(settings, target)));
        }
        let mut diff = Self::default();
        for name in &ours {
            let known = name
                .split_once('/')
                .and_then(|(provider, model)| settings.model(provider, model))
                .map(|model| &model.price)
                .filter(|price| !price.is_empty());
            match (known, file.models.get(name)) {
                (Some(price), Some(listed)) if listed.price.is_empty() || price.same_as(&listed.price) => {
                    diff.same += 1;
                }
                (Some(price), Some(listed)) => {
                    diff.changed.insert(name.clone(), (price.clone(), listed.clone()));
                }
                (None, Some(listed)) if !listed.price.is_empty() => {
                    diff.added.insert(name.clone(), listed.clone());
                }
                (Some(_), None) => {
                    diff.removed.insert(name.clone());
                }
                (None, _) => {
                    diff.unknown.insert(name.clone());
                }
            }
        }
        for (name, listed) in &file.models {
            if !ours.contains(name) && !is_alias(settings, name) {
                diff.others.insert(name.clone(), listed.clone());
            }
        }
        diff
    }

    /// Whether the file would change anything.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    /// The `prices` of `footplate.yml` that take the file's prices over, those of other models too where `all` is said.
    ///
    /// Kinds that the file does not know (one format has no price for a cache of an hour) and tiers that it cannot
    /// say are lost with it: each price is taken over as a whole.
    pub fn overrides(&self, as_of: &str, all: bool) -> String {
        let mut out = format!(
            "# Prices in US dollars per million tokens, taken over on {as_of}. Put this into footplate.yml.\nprices:\n"
        );
        let others = self
            .others
            .iter()
            .filter(|(_, listed)| all && !listed.price.is_empty());
        let changed = self.changed.iter().map(|(name, (_, listed))| (name, listed));
        let taken: BTreeMap<&String, &Listed> = self.added.iter().chain(changed).chain(others).collect();
        if taken.is_empty() {
            return out.replace("prices:\n", "prices: {}\n");
        }
        for (name, listed) in taken {
            let mut parts = rates(&listed.price.rates);
            if !listed.price.tiers.is_empty() {
                let tiers = listed.price.tiers.iter().map(|tier| {
                    let mut parts = rates(&tier.rates);
                    parts.insert(0, format!("above: {}", tier.above));
                    format!("{{{}}}", parts.join(", "))
                });
                parts.push(format!("tiers: [{}]", tiers.collect::<Vec<_>>().join(", ")));
            }
            parts.extend(
                listed
                    .context
                    .filter(|n| *n > 0)
                    .map(|context| format!("context: {context}")),
            );
            parts.push(format!("as_of: {as_of}"));
            parts.extend(
                listed
                    .price
                    .source
                    .as_ref()
                    .map(|source| format!("source: \"{source}\"")),
            );
            let _ = writeln!(out, "  \"{name}\": {{{}}}", parts.join(", "));
        }
        out
    }
}

/// The prices as a file writes them, without the unknown ones.
fn rates(rates: &Rates) -> Vec<String> {
    let named = Rates::NAMES.into_iter().zip(rates.all());
    named
        .filter_map(|(name, rate)| Some(format!("{name}: {}", rate?)))
        .collect()
}

/// Whether a name is another name of a model that has one.
fn is_alias(settings: &Settings, name: &str) -> bool {
    let own = settings.prices.contains_key(name) || Catalog::shipped().models.contains_key(name);
    let known = name
        .split_once('/')
        .and_then(|(provider, model)| settings.model(provider, model));
    !own && known.is_some()
}
