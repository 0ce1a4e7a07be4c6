//! Whether an attempt succeeded: a conclusion from facts, never an exit code alone.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CollectError, Ended, Error, Exit, Refusal, Stop};
use crate::model::ArtifactName;

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
    /// It ended with an error.
    Crash {
        /// How.
        exit: Exit,
    },
    /// Somebody stopped it.
    Cancelled,
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
/// It did if it ended by itself with exit code 0, left every declared artifact, new and plain, changed the
/// tree where it must, and said or left anything at all. The last condition wants words only from an agent
/// that leaves neither artifact nor change: files are an answer.
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
    if !ended.exit.is_ok() {
        return Some(FailureClass::Crash { exit: ended.exit });
    }
    if let Some(class) = artifact_failure(facts.refused) {
        return Some(class);
    }
    if facts.must_change && !facts.changed {
        return Some(
            match u32::try_from(ended.edit_failures.len()).unwrap_or(u32::MAX) {
                0 => FailureClass::NoChange,
                count => FailureClass::EditFailed { count },
            },
        );
    }
    let left_files = facts.collected > 0 || facts.must_change && facts.changed;
    (!left_files && ended.text.trim().is_empty()).then_some(FailureClass::Empty)
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
            Self::Crash { exit } => write!(f, "it ended with {exit}"),
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
mod tests {
    use std::time::Duration;

    use super::super::Killed;
    use super::*;
    use crate::model::Timestamp;

    fn ended() -> Ended {
        Ended {
            exit: Exit::Code(0),
            stopped: None,
            usage: None,
            cost: None,
            text: "Done.".to_owned(),
            output_tail: String::new(),
            edit_failures: Vec::new(),
            events: 1,
            killed: Killed::default(),
            started: Timestamp(0),
            ended: Timestamp(1),
            wall: Duration::from_millis(1),
        }
    }

    fn facts() -> VerdictFacts<'static> {
        VerdictFacts {
            must_change: true,
            changed: true,
            tampered: false,
            collected: 1,
            refused: &[],
        }
    }

    #[track_caller]
    fn check(ended: &Ended, facts: VerdictFacts<'_>, sentence: &str) {
        let said = match verdict(ended, facts) {
            Verdict::Success => "success".to_owned(),
            Verdict::Failure(class) => class.to_string(),
        };
        assert_eq!(said, sentence);
    }

    #[test]
    fn success_wants_a_clean_end_and_everything_that_was_asked_for() {
        check(&ended(), facts(), "success");
        check(
            &ended(),
            VerdictFacts {
                changed: false,
                ..facts()
            },
            "it changed nothing",
        );
        check(
            &ended(),
            VerdictFacts {
                tampered: true,
                ..facts()
            },
            "it replaced the worktree's `.git`",
        );
        check(
            &Ended {
                exit: Exit::Code(3),
                ..ended()
            },
            facts(),
            "it ended with exit code 3",
        );
        check(
            &Ended {
                exit: Exit::Signal(9),
                ..ended()
            },
            facts(),
            "it ended with SIGKILL",
        );
    }

    #[test]
    fn files_are_an_answer_and_silence_without_files_is_none() {
        let mute = Ended {
            text: " \n".to_owned(),
            ..ended()
        };
        check(&mute, facts(), "success");
        check(
            &mute,
            VerdictFacts {
                must_change: false,
                ..facts()
            },
            "success",
        );
        let nothing = VerdictFacts {
            must_change: false,
            changed: false,
            collected: 0,
            ..facts()
        };
        check(&mute, nothing, "it left neither words nor files");
        check(
            &mute,
            VerdictFacts {
                changed: true,
                ..nothing
            },
            "it left neither words nor files",
        );
        check(&ended(), nothing, "success");
    }

    #[test]
    fn a_hang_is_a_failure_even_with_a_perfect_result_and_exit_0() {
        for (stop, sentence) in [
            (Stop::FirstEvent, "it gave no sign of life in time"),
            (Stop::Idle, "it fell silent and was stopped"),
            (Stop::Wall, "it took too long and was stopped"),
            (Stop::Cancelled, "it was cancelled"),
            (Stop::OutputFlood, "it printed without end and was stopped"),
        ] {
            check(
                &Ended {
                    stopped: Some(stop),
                    ..ended()
                },
                facts(),
                sentence,
            );
        }
    }

    #[test]
    fn failed_edits_explain_why_nothing_changed_and_are_forgiven_otherwise() {
        let clumsy = Ended {
            edit_failures: vec!["a".to_owned(), "b".to_owned()],
            ..ended()
        };
        check(&clumsy, facts(), "success");
        check(
            &clumsy,
            VerdictFacts {
                changed: false,
                ..facts()
            },
            "2 edits did not apply and nothing changed",
        );
    }

    #[test]
    fn the_gravest_trouble_with_artifacts_is_named() {
        let error = |name: &str, why| CollectError {
            name: ArtifactName::new(name).expect("valid"),
            why,
        };
        let all = [
            error("a.md", Refusal::Stale),
            error("b.md", Refusal::Missing),
            error("c.md", Refusal::Missing),
            error("d.md", Refusal::HardLink),
        ];
        let with = |refused| VerdictFacts { refused, ..facts() };
        check(
            &ended(),
            with(&all),
            "what it left was refused: d.md is a hard link",
        );
        check(&ended(), with(&all[..3]), "it did not write b.md and c.md");
        check(&ended(), with(&all[..1]), "it did not write a.md anew");
    }

    #[test]
    fn what_could_not_be_killed_outranks_all() {
        let killed = Killed {
            survivors: 1,
            ..Killed::default()
        };
        check(
            &Ended {
                killed,
                stopped: Some(Stop::Cancelled),
                ..ended()
            },
            facts(),
            "a process of it could not be killed",
        );
    }

    #[test]
    fn failures_survive_being_written_down() {
        let class = FailureClass::Hang { limit: Stop::Idle };
        let json = serde_json::to_string(&class).expect("serializes");
        assert_eq!(json, r#"{"class":"hang","limit":"idle"}"#);
        assert_eq!(
            serde_json::from_str::<FailureClass>(&json).expect("reads back"),
            class
        );
    }
}
