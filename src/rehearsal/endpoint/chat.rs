//! Answers as OpenAI's Chat Completions word them.
//!
//! Prompt tokens include cached ones, completion tokens include reasoning, and a stream tells usage only where
//! `stream_options.include_usage` asks for it, in a last chunk without choices.

use serde_json::{Value, json};

use super::reply::{Frame, Reply, Stop, parts};

/// The whole completion.
pub(super) fn plain(reply: &Reply) -> Value {
    let content = (!reply.text.is_empty() || reply.call.is_none()).then_some(&reply.text);
    let mut message = json!({"role": "assistant", "content": content, "refusal": null});
    if let Some(call) = &reply.call {
        let function = json!({"name": call.name, "arguments": reply.arguments()});
        message["tool_calls"] = json!([{"id": reply.call_id, "type": "function", "function": function}]);
    }
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish(reply)});
    let mut body = head(reply, "chat.completion");
    body["choices"] = json!([choice]);
    body["usage"] = usage(reply);
    body
}

/// The completion as a stream; with its usage where that was asked for.
pub(super) fn events(reply: &Reply, wants_usage: bool) -> Vec<Frame> {
    let chunk = |delta: Value, finish: Option<&str>| {
        let mut body = head(reply, "chat.completion.chunk");
        body["choices"] = json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        if wants_usage {
            body["usage"] = Value::Null;
        }
        Frame::data(&body)
    };
    let mut frames = vec![chunk(json!({"role": "assistant", "content": ""}), None)];
    for part in parts(&reply.text) {
        frames.push(chunk(json!({"content": part}), None));
    }
    if let Some(call) = &reply.call {
        let function = json!({"name": call.name, "arguments": ""});
        let begun = json!({"index": 0, "id": reply.call_id, "type": "function", "function": function});
        frames.push(chunk(json!({"tool_calls": [begun]}), None));
        for part in parts(&reply.arguments()) {
            let more = json!({"index": 0, "function": {"arguments": part}});
            frames.push(chunk(json!({"tool_calls": [more]}), None));
        }
    }
    frames.push(chunk(json!({}), Some(finish(reply))));
    if wants_usage {
        let mut body = head(reply, "chat.completion.chunk");
        body["choices"] = json!([]);
        body["usage"] = usage(reply);
        frames.push(Frame::data(&body));
    }
    frames.push(Frame {
        event: None,
        data: "[DONE]".to_owned(),
    });
    frames
}

fn head(reply: &Reply, object: &str) -> Value {
    json!({
        "id": format!("chatcmpl-scripted{}", reply.number), "object": object, "created": 1_790_000_000, "model": reply.model,
    })
}

fn finish(reply: &Reply) -> &'static str {
    match reply.stop {
        Stop::Limit => "length",
        Stop::Refused => "content_filter",
        Stop::Done if reply.call.is_some() => "tool_calls",
        Stop::Done => "stop",
    }
}

fn usage(reply: &Reply) -> Value {
    let used = &reply.usage;
    json!({
        "prompt_tokens": used.prompt(),
        "completion_tokens": used.answer(),
        "total_tokens": used.total(),
        "prompt_tokens_details": {"cached_tokens": used.cache_read},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    })
}
