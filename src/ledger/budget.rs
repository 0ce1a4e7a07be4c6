//! What may be spent, and what happens where the next attempt does not fit.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{MicroUsd, Timestamp};

/// Over what money is summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One run.
    Run,
    /// All runs for one issue.
    Issue,
    /// All runs of one repository in 24 hours.
    RepositoryDay,
    /// All runs of this server in a calendar month, in UTC.
    Month,
}

impl Scope {
    /// All of them, the narrowest first.
    pub const ALL: [Self; 4] = [Self::Run, Self::Issue, Self::RepositoryDay, Self::Month];

    /// The key of its limit in `footplate.yml`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Run => "limits.run_usd",
            Self::Issue => "limits.issue_usd",
            Self::RepositoryDay => "limits.repository_day_usd",
            Self::Month => "limits.month_usd",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "the run",
            Self::Issue => "the issue",
            Self::RepositoryDay => "the repository's day",
            Self::Month => "the month",
        })
    }
}

/// A share of a whole in millionths.
pub type Millionths = u32;

/// The whole, in millionths.
pub const WHOLE: Millionths = 1_000_000;

/// The limits on money, and on the windows of subscriptions. What is absent is not limited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// The most money in each scope.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub money: BTreeMap<Scope, MicroUsd>,
    /// How far each window may be filled, by `provider/window`; the rest is kept for people.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub windows: BTreeMap<String, Millionths>,
    /// What is kept for people of every window that is not named.
    #[serde(skip_serializing_if = "is_zero")]
    pub window_reserve: Millionths,
}

/// What was spent in a scope, reservations for attempts under way included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// What is known.
    pub known: MicroUsd,
    /// How many attempts did not tell what they cost.
    pub unknown: u32,
    /// When the scope begins anew, or so much of it has passed that there is room; `None` where time does not help.
    pub frees: Option<Timestamp>,
}

/// What the next attempt of a candidate is expected to cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// No money: a subscription or the operator's own machine serves it.
    Nothing,
    /// About so much, from attempts like it.
    About(MicroUsd),
    /// There is a price, but nothing to estimate from; the meter stops it at what is left.
    Unheard,
    /// Nobody knows a price.
    Unpriced,
}

/// A subscription's window as it was last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowState {
    /// `provider/window`, such as `anthropic/5h`.
    pub name: String,
    /// The share in use then; `None` where it was never read, which an answer of the provider alone can change.
    pub used: Option<Millionths>,
    /// When it begins anew.
    pub resets: Option<Timestamp>,
    /// The share that the next attempt is expected to use; nothing where nobody can say.
    pub expected: Millionths,
}

/// A candidate that could make the next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What it is expected to cost.
    pub cost: Expected,
    /// The windows that it would use.
    pub windows: Vec<WindowState>,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The first candidate makes the attempt.
    Go,
    /// A later one does, because those before it do not fit.
    Downgrade {
        /// Its index.
        to: usize,
        /// Why the first one does not fit.
        why: Reason,
    },
    /// None fits now.
    Wait {
        /// When one will.
        until: Timestamp,
        /// Why the one that will fit first does not fit now.
        why: Reason,
    },
    /// None fits, and time will not change it.
    Stop(Reason),
}

/// Why a candidate does not fit, as a sentence for people in `Display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// There is no candidate.
    NoCandidate,
    /// The limit is reached.
    Spent {
        /// Of what.
        scope: Scope,
        /// What was spent.
        spent: MicroUsd,
        /// The limit.
        limit: MicroUsd,
    },
    /// The next attempt would probably pass the limit.
    TooDear {
        /// Of what.
        scope: Scope,
        /// What it is expected to cost.
        expected: MicroUsd,
        /// What is left.
        left: MicroUsd,
    },
    /// The limit cannot be kept, because attempts did not tell what they cost.
    UnknownSpent {
        /// Of what.
        scope: Scope,
        /// How many.
        attempts: u32,
    },
    /// The limit cannot be kept, because the candidate's price is unknown.
    UnknownPrice {
        /// Of what.
        scope: Scope,
    },
    /// A window is as full as it may be.
    Window {
        /// `provider/window`.
        name: String,
        /// The share in use.
        used: Millionths,
        /// The share that may be in use.
        limit: Millionths,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCandidate => write!(f, "There is no candidate."),
            Self::Spent { scope, spent, limit } => {
                write!(f, "The budget of {scope} is used up: {spent} of {limit}.")
            }
            Self::TooDear {
                scope,
                expected,
                left,
            } => write!(
                f,
                "The next attempt costs about {expected}, and {left} is left of the budget of {scope}."
            ),
            Self::UnknownSpent { scope, attempts: 1 } => write!(
                f,
                "The budget of {scope} cannot be kept: an attempt did not report what it cost."
            ),
            Self::UnknownSpent { scope, attempts } => write!(
                f,
                "The budget of {scope} cannot be kept: {attempts} attempts did not report what they cost."
            ),
            Self::UnknownPrice { scope } => write!(
                f,
                "The budget of {scope} cannot be kept: the candidate's price is unknown."
            ),
            Self::Window { name, used, limit } => write!(
                f,
                "The window {name} is {} full, and may be filled to {}; the rest is kept for people.",
                percent(*used),
                percent(*limit)
            ),
        }
    }
}

/// A share for people: `12%`, `0.5%`.
pub fn percent(share: Millionths) -> String {
    let tenths = (u64::from(share) + 500) / 1_000;
    if tenths.is_multiple_of(10) {
        format!("{}%", tenths / 10)
    } else {
        format!("{}.{}%", tenths / 10, tenths % 10)
    }
}

