//! `footplate prices list|show|diff`.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::exit::{Failure, Kind};
use super::show;
use crate::config::{Catalog, Listed, Model, PriceDiff, PriceFile, Settings};
use crate::ledger::{Price, Rate, Rates};
use crate::model::{Clock as _, SystemClock};

/// The largest price file that is read: ten times the largest that exists.
const LARGEST: u64 = 32 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum Arguments {
    /// Lists the models that are shipped or configured, with their prices.
    List {
        /// Only those of this provider.
        #[arg(long)]
        provider: Option<String>,
    },
    /// Shows one model: its prices, where they are from, and its provider.
    Show {
        /// The model, as `provider/model`, or its name where only one provider has it.
        model: String,
    },
    /// Compares the prices with a file of LiteLLM or models.dev. Exits with 1 where they differ.
    Diff {
        /// LiteLLM's `model_prices_and_context_window.json`, or models.dev's `api.json`.
        file: PathBuf,
        /// Also names the file's models that are neither shipped nor used.
        #[arg(long)]
        all: bool,
        /// Writes the `prices` for `footplate.yml` that take over what is added and changed. The file must not exist.
        #[arg(long, value_name = "OUT")]
        apply: Option<PathBuf>,
    },
}

pub(super) fn main(settings: &Settings, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    match arguments {
        Arguments::List { provider } => list(settings, provider.as_deref(), json),
        Arguments::Show { model } => show_model(settings, model, json)?,
        Arguments::Diff { file, all, apply } => {
            return diff(settings, file, *all, apply.as_deref(), json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// All models that are known, by `provider/model`, in the order of their names.
fn models(settings: &Settings) -> std::collections::BTreeMap<&str, &Model> {
    let shipped = Catalog::shipped().models.iter();
    shipped
        .chain(&settings.prices)
        .map(|(name, model)| (name.as_str(), model))
        .collect()
}

fn list(settings: &Settings, provider: Option<&str>, json: bool) {
    let models: Vec<_> = models(settings)
        .into_iter()
        .filter(|(name, _)| provider.is_none_or(|wanted| name.split('/').next() == Some(wanted)))
        .collect();
    if json {
        let models: Vec<_> = models
            .iter()
            .map(|(name, model)| described(name, model))
            .collect();
        return show::json(&json!({ "models": models }));
    }
    if models.is_empty() {
        return show::aside("There are no such models.");
    }
    let rows: Vec<Vec<String>> = models.iter().map(|(name, model)| row(name, model)).collect();
    show::table(
        &["MODEL", "IN", "OUT", "CACHED", "WRITTEN", "CONTEXT", "AS OF"],
        &rows,
    );
    show::aside("US dollars per million tokens; `?` is unknown, `+` has other prices for long prompts.");
}

fn row(name: &str, model: &Model) -> Vec<String> {
    let rates = &model.price.rates;
    let more = if model.price.tiers.is_empty() { "" } else { "+" };
    vec![
        name.to_owned(),
        format!("{}{more}", shown(rates.input)),
        format!("{}{more}", shown(rates.output)),
        shown(rates.cache_read),
        shown(rates.cache_write),
        model
            .context
            .map_or("?".to_owned(), |context| context.to_string()),
        model.price.as_of.clone().unwrap_or_default(),
    ]
}

fn shown(rate: Option<Rate>) -> String {
    rate.map_or("?".to_owned(), |rate| rate.to_string())
}

fn show_model(settings: &Settings, wanted: &str, json: bool) -> Result<(), Failure> {
    let all = models(settings);
    let by_name = |name: &str| name.split_once('/').map(|(_, model)| model) == Some(wanted);
    let mut found: Vec<(&str, &Model)> = all
        .iter()
        .filter(|(name, _)| **name == wanted || by_name(name))
        .map(|(name, model)| (*name, *model))
        .collect();
    if found.is_empty()
        && let Some((provider, model)) = wanted.split_once('/')
        && let Some(model) = settings.model(provider, model)
    {
        found.push((wanted, model));
    }
    let [(name, model)] = found.as_slice() else {
        let sentence = if found.is_empty() {
            format!("there is no model `{wanted}`; `footplate prices list` names them")
        } else {
            let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
            format!("`{wanted}` is more than one model: {}", names.join(", "))
        };
        return Err(Failure::said(Kind::Missing, sentence));
    };
    if json {
        show::json(&described(name, model));
        return Ok(());
    }
    show::line(name);
    for (kind, rate) in Rates::NAMES.iter().zip(model.price.rates.all()) {
        show::line(format!("  {kind:17} {}", shown(rate)));
    }
    for tier in &model.price.tiers {
        let rates = Rates::NAMES.iter().zip(tier.rates.all());
        let rates: Vec<String> = rates
            .filter_map(|(kind, rate)| Some(format!("{kind} {}", rate?)))
            .collect();
        show::line(format!("  above {} tokens: {}", tier.above, rates.join(", ")));
    }
    let facts = [
        ("context", model.context.map(|context| context.to_string())),
        ("revision", Some(model.price.revision())),
        ("source", model.price.source.clone()),
        ("retires", model.retires.clone()),
        ("note", model.note.clone()),
    ];
    for (what, says) in facts {
        if let Some(says) = says {
            show::line(format!("  {what:17} {says}"));
        }
    }
    Ok(())
}

fn described(name: &str, model: &Model) -> serde_json::Value {
    json!({
        "model": name, "price": priced(&model.price), "context": model.context, "aliases": model.aliases,
        "source": model.price.source, "as_of": model.price.as_of, "retires": model.retires, "note": model.note,
    })
}

/// Prices in micro-dollars for a million tokens; what is unknown is absent.
fn priced(price: &Price) -> serde_json::Value {
    json!({ "micro_usd_per_million": price.rates, "tiers": price.tiers, "revision": price.revision() })
}

fn diff(
    settings: &Settings,
    file: &Path,
    all: bool,
    apply: Option<&Path>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let diff = PriceDiff::new(settings, &read(file)?);
    if let Some(out) = apply {
        let today = SystemClock.now().to_string();
        write(out, &diff.overrides(today.get(..10).unwrap_or_default(), all))?;
    }
    if json {
        let listed = |listed: &Listed| json!({ "price": priced(&listed.price), "context": listed.context });
        let added: serde_json::Map<_, _> = diff.added.iter().map(|(n, l)| (n.clone(), listed(l))).collect();
        let changed: serde_json::Map<_, _> = diff
            .changed
            .iter()
            .map(|(n, (old, new))| (n.clone(), json!({ "ours": priced(old), "theirs": listed(new) })))
            .collect();
        let others: Vec<&String> = diff.others.keys().filter(|_| all).collect();
        show::json(&json!({
            "added": added, "changed": changed, "removed": diff.removed, "unknown": diff.unknown,
            "same": diff.same, "others": others, "other_count": diff.others.len(),
        }));
    } else {
        tell(&diff, all);
    }
    if let Some(out) = apply {
        show::aside(format!("{} holds `prices` for footplate.yml.", out.display()));
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(u8::from(!diff.is_empty())))
}

fn tell(diff: &PriceDiff, all: bool) {
    for (name, listed) in &diff.added {
        show::line(format!("added    {name}: {}", words(&listed.price)));
    }
    for (name, (ours, theirs)) in &diff.changed {
        show::line(format!(
            "changed  {name}: {} to {}",
            words(ours),
            words(&theirs.price)
        ));
    }
    for name in &diff.removed {
        show::line(format!("removed  {name}"));
    }
    for name in &diff.unknown {
        show::line(format!("unknown  {name}"));
    }
    for (name, listed) in diff.others.iter().filter(|_| all) {
        show::line(format!("other    {name}: {}", words(&listed.price)));
    }
    show::line(format!("{} are the same.", diff.same));
    if !all && !diff.others.is_empty() {
        let count = diff.others.len();
        show::aside(format!(
            "The file has {count} more models of these providers; --all names them."
        ));
    }
}

/// `in 0.95, out 4, cached 0.16`.
fn words(price: &Price) -> String {
    let rates = &price.rates;
    let tiers = if price.tiers.is_empty() {
        ""
    } else {
        ", more for long prompts"
    };
    format!(
        "in {}, out {}, cached {}, written {}{tiers}",
        shown(rates.input),
        shown(rates.output),
        shown(rates.cache_read),
        shown(rates.cache_write)
    )
}

fn read(file: &Path) -> Result<PriceFile, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::said(
            Kind::Missing,
            format!("{} cannot be read: {error}", file.display()),
        )
    };
    let wrong = |why: String| {
        Failure::said(
            Kind::Configuration,
            format!("{} is no price file: {why}", file.display()),
        )
    };
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    PriceFile::parse(&text).map_err(|error| wrong(error.to_string()))
}

/// Writes a new file; one that is there is somebody's work.
fn write(out: &Path, text: &str) -> Result<(), Failure> {
    std::fs::File::create_new(out)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| {
            Failure::said(
                Kind::Machine,
                format!("{} cannot be written: {error}", out.display()),
            )
        })
}
