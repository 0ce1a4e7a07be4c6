//! What is said to a model and what it answers, in no vendor's words.

use serde_json::Value;

use crate::model::TokenUsage;

/// One turn of the conversation so far.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Turn {
    /// What we ask.
    Ask(String),
    /// What the model said and wants done.
    Answer { text: String, calls: Vec<Call> },
    /// What came of its calls, in their order.
    Results(Vec<Outcome>),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// The arguments; the text as it came where it is no JSON object.
    pub(super) arguments: Result<Value, String>,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) failed: bool,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
    /// What it used, where the provider said so.
    pub(super) usage: Option<TokenUsage>,
    /// Why it ended, where the provider said so.
    pub(super) stop: Option<Stop>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The model is done, or wants its calls answered.
    Done,
    /// It was too long.
    Length,
    /// The model or a filter refused.
    Refused,
}

/// A tool as it is described to a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    /// Its arguments: name, whether it must be there, what it means. All are texts.
    pub(super) arguments: &'static [(&'static str, bool, &'static str)],
}

impl Tool {
    /// The JSON schema of its arguments.
    pub(super) fn schema(&self) -> Value {
        let properties: serde_json::Map<String, Value> = self
            .arguments
            .iter()
            .map(|(name, _, what)| {
                let schema = serde_json::json!({"type": "string", "description": what});
                ((*name).to_owned(), schema)
            })
            .collect();
        let required: Vec<&str> = self
            .arguments
            .iter()
            .filter(|(_, required, _)| *required)
            .map(|(name, ..)| *name)
            .collect();
        serde_json::json!({"type": "object", "properties": properties, "required": required})
    }
}

/// The arguments of a call, from their text.
pub(super) fn arguments(text: &str) -> Result<Value, String> {
    // No arguments at all are an empty object to every vendor.
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(text.to_owned()),
    }
}
