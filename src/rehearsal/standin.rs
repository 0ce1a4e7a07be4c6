//! Starts and stops the stand-in: the world from its setup, one port, one task for webhooks.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::ops::Deref;
use std::path::Path;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::faults::Faults;
use super::hub::Hub;
use super::limits::Spending;
use super::objects::{self, NewCommit};
use super::setup::{RepositorySetup, Setup, Source};
use super::world::{
    Account, AccountKind, Actor, App, Installation, Label, Repository, RepositoryRole, World,
};
use super::{hooks, wire};

/// Ids begin beyond 32 bits, as GitHub's newer ones do.
const FIRST_ID: u64 = 5_000_000_000;

/// A running stand-in for GitHub on loopback. It dereferences to its [`Hub`], which has the verbs.
pub struct StandIn {
    hub: Hub,
    server: JoinHandle<()>,
    courier: JoinHandle<()>,
    // Removed with everything in it when the stand-in goes.
    _data: Option<tempfile::TempDir>,
}

/// Why a stand-in did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder or a port could not be had.
    #[error("the stand-in for GitHub cannot start: {0}")]
    Io(#[from] std::io::Error),
    /// A repository could not be made.
    #[error("the stand-in for GitHub cannot make a repository: {0}")]
    Git(#[from] git2::Error),
    /// The HTTP client for webhooks could not be made.
    #[error("the stand-in for GitHub cannot send webhooks: {0}")]
    Http(#[from] reqwest::Error),
    /// A repository's name is not `owner/name`.
    #[error("{0:?} is not a repository's name of the form owner/name")]
    Name(String),
}

impl StandIn {
    /// Builds the world and opens the port.
    ///
    /// # Errors
    /// A repository cannot be made, or the port is taken.
    pub async fn start(setup: Setup) -> Result<Self, StartError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, setup.port)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let build = move || -> Result<(World, Option<tempfile::TempDir>), StartError> {
            let (dir, data) = if let Some(dir) = &setup.data_dir {
                (dir.clone(), None)
            } else {
                let data = tempfile::Builder::new().prefix("footplate-stand-in-").tempdir()?;
                (data.path().to_owned(), Some(data))
            };
            Ok((build_world(setup, base, &dir)?, data))
        };
        let (world, data) = tokio::task::spawn_blocking(build)
            .await
            .map_err(|e| StartError::Io(std::io::Error::other(e)))??;
        let hub = Hub::new(world);
        let server = tokio::spawn(wire::serve(listener, hub.clone()));
        let courier = tokio::spawn(hooks::run(hub.clone(), client));
        Ok(Self {
            hub,
            server,
            courier,
            _data: data,
        })
    }

    /// A handle that others may keep.
    pub fn hub(&self) -> Hub {
        self.hub.clone()
    }

    /// Closes the port, forgets the world and removes its repositories.
    pub async fn stop(mut self) {
        self.hub.stopping().cancel();
        // Both tasks see the signal; open connections end with them.
        let _ = (&mut self.server).await;
        let _ = (&mut self.courier).await;
    }
}

impl Deref for StandIn {
    type Target = Hub;

    fn deref(&self) -> &Hub {
        &self.hub
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.hub.stopping().cancel();
        self.server.abort();
        self.courier.abort();
    }
}

fn build_world(setup: Setup, base: String, dir: &Path) -> Result<World, StartError> {
    let mut world = World {
        clock: setup.clock,
        base,
        accounts: BTreeMap::new(),
        apps: BTreeMap::new(),
        installations: BTreeMap::new(),
        repositories: BTreeMap::new(),
        tokens: Vec::new(),
        deliveries: Vec::new(),
        outbox: VecDeque::new(),
        in_flight: 0,
        requests: Vec::new(),
        git_requests: Vec::new(),
        violations: Vec::new(),
        manifests: BTreeMap::new(),
        faults: Faults::default(),
        limits: setup.limits,
        spending: Spending::default(),
        next_id: FIRST_ID,
    };
    for organization in &setup.organizations {
        let id = world.ensure_account(&organization.login, AccountKind::Organization);
        for (login, role) in &organization.members {
            let member = world.ensure_account(login, AccountKind::User);
            if let Some(found) = world.accounts.get_mut(&id) {
                found.members.insert(member, *role);
            }
        }
    }
    for login in &setup.people {
        world.ensure_account(login, AccountKind::User);
    }
    let mut installed: Vec<(u64, u64)> = Vec::new();
    for repository in &setup.repositories {
        let id = add_repository(&mut world, repository, dir)?;
        if repository.installed {
            installed.push((world.repositories[&id].owner_id, id));
        }
    }
    let owner = world.repositories.values().next().map(|r| r.owner_id);
    let owner = match owner {
        Some(owner) => owner,
        None => world.ensure_account("octocat", AccountKind::User),
    };
    let app = setup.app;
    world.add_app(App {
        id: app.id,
        client_id: format!("Iv23li{}", app.id),
        bot_id: 0,
        slug: app.slug,
        name: app.name,
        owner_id: owner,
        public_key: app.public_key,
        permissions: app.permissions,
        events: app.events,
        webhook: app.webhook,
        hook_id: 0,
        created_at: world.now(),
    });
    let mut by_owner: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (owner, repository) in installed {
        by_owner.entry(owner).or_default().push(repository);
    }
    for (account, chosen) in by_owner {
        let all = world
            .repositories
            .values()
            .filter(|r| r.owner_id == account)
            .count()
            == chosen.len();
        world.install(app.id, account, (!all).then_some(chosen));
    }
    Ok(world)
}

