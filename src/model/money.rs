//! Money in whole millionths of a US dollar, never in floats.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// An amount in millionths of a US dollar. Where a price is unknown there is no amount (`Option`), not zero.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

impl MicroUsd {
    /// Nothing at all, known to be nothing.
    pub const ZERO: Self = Self(0);

    /// Converts a dollar figure as harnesses report it; `None` where it is no finite, non-negative amount
    /// below a billion dollars.
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        if !dollars.is_finite() || !(0.0..1e9).contains(&dollars) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above to lie within 0 and 10^15"
        )]
        Some(Self((dollars * 1e6).round() as u64))
    }
}

impl fmt::Display for MicroUsd {
    /// Four decimals: a cheap step costs a few hundredths of a cent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = (self.0 + 50) / 100;
        write!(f, "${}.{:04}", rounded / 10_000, rounded % 10_000)
    }
}

impl Add for MicroUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for MicroUsd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for MicroUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_rounded_to_a_millionth_and_shown_with_four_decimals() {
        assert_eq!(MicroUsd::from_dollars(0.017_96), Some(MicroUsd(17_960)));
        assert_eq!(MicroUsd(17_960).to_string(), "$0.0180");
        assert_eq!(MicroUsd(12_345_678).to_string(), "$12.3457");
        assert_eq!(MicroUsd::from_dollars(f64::NAN), None);
        assert_eq!(MicroUsd::from_dollars(-1.0), None);
    }
}
