//! OpenAI's Responses (<https://platform.openai.com/docs/api-reference/responses-streaming>).
//!
//! The last event (`response.completed`, `response.incomplete`, `response.failed`) holds the whole answer once more, with
//! its usage. Input includes what was read from the cache, output includes reasoning.

use std::borrow::Cow;

use serde::Deserialize;

use super::Heard;
use crate::ledger::WireFault;
use crate::model::TokenUsage;

/// Reads a stream.
#[derive(Debug, Default)]
pub(super) struct Reader;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    response: Option<Response<'a>>,
    #[serde(borrow, default)]
    item: Option<Item<'a>>,
    #[serde(borrow, default)]
    code: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<Problem<'a>>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    object: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    output: Option<Vec<Item<'a>>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(borrow, default)]
    incomplete_details: Option<Incomplete<'a>>,
    #[serde(borrow, default)]
    error: Option<Problem<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    arguments: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    content: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Incomplete<'a> {
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Problem<'a> {
    #[serde(borrow, default)]
    code: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Usage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl Usage {
    fn tokens(self) -> Option<TokenUsage> {
        let (input, output) = (self.input_tokens?, self.output_tokens?);
        let details = self.input_tokens_details.unwrap_or_default();
        let read = details.cached_tokens.unwrap_or(0).min(input);
        let written = details.cache_write_tokens.unwrap_or(0).min(input - read);
        let reasoning = self.output_tokens_details.unwrap_or_default().reasoning_tokens;
        let reasoning = reasoning.unwrap_or(0).min(output);
        Some(TokenUsage {
            input: input - read - written,
            cache_read: read,
            cache_write: written,
            cache_write_hour: 0,
            output: output - reasoning,
            reasoning,
        })
    }
}

impl Reader {
    #[expect(clippy::unused_self, reason = "the other dialects keep something")]
    pub(super) fn event(&mut self, name: &[u8], data: &[u8], heard: &mut Heard) {
        if name.ends_with(b".delta") || is_delta(data) {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else {
            return;
        };
        match event.kind.as_ref() {
            "response.created" => {
                let model = event.response.and_then(|response| response.model);
                heard.model_is(model.as_deref().unwrap_or(""));
            }
            "response.output_item.done" => {
                if let Some(item) = event.item {
                    item_done(&item, heard);
                }
            }
            "response.completed" | "response.done" | "response.incomplete" | "response.failed" => {
                if let Some(response) = event.response {
                    take(&response, heard);
                }
                heard.ended = true;
            }
            "error" => {
                let code = event
                    .code
                    .or_else(|| event.error.and_then(|error| error.code.or(error.kind)));
                heard.error(code.as_deref().unwrap_or(""));
            }
            _ => {}
        }
    }
}

/// Servers that do not name their events begin their data with the type.
fn is_delta(data: &[u8]) -> bool {
    let Some(kind) = data.strip_prefix(b"{\"type\":\"response.") else {
        return false;
    };
    memchr::memchr(b'"', kind).is_some_and(|end| kind[..end].ends_with(b".delta"))
}

/// Reads an answer that came in one piece; whether it was one.
pub(super) fn document(data: &[u8], heard: &mut Heard) -> bool {
    let Ok(response) = serde_json::from_slice::<Response<'_>>(data) else {
        return false;
    };
    if response.object.as_deref() != Some("response") && response.usage.is_none() && response.error.is_none()
    {
        return false;
    }
    take(&response, heard);
    true
}

fn take(response: &Response<'_>, heard: &mut Heard) {
    heard.model_is(response.model.as_deref().unwrap_or(""));
    if let Some(usage) = response.usage.and_then(Usage::tokens) {
        heard.usage = Some(usage);
    }
    for item in response.output.iter().flatten() {
        item_done(item, heard);
    }
    let reason = response
        .incomplete_details
        .as_ref()
        .and_then(|details| details.reason.as_deref());
    match (response.status.as_deref(), reason) {
        (_, Some("content_filter")) => heard.fault(WireFault::Refused),
        (Some("incomplete"), _) | (_, Some("max_output_tokens")) => heard.fault(WireFault::Truncated),
        _ => {}
    }
    if let Some(error) = &response.error {
        heard.error(error.code.as_deref().or(error.kind.as_deref()).unwrap_or(""));
    }
}

fn item_done(item: &Item<'_>, heard: &mut Heard) {
    match item.kind.as_ref() {
        "function_call" => heard.called_with(item.arguments.as_deref().unwrap_or("")),
        kind if kind.ends_with("_call") => heard.spoke = true,
        "message" => {
            for part in item.content.iter().flatten() {
                match part.kind.as_ref() {
                    "refusal" => heard.fault(WireFault::Refused),
                    _ => heard.spoke |= part.text.as_deref().is_some_and(|text| !text.is_empty()),
                }
            }
        }
        _ => {}
    }
}
