//! Connections that wait for the next request.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use http::Uri;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Line;

/// How long an unused connection is kept: harnesses ask again within seconds.
const IDLE: Duration = Duration::from_mins(1);

/// How many are kept for one provider; more than this many attempts hardly pause at the same time.
const KEPT: usize = 64;

/// The unused connections to all providers.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<Idle>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Idle {
    lines: HashMap<String, Vec<(Instant, Line)>>,
    /// Whether somebody will look after them.
    swept: bool,
}

/// Where a connection goes when it is not used any more.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pool: Arc<Pool>,
    name: String,
}

impl Pool {
    pub(super) fn new(tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self {
            idle: Mutex::default(),
            tasks,
            stop,
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes what has waited too long, until nothing waits.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => {
                    self.idle().lines.clear();
                    return;
                }
                () = sleep(IDLE) => {}
            }
            let mut idle = self.idle();
            idle.lines.retain(|_, lines| {
                lines.retain(|(since, _)| since.elapsed() < IDLE);
                !lines.is_empty()
            });
            if idle.lines.is_empty() {
                idle.swept = false;
                return;
            }
        }
    }
}

impl Home {
    /// The home of connections to an address; none where it names no host.
    pub(super) fn of(pool: &Arc<Pool>, address: &Uri) -> Option<Self> {
        Some(Self {
            pool: Arc::clone(pool),
            name: format!("{}://{}", address.scheme_str()?, address.authority()?),
        })
    }

    /// A connection that waits there and is still open. The last one that came is the first to go, so that few are kept.
    pub(super) fn line(&self) -> Option<Line> {
        loop {
            let (since, mut line) = self.pool.idle().lines.get_mut(&self.name)?.pop()?;
            if since.elapsed() < IDLE && is_quiet(&mut line) {
                return Some(line);
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(&self, line: Line) {
        if self.pool.stop.is_cancelled() {
            return;
        }
        let mut idle = self.pool.idle();
        let lines = idle.lines.entry(self.name.clone()).or_default();
        if lines.len() < KEPT {
            lines.push((Instant::now(), line));
        }
        if !idle.swept {
            idle.swept = true;
            self.pool.tasks.spawn(Arc::clone(&self.pool).sweep());
        }
    }
}

/// Whether nothing has come, neither bytes nor the end: what comes between requests belongs to none of them.
fn is_quiet(line: &mut Line) -> bool {
    let mut byte = [0];
    let mut room = ReadBuf::new(&mut byte);
    let mut cx = Context::from_waker(Waker::noop());
    Pin::new(line).poll_read(&mut cx, &mut room).is_pending()
}
