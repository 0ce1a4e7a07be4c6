//! Groups of processes with limits of their own, where the server may make them.
//!
//! A limit by user does not bind root and counts what has nothing to do with the child; a group's does both right.
//! Mostly only root may make groups, which is when they are needed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::sleep;

use super::Resources;

/// Where the kernel's groups usually are.
const MOUNT: &str = "/sys/fs/cgroup";

/// How often, and after how long, a group is looked at again; a killed process leaves it within milliseconds.
const LOOKS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(5);

/// Tells apart the groups of one server.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A folder in which groups can be made that count processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    folder: PathBuf,
    /// Whether it is the unified one, which limits memory as well.
    unified: bool,
}

impl Hierarchy {
    /// Finds one that can be used, by making a group and removing it.
    pub(super) fn find() -> Option<Self> {
        let mount = Path::new(MOUNT);
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        let controllers = read(mount.join("cgroup.subtree_control"));
        let unified = controllers.split_ascii_whitespace().any(|name| name == "pids");
        let folder = if unified {
            mount.to_owned()
        } else {
            mount.join("pids")
        };
        let hierarchy = Self { folder, unified };
        hierarchy.sweep();
        let trial = Resources {
            processes: Some(16),
            ..Resources::UNLIMITED
        };
        hierarchy.make(&trial).map(|_| hierarchy)
    }

    /// Removes empty groups that earlier servers left; one with processes in it cannot be removed.
    fn sweep(&self) {
        let groups = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for group in groups {
            let name = group.file_name();
            let server = name
                .to_str()
                .and_then(|name| name.strip_prefix("footplate-")?.split('-').next());
            if server.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                let _ = std::fs::remove_dir(group.path());
            }
        }
    }

    /// Makes a group with these limits; `None` where it cannot, or where there is nothing to limit.
    pub(super) fn make(&self, resources: &Resources) -> Option<Group> {
        let processes = resources.processes?;
        let name = format!(
            "footplate-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let group = Group {
            folder: self.folder.join(name),
            unified: self.unified,
        };
        std::fs::create_dir(&group.folder).ok()?;
        std::fs::write(group.folder.join("pids.max"), processes.to_string()).ok()?;
        if self.unified
            && let Some(memory) = resources.memory
        {
            // Memory may not be given to us, and then each process's own limit remains.
            let _ = std::fs::write(group.folder.join("memory.max"), memory.to_string());
        }
        Some(group)
    }
}

/// A group, removed when it is dropped, at which time its processes must be gone.
#[derive(Debug)]
pub(in crate::agent) struct Group {
    folder: PathBuf,
    unified: bool,
}

impl Group {
    /// The file that a process with a single thread writes to in order to enter.
    ///
    /// The older groups let a thread in, which costs microseconds; for a process the kernel first waits until every
    /// processor has taken note, which takes tens of milliseconds (`cgroup_threadgroup_rwsem`). The unified ones
    /// know no such way.
    pub(in crate::agent) fn entrance(&self) -> PathBuf {
        self.folder
            .join(if self.unified { "cgroup.procs" } else { "tasks" })
    }

    /// Kills what is in it, until nothing is, and removes it. Who has cleared his mark and left his parents is
    /// found here all the same. Says how many could not be killed.
    pub(in crate::agent) async fn end(self) -> u32 {
        for _ in 0..LOOKS {
            let members = self.members();
            if members.is_empty() && std::fs::remove_dir(&self.folder).is_ok() {
                return 0;
            }
            for pid in members {
                let _ = kill(pid, Signal::SIGKILL);
            }
            sleep(PAUSE).await;
        }
        u32::try_from(self.members().len()).unwrap_or(u32::MAX)
    }

    fn members(&self) -> Vec<Pid> {
        let listed = std::fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        // Nought is somebody whom we cannot see, and for `kill` ourselves.
        let pids = listed
            .lines()
            .filter_map(|line| line.parse().ok())
            .filter(|&pid: &i32| pid > 1);
        pids.map(Pid::from_raw).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.folder);
    }
}
