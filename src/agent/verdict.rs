//! Whether an attempt succeeded: a conclusion from facts, never an exit code alone.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CollectError, Ended, Error, Exit, Refusal, Stop, TerminalKind};
use crate::ledger::WireFault;
use crate::model::{ArtifactName, Timestamp};

/// What is known beside the account of the process.
#[derive(Debug, Clone, Copy)]
pub struct VerdictFacts<'a> {
    /// Whether the node must change the tree.
    pub must_change: bool,
    /// Whether it did, as git sees it. A read-only node's changes are reset by the caller and do not fail it.
    pub changed: bool,
    /// Whether the worktree's `.git` is no longer what it was.
    pub tampered: bool,
    /// How many artifacts were declared and collected.
    pub collected: usize,
    /// Those that were declared and refused.
    pub refused: &'a [CollectError],
    /// What went wrong between harness and provider, as the meter saw it: of each kind the newest, in the
    /// order in which they were last seen. Empty where no meter stood between them.
    pub wire: &'a [WireFault],
    /// Whether another model than the one that was asked for fails the attempt; otherwise it is for the caller
    /// to mention.
    pub exact_model: bool,
}

/// The conclusion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The attempt did what it was asked, as far as can be seen without judging its content.
    Success,
    /// It did not.
    Failure(FailureClass),
}

/// Why an attempt failed. Its display is one short sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum FailureClass {
    /// It hung, or took too long; what it had printed before does not matter.
    Hang {
        /// The limit that it met.
        limit: Stop,
    },
    /// It printed without end.
    OutputFlood,
    /// It ended with an error, or by its own word without success.
    Crash {
        /// How.
        exit: Exit,
    },
    /// Somebody stopped it.
    Cancelled,
    /// Its provider had too many requests, or a window of its subscription is used up.
    RateLimited {
        /// When it may be asked again, where it said so.
        until: Option<Timestamp>,
    },
    /// Its provider refused the key.
    Auth {
        /// The status, where one is known.
        status: Option<u16>,
    },
    /// Its provider failed or could not be reached.
    Unavailable {
        /// The status, where there was one.
        status: Option<u16>,
    },
    /// Its provider called a request of it wrong.
    Rejected {
        /// The status, where one is known.
        status: Option<u16>,
    },
    /// Another model answered than the one that was asked for, or the provider does not know that one.
    WrongModel {
        /// The model that answered; none where the provider knew none of that name.
        served: Option<String>,
    },
    /// It reached a limit on money, requests or turns.
    Budget,
    /// The model called tools in a way that cannot be read.
    MalformedCall,
    /// The answer was cut off by a limit of its length.
    Truncated,
    /// The model or its provider refused the task.
    Refused,
    /// It changed nothing, and edits had not applied.
    EditFailed {
        /// How many.
        count: u32,
    },
    /// It left neither words nor files.
    Empty,
    /// Declared artifacts are not there.
    MissingArtifact {
        /// Which.
        names: Vec<ArtifactName>,
    },
    /// Declared artifacts were not written anew.
    StaleArtifact {
        /// Which.
        names: Vec<ArtifactName>,
    },
    /// Declared artifacts are no plain files of their own: links, pipes, too large.
    RefusedArtifact {
        /// Which, and why.
        artifacts: Vec<CollectError>,
    },
    /// It should have changed the tree and did not.
    NoChange,
    /// It replaced the worktree's `.git`.
    Tampered,
    /// Processes of it could not be killed; its worktree must not be used again.
    Unkillable {
        /// How many.
        count: u32,
    },
    /// It could not begin.
    NotStarted {
        /// Why, as one sentence.
        why: String,
    },
}

