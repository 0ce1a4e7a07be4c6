//! Anthropic's Messages.

use serde::Deserialize;
use serde_json::{Value, json};

use super::wire::{Answer, Call, Stop, Tool, Turn, arguments};
use crate::model::TokenUsage;
use crate::route::Effort;

/// The request for the next answer.
pub(super) fn request(
    model: &str,
    system: &str,
    turns: &[Turn],
    tools: &[Tool],
    effort: Option<Effort>,
    most: u32,
) -> Value {
    let messages: Vec<Value> = turns.iter().map(message).collect();
    let tools: Vec<Value> = tools
        .iter()
        .map(
            |tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema()}),
        )
        .collect();
    let mut body = json!({
        "model": model, "max_tokens": most, "stream": true, "messages": messages, "tools": tools,
        "system": [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
    });
    if let Some(effort) = effort {
        body["output_config"] = json!({"effort": effort.as_str()});
    }
    body
}

fn message(turn: &Turn) -> Value {
    match turn {
        Turn::Ask(text) => json!({"role": "user", "content": text}),
        Turn::Answer { text, calls } => {
            let mut content = Vec::new();
            if !text.trim().is_empty() {
                content.push(json!({"type": "text", "text": text}));
            }
            content.extend(calls.iter().map(|call| {
                let input = call.arguments.clone().unwrap_or_else(|_| json!({}));
                json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
            }));
            json!({"role": "assistant", "content": content})
        }
        Turn::Results(outcomes) => {
            let content: Vec<Value> = outcomes
                .iter()
                .map(|outcome| {
                    json!({
                        "type": "tool_result", "tool_use_id": outcome.id, "content": outcome.text,
                        "is_error": outcome.failed,
                    })
                })
                .collect();
            json!({"role": "user", "content": content})
        }
    }
}

/// Puts a streamed answer together.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    answer: Answer,
    /// Open blocks by their index: a call's id, name and arguments so far.
    calls: Vec<(u64, String, String, String)>,
    usage: TokenUsage,
    counted: bool,
    ended: bool,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    index: Option<u64>,
    message: Option<Message>,
    content_block: Option<Block>,
    delta: Option<Delta>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Message {
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    name: Option<String>,
    text: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    text: Option<String>,
    partial_json: Option<String>,
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are the wire's")]
struct Usage {
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl Assembly {
    /// Takes in one event's data.
    ///
    /// # Errors
    /// It is no event of this dialect, or tells an error.
    pub(super) fn take(&mut self, data: &str) -> Result<(), String> {
        let event: Event = serde_json::from_str(data).map_err(|error| format!("not an event: {error}"))?;
        if let Some(error) = event.error {
            return Err(error.to_string());
        }
        if let Some(usage) = event.message.and_then(|message| message.usage).or(event.usage) {
            self.count(&usage);
        }
        match event.kind.as_str() {
            "content_block_start" => {
                if let (Some(index), Some(block)) = (event.index, event.content_block) {
                    if block.kind == "tool_use" {
                        let (id, name) = (block.id.unwrap_or_default(), block.name.unwrap_or_default());
                        self.calls.push((index, id, name, String::new()));
                    } else if let Some(text) = block.text {
                        self.answer.text.push_str(&text);
                    }
                }
            }
            "content_block_delta" => {
                if let Some(delta) = event.delta {
                    if let Some(text) = delta.text {
                        self.answer.text.push_str(&text);
                    }
                    let open = self.calls.iter_mut().find(|call| Some(call.0) == event.index);
                    if let (Some(part), Some(call)) = (delta.partial_json, open) {
                        call.3.push_str(&part);
                    }
                }
            }
            "message_delta" => {
                self.answer.stop = event
                    .delta
                    .and_then(|delta| delta.stop_reason)
                    .map(|reason| match reason.as_str() {
                        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
                        "refusal" => Stop::Refused,
                        _ => Stop::Done,
                    })
                    .or(self.answer.stop);
            }
            "message_stop" => self.ended = true,
            _ => {}
        }
        Ok(())
    }

    /// Later figures replace earlier ones: they are totals, not steps.
    fn count(&mut self, usage: &Usage) {
        self.counted = true;
        let known = &mut self.usage;
        known.input = usage.input_tokens.unwrap_or(known.input);
        known.cache_read = usage.cache_read_input_tokens.unwrap_or(known.cache_read);
        known.cache_write = usage.cache_creation_input_tokens.unwrap_or(known.cache_write);
        known.output = usage.output_tokens.unwrap_or(known.output);
    }

    /// The whole answer.
    ///
    /// # Errors
    /// The stream ended before it.
    pub(super) fn finish(mut self) -> Result<Answer, String> {
        if !self.ended {
            return Err("the answer broke off".to_owned());
        }
        self.answer.usage = self.counted.then_some(self.usage);
        self.answer.calls = self
            .calls
            .into_iter()
            .map(|(_, id, name, text)| Call {
                id,
                name,
                arguments: arguments(&text),
            })
            .collect();
        Ok(self.answer)
    }
}
