//! `footplate doctor`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::exit::{Failure, Kind};
use super::show;
use crate::agent::{Fitness, Harness, Login, examine};
use crate::config::{Settings, environment, resolve};
use crate::engine::Book;
use crate::model::SystemClock;
use crate::route::Candidate;
use crate::run::Recorded;
use crate::server::{Strangers, find_git, harnesses, sandbox};
use crate::store::{Database, Journal, ListRuns, RunRow};

#[derive(Debug, Args)]
pub(super) struct Arguments {}

/// One finding.
struct Finding {
    what: String,
    state: State,
    says: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Note,
    /// Something is not set up.
    Bad,
    /// The settings cannot be read.
    Wrong,
    /// Something on this machine cannot be read or worked on.
    Broken,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Bad => "missing",
            Self::Wrong => "wrong",
            Self::Broken => "broken",
        }
    }

    /// What kind of failure it is, if it is one.
    fn kind(self) -> Option<Kind> {
        match self {
            Self::Good | Self::Note => None,
            Self::Bad => Some(Kind::Answer),
            Self::Wrong => Some(Kind::Configuration),
            Self::Broken => Some(Kind::Machine),
        }
    }
}

pub(super) async fn main(config: Option<&Path>, _: &Arguments, as_json: bool) -> Result<ExitCode, Failure> {
    let mut findings = Vec::new();
    let mut say = |what: &str, state, says: String| {
        findings.push(Finding {
            what: what.to_owned(),
            state,
            says,
        });
    };
    let here = Path::new("footplate.yml");
    let file = config.or_else(|| here.is_file().then_some(here));
    match Settings::load(file, environment) {
        Err(error) => say("settings", State::Wrong, error.to_string()),
        Ok(settings) => {
            let from = file.map_or("the environment only".to_owned(), |file| {
                file.display().to_string()
            });
            say("settings", State::Good, from);
            match settings.app() {
                Ok(app) => say(
                    "GitHub App",
                    State::Good,
                    format!("id {}, key and webhook secret are there", app.id),
                ),
                Err(error) => say("GitHub App", State::Bad, error.to_string()),
            }
            match find_git(settings.path.as_deref(), None).await {
                Ok(git) => {
                    let (major, minor) = git.version();
                    say(
                        "git",
                        State::Good,
                        format!("{major}.{minor} at {}", git.program().display()),
                    );
                }
                Err(error) => say("git", State::Bad, error.to_string()),
            }
            match Database::open(&settings.database_url, std::sync::Arc::new(SystemClock)).await {
                Ok(store) => {
                    say("store", State::Good, settings.data_dir.display().to_string());
                    let aside = store.set_aside(100).await.unwrap_or_default();
                    if !aside.is_empty() {
                        let first = aside
                            .first()
                            .map(|(row, why)| format!("{}: {why}", row.key))
                            .unwrap_or_default();
                        say(
                            "inbox",
                            State::Broken,
                            format!("{} inputs were set aside, the first is {first}", aside.len()),
                        );
                    }
                    for says in unreadable_runs(&store).await {
                        say("run", State::Broken, says);
                    }
                    let _ = store.close().await;
                }
                Err(error) => say("store", State::Broken, error.to_string()),
            }
            match sandbox(&settings, Strangers::Write).await {
                Ok(probe) => {
                    let tier = probe.sandbox.tier();
                    let state = if tier.confines() { State::Good } else { State::Note };
                    let short = probe.shortfalls.iter().map(ToString::to_string);
                    let gaps = tier.gaps().iter().map(|gap| (*gap).to_owned());
                    let says: Vec<String> = std::iter::once(format!("{tier}."))
                        .chain(short)
                        .chain(gaps)
                        .collect();
                    say("sandbox", state, says.join(" "));
                }
                Err(error) => say("sandbox", State::Bad, error.to_string()),
            }
            for (what, state, says) in agents(&settings).await? {
                say(&what, state, says);
            }
            for role in crate::workflow::Workflow::built_in()
                .nodes
                .iter()
                .filter_map(|node| Some(node.agent()?.role))
            {
                match settings
                    .routes
                    .get(&role)
                    .filter(|candidates| !candidates.is_empty())
                {
                    Some(candidates) => {
                        say(&format!("route {role}"), State::Good, candidates.join(", then "));
                    }
                    None => say(
                        &format!("route {role}"),
                        State::Bad,
                        "no candidate is configured".to_owned(),
                    ),
                }
            }
            for (class, candidates) in &settings.classes.routes {
                say(
                    &format!("route of class {}", class.as_str()),
                    State::Good,
                    candidates.join(", then "),
                );
            }
        }
    }
    let missing = findings
        .iter()
        .filter(|finding| finding.state.kind().is_some())
        .count();
    if as_json {
        let findings: Vec<_> = findings
            .iter()
            .map(|finding| json!({ "what": finding.what, "state": finding.state.word(), "says": finding.says }))
            .collect();
        show::json(&json!({ "findings": findings, "missing": missing }));
    } else {
        for finding in &findings {
            show::line(format!(
                "{:8} {:18} {}",
                finding.state.word(),
                finding.what,
                finding.says
            ));
        }
    }
    // What is wrong with the settings hides the rest, and what is broken is worse than what is not there yet.
    let kinds = [Kind::Configuration, Kind::Machine, Kind::Answer];
    let worst = kinds
        .into_iter()
        .find(|kind| findings.iter().any(|finding| finding.state.kind() == Some(*kind)));
    Ok(worst.map_or(ExitCode::SUCCESS, |kind| ExitCode::from(kind.code())))
}

