//! Process trees: found by their mark, and ended so that nothing survives.
//!
//! Killing a process group is not enough: tools of real agents run in sessions of their own and outlive it.
//! What belongs to an attempt is whatever carries its mark in the environment, is in its group, or descends
//! from such a process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::Marker;
use super::processes::{Stat, is_process, last_process, ourselves, processes, read_environment};
use crate::model::AttemptKey;

/// How long to insist. A process that is still there then hangs in the kernel and cannot be killed at all.
const INSIST: Duration = Duration::from_secs(10);
/// Pauses between two looks: a killed process is usually gone within a millisecond.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// Process ids are given out in a circle of at least 32,768. Within this time nobody gets around it, so that a
/// program's descendants have higher ids than itself, or the last id given is lower.
const YOUNG: Duration = Duration::from_secs(1);
/// Up to this many ids are tried one by one, which for a short command costs a tenth of listing them all.
const FEW: i32 = 256;

/// What to look for.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The mark.
    pub(super) marker: Marker,
    /// The process group of the program, which is also its process id; none for a server's leftovers.
    pub(super) group: Option<Pid>,
    /// When the program was started; none for a server's leftovers.
    pub(super) started: Option<Instant>,
    /// Whether the group's leader only keeps a sandbox. Its end is that of everything inside at once, so that it
    /// gets no TERM: those inside are to have their time.
    pub(super) keeper: bool,
}

/// A process that was found running.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    pid: Pid,
    attempt: Option<AttemptKey>,
}

impl Target {
    /// Sends TERM to everything found.
    pub(super) async fn terminate(&self) {
        let found = self.look().await.unwrap_or_default();
        if let Some(group) = self.group.filter(|_| !self.keeper) {
            // Also reaches what was forked since the look. That the group is gone already is fine.
            let _ = killpg(group, Signal::SIGTERM);
        }
        for process in found {
            let grouped = self
                .group
                .is_some_and(|group| nix::unistd::getpgid(Some(process.pid)).is_ok_and(|its| its == group));
            if !grouped {
                let _ = kill(process.pid, Signal::SIGTERM);
            }
        }
    }

