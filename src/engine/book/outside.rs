//! What a run's limits depend on besides the run: looked up right before an attempt begins.

use std::time::Duration;

use super::Book;
use crate::engine::error::Error;
use crate::ledger::{Scope, Spent};
use crate::model::{AttemptKey, Clock, RepositoryId, Timestamp};
use crate::run::{Created, Origin, Outside, Report, budget};
use crate::store::{CostOf, Journal};

impl<J: Journal, C: Clock> Book<J, C> {
    /// What other runs spent, and how full windows are; `None` where nothing that this attempt needs depends on it.
    pub(super) async fn outside(&self, key: &AttemptKey) -> Result<Option<Outside>, Error> {
        let Some(page) = self.look(&key.run).await? else {
            return Ok(None);
        };
        let asks_a_model = page.run.node(&key.node).is_some_and(|node| {
            node.latest()
                .is_some_and(|attempt| attempt.n == key.n && attempt.candidate.is_some())
        });
        let limits = page.frozen.policy.limits_outside().filter(|_| asks_a_model);
        let Some(limits) = limits else { return Ok(None) };
        let now = self.clock.now();
        let mut outside = Outside::default();
        for scope in limits.money.keys() {
            if let Some(spent) = self.spent(&page.run.created, *scope, now).await? {
                outside.money.insert(*scope, spent);
            }
        }
        let windows = self.windows.lock().expect("no holder of this lock panics");
        outside.windows = windows
            .iter()
            .map(|(name, (_, read))| (name.clone(), *read))
            .collect();
        Ok(Some(outside))
    }

    /// What the other runs of a scope cost; `None` where the run's own log says it all.
    async fn spent(&self, created: &Created, scope: Scope, now: Timestamp) -> Result<Option<Spent>, Error> {
        let repository = match &created.origin {
            Origin::Issue { repository, .. } => *repository,
            Origin::Local { .. } => RepositoryId(0),
        };
        let mut of = CostOf {
            except: created.run.clone(),
            repository: Some(repository),
            issue: None,
            since: Timestamp(i64::MIN),
        };
        let (month, next_month) = budget::month(now);
        match (scope, &created.origin) {
            (Scope::Run, _) | (Scope::Issue, Origin::Local { .. }) => return Ok(None),
            (Scope::Issue, Origin::Issue { number, .. }) => of.issue = Some(*number),
            (Scope::RepositoryDay, _) => {
                let day = i64::try_from(budget::DAY.as_millis()).unwrap_or(i64::MAX);
                of.since = Timestamp(now.0.saturating_sub(day));
            }
            (Scope::Month, _) => (of.repository, of.since) = (None, month),
        }
        let sum = self.journal.cost(of).await?;
        Ok(Some(Spent {
            known: sum.known,
            unknown: sum.unknown,
            frees: match scope {
                Scope::Run | Scope::Issue => None,
                // The row counts up to the moment that it is a day old, and no longer.
                Scope::RepositoryDay => sum
                    .oldest
                    .map(|at| at.plus(budget::DAY).plus(Duration::from_millis(1))),
                Scope::Month => Some(next_month),
            },
        }))
    }

    /// Remembers what a provider told of its windows: they are the same for all runs.
    pub(super) fn note_windows(&self, report: &Report) {
        let mut told = Outside::default();
        told.read(report);
        if told.windows.is_empty() {
            return;
        }
        let mut windows = self.windows.lock().expect("no holder of this lock panics");
        for (name, read) in told.windows {
            let is_older = windows.get(&name).is_some_and(|(at, _)| *at > report.ended);
            if !is_older {
                windows.insert(name, (report.ended, read));
            }
        }
    }
}
