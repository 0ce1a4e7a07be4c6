//! `checks.md`: what our own commands said. Footplate writes it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::front::{Fields, Front};
use crate::model::CommitId;

/// The results of a check node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// The exact commit that was checked.
    pub commit: CommitId,
    /// The commands in the order in which they ran.
    pub commands: Vec<CommandResult>,
    /// Whether the commands prove anything.
    pub verified: Verified,
    /// The prose after the front block: the tails of the output.
    pub body: String,
}

/// The result of one command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandResult {
    /// The `sh -c` string.
    pub run: String,
    /// The exit code; `None` where it was killed or did not start.
    pub exit: Option<i32>,
    /// Its wall time; finite and not negative.
    pub seconds: f64,
    /// The tests that it counted; `None` where that is unknown.
    pub tests: Option<TestCounts>,
    /// The same command on the base commit; `None` where it did not run there.
    pub base: Option<Box<BaseResult>>,
}

/// The result of a command on the base commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseResult {
    /// The exit code; `None` where it was killed or did not start.
    pub exit: Option<i32>,
    /// The tests that it counted; `None` where that is unknown.
    pub tests: Option<TestCounts>,
}

/// How many tests there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCounts {
    /// Those that passed.
    pub passed: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that did not run.
    pub skipped: u32,
}

/// Whether the commands prove anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// All commands succeeded, and tests ran.
    True,
    /// A command failed.
    False,
    /// No test ran, a tool was missing, or it is not known how many ran.
    Unknown,
}

impl Verified {
    /// What the results prove. Zero tests or a missing tool prove nothing.
    pub fn of(commands: &[CommandResult]) -> Self {
        // A shell says 126 for "found, but cannot run it" and 127 for "not found" (POSIX, 2.8.2).
        let missing = |exit: Option<i32>| matches!(exit, Some(126 | 127));
        if commands.iter().any(|c| c.exit != Some(0) && !missing(c.exit)) {
            return Self::False;
        }
        if commands.iter().any(|c| missing(c.exit)) {
            return Self::Unknown;
        }
        if commands
            .iter()
            .any(|c| c.tests.is_some_and(|tests| tests.failed > 0))
        {
            return Self::False;
        }
        if commands
            .iter()
            .any(|c| c.tests.is_some_and(|tests| tests.passed > 0))
        {
            Self::True
        } else {
            Self::Unknown
        }
    }

    /// The word as an artifact writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        }
    }
}

impl Checks {
    /// One sentence for each command that failed.
    pub fn failures(&self) -> Vec<String> {
        self.commands
            .iter()
            .filter_map(|command| {
                let failed = command.tests.map_or(0, |tests| tests.failed);
                let how = match command.exit {
                    Some(0) if failed == 0 => return None,
                    Some(0) => format!("with {failed} failed tests"),
                    Some(code) if failed > 0 => format!("with exit code {code} and {failed} failed tests"),
                    Some(code) => format!("with exit code {code}"),
                    None => "without an exit code".to_owned(),
                };
                let base = match command.base.as_deref() {
                    Some(base) if base.exit != Some(0) => ", as it does on the base",
                    _ => "",
                };
                Some(format!("The check `{}` failed {how}{base}.", command.run))
            })
            .collect()
    }

    /// The artifact's text. What [`super::parse`] reads from it is equal to this.
    ///
    /// Seconds that are not finite or negative are written as 0; keep the body short enough for
    /// [`super::LONGEST`].
    pub fn render(&self) -> String {
        let mut out = String::from("---\nfootplate: checks/1\n");
        let _ = writeln!(out, "commit: \"{}\"", self.commit);
        out.push_str(if self.commands.is_empty() {
            "commands: []\n"
        } else {
            "commands:\n"
        });
        for command in &self.commands {
            let seconds = if command.seconds.is_finite() {
                command.seconds.max(0.0)
            } else {
                0.0
            };
            let _ = writeln!(out, "  - run: {}", quoted(&command.run));
            let _ = writeln!(out, "    exit: {}", exit(command.exit));
            let _ = writeln!(out, "    seconds: {seconds}");
            let _ = writeln!(out, "    tests: {}", counts(command.tests));
            if let Some(base) = &command.base {
                let _ = writeln!(
                    out,
                    "    base: {{exit: {}, tests: {}}}",
                    exit(base.exit),
                    counts(base.tests)
                );
            }
        }
        let _ = writeln!(out, "verified: {}", self.verified.as_str());
        out.push_str("---\n");
        out.push_str(&self.body);
        out
    }

    pub(super) fn read(front: &mut Front) -> Option<Self> {
        let body = front.body.clone();
        let mut fields = front.fields(&["commit", "commands", "verified"]);
        let commit = fields.text("commit").and_then(|text| match CommitId::new(text) {
            Ok(commit) => Some(commit),
            Err(invalid) => {
                fields.find("commit", format!("`commit` is no commit id: {}.", invalid.why));
                None
            }
        });
        let commands = fields.each(
            "commands",
            &["run", "exit", "seconds", "tests", "base"],
            |command| {
                let run = command.verbatim("run");
                let exit = command.optional_number("exit");
                let seconds = command.seconds("seconds");
                let tests = read_counts(command);
                let base = command.below("base", &["exit", "tests"], |base| {
                    Some(Box::new(BaseResult {
                        exit: base.optional_number("exit"),
                        tests: read_counts(base),
                    }))
                });
                Some(CommandResult {
                    run: run?,
                    exit,
                    seconds: seconds?,
                    tests,
                    base,
                })
            },
        );
        let words = [
            ("true", Verified::True),
            ("false", Verified::False),
            ("unknown", Verified::Unknown),
        ];
        let verified = fields.choice("verified", &words);
        let commands = commands.into_iter().map(|(_, command)| command).collect();
        Some(Self {
            commit: commit?,
            commands,
            verified: verified?,
            body,
        })
    }
}

fn read_counts(fields: &mut Fields<'_>) -> Option<TestCounts> {
    fields.below("tests", &["passed", "failed", "skipped"], |tests| {
        let (passed, failed) = (tests.number("passed"), tests.number("failed"));
        let skipped = tests.number("skipped");
        Some(TestCounts {
            passed: passed?,
            failed: failed?,
            skipped: skipped?,
        })
    })
}

fn exit(code: Option<i32>) -> String {
    code.map_or_else(|| "null".to_owned(), |code| code.to_string())
}

fn counts(tests: Option<TestCounts>) -> String {
    match tests {
        None => "null".to_owned(),
        Some(t) => format!(
            "{{passed: {}, failed: {}, skipped: {}}}",
            t.passed, t.failed, t.skipped
        ),
    }
}

/// A double-quoted YAML scalar on one line (YAML 1.2.2, 7.3.1), with everything escaped that some reader
/// could take for a line break or a mark.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            c if c.is_alphanumeric() => out.push(c),
            c => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}
