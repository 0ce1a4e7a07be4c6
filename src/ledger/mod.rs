//! What it cost: usage by kind, prices, money, and the shares of subscription windows.
//!
//! An [`Account`] is the record of one attempt.
//! A [`Price`] turns its tokens into money without a float ([`charge`]), [`Totals`] add accounts up, [`table`] writes
//! them for spreadsheets and programs, and a [`Budget`] decides whether the next attempt may be made, and by whom.
//!
//! Unknown is not zero anywhere here: what nobody told is absent in an account, counted in a total, an empty cell in
//! a table, and refused by a limit.
//! Where prices come from is left to configuration, and how full a window is to the meter's readings.

mod account;
mod billing;
mod budget;
mod price;
pub mod table;
mod totals;

pub use account::{Account, Reading, WindowShare, WireFault};
pub use billing::{Billing, charge};
pub use budget::{
    Budget, Decision, Expected, Millionths, Offer, Reason, Scope, Spent, WHOLE, WindowState, percent,
};
pub use price::{Price, Rate, Rates, Tier};
pub use totals::{By, Filled, Line, Sum, Totals, totals};
