//! Anthropic's Messages (<https://docs.anthropic.com/en/api/messages-streaming>).
//!
//! Input is told in `message_start`, output in `message_delta`, where figures are totals so far; compatible servers
//! tell their input only there. Input excludes what was read from or written to the cache.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;

use super::lines::Next;
use super::{Heard, text};
use crate::ledger::WireFault;
use crate::model::TokenUsage;

static ARGUMENTS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"input_json_delta\""));

/// How the data of most events begins.
const DELTA: &[u8] = b"{\"type\":\"content_block_delta\"";

/// Reads a stream.
#[derive(Debug, Default)]
pub(super) struct Reader {
    usage: Option<Usage>,
    /// Whether the figures are final.
    told: bool,
    /// The arguments of the call under way: a text of JSON without its quotes, as the pieces carried it.
    arguments: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(borrow, default)]
    error: Option<Problem<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    content: Vec<Block<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partial_json: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Problem<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Usage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation: Option<Creation>,
    #[serde(default)]
    output_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Creation {
    #[serde(default, rename = "ephemeral_1h_input_tokens")]
    hour: Option<u64>,
}

impl Usage {
    /// Takes over later figures. A later zero of the input does not unsay an earlier figure.
    fn update(&mut self, later: Self) {
        let most = |a: Option<u64>, b: Option<u64>| a.max(b);
        self.input_tokens = most(self.input_tokens, later.input_tokens);
        self.cache_read_input_tokens = most(self.cache_read_input_tokens, later.cache_read_input_tokens);
        self.cache_creation_input_tokens = most(
            self.cache_creation_input_tokens,
            later.cache_creation_input_tokens,
        );
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
    }

    fn tokens(self) -> TokenUsage {
        let written = self.cache_creation_input_tokens.unwrap_or(0);
        let hour = self
            .cache_creation
            .and_then(|creation| creation.hour)
            .unwrap_or(0)
            .min(written);
        TokenUsage {
            input: self.input_tokens.unwrap_or(0),
            cache_read: self.cache_read_input_tokens.unwrap_or(0),
            cache_write: written - hour,
            cache_write_hour: hour,
            output: self.output_tokens.unwrap_or(0),
            reasoning: 0,
        }
    }
}

impl Reader {
    pub(super) fn event(&mut self, name: &[u8], data: &[u8], heard: &mut Heard) {
        if name == b"content_block_delta" || data.starts_with(DELTA) {
            if delta(data).is_some_and(|delta| self.is_read(delta, heard)) {
                return;
            }
            // Nearly all events carry a piece of text, of which nothing is wanted once there was one.
            if heard.spoke && (self.arguments.is_none() || ARGUMENTS.find(data).is_none()) {
                return;
            }
        }
        let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else {
            return;
        };
        match event.kind.as_ref() {
            "message_start" => {
                if let Some(message) = event.message {
                    heard.model_is(message.model.as_deref().unwrap_or(""));
                    self.usage = message.usage;
                }
            }
            "content_block_start" => {
                let block = event.content_block;
                if block
                    .as_ref()
                    .is_some_and(|block| block.kind.ends_with("tool_use"))
                {
                    heard.spoke = true;
                    self.arguments = Some(Vec::new());
                } else if block
                    .and_then(|block| block.text)
                    .is_some_and(|text| !text.is_empty())
                {
                    heard.spoke = true;
                }
            }
            "content_block_delta" => {
                let Some(delta) = event.delta else { return };
                if let (Some(arguments), Some(piece)) = (&mut self.arguments, &delta.partial_json) {
                    let json = serde_json::to_vec(piece).unwrap_or_default();
                    text::append(arguments, &json, b"");
                }
                heard.spoke |= delta.kind.as_deref() == Some("text_delta")
                    && delta.text.is_some_and(|text| !text.is_empty());
            }
            "content_block_stop" => {
                if let Some(arguments) = self.arguments.take() {
                    let json = [b"\"", arguments.as_slice(), b"\""].concat();
                    match serde_json::from_slice::<Cow<'_, str>>(&json) {
                        Ok(arguments) => heard.called_with(&arguments),
                        Err(_) => heard.fault(WireFault::MalformedCall),
                    }
                }
            }
            "message_delta" => {
                if let Some(usage) = event.usage {
                    self.usage.get_or_insert_default().update(usage);
                    self.told |= usage.output_tokens.is_some();
                }
                if let Some(reason) = event.delta.and_then(|delta| delta.stop_reason) {
                    stopped(&reason, heard);
                }
            }
            "message_stop" => heard.ended = true,
            "error" => heard.error(event.error.as_ref().map_or("", |error| error.kind.as_ref())),
            _ => {}
        }
    }

    /// What is known of the next events: words say nothing more once there were some, and a call's arguments come in
    /// many pieces.
    pub(super) fn next(&self, heard: &Heard) -> Next {
        if self.arguments.is_some() {
            Next::Known {
                name: b"content_block_delta",
                begins: b"event: content_block_delta\ndata: ",
            }
        } else if heard.spoke {
            Next::Dull(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",")
        } else {
            Next::Any
        }
    }

    /// Reads a delta without parsing all of it, if that can be done.
    fn is_read(&mut self, delta: &[u8], heard: &Heard) -> bool {
        if delta.starts_with(b"text_delta\"") {
            return heard.spoke;
        }
        if delta.starts_with(b"thinking_delta\"") || delta.starts_with(b"signature_delta\"") {
            return true;
        }
        let piece = delta.strip_prefix(b"input_json_delta\",\"partial_json\":");
        match (piece, &mut self.arguments) {
            (Some(piece), Some(arguments)) => text::append(arguments, piece, b"}}"),
            _ => false,
        }
    }

    pub(super) fn end(self, heard: &mut Heard) {
        if self.told {
            heard.usage = self.usage.map(Usage::tokens);
        }
    }
}

/// What follows `"delta":{"type":"` in an event as Anthropic writes it.
fn delta(data: &[u8]) -> Option<&[u8]> {
    let rest = data.strip_prefix(DELTA)?.strip_prefix(b",\"index\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest[digits..].strip_prefix(b",\"delta\":{\"type\":\"")
}

/// Reads an answer that came in one piece; whether it was one.
pub(super) fn document(data: &[u8], heard: &mut Heard) -> bool {
    let Ok(message) = serde_json::from_slice::<Message<'_>>(data) else {
        return false;
    };
    if message.kind.as_deref() == Some("error") {
        if let Ok(event) = serde_json::from_slice::<Event<'_>>(data) {
            heard.error(event.error.as_ref().map_or("", |error| error.kind.as_ref()));
        }
        return true;
    }
    if message.kind.as_deref() != Some("message") && message.usage.is_none() {
        return false;
    }
    heard.model_is(message.model.as_deref().unwrap_or(""));
    heard.usage = message.usage.map(Usage::tokens);
    heard.spoke = message.content.iter().any(|block| {
        block.kind.ends_with("tool_use") || block.text.as_deref().is_some_and(|text| !text.is_empty())
    });
    stopped(message.stop_reason.as_deref().unwrap_or(""), heard);
    true
}

fn stopped(reason: &str, heard: &mut Heard) {
    heard.stopped = true;
    match reason {
        "max_tokens" | "model_context_window_exceeded" => heard.fault(WireFault::Truncated),
        "refusal" => heard.fault(WireFault::Refused),
        _ => {}
    }
}
