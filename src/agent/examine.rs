//! What is installed: versions, logins, and what to do where something is missing.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::dialect;
use super::environment::Environment;
use super::harness::probe;
use super::lines::Line;
use super::supervise::{Launch, Sink, supervise};
use super::{AcpAgent, AcpHarness, Cli, Error, Harness, Limits, Marker};

/// How long a program may take to say its version: the slowest needs 4 s on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// What was found out about a harness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// The harness's name.
    pub name: String,
    /// Where its program is; none where it is not installed.
    pub program: Option<PathBuf>,
    /// What its version is worth. A harness that is not one of ours has none.
    pub version: Fitness,
    /// How it could reach a model without the meter.
    pub login: Login,
    /// What is missing and how to get it, as a sentence.
    pub missing: Option<String>,
}

/// What a version is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fitness {
    /// It has no version that we know how to ask for.
    NotAsked,
    /// It did not say.
    Unknown,
    /// It is older than anything that was tried, and refused.
    TooOld(Version),
    /// It is the one that its dialect was measured with.
    Known(Version),
    /// It is another one that may work.
    Untried(Version),
}

/// A version, as `2.1.330`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32, pub u32, pub u32);

/// How a harness could reach a model without the meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// It needs none of its own: it is not one of ours.
    NotNeeded,
    /// The operator lets this variable through, which holds a key.
    Key(&'static str),
    /// The operator's own login lies here.
    File(PathBuf),
    /// It has none. With a provider's key in our configuration it works through the meter all the same.
    Absent,
}

impl Cli {
    /// The version that its dialect was measured with, and that an installation should pin.
    pub fn known_version(self) -> Version {
        match self {
            Self::Claude => Version(2, 1, 330),
            Self::Codex => Version(0, 169, 0),
            Self::Gemini => Version(0, 61, 0),
            Self::Qwen => Version(0, 24, 4),
        }
    }

    /// The oldest version that is not refused. Older ones print other events or lack options that are used;
    /// `npm` under an old Node picks such without a word.
    pub fn least_version(self) -> Version {
        match self {
            Self::Claude => Version(2, 1, 300),
            Self::Codex => Version(0, 160, 0),
            Self::Gemini => Version(0, 60, 0),
            Self::Qwen => Version(0, 24, 0),
        }
    }

    /// Its package on npm.
    pub fn package(self) -> &'static str {
        match self {
            Self::Claude => "@anthropic-ai/claude-code",
            Self::Codex => "@openai/codex",
            Self::Gemini => "@google/gemini-cli",
            Self::Qwen => "@qwen-code/qwen-code",
        }
    }

    /// The oldest Node that its package runs on.
    fn node(self) -> u32 {
        match self {
            Self::Codex => 16,
            Self::Gemini => 20,
            Self::Claude | Self::Qwen => 22,
        }
    }

    /// Variables in which it looks for a key.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Claude => &[
                "ANTHROPIC_API_KEY",
                "ANTHROPIC_AUTH_TOKEN",
                "CLAUDE_CODE_OAUTH_TOKEN",
            ],
            Self::Codex => &["OPENAI_API_KEY", "CODEX_API_KEY"],
            Self::Gemini => &["GEMINI_API_KEY"],
            Self::Qwen => &["OPENAI_API_KEY"],
        }
    }
}

/// Finds out what is installed: looks for the program, asks one of ours for its version in a cleared
/// environment and within 20 s, and looks for a key or login of the operator.
///
/// `path` and `env` are what orders will have. `scratch` is an empty folder for the program to write into.
pub async fn examine(
    harness: &Harness,
    path: Option<&str>,
    env: &BTreeMap<String, String>,
    scratch: &Path,
) -> Examination {
    let program = probe(harness, path);
    let mut examination = Examination {
        name: harness.name().to_owned(),
        program: program.as_ref().ok().cloned(),
        version: Fitness::NotAsked,
        login: Login::NotNeeded,
        missing: program.as_ref().err().map(|error| format!("{error}.")),
    };
    if let Harness::Acp(harness) = harness {
        return bridged(harness, examination, path, scratch).await;
    }
    let Harness::Cli(harness) = harness else {
        return examination;
    };
    let cli = harness.cli;
    examination.login = login(cli, harness.login.as_deref(), env);
    if let Err(error) = &program {
        examination.missing = Some(format!("{error}. {}", cli.install()));
        return examination;
    }
    examination.version = match ask(&harness.program, path, scratch).await {
        Some(version) if version < cli.least_version() => Fitness::TooOld(version),
        Some(version) if version == cli.known_version() => Fitness::Known(version),
        Some(version) => Fitness::Untried(version),
        None => Fitness::Unknown,
    };
    examination.missing = match &examination.version {
        Fitness::TooOld(version) => Some(format!(
            "{} {version} is older than {}. {}",
            cli.as_str(),
            cli.least_version(),
            cli.install()
        )),
        Fitness::Unknown => Some(format!(
            "{} did not say its version; if it is a script, Node {} or newer must be on the path. {}",
            cli.as_str(),
            cli.node(),
            cli.install()
        )),
        _ => None,
    };
    examination
}

