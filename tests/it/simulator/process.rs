//! One life of the server: the product's own book, driver, reception, crew and publisher, between simulated
//! ends of the world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use footplate::engine::{
    Book, Crew, Desk, Done, Driver, Error, Executor, Hands, Manners, Outcome, Processed,
};
use footplate::model::{RunId, UserId};
use footplate::publish::{GitHub, Identity, Labels, Settings};
use footplate::run::{Action, ActionKey, Input};
use footplate::store::{InboxKind, InboxRow, MAX_FAILURES};
use tokio_util::sync::CancellationToken;

use super::forge::Wire;
use super::hub::{APP, BOT};
use super::mutants::{Mutant, Warp};
use super::repository::Git;
use super::scene::{Scene, SceneClock, beat};
use super::store::Memory;
use super::workshop::Workbench;

pub(super) type Log = Warp<Memory>;
pub(super) type Diary = Book<Log, SceneClock>;
type Voice = GitHub<Warp<Wire>, Warp<Git>>;
pub(super) type Team = Crew<Log, SceneClock, Voice, Warp<Workbench>>;
pub(super) type Front = Desk<Log, SceneClock, Warp<Wire>, Git>;
type Wheel = Driver<Log, SceneClock, Warp<Hive>, Warp<Front>>;

/// The first pause before an action that failed for now is tried again, as in the product's executor.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The crew, with the book that a mutant among the hands writes to.
pub(super) struct Squad {
    pub(super) team: Team,
    pub(super) book: Arc<Diary>,
}

/// A running server.
pub(super) struct Process {
    scene: Arc<Scene>,
    driver: Arc<Wheel>,
    /// Another process on the same store, as in a takeover that overlaps.
    rival: Arc<Wheel>,
    ready: Arc<AtomicBool>,
    busy: Arc<Mutex<BTreeSet<String>>>,
    waking: Arc<AtomicBool>,
}

impl Process {
    /// Starts a server: leftovers are killed, then everything outstanding is started again.
    pub(super) fn boot(scene: &Arc<Scene>, mutant: Option<Mutant>) -> Self {
        scene.bench().alive.clear();
        let warp = |what| Warp {
            inner: what,
            scene: Arc::clone(scene),
            mutant,
        };
        let clock = SceneClock(Arc::clone(scene));
        let forge = Arc::new(Warp {
            inner: Wire(Arc::clone(scene)),
            scene: Arc::clone(scene),
            mutant,
        });
        let tree = Arc::new(Warp {
            inner: Git(Arc::clone(scene)),
            scene: Arc::clone(scene),
            mutant,
        });
        // Two processes have a book and hands each, and know of each other what is under way.
        let under_way: Arc<Mutex<BTreeMap<RunId, BTreeMap<ActionKey, CancellationToken>>>> = Arc::default();
        let wheel = || {
            let book = Arc::new(Book::new(warp(Memory(Arc::clone(scene))), clock.clone()));
            let voice = GitHub::new(
                Arc::clone(&forge),
                Arc::clone(&tree),
                Arc::new(clock.clone()),
                settings(),
            );
            let bench = Warp {
                inner: Workbench::new(Arc::clone(scene)),
                scene: Arc::clone(scene),
                mutant,
            };
            let squad = Squad {
                team: Crew::new(Arc::clone(&book), voice, bench),
                book: Arc::clone(&book),
            };
            let team = Warp {
                inner: squad,
                scene: Arc::clone(scene),
                mutant,
            };
            let hive = Hive {
                scene: Arc::clone(scene),
                book: Arc::clone(&book),
                hands: Arc::new(team),
                under_way: Arc::clone(&under_way),
            };
            let executor = Warp {
                inner: hive,
                scene: Arc::clone(scene),
                mutant,
            };
            let ground = Arc::new(Git(Arc::clone(scene)));
            let desk = Warp {
                inner: Desk::new(Arc::clone(&book), Arc::clone(&forge), ground, manners()),
                scene: Arc::clone(scene),
                mutant,
            };
            Arc::new(Driver::new(book, executor, desk))
        };
        let process = Self {
            scene: Arc::clone(scene),
            driver: wheel(),
            rival: wheel(),
            ready: Arc::default(),
            busy: Arc::default(),
            waking: Arc::default(),
        };
        process.recover(mutant);
        process
    }

