//! Answers as Anthropic's Messages words them.
//!
//! <https://docs.claude.com/en/api/messages-streaming>: input tokens exclude cached ones, output includes
//! thinking, `message_start` tells the input and `message_delta` the totals.

use serde_json::{Value, json};

use super::reply::{Frame, Reply, Stop, parts};
use super::tools::Arguments;

/// The whole message.
pub(super) fn plain(reply: &Reply) -> Value {
    let mut content = Vec::new();
    if !reply.text.is_empty() {
        content.push(json!({"type": "text", "text": reply.text}));
    }
    if let Some(call) = &reply.call {
        let input = match &call.arguments {
            Arguments::Object(fields) => json!(fields),
            Arguments::Text(text) => json!({"input": text}),
        };
        content.push(json!({"type": "tool_use", "id": id(reply), "name": call.name, "input": input}));
    }
    message(reply, &json!(content), Some(stop(reply)), &usage(reply))
}

/// The message as a stream.
pub(super) fn events(reply: &Reply) -> Vec<Frame> {
    let mut start = usage(reply);
    start["output_tokens"] = json!(1);
    let mut frames = vec![
        frame(
            "message_start",
            json!({"message": message(reply, &json!([]), None, &start)}),
        ),
        frame("ping", json!({})),
    ];
    let mut index = 0;
    if !reply.text.is_empty() {
        let block = json!({"type": "text", "text": ""});
        frames.push(frame(
            "content_block_start",
            json!({"index": index, "content_block": block}),
        ));
        for part in parts(&reply.text) {
            let delta = json!({"type": "text_delta", "text": part});
            frames.push(frame(
                "content_block_delta",
                json!({"index": index, "delta": delta}),
            ));
        }
        frames.push(frame("content_block_stop", json!({"index": index})));
        index += 1;
    }
    if let Some(call) = &reply.call {
        let block = json!({"type": "tool_use", "id": id(reply), "name": call.name, "input": {}});
        frames.push(frame(
            "content_block_start",
            json!({"index": index, "content_block": block}),
        ));
        for part in parts(&reply.arguments()) {
            let delta = json!({"type": "input_json_delta", "partial_json": part});
            frames.push(frame(
                "content_block_delta",
                json!({"index": index, "delta": delta}),
            ));
        }
        frames.push(frame("content_block_stop", json!({"index": index})));
    }
    let delta = json!({"stop_reason": stop(reply), "stop_sequence": null});
    frames.push(frame(
        "message_delta",
        json!({"delta": delta, "usage": usage(reply)}),
    ));
    frames.push(frame("message_stop", json!({})));
    frames
}

fn message(reply: &Reply, content: &Value, stop: Option<&str>, usage: &Value) -> Value {
    json!({
        "id": format!("msg_scripted{}", reply.number), "type": "message", "role": "assistant", "model": reply.model,
        "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage,
    })
}

fn frame(event: &'static str, mut data: Value) -> Frame {
    data["type"] = json!(event);
    Frame::named(event, &data)
}

fn id(reply: &Reply) -> String {
    format!("toolu_{}", reply.call_id)
}

fn stop(reply: &Reply) -> &'static str {
    match reply.stop {
        Stop::Limit => "max_tokens",
        Stop::Refused => "refusal",
        Stop::Done if reply.call.is_some() => "tool_use",
        Stop::Done => "end_turn",
    }
}

fn usage(reply: &Reply) -> Value {
    let used = &reply.usage;
    json!({
        "input_tokens": used.input,
        "cache_read_input_tokens": used.cache_read,
        "cache_creation_input_tokens": used.cache_write + used.cache_write_hour,
        "cache_creation": {
            "ephemeral_5m_input_tokens": used.cache_write,
            "ephemeral_1h_input_tokens": used.cache_write_hour,
        },
        "output_tokens": used.answer(),
        "service_tier": "standard",
    })
}
