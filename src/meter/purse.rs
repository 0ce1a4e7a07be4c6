//! Money that is set aside before a request is sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::MicroUsd;

/// A budget that several attempts may share: of a run, of a repository's day, of a month.
///
/// What is reserved cannot be spent by others; what was reserved is settled with what was really used.
#[derive(Debug)]
pub struct Purse {
    name: String,
    amounts: Mutex<Amounts>,
}

#[derive(Debug, Default)]
struct Amounts {
    limit: Option<u64>,
    reserved: u64,
    spent: u64,
}

impl Purse {
    /// A purse in which `spent` is gone already. Without a limit it only counts.
    pub fn new(name: impl Into<String>, limit: Option<MicroUsd>, spent: MicroUsd) -> Self {
        Self {
            name: name.into(),
            amounts: Mutex::new(Amounts {
                limit: limit.map(|limit| limit.0),
                reserved: 0,
                spent: spent.0,
            }),
        }
    }

    /// The name that people read when it is empty, such as `the run's budget`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What may be spent altogether.
    pub fn limit(&self) -> Option<MicroUsd> {
        self.amounts().limit.map(MicroUsd)
    }

    /// Sets anew what may be spent altogether by those who share it now; without a limit it stays without.
    pub fn refill(&self, limit: MicroUsd) {
        let mut amounts = self.amounts();
        amounts.limit = amounts.limit.map(|_| limit.0);
    }

    /// Somebody who shared it has ended and spent so much: that is neither to be spent any more, nor counted here.
    pub fn close(&self, spent: MicroUsd) {
        let mut amounts = self.amounts();
        amounts.limit = amounts.limit.map(|limit| limit.saturating_sub(spent.0));
        amounts.spent = amounts.spent.saturating_sub(spent.0);
    }

    /// What is spent, by what was counted; an answer that could not be counted is booked as what was reserved for it.
    pub fn spent(&self) -> MicroUsd {
        MicroUsd(self.amounts().spent)
    }

    /// What is set aside for requests under way.
    pub fn reserved(&self) -> MicroUsd {
        MicroUsd(self.amounts().reserved)
    }

    /// Sets the same amount aside in each of the purses, or in none.
    ///
    /// # Errors
    /// One of them has not got enough; it is named.
    pub fn reserve_in(purses: &[Arc<Self>], amount: MicroUsd) -> Result<Reservation, Broke> {
        let mut reservation = Reservation {
            purses: Vec::with_capacity(purses.len()),
            amount,
        };
        for purse in purses {
            let mut amounts = purse.amounts();
            let needed = amounts
                .spent
                .saturating_add(amounts.reserved)
                .saturating_add(amount.0);
            if let Some(limit) = amounts.limit
                && needed > limit
            {
                return Err(Broke {
                    purse: purse.name.clone(),
                    limit: MicroUsd(limit),
                    left: MicroUsd(limit.saturating_sub(amounts.spent.saturating_add(amounts.reserved))),
                    needed: amount,
                });
            }
            amounts.reserved = amounts.reserved.saturating_add(amount.0);
            drop(amounts);
            reservation.purses.push(Arc::clone(purse));
        }
        Ok(reservation)
    }

    fn amounts(&self) -> MutexGuard<'_, Amounts> {
        self.amounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a purse has not got enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{purse} of {limit} has {left} left, and the request may cost up to {needed}")]
pub struct Broke {
    /// The purse.
    pub purse: String,
    /// What it may spend altogether.
    pub limit: MicroUsd,
    /// What is neither spent nor set aside.
    pub left: MicroUsd,
    /// What should have been set aside.
    pub needed: MicroUsd,
}

/// Money set aside for one request. Dropped without being settled, it goes back.
#[derive(Debug)]
#[must_use = "what is not kept goes back at once"]
pub struct Reservation {
    purses: Vec<Arc<Purse>>,
    amount: MicroUsd,
}

impl Reservation {
    /// Books what was really spent; `None` books all that was set aside.
    pub fn settle(mut self, cost: Option<MicroUsd>) {
        let cost = cost.unwrap_or(self.amount);
        for purse in self.purses.drain(..) {
            let mut amounts = purse.amounts();
            amounts.reserved = amounts.reserved.saturating_sub(self.amount.0);
            amounts.spent = amounts.spent.saturating_add(cost.0);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        for purse in self.purses.drain(..) {
            let mut amounts = purse.amounts();
            amounts.reserved = amounts.reserved.saturating_sub(self.amount.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purse(name: &str, limit: u64) -> Arc<Purse> {
        Arc::new(Purse::new(name, Some(MicroUsd(limit)), MicroUsd::ZERO))
    }

    #[test]
    fn what_is_set_aside_cannot_be_spent_by_another() {
        let purses = [purse("run", 100)];
        let first = Purse::reserve_in(&purses, MicroUsd(70)).expect("there is enough");
        let broke = Purse::reserve_in(&purses, MicroUsd(40)).expect_err("only 30 are left");
        assert_eq!((broke.left, broke.needed), (MicroUsd(30), MicroUsd(40)));
        first.settle(Some(MicroUsd(10)));
        assert_eq!(
            (purses[0].spent(), purses[0].reserved()),
            (MicroUsd(10), MicroUsd(0))
        );
        Purse::reserve_in(&purses, MicroUsd(90))
            .expect("90 are left")
            .settle(None);
        assert_eq!(
            purses[0].spent(),
            MicroUsd(100),
            "what nobody counted is booked in full"
        );
    }

    #[test]
    fn all_purses_pay_or_none() {
        let purses = [purse("run", 100), purse("day", 20)];
        let broke = Purse::reserve_in(&purses, MicroUsd(30)).expect_err("the day has only 20");
        assert_eq!(broke.purse, "day");
        assert_eq!(purses[0].reserved(), MicroUsd(0), "the run got its money back");
    }

    #[test]
    fn a_request_that_never_was_costs_nothing() {
        let purses = [purse("run", 100)];
        drop(Purse::reserve_in(&purses, MicroUsd(30)).expect("there is enough"));
        assert_eq!(
            (purses[0].spent(), purses[0].reserved()),
            (MicroUsd(0), MicroUsd(0))
        );
    }
}
