//! `footplate runs list|show|cancel`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use serde_json::json;

use super::exit::{Failure, Kind};
use super::{ledger, run, show};
use crate::command::Command;
use crate::config::Settings;
use crate::engine::{Book, LocalOrder, Page};
use crate::model::{Clock, SystemClock};
use crate::run::{Node, NodePhase, phase};
use crate::store::{Database, FindRun, InboxKind, Journal, ListRuns, NewOutcome, RunRow};

#[derive(Debug, Subcommand)]
pub(super) enum Arguments {
    /// Lists runs, youngest first.
    List {
        /// Also those that are over.
        #[arg(long)]
        all: bool,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Shows a run: its steps, attempts and costs.
    Show {
        /// The run's id, or its beginning or end.
        run: String,
        /// Shows what each attempt used instead: tokens, money, windows, time.
        #[arg(long)]
        ledger: bool,
        /// Prints the ledger as CSV.
        #[arg(long, requires = "ledger")]
        csv: bool,
    },
    /// Cancels a run.
    Cancel {
        /// The run's id, or its beginning or end.
        run: String,
    },
}

pub(super) async fn main(
    settings: &Settings,
    arguments: &Arguments,
    json: bool,
) -> Result<ExitCode, Failure> {
    let stores = Stores::open(settings).await?;
    match arguments {
        Arguments::List { all, limit } => {
            let filter = ListRuns {
                ended: (!all).then_some(false),
                limit: *limit,
                ..ListRuns::default()
            };
            let mut rows = stores.server.list(filter.clone()).await?;
            if let Some(local) = &stores.local {
                rows.extend(local.list(filter).await?);
            }
            // An id begins with the time of birth.
            rows.sort_by(|one, other| other.run.cmp(&one.run));
            rows.truncate(*limit);
            list(&rows, json);
        }
        Arguments::Show { run, ledger, csv } => {
            let (store, row) = stores.find(run).await?;
            if *ledger {
                ledger::show(store.clone(), &row, *csv, json).await?;
            } else {
                show_run(store.clone(), &row, json).await?;
            }
        }
        Arguments::Cancel { run } => {
            let (store, row) = stores.find(run).await?;
            if row.ended {
                return Err(Failure::said(
                    Kind::Answer,
                    format!("run {} is over already: {}", row.run, row.state),
                ));
            }
            let is_local = row.issue.is_none();
            if is_local && run::cancel_idle(settings, store, &row.run).await? {
                show::line(format!("Run {} is cancelled.", row.run));
                stores.close().await?;
                return Ok(ExitCode::SUCCESS);
            }
            let order = LocalOrder {
                run: row.run.clone(),
                command: Command::Cancel,
            };
            let received = SystemClock.now();
            store
                .deliver(NewOutcome {
                    kind: InboxKind::Order,
                    key: format!("cancel/{}/{}", row.run, received.0),
                    lane: row.run.to_string(),
                    body: serde_json::to_vec(&order).map_err(|error| Failure::new(Kind::Machine, error))?,
                    facts: String::new(),
                    received,
                })
                .await?;
            let by = if is_local {
                "the process that drives it"
            } else {
                "the server"
            };
            show::line(format!(
                "Run {} will be cancelled by {by}, within seconds where it is running.",
                row.run
            ));
        }
    }
    stores.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Where runs are kept: the store that the settings name, and that of local runs where there is one.
pub(super) struct Stores {
    server: Database,
    local: Option<Database>,
}

impl Stores {
    pub(super) async fn open(settings: &Settings) -> Result<Self, Failure> {
        let local = run::database_file(settings);
        Ok(Self {
            server: Database::open(&settings.database_url, Arc::new(SystemClock)).await?,
            local: if local.exists() {
                let url = format!("sqlite:{}", local.display());
                Some(Database::open(&url, Arc::new(SystemClock)).await?)
            } else {
                None
            },
        })
    }

    /// Finds the run that somebody means, and the store that holds it.
    pub(super) async fn find(&self, run: &str) -> Result<(&Database, RunRow), Failure> {
        if let Some(local) = &self.local
            && let Some(row) = local.find(FindRun::ById(run.to_owned())).await?
        {
            return Ok((local, row));
        }
        Ok((&self.server, find(&self.server, run).await?))
    }

    pub(super) async fn close(&self) -> Result<(), Failure> {
        if let Some(local) = &self.local {
            local.close().await?;
        }
        Ok(self.server.close().await?)
    }
}

/// Finds the run that somebody means.
pub(super) async fn find(store: &Database, run: &str) -> Result<RunRow, Failure> {
    let found = store.find(FindRun::ById(run.to_owned())).await?;
    found.ok_or_else(|| {
        Failure::said(
            Kind::Missing,
            format!("there is no run `{run}`; `footplate runs list --all` names them"),
        )
    })
}

fn list(rows: &[RunRow], json: bool) {
    if json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "run": row.run, "repository": row.repository_name, "issue": row.issue, "pull": row.pull,
                    "title": row.title, "workflow": row.workflow, "state": row.state,
                    "created": row.created.to_string(), "updated": row.updated.to_string(),
                    "cost_micro_usd": row.cost,
                })
            })
            .collect();
        return show::json(&json!({ "runs": rows }));
    }
    if rows.is_empty() {
        return show::aside("There are no runs.");
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.run.to_string(),
                row.state.clone(),
                match row.issue {
                    Some(issue) => format!("{}#{issue}", row.repository_name),
                    None => row.repository_name.to_string(),
                },
                row.pull.map_or(String::new(), |pull| format!("#{pull}")),
                row.cost.map_or("unknown".to_owned(), |cost| cost.to_string()),
                row.title.chars().filter(|c| !c.is_control()).take(50).collect(),
            ]
        })
        .collect();
    show::table(&["RUN", "STATE", "ISSUE", "PULL", "COST", "TITLE"], &cells);
}

