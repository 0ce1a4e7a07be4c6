//! Answers as Google's generateContent words them.
//!
//! Prompt tokens include cached ones, candidates' tokens exclude thoughts; usage and the serving model are in
//! the last chunk. A call whose arguments are no JSON never leaves Google: it ends as `MALFORMED_FUNCTION_CALL`.

use serde_json::{Value, json};

use super::reply::{Frame, Reply, Stop, parts};
use super::tools::Arguments;

/// The whole answer.
pub(super) fn plain(reply: &Reply) -> Value {
    let mut parts = Vec::new();
    if !reply.text.is_empty() {
        parts.push(json!({"text": reply.text}));
    }
    parts.extend(call(reply));
    let mut body = chunk(reply, &json!(parts), Some(finish(reply)));
    body["usageMetadata"] = usage(reply);
    body
}

/// The answer as a stream.
pub(super) fn events(reply: &Reply) -> Vec<Frame> {
    let mut frames: Vec<Frame> = parts(&reply.text)
        .into_iter()
        .map(|part| Frame::data(&chunk(reply, &json!([{"text": part}]), None)))
        .collect();
    if let Some(call) = call(reply) {
        frames.push(Frame::data(&chunk(reply, &json!([call]), None)));
    }
    let last = if frames.is_empty() {
        json!([])
    } else {
        json!([{"text": ""}])
    };
    let mut body = chunk(reply, &last, Some(finish(reply)));
    body["usageMetadata"] = usage(reply);
    frames.push(Frame::data(&body));
    frames
}

fn call(reply: &Reply) -> Option<Value> {
    let call = reply.call.as_ref().filter(|_| !reply.spoiled)?;
    let arguments = match &call.arguments {
        Arguments::Object(fields) => json!(fields),
        Arguments::Text(text) => json!({"input": text}),
    };
    Some(json!({"functionCall": {"name": call.name, "args": arguments}}))
}

fn chunk(reply: &Reply, parts: &Value, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({
        "candidates": [candidate], "modelVersion": reply.model, "responseId": format!("scripted{}", reply.number),
    })
}

fn finish(reply: &Reply) -> &'static str {
    match reply.stop {
        Stop::Limit => "MAX_TOKENS",
        Stop::Refused => "SAFETY",
        Stop::Done if reply.spoiled => "MALFORMED_FUNCTION_CALL",
        Stop::Done => "STOP",
    }
}

fn usage(reply: &Reply) -> Value {
    let used = &reply.usage;
    json!({
        "promptTokenCount": used.prompt(),
        "cachedContentTokenCount": used.cache_read,
        "candidatesTokenCount": used.output,
        "thoughtsTokenCount": used.reasoning,
        "totalTokenCount": used.total(),
    })
}
