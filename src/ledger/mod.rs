//! What it cost: usage by kind, prices, money, and the shares of subscription windows.
//!
//! An [`Account`] is the record of one attempt.

mod account;

pub use account::{Account, Reading, WindowShare, WireFault};