impl World {
    /// The account with this login, made where it is missing.
    pub(super) fn ensure_account(&mut self, login: &str, kind: AccountKind) -> u64 {
        if let Some(found) = self.account(login) {
            return found.id;
        }
        let id = self.fresh_id();
        self.accounts.insert(
            id,
            Account {
                id,
                login: login.to_owned(),
                kind,
                members: BTreeMap::new(),
            },
        );
        id
    }

    /// Registers an App and its bot.
    pub(super) fn add_app(&mut self, mut app: App) {
        app.bot_id = self.ensure_account(&format!("{}[bot]", app.slug), AccountKind::Bot);
        app.hook_id = self.fresh_id();
        self.apps.insert(app.id, app);
    }

    /// Installs an App on an account with all that it asks for.
    pub(super) fn install(&mut self, app_id: u64, account_id: u64, selected: Option<Vec<u64>>) -> u64 {
        let (id, created_at) = (self.fresh_id(), self.now());
        let permissions = self
            .apps
            .get(&app_id)
            .map(|a| a.permissions.clone())
            .unwrap_or_default();
        let installation = Installation {
            id,
            app_id,
            account_id,
            selected,
            permissions,
            suspended_at: None,
            created_at,
        };
        self.installations.insert(id, installation);
        id
    }
}

fn add_repository(world: &mut World, setup: &RepositorySetup, dir: &Path) -> Result<u64, StartError> {
    let (owner, name) = setup
        .full_name
        .split_once('/')
        .ok_or_else(|| StartError::Name(setup.full_name.clone()))?;
    let owner_id = world.ensure_account(owner, AccountKind::User);
    let mut roles = BTreeMap::new();
    for (login, role) in &setup.roles {
        roles.insert(world.ensure_account(login, AccountKind::User), *role);
    }
    let id = world.fresh_id();
    let git_dir = dir.join(format!("{id}.git"));
    objects::create(&git_dir, &setup.default_branch)?;
    let labels = ["bug", "documentation", "duplicate", "enhancement"];
    let labels = labels
        .iter()
        .map(|name| Label {
            id: world.fresh_id(),
            name: (*name).to_owned(),
            color: "d73a4a".to_owned(),
            description: None,
        })
        .collect();
    let now = world.now();
    let repository = Repository {
        id,
        owner_id,
        owner: owner.to_owned(),
        name: name.to_owned(),
        former_names: Vec::new(),
        private: setup.private,
        archived: false,
        default_branch: setup.default_branch.clone(),
        protected: setup.protected.clone(),
        dir: git_dir,
        roles,
        labels,
        threads: BTreeMap::new(),
        check_runs: Vec::new(),
        statuses: Vec::new(),
        created_at: now,
        pushed_at: now,
    };
    let author = repository
        .roles
        .iter()
        .find(|(_, role)| **role >= RepositoryRole::Write)
        .map_or(owner_id, |(account, _)| *account);
    fill(world, &repository, &setup.source, author)?;
    world.repositories.insert(id, repository);
    Ok(id)
}

fn fill(world: &World, repository: &Repository, source: &Source, author: u64) -> Result<(), StartError> {
    let dir = &repository.dir;
    match source {
        Source::Empty => {}
        Source::Files(files) => {
            let files: Vec<_> = files.iter().map(|(p, b)| (p.clone(), Some(b.clone()))).collect();
            let tree = objects::tree_with(dir, None, &files)?;
            let signer = world.signer(Actor::person(author));
            let first = NewCommit {
                tree: &tree,
                parents: &[],
                message: "First commit\n",
                author: &signer,
                committer: &signer,
            };
            let commit = objects::commit(dir, &first)?;
            objects::set_ref(
                dir,
                &format!("refs/heads/{}", repository.default_branch),
                Some(&commit),
            )?;
        }
        Source::Clone(path) => {
            let git = git2::Repository::open_bare(dir)?;
            let url = path.to_string_lossy();
            let mut remote = git.remote_anonymous(&url)?;
            remote.fetch(
                &["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"],
                None,
                None,
            )?;
        }
    }
    Ok(())
}