    /// Kills everything found, again and again until nothing is left; says what was found and what is left.
    pub(super) async fn exterminate(&self) -> Extermination {
        let mut killed = BTreeMap::new();
        let mut pause = FIRST_PAUSE;
        let deadline = Instant::now() + INSIST;
        let mut clear = 0;
        loop {
            let Some(found) = self.kill_found().await else {
                return Extermination { killed, survivors: 1 };
            };
            if found.is_empty() {
                clear += 1;
                // A process that forks and exits can slip through one look, so that after a kill it takes two.
                if clear == 2 || killed.is_empty() {
                    return Extermination { killed, survivors: 0 };
                }
            } else {
                clear = 0;
            }
            let left = u32::try_from(found.len()).unwrap_or(u32::MAX);
            killed.extend(
                found
                    .into_iter()
                    .map(|process| (process.pid.as_raw(), process.attempt)),
            );
            if Instant::now() >= deadline {
                return Extermination {
                    killed,
                    survivors: left,
                };
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One look and one KILL to each, without waiting: for when there is no time, as when a task is dropped.
    fn kill_now(&self) -> Vec<Found> {
        let found = self.scan();
        self.kill(&found);
        found
    }

    fn kill(&self, found: &[Found]) {
        if let Some(group) = self.group {
            // Also reaches what was forked since, and is all there is where there is no `/proc`.
            let _ = killpg(group, Signal::SIGKILL);
        }
        for process in found {
            let _ = kill(process.pid, Signal::SIGKILL);
        }
    }

    /// One look; `None` if it did not come to an end.
    async fn look(&self) -> Option<Vec<Found>> {
        if self.youth().is_some() {
            let target = self.clone();
            return blocking(move || target.scan()).await;
        }
        Some(Snapshot::from_now().await?.find(self))
    }

    /// One look and one KILL to each; `None` if the look did not come to an end.
    async fn kill_found(&self) -> Option<Vec<Found>> {
        let found = self.look().await?;
        self.kill(&found);
        Some(found)
    }

    /// Lists the living processes that belong here.
    fn scan(&self) -> Vec<Found> {
        let mut look = Look {
            target: self,
            spared: ourselves(),
            parents: BTreeMap::new(),
            found: BTreeMap::new(),
        };
        let mut environment = Vec::new();
        match (self.group.map(Pid::as_raw), self.youth()) {
            (Some(first), Some(mut last)) => {
                let mut next = first;
                // Whatever is forked meanwhile gets an id beyond the last one.
                while next <= last && last < first + FEW {
                    (next..=last).for_each(|pid| look.at(pid, &mut environment));
                    next = last + 1;
                    last = last_process().unwrap_or(i32::MAX);
                }
                if last >= first + FEW {
                    processes().for_each(|pid| look.at(pid, &mut environment));
                }
            }
            _ => processes().for_each(|pid| look.at(pid, &mut environment)),
        }
        look.with_children()
    }

    /// The highest id that a descendant of a program just started can have, if there are few to try.
    fn youth(&self) -> Option<i32> {
        let (first, started) = (self.group?.as_raw(), self.started?);
        let last = last_process()?;
        (first..first + FEW)
            .contains(&last)
            .then_some(last)
            .filter(|_| started.elapsed() < YOUNG)
    }
}

/// One look at what is running.
struct Look<'t> {
    target: &'t Target,
    spared: BTreeSet<i32>,
    parents: BTreeMap<i32, i32>,
    found: BTreeMap<i32, Option<AttemptKey>>,
}

impl Look<'_> {
    /// Looks at one process, if there is one.
    fn at(&mut self, pid: i32, environment: &mut Vec<u8>) {
        if self.spared.contains(&pid) {
            return;
        }
        let Some(stat) = Stat::of(pid) else { return };
        self.parents.insert(pid, stat.parent);
        read_environment(pid, environment);
        if let Some(value) = self.target.marker.find(environment) {
            self.found.insert(pid, Marker::attempt_in(value));
        } else if self
            .target
            .group
            .is_some_and(|group| group.as_raw() == stat.group)
        {
            self.found.insert(pid, None);
        }
    }

    /// Adds those that cleared their environment, by their parents.
    fn with_children(mut self) -> Vec<Found> {
        loop {
            let children: Vec<_> = self
                .parents
                .iter()
                .filter(|(pid, parent)| !self.found.contains_key(pid) && self.found.contains_key(parent))
                .map(|(&pid, parent)| (pid, self.found[parent].clone()))
                .collect();
            if children.is_empty() {
                let found = self.found.into_iter().filter(|&(pid, _)| is_process(pid));
                return found
                    .map(|(pid, attempt)| Found {
                        pid: Pid::from_raw(pid),
                        attempt,
                    })
                    .collect();
            }
            self.found.extend(children);
        }
    }
}

/// Everything that runs, seen once for all who look at the same time: when a server ends a thousand attempts, each
/// of them would otherwise read the environments of all the others.
struct Snapshot {
    began: Instant,
    processes: Vec<Seen>,
    /// Of each parent.
    children: BTreeMap<i32, Vec<i32>>,
}

/// What matters of a process.
struct Seen {
    pid: i32,
    group: i32,
    /// The entries of its environment that may be a mark, as they stand there.
    marks: Vec<u8>,
}

impl Snapshot {
    /// One that began after this call; `None` if it did not come to an end in time.
    async fn from_now() -> Option<Arc<Self>> {
        // Whoever holds it looks; those who wait meanwhile share the next look.
        static NEWEST: Mutex<Option<Arc<Snapshot>>> = Mutex::const_new(None);
        let asked = Instant::now();
        let mut newest = timeout(INSIST, NEWEST.lock()).await.ok()?;
        if let Some(snapshot) = newest.as_ref().filter(|snapshot| snapshot.began >= asked) {
            return Some(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(blocking(Self::take).await?);
        *newest = Some(Arc::clone(&snapshot));
        Some(snapshot)
    }

    fn take() -> Self {
        let began = Instant::now();
        let spared = ourselves();
        let mut snapshot = Self {
            began,
            processes: Vec::new(),
            children: BTreeMap::new(),
        };
        let mut environment = Vec::new();
        for pid in processes().filter(|pid| !spared.contains(pid)) {
            let Some(stat) = Stat::of(pid) else { continue };
            snapshot.children.entry(stat.parent).or_default().push(pid);
            read_environment(pid, &mut environment);
            snapshot.processes.push(Seen {
                pid,
                group: stat.group,
                marks: Marker::candidates(&environment),
            });
        }
        snapshot
    }

    /// The living processes that belong to a target.
    fn find(&self, target: &Target) -> Vec<Found> {
        let group = target.group.map(Pid::as_raw);
        let mut found = BTreeMap::new();
        for seen in &self.processes {
            if let Some(value) = target.marker.find(&seen.marks) {
                found.insert(seen.pid, Marker::attempt_in(value));
            } else if group == Some(seen.group) {
                found.insert(seen.pid, None);
            }
        }
        // Those that cleared their environment, by their parents.
        let mut parents: Vec<i32> = found.keys().copied().collect();
        while let Some(parent) = parents.pop() {
            for &child in self.children.get(&parent).into_iter().flatten() {
                if !found.contains_key(&child) {
                    found.insert(child, found[&parent].clone());
                    parents.push(child);
                }
            }
        }
        let found = found.into_iter().filter(|&(pid, _)| is_process(pid));
        found
            .map(|(pid, attempt)| Found {
                pid: Pid::from_raw(pid),
                attempt,
            })
            .collect()
    }
}

/// What it took.
#[derive(Debug, Default)]
pub(super) struct Extermination {
    /// Every process that got KILL, with the attempt its mark named.
    pub(super) killed: BTreeMap<i32, Option<AttemptKey>>,
    /// How many were still there at the end.
    pub(super) survivors: u32,
}

/// A process that a dead server had left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its process id, for the log.
    pub pid: i32,
    /// The attempt whose mark it carried; `None` for descendants without one.
    pub attempt: Option<AttemptKey>,
}

/// Kills what a server that died without warning has left: every process tree with this mark.
///
/// Returns when all of them are gone; what cannot be killed within 10 s is counted in the second value, and
/// its worktrees must not be used again. Give it a server's mark at start, before any attempt begins, or one
/// attempt's mark before that attempt is declared lost.
pub async fn kill_leftovers(marker: &Marker) -> (Vec<Leftover>, u32) {
    let target = Target {
        marker: marker.clone(),
        group: None,
        started: None,
        keeper: false,
    };
    let extermination = target.exterminate().await;
    let leftovers = extermination
        .killed
        .into_iter()
        .map(|(pid, attempt)| Leftover { pid, attempt })
        .collect();
    (leftovers, extermination.survivors)
}

/// Kills a tree when its supervision is dropped half-way, as at a shutdown.
pub(super) struct Leash(Option<Target>);

impl Leash {
    /// Holds on to the tree.
    pub(super) fn on(target: Target) -> Self {
        Self(Some(target))
    }

    /// Lets go: the tree has been dealt with.
    pub(super) fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if let Some(target) = self.0.take() {
            // Twice: the first kill may have raced with a fork.
            for _ in 0..2 {
                if target.kill_now().is_empty() {
                    break;
                }
            }
        }
    }
}

/// Runs a look at `/proc` where it may block, which it does while a process's memory is locked.
async fn blocking<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    timeout(INSIST, tokio::task::spawn_blocking(look))
        .await
        .ok()?
        .ok()
}
