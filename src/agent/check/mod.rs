//! A repository's own commands: its set-up, and the tests that decide.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::counts::{Counter, TestCounts};
use super::environment::Environment;
use super::lines::Line;
use super::sandbox::Confined;
use super::supervise::{Launch, Sink, supervise};
use super::tail::{self, Tail};
use super::{Error, Exit, Killed, Limits, Marker, Stop};
use crate::model::AttemptKey;

/// Of each command's output the end is kept; it holds the summary and the last failures.
const MAX_TAIL: usize = 16 * 1024;

/// Commands to run in a checkout.
#[derive(Debug, Clone)]
pub struct CheckOrder {
    /// The attempt that these commands belong to. Each command's end is the end of every process with its mark,
    /// so that nothing else may run under the same key meanwhile.
    pub key: AttemptKey,
    /// The mark of the server.
    pub server: Marker,
    /// The root of the checkout: the working directory.
    pub checkout: PathBuf,
    /// What makes the checkout ready, in order. The first that fails ends it all.
    pub setup: Vec<String>,
    /// What decides, in order. All of them run.
    pub commands: Vec<String>,
    /// For each command; [`Limits::silent`] suits builds.
    pub limits: Limits,
    /// The sandbox of the set-up commands, and that of the deciding ones.
    pub sandboxes: Sandboxes,
    /// A private home, as in [`crate::agent::Order::home`].
    pub home: PathBuf,
    /// The search path for programs; [`crate::agent::DEFAULT_PATH`] where unset.
    pub path: Option<String>,
    /// Further variables that the operator lets through.
    pub env: BTreeMap<String, String>,
}

/// The sandboxes of a checkout's commands; those without one run with the server's rights.
#[derive(Debug, Clone, Default)]
pub struct Sandboxes {
    /// Of the set-up commands, which may reach more hosts.
    pub setup: Option<Confined>,
    /// Of the commands that decide.
    pub commands: Option<Confined>,
}

/// What became of the commands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CheckRun {
    /// The set-up commands that ran; the last one may have failed.
    pub setup: Vec<CommandRun>,
    /// The deciding commands that ran: all, unless the set-up failed or it was cancelled.
    pub commands: Vec<CommandRun>,
}

/// One command that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRun {
    /// The command, as `sh -c` got it.
    pub run: String,
    /// How the shell ended.
    pub exit: Exit,
    /// Why it was stopped, if it was.
    pub stopped: Option<Stop>,
    /// How long it took.
    pub wall: Duration,
    /// How many tests ran, if its output tells.
    pub tests: Option<TestCounts>,
    /// Whether its output says that a program or module is not installed.
    pub tool_missing: bool,
    /// The end of its output, both streams, clean of terminal sequences.
    pub tail: String,
    /// What it took to end its tree.
    pub killed: Killed,
}

/// What a command's run shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ended well, and tests ran.
    Passed,
    /// It ended well, and does not say how many tests ran, if any: a linter, a build, a quiet runner.
    PassedUncounted,
    /// It ran and says no.
    Failed,
    /// No test ran: that shows nothing, whatever the exit code.
    NoTests,
    /// What it needs is not installed: that shows nothing either.
    ToolMissing,
    /// It was stopped at a limit.
    Stopped,
    /// It was cancelled.
    Cancelled,
}

impl Outcome {
    /// Whether it shows anything about the code, good or bad. What does not is "not verified".
    pub fn is_verified(self) -> bool {
        matches!(
            self,
            Self::Passed | Self::PassedUncounted | Self::Failed | Self::Stopped
        )
    }

    /// Whether it speaks for the code.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Passed | Self::PassedUncounted)
    }
}

