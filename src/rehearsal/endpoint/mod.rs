//! Scripted models behind the protocols of real ones: what an agent program asks, answered from a script.
//!
//! The endpoint speaks Anthropic's Messages, OpenAI's Chat Completions and Responses, and Google's
//! generateContent over real HTTP on loopback, streamed and plain. It drives the tools that a request itself
//! offers, so that an agent program really reads, writes and edits, whichever it is. It is as strict as the
//! vendors are (keys, required fields, results that answer calls), tells tokens in each vendor's own convention,
//! and keeps its own count, to which a ledger can be compared to the token. It shares no code with the gateway
//! or the agents, whose mistakes it is to find.
//!
//! Reading order: [`Script`] and [`Scenario`] say what will happen, [`Fault`] what goes wrong, [`Endpoint`] runs
//! it and [`Counts`] is what it saw. A request is read by `asked`, refused by `strict` in the words of `problem`,
//! given to a session by `sessions`, bound to a tool by `tools`, and answered by one file a protocol.
//!
//! Which scenario answers is decided once a session, by the first whose conditions all hold: a text in the
//! prompt, the role of a brief (the first line `# Your task: ROLE` of the prompt), the model, or the key. Later
//! requests of a session are known by the id of the last tool call, or by their beginning.
//!
//! What it leaves out: images, audio, embeddings, server-side tools, several calls in one answer, compression
//! of bodies.

mod anthropic;
mod asked;
mod chat;
mod counts;
mod delivery;
mod fault;
mod gemini;
mod limits;
mod port;
mod problem;
mod reply;
mod responses;
mod scenario;
mod sessions;
mod strict;
mod tools;

pub use counts::{Counts, KeyCounts, Seen};
pub use fault::{Fault, Strike};
pub use limits::{LimitHeaders, Window};
pub use port::Endpoint;
pub use scenario::{Scenario, Script, Turn, When};

#[cfg(test)]
mod tests;
