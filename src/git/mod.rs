//! Git: mirrors, worktrees, snapshots, commits and pushes.
//!
//! One [`Git`] knows the machine's git program; one [`Mirror`] is our bare copy of a repository; an agent
//! works in a [`Worktree`] of it, and what it left behind becomes a [`Snapshot`], a commit on a ref of our
//! own. A branch is published from an exact commit, after [`policy`] has looked at that commit's
//! [`Change`]s, with a lease on what the remote is expected to hold.
//!
//! Two engines share the work. libgit2 reads objects, compares trees and writes commits and refs inside
//! this process. The git program does what libgit2 does not do safely or completely: worktrees (libgit2
//! races when they are created side by side), staging (it drops files outside a sparse cone and skips
//! `working-tree-encoding`) and the network (credentials, proxies, protocol 2).
//!
//! What is deliberately absent:
//! - no discovery: every call names the git directory that we recorded, never the one a worktree claims;
//! - no execution of what a repository or an agent brings: hooks, filters, `fsmonitor`, helpers and the
//!   machine's own git configuration are off for every call;
//! - no token in an argument, a URL, an environment or a file: git asks for it through a socket
//!   ([`Credentials`], [`askpass_main`]);
//! - no decision: what a violation or a refused push means for a run is decided elsewhere.

mod askpass;
mod call;
mod change;
mod commit;
mod durable;
mod error;
mod held;
mod local;
mod merge;
mod mirror;
mod object;
mod policy;
mod program;
mod push;
mod remote;
mod snapshot;
mod stale;
mod survey;
#[cfg(test)]
mod tests;
mod tie;
mod worktree;

pub use askpass::{Credentials, askpass_main, askpass_wanted};
pub use change::{Change, ChangeKind, Entry, EntryKind, TreePath};
pub use commit::{CommitOrder, InvalidPerson, Person};
pub use error::{Error, Tampered};
pub use local::{Adopted, adopt_local};
pub use merge::Merged;
pub use mirror::Mirror;
pub use object::MAX_READ_BYTES;
pub use policy::{MAX_FILE_BYTES, Offence, Rules, Violation, policy};
pub use program::{Deadlines, Git, Settings};
pub use push::{Expected, Push, Pushed};
pub use snapshot::{Snapshot, SnapshotFinding};
pub use worktree::Worktree;
