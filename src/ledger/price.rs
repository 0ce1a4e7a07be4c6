//! Prices of tokens, exactly.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{ContentHash, MicroUsd, TokenUsage};

/// The price of a token: micro-dollars for a million tokens, which is pico-dollars for each.
///
/// The cheapest price in use (a cached token off peak) is 3,000 of these, so that whole numbers are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(pub u64);

/// The prices of the kinds of tokens. A kind without a price is unknown, never free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// Input that no cache knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Rate>,
    /// Output, and reasoning with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Rate>,
    /// Input read from the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Rate>,
    /// Input written to the cache for its usual time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Rate>,
    /// Input written to the cache for an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_hour: Option<Rate>,
}

/// The prices of requests with a long prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tier {
    /// It is for prompts of more tokens than this.
    pub above: u64,
    /// The prices of the whole request then; nothing is inherited.
    pub rates: Rates,
}

/// The price of a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Price {
    /// The prices of usual requests.
    pub rates: Rates,
    /// The prices of long ones, the shortest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
    /// Where the price is from: a page, or `footplate.yml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The day on which it was looked up, as `2026-11-22`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
}

/// The largest price that is read: a dollar a token. More is a mistake, and sums of less cannot overflow.
const DEAREST: u64 = 1_000_000_000_000;

impl Rate {
    /// Reads dollars for a million tokens as people write them, such as `0.95`; `None` where it is no plain
    /// decimal, has more than six places, or is more than a dollar a token.
    pub fn from_dollars(text: &str) -> Option<Self> {
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || text.ends_with('.') || places.len() > 6 || !digits(whole) || !digits(places) {
            return None;
        }
        Self::from_json_number(text, 6)
    }

    /// Reads a number as JSON writes it, such as `9.5e-07`, and multiplies it by 10^`shift`: 12 where it is dollars
    /// for a token, 6 where it is dollars for a million tokens.
    ///
    /// Price files hold figures that went through floats (`1.9999999999999998e-07`), so that it is rounded to the
    /// nearest whole rate, halves up. `None` where it is no such number, is negative, or more than a dollar a token.
    pub fn from_json_number(text: &str, shift: i32) -> Option<Self> {
        // No price needs more; a hostile file may hold a number of megabytes.
        if text.is_empty() || text.len() > 40 {
            return None;
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, places) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && places.is_empty() {
            return None;
        }
        let mut number: u128 = 0;
        for digit in whole.bytes().chain(places.bytes()) {
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number.checked_mul(10)?.checked_add(u128::from(digit - b'0'))?;
        }
        let power = exponent
            .checked_add(shift)?
            .checked_sub(i32::try_from(places.len()).ok()?)?;
        let rate = if number == 0 {
            0
        } else if power >= 0 {
            number.checked_mul(10_u128.checked_pow(power.unsigned_abs())?)?
        } else {
            match 10_u128.checked_pow(power.unsigned_abs()) {
                Some(divisor) => number / divisor + u128::from(number % divisor >= divisor.div_ceil(2)),
                None => 0,
            }
        };
        u64::try_from(rate).ok().filter(|rate| *rate <= DEAREST).map(Self)
    }
}

impl fmt::Display for Rate {
    /// Dollars for a million tokens, with as many places as it needs: `0.95`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{rest:06}").trim_end_matches('0'))
    }
}

