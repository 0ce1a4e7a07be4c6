//! Groups of processes with limits of their own, where the server may make them.
//!
//! A limit by user does not bind root and counts what has nothing to do with the child; a group's does both right.
//! Mostly only root may make groups, which is when they are needed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Resources;

/// Where the kernel's groups usually are.
const MOUNT: &str = "/sys/fs/cgroup";

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
        let trial = Resources {
            processes: Some(16),
            ..Resources::UNLIMITED
        };
        hierarchy.make(&trial).map(|_| hierarchy)
    }

    /// Makes a group with these limits; `None` where it cannot, or where there is nothing to limit.
    pub(super) fn make(&self, resources: &Resources) -> Option<Group> {
        let processes = resources.processes?;
        let name = format!(
            "footplate-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let group = Group(self.folder.join(name));
        std::fs::create_dir(&group.0).ok()?;
        std::fs::write(group.0.join("pids.max"), processes.to_string()).ok()?;
        if self.unified
            && let Some(memory) = resources.memory
        {
            // Memory may not be given to us, and then each process's own limit remains.
            let _ = std::fs::write(group.0.join("memory.max"), memory.to_string());
        }
        Some(group)
    }
}

/// A group, removed when it is dropped, at which time its processes must be gone.
#[derive(Debug)]
pub(in crate::agent) struct Group(PathBuf);

impl Group {
    /// The file that a process writes to in order to enter.
    pub(in crate::agent) fn entrance(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}
