//! Which sandbox works here, found by using it.

use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::{Confinement, Host, OwnProgram, Sandbox, Tier, Wanted};

/// For one trial, which takes some tens of milliseconds.
const TRIAL: Duration = Duration::from_secs(20);

/// What was found.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The sandbox to use.
    pub sandbox: Arc<Sandbox>,
    /// Why nothing stronger is used: the tiers that were tried before and did not work.
    pub shortfalls: Vec<Shortfall>,
    /// Whether processes are limited by a cgroup; else by user, which does not bind root.
    pub groups: bool,
}

/// A tier that does not work here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortfall {
    /// Which.
    pub tier: Tier,
    /// What happened, in the words of who refused.
    pub why: String,
    /// How to get it.
    pub remedy: &'static str,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} does not work here: {}. {}",
            self.tier, self.why, self.remedy
        )
    }
}

/// Says that no sandbox that was asked for works.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Unavailable(pub Vec<Shortfall>);

/// Finds the sandbox to use, by starting a confined `true` in each candidate. `path` is the search path for
/// programs.
///
/// # Errors
/// What was asked for does not work; for [`Wanted::Auto`] nothing that confines does.
pub async fn probe(wanted: Wanted, path: &str, own: OwnProgram) -> Result<Probe, Unavailable> {
    let host = Host::look(own, path);
    let candidates = match wanted {
        Wanted::Auto => vec![Tier::Bubblewrap, Tier::Landlock],
        Wanted::Only(tier) => vec![tier],
    };
    let mut shortfalls = Vec::new();
    for tier in candidates {
        let sandbox = Sandbox::new(tier, host.clone());
        match attempt(&sandbox).await {
            Ok(()) => {
                return Ok(Probe {
                    groups: tier.confines() && host.cgroup.is_some(),
                    sandbox: Arc::new(sandbox),
                    shortfalls,
                });
            }
            Err(why) => shortfalls.push(Shortfall {
                tier,
                why,
                remedy: remedy(tier, &host),
            }),
        }
    }
    Err(Unavailable(shortfalls))
}

fn remedy(tier: Tier, host: &Host) -> &'static str {
    match tier {
        Tier::Bubblewrap if host.bwrap.is_none() => {
            "Install the package `bubblewrap` (`apt-get install bubblewrap`)."
        }
        Tier::Bubblewrap => {
            "User namespaces must be allowed: on a host by `sysctl kernel.unprivileged_userns_clone=1` or an AppArmor profile for bwrap, in Docker by `--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined` or a profile that allows them."
        }
        Tier::Landlock if host.root && host.setpriv.is_none() => {
            "Run the server as a user other than root, or install `setpriv` (package util-linux): root's capabilities go past Landlock."
        }
        Tier::Landlock => "It wants Linux 6.7 or newer with `landlock` among `lsm=`, and seccomp.",
        Tier::None => "Nothing is needed for it.",
    }
}

async fn attempt(sandbox: &Sandbox) -> Result<(), String> {
    if sandbox.tier() == Tier::None {
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (tree, home) = (folder.path().join("tree"), folder.path().join("home"));
    for each in [&tree, &home] {
        std::fs::create_dir(each).map_err(|error| error.to_string())?;
    }
    trial(sandbox, &Confinement::new(tree, home)).await
}

/// Starts a confined `true` and waits for its end, as every child is started and ends.
///
/// # Errors
/// It could not be started in this sandbox, or hung; in the words of who refused.
#[expect(
    clippy::disallowed_methods,
    reason = "a trial is a child like any other, but too short to be supervised"
)]
pub async fn trial(sandbox: &Sandbox, confinement: &Confinement) -> Result<(), String> {
    let group = sandbox.group(confinement);
    let entrance = group.as_ref().map(super::cgroup::Group::entrance);
    let wrapped = sandbox
        .wrap_in(
            entrance.as_deref(),
            confinement,
            Path::new("/bin/true"),
            &["true".to_owned()],
            &confinement.worktree,
        )
        .map_err(|error| error.to_string())?;
    let child = tokio::process::Command::new(&wrapped.argv[0])
        .args(&wrapped.argv[1..])
        .current_dir(&confinement.worktree)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(TRIAL, child).await.map_err(|_| "it hung".to_owned())?;
    if let Some(group) = group {
        group.end().await;
    }
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Err(last.map_or_else(
        || output.status.to_string(),
        |line| super::super::tail::plain(line).trim().to_owned(),
    ))
}
