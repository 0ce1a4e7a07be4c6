//! The operator's settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::agent::sandbox::Allowed;
use crate::agent::{Cli, Variables};
use crate::ledger::{Budget, Millionths, Scope};
use crate::model::{AppId, MicroUsd, Role};
use crate::run::{Failure, Reaction};

use super::classes::Classes;
use super::error::{Error, Place, Problem};
use super::file::Reader;
use super::load::Load;
use super::{Model, Provider, Secret, wire};

/// Everything that the operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Where mirrors, worktrees and the database live.
    pub data_dir: PathBuf,
    /// The database's address.
    pub database_url: String,
    /// The GitHub App and its hosts.
    pub github: GitHub,
    /// Programs that run agent loops, by name, beside those built in.
    pub harnesses: BTreeMap<String, Harness>,
    /// Who serves models, by name: those that the file names, and the shipped ones that a route uses.
    pub providers: BTreeMap<String, Provider>,
    /// What the file says of models, by `provider/model`, beside and before what is shipped.
    pub prices: BTreeMap<String, Model>,
    /// The candidates of each role as they were written, the first choice first.
    pub routes: Routes,
    /// How the steps of plans are classed, and the candidates that classes have of their own.
    pub classes: Classes,
    /// What watches attempts.
    pub guards: Guards,
    /// What may be spent.
    pub limits: Limits,
    /// What separates agents from the machine; `None` where nobody decided.
    pub sandbox: Option<Sandbox>,
    /// Which hosts confined children may reach.
    pub egress: Egress,
    /// The labels that Footplate reads and sets.
    pub labels: Labels,
    /// Whether `/approve` works without `/footplate` before it.
    pub bare_commands: bool,
    /// Apps whose labels and comments count as a person's, by the App's id. All other bots are ignored.
    pub allowed_bots: Vec<AppId>,
    /// Variables of the server's environment that agents and checks may see, with their values. Everything
    /// else is hidden from them.
    pub pass_env: BTreeMap<String, String>,
    /// The server's search path for programs, which agents and checks get too.
    pub path: Option<String>,
    /// How long what models, issues and repositories said is kept.
    pub retention: Duration,
    /// The folder that keeps what agents and models said to each other; it is not kept where unset.
    pub recordings: Option<PathBuf>,
}

/// The GitHub App as it is configured, and the hosts it talks to. See [`Settings::app`].
#[derive(Debug, Clone)]
pub struct GitHub {
    /// The App's id.
    pub app_id: Option<AppId>,
    /// The App's private key: PEM text, or the path of a file that holds it.
    pub private_key: Option<Secret>,
    /// The secret that signs deliveries.
    pub webhook_secret: Option<Secret>,
    /// The base of the REST API.
    pub api_url: Url,
    /// The base of pages and git.
    pub url: Url,
    /// The pause between two writes to one repository; GitHub itself asks for a second.
    pub write_gap: Duration,
    /// Relative paths of the key start here: the folder of the settings file.
    pub(super) folder: PathBuf,
}

/// What a server needs to be a GitHub App, complete.
#[derive(Debug, Clone)]
pub struct App {
    /// The App's id.
    pub id: AppId,
    /// The private key as PEM text.
    pub private_key: SecretString,
    /// The secret that signs deliveries.
    pub webhook_secret: SecretString,
}

/// A program that runs an agent loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Harness {
    /// Any program; how it is started is in the manual's chapter on the `command` harness.
    Command {
        /// The program and its arguments, never a shell line.
        argv: Vec<String>,
        /// What it is told besides what every agent is told.
        variables: Variables,
    },
    /// Any agent that speaks ACP, the Agent Client Protocol, over its standard streams.
    Acp {
        /// The program and its arguments, never a shell line.
        argv: Vec<String>,
        /// What it is told besides, such as where its model answers.
        variables: Variables,
    },
    /// One of the command-line agents whose dialect is known, where its program or login is not the usual one.
    Cli {
        /// Which one.
        cli: Cli,
        /// Its program, a name on the path or an absolute path; its own name where unset.
        program: Option<String>,
        /// A file of the operator's own login, for attempts that name no provider.
        login: Option<PathBuf>,
    },
    /// A played file, for rehearsals and tests.
    Scripted {
        /// The file.
        file: PathBuf,
    },
}