impl Rates {
    /// The kinds' names, as files write them, in the order of [`Rates::all`].
    pub const NAMES: [&'static str; 5] = ["input", "output", "cache_read", "cache_write", "cache_write_hour"];

    /// The prices in the order of [`Rates::NAMES`].
    pub fn all(&self) -> [Option<Rate>; 5] {
        [
            self.input,
            self.output,
            self.cache_read,
            self.cache_write,
            self.cache_write_hour,
        ]
    }

    /// Whether no price is known at all.
    pub fn is_empty(&self) -> bool {
        self.all().iter().all(Option::is_none)
    }

    /// What tokens cost, unrounded, in pico-dollars; `None` where a kind that was used has no price.
    fn pico(&self, usage: &TokenUsage) -> Option<u128> {
        let kinds = [
            (usage.input, self.input),
            (usage.answer(), self.output),
            (usage.cache_read, self.cache_read),
            (usage.cache_write, self.cache_write),
            (usage.cache_write_hour, self.cache_write_hour),
        ];
        let mut sum: u128 = 0;
        for (tokens, rate) in kinds {
            if tokens > 0 {
                sum = sum.saturating_add(u128::from(tokens) * u128::from(rate?.0));
            }
        }
        Some(sum)
    }
}

impl Price {
    /// A price of nothing for every kind, known to be nothing.
    pub fn nothing() -> Self {
        let free = Some(Rate(0));
        Self {
            rates: Rates {
                input: free,
                output: free,
                cache_read: free,
                cache_write: free,
                cache_write_hour: free,
            },
            ..Self::default()
        }
    }

    /// What tokens cost; `None` where a kind that was used has no price.
    ///
    /// `longest` is the longest prompt of a single request among those that used the tokens, cached tokens included;
    /// it chooses the tier for all of them, which is exact for one request and errs on the dear side for several.
    /// Where it is not known and the tokens may reach into a tier, the cost is unknown.
    ///
    /// The exact sum is rounded once, to the nearest micro-dollar, halves up: the costs of n parts add up to that
    /// of the whole within n/2 micro-dollars.
    pub fn cost(&self, usage: &TokenUsage, longest: Option<u64>) -> Option<MicroUsd> {
        let rates = match longest {
            Some(prompt) => self.rates_of(prompt),
            None if self.tiers.iter().any(|tier| usage.prompt() > tier.above) => return None,
            None => &self.rates,
        };
        rates.pico(usage).map(rounded)
    }

    /// The most that tokens may have cost, whatever the prompts' lengths were; for what is reserved beforehand.
    pub fn at_most(&self, usage: &TokenUsage) -> Option<MicroUsd> {
        let reached = self.tiers.iter().filter(|tier| usage.prompt() > tier.above);
        let mut most = self.rates.pico(usage)?;
        for tier in reached {
            most = most.max(tier.rates.pico(usage)?);
        }
        Some(rounded(most))
    }

    /// The prices of a request with a prompt of so many tokens.
    pub fn rates_of(&self, prompt: u64) -> &Rates {
        self.tiers
            .iter()
            .filter(|tier| prompt > tier.above)
            .max_by_key(|tier| tier.above)
            .map_or(&self.rates, |tier| &tier.rates)
    }

    /// Whether no price is known at all.
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty() && self.tiers.is_empty()
    }

    /// Whether both ask the same money, wherever they are from.
    pub fn same_as(&self, other: &Self) -> bool {
        self.rates == other.rates && self.tiers == other.tiers
    }

    /// A name for exactly these figures: the day and the beginning of a hash, as `2026-11-22/3f2a90c1d4e5`.
    pub fn revision(&self) -> String {
        let mut text = String::new();
        let mut note = |above: u64, rates: &Rates| {
            text.push_str(&above.to_string());
            for rate in rates.all() {
                text.push(' ');
                text.push_str(&rate.map_or("-".to_owned(), |rate| rate.0.to_string()));
            }
            text.push('\n');
        };
        note(0, &self.rates);
        for tier in &self.tiers {
            note(tier.above, &tier.rates);
        }
        let day = self.as_of.as_deref().unwrap_or("undated");
        format!("{day}/{}", ContentHash::of(text).short())
    }
}

