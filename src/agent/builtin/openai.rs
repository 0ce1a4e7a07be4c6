//! OpenAI's Chat Completions, which local and most other servers speak too.

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
    let mut messages = vec![json!({"role": "system", "content": system})];
    for turn in turns {
        match turn {
            Turn::Ask(text) => messages.push(json!({"role": "user", "content": text})),
            Turn::Answer { text, calls } => {
                let mut message = json!({"role": "assistant", "content": text});
                if !calls.is_empty() {
                    message["tool_calls"] = calls.iter().map(call).collect();
                }
                messages.push(message);
            }
            Turn::Results(outcomes) => {
                messages.extend(outcomes.iter().map(
                    |outcome| json!({"role": "tool", "tool_call_id": outcome.id, "content": outcome.text}),
                ));
            }
        }
    }
    let tools: Vec<Value> = tools
        .iter()
        .map(|tool| {
            let function =
                json!({"name": tool.name, "description": tool.description, "parameters": tool.schema()});
            json!({"type": "function", "function": function})
        })
        .collect();
    let mut body = json!({
        "model": model, "messages": messages, "stream": true, "max_tokens": most,
        "stream_options": {"include_usage": true},
    });
    if !tools.is_empty() {
        body["tools"] = tools.into();
    }
    if let Some(effort) = effort {
        body["reasoning_effort"] = effort.as_str().into();
    }
    body
}

fn call(call: &Call) -> Value {
    let arguments = match &call.arguments {
        Ok(value) => value.to_string(),
        Err(text) => text.clone(),
    };
    let function = json!({"name": call.name, "arguments": arguments});
    json!({"id": call.id, "type": "function", "function": function})
}

/// Puts a streamed answer together.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    answer: Answer,
    /// Calls by their index: id, name and arguments so far.
    calls: Vec<(u64, String, String, String)>,
    done: bool,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Deserialize, Default)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallPart>>,
}

#[derive(Deserialize)]
struct CallPart {
    #[serde(default)]
    index: u64,
    id: Option<String>,
    function: Option<FunctionPart>,
}

#[derive(Deserialize)]
struct FunctionPart {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl Assembly {
    /// Takes in one event's data.
    ///
    /// # Errors
    /// It is no event of this dialect, or tells an error.
    pub(super) fn take(&mut self, data: &str) -> Result<(), String> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| format!("not an event: {error}"))?;
        if let Some(error) = chunk.error {
            return Err(error.to_string());
        }
        if let Some(usage) = chunk.usage {
            self.answer.usage = Some(disjoint(&usage));
        }
        for choice in chunk.choices {
            if let Some(text) = choice.delta.content {
                self.answer.text.push_str(&text);
            }
            if choice.delta.refusal.is_some_and(|text| !text.is_empty()) {
                self.answer.stop = Some(Stop::Refused);
            }
            for part in choice.delta.tool_calls.unwrap_or_default() {
                self.part(part);
            }
            if let Some(reason) = choice.finish_reason {
                let stop = match reason.as_str() {
                    "length" => Stop::Length,
                    "content_filter" => Stop::Refused,
                    _ => Stop::Done,
                };
                // A refusal in words is not undone by an ordinary end.
                self.answer.stop.get_or_insert(stop);
            }
        }
        Ok(())
    }

    fn part(&mut self, part: CallPart) {
        if !self.calls.iter().any(|call| call.0 == part.index) {
            self.calls
                .push((part.index, String::new(), String::new(), String::new()));
        }
        let Some(call) = self.calls.iter_mut().find(|call| call.0 == part.index) else {
            return;
        };
        if let Some(id) = part.id {
            call.1 = id;
        }
        if let Some(function) = part.function {
            call.2.push_str(&function.name.unwrap_or_default());
            call.3.push_str(&function.arguments.unwrap_or_default());
        }
    }

    /// The whole answer.
    ///
    /// # Errors
    /// The stream ended before it.
    pub(super) fn finish(mut self) -> Result<Answer, String> {
        if self.answer.stop.is_none() && !self.done {
            return Err("the answer broke off".to_owned());
        }
        self.answer.calls = self
            .calls
            .into_iter()
            .map(|(index, id, name, text)| Call {
                // Some local servers leave out the id.
                id: if id.is_empty() {
                    format!("call_{index}")
                } else {
                    id
                },
                name,
                arguments: arguments(&text),
            })
            .collect();
        Ok(self.answer)
    }
}

/// Here the input includes what came from a cache, and the output what was reasoned.
fn disjoint(usage: &Usage) -> TokenUsage {
    let cached = usage
        .prompt_tokens_details
        .as_ref()
        .and_then(|details| details.cached_tokens)
        .unwrap_or(0);
    let reasoning = usage
        .completion_tokens_details
        .as_ref()
        .and_then(|details| details.reasoning_tokens)
        .unwrap_or(0);
    TokenUsage {
        input: usage.prompt_tokens.saturating_sub(cached),
        cache_read: cached,
        output: usage.completion_tokens.saturating_sub(reasoning),
        reasoning,
        ..TokenUsage::default()
    }
}
