//! The whole program put together: from settings to a server that drives runs.
//!
//! Webhooks are taken in from the first moment; what needs GitHub (who we are there) is asked for beside it, and
//! until the answer the deliveries wait in the inbox.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::body::ROOM;
use super::chores;
use super::claim::Claim;
use super::gear::{Gear, Strangers, gear};
use super::{Metrics, Readiness, Server, listen};
use crate::agent::{
    self, AcpAgent, AcpHarness, CliHarness, CommandHarness, Marker, ScriptedHarness, kill_leftovers,
};
use crate::config::{self, Settings};
use crate::engine::{Bench, Book, Crew, Desk, Driver, Equipment, Estate, Folders, InProcess, Manners, Pump};
use crate::git::{self, Git};
use crate::github::{self, AppKey, Client, Door, GitAccess, Repository};
use crate::model::{Clock, SystemClock};
use crate::publish::{self, Identity, Labels, Mirrors, Tokens};
use crate::room::Room;
use crate::store::Database;

/// How long a stop waits for what is under way: a push that has begun, an agent that is told to end.
const STOP_TIME: Duration = Duration::from_secs(30);

/// A running server.
pub struct App {
    address: SocketAddr,
    stop: CancellationToken,
    front: JoinHandle<std::io::Result<()>>,
    work: JoinHandle<Result<(), StartError>>,
    store: Database,
    _claim: Claim,
}

