//! Who is paid for tokens, and how that becomes an account's money.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Account, Price};
use crate::model::MicroUsd;

/// What tokens are paid with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    /// Money for each token.
    #[default]
    Tokens,
    /// A share of the windows of a subscription, which is paid whether it is used or not.
    Window,
    /// Nothing: the model runs on a machine of the operator's own.
    Own,
}

impl Billing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tokens, Self::Window, Self::Own];

    /// The name that configuration uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Window => "window",
            Self::Own => "own",
        }
    }

    /// The billing of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|billing| billing.as_str() == name)
    }
}

impl fmt::Display for Billing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Puts money into an account: what its tokens cost, and what they would cost at list price.
///
/// `longest` is the longest prompt of a single request, in tokens, where somebody knows it; see [`Price::cost`].
/// An attempt that a subscription or the operator's own machine served costs no money beyond what is paid
/// anyway, known to be nothing; its list price tells what it was worth.
pub fn charge(account: &mut Account, price: Option<&Price>, billing: Billing, longest: Option<u64>) {
    account.price = price.map(Price::revision);
    account.list_cost = match (price, account.usage()) {
        (Some(price), Some(usage)) => price.cost(&usage, longest),
        _ => None,
    };
    account.computed_cost = match billing {
        Billing::Tokens => account.list_cost,
        Billing::Window | Billing::Own => Some(MicroUsd::ZERO),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Rate, Rates, Reading};
    use crate::model::TokenUsage;

    fn account() -> Account {
        Account {
            wire: Some(Reading {
                usage: TokenUsage {
                    input: 1_000_000,
                    ..TokenUsage::default()
                },
                ..Reading::default()
            }),
            reported_cost: Some(MicroUsd(77)),
            ..Account::default()
        }
    }

    #[test]
    fn tokens_cost_money_and_a_subscription_costs_none_beyond_itself() {
        let price = Price {
            rates: Rates {
                input: Some(Rate(950_000)),
                ..Rates::default()
            },
            ..Price::default()
        };
        let charged = |billing, price: Option<&Price>| {
            let mut account = account();
            charge(&mut account, price, billing, None);
            (account.cost(), account.list_cost)
        };
        let worth = Some(MicroUsd(950_000));
        assert_eq!(charged(Billing::Tokens, Some(&price)), (worth, worth));
        assert_eq!(
            charged(Billing::Window, Some(&price)),
            (Some(MicroUsd::ZERO), worth)
        );
        assert_eq!(charged(Billing::Own, None), (Some(MicroUsd::ZERO), None));
        assert_eq!(
            charged(Billing::Tokens, None),
            (None, None),
            "unknown is not zero"
        );
    }

    #[test]
    fn tokens_that_were_cut_off_have_no_known_cost() {
        let mut account = account();
        account.wire.as_mut().expect("set above").unread = 1;
        charge(&mut account, Some(&Price::default()), Billing::Tokens, None);
        assert_eq!((account.cost(), account.list_cost), (None, None));
    }
}