/// The candidates of each role as they were written, the first choice first.
pub type Routes = BTreeMap<Role, Vec<String>>;

/// The limits of an attempt, where they differ for a candidate, and how patient a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guards {
    /// For all candidates that have none of their own.
    pub all: Guard,
    /// By candidate as the route writes it, or by harness.
    pub candidates: BTreeMap<String, Guard>,
    /// The pause before the second attempt after a crash; doubled for each further one, up to five minutes.
    pub retry_delay: Duration,
    /// How long a run that cannot go on waits for a person before it ends as failed.
    pub patience: Duration,
    /// The shortest time between two edits of a run's status comment.
    pub status_pause: Duration,
    /// Whether an attempt fails when another model answers than the one that was asked for; else that is a finding.
    pub exact_model: bool,
    /// What follows from classes of failure, where the operator decided otherwise than [`Reaction::to`].
    pub on: BTreeMap<Failure, Reaction>,
}

/// The limits of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Until the first sign of life.
    pub first_event: Duration,
    /// Between two signs of life.
    pub idle: Duration,
    /// For the whole attempt.
    pub wall: Duration,
    /// Between asking a process to end and killing its whole tree.
    pub grace: Duration,
    /// Failed attempts of a candidate before the next one is asked.
    pub failures: u32,
    /// From a request to the first byte of a model's answer.
    pub first_byte: Duration,
    /// Between two bytes of a model's answer.
    pub stream_idle: Duration,
    /// The most requests to a model.
    pub requests: u32,
}

/// What may be spent; `None` is no limit. Where there is one, an unknown price counts as beyond it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For one run.
    pub run: Option<MicroUsd>,
    /// For all runs for one issue.
    pub issue: Option<MicroUsd>,
    /// For all runs of one repository in 24 hours.
    pub repository_day: Option<MicroUsd>,
    /// For all runs of this server in a calendar month.
    pub month: Option<MicroUsd>,
    /// How far windows of subscriptions may be filled, by `provider/window`.
    pub window_share: BTreeMap<String, Millionths>,
    /// What is kept for people of every window that has no share of its own.
    pub window_reserve: Millionths,
    /// Attempts of all runs at the same time.
    pub concurrent_attempts: u32,
}

/// Which hosts confined children may reach besides their models, through a proxy. Checks reach none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Egress {
    /// Agents.
    pub agents: Vec<Allowed>,
    /// A repository's set-up commands.
    pub setup: Vec<Allowed>,
}

/// What separates agents from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// The best that the machine offers.
    Auto,
    /// bubblewrap.
    Bubblewrap,
    /// Landlock.
    Landlock,
    /// Nothing: agents run with the server's rights.
    None,
}

/// The labels that Footplate reads and sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Asks for a run.
    pub trigger: String,
    /// A run is at work.
    pub working: String,
    /// A run waits for a person.
    pub waiting: String,
    /// A pull request is open.
    pub review: String,
    /// A run gave up.
    pub failed: String,
}

impl Limits {
    /// The limits on money and windows, as decisions take them.
    pub fn budget(&self) -> Budget {
        let money = [
            (Scope::Run, self.run),
            (Scope::Issue, self.issue),
            (Scope::RepositoryDay, self.repository_day),
            (Scope::Month, self.month),
        ];
        Budget {
            money: money
                .into_iter()
                .filter_map(|(scope, limit)| Some((scope, limit?)))
                .collect(),
            windows: self.window_share.clone(),
            window_reserve: self.window_reserve,
        }
    }
}

impl Guards {
    /// The limits of a candidate: its own, else its harness's, else everybody's.
    pub fn of(&self, candidate: &str) -> Guard {
        let harness = candidate.split([':', '@']).next().unwrap_or(candidate);
        *self
            .candidates
            .get(candidate)
            .or_else(|| self.candidates.get(harness))
            .unwrap_or(&self.all)
    }
}

impl Settings {
    /// Every candidate of a role or a class, as it was written; some more than once.
    pub fn candidates(&self) -> impl Iterator<Item = &str> {
        let of_classes = self.classes.routes.values();
        let all = self.routes.values().chain(of_classes).flatten();
        all.map(String::as_str)
    }

