//! The programs that run an agent's loop.

use std::future::Future;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::dialect::{self, Invocation, Listener};
use super::environment::{self, DEFAULT_PATH, Environment};
use super::supervise::{Launch, supervise};
use super::variables::{self, Variables};
use super::{AcpAgent, BRIDGE_SUBCOMMAND, BUILTIN_SUBCOMMAND, Ended, Error, Observer, Order};
use crate::model::Dialect;
use crate::route::Effort;

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
    /// One of the command-line agents whose dialect is known.
    Cli(CliHarness),
    /// The small agent of our own.
    Builtin(BuiltinHarness),
    /// An agent that is spoken to over ACP, behind a bridge of ours.
    Acp(AcpHarness),
}

impl Harness {
    /// The name that configuration gives it.
    pub fn name(&self) -> &str {
        match self {
            Self::Command(harness) => &harness.name,
            Self::Scripted(_) => "scripted",
            Self::Cli(harness) => &harness.name,
            Self::Builtin(harness) => &harness.name,
            Self::Acp(harness) => &harness.name,
        }
    }

    /// The harness that has this name without any configuration, if there is one: `claude`, `codex`, `gemini`,
    /// `qwen`, `kimi`, `opencode`, `goose`, `builtin`.
    ///
    /// `own` is our own program, which plays the built-in agent and the bridge to agents that speak ACP.
    pub fn named(name: &str, own: &Path) -> Option<Self> {
        if let Some(cli) = Cli::named(name) {
            return Some(Self::Cli(CliHarness::new(cli)));
        }
        if let Some(agent) = AcpAgent::named(name) {
            return Some(Self::Acp(AcpHarness::new(agent, own)));
        }
        (name == BuiltinHarness::NAME).then(|| Self::Builtin(BuiltinHarness::new(own)))
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
            Self::Cli(harness) => harness.run(order, cancel, observer).await,
            Self::Builtin(harness) => harness.run(order, cancel, observer).await,
            Self::Acp(harness) => harness.run(order, cancel, observer).await,
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
    /// What the operator wants it to be told besides.
    pub variables: Variables,
}

impl Agent for CommandHarness {
    async fn run(
        &self,
        order: &Order,
        cancel: CancellationToken,
        observer: &dyn Observer,
    ) -> Result<Ended, Error> {
        let mut invocation = for_program(self.argv.clone(), order);
        variables::tell(&self.variables, order, &mut invocation);
        run(invocation, order, &cancel, Listener::command(observer)).await
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
        let invocation = for_program(self.argv(), order);
        run(invocation, order, &cancel, Listener::command(observer)).await
    }
}

/// A command-line agent whose dialect is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cli {
    /// Claude Code, also for other vendors at a base URL of their own.
    Claude,
    /// OpenAI's Codex.
    Codex,
    /// Google's Gemini CLI.
    Gemini,
    /// Alibaba's Qwen Code, also for any server that speaks OpenAI's Chat Completions.
    Qwen,
}

impl Cli {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Claude, Self::Codex, Self::Gemini, Self::Qwen];

    /// The name of the harness and of its program.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Qwen => "qwen",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cli| cli.as_str() == name)
    }
}

/// One of the command-line agents, ready to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliHarness {
    /// The name that configuration gives it.
    pub name: String,
    /// Which one it is.
    pub cli: Cli,
    /// Its program: a name on the path or an absolute path. Those that are written in JavaScript find `node`
    /// on the path as well.
    pub program: String,
    /// A file of the operator's own login, such as `~/.codex/auth.json`, which is copied into the private home
    /// of every attempt that has no model URL. What the program refreshes there is lost with the home.
    pub login: Option<PathBuf>,
}

impl CliHarness {
    /// The one that is called by its own name and found on the path.
    pub fn new(cli: Cli) -> Self {
        Self {
            name: cli.as_str().to_owned(),
            cli,
            program: cli.as_str().to_owned(),
            login: None,
        }
    }
}

impl Agent for CliHarness {
    async fn run(
        &self,
        order: &Order,
        cancel: CancellationToken,
        observer: &dyn Observer,
    ) -> Result<Ended, Error> {
        let mut invocation = dialect::invocation(self.cli, &self.program, order);
        if let (Some(login), None) = (&self.login, &order.model_url) {
            let content = tokio::fs::read(login).await.map_err(|source| Error::Folder {
                what: "the login",
                path: login.clone(),
                source,
            })?;
            invocation.files.push((dialect::login_file(self.cli), content));
        }
        run(invocation, order, &cancel, Listener::cli(self.cli, observer)).await
    }
}

/// The small agent of our own, as a child process of our own program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltinHarness {
    /// The name that configuration gives it.
    pub name: String,
    /// Our own program, which understands [`BUILTIN_SUBCOMMAND`].
    pub own: PathBuf,
}

impl BuiltinHarness {
    /// Its name without any configuration.
    pub const NAME: &str = "builtin";

    /// The one that is called by its own name.
    pub fn new(own: &Path) -> Self {
        Self {
            name: Self::NAME.to_owned(),
            own: own.to_owned(),
        }
    }
}

impl Agent for BuiltinHarness {
    async fn run(
        &self,
        order: &Order,
        cancel: CancellationToken,
        observer: &dyn Observer,
    ) -> Result<Ended, Error> {
        let argv = vec![
            self.own.to_string_lossy().into_owned(),
            BUILTIN_SUBCOMMAND.to_owned(),
        ];
        run(for_program(argv, order), order, &cancel, Listener::own(observer)).await
    }
}