/// Looks at an agent that speaks ACP. No version of them was found too old yet.
async fn bridged(
    harness: &AcpHarness,
    mut examination: Examination,
    path: Option<&str>,
    scratch: &Path,
) -> Examination {
    let install = harness.agent.install();
    if let Some(missing) = &mut examination.missing {
        missing.push(' ');
        missing.push_str(&install);
        return examination;
    }
    let Some(program) = harness.argv.first().filter(|_| harness.agent != AcpAgent::Other) else {
        return examination;
    };
    examination.version = match ask(program, path, scratch).await {
        Some(version) if Some(version) == harness.agent.known_version() => Fitness::Known(version),
        Some(version) => Fitness::Untried(version),
        None => Fitness::Unknown,
    };
    if examination.version == Fitness::Unknown {
        let name = &harness.name;
        examination.missing = Some(format!("{name} did not say its version. {install}"));
    }
    examination
}

impl Cli {
    /// How to get it, as a sentence.
    pub fn install(self) -> String {
        format!(
            "Install it with Node {} or newer: npm install -g {}@{}",
            self.node(),
            self.package(),
            self.known_version()
        )
    }
}

fn login(cli: Cli, file: Option<&Path>, env: &BTreeMap<String, String>) -> Login {
    let key = cli.keys().iter().find(|key| env.contains_key(**key));
    match (key, file) {
        (Some(key), _) => Login::Key(key),
        (None, Some(file)) if file.is_file() => Login::File(file.to_owned()),
        _ => Login::Absent,
    }
}

/// Asks for the version.
async fn ask(program: &str, path: Option<&str>, scratch: &Path) -> Option<Version> {
    let marker = Marker::of_server(scratch);
    let prepared = || -> Result<Environment, Error> {
        let mut environment = Environment::prepare(scratch, path, &BTreeMap::new(), &marker)?;
        for (name, value) in dialect::QUIET {
            environment.set(name, *value);
        }
        environment.set("CODEX_HOME", scratch.join(".codex"));
        Environment::put(scratch, ".codex/.keep", &[])?;
        Ok(environment)
    };
    let environment = prepared().ok()?;
    let argv = [program.to_owned(), "--version".to_owned()];
    let launch = Launch {
        argv: &argv,
        folder: scratch,
        environment: &environment,
        marker: marker.clone(),
        stdin: None,
        limits: Limits::silent(DEADLINE),
        merged: false,
        sandbox: None,
    };
    let mut heard = Heard(None);
    let course = supervise(launch, &CancellationToken::new(), &mut heard)
        .await
        .ok()?;
    heard
        .0
        .filter(|_| course.exit.is_ok() && course.stopped.is_none())
}

/// The first version that was printed.
struct Heard(Option<Version>);

impl Sink for Heard {
    fn stdout(&mut self, line: Line<'_>) {
        if self.0.is_none() {
            self.0 = Version::within(&String::from_utf8_lossy(line.bytes));
        }
    }

    fn stderr(&mut self, _: Line<'_>) {}
}

impl Version {
    /// The first version in a line such as `codex-cli 0.169.0`.
    pub fn within(line: &str) -> Option<Self> {
        line.split_ascii_whitespace().find_map(|word| {
            let mut numbers = word.trim_start_matches('v').split(['.', '-', '+']);
            let mut next = || numbers.next()?.parse().ok();
            Some(Self(next()?, next()?, next()?))
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::agent::CliHarness;

    async fn examined(script: Option<&str>) -> Examination {
        let root = tempfile::tempdir().expect("a temporary folder");
        let program = root.path().join("codex");
        if let Some(script) = script {
            std::fs::write(&program, script).expect("written");
            std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("executable");
        }
        let harness = Harness::Cli(CliHarness {
            program: program.to_string_lossy().into_owned(),
            ..CliHarness::new(Cli::Codex)
        });
        let env = BTreeMap::from([("OPENAI_API_KEY".to_owned(), "let through".to_owned())]);
        examine(&harness, None, &env, &root.path().join("scratch")).await
    }

    #[tokio::test]
    async fn a_version_is_known_untried_or_too_old() {
        let known = examined(Some("#!/bin/sh\necho codex-cli 0.169.0\n")).await;
        assert_eq!(known.version, Fitness::Known(Version(0, 169, 0)));
        assert_eq!((known.missing, known.login), (None, Login::Key("OPENAI_API_KEY")));
        let newer = examined(Some("#!/bin/sh\necho codex-cli 0.170.0-beta.1\n")).await;
        assert_eq!(newer.version, Fitness::Untried(Version(0, 170, 0)));
        let old = examined(Some("#!/bin/sh\necho 0.50.1\n")).await;
        assert_eq!(
            old.missing.as_deref(),
            Some(
                "codex 0.50.1 is older than 0.160.0. \
                 Install it with Node 16 or newer: npm install -g @openai/codex@0.169.0"
            )
        );
    }

    #[tokio::test]
    async fn what_is_missing_is_said_with_the_way_to_get_it() {
        let absent = examined(None).await;
        assert_eq!((absent.program, absent.version), (None, Fitness::NotAsked));
        let said = absent.missing.expect("it is missing");
        assert!(said.ends_with("npm install -g @openai/codex@0.169.0"), "{said}");
        let broken = examined(Some("#!/bin/sh\necho 0.169.0\nexit 1\n")).await;
        assert_eq!(broken.version, Fitness::Unknown);
        assert!(
            broken
                .missing
                .expect("it is said")
                .contains("did not say its version")
        );
    }

    #[test]
    fn versions_are_found_in_what_programs_print() {
        for (line, version) in [
            ("2.1.330 (Claude Code)", Some(Version(2, 1, 330))),
            ("codex-cli 0.169.0", Some(Version(0, 169, 0))),
            ("v22.23.3", Some(Version(22, 23, 3))),
            ("no version here, 1.2", None),
        ] {
            assert_eq!(Version::within(line), version, "{line}");
        }
    }
}
