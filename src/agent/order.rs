//! What an attempt is asked to do, and who is told of its progress.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::Marker;
use super::sandbox::Confined;
use crate::model::{AttemptKey, Dialect, MicroUsd, Role, Timestamp, TokenUsage};
use crate::route::Effort;

/// One attempt, ready to be started: everything that a harness may know.
#[derive(Debug, Clone)]
pub struct Order {
    /// The attempt.
    pub key: AttemptKey,
    /// The part that the node plays.
    pub role: Role,
    /// The mark of the server; the attempt's own is derived from it.
    pub server: Marker,
    /// Where the agent works: its working directory.
    pub worktree: PathBuf,
    /// The file that holds the prompt.
    pub brief: PathBuf,
    /// The artifact folder, `.footplate` in the worktree, prepared by [`crate::agent::place`].
    pub artifacts: PathBuf,
    /// A folder for this attempt alone, outside the worktree; it becomes `HOME`, and `tmp` in it `TMPDIR`.
    /// Created here where it is missing, removed by the caller.
    pub home: PathBuf,
    /// The model to ask for; unset where the harness has only one.
    pub model: Option<String>,
    /// The base URL at which the model answers; unset where nothing stands between agent and model.
    pub model_url: Option<String>,
    /// The protocol that is spoken at that URL; a harness that speaks several picks by it.
    pub dialect: Option<Dialect>,
    /// How hard the model should think; the harness decides where unset.
    pub effort: Option<Effort>,
    /// The dummy key for that URL; never a provider's key.
    pub model_key: Option<SecretString>,
    /// Whether the node must leave the tree as it is. Harnesses that can restrict their tools do;
    /// the caller resets the tree in any case.
    pub read_only: bool,
    /// Whether a sandbox of ours is around the harness, which may then leave its own off.
    pub confined: bool,
    /// The sandbox; without it the harness runs with the server's rights.
    pub sandbox: Option<Confined>,
    /// When to give up.
    pub limits: Limits,
    /// The search path for programs; [`crate::agent::DEFAULT_PATH`] where unset.
    pub path: Option<String>,
    /// Further variables that the operator lets through, such as `CARGO_HOME`. They cannot replace ours.
    pub env: BTreeMap<String, String>,
    /// The moment of the start, from the caller's clock.
    pub started: Timestamp,
}

/// When a child is given up. Only output that is not blank counts as a sign of life, and of a harness's events
/// only those that hold more than blank text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the start to the first sign of life.
    pub first_event: Duration,
    /// Between two signs of life.
    pub idle: Duration,
    /// Between two signs of life while a tool of the agent runs, where the harness tells so; never less than
    /// `idle`.
    pub tool: Duration,
    /// From start to end.
    pub wall: Duration,
    /// From the polite signal to the one that cannot be ignored.
    pub grace: Duration,
    /// All output together, in bytes. What is kept of it is far less.
    pub output: u64,
}

impl Limits {
    /// Output beyond this is a flood: the busiest real session seen printed 50 MB.
    pub const OUTPUT: u64 = 256 * 1024 * 1024;

    /// For commands that may be silent for as long as they run, such as a build.
    pub fn silent(wall: Duration) -> Self {
        Self {
            first_event: wall,
            idle: wall,
            tool: wall,
            wall,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    /// 2 min to the first event (thinking models start slowly), 10 min of silence, 20 min while a tool runs
    /// (a build or a test suite prints nothing that a harness would pass on), 30 min in all, and 5 s from TERM to KILL, which every agent that heeds TERM at all keeps.
    fn default() -> Self {
        Self {
            first_event: Duration::from_mins(2),
            idle: Duration::from_mins(10),
            tool: Duration::from_mins(20),
            wall: Duration::from_mins(30),
            grace: Duration::from_secs(5),
            output: Self::OUTPUT,
        }
    }
}

/// Is told what an agent does while it does it. Called on the task that reads the agent's output: be quick.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn saw(&self, progress: Progress<'_>);
}

/// Watches nothing.
impl Observer for () {
    fn saw(&self, _: Progress<'_>) {}
}

/// One sign of life. Texts are an agent's words: untrusted, but free of terminal sequences.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A line of plain output, never blank.
    Line(&'a str),
    /// Text that the agent addressed to people.
    Text(&'a str),
    /// What a step used, as the harness reports it.
    Usage(TokenUsage, Option<MicroUsd>),
    /// An edit did not apply to this file.
    EditFailed(&'a str),
}