/// An agent that speaks ACP, behind a bridge that is a child process of our own program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcpHarness {
    /// The name that configuration gives it.
    pub name: String,
    /// Our own program, which understands [`BRIDGE_SUBCOMMAND`].
    pub own: PathBuf,
    /// Which agent it is, so that it can be told its model.
    pub agent: AcpAgent,
    /// The agent's command line: a name on the path or an absolute path, and its arguments.
    pub argv: Vec<String>,
    /// What the operator wants it to be told besides.
    pub variables: Variables,
}

impl AcpHarness {
    /// One that is known, called by its own name and found on the path.
    pub fn new(agent: AcpAgent, own: &Path) -> Self {
        Self {
            name: agent.as_str().to_owned(),
            own: own.to_owned(),
            agent,
            argv: agent.argv(),
            variables: Variables::new(),
        }
    }
}

impl Agent for AcpHarness {
    async fn run(
        &self,
        order: &Order,
        cancel: CancellationToken,
        observer: &dyn Observer,
    ) -> Result<Ended, Error> {
        // The bridge would say so too, but only as an agent that failed.
        let program = self.argv.first().map_or("", String::as_str);
        environment::find(program, order.path.as_deref().unwrap_or(DEFAULT_PATH))?;
        let mut argv = vec![
            self.own.to_string_lossy().into_owned(),
            BRIDGE_SUBCOMMAND.to_owned(),
        ];
        argv.extend(self.argv.iter().cloned());
        let mut invocation = for_program(argv, order);
        dialect::tell_acp(self.agent, order, &mut invocation);
        variables::tell(&self.variables, order, &mut invocation);
        run(invocation, order, &cancel, Listener::own(observer)).await
    }
}

/// Finds the harness's program, for `doctor`: where it is, without starting it.
///
/// # Errors
/// It is not there. `path` is the search path of the orders, if they set one.
pub fn probe(harness: &Harness, path: Option<&str>) -> Result<PathBuf, Error> {
    let program = match harness {
        Harness::Command(harness) => harness.argv.first().cloned().unwrap_or_default(),
        Harness::Scripted(harness) => harness.program.to_string_lossy().into_owned(),
        Harness::Cli(harness) => harness.program.clone(),
        Harness::Builtin(harness) => harness.own.to_string_lossy().into_owned(),
        Harness::Acp(harness) => harness.argv.first().cloned().unwrap_or_default(),
    };
    environment::find(&program, path.unwrap_or(DEFAULT_PATH))
}

/// A program that finds its orders in variables.
fn for_program(argv: Vec<String>, order: &Order) -> Invocation {
    let mut invocation = Invocation {
        argv,
        ..Invocation::default()
    };
    if let Some(url) = &order.model_url {
        invocation
            .variables
            .push(("FOOTPLATE_MODEL_URL".into(), url.into()));
    }
    if let Some(key) = &order.model_key {
        let key = key.expose_secret();
        invocation
            .variables
            .push(("FOOTPLATE_MODEL_KEY".into(), key.into()));
    }
    invocation
}

async fn run(
    invocation: Invocation,
    order: &Order,
    cancel: &CancellationToken,
    mut listener: Listener<'_>,
) -> Result<Ended, Error> {
    let marker = order.server.of_attempt(&order.key);
    let mut environment = Environment::prepare(&order.home, order.path.as_deref(), &order.env, &marker)?;
    for (name, content) in &invocation.files {
        Environment::put(&order.home, name, content)?;
    }
    environment.set("FOOTPLATE_ROLE", order.role.as_str());
    environment.set("FOOTPLATE_NODE", order.key.node.as_str());
    environment.set("FOOTPLATE_BRIEF", &order.brief);
    environment.set("FOOTPLATE_ARTIFACTS", &order.artifacts);
    environment.set("FOOTPLATE_ATTEMPT", order.key.n.to_string());
    environment.set_or_unset("FOOTPLATE_MODEL", order.model.as_deref());
    environment.set_or_unset("FOOTPLATE_MODEL_URL", None);
    environment.set_or_unset("FOOTPLATE_MODEL_KEY", None);
    let dialect = order.model_url.as_ref().and(order.dialect);
    environment.set_or_unset("FOOTPLATE_MODEL_DIALECT", dialect.map(Dialect::as_str));
    environment.set_or_unset("FOOTPLATE_EFFORT", order.effort.map(Effort::as_str));
    environment.set_or_unset("FOOTPLATE_READ_ONLY", order.read_only.then_some("1"));
    for (name, value) in invocation.variables {
        environment.set(&name, value);
    }

    let launch = Launch {
        argv: &invocation.argv,
        folder: &order.worktree,
        environment: &environment,
        marker,
        stdin: invocation.stdin.as_deref(),
        limits: order.limits,
        merged: false,
        sandbox: order.sandbox.as_ref(),
    };
    let course = supervise(launch, cancel, &mut listener).await?;
    listener.exited(course.exit);
    let mut transcript = listener.transcript;
    Ok(Ended {
        exit: course.exit,
        stopped: course.stopped,
        usage: transcript.usage,
        cost: transcript.cost(),
        text: transcript.text(),
        output_tail: transcript.tail(),
        edit_failures: transcript.edit_failures,
        events: transcript.events,
        terminal: transcript.terminal,
        lingered: course.lingered,
        retries: transcript.retries,
        session: transcript.session,
        model_reported: transcript.model,
        windows: transcript.windows,
        killed: course.killed,
        started: order.started,
        ended: order.started.plus(course.wall),
        wall: course.wall,
    })
}
