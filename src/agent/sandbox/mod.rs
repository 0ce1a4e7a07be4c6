//! Confinement of harnesses and checks: what a child may see, reach and use up.
//!
//! - [`probe()`] finds, at start, the strongest [`Tier`] that works here by really starting a confined child in it,
//!   and says why a stronger one does not;
//! - a [`Confinement`] lists what one child may touch: its worktree, its home, two [`Door`]s to the network;
//! - [`Sandbox::wrap`] turns it and a command line into another command line, and does nothing else;
//! - `bubblewrap` writes the one of the first tier: namespaces of its own, and only what is listed mounted;
//! - `confine` is what our own program does as the last thing before the child: limits, Landlock (`fence`),
//!   refused system calls (`syscalls`), the relay; then it becomes the child;
//! - `relay` leads from the empty network of a namespace to the meter's socket outside;
//! - [`Egress`] is the proxy behind the second door: named hosts, and nothing else;
//! - `cgroup` limits processes where a limit by user does not bind.
//!
//! Deliberately left to others: what stands behind the meter's door (`meter`), which hosts are allowed (`config`),
//! what a changed `.git` file means (`git`), and time limits and ends of trees (`supervise`, `tree`).

mod allow;
mod bubblewrap;
mod cgroup;
mod confine;
mod confinement;
mod egress;
mod fence;
mod host;
mod probe;
mod proxy;
mod relay;
mod syscalls;
mod tier;
mod wrap;

pub use allow::{AllowList, Allowed, BadHost};
pub(super) use cgroup::Group;
pub use confine::{CONFINE, confine_main};
pub use confinement::{Confined, Confinement, Door, Git, Resources};
pub use egress::{Egress, Finding, Listen, Refusal};
pub use host::{Host, OwnProgram, installs, toolchains};
pub use probe::{Probe, Shortfall, Unavailable, probe, trial};
pub use relay::{Bridge, RELAY, relay_main};
pub use tier::{Tier, Wanted, shield};
pub use wrap::{Sandbox, Wrapped};

#[cfg(test)]
mod tests;
