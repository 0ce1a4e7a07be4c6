//! The account of a child process that has ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Terminal;
use crate::ledger::WindowShare;
use crate::model::{MicroUsd, Timestamp, TokenUsage};

/// What became of an attempt's process. Whether that is a success is for [`crate::agent::verdict()`] to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// How the program itself ended.
    pub exit: Exit,
    /// Why it was stopped, where it did not end by itself. Kept whatever it printed or returned.
    pub stopped: Option<Stop>,
    /// What the harness reported, summed; `None` where it reported nothing.
    pub usage: Option<TokenUsage>,
    /// What the harness reported; `None` unless every report of usage named a cost.
    pub cost: Option<MicroUsd>,
    /// The agent's words: its text events, else its plain standard output. Blank lines normalized; of long
    /// texts the last 64 KiB.
    pub text: String,
    /// The last 16 KiB of all output, for people who look for the reason.
    pub output_tail: String,
    /// The files of edits that did not apply, in order, at most 100.
    pub edit_failures: Vec<String>,
    /// How many lines of output were not blank.
    pub events: u64,
    /// What the harness said of its own end; `None` for one that knows no such event.
    pub terminal: Option<Terminal>,
    /// Whether it had said its last word and did not exit, so that it was killed. Its exit then says nothing.
    pub lingered: bool,
    /// How often it asked its model again because of an error, as it says.
    pub retries: u32,
    /// The harness's id of the session.
    pub session: Option<String>,
    /// The model that answered, as the harness says; the wire knows better.
    pub model_reported: Option<String>,
    /// The windows of a subscription, as the harness says.
    pub windows: Vec<WindowShare>,
    /// What it took to end the tree.
    pub killed: Killed,
    /// When it began.
    pub started: Timestamp,
    /// When the last process was gone.
    pub ended: Timestamp,
    /// How long that was, by a clock that never jumps.
    pub wall: Duration,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Exit {
    /// Whether it returned 0.
    pub fn is_ok(self) -> bool {
        self == Self::Code(0)
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        status
            .code()
            .map_or_else(|| Self::Signal(status.signal().unwrap_or(0)), Self::Code)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => match nix::sys::signal::Signal::try_from(*signal) {
                Ok(name) => write!(f, "{name}"),
                Err(_) => write!(f, "signal {signal}"),
            },
        }
    }
}

/// Why a process was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It gave no first sign of life in time.
    FirstEvent,
    /// It fell silent.
    Idle,
    /// It took too long.
    Wall,
    /// Somebody asked for it.
    Cancelled,
    /// It printed more than anybody could want.
    OutputFlood,
}

/// What it took to end a process tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Killed {
    /// TERM was sent.
    pub term: bool,
    /// The program outlived the grace and got KILL.
    pub kill: bool,
    /// How many processes of the tree got KILL besides the program itself.
    pub leftovers: u32,
    /// How many were still there at the end, such as those stuck in the kernel. Anything but 0 is an alarm:
    /// the worktree must not be given to another attempt.
    pub survivors: u32,
}