/// Says whether an attempt succeeded.
///
/// It did if it ended by itself with exit code 0 and called its own end a success where it has a word for
/// that, left every declared artifact, new and plain, changed the tree where it must, and said or left
/// anything at all. The last condition wants words only from an agent that leaves neither artifact nor
/// change: files are an answer.
///
/// The reasons of a failure in the order in which they win; the first that holds is the class:
///
/// | what | class |
/// | --- | --- |
/// | processes that could not be killed | `Unkillable` |
/// | it was stopped: by somebody, at the output limit, at a limit of time | `Cancelled`, `OutputFlood`, `Hang` |
/// | the worktree's `.git` was replaced | `Tampered` |
/// | another model answered, and none but the asked one may | `WrongModel` |
/// | **it failed by exit or by its own word:** | |
/// | the meter refused for the budget, or for too many requests | `Budget` |
/// | it says itself that it met a limit of its own | `Budget` |
/// | it says itself that it was cut off, or refused | `Truncated`, `Refused` |
/// | the newest fault on the wire | that fault's class |
/// | its own typed error | that error's class |
/// | otherwise | `Crash` |
/// | **it ended well, with a trap among its artifacts** | `RefusedArtifact` |
/// | **it ended well, and what it was asked for is not there:** | |
/// | the meter refused for the budget; the newest of refusal, cut-off, malformed call on the wire | that class |
/// | it has no last words: the newest fault on the wire | that fault's class |
/// | edits failed and nothing changed | `EditFailed` |
/// | it said nothing, or the newest fault on the wire is an empty answer | `Empty` |
/// | otherwise | `MissingArtifact`, `StaleArtifact`, `NoChange` |
///
/// The wire comes before the harness because a harness only sees what the meter passes on, such as a 403 for
/// a spent budget. A fault on the wire alone fails nothing: what was overcome stays a success. The exit of a
/// harness that was killed because it did not end after its last word says nothing.
pub fn verdict(ended: &Ended, facts: VerdictFacts<'_>) -> Verdict {
    match failure(ended, facts) {
        Some(class) => Verdict::Failure(class),
        None => Verdict::Success,
    }
}

fn failure(ended: &Ended, facts: VerdictFacts<'_>) -> Option<FailureClass> {
    if ended.killed.survivors > 0 {
        return Some(FailureClass::Unkillable {
            count: ended.killed.survivors,
        });
    }
    match ended.stopped {
        Some(Stop::Cancelled) => return Some(FailureClass::Cancelled),
        Some(Stop::OutputFlood) => return Some(FailureClass::OutputFlood),
        Some(limit @ (Stop::FirstEvent | Stop::Idle | Stop::Wall)) => {
            return Some(FailureClass::Hang { limit });
        }
        None => {}
    }
    if facts.tampered {
        return Some(FailureClass::Tampered);
    }
    if facts.exact_model
        && let Some(WireFault::WrongModel { served }) = facts
            .wire
            .iter()
            .find(|f| matches!(f, WireFault::WrongModel { .. }))
    {
        return Some(FailureClass::WrongModel {
            served: Some(served.clone()),
        });
    }
    let terminal = ended.terminal.as_ref();
    let ended_well = (ended.lingered || ended.exit.is_ok())
        && terminal.is_none_or(|last| last.ok && !last.truncated && !last.refused);
    if !ended_well {
        return Some(broken(ended, facts.wire));
    }
    let incomplete = incomplete(ended, facts)?;
    if matches!(incomplete, FailureClass::RefusedArtifact { .. }) {
        return Some(incomplete);
    }
    // It ended well by its own account: only what the model itself did wrong can be the reason.
    let reason = facts.wire.iter().rev().find_map(|fault| match fault {
        WireFault::Refused
        | WireFault::Truncated
        | WireFault::MalformedCall
        | WireFault::Budget
        | WireFault::TooManyRequests => of_wire(fault),
        _ => None,
    });
    // Some agents call it the end of their turn when their provider fails. They then have no last words; one that
    // overcame the fault has.
    let mute = ended
        .terminal
        .as_ref()
        .is_some_and(|last| last.text.trim().is_empty());
    let lost = || facts.wire.iter().rev().find_map(of_wire).filter(|_| mute);
    Some(reason.or_else(lost).unwrap_or(incomplete))
}

