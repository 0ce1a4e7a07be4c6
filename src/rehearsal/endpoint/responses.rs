//! Answers as OpenAI's Responses word them.
//!
//! Input tokens include cached and cache-written ones, output tokens include reasoning; usage is in the last
//! event, `response.completed` or `response.incomplete`.

use serde_json::{Value, json};

use super::reply::{Frame, Reply, Stop, parts};
use super::tools::Arguments;

/// The whole response.
pub(super) fn plain(reply: &Reply) -> Value {
    let status = match reply.stop {
        Stop::Done => "completed",
        Stop::Limit | Stop::Refused => "incomplete",
    };
    response(reply, status, &json!(output(reply)), &usage(reply))
}

/// The response as a stream.
pub(super) fn events(reply: &Reply) -> Vec<Frame> {
    let mut stream = Stream::default();
    let begun = response(reply, "in_progress", &json!([]), &Value::Null);
    stream.push("response.created", json!({"response": begun}));
    stream.push("response.in_progress", json!({"response": begun}));
    for (index, item) in output(reply).into_iter().enumerate() {
        stream.item(reply, index, &item);
    }
    let last = match reply.stop {
        Stop::Done => "response.completed",
        Stop::Limit | Stop::Refused => "response.incomplete",
    };
    stream.push(last, json!({"response": plain(reply)}));
    stream.frames
}

#[derive(Default)]
struct Stream {
    frames: Vec<Frame>,
}

impl Stream {
    fn push(&mut self, event: &'static str, mut data: Value) {
        data["type"] = json!(event);
        data["sequence_number"] = json!(self.frames.len());
        self.frames.push(Frame::named(event, &data));
    }

    fn item(&mut self, reply: &Reply, index: usize, item: &Value) {
        let id = &item["id"];
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        let field = match item["type"].as_str() {
            Some("message") => "content",
            Some("function_call") => "arguments",
            _ => "input",
        };
        begun[field] = if field == "content" { json!([]) } else { json!("") };
        self.push(
            "response.output_item.added",
            json!({"output_index": index, "item": begun}),
        );
        let (delta, done) = match field {
            "content" => {
                let part = json!({"type": "output_text", "text": "", "annotations": []});
                self.push(
                    "response.content_part.added",
                    json!({"item_id": id, "output_index": index, "content_index": 0, "part": part}),
                );
                ("response.output_text.delta", "response.output_text.done")
            }
            "arguments" => (
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
            ),
            _ => (
                "response.custom_tool_call_input.delta",
                "response.custom_tool_call_input.done",
            ),
        };
        let whole = if field == "content" {
            reply.text.clone()
        } else {
            reply.arguments()
        };
        for part in parts(&whole) {
            self.push(
                delta,
                json!({"item_id": id, "output_index": index, "content_index": 0, "delta": part}),
            );
        }
        let name = if field == "content" { "text" } else { field };
        self.push(
            done,
            json!({"item_id": id, "output_index": index, "content_index": 0, name: whole}),
        );
        if field == "content" {
            self.push(
                "response.content_part.done",
                json!({"item_id": id, "output_index": index, "content_index": 0, "part": item["content"][0]}),
            );
        }
        self.push(
            "response.output_item.done",
            json!({"output_index": index, "item": item}),
        );
    }
}

fn output(reply: &Reply) -> Vec<Value> {
    let mut items = Vec::new();
    if !reply.text.is_empty() {
        let part = json!({"type": "output_text", "text": reply.text, "annotations": []});
        items.push(json!({
            "type": "message", "id": format!("msg_scripted{}", reply.number), "role": "assistant", "status": "completed",
            "content": [part],
        }));
    }
    if let Some(call) = &reply.call {
        let (kind, prefix, field) = match &call.arguments {
            Arguments::Object(_) => ("function_call", "fc", "arguments"),
            Arguments::Text(_) => ("custom_tool_call", "ctc", "input"),
        };
        items.push(json!({
            "type": kind, "id": format!("{prefix}_scripted{}", reply.number), "call_id": reply.call_id, "name": call.name,
            field: reply.arguments(), "status": "completed",
        }));
    }
    items
}

fn response(reply: &Reply, status: &str, output: &Value, usage: &Value) -> Value {
    let reason = match reply.stop {
        _ if status != "incomplete" => Value::Null,
        Stop::Refused => json!({"reason": "content_filter"}),
        Stop::Done | Stop::Limit => json!({"reason": "max_output_tokens"}),
    };
    json!({
        "id": format!("resp_scripted{}", reply.number), "object": "response", "created_at": 1_790_000_000,
        "model": reply.model, "status": status, "output": output, "usage": usage, "error": null,
        "incomplete_details": reason, "parallel_tool_calls": false, "tools": [], "tool_choice": "auto", "metadata": {},
    })
}

fn usage(reply: &Reply) -> Value {
    let used = &reply.usage;
    let written = used.cache_write + used.cache_write_hour;
    json!({
        "input_tokens": used.prompt(),
        "input_tokens_details": {"cached_tokens": used.cache_read, "cache_write_tokens": written},
        "output_tokens": used.answer(),
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.total(),
    })
}
