//! OpenAI's Chat Completions, as OpenAI and many others speak them
//! (<https://platform.openai.com/docs/api-reference/chat-streaming>).
//!
//! Usage comes in the last chunk, or, at Moonshot, within the last choice; some send it with every chunk, as a total so
//! far. Input includes what was read from the cache, output includes reasoning.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::Pattern;
use super::{Heard, has};
use crate::ledger::WireFault;
use crate::model::TokenUsage;

/// The members for which a chunk is worth parsing once there were words.
static WANTED: LazyLock<[Finder<'static>; 5]> = LazyLock::new(|| {
    [
        "\"finish_reason\"",
        "\"usage\"",
        "\"tool_calls\"",
        "\"error\"",
        "\"refusal\"",
    ]
    .map(Finder::new)
});

/// The names of texts of which nothing is wanted once there were words.
static TEXTS: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| ["\"content\":\"", "\"reasoning_content\":\"", "\"content\": \""].map(Finder::new));

/// Reads a stream.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The last chunk that carried words and nothing else.
    words: Pattern,
    /// The arguments of calls, by choice and place.
    calls: BTreeMap<(u64, u64), String>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(borrow, default)]
    error: Option<Problem<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow, default, alias = "message")]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'a>>>,
    #[serde(default)]
    function_call: Option<IgnoredAny>,
}

/// A text, or a list of parts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(Vec<IgnoredAny>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    arguments: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Problem<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
    /// Moonshot.
    #[serde(default)]
    cached_tokens: Option<u64>,
    /// DeepSeek.
    #[serde(default)]
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    /// OpenRouter.
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl Usage {
    fn tokens(self) -> Option<TokenUsage> {
        let (prompt, completion) = (self.prompt_tokens?, self.completion_tokens?);
        let details = self.prompt_tokens_details.unwrap_or_default();
        let read = details
            .cached_tokens
            .or(self.cached_tokens)
            .or(self.prompt_cache_hit_tokens)
            .unwrap_or(0)
            .min(prompt);
        let written = details.cache_write_tokens.unwrap_or(0).min(prompt - read);
        let reasoning = self
            .completion_tokens_details
            .and_then(|details| details.reasoning_tokens)
            .unwrap_or(0)
            .min(completion);
        Some(TokenUsage {
            input: prompt - read - written,
            cache_read: read,
            cache_write: written,
            cache_write_hour: 0,
            output: completion - reasoning,
            reasoning,
        })
    }
}

impl Reader {
    pub(super) fn event(&mut self, data: &[u8], heard: &mut Heard) {
        if data == b"[DONE]" {
            heard.ended = true;
            return;
        }
        if self.words.fits(data).is_some() {
            return;
        }
        if heard.spoke && heard.model.is_some() && !WANTED.iter().any(|member| has(data, member)) {
            if let Some(key) = TEXTS.iter().find(|key| key.find(data).is_some()) {
                self.words.learn(data, key);
            }
            return;
        }
        if let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) {
            self.take(chunk, heard);
        }
    }

    fn take(&mut self, chunk: Chunk<'_>, heard: &mut Heard) {
        heard.model_is(chunk.model.as_deref().unwrap_or(""));
        if let Some(usage) = chunk.usage.and_then(Usage::tokens) {
            heard.usage = Some(usage);
        }
        if let Some(error) = chunk.error {
            heard.error(error.kind.as_deref().unwrap_or(""));
        }
        for choice in chunk.choices.unwrap_or_default() {
            if let Some(usage) = choice.usage.and_then(Usage::tokens) {
                heard.usage = Some(usage);
            }
            if let Some(delta) = choice.delta {
                heard.spoke |= match &delta.content {
                    Some(Content::Text(text)) => !text.is_empty(),
                    Some(Content::Parts(parts)) => !parts.is_empty(),
                    Some(Content::Other(_)) | None => false,
                };
                heard.spoke |= delta.function_call.is_some();
                if delta.refusal.is_some_and(|text| !text.is_empty()) {
                    heard.fault(WireFault::Refused);
                }
                for (n, call) in (0..).zip(delta.tool_calls.unwrap_or_default()) {
                    heard.spoke = true;
                    let place = (choice.index, call.index.unwrap_or(n));
                    let arguments = call.function.and_then(|function| function.arguments);
                    self.calls
                        .entry(place)
                        .or_default()
                        .push_str(arguments.as_deref().unwrap_or(""));
                }
            }
            match choice.finish_reason.as_deref() {
                None | Some("") => continue,
                Some("length") => heard.fault(WireFault::Truncated),
                Some("content_filter") => heard.fault(WireFault::Refused),
                Some(_) => {}
            }
            heard.stopped = true;
        }
    }

    /// Calls count when the answer is complete; in one that was cut off or too long they are pieces.
    pub(super) fn end(self, heard: &mut Heard) {
        // A total so far is none.
        if !heard.stopped && !heard.ended {
            heard.usage = None;
        }
        if heard.stopped && !heard.faults.contains(&WireFault::Truncated) {
            for arguments in self.calls.values() {
                heard.called_with(arguments);
            }
        }
    }
}

/// Reads an answer that came in one piece; whether it was one.
pub(super) fn document(data: &[u8], heard: &mut Heard) -> bool {
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
        return false;
    };
    if chunk.choices.is_none() && chunk.error.is_none() {
        return false;
    }
    let mut reader = Reader::default();
    reader.take(chunk, heard);
    reader.end(heard);
    true
}
