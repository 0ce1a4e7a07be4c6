//! The workbench: where agents and checks really run, in worktrees of their own.
//!
//! An attempt's way: a worktree at the commit it starts from, the inputs in `.footplate/`, the brief beside the
//! worktree, the harness under the guard's limits; then the artifacts are collected and linted, the changes
//! become a snapshot on a ref of ours, and the verdict is drawn from these facts (`judge`).
//! Whatever failed, the next attempt begins on a clean tree.
//!
//! Where a plan's work is divided (`shares`), each part is an attempt of its own, and git puts them together
//! (`merge`); what designers write is held against what was given (`facts`); and who takes over from a candidate
//! that failed learns what it did (`handover`).
//! What attempts had used that died with an earlier process is found again (`salvage`).

mod access;
mod agent;
mod brief;
mod check;
mod depot;
mod facts;
mod folders;
mod handover;
mod judge;
mod merge;
mod salvage;
mod scope;
mod shares;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{RwLock, Semaphore};
use tokio_util::sync::CancellationToken;

use super::book::Page;
use super::error::Error;
use super::workshop::{Slot, Work, Workshop};
use crate::agent::{CheckRun, Harness, Marker};
use crate::model::{AttemptKey, Clock, CommitId, ContentHash, RunId};
use crate::store::Journal;
use crate::workflow::{Node, NodeKind};

pub use access::Access;
pub use depot::{Adopted, Depot};
pub use folders::Folders;

/// What a workbench is made of.
pub struct Equipment<J, D> {
    /// Where worktrees, briefs and private homes lie.
    pub folders: Folders,
    /// The repositories.
    pub depot: Arc<D>,
    /// The harnesses by the names that configuration gives them.
    pub harnesses: BTreeMap<String, Harness>,
    /// The ways to models and out of the sandbox; without them agents run with the server's rights and find models
    /// by themselves.
    pub access: Option<Arc<Access>>,
    /// The mark that every process of ours carries.
    pub marker: Marker,
    /// Where artifacts are kept.
    pub journal: J,
    /// How many attempts may run at once.
    pub places: usize,
    /// The search path that agents and checks get; a sane default where unset.
    pub path: Option<String>,
    /// Further variables that the operator lets through to agents and checks.
    pub env: BTreeMap<String, String>,
}

/// Runs agents and checks on this machine.
pub struct Bench<J, C, D> {
    equipment: Equipment<J, D>,
    clock: C,
    places: Arc<Semaphore>,
    /// Attempts of a run share its lock; putting its worktrees away takes it alone.
    rooms: Mutex<BTreeMap<RunId, Arc<RwLock<()>>>>,
    /// What the checks said about base commits, by commit and commands. Lost with the process, and made again.
    baselines: Mutex<BTreeMap<(CommitId, ContentHash), Arc<CheckRun>>>,
}

impl<J: Journal, C: Clock, D: Depot> Bench<J, C, D> {
    /// Sets the workbench up.
    pub fn new(equipment: Equipment<J, D>, clock: C) -> Self {
        let places = Arc::new(Semaphore::new(equipment.places.max(1)));
        Self {
            equipment,
            clock,
            places,
            rooms: Mutex::default(),
            baselines: Mutex::default(),
        }
    }

    fn room(&self, run: &RunId) -> Arc<RwLock<()>> {
        let mut rooms = self.rooms.lock().expect("no holder of this lock panics");
        rooms.retain(|known, room| known == run || Arc::strong_count(room) > 1);
        Arc::clone(rooms.entry(run.clone()).or_default())
    }

    /// Removes the worktrees of a run, and, once it is over and its result is kept, the refs of its snapshots.
    async fn clear_run(&self, page: &Page) -> Result<(), Error> {
        let run = &page.run.created.run;
        let folder = self.equipment.folders.of_run(run);
        let room = self.room(run);
        let _alone = room.write().await;
        let is_there = tokio::fs::try_exists(&folder).await.unwrap_or(false);
        let is_kept = page.run.ended.is_some() && (page.run.pushed.is_some() || page.run.held.is_some());
        if !is_there && !is_kept {
            return Ok(());
        }
        let mirror = self.equipment.depot.mirror_of(&page.run.created.origin).await?;
        if is_there {
            for worktree in self.equipment.folders.worktrees(run).await {
                mirror.remove_worktree(&worktree).await.map_err(machine)?;
            }
            self.equipment.folders.clear_run(run).await?;
        }
        if is_kept {
            for (name, _) in mirror.all_held(&format!("runs/{run}/")).await.map_err(machine)? {
                mirror.release(&name).await.map_err(machine)?;
            }
        }
        Ok(())
    }

    /// The text of an artifact.
    async fn text(&self, hash: &ContentHash) -> Result<Option<String>, Error> {
        let bytes = self.equipment.journal.get(hash).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

impl<J: Journal, C: Clock, D: Depot> Workshop for Bench<J, C, D> {
    async fn slot(&self, node: &Node, stop: &CancellationToken) -> Option<Slot> {
        if matches!(node.kind, NodeKind::Publish) {
            return Some(Slot(None));
        }
        tokio::select! {
            () = stop.cancelled() => None,
            permit = Arc::clone(&self.places).acquire_owned() => permit.ok().map(|permit| Slot(Some(permit))),
        }
    }

    async fn attempt(&self, page: &Page, key: &AttemptKey, stop: &CancellationToken) -> Result<Work, Error> {
        let node = page
            .frozen
            .workflow
            .node(&key.node)
            .ok_or_else(|| Error::Refused {
                why: format!("the workflow has no step `{}`", key.node),
            })?;
        let room = self.room(&key.run);
        let _shared = room.read().await;
        let work = match &node.kind {
            NodeKind::Agent(agent) => self.agent(page, key, node, agent, stop).await,
            NodeKind::Loop(looped) => self.agent(page, key, node, &looped.agent, stop).await,
            NodeKind::Check(check) => self.check(page, key, check, stop).await,
            NodeKind::Gate(_) | NodeKind::Publish | NodeKind::Cancel { .. } => Err(Error::Refused {
                why: format!("the step `{}` is nothing to run", key.node),
            }),
        };
        self.equipment.folders.clear(key).await;
        work
    }

    async fn put_away(&self, page: &Page) {
        if let Err(error) = self.clear_run(page).await {
            tracing::warn!(run = %page.run.created.run, %error, "what a run has on disk could not be put away");
        }
    }

    async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A failure of this machine, not of a candidate.
fn machine(error: impl std::fmt::Display) -> Error {
    Error::Transient {
        why: error.to_string(),
        after: None,
    }
}
