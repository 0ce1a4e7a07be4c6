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
/// The longest prompt that the meter saw chooses the tier of the price; see [`Price::cost`].
/// An attempt that a subscription or the operator's own machine served costs no money beyond what is paid
/// anyway, known to be nothing; its list price tells what it was worth.
pub fn charge(account: &mut Account, price: Option<&Price>, billing: Billing) {
    let longest = account.wire.as_ref().and_then(|reading| reading.longest_prompt);
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
    use crate::ledger::{Rate, Rates, Reading, Tier};
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
            charge(&mut account, price, billing);
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
    fn the_longest_prompt_chooses_the_tier_and_without_it_a_long_sum_is_unknown() {
        let rates = |input| Rates {
            input: Some(Rate(input)),
            ..Rates::default()
        };
        let price = Price {
            rates: rates(1_000_000),
            tiers: vec![Tier {
                above: 200_000,
                rates: rates(2_000_000),
            }],
            ..Price::default()
        };
        let table = [
            (Some(150_000), Some(MicroUsd(1_000_000))),
            (Some(200_001), Some(MicroUsd(2_000_000))),
            (None, None),
        ];
        for (longest, cost) in table {
            let mut account = account();
            account.wire.as_mut().expect("set above").longest_prompt = longest;
            charge(&mut account, Some(&price), Billing::Tokens);
            assert_eq!(account.cost(), cost, "{longest:?}");
        }
    }

    #[test]
    fn the_wire_is_believed_before_the_harness_and_nothing_is_made_up() {
        let said = TokenUsage {
            output: 9,
            ..TokenUsage::default()
        };
        let counted = TokenUsage {
            output: 5,
            ..TokenUsage::default()
        };
        let reading = |unread| Reading {
            usage: counted,
            unread,
            ..Reading::default()
        };
        let table = [
            (None, None, None, None, (None, None)),
            (None, Some(said), None, Some(7), (Some(said), Some(7))),
            (None, Some(said), Some(3), Some(7), (Some(said), Some(3))),
            (Some(0), Some(said), Some(3), Some(7), (Some(counted), Some(3))),
            (Some(0), Some(said), None, Some(7), (Some(counted), None)),
            (Some(1), Some(said), None, Some(7), (None, None)),
        ];
        for (unread, reported, computed, reported_cost, (usage, cost)) in table {
            let account = Account {
                wire: unread.map(reading),
                reported,
                reported_cost: reported_cost.map(MicroUsd),
                computed_cost: computed.map(MicroUsd),
                ..Account::default()
            };
            assert_eq!(account.usage(), usage, "{account:?}");
            assert_eq!(account.cost(), cost.map(MicroUsd), "{account:?}");
        }
    }

    #[test]
    fn tokens_that_were_cut_off_have_no_known_cost() {
        let mut account = account();
        account.wire.as_mut().expect("set above").unread = 1;
        charge(&mut account, Some(&Price::default()), Billing::Tokens);
        assert_eq!((account.cost(), account.list_cost), (None, None));
    }
}
