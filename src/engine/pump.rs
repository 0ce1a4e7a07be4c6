//! The pump: hands the inbox's rows to the driver as they come, lane by lane, and wakes runs when they are due.
//!
//! Each row is read once and then kept in memory until its lane is free, a bounded number of them: a flood of
//! deliveries costs neither memory nor reading the same rows again and again.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::driver::{Driver, Processed, Reception};
use super::error::Error;
use super::executor::Executor;
use crate::model::Clock;
use crate::store::{InboxRow, Journal, MAX_FAILURES};

/// How many lanes are worked on at once. A decision costs less than a millisecond; what takes time is asking
/// GitHub, and GitHub allows 100 requests at once.
const MOST_LANES: usize = 32;

/// How many rows are kept in memory, those that are being worked on included. With bodies of 25 KB that is 3 MiB.
const READ_AHEAD: usize = 128;

/// How often the inbox is looked at without being told, from its beginning: rows can come from another process,
/// such as the command line's, and a row that was set aside can be put back.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The pause before a row that failed is tried again; doubled for each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How often the clock is minded at most while rows are worked on: each time costs two questions to the store.
const MOMENT: Duration = Duration::from_millis(20);

/// Keeps a driver going.
pub struct Pump<J, C, E, R> {
    driver: Arc<Driver<J, C, E, R>>,
    changes: watch::Receiver<u64>,
    lane_done: Arc<Notify>,
}

/// The rows in memory.
#[derive(Default)]
struct Waiting {
    /// Rows that were read and wait for their lane, in the order of their arrival.
    rows: BTreeMap<i64, InboxRow>,
    /// Rows up to this one were read.
    seen: Option<i64>,
    /// When the inbox was last read from its beginning.
    from_start: Option<Instant>,
    /// When runs were last woken.
    woken: Option<Instant>,
}

/// What is being worked on.
#[derive(Default)]
struct Busy {
    lanes: HashSet<String>,
    rows: HashSet<i64>,
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
        let busy: Arc<Mutex<Busy>> = Arc::default();
        let mut waiting = Waiting::default();
        let mut lanes = JoinSet::new();
        let mut failed_looks = 0;
        loop {
            let wait = match self.look(&mut waiting, &busy, &mut lanes).await {
                Ok(wait) => {
                    failed_looks = 0;
                    wait
                }
                Err(error) if failed_looks < 60 => {
                    failed_looks += 1;
                    tracing::error!(%error, "the inbox could not be read");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
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
    /// Says when to look again if nothing happens.
    async fn look(
        &mut self,
        waiting: &mut Waiting,
        busy: &Arc<Mutex<Busy>>,
        lanes: &mut JoinSet<()>,
    ) -> Result<Duration, Error> {
        self.changes.mark_unchanged();
        let wait = self.wake(&mut waiting.woken).await?;
        for run in self.driver.book().take_changed() {
            if let Err(error) = self.driver.attend(&run).await {
                // What follows from the change is begun at the next look.
                self.driver.book().mark_changed(&run);
                return Err(error);
            }
        }
        self.read_ahead(waiting, busy).await?;
        let mut ready: BTreeMap<String, Vec<InboxRow>> = BTreeMap::new();
        {
            let mut busy = busy.lock().expect("no holder of this lock panics");
            let mut starting = busy.lanes.len();
            let rows = std::mem::take(&mut waiting.rows);
            for (seq, row) in rows {
                if let Some(rows) = ready.get_mut(&row.lane) {
                    rows.push(row);
                } else if starting < MOST_LANES && !busy.lanes.contains(&row.lane) {
                    starting += 1;
                    ready.insert(row.lane.clone(), vec![row]);
                } else {
                    waiting.rows.insert(seq, row);
                }
            }
            for (lane, rows) in &ready {
                busy.lanes.insert(lane.clone());
                busy.rows.extend(rows.iter().map(|row| row.seq));
            }
        }
        for (lane, rows) in ready {
            let (driver, busy, done) = (
                Arc::clone(&self.driver),
                Arc::clone(busy),
                Arc::clone(&self.lane_done),
            );
            lanes.spawn(async move {
                let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
                work_off(&driver, rows).await;
                {
                    let mut busy = busy.lock().expect("no holder of this lock panics");
                    busy.lanes.remove(&lane);
                    for seq in seqs {
                        busy.rows.remove(&seq);
                    }
                }
                done.notify_one();
            });
        }
        Ok(wait)
    }

    /// Reads on where the last look ended, as far as there is room; from time to time from the beginning.
    async fn read_ahead(&self, waiting: &mut Waiting, busy: &Mutex<Busy>) -> Result<(), Error> {
        let known = {
            let busy = busy.lock().expect("no holder of this lock panics");
            let mut known = busy.rows.clone();
            known.extend(waiting.rows.keys());
            known
        };
        if waiting.from_start.is_none_or(|at| at.elapsed() >= LOOK_AGAIN) {
            waiting.seen = None;
            waiting.from_start = Some(Instant::now());
        }
        // A few at a time would be read with a question each.
        if known.len() > READ_AHEAD / 2 {
            return Ok(());
        }
        let after = waiting.seen.unwrap_or(i64::MIN);
        let rows = self.driver.book().journal().pending(after, READ_AHEAD).await?;
        if let Some(last) = rows.last() {
            waiting.seen = Some(last.seq);
        }
        let new = rows.into_iter().filter(|row| !known.contains(&row.seq));
        waiting.rows.extend(new.map(|row| (row.seq, row)));
        Ok(())
    }

    /// Wakes the runs whose time has come, unless that was done a moment ago; says when to do it again.
    async fn wake(&self, woken: &mut Option<Instant>) -> Result<Duration, Error> {
        if let Some(before) = woken.map(|at| at.elapsed()).filter(|&before| before < MOMENT) {
            return Ok(MOMENT.saturating_sub(before));
        }
        *woken = Some(Instant::now());
        self.driver.wake_due().await?;
        let next = self.driver.book().journal().next_wake().await.ok().flatten();
        let wait = next.map(|next| next.since(self.driver.book().clock().now()));
        // A moment more than nothing, so that a run that cannot be woken does not keep the processor busy.
        Ok(wait.unwrap_or(LOOK_AGAIN).clamp(MOMENT, LOOK_AGAIN))
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
