//! `footplate doctor`.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::exit::{Failure, Kind};
use super::show;
use crate::agent::probe;
use crate::config::{Sandbox, Settings, environment};
use crate::engine::Book;
use crate::model::SystemClock;
use crate::run::Recorded;
use crate::server::{find_git, harnesses};
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
            match find_git(settings.path.as_deref()).await {
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
            if let Some(Sandbox::None) = settings.sandbox {
                let says =
                    "none: agents run with the server's rights; let nothing of value be on this machine";
                say("sandbox", State::Note, says.to_owned());
            } else {
                let says = "there is no sandbox yet; `serve` wants `sandbox: none` to be said";
                say("sandbox", State::Bad, says.to_owned());
            }
            if settings.harnesses.is_empty() {
                say(
                    "harnesses",
                    State::Bad,
                    "none is configured; name one under `harnesses`".to_owned(),
                );
            }
            for (name, harness) in harnesses(&settings.harnesses)? {
                match probe(&harness, settings.path.as_deref()) {
                    Ok(program) => say(
                        &format!("harness {name}"),
                        State::Good,
                        program.display().to_string(),
                    ),
                    Err(error) => say(&format!("harness {name}"), State::Bad, error.to_string()),
                }
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
