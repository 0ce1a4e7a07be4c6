//! The stream that `claude` prints and `qwen` took over: one JSON object a line, shaped after Anthropic's
//! Messages.
//!
//! The order of keys is not stable, one message may come in several lines with the same id, and the usage in
//! them is not to be trusted: only that of the `result` is right. `subtype` stays `success` on errors of the
//! API, so that `is_error` counts. Text of the model `<synthetic>` is the program's own.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::terminal::{Terminal, TerminalError, TerminalKind};
use super::{Text, Transcript, claude, qwen};
use crate::model::{MicroUsd, Timestamp, TokenUsage};

/// Names of tools that change files.
pub(super) type Editors = &'static [&'static str];

/// Whose stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavor {
    /// `claude`: input tokens leave out the cached ones.
    Claude,
    /// `qwen`: input tokens include the cached ones.
    Qwen,
}

/// Reads the stream.
pub(super) struct Reader {
    flavor: Flavor,
    refused: bool,
    /// When a window that is used up starts anew.
    rejected_until: Option<Timestamp>,
}

impl Reader {
    /// At the start.
    pub(super) fn new(flavor: Flavor) -> Self {
        Self {
            flavor,
            refused: false,
            rejected_until: None,
        }
    }

    /// Takes a line; `None` where it is no event of this kind.
    pub(super) fn event(&mut self, line: &str, transcript: &mut Transcript<'_>) -> Option<()> {
        let event: Event<'_> = serde_json::from_str(line).ok()?;
        match event.kind?.as_str() {
            "assistant" => self.assistant(event.message?, transcript),
            "user" => {
                transcript.alive();
                for block in event.message?.content.0 {
                    if let (Kind::ToolResult, Some(id)) = (block.kind, &block.tool_use_id) {
                        transcript.tool_ended(id.as_str(), block.is_error == Some(true));
                    }
                }
            }
            "system" => {
                transcript.alive();
                match event.subtype.as_ref().map(Text::as_str) {
                    Some("init") => {
                        if let Some(id) = &event.session_id {
                            transcript.session(id.as_str());
                        }
                        if let Some(model) = &event.model {
                            transcript.model(model.as_str());
                        }
                    }
                    Some("api_retry" | "retry") => transcript.retried(),
                    Some("model_refusal_no_fallback") => self.refused = true,
                    _ => {}
                }
            }
            "rate_limit_event" => {
                transcript.alive();
                self.windows(&event.rate_limit_info?, transcript);
            }
            "result" => self.result(serde_json::from_str(line).ok()?, transcript),
            // Pieces of messages, progress of tools, and whatever later versions bring.
            _ => transcript.alive(),
        }
        Some(())
    }

    fn assistant(&self, message: Message<'_>, transcript: &mut Transcript<'_>) {
        let model = message.model.as_ref().map_or("", Text::as_str);
        if model == "<synthetic>" {
            return transcript.alive();
        }
        if !model.is_empty() {
            transcript.model(model);
        }
        let editors = match self.flavor {
            Flavor::Claude => claude::EDITORS,
            Flavor::Qwen => qwen::EDITORS,
        };
        for block in message.content.0 {
            match (block.kind, block.text, block.id) {
                (Kind::Text, Some(text), _) => transcript.say(text.as_str()),
                (Kind::ToolUse, _, Some(id)) => {
                    let name = block.name.as_ref().map_or("", Text::as_str);
                    let file = block.input.as_ref().and_then(Input::file);
                    let edits = editors.contains(&name).then(|| file.unwrap_or(name));
                    transcript.tool_started(id.as_str(), edits);
                }
                // Thinking.
                (Kind::Other, ..) => transcript.alive(),
                _ => {}
            }
        }
    }

    fn windows(&mut self, info: &RateLimit<'_>, transcript: &mut Transcript<'_>) {
        let windows = info.windows.as_ref();
        for (name, window) in [
            ("5h", windows.and_then(|w| w.five_hour.as_ref())),
            ("7d", windows.and_then(|w| w.seven_day.as_ref())),
        ] {
            if let Some(share) = window.and_then(|window| window.utilization) {
                transcript.window(name, share, window.and_then(|w| seconds(w.resets)));
            }
        }
        if info
            .status
            .as_ref()
            .is_some_and(|status| status.as_str() == "rejected")
        {
            self.rejected_until = seconds(info.resets);
        }
    }

    fn result(&self, result: EndEvent<'_>, transcript: &mut Transcript<'_>) {
        if let Some(id) = &result.session_id {
            transcript.session(id.as_str());
        }
        if let Some((tokens, cost)) = self.usage(&result) {
            transcript.used_in_all(tokens, cost);
        }
        let ok = result.is_error == Some(false)
            && result.subtype.as_ref().is_some_and(|s| s.as_str() == "success");
        let stop = result.stop_reason.as_ref().map(Text::as_str);
        let api_error = result.api_error.as_ref().map(Text::as_str);
        let truncated = stop == Some("max_tokens") || api_error == Some("max_output_tokens");
        let refused = self.refused || stop == Some("refusal");
        let text = if ok { result.result } else { None };
        transcript.ended(Terminal {
            ok,
            error: (!ok).then(|| {
                self.error(
                    result.terminal_reason.as_ref(),
                    result.subtype.as_ref(),
                    result.api_error_status,
                )
            }),
            truncated,
            refused,
            text: text.map(|text| text.0.into_owned()).unwrap_or_default(),
        });
    }

