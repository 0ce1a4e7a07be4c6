//! What a vendor would refuse: unknown paths, keys in the wrong place, bodies that break the protocol's rules.
//!
//! The sentences are those of the vendors, as far as they are known, because programs match on some of them.

use std::collections::BTreeSet;

use axum::http::HeaderMap;
use serde_json::Value;

use super::asked::{Wire, list};
use super::problem::Problem;

/// What a path is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// A question to a model; Gemini's path names model and manner.
    Ask {
        wire: Wire,
        model: Option<String>,
        stream: Option<bool>,
    },
    /// How many tokens a question would have.
    Count(Wire),
    /// Which models there are.
    Models(Wire),
    /// Whether there is this model.
    Model(Wire, String),
}

impl Route {
    pub(super) fn wire(&self) -> Wire {
        match self {
            Self::Ask { wire, .. } | Self::Count(wire) | Self::Models(wire) | Self::Model(wire, _) => *wire,
        }
    }
}

/// The protocol in whose shape a request without a known path is refused.
pub(super) fn likely(path: &str, headers: &HeaderMap) -> Wire {
    if headers.contains_key("anthropic-version") {
        Wire::Messages
    } else if path.contains("/v1beta/") || headers.contains_key("x-goog-api-key") {
        Wire::Gemini
    } else {
        Wire::Chat
    }
}

/// Finds out what a path is for.
pub(super) fn route(method: &str, path: &str, headers: &HeaderMap) -> Result<Route, Problem> {
    let wire = likely(path, headers);
    let path = path.replace("%3A", ":");
    let (route, wanted) = match path.as_str() {
        "/v1/messages" => (ask(Wire::Messages), "POST"),
        "/v1/messages/count_tokens" => (Route::Count(Wire::Messages), "POST"),
        "/v1/chat/completions" => (ask(Wire::Chat), "POST"),
        "/v1/responses" => (ask(Wire::Responses), "POST"),
        "/v1/models" => (Route::Models(wire), "GET"),
        "/v1beta/models" => (Route::Models(Wire::Gemini), "GET"),
        other => match other.strip_prefix("/v1beta/models/") {
            Some(rest) => gemini(rest)?,
            None => match other.strip_prefix("/v1/models/") {
                Some(id) => (Route::Model(wire, id.to_owned()), "GET"),
                None => return Err(Problem::new(404, format!("Not found: {method} {other}"))),
            },
        },
    };
    if method != wanted && !(method == "HEAD" && wanted == "GET") {
        return Err(Problem::new(405, format!("Method Not Allowed: {method} {path}")));
    }
    Ok(route)
}

fn ask(wire: Wire) -> Route {
    Route::Ask {
        wire,
        model: None,
        stream: None,
    }
}

fn gemini(rest: &str) -> Result<(Route, &'static str), Problem> {
    let Some((model, method)) = rest.split_once(':') else {
        return Ok((Route::Model(Wire::Gemini, rest.to_owned()), "GET"));
    };
    let stream = match method {
        "generateContent" => false,
        "streamGenerateContent" => true,
        "countTokens" => return Ok((Route::Count(Wire::Gemini), "POST")),
        other => return Err(Problem::new(404, format!("There is no method {other}."))),
    };
    let route = Route::Ask {
        wire: Wire::Gemini,
        model: Some(model.to_owned()),
        stream: Some(stream),
    };
    Ok((route, "POST"))
}