    /// Reads the settings file, where there is one, and the environment, which wins.
    ///
    /// `env` is asked for `FOOTPLATE_…` of each scalar (dots become underscores), for variables that secrets name
    /// as `env:NAME`, and for `XDG_DATA_HOME` and `HOME`; [`environment`](super::environment) is the process's own.
    ///
    /// # Errors
    /// The file cannot be read, or something in it or in the environment is wrong; all problems are told.
    pub fn load(file: Option<&Path>, env: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let Some(path) = file else {
            return Self::parse("footplate.yml", "", Path::new(""), env);
        };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| Error::Unreadable {
            path: name.clone(),
            source,
        })?;
        Self::parse(&name, &text, path.parent().unwrap_or(Path::new("")), env)
    }

    /// Reads settings from a text; `folder` is where its relative paths start.
    ///
    /// # Errors
    /// Something in it or in the environment is wrong; all problems are told.
    pub fn parse(
        name: &str,
        text: &str,
        folder: &Path,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let mut reader = Reader::new(name);
        let file: wire::Server = reader.yaml(text);
        let broken = !reader.problems.is_empty();
        let mut load = Load { reader, env, folder };
        let settings = load.settings(&file);
        match (settings, load.reader.problems) {
            (settings, problems) if problems.is_empty() => Ok(settings),
            // A file that is no YAML is told once, without the consequences.
            (_, mut problems) if broken => {
                problems.truncate(1);
                Err(Error::Invalid(problems))
            }
            (_, mut problems) => {
                problems.sort_by(|a, b| a.place.cmp(&b.place));
                Err(Error::Invalid(problems))
            }
        }
    }

    /// The GitHub App, complete, with its key read from its file.
    ///
    /// # Errors
    /// Something is missing, told with key and variable, or the key's file cannot be read.
    pub fn app(&self) -> Result<App, Error> {
        let mut problems = Vec::new();
        let mut secret = |key: &str, secret: &Option<Secret>| match secret {
            Some(Secret::Text(text)) => Some(text.clone()),
            Some(Secret::Unset { variable }) => {
                problems.push(unset(key, variable));
                None
            }
            None => {
                problems.push(missing(key));
                None
            }
        };
        let private_key = secret("github.private_key", &self.github.private_key);
        let webhook_secret = secret("github.webhook_secret", &self.github.webhook_secret);
        if self.github.app_id.is_none() {
            problems.insert(0, missing("github.app_id"));
        }
        let (Some(id), Some(key), Some(webhook_secret)) = (self.github.app_id, private_key, webhook_secret)
        else {
            return Err(Error::Invalid(problems));
        };
        Ok(App {
            id,
            private_key: self.read_key(&key)?,
            webhook_secret,
        })
    }

    /// PEM text as it is (with `\n` for line ends, as one-line variables have it), or the content of a file.
    fn read_key(&self, written: &SecretString) -> Result<SecretString, Error> {
        use secrecy::ExposeSecret;
        let written = written.expose_secret();
        if written.contains("-----BEGIN") {
            return Ok(written.replace("\\n", "\n").into());
        }
        let path = self.github.folder.join(written);
        // The path may be a mistyped key, so that it is not repeated.
        let path_for_people = if path.exists() {
            path.display().to_string()
        } else {
            "github.private_key".to_owned()
        };
        let pem = std::fs::read_to_string(&path).map_err(|source| Error::Unreadable {
            path: path_for_people.clone(),
            source,
        })?;
        if pem.contains("-----BEGIN") {
            return Ok(pem.into());
        }
        Err(Error::Invalid(vec![Problem {
            place: Place::Nowhere,
            key: "github.private_key".to_owned(),
            message: format!("{path_for_people} holds no PEM text"),
            help: Some("download a private key on the App's page".to_owned()),
        }]))
    }
}

/// The name of a key's environment variable.
pub(super) fn variable_of(key: &str) -> String {
    format!("FOOTPLATE_{}", key.to_ascii_uppercase().replace('.', "_"))
}

fn missing(key: &str) -> Problem {
    Problem {
        place: Place::Nowhere,
        key: key.to_owned(),
        message: "it is missing".to_owned(),
        help: Some(format!("set it in the file or as {}", variable_of(key))),
    }
}

fn unset(key: &str, variable: &str) -> Problem {
    Problem {
        place: Place::Nowhere,
        key: key.to_owned(),
        message: format!("the environment variable {variable} is not set"),
        help: None,
    }
}
