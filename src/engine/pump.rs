//! The pump: hands the inbox's rows to the driver as they come, lane by lane, and wakes runs when they are due.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::driver::{Driver, Processed, Reception};
use super::error::Error;
use super::executor::Executor;
use crate::model::Clock;
use crate::store::{InboxRow, Journal, MAX_FAILURES};

/// How many lanes are worked on at once. A decision costs less than a millisecond; what takes time is asking
/// GitHub, and GitHub allows 100 requests at once.
const MOST_LANES: usize = 32;

/// How many rows are read ahead.
const READ_AHEAD: usize = 512;

/// How often the inbox is looked at without being told: rows can come from another process, such as the command
/// line's.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The pause before a row that failed is tried again; doubled for each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Keeps a driver going.
pub struct Pump<J, C, E, R> {
    driver: Arc<Driver<J, C, E, R>>,
    changes: watch::Receiver<u64>,
    lane_done: Arc<Notify>,
}

impl<J: Journal, C: Clock, E: Executor, R: Reception> Pump<J, C, E, R> {
    /// Makes a pump; `changes` tells when rows were added to the inbox.
    pub fn new(driver: Arc<Driver<J, C, E, R>>, changes: watch::Receiver<u64>) -> Self {
        Self {
            driver,
            changes,
            lane_done: Arc::default(),
        }
    }

    /// Runs until told to stop; lanes that are being worked on are finished first.
    ///
    /// # Errors
    /// The store could not be read for so long that going on makes no sense.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        let busy: Arc<Mutex<HashSet<String>>> = Arc::default();
        let mut lanes = JoinSet::new();
        let mut failed_looks = 0;
        loop {
            match self.look(&busy, &mut lanes).await {
                Ok(()) => failed_looks = 0,
                Err(error) if failed_looks < 60 => {
                    failed_looks += 1;
                    tracing::error!(%error, "the inbox could not be read");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let wait = self.until_next_wake().await;
            tokio::select! {
                () = stop.cancelled() => break,
                changed = self.changes.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
                () = self.lane_done.notified() => {}
                () = self.driver.book().changed() => {}
                Some(_) = lanes.join_next(), if !lanes.is_empty() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        while lanes.join_next().await.is_some() {}
        Ok(())
    }

    /// One look: wakes what is due, and starts a task for every lane that has rows and is not being worked on.
    async fn look(
        &mut self,
        busy: &Arc<Mutex<HashSet<String>>>,
        lanes: &mut JoinSet<()>,
    ) -> Result<(), Error> {
        self.changes.mark_unchanged();
        self.driver.wake_due().await?;
        for run in self.driver.book().take_changed() {
            self.driver.attend(&run).await?;
        }
        let rows = self.driver.book().journal().pending(i64::MIN, READ_AHEAD).await?;
        let mut by_lane: BTreeMap<String, Vec<InboxRow>> = BTreeMap::new();
        let mut order: HashMap<String, i64> = HashMap::new();
        for row in rows {
            order.entry(row.lane.clone()).or_insert(row.seq);
            by_lane.entry(row.lane.clone()).or_default().push(row);
        }
        let mut ready: Vec<(String, Vec<InboxRow>)> = by_lane.into_iter().collect();
        ready.sort_by_key(|(lane, _)| order.get(lane).copied());
        for (lane, rows) in ready {
            {
                let mut busy = busy.lock().expect("no holder of this lock panics");
                if busy.len() >= MOST_LANES || !busy.insert(lane.clone()) {
                    continue;
                }
            }
            let (driver, busy, done) = (
                Arc::clone(&self.driver),
                Arc::clone(busy),
                Arc::clone(&self.lane_done),
            );
            lanes.spawn(async move {
                work_off(&driver, rows).await;
                busy.lock().expect("no holder of this lock panics").remove(&lane);
                done.notify_one();
            });
        }
        Ok(())
    }

    async fn until_next_wake(&self) -> Duration {
        let next = self.driver.book().journal().next_wake().await.ok().flatten();
        let wait = next.map(|next| next.since(self.driver.book().clock().now()));
        // A moment more than nothing, so that a run that cannot be woken does not keep the processor busy.
        wait.unwrap_or(LOOK_AGAIN)
            .clamp(Duration::from_millis(20), LOOK_AGAIN)
    }
}

/// Works off the rows of one lane in their order. A row that fails holds up those behind it, until it succeeds or
/// is set aside.
async fn work_off<J: Journal, C: Clock, E: Executor, R: Reception>(
    driver: &Driver<J, C, E, R>,
    rows: Vec<InboxRow>,
) {
    for row in rows {
        let mut pause = FIRST_PAUSE;
        loop {
            match driver.process(&row).await {
                Ok(Processed::Done) => break,
                Ok(Processed::Failed { failures }) if failures >= MAX_FAILURES => break,
                Ok(Processed::Failed { .. }) => {}
                Err(error) => {
                    tracing::error!(row = row.seq, %error, "the store failed while a row was processed");
                    return;
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}