/// The key, from where the protocol wants it.
pub(super) fn key(
    wire: Wire,
    headers: &HeaderMap,
    query: &str,
    accepted: &[String],
) -> Result<String, Problem> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let given = match wire {
        Wire::Messages => header("x-api-key").or(bearer),
        Wire::Chat | Wire::Responses => bearer,
        Wire::Gemini => {
            header("x-goog-api-key").or_else(|| query.split('&').find_map(|pair| pair.strip_prefix("key=")))
        }
    };
    let known = |key: &&str| !key.is_empty() && (accepted.is_empty() || accepted.iter().any(|k| k == key));
    match (given, wire) {
        (Some(key), _) if known(&key) => Ok(key.to_owned()),
        (Some(_), Wire::Messages) => Err(Problem::new(401, "invalid x-api-key")),
        (None, Wire::Messages) => Err(Problem::new(401, "x-api-key header is required")),
        (Some(_), Wire::Chat | Wire::Responses) => Err(Problem::new(401, "Incorrect API key provided.")),
        (None, Wire::Chat | Wire::Responses) => Err(Problem::new(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth.",
        )),
        (Some(_), Wire::Gemini) => Err(Problem::new(
            400,
            "API key not valid. Please pass a valid API key.",
        )),
        (None, Wire::Gemini) => Err(Problem::new(
            403,
            "Method doesn't allow unregistered callers (callers without established identity).",
        )),
    }
}

/// Checks headers and body of a question to a model.
pub(super) fn body(wire: Wire, headers: &HeaderMap, body: &Value) -> Result<(), Problem> {
    if !body.is_object() {
        return Err(Problem::invalid(
            "The request body is not valid JSON: an object is expected.",
        ));
    }
    if wire != Wire::Gemini && body["model"].as_str().is_none_or(str::is_empty) {
        return Err(Problem::invalid(match wire {
            Wire::Messages => "model: Field required",
            _ => "you must provide a model parameter",
        }));
    }
    match wire {
        Wire::Messages => messages(headers, body),
        Wire::Chat => chat(body),
        Wire::Responses => responses(body),
        Wire::Gemini => contents(body),
    }
}

fn messages(headers: &HeaderMap, body: &Value) -> Result<(), Problem> {
    if !headers.contains_key("anthropic-version") {
        return Err(Problem::invalid("anthropic-version: header is required"));
    }
    if body["max_tokens"].as_u64().is_none_or(|n| n == 0) {
        return Err(Problem::invalid("max_tokens: Field required"));
    }
    let all = list(&body["messages"]);
    if all.is_empty() {
        return Err(Problem::invalid("messages: at least one message is required"));
    }
    let mut open: BTreeSet<String> = BTreeSet::new();
    for (at, message) in all.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        let content = &message["content"];
        if !(content.is_string() || content.is_array()) {
            return Err(Problem::invalid(format!("messages.{at}.content: Field required")));
        }
        let blocks = list(content);
        if blocks
            .iter()
            .any(|block| block["type"] == "text" && block["text"] == "")
        {
            let why = format!("messages.{at}: text content blocks must be non-empty");
            return Err(Problem::invalid(why));
        }
        match role {
            "assistant" => {
                if let Some(id) = open.first() {
                    return Err(unanswered(at, id));
                }
                open.extend(ids(blocks, "tool_use", "id"));
            }
            "user" => {
                for id in ids(blocks, "tool_result", "tool_use_id") {
                    if !open.remove(&id) {
                        let why = format!(
                            "messages.{at}.content: unexpected `tool_use_id` found in `tool_result` blocks: {id}. \
                             Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                        );
                        return Err(Problem::invalid(why));
                    }
                }
                if let Some(id) = open.first() {
                    return Err(unanswered(at, id));
                }
            }
            // Beta features put instructions into the conversation.
            "system" => {}
            _ => {
                return Err(Problem::invalid(format!(
                    "messages.{at}.role: Input should be 'user' or 'assistant'"
                )));
            }
        }
    }
    if let Some(id) = open.first() {
        return Err(unanswered(all.len(), id));
    }
    for (at, tool) in list(&body["tools"]).iter().enumerate() {
        let named = tool["name"].as_str().is_some_and(|name| !name.is_empty());
        // Tools of the vendor's own have a type and no schema.
        if !named || !(tool["input_schema"].is_object() || tool["type"].is_string()) {
            return Err(Problem::invalid(format!(
                "tools.{at}.custom.input_schema: Field required"
            )));
        }
    }
    Ok(())
}