    fn recover(&self, mutant: Option<Mutant>) {
        let (driver, ready, scene) = (
            Arc::clone(&self.driver),
            Arc::clone(&self.ready),
            Arc::clone(&self.scene),
        );
        let job = async move {
            if mutant == Some(Mutant::RecoversBeforeOutcomes) {
                for row in driver.book().journal().inner.runs() {
                    let _ = driver.tell(&row, &Input::Recover, None).await;
                }
            }
            if mutant != Some(Mutant::NeverRecovers) {
                // A server that cannot recover ends, and is started anew by whoever watches over it.
                if driver
                    .recover()
                    .await
                    .is_ok_and(|unreadable| unreadable.is_empty())
                {
                    ready.store(true, Ordering::Relaxed);
                } else {
                    scene.watch().crashed = true;
                }
                return;
            }
            ready.store(true, Ordering::Relaxed);
        };
        self.scene.spawn("recover".to_owned(), Box::pin(job));
    }

    /// Starts a task for every lane that has rows and is not being worked on, and wakes what is due.
    pub(super) fn pump(&self) {
        if !self.ready.load(Ordering::Relaxed) {
            return;
        }
        self.wake();
        self.attend();
        let shelf = self.scene.shelf();
        if shelf.pending.is_empty() {
            return;
        }
        let mut busy = self.busy.lock().expect("nobody panics");
        let mut lanes: BTreeMap<String, Vec<InboxRow>> = BTreeMap::new();
        for place in &shelf.pending {
            let row = &shelf.rows[*place].0;
            if !busy.contains(&row.lane) {
                lanes.entry(row.lane.clone()).or_default().push(row.clone());
            }
        }
        drop(shelf);
        for (lane, rows) in lanes {
            busy.insert(lane.clone());
            let (driver, busy, scene) = (
                Arc::clone(&self.driver),
                Arc::clone(&self.busy),
                Arc::clone(&self.scene),
            );
            let job = async move {
                work_off(&driver, &scene, rows).await;
                busy.lock().expect("nobody panics").remove(&lane);
            };
            self.scene.spawn("lane".to_owned(), Box::pin(job));
        }
    }

    /// Sees to what follows from actions that ended without a row in the inbox.
    fn attend(&self) {
        for wheel in [&self.driver, &self.rival] {
            for run in wheel.book().take_changed() {
                let wheel = Arc::clone(wheel);
                let job = async move {
                    if wheel.attend(&run).await.is_err() {
                        wheel.book().mark_changed(&run);
                    }
                };
                self.scene.spawn("attend".to_owned(), Box::pin(job));
            }
        }
    }

    fn wake(&self) {
        let due = self
            .scene
            .shelf()
            .next_wake()
            .is_some_and(|wake| wake <= self.scene.now());
        if due && !self.waking.swap(true, Ordering::Relaxed) {
            self.wake_once();
        }
    }

    /// Looks at what is due; early, late and repeated looks are harmless.
    pub(super) fn wake_once(&self) {
        let (driver, waking, scene) = (
            Arc::clone(&self.driver),
            Arc::clone(&self.waking),
            Arc::clone(&self.scene),
        );
        let job = async move {
            let _ = driver.wake_due().await;
            // What cannot be woken does not keep the processor busy.
            scene.sleep(Duration::from_millis(20)).await;
            waking.store(false, Ordering::Relaxed);
        };
        self.scene.spawn("wake".to_owned(), Box::pin(job));
    }

    /// Another process works on a row, or wakes a run, at the same time.
    pub(super) fn compete(&self) {
        if !self.ready.load(Ordering::Relaxed) {
            return;
        }
        let shelf = self.scene.shelf();
        let row = shelf.pending.iter().map(|place| &shelf.rows[*place].0);
        // Deliveries that lead to words of our own wait for their turn in the lane.
        let mut row = row.filter(|row| {
            row.kind == InboxKind::Outcome
                || (row.action == "labeled" && row.facts.contains("\"sender\":{\"id\":11,"))
        });
        let row = row.next_back().cloned();
        drop(shelf);
        let rival = Arc::clone(&self.rival);
        let job = async move {
            match row {
                Some(row) => drop(rival.process(&row).await),
                None => drop(rival.wake_due().await),
            }
        };
        self.scene.spawn("rival".to_owned(), Box::pin(job));
    }
}