/// Says why the server could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings are not enough, or wrong.
    #[error(transparent)]
    Settings(#[from] config::Error),
    /// The App's key or the API's address cannot be used.
    #[error("the GitHub App cannot be used: {0}")]
    GitHub(String),
    /// The port is taken.
    #[error(transparent)]
    Listen(#[from] super::ListenError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// Git is missing or too old.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// Processes of an earlier server cannot be killed; two agents might write to one worktree.
    #[error("{count} processes of an earlier server are still running and cannot be killed")]
    Leftovers {
        /// How many.
        count: u32,
    },
    /// No sandbox works here, and nobody said that none is needed.
    #[error(
        "agents would run with this server's rights:\n{0}\nOr say `sandbox: none` (FOOTPLATE_SANDBOX=none) if this machine holds nothing else of value."
    )]
    Sandbox(agent::sandbox::Unavailable),
    /// The gateway to models cannot start.
    #[error("the meter cannot start: {0}")]
    Meter(String),
    /// The engine gave up.
    #[error(transparent)]
    Engine(#[from] crate::engine::Error),
    /// Another server has the data folder.
    #[error(
        "another server is at work in {}: two in one data folder would end each other's agents. Stop that one first, or give this one another `data_dir`",
        .folder.display()
    )]
    Claimed {
        /// The data folder.
        folder: PathBuf,
    },
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used: {source}", .folder.display())]
    Folder {
        /// The data folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something on this machine.
    #[error("{what}: {source}")]
    Machine {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl App {
    /// Starts the server: the port is open and deliveries are kept when this returns.
    ///
    /// # Errors
    /// As [`StartError`] says; nothing is left running.
    pub async fn start(mut settings: Settings) -> Result<Self, StartError> {
        let app = settings.app()?;
        let (claim, data_dir) = Claim::on(&settings.data_dir).await?;
        settings.data_dir = data_dir;
        let settings = Arc::new(settings);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        // Children of the same user must not read our environment and memory.
        if let Err(error) = agent::sandbox::shield() {
            tracing::warn!(%error, "this process could not be shielded from others of its user");
        }
        let harnesses = harnesses(&settings.harnesses)?;
        let gear = gear(&settings, &harnesses, Arc::clone(&clock), Strangers::Write).await?;
        for shortfall in &gear.shortfalls {
            tracing::warn!(%shortfall, "a weaker sandbox is used");
        }
        tracing::info!(tier = %gear.tier(), "agents and checks are confined");
        let store = Database::open(&settings.database_url, Arc::clone(&clock)).await?;
        let readiness = Arc::new(Readiness::default());
        let server = Server {
            door: Door::new([&app.webhook_secret], Some(app.id)),
            intake: store.intake(),
            clock: Arc::clone(&clock),
            metrics: Arc::new(Metrics::default()),
            readiness: Arc::clone(&readiness),
            room: Room::of(ROOM),
        };
        let listener = listen(settings.listen).await?;
        let address = listener.local_addr().map_err(|source| StartError::Machine {
            what: "the port's address cannot be read",
            source,
        })?;
        let stop = CancellationToken::new();
        let front = tokio::spawn(server.serve(listener, stop.clone()));
        let work = tokio::spawn(work(
            settings,
            app,
            gear,
            harnesses,
            store.clone(),
            readiness,
            stop.clone(),
        ));
        Ok(Self {
            address,
            stop,
            front,
            work,
            store,
            _claim: claim,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The store it works on.
    pub fn store(&self) -> &Database {
        &self.store
    }

    /// Waits until somebody stops it, or it cannot go on.
    ///
    /// # Errors
    /// Why it cannot go on.
    pub async fn wait(&mut self) -> Result<(), StartError> {
        tokio::select! {
            () = self.stop.cancelled() => Ok(()),
            ended = &mut self.work => ended.unwrap_or_else(|error| Err(broken(error))),
            ended = &mut self.front => match ended {
                Ok(Ok(())) => Ok(()),
                Ok(Err(source)) => Err(StartError::Machine { what: "the server cannot go on", source }),
                Err(error) => Err(broken(error)),
            },
        }
    }

    /// Stops: no new calls, agents told to end, the store closed.
    pub async fn shut_down(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(STOP_TIME, async {
            let _ = self.front.await;
            let _ = self.work.await;
        })
        .await;
        if let Err(error) = self.store.close().await {
            tracing::error!(%error, "the store could not be closed properly");
        }
    }
}

/// Everything behind the front: recovers, then keeps going until told to stop.
async fn work(
    settings: Arc<Settings>,
    app: config::App,
    gear: Gear,
    harnesses: BTreeMap<String, agent::Harness>,
    store: Database,
    readiness: Arc<Readiness>,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let marker = Marker::of_server(&settings.data_dir);
    let (leftovers, survivors) = kill_leftovers(&marker).await;
    for leftover in leftovers {
        tracing::warn!(?leftover, "a process of an earlier server was killed");
    }
    if survivors > 0 {
        return Err(StartError::Leftovers { count: survivors });
    }
    let git = find_git(settings.path.as_deref(), Some(&marker)).await?;
    let client = client(&settings, &app)?;
    let Some(identity) = identity(&client, &settings, &stop).await else {
        return Ok(());
    };
    tracing::info!(login = identity.login(), "known on GitHub");

    let clock = SystemClock;
    let book = Arc::new(Book::new(store.clone(), clock));
    let (forge, chore_client) = (Arc::new(client.clone()), client.clone());
    let folders = Folders::new(&settings.data_dir);
    let host = settings.github.url.as_str().trim_end_matches('/');
    let mirrors = Arc::new(Mirrors::new(
        git,
        folders.mirrors(),
        host,
        Arc::new(GitTokens(client)),
    ));
    let publisher = publish::GitHub::new(
        Arc::clone(&forge),
        Arc::clone(&mirrors),
        Arc::new(clock),
        publish::Settings {
            identity,
            web: host.to_owned(),
            labels: labels(&settings.labels),
            draft: true,
            ask_review: true,
        },
    );
    let bench = Bench::new(
        Equipment {
            folders,
            depot: Arc::clone(&mirrors),
            harnesses,
            access: Some(Arc::clone(&gear.access)),
            marker,
            journal: store.clone(),
            places: usize::try_from(settings.limits.concurrent_attempts).unwrap_or(1),
            path: settings.path.clone(),
            env: settings.pass_env.clone(),
        },
        clock,
    );
    let executor = InProcess::new(Arc::clone(&book), Crew::new(Arc::clone(&book), publisher, bench));
    let ground = Arc::new(Estate::new(
        Arc::clone(&forge),
        Arc::clone(&mirrors),
        Arc::clone(&settings),
        gear.tier().to_string(),
    ));
    let manners = Manners {
        app: app.id,
        trigger: settings.labels.trigger.clone(),
        bare: settings.bare_commands,
        trusted_apps: settings.allowed_bots.clone(),
        repository_day: settings.limits.repository_day,
    };
    let desk = Desk::new(Arc::clone(&book), forge, ground, manners);
    let driver = Arc::new(Driver::new(book, executor, desk));
    driver.take_in_outcomes().await?;
    let bench = driver.executor().hands().workshop();
    let salvaged = bench.salvage(driver.book(), None).await?;
    if salvaged > 0 {
        tracing::info!(salvaged, "booked what attempts of an earlier server had used");
    }
    for (run, error) in driver.recover().await? {
        tracing::error!(%run, %error, "a run cannot be read and is left alone");
    }
    readiness.announce();
    let chores = tokio::spawn({
        let (store, settings, stop) = (store.clone(), Arc::clone(&settings), stop.clone());
        async move { chores::run(chore_client, store, &settings, stop).await }
    });
    let pumped = Pump::new(Arc::clone(&driver), store.wakeups())
        .run(stop.clone())
        .await;
    stop.cancel();
    let _ = chores.await;
    readiness.withdraw();
    driver.executor().shut_down().await;
    gear.access.meter.clone().stop().await;
    Ok(pumped?)
}

/// Asks GitHub who we are there, for as long as it takes: without a name nothing of ours can be told apart.
async fn identity(client: &Client, settings: &Settings, stop: &CancellationToken) -> Option<Identity> {
    let mut pause = Duration::from_secs(1);
    loop {
        match who_we_are(client, settings).await {
            Ok(Some(identity)) => return Some(identity),
            Ok(None) => tracing::warn!("the App is installed nowhere yet; deliveries wait"),
            Err(error) => tracing::warn!(%error, "GitHub does not say who we are; deliveries wait"),
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

async fn who_we_are(client: &Client, settings: &Settings) -> github::Result<Option<Identity>> {
    let installations = client.installations().await?;
    let Some(installation) = installations.iter().find(|installation| !installation.suspended) else {
        return Ok(None);
    };
    let app = client.app().await?;
    let bot = client.bot(installation.id).await?;
    Ok(Some(Identity {
        app: app.id,
        slug: app.slug,
        bot: bot.id,
        noreply: noreply(settings),
    }))
}

/// The host of the addresses that GitHub gives to accounts.
fn noreply(settings: &Settings) -> String {
    match settings.github.url.host_str() {
        None | Some("github.com") => "users.noreply.github.com".to_owned(),
        Some(host) => format!("users.noreply.{host}"),
    }
}

fn client(settings: &Settings, app: &config::App) -> Result<Client, StartError> {
    let wrong = |error: &dyn std::fmt::Display| StartError::GitHub(error.to_string());
    let key = AppKey::from_pem(&app.private_key).map_err(|error| wrong(&error))?;
    let settings = github::Settings {
        api_url: settings.github.api_url.clone(),
        app: app.id,
        key,
        manners: github::Manners {
            write_gap: settings.github.write_gap,
            ..github::Manners::default()
        },
    };
    Client::new(settings, Arc::new(SystemClock)).map_err(|error| wrong(&error))
}

/// The git program, with our own as the one that it asks for credentials.
///
/// # Errors
/// There is no git, or it is too old.
pub async fn find_git(path: Option<&str>, marker: Option<&Marker>) -> Result<Git, StartError> {
    let own = own_program()?;
    let marked = marker.map(Marker::variable);
    Ok(Git::find(git::Settings {
        search_path: path.map(Into::into),
        askpass: Some(own),
        environment: marked
            .map(|(name, value)| (name.into(), value.into()))
            .into_iter()
            .collect(),
        ..git::Settings::default()
    })
    .await?)
}

/// The path of this program.
pub(super) fn own_program() -> Result<PathBuf, StartError> {
    std::env::current_exe().map_err(|source| StartError::Machine {
        what: "this program cannot find itself",
        source,
    })
}

/// The harnesses that need no settings.
const HARNESSES: [&str; 8] = [
    "claude", "codex", "gemini", "qwen", "builtin", "kimi", "opencode", "goose",
];

/// The harnesses that the settings name, and those that need none.
///
/// # Errors
/// This program cannot find itself, which a scripted harness needs.
pub fn harnesses(
    configured: &BTreeMap<String, config::Harness>,
) -> Result<BTreeMap<String, agent::Harness>, StartError> {
    let own = own_program()?;
    let known = HARNESSES.into_iter().filter_map(|name| {
        let harness = agent::Harness::named(name, &own)?;
        Some(Ok((name.to_owned(), harness)))
    });
    let configured = configured.iter().map(|(name, harness)| {
        let harness = match harness {
            config::Harness::Cli { cli, program, login } => agent::Harness::Cli(CliHarness {
                name: name.clone(),
                program: program.clone().unwrap_or_else(|| cli.as_str().to_owned()),
                login: login.clone(),
                cli: *cli,
            }),
            config::Harness::Command { argv, variables } => agent::Harness::Command(CommandHarness {
                name: name.clone(),
                argv: argv.clone(),
                variables: variables.clone(),
            }),
            config::Harness::Acp { argv, variables } => {
                let program = argv.first().map(Path::new).and_then(Path::file_name);
                let known = program.and_then(|name| AcpAgent::named(name.to_str()?));
                agent::Harness::Acp(AcpHarness {
                    name: name.clone(),
                    own: own.clone(),
                    agent: known.unwrap_or(AcpAgent::Other),
                    argv: argv.clone(),
                    variables: variables.clone(),
                })
            }
            config::Harness::Scripted { file } => {
                agent::Harness::Scripted(ScriptedHarness::new(own_program()?, absolute(file)))
            }
        };
        Ok((name.clone(), harness))
    });
    known.chain(configured).collect()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn labels(labels: &config::Labels) -> Labels {
    Labels {
        trigger: labels.trigger.clone(),
        working: labels.working.clone(),
        waiting: labels.waiting.clone(),
        review: labels.review.clone(),
        failed: labels.failed.clone(),
        ..Labels::default()
    }
}

fn broken(error: tokio::task::JoinError) -> StartError {
    StartError::Machine {
        what: "a part of the server broke",
        source: std::io::Error::other(error),
    }
}

/// Tokens for git, of the installation that a repository belongs to.
struct GitTokens(Client);

impl Tokens for GitTokens {
    async fn token(&self, at: &Repository, write: bool) -> github::Result<SecretString> {
        let access = if write { GitAccess::Write } else { GitAccess::Read };
        self.0.git_token(at, access).await
    }
}
