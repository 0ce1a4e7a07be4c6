//! What a harness needs of the world around it: the protocols it speaks, and the files it runs from.

use std::path::{Path, PathBuf};

use super::environment::DEFAULT_PATH;
use super::sandbox::installs;
use super::{AcpAgent, Cli, Harness};
use crate::model::Dialect;

impl Harness {
    /// The protocols in which it can ask a model, the best first.
    pub fn dialects(&self) -> &'static [Dialect] {
        match self {
            Self::Cli(harness) => match harness.cli {
                Cli::Claude => &[Dialect::Anthropic],
                Cli::Codex => &[Dialect::Openai],
                Cli::Gemini => &[Dialect::Gemini],
                Cli::Qwen => &[Dialect::Openai, Dialect::Anthropic, Dialect::Gemini],
            },
            Self::Builtin(_) => &[Dialect::Openai, Dialect::Anthropic],
            Self::Acp(harness) if harness.agent != AcpAgent::Other => &[Dialect::Openai, Dialect::Anthropic],
            // Any program may speak any of them.
            Self::Acp(_) | Self::Command(_) | Self::Scripted(_) => {
                &[Dialect::Openai, Dialect::Anthropic, Dialect::Gemini]
            }
        }
    }

    /// What must be readable so that it runs: its program, and the files that its arguments name in full.
    pub fn files(&self, path: Option<&str>) -> Vec<PathBuf> {
        let argv: Vec<String> = match self {
            Self::Command(harness) => harness.argv.clone(),
            Self::Scripted(harness) => vec![
                harness.program.to_string_lossy().into_owned(),
                harness.script.to_string_lossy().into_owned(),
            ],
            // Those that are written in JavaScript start `node`.
            Self::Cli(harness) => vec![harness.program.clone()],
            Self::Builtin(harness) => vec![harness.own.to_string_lossy().into_owned()],
            Self::Acp(harness) => std::iter::once(harness.own.to_string_lossy().into_owned())
                .chain(harness.argv.clone())
                .collect(),
        };
        // Behind a bridge stands a program of its own.
        let own = usize::from(matches!(self, Self::Acp(_))) + 1;
        let programs = argv
            .iter()
            .take(own)
            .map(String::as_str)
            .chain(self.interpreter());
        let mut files = installs(programs, path.unwrap_or(DEFAULT_PATH));
        files.extend(
            argv.iter()
                .skip(1)
                .map(PathBuf::from)
                .filter(|file| file.is_absolute() && !is_broad(file)),
        );
        files
    }

    /// The program that its program is written for.
    fn interpreter(&self) -> Option<&'static str> {
        match self {
            Self::Cli(_) | Self::Acp(_) => Some("node"),
            _ => None,
        }
    }
}

/// A folder so near the root that making it readable would open half the machine.
fn is_broad(file: &Path) -> bool {
    file.components().count() < 3 && file.is_dir()
}
