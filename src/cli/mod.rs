//! The command line: one file a subcommand.
//!
//! This is the only floor that prints, exits and uses `anyhow`.
//! What a subcommand does, stands below; here is only how it is asked for and how its failure is told.

mod doctor;
mod exit;
mod ledger;
mod prices;
mod rehearse;
mod replay;
mod run;
mod runs;
mod serve;
mod show;
mod trace;
mod workflow;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::agent::{self, ScriptedHarness, sandbox};
use crate::config::Settings;
use exit::{Failure, Kind};

/// The driver of mixed-provider coding workflows: from a labeled issue to a validated pull request.
#[derive(Debug, Parser)]
#[command(name = "footplate", version, about, max_term_width = 100)]
struct Arguments {
    /// The settings file. Without it, `footplate.yml` in this folder is read where there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Prints lists as JSON.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Serves webhooks and drives runs.
    Serve(serve::Arguments),
    /// Runs the workflow on a local repository, without GitHub.
    Run(run::Arguments),
    /// Plays the whole way from label to pull request against a stand-in for GitHub.
    Rehearse(rehearse::Arguments),
    /// Checks and draws workflow files.
    #[command(subcommand)]
    Workflow(workflow::Arguments),
    /// Lists, shows and cancels runs.
    #[command(subcommand)]
    Runs(runs::Arguments),
    /// Lists models with their prices, and compares them with a price file.
    #[command(subcommand)]
    Prices(prices::Arguments),
    /// Tells the story of a run from its log.
    Replay(replay::Arguments),
    /// Says what is installed, what is configured, and what is missing.
    Doctor(doctor::Arguments),
}

/// Runs the command line and says how the process should end.
pub fn main() -> ExitCode {
    // Git asks for credentials by starting this program again; it has nothing else to say then.
    if crate::git::askpass_wanted() {
        return match crate::git::askpass_main() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    // Before anything else is set up: these processes play an agent, speak for one, or confine themselves.
    match std::env::args_os().nth(1) {
        Some(word) if word == ScriptedHarness::SUBCOMMAND => return agent::scripted_main(std::env::args_os()),
        Some(word) if word == agent::BUILTIN_SUBCOMMAND => return agent::builtin_main(),
        Some(word) if word == agent::BRIDGE_SUBCOMMAND => {
            return agent::bridge_main(std::env::args().skip(2).collect());
        }
        Some(word) if word == sandbox::CONFINE => return sandbox::confine_main(std::env::args_os()),
        Some(word) if word == sandbox::RELAY => return sandbox::relay_main(std::env::args_os()),
        _ => {}
    }
    let arguments = Arguments::parse();
    match dispatch(arguments) {
        Ok(code) => code,
        Err(failure) => failure.tell(),
    }
}

fn dispatch(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments {
        config,
        json,
        command,
    } = arguments;
    match command {
        Subcommands::Workflow(arguments) => workflow::main(&arguments, json),
        Subcommands::Serve(arguments) => {
            let settings = settings(config)?;
            trace::start(&arguments.log);
            runtime()?.block_on(serve::main(settings))
        }
        Subcommands::Run(arguments) => {
            trace::start(&arguments.log);
            let settings = settings(config)?;
            run::runtime()?.block_on(run::main(settings, arguments))
        }
        Subcommands::Rehearse(arguments) => {
            trace::start(&arguments.log);
            let settings = if arguments.live {
                Some(settings(config)?)
            } else {
                None
            };
            runtime()?.block_on(rehearse::main(settings, arguments))
        }
        Subcommands::Runs(arguments) => runtime()?.block_on(runs::main(&settings(config)?, &arguments, json)),
        Subcommands::Prices(arguments) => prices::main(&settings(config)?, &arguments, json),
        Subcommands::Replay(arguments) => {
            runtime()?.block_on(replay::main(&settings(config)?, &arguments, json))
        }
        Subcommands::Doctor(arguments) => {
            runtime()?.block_on(doctor::main(config.as_deref(), &arguments, json))
        }
    }
}

/// Reads the settings: the file that was named, else `footplate.yml` here where there is one; then the environment.
fn settings(file: Option<PathBuf>) -> Result<Settings, Failure> {
    let here = PathBuf::from("footplate.yml");
    let file = file.or_else(|| here.is_file().then_some(here));
    Settings::load(file.as_deref(), crate::config::environment)
        .map_err(|error| Failure::new(Kind::Configuration, error))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Kind::Machine, error))
}
