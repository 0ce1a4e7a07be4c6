//! The stage on which one seed plays: chance, virtual time, faults, and the parts of the outside world.
//!
//! Everything here outlives a crash of the simulated process, except what the process itself had scheduled.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use footplate::model::{Clock, Timestamp};
use footplate::run::Frozen;

use super::chance::Chance;
use super::hub::Hub;
use super::repository::Repo;
use super::store::Shelf;
use super::watch::Watch;
use super::workshop::Bench;

/// A task of the simulated process.
pub(super) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How often what goes wrong, in calls of a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    /// GitHub or git fails, before or after it did what was asked.
    pub(super) outside: u32,
    /// GitHub forbids something for good.
    pub(super) forbidden: u32,
    /// The store is busy.
    pub(super) store: u32,
    /// An attempt of an agent or a check does not do its work.
    pub(super) attempts: u32,
}

/// The stage.
pub(super) struct Scene {
    chance: Mutex<Chance>,
    time: Mutex<Time>,
    faults: Mutex<Faults>,
    spawned: Mutex<Vec<(String, Job)>>,
    shelf: Mutex<Shelf>,
    hub: Mutex<Hub>,
    repo: Mutex<Repo>,
    bench: Mutex<Bench>,
    watch: Mutex<Watch>,
    story: Option<Mutex<Vec<String>>>,
    /// What new runs freeze.
    pub(super) frozen: Frozen,
}

#[derive(Default)]
struct Time {
    /// What the wall clock shows at the start; people and time servers change it.
    wall: i64,
    /// Milliseconds since the start, which only grow; pauses are measured by them.
    passed: i64,
    timers: Vec<(i64, Waker)>,
}

impl Scene {
    pub(super) fn new(seed: u64, faults: Faults, frozen: Frozen, told: bool) -> Arc<Self> {
        let repo = Repo::new();
        let hub = Hub::new();
        Arc::new(Self {
            chance: Mutex::new(Chance::new(seed)),
            time: Mutex::new(Time {
                wall: 1_790_000_000_000,
                passed: 0,
                timers: Vec::new(),
            }),
            faults: Mutex::new(faults),
            spawned: Mutex::default(),
            shelf: Mutex::default(),
            hub: Mutex::new(hub),
            repo: Mutex::new(repo),
            bench: Mutex::default(),
            watch: Mutex::default(),
            story: told.then(Mutex::default),
            frozen,
        })
    }

    pub(super) fn chance(&self) -> MutexGuard<'_, Chance> {
        locked(&self.chance)
    }

    pub(super) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        locked(&self.shelf)
    }

    pub(super) fn hub(&self) -> MutexGuard<'_, Hub> {
        locked(&self.hub)
    }

    pub(super) fn repo(&self) -> MutexGuard<'_, Repo> {
        locked(&self.repo)
    }

    pub(super) fn bench(&self) -> MutexGuard<'_, Bench> {
        locked(&self.bench)
    }

    pub(super) fn watch(&self) -> MutexGuard<'_, Watch> {
        locked(&self.watch)
    }

    pub(super) fn faults(&self) -> Faults {
        *locked(&self.faults)
    }

    /// From now on everything works.
    pub(super) fn calm(&self) {
        *locked(&self.faults) = Faults::default();
    }

    /// Notes what happened, for the log of a failing seed.
    pub(super) fn tell(&self, line: impl FnOnce() -> String) {
        let Some(story) = &self.story else { return };
        let now = self.now();
        locked(story).push(format!("{now} {}", line()));
    }

    pub(super) fn story(&self) -> Vec<String> {
        self.story
            .as_ref()
            .map(|story| locked(story).clone())
            .unwrap_or_default()
    }

    pub(super) fn now(&self) -> Timestamp {
        let time = locked(&self.time);
        Timestamp(time.wall + time.passed)
    }

    /// Sets the wall clock; it may go backward. Pauses take as long as before.
    pub(super) fn shift_clock(&self, by: i64) {
        locked(&self.time).wall += by;
    }

    /// Lets time pass.
    pub(super) fn pass(&self, pause: Duration) {
        let mut time = locked(&self.time);
        time.passed += i64::try_from(pause.as_millis()).unwrap_or(0);
        let now = time.passed;
        let (due, later) = std::mem::take(&mut time.timers)
            .into_iter()
            .partition::<Vec<_>, _>(|(at, _)| *at <= now);
        time.timers = later;
        drop(time);
        for (_, waker) in due {
            waker.wake();
        }
    }

    /// How long it is until a task of the process wants to go on.
    pub(super) fn next_timer(&self) -> Option<Duration> {
        let time = locked(&self.time);
        let next = time.timers.iter().map(|(at, _)| *at).min()?;
        Some(Duration::from_millis(
            u64::try_from(next - time.passed).unwrap_or(0),
        ))
    }

    /// Forgets the timers of a process that is no more.
    pub(super) fn drop_timers(&self) {
        locked(&self.time).timers.clear();
        locked(&self.spawned).clear();
    }

    /// Waits for virtual time to pass.
    pub(super) async fn sleep(&self, pause: Duration) {
        let until = locked(&self.time).passed + i64::try_from(pause.as_millis()).unwrap_or(0);
        std::future::poll_fn(|context| {
            let mut time = locked(&self.time);
            if time.passed >= until {
                return Poll::Ready(());
            }
            // A task polled for another reason has a timer already; a second one only wakes it once more.
            time.timers.push((until, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Starts a task of the process.
    pub(super) fn spawn(&self, label: String, job: Job) {
        locked(&self.spawned).push((label, job));
    }

    pub(super) fn take_spawned(&self) -> Vec<(String, Job)> {
        std::mem::take(&mut *locked(&self.spawned))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .try_lock()
        .expect("one thread plays a seed, and nobody holds a part of the scene while asking for it again")
}

/// A point at which everything else may happen first, a crash included.
pub(super) fn beat() -> impl Future<Output = ()> + Send {
    struct Beat(bool);
    impl Future for Beat {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            if self.0 {
                return Poll::Ready(());
            }
            self.0 = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }
    Beat(false)
}

/// The wall clock of the scene.
#[derive(Clone)]
pub(super) struct SceneClock(pub(super) Arc<Scene>);

impl Clock for SceneClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}