/// How many runs are listed with one question.
const PAGE: usize = 500;

/// A sentence for each run that cannot be read, and what to do about it.
async fn unreadable_runs(store: &Database) -> Vec<String> {
    let book = Book::new(store.clone(), SystemClock);
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let filter = ListRuns {
            before,
            limit: PAGE,
            ..ListRuns::default()
        };
        let rows = match store.list(filter).await {
            Ok(rows) => rows,
            Err(error) => {
                found.push(format!(
                    "the list of runs cannot be read: {error}; restore the store from a backup"
                ));
                return found;
            }
        };
        let Some(last) = rows.last() else { return found };
        before = Some(last.run.clone());
        for row in &rows {
            let why = if row.ended {
                unreadable_log(store, row).await
            } else {
                book.look(&row.run).await.err().map(|error| error.to_string())
            };
            if let Some(why) = why {
                let next = "the server goes on without it; restore the store from a backup, or run the newer \
                            Footplate where a newer one wrote it";
                found.push(format!("{why}; {next}"));
            }
        }
    }
}

/// Why the log of a run that is over cannot be read, if so. What it froze may have been forgotten by now.
async fn unreadable_log(store: &Database, row: &RunRow) -> Option<String> {
    let why = match store.load(&row.run).await {
        Ok(lines) => lines
            .unwrap_or_default()
            .iter()
            .find_map(|line| Recorded::from_line(line).err())?
            .to_string(),
        Err(error) => error.to_string(),
    };
    Some(format!("run {} cannot be read: {why}", row.run))
}

/// What is to be said of the harnesses that the settings or a route name, and of the way from each candidate to its
/// model.
async fn agents(settings: &Settings) -> Result<Vec<(String, State, String)>, Failure> {
    let mut said = Vec::new();
    let candidates: BTreeSet<Candidate> = settings
        .candidates()
        .filter_map(|name| name.parse().ok())
        .collect();
    let scratch = tempfile::tempdir().map_err(|error| Failure::new(Kind::Machine, error))?;
    let known = harnesses(&settings.harnesses)?;
    for (name, harness) in &known {
        let routed = candidates.iter().any(|candidate| candidate.harness == *name);
        if !routed && !settings.harnesses.contains_key(name) {
            continue;
        }
        let (state, says) = told(harness, settings, scratch.path()).await;
        said.push((format!("harness {name}"), state, says));
    }
    for candidate in &candidates {
        let what = format!("candidate {candidate}");
        let Some(harness) = known.get(&candidate.harness) else {
            let says = format!(
                "there is no harness `{}`; name it under `harnesses`",
                candidate.harness
            );
            said.push((what, State::Bad, says));
            continue;
        };
        if candidate.provider.is_none() {
            continue;
        }
        match resolve(settings, candidate, harness.dialects()) {
            Ok(upstream) => {
                let price = if upstream.price.is_some() {
                    "its price is known"
                } else {
                    "its price is unknown"
                };
                let says = format!("{} at {}, {price}", upstream.dialect, upstream.base_url);
                said.push((what, State::Good, says));
            }
            Err(error) => said.push((what, State::Bad, error.to_string())),
        }
    }
    Ok(said)
}

async fn told(harness: &Harness, settings: &Settings, scratch: &Path) -> (State, String) {
    let seen = examine(harness, settings.path.as_deref(), &settings.pass_env, scratch).await;
    let Some(program) = &seen.program else {
        return (
            State::Bad,
            seen.missing.unwrap_or_else(|| "it is not installed".to_owned()),
        );
    };
    let version = match &seen.version {
        Fitness::NotAsked => String::new(),
        Fitness::Unknown => ", which does not tell its version".to_owned(),
        Fitness::Known(version) => format!(", version {version}"),
        Fitness::Untried(version) => format!(", version {version}, which nobody tried yet"),
        Fitness::TooOld(version) => format!(", version {version}, which is too old"),
    };
    let login = match &seen.login {
        Login::NotNeeded | Login::Absent => String::new(),
        Login::Key(variable) => format!("; without a provider it uses the key in {variable}"),
        Login::File(file) => format!("; without a provider it uses the login in {}", file.display()),
    };
    let missing = seen
        .missing
        .map(|missing| format!(". {missing}"))
        .unwrap_or_default();
    let state = match &seen.version {
        Fitness::TooOld(_) => State::Bad,
        Fitness::Untried(_) | Fitness::Unknown => State::Note,
        _ => State::Good,
    };
    (state, format!("{}{version}{login}{missing}", program.display()))
}
