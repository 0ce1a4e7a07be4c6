//! What a workbench needs to be safe and metered: the sandbox that works here, the gateway to models, and the proxies
//! for what children may reach besides.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::StartError;
use super::app::own_program;
use crate::agent::sandbox::{
    AllowList, Allowed, Egress, Listen, OwnProgram, Probe, Shortfall, Tier, Wanted, installs, probe,
    toolchains,
};
use crate::agent::{DEFAULT_PATH, Harness};
use crate::config::{Sandbox, Settings};
use crate::engine::{Access, Purses};
use crate::meter::{self, Meter};
use crate::model::Clock;

/// What to do where no sandbox works and the operator said nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// Strangers' texts come in: refuse to start.
    Write,
    /// The task is the operator's own: go on without, and say so.
    DoNot,
}

/// The gear, and what people should know of it.
pub struct Gear {
    /// The ways out of the workbench.
    pub access: Arc<Access>,
    /// Why nothing stronger confines.
    pub shortfalls: Vec<Shortfall>,
}

impl Gear {
    /// The sandbox's tier.
    pub fn tier(&self) -> Tier {
        self.access.tier()
    }
}

/// Finds the sandbox that the settings ask for.
///
/// # Errors
/// It does not work here, or none does and nobody said that none is needed.
pub async fn sandbox(settings: &Settings, strangers: Strangers) -> Result<Probe, StartError> {
    let wanted = match settings.sandbox {
        None | Some(Sandbox::Auto) => Wanted::Auto,
        Some(Sandbox::Bubblewrap) => Wanted::Only(Tier::Bubblewrap),
        Some(Sandbox::Landlock) => Wanted::Only(Tier::Landlock),
        Some(Sandbox::None) => Wanted::Only(Tier::None),
    };
    let own = OwnProgram::new(own_program()?);
    let path = settings.path.as_deref().unwrap_or(DEFAULT_PATH);
    match probe(wanted, path, own.clone()).await {
        Ok(probe) => Ok(probe),
        Err(unavailable) if settings.sandbox.is_none() && strangers == Strangers::DoNot => {
            let none = probe(Wanted::Only(Tier::None), path, own).await;
            let mut none = none.map_err(StartError::Sandbox)?;
            none.shortfalls = unavailable.0;
            Ok(none)
        }
        Err(unavailable) => Err(StartError::Sandbox(unavailable)),
    }
}

/// Puts the gear together.
///
/// # Errors
/// No sandbox, as [`sandbox`]; or a socket cannot be listened on.
pub async fn gear(
    settings: &Arc<Settings>,
    harnesses: &BTreeMap<String, Harness>,
    clock: Arc<dyn Clock>,
    strangers: Strangers,
) -> Result<Gear, StartError> {
    let probe = sandbox(settings, strangers).await?;
    let machine = |what| move |source| StartError::Machine { what, source };
    // Short: the path of a Unix socket has at most 108 bytes. Private: the folder is the server's user's alone.
    let sockets = tempfile::Builder::new()
        .prefix("footplate-")
        .tempdir()
        .map_err(machine("the sockets have no place"))?;
    let meter_settings = meter::Settings {
        socket: Some(sockets.path().join("meter.sock")),
        ..meter::Settings::default()
    };
    let meter = Meter::start(meter_settings, clock)
        .await
        .map_err(|error| StartError::Meter(error.to_string()))?;
    let tier = probe.sandbox.tier();
    let proxy = async |name: &str, hosts: &[Allowed]| -> Result<Option<Egress>, StartError> {
        if hosts.is_empty() || !tier.confines() {
            return Ok(None);
        }
        let listen = match tier {
            Tier::Bubblewrap => Listen::Socket(sockets.path().join(name)),
            _ => Listen::Port,
        };
        let list = AllowList::new(hosts.to_vec());
        let egress = Egress::start(listen, list, BTreeMap::new()).await;
        egress
            .map(Some)
            .map_err(machine("the proxy for children cannot listen"))
    };
    let (agents, setup) = (
        proxy("agents.sock", &settings.egress.agents).await?,
        proxy("setup.sock", &settings.egress.setup).await?,
    );
    let access = Access {
        readable: readable(settings, harnesses),
        sandbox: probe.sandbox,
        settings: Arc::clone(settings),
        purses: Purses::default(),
        meter,
        agents,
        setup,
        sockets,
    };
    Ok(Gear {
        access: Arc::new(access),
        shortfalls: probe.shortfalls,
    })
}

/// Programs and toolchains outside the system's folders that children may need: what the search path leads to, and
/// what the variables name that the operator lets through.
fn readable(settings: &Settings, harnesses: &BTreeMap<String, Harness>) -> Vec<PathBuf> {
    let path = settings.path.as_deref().unwrap_or(DEFAULT_PATH);
    let mut found: Vec<PathBuf> = path
        .split(':')
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute() && folder.components().count() > 2)
        .flat_map(|folder| {
            // A version manager's programs are small scripts that start what lies beside their folder.
            let manager = folder
                .ends_with("shims")
                .then(|| folder.parent().map(PathBuf::from))
                .flatten();
            // The programs of an npm prefix, and those of our own tools, lead into the folder beside theirs.
            let prefix = folder.parent().map(PathBuf::from);
            let prefix =
                prefix.filter(|prefix| folder.ends_with("bin") && prefix.join("node_modules").is_dir());
            [Some(folder), manager, prefix]
        })
        .flatten()
        .collect();
    // Those of the usual tools that are links into other folders.
    found.extend(installs(
        ["python3", "node", "npm", "cargo", "go", "java", "ruby"],
        path,
    ));
    found.extend(toolchains(&settings.pass_env));
    found.extend(harnesses.values().flat_map(|harness| harness.files(Some(path))));
    found.sort();
    found.dedup();
    found
}
