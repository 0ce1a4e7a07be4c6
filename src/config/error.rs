//! What is wrong with the settings, told all at once.

use std::fmt;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// Something written there is wrong, or something needed is not there.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
}

/// One thing that is wrong, with its place and, where there is one, a way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written.
    pub place: Place,
    /// The key, such as `guard.idle`; empty where the file as a whole is meant.
    pub key: String,
    /// One sentence without its full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file.
    File {
        /// The file as the caller named it.
        file: String,
        /// From 1.
        line: u64,
        /// From 1, in characters.
        column: u64,
    },
    /// In an environment variable of this name.
    Variable(String),
    /// Nowhere: it is missing.
    Nowhere,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File { file, line, column } => write!(f, "{file}:{line}:{column}: ")?,
            Place::Variable(name) => write!(f, "{name}: ")?,
            Place::Nowhere => {}
        }
        // A variable's name says what its key is.
        if !self.key.is_empty() && !matches!(self.place, Place::Variable(_)) {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(Problem::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