/// Why an attempt ended badly.
fn broken(ended: &Ended, wire: &[WireFault]) -> FailureClass {
    let terminal = ended.terminal.as_ref();
    let error = terminal.and_then(|last| last.error);
    let limit = error.is_some_and(|error| error.kind == TerminalKind::Limit);
    let spent = wire
        .iter()
        .any(|fault| matches!(fault, WireFault::Budget | WireFault::TooManyRequests));
    if limit || spent {
        return FailureClass::Budget;
    }
    if terminal.is_some_and(|last| last.truncated) {
        return FailureClass::Truncated;
    }
    if terminal.is_some_and(|last| last.refused) {
        return FailureClass::Refused;
    }
    // A program that says it succeeded and then fails did not fail because of its provider, nor did one that
    // was interrupted or died by a signal.
    let by_itself = terminal.is_some_and(|last| last.ok)
        || error.is_some_and(|error| error.kind == TerminalKind::Interrupted)
        || matches!(ended.exit, Exit::Signal(_)) && !ended.lingered;
    let crash = FailureClass::Crash { exit: ended.exit };
    if by_itself {
        return crash;
    }
    if let Some(class) = wire.iter().rev().find_map(of_wire) {
        return class;
    }
    let Some(error) = error else { return crash };
    let status = error.status;
    match error.kind {
        TerminalKind::RateLimited => FailureClass::RateLimited { until: error.until },
        TerminalKind::Auth => FailureClass::Auth { status },
        TerminalKind::UnknownModel => FailureClass::WrongModel { served: None },
        TerminalKind::Unavailable => FailureClass::Unavailable { status },
        TerminalKind::Rejected => FailureClass::Rejected { status },
        TerminalKind::Empty => FailureClass::Empty,
        TerminalKind::MalformedCall => FailureClass::MalformedCall,
        TerminalKind::Limit => FailureClass::Budget,
        TerminalKind::Interrupted | TerminalKind::NoResult | TerminalKind::Other => crash,
    }
}

/// The class of a fault on the wire; none for a model that was only swapped, which is the caller's to judge.
fn of_wire(fault: &WireFault) -> Option<FailureClass> {
    Some(match fault {
        WireFault::RateLimited { until } => FailureClass::RateLimited { until: *until },
        WireFault::Auth { status } => FailureClass::Auth {
            status: Some(*status),
        },
        WireFault::UnknownModel => FailureClass::WrongModel { served: None },
        WireFault::Unavailable { status } => FailureClass::Unavailable { status: *status },
        WireFault::CutOff | WireFault::NotAnAnswer => FailureClass::Unavailable { status: None },
        WireFault::Rejected { status } => FailureClass::Rejected {
            status: Some(*status),
        },
        WireFault::NoFirstByte => FailureClass::Hang {
            limit: Stop::FirstEvent,
        },
        WireFault::Stalled => FailureClass::Hang { limit: Stop::Idle },
        WireFault::WrongModel { .. } => return None,
        WireFault::Truncated => FailureClass::Truncated,
        WireFault::Refused => FailureClass::Refused,
        WireFault::Empty => FailureClass::Empty,
        WireFault::MalformedCall => FailureClass::MalformedCall,
        WireFault::Budget | WireFault::TooManyRequests => FailureClass::Budget,
    })
}

/// What is not there of what an attempt was asked for.
fn incomplete(ended: &Ended, facts: VerdictFacts<'_>) -> Option<FailureClass> {
    let artifacts = artifact_failure(facts.refused);
    if matches!(artifacts, Some(FailureClass::RefusedArtifact { .. })) {
        return artifacts;
    }
    let unchanged = facts.must_change && !facts.changed;
    let edits = u32::try_from(ended.edit_failures.len()).unwrap_or(u32::MAX);
    if unchanged && edits > 0 {
        return Some(FailureClass::EditFailed { count: edits });
    }
    let left_files = facts.collected > 0 || facts.must_change && facts.changed;
    let mute = match &ended.terminal {
        Some(last) => last.text.trim().is_empty(),
        None => ended.text.trim().is_empty(),
    };
    let silent = !left_files && mute;
    // Silence explains what is missing where a harness has a word for its answer; programs answer in files.
    let wordless = ended.terminal.is_some() && silent
        || matches!(facts.wire.last(), Some(WireFault::Empty)) && !left_files;
    match artifacts {
        Some(_) if wordless => Some(FailureClass::Empty),
        None if unchanged && wordless => Some(FailureClass::Empty),
        Some(class) => Some(class),
        None if unchanged => Some(FailureClass::NoChange),
        None => silent.then_some(FailureClass::Empty),
    }
}

