//! An answer before it is put into a vendor's words.

use serde_json::Value;

use crate::model::TokenUsage;

use super::asked::Wire;
use super::tools::Call;

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is complete, or a tool is called.
    Done,
    /// The limit for output tokens.
    Limit,
    /// The model or a filter refused.
    Refused,
}

/// What a model answers.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// The number of the answer, for ids.
    pub(super) number: u32,
    /// The id of its call.
    pub(super) call_id: String,
    /// The model that claims to have answered.
    pub(super) model: String,
    pub(super) text: String,
    pub(super) call: Option<Call>,
    /// Whether the call's arguments are spoiled on the way.
    pub(super) spoiled: bool,
    pub(super) stop: Stop,
    pub(super) usage: TokenUsage,
}

impl Reply {
    /// The call's arguments as text, spoiled where they shall be.
    pub(super) fn arguments(&self) -> String {
        let mut text = self
            .call
            .as_ref()
            .map(|call| call.arguments.text())
            .unwrap_or_default();
        if self.spoiled {
            text.pop();
            text.push_str(", \"broken\": ");
        }
        text
    }
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    pub(super) event: Option<&'static str>,
    pub(super) data: String,
}

impl Frame {
    /// An event without a name.
    pub(super) fn data(data: &Value) -> Self {
        Self {
            event: None,
            data: data.to_string(),
        }
    }

    /// An event with a name.
    pub(super) fn named(event: &'static str, data: &Value) -> Self {
        Self {
            event: Some(event),
            data: data.to_string(),
        }
    }

    /// As it stands in a stream of server-sent events.
    pub(super) fn text(&self) -> String {
        match self.event {
            Some(event) => format!("event: {event}\ndata: {}\n\n", self.data),
            None => format!("data: {}\n\n", self.data),
        }
    }
}

/// The usage as a protocol can tell it: kinds that it does not know are part of those that contain them.
pub(super) fn told(wire: Wire, usage: TokenUsage) -> TokenUsage {
    let mut told = usage;
    match wire {
        Wire::Messages => {
            told.output = usage.answer();
            told.reasoning = 0;
        }
        Wire::Responses => {
            told.cache_write = usage.cache_write + usage.cache_write_hour;
            told.cache_write_hour = 0;
        }
        Wire::Chat | Wire::Gemini => {
            told.input = usage.input + usage.cache_write + usage.cache_write_hour;
            told.cache_write = 0;
            told.cache_write_hour = 0;
        }
    }
    told
}

/// A text in at most four parts, so that a stream has something to be cut in.
pub(super) fn parts(text: &str) -> Vec<&str> {
    let size = text.len().div_ceil(4).max(1);
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = size.min(rest.len());
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (part, tail) = rest.split_at(end);
        parts.push(part);
        rest = tail;
    }
    parts
}
