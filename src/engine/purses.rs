//! What attempts that are under way may still spend, by what limits them.
//!
//! What has ended stands in the logs and is read from there right before an attempt begins. What is under way stands
//! nowhere yet: it is counted here, so that two attempts of different runs cannot both spend what one limit has left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use crate::engine::book::Page;
use crate::ledger::Scope;
use crate::meter::Purse;
use crate::model::{MicroUsd, Timestamp};
use crate::run::{Created, Origin, budget};

/// The purses of the limits that attempts under way share.
#[derive(Debug, Default)]
pub struct Purses(Mutex<HashMap<Limit, Weak<Purse>>>);

/// What a limit holds for: one run, one issue, one repository, or everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Limit {
    scope: Scope,
    of: String,
}

/// What one attempt spends while it is under way. Keep it until the attempt's report is logged, and its cost with it.
#[derive(Debug)]
#[must_use = "dropped too early, what it stands for counts nowhere"]
pub struct Stake {
    /// The attempt's own, which only counts.
    own: Arc<Purse>,
    shared: Vec<Arc<Purse>>,
}

impl Purses {
    /// The stake of an attempt that begins now.
    pub(super) fn stake(&self, page: &Page, now: Timestamp) -> Stake {
        let limits = page.frozen.policy.limits();
        let spent = budget::spent(&limits, &page.run, now);
        let left = limits.money.iter().map(|(&scope, limit)| {
            let known = spent.get(&scope).map_or(MicroUsd::ZERO, |spent| spent.known);
            let left = MicroUsd(limit.0.saturating_sub(known.0));
            (holds_for(scope, &page.run.created), left)
        });
        self.join(left)
    }

    /// Joins those who spend of these limits, of which so much is left by the logs.
    fn join(&self, limits: impl Iterator<Item = (Limit, MicroUsd)>) -> Stake {
        let mut purses = self.0.lock().expect("no holder of this lock panics");
        purses.retain(|_, purse| purse.strong_count() > 0);
        let shared = limits.map(|(limit, left)| {
            if let Some(purse) = purses.get(&limit).and_then(Weak::upgrade) {
                purse.refill(left);
                return purse;
            }
            let purse = Arc::new(Purse::new(name(limit.scope), Some(left), MicroUsd::ZERO));
            purses.insert(limit, Arc::downgrade(&purse));
            purse
        });
        Stake {
            shared: shared.collect(),
            own: Arc::new(Purse::new("the attempt", None, MicroUsd::ZERO)),
        }
    }
}

impl Stake {
    /// Everything that a request of the attempt is paid from.
    pub(super) fn purses(&self) -> Vec<Arc<Purse>> {
        let own = std::iter::once(&self.own).chain(&self.shared);
        own.map(Arc::clone).collect()
    }
}

impl Drop for Stake {
    fn drop(&mut self) {
        let spent = self.own.spent();
        for purse in &self.shared {
            purse.close(spent);
        }
    }
}

fn holds_for(scope: Scope, created: &Created) -> Limit {
    let of = match (scope, &created.origin) {
        (Scope::Run, _) | (Scope::Issue, Origin::Local { .. }) => created.run.to_string(),
        (
            Scope::Issue,
            Origin::Issue {
                repository, number, ..
            },
        ) => format!("{repository}#{number}"),
        (Scope::RepositoryDay, Origin::Issue { repository, .. }) => repository.to_string(),
        (Scope::RepositoryDay, Origin::Local { .. }) | (Scope::Month, _) => String::new(),
    };
    Limit { scope, of }
}

fn name(scope: Scope) -> &'static str {
    match scope {
        Scope::Run => "the budget of the run",
        Scope::Issue => "the budget of the issue",
        Scope::RepositoryDay => "the repository's budget of the day",
        Scope::Month => "the budget of the month",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(scope: Scope, of: &str) -> Limit {
        Limit {
            scope,
            of: of.to_owned(),
        }
    }

    /// An attempt of a run in a repository, as the logs stand.
    fn attempt(purses: &Purses, run: &str, day: u64) -> Stake {
        let limits = [
            (limit(Scope::Run, run), MicroUsd(1_000)),
            (limit(Scope::RepositoryDay, "7"), MicroUsd(day)),
        ];
        purses.join(limits.into_iter())
    }

    fn spend(stake: &Stake, reserve: u64, cost: u64) -> Result<(), String> {
        let reserved = Purse::reserve_in(&stake.purses(), MicroUsd(reserve));
        reserved
            .map(|reserved| reserved.settle(Some(MicroUsd(cost))))
            .map_err(|broke| broke.to_string())
    }

    #[test]
    fn attempts_of_different_runs_cannot_spend_the_same_money() {
        let purses = Purses::default();
        let (one, two) = (attempt(&purses, "a", 100), attempt(&purses, "b", 100));
        spend(&one, 70, 60).unwrap();
        let broke = spend(&two, 50, 50).unwrap_err();
        assert_eq!(
            broke,
            "the repository's budget of the day of $0.0001 has $0.0000 left, and the request may cost up to $0.0001"
        );
        spend(&two, 40, 40).unwrap();
        spend(&one, 1, 1).unwrap_err();
    }

    #[test]
    fn what_has_ended_counts_by_the_log_and_not_twice() {
        let purses = Purses::default();
        let (one, two) = (attempt(&purses, "a", 100), attempt(&purses, "b", 100));
        spend(&one, 60, 60).unwrap();
        // Its cost is in the log now, which nobody has read again yet.
        drop(one);
        spend(&two, 41, 41).unwrap_err();
        spend(&two, 10, 10).unwrap();
        // The log says that 40 are left; 10 of them are under way.
        let three = attempt(&purses, "c", 40);
        spend(&three, 31, 31).unwrap_err();
        spend(&three, 30, 30).unwrap();
        drop((two, three));
        // All of it is over, and a day later there is a whole budget again.
        spend(&attempt(&purses, "d", 100), 100, 100).unwrap();
    }

    #[test]
    fn another_repository_has_its_own() {
        let purses = Purses::default();
        let one = attempt(&purses, "a", 100);
        spend(&one, 100, 100).unwrap();
        let other = [(limit(Scope::RepositoryDay, "8"), MicroUsd(100))];
        spend(&purses.join(other.into_iter()), 100, 100).unwrap();
    }
}
