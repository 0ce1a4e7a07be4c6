//! What is happening: the pure core that decides, and the state it decides from.
//!
//! Four functions are the heart, all total and free of input, output, clocks and chance:
//!
//! - [`decide`] turns an [`Input`] into [`Event`]s,
//! - [`evolve`] folds an event into the [`Run`],
//! - [`outstanding`] says, from the state alone, which [`Action`]s should be in flight,
//! - [`next_wake`] says when the run wants to be looked at again.
//!
//! Actions are derived, not emitted: restart, cancel, timeout and takeover all compare what should be in
//! flight with what is.
//! The event log is the only truth; folding it again gives the same state.
//! Reading this module: the words first ([`Created`], [`Event`], [`Run`]), then the verbs.

pub mod budget;
mod classes;
mod decide;
mod event;
mod evolve;
mod frozen;
mod input;
mod lines;
mod outstanding;
mod phase;
mod reaction;
mod report;
mod split;
mod state;
mod story;
#[cfg(test)]
mod tests;

pub use budget::{Outside, WindowRead};
pub use classes::{ClassRule, Classes};
pub use decide::{decide, output};
pub use event::{Created, EndedHow, Event, FORMAT, Origin, Person, Recorded, RepeatWhy, UnreadableEvent};
pub use evolve::{evolve, replay};
pub use frozen::{Frozen, Guard, LimitsMs, Policy};
pub use input::{Input, Observed, Order, Review};
pub use lines::lines;
pub use outstanding::{Action, ActionKey, next_wake, outstanding};
pub use phase::{Phase, WaitingFor, phase};
pub use reaction::Reaction;
pub use report::{Failure, PublishResult, Report, Verdict};
pub use split::{Part, Share, Split};
pub use state::{
    Approval, Attempt, Held, Node, NodePhase, PlanState, Posted, Pull, ReplyKind, ReplyTo, Run, Stuck,
};
pub use story::tell;
