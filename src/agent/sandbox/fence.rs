//! Landlock: which files a child may read and write, and which ports it may connect to.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use serde::{Deserialize, Serialize};

use super::host::Root;
use super::{Confinement, Host};

/// The newest rights that are asked for; older kernels grant the part that they know.
const NEWEST: ABI = ABI::V10;

/// Rules, as paths and ports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Fence {
    /// May be read and executed.
    pub(super) read: Vec<PathBuf>,
    /// May be read, written and executed.
    pub(super) write: Vec<PathBuf>,
    /// Devices that may be read and written.
    pub(super) devices: Vec<PathBuf>,
    /// TCP ports that may be connected to.
    pub(super) ports: Vec<u16>,
}

impl Fence {
    /// The rules for a child.
    pub(super) fn around(confinement: &Confinement, host: &Host, program: &Path) -> Self {
        let mut read: Vec<PathBuf> = host
            .roots
            .iter()
            .map(|root| match root {
                Root::Bound(path) | Root::Link(path, _) => path.clone(),
            })
            .collect();
        // Programs read their own state and the machine's there; what belongs to other processes and is secret
        // is refused by Landlock's rule about tracing.
        read.push("/proc".into());
        read.extend(
            program
                .parent()
                .filter(|parent| *parent != Path::new("/"))
                .map(Path::to_owned),
        );
        read.extend(confinement.readable.iter().cloned());
        read.extend(confinement.git.iter().map(|git| git.directory.clone()));
        let mut write = vec![confinement.worktree.clone(), confinement.home.clone()];
        write.extend(confinement.writable.iter().cloned());
        let devices = ["null", "zero", "full", "random", "urandom"];
        Self {
            read,
            write,
            devices: devices.map(|name| Path::new("/dev").join(name)).to_vec(),
            ports: confinement.doors().map(|door| door.port).collect(),
        }
    }

    /// Holds this process and all that it becomes and starts to the rules.
    ///
    /// # Errors
    /// The kernel has no Landlock, or one that knows nothing of TCP (before Linux 6.7).
    pub(super) fn raise(&self) -> Result<(), String> {
        let tell = |error: &dyn std::fmt::Display| error.to_string();
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(ABI::V3))
            .map_err(|error| tell(&error))?
            .handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)
            .map_err(|error| tell(&error))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))
            .map_err(|error| tell(&error))?
            .scope(Scope::AbstractUnixSocket | Scope::Signal)
            .map_err(|error| tell(&error))?
            .create()
            .map_err(|error| tell(&error))?;
        let everything = AccessFs::from_all(NEWEST);
        let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
        let allowed = [
            (&self.read, AccessFs::from_read(NEWEST)),
            (&self.write, everything),
            (&self.devices, device),
        ];
        for (paths, access) in allowed {
            for path in paths {
                // What is not there needs no rule.
                let Ok(file) = PathFd::new(path) else { continue };
                let access = if path.is_dir() {
                    access
                } else {
                    access & AccessFs::from_file(NEWEST)
                };
                rules = rules
                    .add_rule(PathBeneath::new(file, access))
                    .map_err(|error| tell(&error))?;
            }
        }
        for &port in &self.ports {
            rules = rules
                .add_rule(NetPort::new(port, AccessNet::ConnectTcp))
                .map_err(|error| tell(&error))?;
        }
        let status = rules.restrict_self().map_err(|error| tell(&error))?;
        if status.ruleset == RulesetStatus::NotEnforced || !status.no_new_privs {
            return Err("the kernel did not take the rules".to_owned());
        }
        Ok(())
    }
}
