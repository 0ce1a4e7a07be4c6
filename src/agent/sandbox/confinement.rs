//! What one child may touch.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Sandbox;

/// A child's sandbox, ready to be used for any number of commands.
#[derive(Debug, Clone)]
pub struct Confined {
    /// How.
    pub sandbox: Arc<Sandbox>,
    /// What it may touch.
    pub confinement: Confinement,
}

/// Everything that a child may touch beyond the system's programs. All paths are absolute; they are the same
/// inside as outside, so that texts that name them stay true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// Where it works; may be written.
    pub worktree: PathBuf,
    /// The private home; may be written. `tmp` in it is the child's `TMPDIR`.
    pub home: PathBuf,
    /// Further folders that may be written, such as an artifact folder outside the worktree. They must exist.
    pub writable: Vec<PathBuf>,
    /// The repository behind the worktree, which may be read; none for a plain folder.
    pub git: Option<Git>,
    /// What may be read besides: the prompt, programs outside `/usr` ([`super::installs`]), toolchains
    /// ([`super::toolchains`]). What does not exist is left out.
    pub readable: Vec<PathBuf>,
    /// The way to the meter.
    pub meter: Option<Door>,
    /// The way to the proxy ([`super::Egress`]); without it there is no network but the meter.
    pub egress: Option<Door>,
    /// What it may use up.
    pub resources: Resources,
}

impl Confinement {
    /// A worktree and a home, no repository, no network, and the usual resources.
    pub fn new(worktree: PathBuf, home: PathBuf) -> Self {
        Self {
            worktree,
            home,
            writable: Vec::new(),
            git: None,
            readable: Vec::new(),
            meter: None,
            egress: None,
            resources: Resources::default(),
        }
    }

    /// The ways out.
    pub(super) fn doors(&self) -> impl Iterator<Item = &Door> {
        self.meter.iter().chain(&self.egress)
    }
}

/// A linked worktree's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Git {
    /// The common directory: the bare mirror.
    pub directory: PathBuf,
    /// The worktree's `.git` file, which leads to it.
    pub link: PathBuf,
}

/// A port of 127.0.0.1 in the child's eyes, and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// The port that the child connects to. Where the network is shared something must listen on it; in a network
    /// of its own the relay does.
    pub port: u16,
    /// The Unix socket outside to which the relay leads; needed by [`super::Tier::Bubblewrap`] only.
    pub socket: PathBuf,
}

/// What a child may use up. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Bytes of private writable memory of each process (`RLIMIT_DATA`). Address space is not limited: JavaScript
    /// engines reserve up to terabytes of it that they never use.
    pub memory: Option<u64>,
    /// Processes and threads, all together: by cgroup where one can be made, else by user (`RLIMIT_NPROC`), which
    /// then counts everything that this user runs, and does not bind root.
    pub processes: Option<u64>,
    /// Bytes of any one file (`RLIMIT_FSIZE`).
    pub file_size: Option<u64>,
    /// Open files of each process (`RLIMIT_NOFILE`).
    pub open_files: Option<u64>,
    /// Seconds of processor time of each process (`RLIMIT_CPU`); the wall clock is the supervisor's.
    pub cpu_seconds: Option<u64>,
}

impl Resources {
    /// No limits, but no core dumps either.
    pub const UNLIMITED: Self = Self {
        memory: None,
        processes: None,
        file_size: None,
        open_files: None,
        cpu_seconds: None,
    };
}

impl Default for Resources {
    /// 8 GiB a process (the hungriest agent was measured at 1.5 GB, linkers take more), 4,096 processes and threads,
    /// 4 GiB a file, 16,384 open files, and no limit on processor time.
    fn default() -> Self {
        Self {
            memory: Some(8 << 30),
            processes: Some(4096),
            file_size: Some(4 << 30),
            open_files: Some(16_384),
            cpu_seconds: None,
        }
    }
}
