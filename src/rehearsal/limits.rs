//! How much a client may ask of the stand-in, and how much it has asked.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::model::Timestamp;

use super::problem::Problem;

/// What GitHub grants an App's installation; each can be lowered to make a story short.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests per hour and installation, GitHub's primary limit: 5,000.
    pub requests_per_hour: u32,
    /// Requests that create content, per minute and installation: 80. `None` switches the limit off.
    pub content_per_minute: Option<u32>,
    /// The `retry-after` of a secondary limit in seconds; `None` leaves the header out, as GitHub at times does.
    pub retry_after: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_hour: 5_000,
            content_per_minute: Some(80),
            retry_after: Some(60),
        }
    }
}

/// What was asked, by holder: `app:1` for JWTs, `installation:2` for tokens.
#[derive(Debug, Default)]
pub struct Spending {
    windows: BTreeMap<String, Window>,
    content: BTreeMap<String, VecDeque<Timestamp>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: Timestamp,
    used: u32,
}

/// The state of the primary limit after a request, for the `x-ratelimit-*` headers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meter {
    pub(super) limit: u32,
    pub(super) used: u32,
    pub(super) reset: Timestamp,
}

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

impl Spending {
    /// Books a request; `counted` is false for `GET /rate_limit` and answers of 304.
    pub(super) fn book(&mut self, limits: &Limits, holder: &str, now: Timestamp, counted: bool) -> Meter {
        let window = self.windows.entry(holder.to_owned()).or_insert(Window {
            ends: now.plus(HOUR),
            used: 0,
        });
        if now >= window.ends {
            *window = Window {
                ends: now.plus(HOUR),
                used: 0,
            };
        }
        if counted {
            window.used += 1;
        }
        Meter {
            limit: limits.requests_per_hour,
            used: window.used,
            reset: window.ends,
        }
    }

    /// Books a request that creates content.
    ///
    /// # Errors
    /// The secondary limit is reached: 403, with `retry-after` where the limits say so.
    pub(super) fn book_content(
        &mut self,
        limits: &Limits,
        holder: &str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let Some(most) = limits.content_per_minute else {
            return Ok(());
        };
        let recent = self.content.entry(holder.to_owned()).or_default();
        while recent.front().is_some_and(|at| now.since(*at) >= MINUTE) {
            recent.pop_front();
        }
        if recent.len() >= most as usize {
            return Err(secondary_limit(limits.retry_after));
        }
        recent.push_back(now);
        Ok(())
    }
}

/// The refusal of a client that asks too fast.
pub(super) fn secondary_limit(retry_after: Option<u32>) -> Problem {
    let mut problem = Problem::new(
        403,
        "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. \
         Please retry your request again later.",
    );
    if let Some(seconds) = retry_after {
        problem.headers.push(("retry-after", seconds.to_string()));
    }
    problem
}

/// The refusal of a client that used up its hour.
pub(super) fn primary_limit(holder: &str) -> Problem {
    Problem::new(
        403,
        format!("API rate limit exceeded for {}.", holder.replace(':', " ID ")),
    )
}