/// Why an offer does not fit, and from when on it might.
struct Obstacle {
    why: Reason,
    until: Option<Timestamp>,
}

impl Budget {
    /// Decides who makes the next attempt, or when, or that nobody does.
    ///
    /// `offers` are the candidates that could, the preferred one first; the first that fits every limit does.
    /// A scope that `spent` does not name counts as untouched.
    ///
    /// Unknown is not zero: with a limit on a scope, an unknown cost in it or a candidate without a price refuses.
    /// A window that was never read does not refuse, because only an answer of the provider can tell it; one whose
    /// reading is older than its reset has begun anew.
    pub fn decide(&self, spent: &BTreeMap<Scope, Spent>, offers: &[Offer], now: Timestamp) -> Decision {
        let mut first: Option<Reason> = None;
        let mut soonest: Option<(Timestamp, Reason)> = None;
        for (index, offer) in offers.iter().enumerate() {
            let obstacles = self.obstacles(spent, offer, now);
            let Some(worst) = obstacles.first() else {
                return match first {
                    None => Decision::Go,
                    Some(why) => Decision::Downgrade { to: index, why },
                };
            };
            // It fits when the last of its obstacles is gone, if all of them go by themselves.
            let until = obstacles
                .iter()
                .map(|obstacle| obstacle.until)
                .try_fold(now, |latest, until| Some(latest.max(until?)));
            if let Some(until) = until
                && soonest.as_ref().is_none_or(|(other, _)| until < *other)
            {
                let last = obstacles.iter().max_by_key(|obstacle| obstacle.until);
                soonest = Some((until, last.unwrap_or(worst).why.clone()));
            }
            first.get_or_insert_with(|| {
                // What time cannot change is the better explanation.
                let lasting = obstacles.iter().find(|obstacle| obstacle.until.is_none());
                lasting.unwrap_or(worst).why.clone()
            });
        }
        match (soonest, first) {
            (Some((until, why)), _) => Decision::Wait { until, why },
            (None, Some(why)) => Decision::Stop(why),
            (None, None) => Decision::Stop(Reason::NoCandidate),
        }
    }

    /// The money that an attempt may still use, which the meter stops it at; `None` where nothing is limited.
    pub fn left(&self, spent: &BTreeMap<Scope, Spent>) -> Option<MicroUsd> {
        let left = self.money.iter().map(|(scope, limit)| {
            let known = spent.get(scope).map_or(MicroUsd::ZERO, |spent| spent.known);
            MicroUsd(limit.0.saturating_sub(known.0))
        });
        left.min()
    }

    /// How far a window may be filled, by `provider/window`.
    pub fn window(&self, name: &str) -> Millionths {
        let rest = WHOLE.saturating_sub(self.window_reserve);
        self.windows.get(name).copied().unwrap_or(rest)
    }

    /// The stricter of two budgets in everything.
    #[must_use]
    pub fn tightened(&self, other: &Self) -> Self {
        let mut tight = self.clone();
        for (scope, limit) in &other.money {
            let own = tight.money.entry(*scope).or_insert(*limit);
            *own = (*own).min(*limit);
        }
        tight.window_reserve = self.window_reserve.max(other.window_reserve);
        for name in self.windows.keys().chain(other.windows.keys()) {
            let share = self.window(name).min(other.window(name));
            tight.windows.insert(name.clone(), share);
        }
        tight
    }

    fn obstacles(&self, spent: &BTreeMap<Scope, Spent>, offer: &Offer, now: Timestamp) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        if offer.cost != Expected::Nothing {
            for (scope, limit) in &self.money {
                let so_far = spent.get(scope).copied().unwrap_or_default();
                if let Some(why) = money(*scope, *limit, so_far, offer.cost) {
                    // Time does not make an unknown price known.
                    let helps = !matches!(why, Reason::UnknownPrice { .. });
                    let until = so_far.frees.filter(|until| helps && *until > now);
                    obstacles.push(Obstacle { why, until });
                }
            }
        }
        for window in &offer.windows {
            let begun_anew = window.resets.is_some_and(|resets| resets <= now);
            let limit = self.window(&window.name);
            let Some(used) = window.used.filter(|_| !begun_anew) else {
                continue;
            };
            if used >= limit || used.saturating_add(window.expected) > limit {
                let name = window.name.clone();
                obstacles.push(Obstacle {
                    why: Reason::Window { name, used, limit },
                    until: window.resets,
                });
            }
        }
        obstacles
    }
}

/// Why a limit on money refuses an attempt, if it does.
fn money(scope: Scope, limit: MicroUsd, spent: Spent, next: Expected) -> Option<Reason> {
    if spent.known >= limit {
        return Some(Reason::Spent {
            scope,
            spent: spent.known,
            limit,
        });
    }
    if spent.unknown > 0 {
        return Some(Reason::UnknownSpent {
            scope,
            attempts: spent.unknown,
        });
    }
    let left = MicroUsd(limit.0 - spent.known.0);
    match next {
        Expected::Unpriced => Some(Reason::UnknownPrice { scope }),
        Expected::About(expected) if expected > left => Some(Reason::TooDear {
            scope,
            expected,
            left,
        }),
        Expected::About(_) | Expected::Unheard | Expected::Nothing => None,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(share: &Millionths) -> bool {
    *share == 0
}

#[cfg(test)]
mod tests;