    fn error(
        &self,
        reason: Option<&Text<'_>>,
        subtype: Option<&Text<'_>>,
        status: Option<u16>,
    ) -> TerminalError {
        if let Some(status) = status {
            return TerminalError {
                until: self.rejected_until,
                ..TerminalError::of_status(status)
            };
        }
        let kind = match (reason.map(Text::as_str), subtype.map(Text::as_str)) {
            (_, Some("error_max_turns" | "error_max_budget_usd")) | (Some("max_turns"), _) => {
                TerminalKind::Limit
            }
            (Some("api_error"), _) => TerminalKind::Unavailable,
            (Some("aborted_tools" | "aborted_streaming"), _) => TerminalKind::Interrupted,
            _ => TerminalKind::Other,
        };
        TerminalError {
            kind,
            status: None,
            until: self.rejected_until,
        }
    }

    /// The tokens of the whole session, and their cost where its prices are known to the program.
    fn usage(&self, result: &EndEvent<'_>) -> Option<(TokenUsage, Option<MicroUsd>)> {
        let cost = result.total_cost_usd.and_then(MicroUsd::from_dollars);
        let models = result.model_usage.as_ref().filter(|models| !models.is_empty());
        if let Some(models) = models {
            // More than `usage` where sub-agents or a smaller model took part.
            let mut sum = TokenUsage::default();
            for model in models.values() {
                sum += model.tokens();
            }
            let known = models.values().all(|model| {
                model
                    .cost_basis
                    .as_ref()
                    .is_some_and(|basis| basis.as_str() != "unknown")
            });
            return Some((sum, cost.filter(|_| known)));
        }
        let usage = result.usage.as_ref()?;
        Some((usage.tokens(self.flavor)?, cost))
    }
}

fn seconds(seconds: Option<i64>) -> Option<Timestamp> {
    seconds.map(|seconds| Timestamp(seconds.saturating_mul(1000)))
}

/// Any line. What only the last one has is in [`EndEvent`].
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    subtype: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    session_id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    rate_limit_info: Option<RateLimit<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow, default)]
    content: Blocks<'a>,
}

/// The blocks of a message; a mere text, as prompts have it, counts as none.
#[derive(Default)]
struct Blocks<'a>(Vec<Block<'a>>);

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", default)]
    kind: Kind,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<Input<'a>>,
    #[serde(borrow)]
    tool_use_id: Option<Text<'a>>,
    is_error: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Text,
    ToolUse,
    ToolResult,
    #[default]
    #[serde(other)]
    Other,
}

/// The arguments of a call, of which only the file's name matters.
#[derive(Default)]
struct Input<'a>(Option<Text<'a>>);

impl Input<'_> {
    fn file(&self) -> Option<&str> {
        self.0.as_ref().map(Text::as_str)
    }
}

#[derive(Deserialize)]
struct RateLimit<'a> {
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(rename = "resetsAt")]
    resets: Option<i64>,
    #[serde(rename = "unifiedWindows")]
    windows: Option<Windows>,
}

#[derive(Deserialize)]
struct Windows {
    five_hour: Option<Window>,
    seven_day: Option<Window>,
}

#[derive(Deserialize)]
struct Window {
    utilization: Option<f64>,
    #[serde(rename = "resetsAt")]
    resets: Option<i64>,
}

/// The last line.
#[derive(Deserialize)]
struct EndEvent<'a> {
    #[serde(borrow)]
    subtype: Option<Text<'a>>,
    is_error: Option<bool>,
    #[serde(borrow)]
    session_id: Option<Text<'a>>,
    #[serde(borrow)]
    result: Option<Text<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    terminal_reason: Option<Text<'a>>,
    #[serde(borrow)]
    api_error: Option<Text<'a>>,
    api_error_status: Option<u16>,
    total_cost_usd: Option<f64>,
    usage: Option<Usage>,
    #[serde(rename = "modelUsage", borrow)]
    model_usage: Option<BTreeMap<String, ModelUsage<'a>>>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "these are the names on the wire")]
struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
}

impl Usage {
    fn tokens(&self, flavor: Flavor) -> Option<TokenUsage> {
        let (input, output) = (self.input_tokens?, self.output_tokens?);
        let cache_read = self.cache_read_input_tokens.unwrap_or(0);
        Some(TokenUsage {
            input: match flavor {
                Flavor::Claude => input,
                Flavor::Qwen => input.saturating_sub(cache_read),
            },
            cache_read,
            cache_write: self.cache_creation_input_tokens.unwrap_or(0),
            output,
            ..TokenUsage::default()
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct ModelUsage<'a> {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation_input_tokens: u64,
    #[serde(rename = "cacheCreationEphemeral1hInputTokens")]
    hour: u64,
    thinking_tokens: u64,
    #[serde(borrow)]
    cost_basis: Option<Text<'a>>,
}

impl ModelUsage<'_> {
    fn tokens(&self) -> TokenUsage {
        TokenUsage {
            input: self.input_tokens,
            cache_read: self.cache_read_input_tokens,
            cache_write: self.cache_creation_input_tokens.saturating_sub(self.hour),
            cache_write_hour: self.hour.min(self.cache_creation_input_tokens),
            output: self.output_tokens.saturating_sub(self.thinking_tokens),
            reasoning: self.thinking_tokens.min(self.output_tokens),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Blocks<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Any<'a> {
            type Value = Blocks<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of blocks")
            }
            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Blocks::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut blocks = Vec::with_capacity(1);
                while let Some(block) = seq.next_element()? {
                    blocks.push(block);
                }
                Ok(Blocks(blocks))
            }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Input<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Any<'a> {
            type Value = Input<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the arguments of a call")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut input = Input::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match key.as_str() {
                        "file_path" | "notebook_path" => {
                            input.0 = map
                                .next_value::<super::Maybe<std::borrow::Cow<'de, str>>>()?
                                .0
                                .map(Text);
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(input)
            }
        }
        deserializer.deserialize_map(Any(PhantomData))
    }
}
