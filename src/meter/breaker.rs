//! A provider that wants to be left alone is left alone by all attempts together.
//!
//! Closed, everybody passes. Open, everybody waits until the provider's own time, or until a rest is over; then one
//! goes ahead, and the others follow or wait again by what it finds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The breaker of one provider.
#[derive(Debug)]
pub(super) struct Breaker {
    /// After how many failures in a row it opens where the provider names no time.
    failures: u32,
    /// For how long it then opens.
    rest: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    shut: Option<Shut>,
    probing: bool,
}

/// Why nobody passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shut {
    /// When somebody may try again.
    pub(super) until: Instant,
    /// The status of the failure that shut it; none for a connection that could not be had.
    pub(super) status: Option<u16>,
}

impl Breaker {
    pub(super) fn new(failures: u32, rest: Duration) -> Self {
        Self {
            failures: failures.max(1),
            rest,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Waits until one may ask the provider.
    ///
    /// # Errors
    /// That will not be before the deadline.
    pub(super) async fn enter(self: &Arc<Self>, deadline: Instant) -> Result<Pass, Shut> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let shut = {
                let mut state = self.state();
                match state.shut {
                    None => return Ok(self.pass(false)),
                    Some(shut) if shut.until > Instant::now() => shut,
                    Some(_) if !state.probing => {
                        state.probing = true;
                        return Ok(self.pass(true));
                    }
                    Some(shut) => shut,
                }
            };
            if shut.until > deadline {
                return Err(shut);
            }
            if shut.until > Instant::now() {
                tokio::select! {
                    () = sleep_until(shut.until) => {}
                    () = changed => {}
                }
            } else if timeout_at(deadline, changed).await.is_err() {
                return Err(shut);
            }
        }
    }

    fn pass(self: &Arc<Self>, probe: bool) -> Pass {
        Pass {
            breaker: Arc::clone(self),
            probe,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to ask once. Dropped without a verdict, it says nothing about the provider.
#[derive(Debug)]
#[must_use]
pub(super) struct Pass {
    breaker: Arc<Breaker>,
    probe: bool,
}

impl Pass {
    /// The provider answered.
    pub(super) fn success(self) {
        let mut state = self.breaker.state();
        state.failures = 0;
        // Somebody who entered before it was shut says nothing about the time after.
        if self.probe || state.shut.is_some_and(|shut| shut.until <= Instant::now()) {
            state.shut = None;
        }
    }

    /// The provider failed, and wants to be left alone for that long, if it said so.
    pub(super) fn failure(self, told: Option<Duration>, status: Option<u16>) {
        let mut state = self.breaker.state();
        state.failures = state.failures.saturating_add(1);
        let wait = match told {
            Some(told) => told,
            None if state.failures >= self.breaker.failures => self.breaker.rest,
            None => return,
        };
        let until = Instant::now() + wait;
        if state.shut.is_none_or(|shut| shut.until < until) {
            state.shut = Some(Shut { until, status });
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.state().probing = false;
        }
        self.breaker.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Arc<Breaker> {
        Arc::new(Breaker::new(2, Duration::from_secs(30)))
    }

    fn within(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn failures_in_a_row_shut_it_and_a_success_between_does_not() {
        let breaker = breaker();
        breaker
            .enter(within(1))
            .await
            .expect("open")
            .failure(None, Some(500));
        breaker.enter(within(1)).await.expect("open").success();
        breaker
            .enter(within(1))
            .await
            .expect("open")
            .failure(None, Some(500));
        breaker
            .enter(within(1))
            .await
            .expect("still open")
            .failure(None, Some(503));
        let shut = breaker
            .enter(within(1))
            .await
            .expect_err("it is shut for thirty seconds");
        assert_eq!(shut.status, Some(503));
    }

    #[tokio::test]
    async fn the_providers_own_time_shuts_it_at_once_and_those_with_patience_wait() {
        let breaker = breaker();
        let told = Duration::from_millis(100);
        let before = Instant::now();
        breaker
            .enter(within(1))
            .await
            .expect("open")
            .failure(Some(told), Some(429));
        assert!(
            breaker.enter(before).await.is_err(),
            "who has no patience is sent away"
        );
        let probe = breaker.enter(within(60)).await.expect("it opens after its time");
        assert!(before.elapsed() >= told);
        probe.success();
        breaker
            .enter(within(0))
            .await
            .expect("it is open again")
            .success();
    }

    #[tokio::test]
    async fn one_goes_ahead_and_the_others_wait_for_what_it_finds() {
        let breaker = breaker();
        breaker
            .enter(within(1))
            .await
            .expect("open")
            .failure(Some(Duration::ZERO), Some(429));
        let probe = breaker.enter(within(1)).await.expect("the first goes ahead");
        assert!(
            breaker.enter(within(0)).await.is_err(),
            "the second waits in vain"
        );
        let waiting = tokio::spawn({
            let breaker = Arc::clone(&breaker);
            async move { breaker.enter(within(60)).await.is_ok() }
        });
        tokio::task::yield_now().await;
        probe.success();
        assert!(waiting.await.expect("it ends"));
    }

    #[tokio::test]
    async fn a_probe_that_is_given_up_lets_another_go() {
        let breaker = breaker();
        breaker
            .enter(within(1))
            .await
            .expect("open")
            .failure(Some(Duration::ZERO), None);
        drop(breaker.enter(within(1)).await.expect("the first goes ahead"));
        breaker
            .enter(within(1))
            .await
            .expect("the next one goes ahead")
            .success();
    }
}
