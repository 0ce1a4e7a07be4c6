//! Who does it: candidates, routes, and which candidate comes next after failures.
//!
//! A [`Candidate`] says which program runs which model; a route is an ordered list of them for a role.
//! [`choose`] answers from the failures so far alone, so that the answer is the same after a restart.
//! What a candidate may cost and where its key lies is no business of this module.

mod candidate;
mod choice;
mod routes;

pub use candidate::{Candidate, Effort, InvalidCandidate};
pub use choice::{NotFound, Policy, choose, find};
pub use routes::Routes;