/// Pico-dollars to the nearest micro-dollar, halves up.
fn rounded(pico: u128) -> MicroUsd {
    MicroUsd(u64::try_from(pico.saturating_add(500_000) / 1_000_000).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(input: u64, output: u64, cache_read: Option<u64>) -> Rates {
        Rates {
            input: Some(Rate(input)),
            output: Some(Rate(output)),
            cache_read: cache_read.map(Rate),
            ..Rates::default()
        }
    }

    fn usage(input: u64, cache_read: u64, output: u64) -> TokenUsage {
        TokenUsage {
            input,
            cache_read,
            output,
            ..TokenUsage::default()
        }
    }

    #[test]
    fn a_run_costs_what_the_price_list_says() {
        let kimi = Price {
            rates: rates(950_000, 4_000_000, Some(160_000)),
            ..Price::default()
        };
        // 0.95 × 3.4 + 0.16 × 0 + 4 × 0.24, in thousandths of a dollar.
        assert_eq!(kimi.cost(&usage(3_400, 0, 240), None), Some(MicroUsd(4_190)));
        let thinking = TokenUsage {
            reasoning: 240,
            ..usage(3_400, 0, 0)
        };
        assert_eq!(
            kimi.cost(&thinking, None),
            Some(MicroUsd(4_190)),
            "reasoning costs as output"
        );
    }

    #[test]
    fn a_kind_without_a_price_is_unknown_only_where_it_was_used() {
        let price = Price {
            rates: rates(1, 1, None),
            ..Price::default()
        };
        assert_eq!(price.cost(&usage(0, 1, 0), None), None);
        assert!(price.cost(&usage(5, 0, 5), None).is_some());
        let hour = TokenUsage {
            cache_write_hour: 1,
            ..TokenUsage::default()
        };
        assert_eq!(price.cost(&hour, None), None);
        assert_eq!(
            Price::default().cost(&TokenUsage::default(), None),
            Some(MicroUsd::ZERO)
        );
    }

    #[test]
    fn a_long_prompt_is_priced_by_its_tier_as_a_whole() {
        let tier = |above, input| Tier {
            above,
            rates: rates(input, 1, None),
        };
        let price = Price {
            rates: rates(100_000, 1, None),
            tiers: vec![tier(100_000, 500_000), tier(200_000, 900_000)],
            ..Price::default()
        };
        let million = usage(1_000_000, 0, 0);
        let table = [
            (Some(100_000), Some(100_000)),
            (Some(100_001), Some(500_000)),
            (Some(200_001), Some(900_000)),
            (None, None),
        ];
        for (longest, cost) in table {
            assert_eq!(price.cost(&million, longest), cost.map(MicroUsd), "{longest:?}");
        }
        assert_eq!(price.at_most(&million), Some(MicroUsd(900_000)));
        assert_eq!(
            price.cost(&usage(100_000, 0, 0), None),
            Some(MicroUsd(10_000)),
            "all of it fits below the tier"
        );
    }

    #[test]
    fn figures_are_read_exactly_and_written_back() {
        for (text, rate) in [("4", 4_000_000), ("0.95", 950_000), ("0.000001", 1), ("0", 0)] {
            assert_eq!(Rate::from_dollars(text), Some(Rate(rate)), "{text}");
            assert_eq!(Rate(rate).to_string(), text);
        }
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1e3",
            "0.0000001",
            "1000001",
            "NaN",
            "1_0",
            "٣",
        ] {
            assert_eq!(Rate::from_dollars(bad), None, "{bad}");
        }
        let table = [
            ("9.5e-07", 12, Some(950_000)),
            ("6e-09", 12, Some(6_000)),
            ("1.9999999999999998e-07", 12, Some(200_000)),
            ("0.00012", 12, Some(120_000_000)),
            ("0.0", 12, Some(0)),
            ("0e99999", 12, Some(0)),
            ("1e-99999", 12, Some(0)),
            ("5", 6, Some(5_000_000)),
            ("1e99999", 12, None),
            ("1e-99999999999", 12, None),
            ("-1e-7", 12, None),
            ("\"1\"", 12, None),
            ("null", 12, None),
        ];
        for (text, shift, rate) in table {
            assert_eq!(Rate::from_json_number(text, shift), rate.map(Rate), "{text}");
        }
    }

    #[test]
    fn a_revision_names_the_figures_and_not_their_source() {
        let price = Price {
            rates: rates(1, 2, None),
            as_of: Some("2026-11-22".into()),
            ..Price::default()
        };
        let elsewhere = Price {
            source: Some("a page".into()),
            ..price.clone()
        };
        let dearer = Price {
            rates: rates(1, 3, None),
            ..price.clone()
        };
        assert_eq!(price.revision(), elsewhere.revision());
        assert_ne!(price.revision(), dearer.revision());
        assert!(
            price.revision().starts_with("2026-11-22/"),
            "{}",
            price.revision()
        );
    }

    fn any_usage(most: u64) -> impl Strategy<Value = TokenUsage> {
        (0..most, 0..most, 0..most, 0..most, 0..most, 0..most).prop_map(
            |(input, cache_read, cache_write, cache_write_hour, output, reasoning)| TokenUsage {
                input,
                cache_read,
                cache_write,
                cache_write_hour,
                output,
                reasoning,
            },
        )
    }

    fn any_rates() -> impl Strategy<Value = Rates> {
        proptest::array::uniform5(proptest::option::of((0..=DEAREST).prop_map(Rate))).prop_map(
            |[input, output, cache_read, cache_write, cache_write_hour]| Rates {
                input,
                output,
                cache_read,
                cache_write,
                cache_write_hour,
            },
        )
    }

    fn any_price() -> impl Strategy<Value = Price> {
        let tiers = proptest::collection::vec((any::<u64>(), any_rates()), 0..3);
        (any_rates(), tiers).prop_map(|(rates, tiers)| Price {
            rates,
            tiers: tiers
                .into_iter()
                .map(|(above, rates)| Tier { above, rates })
                .collect(),
            ..Price::default()
        })
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole_within_their_rounding(
            rates in any_rates(), parts in proptest::collection::vec(any_usage(1 << 24), 1..8),
        ) {
            let price = Price { rates, ..Price::default() };
            let mut whole = TokenUsage::default();
            let mut sum = Some(0_u64);
            for part in &parts {
                whole += *part;
                sum = sum.and_then(|sum| Some(sum + price.cost(part, None)?.0));
            }
            match (sum, price.cost(&whole, None)) {
                (Some(sum), Some(whole)) => prop_assert!(sum.abs_diff(whole.0) <= parts.len() as u64),
                (sum, whole) => prop_assert_eq!(sum, whole.map(|cost| cost.0)),
            }
        }

        #[test]
        fn more_tokens_never_cost_less(rates in any_rates(), usage in any_usage(1 << 40), more in any_usage(1 << 20)) {
            let price = Price { rates, ..Price::default() };
            let mut grown = usage;
            grown += more;
            if let (Some(less), Some(more)) = (price.cost(&usage, None), price.cost(&grown, None)) {
                prop_assert!(less <= more);
            }
        }

        #[test]
        fn no_usage_and_no_price_panics_and_the_most_is_never_less(
            price in any_price(), usage in any_usage(u64::MAX), longest in proptest::option::of(any::<u64>()),
        ) {
            let longest = longest.map(|longest| longest.min(usage.prompt()));
            if let (Some(cost), Some(most)) = (price.cost(&usage, longest), price.at_most(&usage)) {
                prop_assert!(cost <= most);
            }
            let _ = price.revision();
        }

        #[test]
        fn every_rate_reads_back(rate in 0..=DEAREST) {
            prop_assert_eq!(Rate::from_dollars(&Rate(rate).to_string()), Some(Rate(rate)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}|[0-9.eE+-]{0,45}", shift in -20_i32..20) {
            let _ = Rate::from_dollars(&text);
            let _ = Rate::from_json_number(&text, shift);
        }
    }
}