impl CommandRun {
    /// The exit code; `None` if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        match self.exit {
            Exit::Code(code) => Some(code),
            Exit::Signal(_) => None,
        }
    }

    /// What the run shows.
    pub fn outcome(&self) -> Outcome {
        match (self.stopped, self.tests) {
            (Some(Stop::Cancelled), _) => Outcome::Cancelled,
            (Some(_), _) => Outcome::Stopped,
            (None, Some(tests)) if tests.failed > 0 => Outcome::Failed,
            (None, Some(tests)) if tests.passed == 0 => {
                if self.tool_missing {
                    Outcome::ToolMissing
                } else {
                    Outcome::NoTests
                }
            }
            (None, tests) => match self.exit {
                Exit::Code(0) if self.tool_missing && tests.is_none() => Outcome::ToolMissing,
                Exit::Code(0) if tests.is_some() => Outcome::Passed,
                Exit::Code(0) => Outcome::PassedUncounted,
                // 126 and 127 are the shell's words for a program it cannot run or find.
                Exit::Code(126 | 127) => Outcome::ToolMissing,
                Exit::Code(_) | Exit::Signal(_) if self.tool_missing && tests.is_none() => {
                    Outcome::ToolMissing
                }
                Exit::Code(_) | Exit::Signal(_) => Outcome::Failed,
            },
        }
    }
}

/// Runs the commands one after another with `sh -c`, and leaves none of their processes alive.
///
/// # Errors
/// A command could not be started at all: no shell, no checkout, no home.
pub async fn run_checks(order: &CheckOrder, cancel: &CancellationToken) -> Result<CheckRun, Error> {
    let mut run = CheckRun::default();
    for command in &order.setup {
        let done = run_command(order, command, order.sandboxes.setup.as_ref(), cancel).await?;
        let ready = done.stopped.is_none() && done.exit.is_ok();
        run.setup.push(done);
        if !ready {
            return Ok(run);
        }
    }
    for command in &order.commands {
        if cancel.is_cancelled() {
            break;
        }
        let sandbox = order.sandboxes.commands.as_ref();
        run.commands
            .push(run_command(order, command, sandbox, cancel).await?);
    }
    Ok(run)
}

async fn run_command(
    order: &CheckOrder,
    command: &str,
    sandbox: Option<&Confined>,
    cancel: &CancellationToken,
) -> Result<CommandRun, Error> {
    let marker = order.server.of_attempt(&order.key);
    let mut environment = Environment::prepare(&order.home, order.path.as_deref(), &order.env, &marker)?;
    // Test runners take this as "nobody is watching": no watch mode, no colors, no progress bars.
    environment.set("CI", "true");
    let argv = ["sh".to_owned(), "-c".to_owned(), command.to_owned()];
    let launch = Launch {
        argv: &argv,
        folder: &order.checkout,
        environment: &environment,
        marker,
        stdin: None,
        limits: order.limits,
        merged: true,
        sandbox,
    };
    let mut output = Output {
        tail: Tail::new(MAX_TAIL),
        counter: Counter::default(),
        tool_missing: false,
    };
    let course = supervise(launch, cancel, &mut output).await?;
    Ok(CommandRun {
        run: command.to_owned(),
        exit: course.exit,
        stopped: course.stopped,
        wall: course.wall,
        tests: output.counter.finish(),
        tool_missing: output.tool_missing,
        tail: output.tail.text(),
        killed: course.killed,
    })
}

struct Output {
    tail: Tail,
    counter: Counter,
    tool_missing: bool,
}

impl Sink for Output {
    fn stdout(&mut self, line: Line<'_>) {
        self.tail.push(line.bytes);
        if !line.cut {
            let text = String::from_utf8_lossy(line.bytes);
            let text = tail::plain(&text);
            self.tool_missing |= says_missing(&text);
            self.counter.line(&text);
        }
    }

    fn stderr(&mut self, line: Line<'_>) {
        self.stdout(line);
    }
}

/// Whether a line is how a shell or a launcher says that something is not installed.
fn says_missing(line: &str) -> bool {
    let line = line.trim();
    let by_shell = line.split_once(": ").is_some_and(|(who, _)| who.ends_with("sh"))
        && (line.ends_with(": not found") || line.ends_with(": command not found"));
    by_shell
        || line.starts_with("npm ERR! Missing script:")
        || line.starts_with("npm error Missing script:")
        || line.starts_with("error: no such command:")
        || line.starts_with("make: *** No rule to make target")
        // `python3 -m pytest` without pytest; an import that fails inside a test has a traceback instead.
        || (line.contains("/python") || line.starts_with("python")) && line.contains(": No module named ")
}

#[cfg(test)]
mod tests;
