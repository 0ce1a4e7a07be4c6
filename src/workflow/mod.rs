//! What should happen: YAML to a checked graph of nodes, conditions and templates.
//!
//! [`parse`] reads a file, tells all its problems at once with line and column, and gives a
//! [`Workflow`] that the core can trust: its nodes stand in topological order, every artifact that is
//! read is written upstream by exactly one node, every condition looks at a declared field, and no two
//! nodes that change files can run at once.
//!
//! Deliberately absent: who does the work ([`crate::route`]), what artifacts must say
//! ([`crate::contract`], whose table of fields [`parse`] takes as an argument), and what has happened
//! so far ([`crate::run`]).

mod check;
mod condition;
mod diagnostic;
mod draft;
mod fields;
mod graph;
mod mermaid;
mod parse;
mod template;
mod trigger;

#[cfg(test)]
mod tests;

pub use condition::{Condition, Field, InvalidCondition, Reference, Scope, UnresolvedReference};
pub use diagnostic::Diagnostic;
pub use graph::{
    AgentNode, CheckCommands, CheckNode, GateNode, LoopNode, Node, NodeKind, OnFail, SplitBy, Then, Tools,
    Workflow,
};
pub use mermaid::mermaid;
pub use parse::{Declared, parse};
pub use template::{InvalidTemplate, NAMES, Template};
pub use trigger::{Settled, Trigger, TriggerRule};
