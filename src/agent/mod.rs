//! Agents and checks as child processes: started, watched, judged, and killed with their whole tree.
//!
//! The way of an attempt through this folder:
//! - [`place`] prepares the artifact folder and puts the inputs there;
//! - a [`Harness`] turns an [`Order`] into a command line ([`CliHarness`], [`AcpHarness`], [`BuiltinHarness`],
//!   [`CommandHarness`], [`ScriptedHarness`]); [`examine()`] says beforehand whether it is installed and fit;
//! - `supervise` starts it in a cleared environment, reads what it prints, and stops it at its [`Limits`];
//! - `tree` finds what belongs to it by a mark in the environment ([`Marker`]) and leaves nothing alive;
//!   [`kill_leftovers`] does the same for a server that died without warning;
//! - `dialect` says how each harness is told its orders and reads what it prints, up to its last word, a
//!   [`Terminal`]; [`Ended`] is the account of it all;
//! - [`collect`] takes the declared artifacts out of the folder, and [`verdict()`] says, from facts alone,
//!   whether the attempt succeeded.
//!
//! [`run_checks`] runs a repository's own commands the same way, and [`counts()`] reads how many tests ran.
//!
//! Deliberately left to others: what an artifact must contain (`contract`), what the tree's changes are
//! (`git`), and which candidate comes next (`run`).
//! [`sandbox`] confines children. Without a namespace of its own, a process that both clears its environment and
//! detaches itself from its parents before they are stopped can escape the search here.

mod acp;
mod artifacts;
mod bridged;
mod builtin;
mod check;
mod counts;
mod dialect;
mod ended;
mod environment;
mod error;
mod examine;
mod harness;
mod lines;
mod marker;
mod needs;
mod order;
mod processes;
pub mod sandbox;
mod script;
mod scripted;
mod supervise;
mod tail;
mod tree;
mod variables;
mod verdict;

pub use acp::{BRIDGE_SUBCOMMAND, bridge_main};
pub use artifacts::{CollectError, MAX_ARTIFACT_BYTES, Refusal, collect, place, place_beside};
pub use bridged::AcpAgent;
pub use builtin::{BUILTIN_SUBCOMMAND, builtin_main};
pub use check::{CheckOrder, CheckRun, CommandRun, Outcome, Sandboxes, run_checks};
pub use counts::{Counter, TestCounts, counts};
pub use dialect::{Terminal, TerminalError, TerminalKind};
pub use ended::{Ended, Exit, Killed, Stop};
pub use environment::DEFAULT_PATH;
pub use error::Error;
pub use examine::{Examination, Fitness, Login, Version, examine};
pub use harness::{
    AcpHarness, Agent, BuiltinHarness, Cli, CliHarness, CommandHarness, Harness, ScriptedHarness, probe,
};
pub use marker::Marker;
pub use order::{Limits, Observer, Order, Progress};
pub use script::{Script, ScriptError, Step};
pub use scripted::scripted_main;
pub use tree::{Leftover, kill_leftovers};
pub use variables::{Filled, Variables};
pub use verdict::{FailureClass, Verdict, VerdictFacts, verdict};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
