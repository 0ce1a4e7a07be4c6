//! How a failure ends the process: a sentence, its causes, and an exit code by kind.

use std::process::ExitCode;

/// What kind of failure it is; each has an exit code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The job was done and its answer is no: a run that failed, a workflow with mistakes. Exit code 1.
    Answer,
    /// The settings are wrong. Exit code 3. (2 is the command line's own, for wrong arguments.)
    Configuration,
    /// This machine failed: disk, store, a missing program. Exit code 4.
    Machine,
    /// There is no such thing: run, file, repository. Exit code 5.
    Missing,
}

impl Kind {
    /// The exit code.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Answer => 1,
            Self::Configuration => 3,
            Self::Machine => 4,
            Self::Missing => 5,
        }
    }
}

/// A failure on its way out.
#[derive(Debug)]
pub(super) struct Failure {
    kind: Kind,
    error: anyhow::Error,
}

impl Failure {
    /// A failure with its cause.
    pub(super) fn new(kind: Kind, error: impl Into<anyhow::Error>) -> Self {
        Self {
            kind,
            error: error.into(),
        }
    }

    /// A failure in words.
    pub(super) fn said(kind: Kind, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            error: anyhow::Error::msg(sentence.into()),
        }
    }

    /// Says what happened and yields the exit code.
    #[expect(
        clippy::print_stderr,
        reason = "this is where the command line reports its failures"
    )]
    pub(super) fn tell(&self) -> ExitCode {
        eprintln!("footplate: {}", self.error);
        for cause in self.error.chain().skip(1) {
            eprintln!("  because: {cause}");
        }
        ExitCode::from(self.kind.code())
    }
}

impl From<crate::store::Error> for Failure {
    fn from(error: crate::store::Error) -> Self {
        Self::new(Kind::Machine, error)
    }
}

impl From<crate::engine::Error> for Failure {
    fn from(error: crate::engine::Error) -> Self {
        Self::new(Kind::Machine, error)
    }
}