/// As the product's pump does: a row that fails holds up those behind it, until it succeeds or is set aside.
async fn work_off(driver: &Wheel, scene: &Scene, rows: Vec<InboxRow>) {
    for row in rows {
        let mut pause = Duration::from_millis(500);
        loop {
            match driver.process(&row).await {
                Ok(Processed::Done) => break,
                Ok(Processed::Failed { failures }) if failures >= MAX_FAILURES => break,
                Ok(Processed::Failed { .. }) => {}
                Err(_) => return,
            }
            scene.sleep(pause).await;
            pause *= 2;
        }
    }
}

fn settings() -> Settings {
    Settings {
        identity: Identity {
            app: APP,
            slug: "footplate".to_owned(),
            bot: UserId(BOT.1),
            noreply: "users.noreply.github.com".to_owned(),
        },
        web: "https://github.com".to_owned(),
        labels: Labels::default(),
        draft: false,
        ask_review: true,
    }
}

fn manners() -> Manners {
    Manners {
        app: APP,
        trigger: "agent:build".to_owned(),
        bare: true,
        trusted_apps: Vec::new(),
        repository_day: None,
    }
}

/// The executor: carries actions out as tasks of the scene, as the product's does as tasks of the runtime.
#[derive(Clone)]
pub(super) struct Hive {
    scene: Arc<Scene>,
    book: Arc<Diary>,
    hands: Arc<Warp<Squad>>,
    under_way: Arc<Mutex<BTreeMap<RunId, BTreeMap<ActionKey, CancellationToken>>>>,
}

impl Hive {
    /// Starts an action, whether it is under way or not.
    pub(super) fn launch(&self, action: Action) {
        let key = action.key();
        let stop = CancellationToken::new();
        self.scene.watch().note_start(key.to_string());
        let mut under_way = self.under_way.lock().expect("nobody panics");
        under_way
            .entry(action.run().clone())
            .or_default()
            .insert(key.clone(), stop.clone());
        drop(under_way);
        let hive = self.clone();
        let label = key.to_string();
        let job = async move {
            hive.see_through(&action, &key, &stop).await;
            let mut under_way = hive.under_way.lock().expect("nobody panics");
            if let Some(of_run) = under_way.get_mut(action.run()) {
                of_run.remove(&key);
            }
        };
        self.scene.spawn(label, Box::pin(job));
    }

    /// Tries until the action has an outcome, and tells it.
    async fn see_through(&self, action: &Action, key: &ActionKey, stop: &CancellationToken) {
        beat().await;
        let mut pause = FIRST_PAUSE;
        let done = loop {
            match self.hands.perform(action, stop).await {
                Ok(None) => return,
                Ok(Some(done)) => break done,
                Err(Error::Refused { why }) => {
                    break Done::from(Input::EffectFailed {
                        action: key.to_string(),
                        why,
                    });
                }
                Err(error) => {
                    let asked = match &error {
                        Error::Transient { after, .. } => *after,
                        _ => None,
                    };
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return,
                        () = self.scene.sleep(asked.unwrap_or(pause).max(FIRST_PAUSE)) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        };
        let outcome = Outcome {
            run: action.run().clone(),
            input: done.input,
        };
        // Through the inbox, as from an executor on another machine, or straight into the log.
        let straight = self.scene.chance().per_mille(500);
        loop {
            let told = if straight {
                self.book.conclude(key.as_str(), &outcome, &done.contents).await
            } else {
                self.book.deliver(key.as_str(), &outcome).await
            };
            if told.is_ok() {
                return;
            }
            self.scene.sleep(FIRST_PAUSE).await;
        }
    }
}

impl Executor for Hive {
    fn start(&self, action: Action) {
        let key = action.key();
        let known = self.under_way(action.run()).contains(&key);
        if !known {
            self.launch(action);
        }
    }

    fn stop(&self, key: &ActionKey) {
        for of_run in self.under_way.lock().expect("nobody panics").values() {
            if let Some(stop) = of_run.get(key) {
                stop.cancel();
            }
        }
    }

    fn under_way(&self, run: &RunId) -> Vec<ActionKey> {
        let under_way = self.under_way.lock().expect("nobody panics");
        under_way
            .get(run)
            .map(|of_run| of_run.keys().cloned().collect())
            .unwrap_or_default()
    }
}
