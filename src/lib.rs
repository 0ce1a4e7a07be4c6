//! Footplate, the driver of mixed-provider coding workflows: from a labeled GitHub issue to a validated pull
//! request.
//!
//! # One page of architecture
//!
//! A delivery of GitHub is verified by [`github::Door`], stored by [`store::Intake`], and only then answered.
//! From the inbox [`engine::Pump`] hands it to [`engine::Driver`], which asks [`engine::Desk`] what it means and
//! tells the run:
//!
//! ```text
//! events = run::decide(frozen, run, input, now)         pure
//! append(run, expected length, events)                  one transaction with the inbox mark and the run's row
//! for event in events { run::evolve(run, event) }       pure
//! start and stop until run::outstanding(run) is what is in flight
//! ```
//!
//! Actions are derived from the state, not emitted once: restart, cancel, timeout and takeover all compare what
//! should be in flight with what is. Each action has a key, and doing it twice is made harmless where it is done:
//! by [`engine::Bench`] (worktrees, agents, checks) and [`publish`] (comments, pushes, pull requests). Its outcome
//! comes back through the inbox, once. The event log is the only truth; folding it again gives the same state.
//!
//! An agent is a child process that reads a brief and changes files. It gets no token and none of the server's
//! environment; [`agent`] watches it, kills its whole tree, and judges from facts. [`git`] turns what it left into
//! a snapshot, [`contract`] lints its artifacts, and [`publish`] pushes only a commit that it has inspected.
//!
//! # Floors
//!
//! A module imports only what stands on a lower floor; siblings do not know each other, except that [`run`] and
//! [`report`] use the rest of floor 1. `tests/it/tidy.rs` checks it.
//!
//! | floor | modules | |
//! | --- | --- | --- |
//! | 0 | [`model`] [`suggest`] [`yaml`] | checked words; did-you-mean; texts with places |
//! | 1 | [`workflow`] [`route`] [`command`] [`contract`] [`ledger`] [`run`] [`report`] | pure decisions: no files, no clock, no chance |
//! | 2 | [`github`] [`git`] [`agent`] [`meter`] [`store`] | one outside world each |
//! | 3 | [`config`] [`publish`] | settings; what may be pushed and said |
//! | 4 | [`engine`] | the driver and its hands |
//! | 5 | [`server`] [`rehearsal`] | faces: HTTP, and a stand-in for GitHub |
//! | 6 | [`cli`] | one file a subcommand |
//!
//! `ARCHITECTURE.md` follows a label to its pull request, and a hang through the night.

// Floor 0: words.
pub mod model;
pub mod room;
pub mod suggest;
pub mod yaml;
// Floor 1: pure decisions, without input or output.
pub mod command;
pub mod contract;
pub mod ledger;
pub mod report;
pub mod route;
pub mod run;
pub mod workflow;
// Floor 2: one outside world each.
pub mod agent;
pub mod git;
pub mod github;
pub mod meter;
pub mod store;
// Floor 3: settings and publishing.
pub mod config;
pub mod publish;
// Floor 4: the driver.
pub mod engine;
// Floor 5: faces.
pub mod rehearsal;
pub mod server;
// Floor 6: the command line.
pub mod cli;
