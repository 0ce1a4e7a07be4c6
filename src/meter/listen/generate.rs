//! Google's generateContent and streamGenerateContent (<https://ai.google.dev/api/generate-content>).
//!
//! Every part of a stream has the shape of a whole answer and tells usage so far, so that only the last of those that
//! differ in nothing but their words and figures is parsed. Input includes what was read from the cache, but not what
//! tools put into the prompt; thoughts are not part of the output.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Heard;
use super::text::Pattern;
use crate::ledger::WireFault;
use crate::model::TokenUsage;

/// The name of the text of a part, as it is written compactly and not.
static TEXTS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["\"text\":\"", "\"text\": \""].map(Finder::new));

/// Reads an answer, whole or in parts.
#[derive(Debug, Default)]
pub(super) struct Reader {
    usage: Option<Usage>,
    /// The last part that was parsed and carried words and nothing else.
    words: Pattern,
    /// What stood behind the words in the newest part that fitted it, still unread; empty if there was none.
    unread: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow, default)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(default)]
    usage_metadata: Option<Usage>,
    #[serde(borrow, default)]
    model_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow, default)]
    error: Option<Problem<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<Vec<Piece<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Piece<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(default)]
    thought: Option<bool>,
    #[serde(default)]
    function_call: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow, default)]
    block_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Problem<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "these are the names on the wire")]
struct Usage {
    #[serde(default)]
    prompt_token_count: Option<u64>,
    #[serde(default)]
    cached_content_token_count: Option<u64>,
    #[serde(default)]
    tool_use_prompt_token_count: Option<u64>,
    #[serde(default)]
    candidates_token_count: Option<u64>,
    #[serde(default)]
    thoughts_token_count: Option<u64>,
}

impl Usage {
    fn tokens(self) -> Option<TokenUsage> {
        let prompt = self.prompt_token_count?;
        let read = self.cached_content_token_count.unwrap_or(0).min(prompt);
        Some(TokenUsage {
            input: prompt - read + self.tool_use_prompt_token_count.unwrap_or(0),
            cache_read: read,
            cache_write: 0,
            cache_write_hour: 0,
            output: self.candidates_token_count.unwrap_or(0),
            reasoning: self.thoughts_token_count.unwrap_or(0),
        })
    }
}

impl Part<'_> {
    /// Whether it carries words and nothing else but figures.
    fn only_speaks(&self) -> bool {
        let [candidate] = self.candidates.as_deref().unwrap_or_default() else {
            return false;
        };
        let pieces = candidate
            .content
            .as_ref()
            .and_then(|content| content.parts.as_deref());
        let words = matches!(pieces, Some([piece]) if piece.text.is_some() && piece.function_call.is_none());
        words && candidate.finish_reason.is_none() && self.prompt_feedback.is_none() && self.error.is_none()
    }
}

impl Reader {
    pub(super) fn part(&mut self, data: &[u8], heard: &mut Heard) {
        if let Some(behind) = self.words.fits(data) {
            self.unread.clear();
            self.unread.extend_from_slice(behind);
            return;
        }
        self.catch_up(heard);
        let Ok(part) = serde_json::from_slice::<Part<'_>>(data) else {
            return;
        };
        let only_speaks = part.only_speaks();
        self.take(part, heard);
        if only_speaks
            && heard.spoke
            && let Some(key) = TEXTS.iter().find(|key| key.find(data).is_some())
        {
            self.words.learn(data, key);
        }
    }

    /// Reads the newest of the parts that were passed over: it has the totals of all.
    fn catch_up(&mut self, heard: &mut Heard) {
        if self.unread.is_empty() {
            return;
        }
        let line = self.words.line(&std::mem::take(&mut self.unread));
        if let Ok(part) = serde_json::from_slice::<Part<'_>>(&line) {
            self.take(part, heard);
        }
    }

    fn take(&mut self, part: Part<'_>, heard: &mut Heard) {
        heard.model_is(part.model_version.as_deref().unwrap_or(""));
        self.usage = part.usage_metadata.or(self.usage);
        if let Some(error) = part.error {
            heard.error(error.status.as_deref().unwrap_or(""));
        }
        if part
            .prompt_feedback
            .is_some_and(|feedback| feedback.block_reason.is_some())
        {
            heard.stopped = true;
            heard.fault(WireFault::Refused);
        }
        for candidate in part.candidates.into_iter().flatten() {
            for piece in candidate
                .content
                .and_then(|content| content.parts)
                .into_iter()
                .flatten()
            {
                heard.spoke |= piece.function_call.is_some()
                    || (piece.thought != Some(true) && piece.text.is_some_and(|text| !text.is_empty()));
            }
            match candidate.finish_reason.as_deref() {
                None | Some("") => continue,
                Some("STOP" | "OTHER" | "FINISH_REASON_UNSPECIFIED") => {}
                Some("MAX_TOKENS") => heard.fault(WireFault::Truncated),
                Some("MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL") => {
                    heard.fault(WireFault::MalformedCall);
                }
                // SAFETY, RECITATION, LANGUAGE, BLOCKLIST, PROHIBITED_CONTENT, SPII, and their kin for images.
                Some(_) => heard.fault(WireFault::Refused),
            }
            heard.stopped = true;
        }
    }

    /// Usage so far counts only when the answer said why it ended.
    pub(super) fn end(mut self, heard: &mut Heard) {
        self.catch_up(heard);
        if heard.stopped {
            heard.usage = self.usage.and_then(Usage::tokens);
        }
    }
}
