//! The built-in agent: a small loop around a model with four tools, for judging, for local servers and for machines
//! without npm.
//!
//! It runs as a child process of our own program, like every other agent, and finds its orders where the `command`
//! harness leaves them: in `FOOTPLATE_…` variables. It prints the same JSON lines, and an `end` line that says how
//! it ended.
//!
//! [`conversation`] is the loop, `anthropic` and `openai` are what it says to a model, `sse` reads the answer as it
//! comes, and `tools` does what the model asks for, inside the worktree only.

mod anthropic;
mod conversation;
mod openai;
mod sse;
mod tools;
mod wire;

pub use conversation::builtin_main;

/// The hidden subcommand of the command line that runs it.
pub const BUILTIN_SUBCOMMAND: &str = "builtin-agent";

#[cfg(test)]
mod tests;
