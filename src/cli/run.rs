//! `footplate run`: the same workflow on a repository of this machine, without GitHub.
//!
//! The result is a branch of that repository; what is checked out there is neither used nor touched.
//! Progress goes to standard error, the report to standard output, and the log of the run is kept, so that
//! `footplate runs` and `footplate replay` know it and `--resume` goes on with it.

mod drive;
mod issue;
mod keep;
mod line;
mod outcome;
mod prepare;
mod progress;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::exit::{Failure, Kind};
use super::trace;
use crate::config::Settings;
use crate::github::IssueText;
use drive::{Decider, Signals};
use keep::Keep;
use line::Line;
use progress::Progress;

pub(super) use keep::{cancel_idle, database_file};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The repository to work on: any folder in it.
    ///
    /// Only commits count; what is checked out and not committed there is neither used nor touched.
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,

    /// A file with the issue: the first line is the title, the rest the text. `-` reads standard input.
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    issue: Option<PathBuf>,

    /// The branch to build on; without it, the one that is checked out.
    #[arg(long, value_name = "BRANCH")]
    base: Option<String>,

    /// Approves the plan without asking.
    #[arg(long)]
    yes: bool,

    /// Ends with the plan.
    #[arg(long, conflicts_with = "yes")]
    plan_only: bool,

    /// Who does the work, for all roles, instead of the routes of the settings; repeated, the next one is asked
    /// where the one before fails.
    #[arg(long = "agent", value_name = "CANDIDATE", conflicts_with = "command")]
    agents: Vec<String>,

    /// A workflow file to follow, instead of the repository's or the built-in one.
    #[arg(long, value_name = "FILE")]
    workflow: Option<PathBuf>,

    /// Writes the report to a file as well.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Keeps quiet about progress.
    #[arg(long)]
    quiet: bool,

    /// Goes on with a run that waits for a decision or was broken off, by its id or its beginning or end.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["repo", "issue", "base", "workflow", "plan_only", "agents"])]
    resume: Option<String>,

    /// After `--`: a program that does the work of all roles, with its arguments. Files among them may be
    /// named from this folder.
    #[arg(last = true, value_name = "PROGRAM")]
    command: Vec<String>,

    #[command(flatten)]
    pub(super) log: trace::Log,
}

/// The runtime of a local run: one thread, on which everything that waits takes turns. Programs and files have threads
/// of their own anyway, and a second thread for the rest would only be woken in order to be handed what the first one
/// is about to do.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(machine)
}

pub(super) async fn main(settings: Settings, arguments: Arguments) -> Result<ExitCode, Failure> {
    // Before signals are listened to: reading standard input can be broken off only by ending.
    let issue = arguments.issue.as_deref().map(issue::read).transpose()?;
    let mut signals = Signals::listen()?;
    let settings = prepare::settings(settings, &arguments)?;
    outcome::check_place(arguments.report.as_deref())?;
    let keep = Keep::open(&settings).await?;
    let result = go(&settings, &arguments, issue, &keep, &mut signals).await;
    let closed = keep.close().await;
    let code = result?;
    closed?;
    Ok(code)
}

async fn go(
    settings: &Settings,
    arguments: &Arguments,
    issue: Option<IssueText>,
    keep: &Keep,
    signals: &mut Signals,
) -> Result<ExitCode, Failure> {
    let job = match (&arguments.resume, &issue) {
        (Some(run), _) => prepare::resumed(settings, keep, run).await?,
        (None, Some(issue)) => prepare::fresh(settings, arguments, issue, keep).await?,
        (None, None) => {
            return Err(Failure::said(
                Kind::Missing,
                "there is no issue; name its file with `--issue`",
            ));
        }
    };
    let _alone = keep.claim(job.run())?;
    if !arguments.quiet {
        job.announce();
    }
    let decider = Decider::new(arguments.yes, arguments.issue.as_deref());
    let mut progress = Progress::new(arguments.quiet);
    let mut line = Line::start(settings, keep, job).await?;
    let driven = drive::drive(&mut line, decider, &mut progress, signals).await;
    line.stop().await?;
    let ending = driven?;
    outcome::tell(&line, &ending, arguments).await
}

/// A failure of this machine.
fn machine(error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Kind::Machine, error)
}
