//! What the endpoint saw and told, for comparison with what others counted.

use std::collections::BTreeMap;

use crate::model::TokenUsage;

use super::fault::Fault;

/// The endpoint's own count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// By the key that the request carried.
    pub keys: BTreeMap<String, KeyCounts>,
    /// Requests that were refused because they were wrong: `STATUS METHOD PATH: reason`.
    pub refused: Vec<String>,
}

impl Counts {
    /// The count of one key; empty where it never asked.
    pub fn key(&self, key: &str) -> KeyCounts {
        self.keys.get(key).cloned().unwrap_or_default()
    }

    /// The tokens that were told to all keys together.
    pub fn usage(&self) -> TokenUsage {
        let mut sum = TokenUsage::default();
        for key in self.keys.values() {
            sum += key.usage;
        }
        sum
    }
}

/// What one key asked and was told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyCounts {
    /// Requests to a model that were well-formed, answered or struck by a fault.
    pub requests: u32,
    /// Answers that were written to their end, usage included.
    pub answered: u32,
    /// Complete answers whose usage was not told, because a Chat Completions stream did not ask for it.
    pub untold: u32,
    /// Requests that a fault left without a complete answer.
    pub struck: u32,
    /// The tokens that complete answers told. Kinds that a protocol cannot tell apart are told, and counted
    /// here, as the kind that contains them: with Messages reasoning is output, with Chat Completions and Gemini
    /// a cache write is input.
    pub usage: TokenUsage,
    /// The same by the model that the answer named.
    pub models: BTreeMap<String, TokenUsage>,
}

/// One request to a model, in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The path, without its query.
    pub path: String,
    /// The key.
    pub key: String,
    /// The model that was asked for.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The tools on offer.
    pub tools: Vec<String>,
    /// Which scenario answered, by its place in the script; none for an aside or where none fits.
    pub scenario: Option<usize>,
    /// Which session it belongs to.
    pub session: Option<usize>,
    /// How many calls of the session had been answered.
    pub step: usize,
    /// The newest result of a tool in the request, as text.
    pub result: Option<String>,
    /// What went wrong on purpose.
    pub fault: Option<Fault>,
}