/// The gravest of what is wrong with the artifacts: a trap, then an absence, then an old one.
fn artifact_failure(refused: &[CollectError]) -> Option<FailureClass> {
    let names = |wanted| -> Vec<ArtifactName> {
        refused
            .iter()
            .filter(|error| error.why == wanted)
            .map(|error| error.name.clone())
            .collect()
    };
    let traps: Vec<_> = refused
        .iter()
        .filter(|error| !matches!(error.why, Refusal::Missing | Refusal::Stale))
        .cloned()
        .collect();
    let (missing, stale) = (names(Refusal::Missing), names(Refusal::Stale));
    if !traps.is_empty() {
        Some(FailureClass::RefusedArtifact { artifacts: traps })
    } else if !missing.is_empty() {
        Some(FailureClass::MissingArtifact { names: missing })
    } else if !stale.is_empty() {
        Some(FailureClass::StaleArtifact { names: stale })
    } else {
        None
    }
}

impl From<&Error> for FailureClass {
    fn from(error: &Error) -> Self {
        Self::NotStarted {
            why: error.to_string(),
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hang {
                limit: Stop::FirstEvent,
            } => f.write_str("it gave no sign of life in time"),
            Self::Hang { limit: Stop::Idle } => f.write_str("it fell silent and was stopped"),
            Self::Hang { .. } => f.write_str("it took too long and was stopped"),
            Self::OutputFlood => f.write_str("it printed without end and was stopped"),
            Self::Crash { exit } if exit.is_ok() => f.write_str("it ended without success"),
            Self::Crash { exit } => write!(f, "it ended with {exit}"),
            Self::RateLimited { until: None } => f.write_str("its provider had too many requests"),
            Self::RateLimited { until: Some(until) } => {
                write!(f, "its provider has too many requests until {until}")
            }
            Self::Auth { status } => write!(f, "its provider refused the key{}", Status(*status)),
            Self::Unavailable { status } => {
                write!(f, "its provider failed or broke off{}", Status(*status))
            }
            Self::Rejected { status } => {
                write!(f, "its provider called the request wrong{}", Status(*status))
            }
            Self::WrongModel { served: Some(model) } => write!(f, "another model answered, {model}"),
            Self::WrongModel { served: None } => f.write_str("its provider does not know the model"),
            Self::Budget => f.write_str("it used up what it may spend"),
            Self::MalformedCall => f.write_str("the model's calls of tools could not be read"),
            Self::Truncated => f.write_str("the answer was cut off, being too long"),
            Self::Refused => f.write_str("the model or its provider refused"),
            Self::Cancelled => f.write_str("it was cancelled"),
            Self::EditFailed { count: 1 } => f.write_str("its only edit did not apply and nothing changed"),
            Self::EditFailed { count } => write!(f, "{count} edits did not apply and nothing changed"),
            Self::Empty => f.write_str("it left neither words nor files"),
            Self::MissingArtifact { names } => write!(f, "it did not write {}", List(names)),
            Self::StaleArtifact { names } => write!(f, "it did not write {} anew", List(names)),
            Self::RefusedArtifact { artifacts } => write!(f, "what it left was refused: {}", List(artifacts)),
            Self::NoChange => f.write_str("it changed nothing"),
            Self::Tampered => f.write_str("it replaced the worktree's `.git`"),
            Self::Unkillable { count: 1 } => f.write_str("a process of it could not be killed"),
            Self::Unkillable { count } => write!(f, "{count} of its processes could not be killed"),
            Self::NotStarted { why } => write!(f, "it could not begin: {why}"),
        }
    }
}

/// ` (status 503)`, or nothing.
struct Status(Option<u16>);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(status) => write!(f, " (status {status})"),
            None => Ok(()),
        }
    }
}

struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, item) in self.0.iter().enumerate() {
            let before = match n {
                0 => "",
                n if n + 1 == self.0.len() => " and ",
                _ => ", ",
            };
            write!(f, "{before}{item}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