/// Reads a run's log.
pub(super) async fn page(store: Database, row: &RunRow) -> Result<Page, Failure> {
    let page = Book::new(store, SystemClock).look(&row.run).await?;
    page.ok_or_else(|| Failure::said(Kind::Missing, format!("run {} has no log", row.run)))
}

async fn show_run(store: Database, row: &RunRow, json: bool) -> Result<(), Failure> {
    let page = page(store, row).await?;
    let run = &page.run;
    let standing = phase(&page.frozen, run);
    let (usage, tokens_unknown) = run.usage();
    let (cost, cost_unknown) = run.cost();
    let nodes: Vec<(&str, &Node)> = page
        .frozen
        .workflow
        .nodes
        .iter()
        .filter_map(|node| Some((node.id.as_str(), run.node(&node.id)?)))
        .collect();
    if json {
        let nodes: Vec<_> = nodes
            .iter()
            .map(|(id, node)| {
                let attempts: Vec<_> = node
                    .attempts
                    .iter()
                    .map(|attempt| {
                        json!({
                            "generation": attempt.generation, "n": attempt.n,
                            "candidate": attempt.candidate.as_ref().map(|(_, name)| name),
                            "began": attempt.began.map(|at| at.to_string()),
                            "report": attempt.report,
                        })
                    })
                    .collect();
                json!({ "node": id, "state": word(&node.phase), "generation": node.generation, "attempts": attempts })
            })
            .collect();
        show::json(&json!({
            "run": row.run, "state": standing.as_str(), "title": run.created.title, "base": run.created.base,
            "base_commit": run.base_commit, "branch": run.created.branch, "pushed": run.pushed,
            "pull": run.pull.as_ref().map(|pull| &pull.url), "tokens": usage, "tokens_complete": !tokens_unknown,
            "cost_micro_usd": cost, "cost_complete": !cost_unknown, "nodes": nodes,
        }));
        return Ok(());
    }
    show::line(format!("{}  {}  {}", row.run, standing, run.created.title));
    show::line(format!(
        "base {} at {}, branch {}",
        run.created.base,
        run.base_commit.short(),
        run.created.branch
    ));
    if let Some(pull) = &run.pull {
        show::line(format!("pull request {}", pull.url));
    }
    if let Some(stuck) = &run.stuck {
        show::line(format!("waits for a person: {}", stuck.why));
    }
    for node in run.nodes.values() {
        if let NodePhase::Backoff {
            until,
            why: Some(why),
        } = &node.phase
        {
            show::line(format!("waits until {until}: {why}"));
        }
    }
    let known = |unknown: bool| {
        if unknown {
            " (and more that nobody reported)"
        } else {
            ""
        }
    };
    show::line(format!(
        "{} tokens{}, {cost}{}",
        usage.total(),
        known(tokens_unknown),
        known(cost_unknown)
    ));
    let cells: Vec<Vec<String>> = nodes
        .iter()
        .map(|(id, node)| {
            let used: Vec<&str> = node
                .attempts
                .iter()
                .filter_map(|attempt| attempt.candidate.as_ref().map(|(_, name)| name.as_str()))
                .collect();
            let spent: Duration = node
                .attempts
                .iter()
                .filter_map(|attempt| attempt.report.as_ref())
                .map(|report| report.ended.since(report.started))
                .sum();
            let spent = if node.attempts.is_empty() {
                String::new()
            } else {
                format!("{:.1} s", spent.as_secs_f64())
            };
            vec![
                (*id).to_owned(),
                word(&node.phase).to_owned(),
                node.attempts.len().to_string(),
                spent,
                used.last().map_or(String::new(), |name| (*name).to_owned()),
            ]
        })
        .collect();
    show::table(&["STEP", "STATE", "TRIES", "TIME", "CANDIDATE"], &cells);
    Ok(())
}

/// A node's state in a word.
pub(super) fn word(phase: &NodePhase) -> &'static str {
    match phase {
        NodePhase::Pending => "pending",
        NodePhase::Running => "running",
        NodePhase::Backoff { .. } => "pausing",
        NodePhase::Open { .. } => "waiting",
        NodePhase::Succeeded => "done",
        NodePhase::Failed { .. } => "failed",
        NodePhase::Skipped { .. } => "skipped",
    }
}
