//! Manners: how many calls at once, how fast one writes, and when to be silent.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::answer;
use super::{Error, Result};
use crate::model::{InstallationId, RepositoryId, Timestamp};

/// How Footplate behaves towards GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// How long one exchange may take, redirects included. GitHub itself gives up after 10 s.
    pub deadline: Duration,
    /// How long a call may wait for others before it is sent.
    pub patience: Duration,
    /// The pause between two writes to one repository. GitHub asks for at least a second,
    /// <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>.
    pub write_gap: Duration,
    /// The pause before the first repetition of a read that failed; doubled before each further one.
    pub read_backoff: Duration,
    /// How often a read that failed is repeated.
    pub read_repeats: u32,
    /// How many calls may be under way at once. GitHub allows 100, over all programs of an account.
    pub concurrent: usize,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            patience: Duration::from_mins(1),
            write_gap: Duration::from_secs(1),
            read_backoff: Duration::from_millis(500),
            read_repeats: 2,
            concurrent: 10,
        }
    }
}

/// A purse of calls that GitHub counts on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Purse {
    /// The installation; `None` for the App itself.
    pub(super) installation: Option<InstallationId>,
    /// GraphQL is counted apart from REST.
    pub(super) graphql: bool,
}

/// How much of a purse is left, as GitHub last said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The installation; `None` for the App itself.
    pub installation: Option<InstallationId>,
    /// Whether it is the purse of GraphQL.
    pub graphql: bool,
    /// How many calls a window has, where GitHub said so.
    pub limit: Option<u64>,
    /// How many are left in this window, where GitHub said so.
    pub remaining: Option<u64>,
    /// Until when no call may be made, where a limit is in force.
    pub closed_until: Option<Timestamp>,
}

/// Keeps the manners for one client.
pub(super) struct Pace {
    calls: Semaphore,
    gap: Duration,
    patience: Duration,
    writers: Mutex<HashMap<RepositoryId, Arc<tokio::sync::Mutex<Option<Instant>>>>>,
    purses: Mutex<HashMap<Purse, Held>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Held {
    limit: Option<u64>,
    remaining: Option<u64>,
    closed_until: Option<Timestamp>,
    strikes: u32,
}

/// The right to write to a repository; the next writer waits for its end.
pub(super) struct Turn {
    last: OwnedMutexGuard<Option<Instant>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.last = Some(Instant::now());
    }
}

impl Pace {
    pub(super) fn new(manners: &Manners) -> Self {
        Self {
            calls: Semaphore::new(manners.concurrent.max(1)),
            gap: manners.write_gap,
            patience: manners.patience,
            writers: Mutex::default(),
            purses: Mutex::default(),
        }
    }

    /// Waits until fewer than the allowed number of calls are under way.
    pub(super) async fn seat(&self) -> Result<SemaphorePermit<'_>> {
        let seat = self.patiently(self.calls.acquire()).await?;
        Ok(seat.expect("the semaphore is never closed"))
    }

    /// Waits for one's turn to write to a repository.
    pub(super) async fn turn(&self, repository: RepositoryId) -> Result<Turn> {
        let writer = Arc::clone(locked(&self.writers).entry(repository).or_default());
        let last = self.patiently(writer.lock_owned()).await?;
        if let Some(last) = *last {
            tokio::time::sleep_until(last + self.gap).await;
        }
        Ok(Turn { last })
    }

    /// A call that cannot be sent in time was never sent, so it may be made later.
    async fn patiently<T>(&self, wait: impl Future<Output = T>) -> Result<T> {
        let late = |_| Error::Transient {
            after: Some(self.gap),
            why: "too many calls wait for GitHub".to_owned(),
        };
        tokio::time::timeout(self.patience, wait).await.map_err(late)
    }

    /// Refuses while a limit is in force: asking on would be noticed, and can get an App banned.
    pub(super) fn check(&self, purse: Purse, now: Timestamp) -> Result<()> {
        match locked(&self.purses)
            .get(&purse)
            .and_then(|held| held.closed_until)
        {
            Some(until) if now < until => Err(Error::RateLimited { until }),
            _ => Ok(()),
        }
    }

    /// How many limits the purse has met in a row.
    pub(super) fn strikes(&self, purse: Purse) -> u32 {
        locked(&self.purses).get(&purse).map_or(0, |held| held.strikes)
    }

    /// Notes what an answer's headers say, and closes the purse when its last call is spent.
    pub(super) fn note(&self, purse: Purse, headers: &HeaderMap, now: Timestamp) {
        let number = |name| answer::text(headers, name).and_then(|text| text.parse().ok());
        let mut purses = locked(&self.purses);
        let held = purses.entry(purse).or_default();
        held.limit = number("x-ratelimit-limit").or(held.limit);
        held.remaining = number("x-ratelimit-remaining").or(held.remaining);
        if number("x-ratelimit-remaining") == Some(0) {
            held.closed_until = answer::until_reset(headers, now)
                .map(|wait| now.plus(wait))
                .or(held.closed_until);
        }
    }

    /// Notes that a call went through, or met a limit.
    pub(super) fn met(&self, purse: Purse, limit: Option<Timestamp>) {
        let mut purses = locked(&self.purses);
        let held = purses.entry(purse).or_default();
        match limit {
            Some(until) => {
                held.closed_until = held.closed_until.max(Some(until));
                held.strikes = held.strikes.saturating_add(1);
            }
            None => held.strikes = 0,
        }
    }

    /// All purses as last heard.
    pub(super) fn rates(&self) -> Vec<Rate> {
        let purses = locked(&self.purses);
        let mut rates: Vec<(Purse, Held)> = purses.iter().map(|(purse, held)| (*purse, *held)).collect();
        rates.sort_by_key(|(purse, _)| *purse);
        let rate = |(purse, held): (Purse, Held)| Rate {
            installation: purse.installation,
            graphql: purse.graphql,
            limit: held.limit,
            remaining: held.remaining,
            closed_until: held.closed_until,
        };
        rates.into_iter().map(rate).collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The maps are whole after any panic: each change to them is one call.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_writer_of_a_repository_keeps_the_gap_and_others_do_not_wait() {
        let gap = Duration::from_millis(40);
        let pace = Pace::new(&Manners {
            write_gap: gap,
            patience: Duration::from_mins(1),
            ..Manners::default()
        });
        let began = Instant::now();
        drop(pace.turn(RepositoryId(1)).await.expect("it is free"));
        let held = pace
            .turn(RepositoryId(2))
            .await
            .expect("another repository is free");
        drop(pace.turn(RepositoryId(1)).await.expect("it gets free"));
        assert!(began.elapsed() >= gap, "a pause cannot be shorter than it is");
        drop(held);
    }
}
