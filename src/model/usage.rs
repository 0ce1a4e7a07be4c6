//! Token counts by disjoint kind.

use std::ops::AddAssign;

/// What an attempt used, in tokens. The kinds do not overlap: their sum is everything that was sent or answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenUsage {
    /// Input tokens that were neither read from nor written to a cache.
    pub input: u64,
    /// Input tokens read from the provider's prompt cache.
    pub cache_read: u64,
    /// Input tokens written to the provider's prompt cache for its usual time (five minutes at Anthropic).
    pub cache_write: u64,
    /// Input tokens written to the cache for an hour, which some providers price higher.
    pub cache_write_hour: u64,
    /// Output tokens that people or tools see, and reasoning where the provider does not tell it apart.
    pub output: u64,
    /// Output tokens spent on reasoning, where the provider tells them apart.
    pub reasoning: u64,
}

impl TokenUsage {
    /// All tokens of all kinds.
    pub fn total(&self) -> u64 {
        self.prompt().saturating_add(self.answer())
    }

    /// All input tokens, cached or not: the length of the prompts.
    pub fn prompt(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
            .saturating_add(self.cache_write_hour)
    }

    /// All output tokens, reasoning included.
    pub fn answer(&self) -> u64 {
        self.output.saturating_add(self.reasoning)
    }
}

impl AddAssign for TokenUsage {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.cache_write_hour = self.cache_write_hour.saturating_add(other.cache_write_hour);
        self.output = self.output.saturating_add(other.output);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }
}
