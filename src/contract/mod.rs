//! The artifacts' contracts: what `plan.md` and its siblings must say, parsed and linted.
//!
//! An artifact is a front block in YAML between `---` lines, whose first key names the contract and its
//! version (`footplate: plan/1`), and prose after it. [`parse`] tells everything that is wrong at once,
//! in sentences that go back to the author, who is mostly a model.
//!
//! Which artifact belongs to which contract is said by its name: `plan.md` is a plan, `checks.md` and
//! `lint-checks.md` are checks. An artifact without a contract only has to say something.
//!
//! Deliberately absent: files and paths of this machine, what a verdict leads to ([`crate::run`]), and
//! how any of this looks in a comment ([`crate::report`]).

mod account;
mod checks;
mod classes;
mod document;
mod exploration;
mod facts;
mod fields;
mod files;
mod front;
mod implementation;
mod plan;
mod shares;
mod validation;

#[cfg(test)]
mod tests;

pub use checks::{BaseResult, Checks, CommandResult, TestCounts, Verified};
pub use classes::ClassRules;
pub use document::{Document, Finding, LONGEST, parse};
pub use exploration::Exploration;
pub use facts::{is_prose, unfounded};
pub use fields::{Value, declared_fields, fields};
pub use files::Files;
pub use implementation::{Implementation, StepDone};
pub use plan::{Plan, Size, Step, StepClass};
pub use shares::Division;
pub use validation::{CriterionResult, Effective, Severity, Validation, ValidationFinding, Verdict};