fn unanswered(at: usize, id: &str) -> Problem {
    Problem::invalid(format!(
        "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}."
    ))
}

fn ids(blocks: &[Value], kind: &str, field: &str) -> Vec<String> {
    let of_kind = blocks.iter().filter(|block| block["type"] == kind);
    of_kind
        .filter_map(|block| block[field].as_str())
        .map(str::to_owned)
        .collect()
}

fn chat(body: &Value) -> Result<(), Problem> {
    let all = list(&body["messages"]);
    if all.is_empty() {
        return Err(Problem::invalid(
            "Invalid type for 'messages': expected an array.",
        ));
    }
    if !body["stream_options"].is_null() && body["stream"] != true {
        return Err(Problem::invalid(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ));
    }
    let mut open: BTreeSet<String> = BTreeSet::new();
    for (at, message) in all.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            if !open.remove(id) {
                let why = format!(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls' (messages.[{at}])."
                );
                return Err(Problem::invalid(why));
            }
            continue;
        }
        if let Some(id) = open.first() {
            return Err(uncalled(id));
        }
        match role {
            "assistant" => open.extend(
                list(&message["tool_calls"])
                    .iter()
                    .filter_map(|call| call["id"].as_str())
                    .map(str::to_owned),
            ),
            "system" | "developer" | "user" => {}
            other => {
                return Err(Problem::invalid(format!(
                    "Invalid value: '{other}' in messages[{at}].role."
                )));
            }
        }
    }
    if let Some(id) = open.first() {
        return Err(uncalled(id));
    }
    for (at, tool) in list(&body["tools"]).iter().enumerate() {
        if tool["type"] == "function" && tool["function"]["name"].as_str().is_none_or(str::is_empty) {
            return Err(Problem::invalid(format!(
                "Missing required parameter: 'tools[{at}].function.name'."
            )));
        }
    }
    Ok(())
}

fn uncalled(id: &str) -> Problem {
    Problem::invalid(format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
         The following tool_call_ids did not have response messages: {id}"
    ))
}

fn responses(body: &Value) -> Result<(), Problem> {
    let input = &body["input"];
    if !(input.is_string() || input.is_array()) {
        return Err(Problem::invalid("Missing required parameter: 'input'."));
    }
    let mut called: BTreeSet<&str> = BTreeSet::new();
    let mut answered: BTreeSet<&str> = BTreeSet::new();
    for item in list(input) {
        let Some(id) = item["call_id"].as_str() else {
            continue;
        };
        let kind = item["type"].as_str().unwrap_or_default();
        if kind.ends_with("_output") {
            if !called.contains(id) {
                return Err(Problem::invalid(format!(
                    "No tool call found for function call output with call_id {id}."
                )));
            }
            answered.insert(id);
        } else {
            called.insert(id);
        }
    }
    match called.difference(&answered).next() {
        Some(id) => Err(Problem::invalid(format!(
            "No tool output found for function call {id}."
        ))),
        None => Ok(()),
    }
}

fn contents(body: &Value) -> Result<(), Problem> {
    let all = list(&body["contents"]);
    if all.is_empty() {
        return Err(Problem::invalid(
            "* GenerateContentRequest.contents: contents is not specified",
        ));
    }
    let count = |content: &Value, field: &str| {
        let parts = list(&content["parts"]).iter();
        parts.filter(|part| part.get(field).is_some()).count()
    };
    let mut open = 0;
    for content in all {
        let role = content["role"].as_str().unwrap_or("user");
        if !matches!(role, "user" | "model" | "function") {
            return Err(Problem::invalid("Please use a valid role: user, model."));
        }
        if count(content, "functionResponse") != open {
            return Err(Problem::invalid(
                "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
            ));
        }
        open = if role == "model" {
            count(content, "functionCall")
        } else {
            0
        };
    }
    Ok(())
}
