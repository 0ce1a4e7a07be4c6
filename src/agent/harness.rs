//! The programs that run an agent's loop.

use std::future::Future;
use std::path::PathBuf;

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::dialect::Transcript;
use super::environment::{self, DEFAULT_PATH, Environment};
use super::lines::Line;
use super::supervise::{Launch, Sink, supervise};
use super::{Ended, Error, Observer, Order};

/// Runs attempts.
pub trait Agent: Send + Sync {
    /// Runs one attempt until its whole process tree is gone: by itself, at a limit, or because of `cancel`.
    ///
    /// Dropping the future kills the tree too, without waiting for it.
    ///
    /// # Errors
    /// The attempt could not begin. What an agent does wrong is in [`Ended`].
    fn run(
        &self,
        order: &Order,
        cancel: CancellationToken,
        observer: &dyn Observer,
    ) -> impl Future<Output = Result<Ended, Error>> + Send;
}

/// Any of the harnesses.
#[derive(Debug, Clone)]
pub enum Harness {
    /// Any agent that is a program.
    Command(CommandHarness),
    /// A script in place of a model.
    Scripted(ScriptedHarness),
}

impl Harness {
    /// The name that configuration gives it.
    pub fn name(&self) -> &str {
        match self {
            Self::Command(harness) => &harness.name,
            Self::Scripted(_) => "scripted",
        }
    }
}

impl Agent for Harness {
    async fn run(
        &self,
        order: &Order,
        cancel: CancellationToken,
        observer: &dyn Observer,
    ) -> Result<Ended, Error> {
        match self {
            Self::Command(harness) => harness.run(order, cancel, observer).await,
            Self::Scripted(harness) => harness.run(order, cancel, observer).await,
        }
    }
}

/// Any agent that is a program: it finds its orders in the environment, and its files are its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandHarness {
    /// The name that configuration gives it.
    pub name: String,
    /// The program and its arguments. The program is a name on the path or an absolute path; arguments are
    /// passed as they are, so that relative paths among them mean the worktree.
    pub argv: Vec<String>,
}

impl Agent for CommandHarness {
    async fn run(
        &self,
        order: &Order,
        cancel: CancellationToken,
        observer: &dyn Observer,
    ) -> Result<Ended, Error> {
        run(&self.argv, order, &cancel, observer).await
    }
}

/// A script that is played by a child process of our own program, as truly as any agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedHarness {
    /// Our own program.
    pub program: PathBuf,
    /// What makes it call [`crate::agent::scripted_main`]; the script's path is added.
    pub arguments: Vec<String>,
    /// The [`crate::agent::Script`]: an absolute path to a file, or to a folder of files named after nodes or roles.
    pub script: PathBuf,
}

impl ScriptedHarness {
    /// The hidden subcommand of the command line.
    pub const SUBCOMMAND: &str = "scripted-agent";

    /// Plays `script` with `program`, which understands [`Self::SUBCOMMAND`].
    pub fn new(program: PathBuf, script: PathBuf) -> Self {
        Self {
            program,
            arguments: vec![Self::SUBCOMMAND.to_owned()],
            script,
        }
    }

    fn argv(&self) -> Vec<String> {
        let mut argv = vec![self.program.to_string_lossy().into_owned()];
        argv.extend(self.arguments.iter().cloned());
        argv.push(self.script.to_string_lossy().into_owned());
        argv
    }
}

impl Agent for ScriptedHarness {
    async fn run(
        &self,
        order: &Order,
        cancel: CancellationToken,
        observer: &dyn Observer,
    ) -> Result<Ended, Error> {
        run(&self.argv(), order, &cancel, observer).await
    }
}

/// Finds the harness's program, for `doctor`: where it is, without starting it.
///
/// # Errors
/// It is not there. `path` is the search path of the orders, if they set one.
pub fn probe(harness: &Harness, path: Option<&str>) -> Result<PathBuf, Error> {
    let argv = match harness {
        Harness::Command(harness) => harness.argv.clone(),
        Harness::Scripted(harness) => harness.argv(),
    };
    environment::find(
        argv.first().map_or("", String::as_str),
        path.unwrap_or(DEFAULT_PATH),
    )
}

async fn run(
    argv: &[String],
    order: &Order,
    cancel: &CancellationToken,
    observer: &dyn Observer,
) -> Result<Ended, Error> {
    let marker = order.server.of_attempt(&order.key);
    let mut environment = Environment::prepare(&order.home, order.path.as_deref(), &order.env, &marker)?;
    environment.set("FOOTPLATE_ROLE", order.role.as_str());
    environment.set("FOOTPLATE_NODE", order.key.node.as_str());
    environment.set("FOOTPLATE_BRIEF", &order.brief);
    environment.set("FOOTPLATE_ARTIFACTS", &order.artifacts);
    environment.set("FOOTPLATE_ATTEMPT", order.key.n.to_string());
    environment.set_or_unset("FOOTPLATE_MODEL", order.model.as_deref());
    environment.set_or_unset("FOOTPLATE_MODEL_URL", order.model_url.as_deref());
    environment.set_or_unset(
        "FOOTPLATE_MODEL_KEY",
        order.model_key.as_ref().map(ExposeSecret::expose_secret),
    );

    let mut transcript = Transcript::new(observer);
    let launch = Launch {
        argv,
        folder: &order.worktree,
        environment: &environment,
        marker,
        limits: order.limits,
        merged: false,
        sandbox: None,
    };
    let course = supervise(launch, cancel, &mut transcript).await?;
    Ok(Ended {
        exit: course.exit,
        stopped: course.stopped,
        usage: transcript.usage,
        cost: transcript.cost(),
        text: transcript.text(),
        output_tail: transcript.tail(),
        edit_failures: transcript.edit_failures,
        events: transcript.events,
        killed: course.killed,
        started: order.started,
        ended: order.started.plus(course.wall),
        wall: course.wall,
    })
}

impl Sink for Transcript<'_> {
    fn stdout(&mut self, line: Line<'_>) {
        Transcript::stdout(self, line);
    }

    fn stderr(&mut self, line: Line<'_>) {
        Transcript::stderr(self, line);
    }
}
