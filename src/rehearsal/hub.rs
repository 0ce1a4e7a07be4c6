//! The live world: one lock, and a signal at every change, so that nobody needs to poll.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::hooks::Traffic;
use super::world::{Recorded, Violation, World};

/// A handle on the running stand-in: verbs, awaiting, reading. Clones share one world.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
    /// The repository in which people act by this handle; `None` is the first one.
    repository: Option<Arc<str>>,
}

struct Shared {
    world: Mutex<World>,
    traffic: Mutex<Traffic>,
    changed: watch::Sender<u64>,
    stop: CancellationToken,
    base: String,
}

/// What was awaited did not happen in time; holds a picture of the world at that moment.
#[derive(Debug, thiserror::Error)]
#[error("it did not happen within {}s; the stand-in's world at that moment:\n{dump}", .deadline.as_secs_f32())]
pub struct TimedOut {
    /// How long was waited.
    pub deadline: Duration,
    /// The world as text.
    pub dump: String,
}

impl Hub {
    pub(super) fn new(world: World) -> Self {
        let base = world.base.clone();
        Self {
            shared: Arc::new(Shared {
                world: Mutex::new(world),
                traffic: Mutex::new(Traffic::default()),
                changed: watch::Sender::new(0),
                stop: CancellationToken::new(),
                base,
            }),
            repository: None,
        }
    }

    /// A handle by which people act in another repository than the first.
    #[must_use]
    pub fn in_repository(&self, full_name: &str) -> Self {
        Self {
            repository: Some(full_name.into()),
            ..self.clone()
        }
    }

    pub(super) fn repository(&self) -> Option<&str> {
        self.repository.as_deref()
    }

    /// The root of the REST API, for `github.api_url`.
    pub fn api_url(&self) -> String {
        format!("{}/api/v3", self.shared.base)
    }

    /// The host of pages and git, for `github.url`.
    pub fn url(&self) -> String {
        self.shared.base.clone()
    }

    /// Reads the world.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the world and tells everybody who waits.
    pub(super) fn act<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let result = act(&mut self.lock());
        self.tell();
        result
    }

    /// Changes the world where nobody needs to be told.
    pub(super) fn act_quietly<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.lock())
    }

    /// Waits until `look` finds what it wants, looking again after every change of the world and after
    /// every finished delivery.
    ///
    /// # Errors
    /// The deadline passed; the error shows the world.
    pub async fn until<T>(
        &self,
        deadline: Duration,
        mut look: impl FnMut(&World) -> Option<T>,
    ) -> Result<T, TimedOut> {
        let end = tokio::time::Instant::now() + deadline;
        let mut changes = self.shared.changed.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(found) = self.read(&mut look) {
                return Ok(found);
            }
            if !matches!(tokio::time::timeout_at(end, changes.changed()).await, Ok(Ok(()))) {
                // The change and the deadline may have come together.
                return self.read(&mut look).ok_or_else(|| TimedOut {
                    deadline,
                    dump: self.read(World::dump),
                });
            }
        }
    }

    /// Waits until every due delivery was sent and answered, or dropped.
    ///
    /// # Errors
    /// The deadline passed.
    pub async fn settled(&self, deadline: Duration) -> Result<(), TimedOut> {
        self.until(deadline, |w| {
            (w.outbox.is_empty() && w.in_flight == 0).then_some(())
        })
        .await
    }

    /// Every request on the API so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.read(|w| w.requests.clone())
    }

    /// What no well-behaved client does and yet was done; a test asserts that this is empty.
    pub fn violations(&self) -> Vec<Violation> {
        self.read(|w| w.violations.clone())
    }

    pub(super) fn tell(&self) {
        self.shared.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.shared.stop
    }

    pub(super) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.shared.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // A test that panics while it reads must not hide its own message behind a poisoned lock.
    fn lock(&self) -> MutexGuard<'_, World> {
        self.shared.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
