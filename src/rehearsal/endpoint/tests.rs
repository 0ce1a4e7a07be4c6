//! The endpoint over real HTTP: each protocol, each refusal, each fault, and the counts.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use super::*;
use crate::model::TokenUsage;

/// Generous: nothing here takes a second on an idle machine.
const GUARD: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Protocol {
    Messages,
    Chat,
    Responses,
    Gemini,
}

const ALL: [Protocol; 4] = [
    Protocol::Messages,
    Protocol::Chat,
    Protocol::Responses,
    Protocol::Gemini,
];

/// A client that keeps a conversation as an agent program would.
struct Agent {
    protocol: Protocol,
    base: String,
    key: &'static str,
    stream: bool,
    history: Vec<Value>,
}

/// What an answer said, read back from the wire.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    text: String,
    tool: Option<(String, String, String)>,
    stop: String,
    model: String,
    usage: TokenUsage,
}

impl Agent {
    fn new(endpoint: &Endpoint, protocol: Protocol, stream: bool, prompt: &str) -> Self {
        let first = match protocol {
            Protocol::Gemini => json!({"role": "user", "parts": [{"text": prompt}]}),
            Protocol::Responses => {
                json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": prompt}]})
            }
            _ => json!({"role": "user", "content": prompt}),
        };
        Self {
            protocol,
            base: endpoint.address(),
            key: "key-1",
            stream,
            history: vec![first],
        }
    }

    fn body(&self) -> Value {
        let schema = |fields: &[&str]| {
            let properties: serde_json::Map<String, Value> = fields
                .iter()
                .map(|name| ((*name).to_owned(), json!({"type": "string"})))
                .collect();
            json!({"type": "object", "properties": properties, "required": fields})
        };
        let tools = [
            ("Read", schema(&["file_path"])),
            ("Write", schema(&["file_path", "content"])),
            ("Edit", schema(&["file_path", "old_string", "new_string"])),
            ("Bash", schema(&["command"])),
        ];
        let each = |wrap: &dyn Fn(&str, &Value) -> Value| -> Vec<Value> {
            tools.iter().map(|(name, schema)| wrap(name, schema)).collect()
        };
        match self.protocol {
            Protocol::Messages => json!({
                "model": "m-1", "max_tokens": 100, "stream": self.stream, "messages": self.history,
                "tools": each(&|name, schema| json!({"name": name, "input_schema": schema})),
            }),
            Protocol::Chat => {
                let mut body = json!({
                    "model": "m-1", "stream": self.stream, "messages": self.history,
                    "tools": each(&|name, schema| json!({"type": "function", "function": {"name": name, "parameters": schema}})),
                });
                if self.stream {
                    body["stream_options"] = json!({"include_usage": true});
                }
                body
            }
            Protocol::Responses => json!({
                "model": "m-1", "stream": self.stream, "input": self.history,
                "tools": each(&|name, schema| json!({"type": "function", "name": name, "parameters": schema})),
            }),
            Protocol::Gemini => json!({
                "contents": self.history,
                "tools": [{"functionDeclarations": each(&|name, schema| json!({"name": name, "parametersJsonSchema": schema}))}],
            }),
        }
    }

    fn request(&self) -> RequestBuilder {
        let client = Client::builder().no_proxy().timeout(GUARD).build().unwrap();
        let (base, key) = (&self.base, self.key);
        let request = match self.protocol {
            Protocol::Messages => client
                .post(format!("{base}/v1/messages?beta=true"))
                .header("x-api-key", key)
                .header("anthropic-version", "2023-06-01"),
            Protocol::Chat => client
                .post(format!("{base}/v1/chat/completions"))
                .bearer_auth(key),
            Protocol::Responses => client.post(format!("{base}/v1/responses")).bearer_auth(key),
            Protocol::Gemini => {
                let method = if self.stream {
                    "streamGenerateContent?alt=sse"
                } else {
                    "generateContent"
                };
                client
                    .post(format!("{base}/v1beta/models/m-1:{method}"))
                    .header("x-goog-api-key", key)
            }
        };
        request.json(&self.body())
    }

    async fn send(&self) -> Response {
        self.request().send().await.unwrap()
    }

    /// Asks, reads the answer, and puts it into the history together with the result of its call.
    async fn ask(&mut self) -> Answer {
        let response = self.send().await;
        let status = response.status();
        let body = response.text().await.unwrap();
        assert_eq!(status, 200, "{:?}: {body}", self.protocol);
        let answer = if self.stream {
            self.read_stream(&body)
        } else {
            read_plain(self.protocol, &serde_json::from_str(&body).unwrap())
        };
        self.remember(&answer);
        answer
    }

    fn read_stream(&self, body: &str) -> Answer {
        let events: Vec<Value> = body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        read_events(self.protocol, &events)
    }

    fn remember(&mut self, answer: &Answer) {
        let Some((id, name, arguments)) = &answer.tool else {
            return;
        };
        let parsed: Value = serde_json::from_str(arguments).unwrap_or(Value::Null);
        let pair = match self.protocol {
            Protocol::Messages => [
                json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": name, "input": parsed}]}),
                json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "done"}]}),
            ],
            Protocol::Chat => [
                json!({"role": "assistant", "tool_calls": [{"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]}),
                json!({"role": "tool", "tool_call_id": id, "content": "done"}),
            ],
            Protocol::Responses => [
                json!({"type": "function_call", "call_id": id, "name": name, "arguments": arguments}),
                json!({"type": "function_call_output", "call_id": id, "output": "done"}),
            ],
            Protocol::Gemini => [
                json!({"role": "model", "parts": [{"functionCall": {"name": name, "args": parsed}}]}),
                json!({"role": "user", "parts": [{"functionResponse": {"name": name, "response": {"output": "done"}}}]}),
            ],
        };
        self.history.extend(pair);
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// The usage in disjoint kinds, by each vendor's documentation.
fn usage(protocol: Protocol, told: &Value) -> TokenUsage {
    match protocol {
        Protocol::Messages => TokenUsage {
            input: number(&told["input_tokens"]),
            cache_read: number(&told["cache_read_input_tokens"]),
            cache_write: number(&told["cache_creation"]["ephemeral_5m_input_tokens"]),
            cache_write_hour: number(&told["cache_creation"]["ephemeral_1h_input_tokens"]),
            output: number(&told["output_tokens"]),
            reasoning: 0,
        },
        Protocol::Chat => {
            let cached = number(&told["prompt_tokens_details"]["cached_tokens"]);
            let reasoning = number(&told["completion_tokens_details"]["reasoning_tokens"]);
            TokenUsage {
                input: number(&told["prompt_tokens"]) - cached,
                cache_read: cached,
                output: number(&told["completion_tokens"]) - reasoning,
                reasoning,
                ..TokenUsage::default()
            }
        }
        Protocol::Responses => {
            let details = &told["input_tokens_details"];
            let (cached, written) = (
                number(&details["cached_tokens"]),
                number(&details["cache_write_tokens"]),
            );
            let reasoning = number(&told["output_tokens_details"]["reasoning_tokens"]);
            TokenUsage {
                input: number(&told["input_tokens"]) - cached - written,
                cache_read: cached,
                cache_write: written,
                output: number(&told["output_tokens"]) - reasoning,
                reasoning,
                ..TokenUsage::default()
            }
        }
        Protocol::Gemini => {
            let cached = number(&told["cachedContentTokenCount"]);
            TokenUsage {
                input: number(&told["promptTokenCount"]) - cached,
                cache_read: cached,
                output: number(&told["candidatesTokenCount"]),
                reasoning: number(&told["thoughtsTokenCount"]),
                ..TokenUsage::default()
            }
        }
    }
}

fn read_plain(protocol: Protocol, body: &Value) -> Answer {
    let mut answer = Answer {
        model: string(body.get("modelVersion").unwrap_or(&body["model"])),
        usage: usage(protocol, body.get("usageMetadata").unwrap_or(&body["usage"])),
        ..Answer::default()
    };
    match protocol {
        Protocol::Messages => {
            answer.stop = string(&body["stop_reason"]);
            for block in body["content"].as_array().unwrap() {
                if block["type"] == "text" {
                    answer.text = string(&block["text"]);
                } else {
                    answer.tool = Some((
                        string(&block["id"]),
                        string(&block["name"]),
                        block["input"].to_string(),
                    ));
                }
            }
        }
        Protocol::Chat => {
            let choice = &body["choices"][0];
            answer.stop = string(&choice["finish_reason"]);
            answer.text = string(&choice["message"]["content"]);
            if let Some(call) = choice["message"]["tool_calls"].get(0) {
                let function = &call["function"];
                answer.tool = Some((
                    string(&call["id"]),
                    string(&function["name"]),
                    string(&function["arguments"]),
                ));
            }
        }
        Protocol::Responses => {
            answer.stop = string(&body["incomplete_details"]["reason"]);
            for item in body["output"].as_array().unwrap() {
                if item["type"] == "message" {
                    answer.text = string(&item["content"][0]["text"]);
                } else {
                    answer.tool = Some((
                        string(&item["call_id"]),
                        string(&item["name"]),
                        string(&item["arguments"]),
                    ));
                }
            }
        }
        Protocol::Gemini => {
            let candidate = &body["candidates"][0];
            answer.stop = string(&candidate["finishReason"]);
            for part in candidate["content"]["parts"].as_array().unwrap() {
                answer.text.push_str(&string(&part["text"]));
                if let Some(call) = part.get("functionCall") {
                    answer.tool = Some((String::new(), string(&call["name"]), call["args"].to_string()));
                }
            }
        }
    }
    answer
}

fn read_events(protocol: Protocol, events: &[Value]) -> Answer {
    let mut answer = Answer::default();
    for event in events {
        match protocol {
            Protocol::Messages => match event["type"].as_str().unwrap() {
                "message_start" => answer.model = string(&event["message"]["model"]),
                "content_block_start" if event["content_block"]["type"] == "tool_use" => {
                    let block = &event["content_block"];
                    answer.tool = Some((string(&block["id"]), string(&block["name"]), String::new()));
                }
                "content_block_delta" => {
                    answer.text.push_str(&string(&event["delta"]["text"]));
                    if let Some(tool) = &mut answer.tool {
                        tool.2.push_str(&string(&event["delta"]["partial_json"]));
                    }
                }
                "message_delta" => {
                    answer.stop = string(&event["delta"]["stop_reason"]);
                    answer.usage = usage(protocol, &event["usage"]);
                }
                _ => {}
            },
            Protocol::Chat => {
                answer.model = string(&event["model"]);
                if event["usage"].is_object() {
                    answer.usage = usage(protocol, &event["usage"]);
                }
                let choice = &event["choices"][0];
                answer.stop.push_str(&string(&choice["finish_reason"]));
                answer.text.push_str(&string(&choice["delta"]["content"]));
                if let Some(call) = choice["delta"]["tool_calls"].get(0) {
                    let function = &call["function"];
                    let tool = answer.tool.get_or_insert_with(|| {
                        (string(&call["id"]), string(&function["name"]), String::new())
                    });
                    tool.2.push_str(&string(&function["arguments"]));
                }
            }
            Protocol::Responses => {
                if matches!(
                    event["type"].as_str(),
                    Some("response.completed" | "response.incomplete")
                ) {
                    answer = read_plain(protocol, &event["response"]);
                }
            }
            Protocol::Gemini => {
                answer.model = string(&event["modelVersion"]);
                if event["usageMetadata"].is_object() {
                    answer.usage = usage(protocol, &event["usageMetadata"]);
                }
                let candidate = &event["candidates"][0];
                answer.stop.push_str(&string(&candidate["finishReason"]));
                for part in candidate["content"]["parts"].as_array().unwrap() {
                    answer.text.push_str(&string(&part["text"]));
                    if let Some(call) = part.get("functionCall") {
                        answer.tool = Some((String::new(), string(&call["name"]), call["args"].to_string()));
                    }
                }
            }
        }
    }
    answer
}

fn editing() -> Scenario {
    Scenario::always()
        .turn(Turn::say("I look first."))
        .turn(Turn::read("a.txt"))
        .turn(Turn::edit("a.txt", "old", "new"))
        .turn(Turn::write("b.txt", "b\n"))
        .turn(Turn::shell("ls"))
        .turn(Turn::say("Done."))
}

async fn started(scenario: Scenario) -> Endpoint {
    Endpoint::start(Script::of([scenario]).key("key-1"))
        .await
        .unwrap()
}

#[tokio::test]
async fn every_protocol_plays_the_script_and_tells_what_is_counted() {
    for protocol in ALL {
        for stream in [true, false] {
            let endpoint = started(editing()).await;
            let mut agent = Agent::new(&endpoint, protocol, stream, "Working directory: /w\nReplace it.");
            let mut told = TokenUsage::default();
            let mut calls = Vec::new();
            let last = loop {
                let answer = agent.ask().await;
                told += answer.usage;
                match &answer.tool {
                    Some((_, name, arguments)) => {
                        calls.push((name.clone(), serde_json::from_str::<Value>(arguments).unwrap()));
                    }
                    None => break answer,
                }
            };
            let wanted = [
                ("Read", json!({"file_path": "/w/a.txt"})),
                (
                    "Edit",
                    json!({"file_path": "/w/a.txt", "old_string": "old", "new_string": "new"}),
                ),
                ("Write", json!({"file_path": "/w/b.txt", "content": "b\n"})),
                ("Bash", json!({"command": "ls"})),
            ]
            .map(|(name, arguments)| (name.to_owned(), arguments));
            assert_eq!(calls, wanted, "{protocol:?}");
            assert_eq!((last.text.as_str(), last.model.as_str()), ("Done.", "m-1"));
            let count = endpoint.counts().key("key-1");
            assert_eq!(
                (count.requests, count.answered, count.struck, count.untold),
                (5, 5, 0, 0)
            );
            assert_eq!(count.usage, told, "{protocol:?}, stream {stream}");
            assert!(
                told.input > 5000 && told.cache_read > 1600 && told.output > 250,
                "{told:?}"
            );
            assert_eq!(count.models["m-1"], told);
            let steps: Vec<usize> = endpoint.seen().iter().map(|seen| seen.step).collect();
            assert_eq!(steps, [0, 1, 2, 3, 4]);
            assert!(endpoint.stop().await.refused.is_empty());
        }
    }
}

#[tokio::test]
async fn a_wrong_or_misplaced_key_is_refused_in_the_vendors_shape() {
    let endpoint = started(editing()).await;
    for (protocol, status, path, kind) in [
        (Protocol::Messages, 401, "/error/type", "authentication_error"),
        (Protocol::Chat, 401, "/error/code", "invalid_api_key"),
        (Protocol::Responses, 401, "/error/code", "invalid_api_key"),
        (Protocol::Gemini, 400, "/error/status", "INVALID_ARGUMENT"),
    ] {
        let mut agent = Agent::new(&endpoint, protocol, false, "x");
        agent.key = "another";
        let response = agent.send().await;
        assert_eq!(response.status(), status);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body.pointer(path), Some(&json!(kind)), "{body}");
    }
    let client = Client::builder().no_proxy().build().unwrap();
    let misplaced = client
        .post(format!("{}/v1/responses", endpoint.address()))
        .header("x-api-key", "key-1")
        .json(&json!({"model": "m", "input": "x"}))
        .send()
        .await
        .unwrap();
    assert_eq!(misplaced.status(), 401);
    let counts = endpoint.counts();
    assert!(counts.keys.is_empty());
    assert_eq!(counts.refused.len(), 5, "{:#?}", counts.refused);
}

#[tokio::test]
async fn bodies_that_break_a_protocols_rules_are_refused() {
    let endpoint = started(editing()).await;
    let orphan = |protocol| match protocol {
        Protocol::Messages => {
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]})
        }
        Protocol::Chat => json!({"role": "tool", "tool_call_id": "t", "content": "x"}),
        Protocol::Responses => json!({"type": "function_call_output", "call_id": "t", "output": "x"}),
        Protocol::Gemini => {
            json!({"role": "user", "parts": [{"functionResponse": {"name": "t", "response": {}}}]})
        }
    };
    for protocol in ALL {
        let mut agent = Agent::new(&endpoint, protocol, false, "x");
        agent.history.push(orphan(protocol));
        assert_eq!(
            agent.send().await.status(),
            400,
            "{protocol:?}: a result without a call"
        );
        agent.history.clear();
        if protocol != Protocol::Responses {
            assert_eq!(agent.send().await.status(), 400, "{protocol:?}: no messages");
        }
        let broken = agent.request().body("{\"model\":").send().await.unwrap();
        assert_eq!(broken.status(), 400, "{protocol:?}: no JSON");
    }
    let agent = Agent::new(&endpoint, Protocol::Messages, false, "x");
    let mut body = agent.body();
    body.as_object_mut().unwrap().remove("max_tokens");
    let response = agent.request().json(&body).send().await.unwrap();
    let refused: Value = response.json().await.unwrap();
    assert_eq!(refused["error"]["message"], "max_tokens: Field required");
}

#[tokio::test]
async fn unknown_paths_and_models_are_not_found() {
    let mut script = Script::of([editing()]);
    script.models = vec!["known".to_owned()];
    script.prefix = "/anthropic".to_owned();
    let endpoint = Endpoint::start(script).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| {
        let request = client
            .get(format!("{}{path}", endpoint.address()))
            .bearer_auth("k");
        request.send().await.unwrap()
    };
    assert_eq!(get("/v1/elsewhere").await.status(), 404);
    assert_eq!(get("/v1/messages").await.status(), 405);
    assert_eq!(get("/v1/models/other").await.status(), 404);
    assert_eq!(get("/v1/models/known").await.status(), 200);
    let list: Value = get("/v1/models").await.json().await.unwrap();
    assert_eq!(list["data"][0]["id"], "known");
    let unknown = Agent::new(&endpoint, Protocol::Messages, true, "x").send().await;
    assert_eq!(unknown.status(), 404);
    let outside = endpoint.address().replace("/anthropic", "/v1/models");
    assert_eq!(client.get(outside).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn statuses_come_in_each_vendors_words_and_then_all_is_well() {
    for protocol in ALL {
        let scenario = editing()
            .strike(Strike::first(
                1,
                Fault::RateLimited {
                    retry_after_s: Some(7),
                },
            ))
            .strike(Strike::first(2, Fault::Status(500)))
            .strike(Strike::first(1, Fault::Status(401)));
        let endpoint = started(scenario).await;
        let mut agent = Agent::new(&endpoint, protocol, true, "x");
        let limited = agent.send().await;
        assert_eq!(
            (limited.status().as_u16(), &limited.headers()["retry-after"]),
            (429, &"7".parse().unwrap())
        );
        let error = limited.json::<Value>().await.unwrap();
        let word = match protocol {
            Protocol::Messages => error["error"]["type"].clone(),
            Protocol::Gemini => error["error"]["status"].clone(),
            _ => error["error"]["code"].clone(),
        };
        let wanted = match protocol {
            Protocol::Messages => "rate_limit_error",
            Protocol::Gemini => "RESOURCE_EXHAUSTED",
            _ => "rate_limit_exceeded",
        };
        assert_eq!(word, wanted);
        for status in [500, 500, 401] {
            assert_eq!(agent.send().await.status(), status);
        }
        assert!(agent.ask().await.tool.is_some());
        let count = endpoint.counts().key("key-1");
        assert_eq!((count.requests, count.answered, count.struck), (5, 1, 4));
    }
}

#[tokio::test]
async fn connections_are_reset_or_cut_and_the_usage_is_not_counted() {
    for protocol in ALL {
        let scenario = editing()
            .strike(Strike::first(1, Fault::Reset))
            .strike(Strike::first(1, Fault::CutMidStream));
        let endpoint = started(scenario).await;
        let mut agent = Agent::new(&endpoint, protocol, true, "x");
        assert!(
            agent.request().send().await.is_err(),
            "{protocol:?}: no answer at all"
        );
        let mut cut = agent.send().await;
        assert_eq!(cut.status(), 200);
        let begun = cut.chunk().await.unwrap();
        assert!(
            begun.is_some_and(|bytes| bytes.windows(5).any(|w| w == b"data:")),
            "{protocol:?}: it begins"
        );
        assert!(cut.text().await.is_err(), "{protocol:?}: it does not end well");
        assert_eq!(
            endpoint.counts().key("key-1").usage,
            TokenUsage::default(),
            "{protocol:?}"
        );
        let answer = agent.ask().await;
        let count = endpoint.counts().key("key-1");
        assert_eq!((count.usage, count.struck), (answer.usage, 2));
    }
}

#[tokio::test]
async fn hanging_and_stalling_answers_end_when_the_endpoint_stops() {
    for protocol in ALL {
        let scenario = editing()
            .strike(Strike::first(1, Fault::StallMidStream))
            .strike(Strike::first(1, Fault::HangBeforeHeaders));
        let endpoint = started(scenario).await;
        let agent = Agent::new(&endpoint, protocol, true, "x");
        let mut stalled = agent.send().await;
        assert_eq!(stalled.status(), 200);
        assert!(
            stalled.chunk().await.unwrap().is_some(),
            "{protocol:?}: it begins"
        );
        let hanging = tokio::spawn(agent.request().send());
        while endpoint.seen().len() < 2 {
            tokio::task::yield_now().await;
        }
        assert!(!hanging.is_finished());
        let counts = endpoint.stop().await;
        assert!(stalled.text().await.is_err());
        assert!(hanging.await.unwrap().is_err());
        assert_eq!(counts.key("key-1").struck, 2);
    }
}

#[tokio::test]
async fn an_edit_that_does_not_apply_is_said_to_be_done() {
    for protocol in ALL {
        let endpoint = started(editing().strike(Strike::always(Fault::EditNotFound))).await;
        let mut agent = Agent::new(&endpoint, protocol, true, "x");
        agent.ask().await;
        let edit = agent.ask().await.tool.unwrap();
        assert!(
            edit.2.contains("a line that no file has") && edit.2.contains("new"),
            "{edit:?}"
        );
        assert_eq!(agent.ask().await.tool.unwrap().1, "Write");
    }
}

#[tokio::test]
async fn spoiled_arguments_are_no_json_and_the_turn_comes_again() {
    for protocol in [Protocol::Messages, Protocol::Chat, Protocol::Responses] {
        let endpoint = started(editing().strike(Strike::first(1, Fault::InvalidArguments).at(1))).await;
        let mut agent = Agent::new(&endpoint, protocol, true, "x");
        agent.ask().await;
        let spoiled = agent.ask().await.tool.unwrap();
        assert!(serde_json::from_str::<Value>(&spoiled.2).is_err());
        let again = agent.ask().await.tool.unwrap();
        assert_eq!((spoiled.1, again.1), ("Edit".to_owned(), "Edit".to_owned()));
        assert!(serde_json::from_str::<Value>(&again.2).is_ok());
    }
    let endpoint = started(editing().strike(Strike::first(1, Fault::InvalidArguments))).await;
    let mut agent = Agent::new(&endpoint, Protocol::Gemini, true, "x");
    let answer = agent.ask().await;
    assert_eq!(
        (answer.stop.as_str(), answer.tool),
        ("MALFORMED_FUNCTION_CALL", None)
    );
}

#[tokio::test]
async fn answers_end_as_each_fault_wants() {
    type Stops = [&'static str; 4];
    let cases: [(Fault, Stops); 4] = [
        (Fault::Empty, ["end_turn", "stop", "", "STOP"]),
        (
            Fault::OutputLimit,
            ["max_tokens", "length", "max_output_tokens", "MAX_TOKENS"],
        ),
        (
            Fault::Refusal,
            ["refusal", "content_filter", "content_filter", "SAFETY"],
        ),
        (Fault::BlankLines, ["end_turn", "stop", "", "STOP"]),
    ];
    for (fault, stops) in cases {
        for (protocol, stop) in ALL.into_iter().zip(stops) {
            for stream in [true, false] {
                let endpoint = started(editing().strike(Strike::always(fault.clone()))).await;
                let mut agent = Agent::new(&endpoint, protocol, stream, "x");
                let answer = agent.ask().await;
                assert_eq!(answer.stop, stop, "{fault:?} {protocol:?}");
                assert_eq!(answer.tool, None);
                let silent = matches!(fault, Fault::Empty | Fault::Refusal);
                assert_eq!(answer.text.is_empty(), silent, "{fault:?} {protocol:?}");
                assert_eq!(answer.text.contains("\n\n\n\n"), fault == Fault::BlankLines);
                assert_eq!(endpoint.counts().key("key-1").usage, answer.usage);
            }
        }
    }
}

#[tokio::test]
async fn unknown_tools_and_loops_go_on_for_ever() {
    for protocol in ALL {
        for (fault, name) in [(Fault::UnknownTool, "no_such_tool"), (Fault::Loop, "Bash")] {
            let endpoint = started(editing().strike(Strike::always(fault))).await;
            let mut agent = Agent::new(&endpoint, protocol, true, "x");
            for _ in 0..6 {
                assert_eq!(agent.ask().await.tool.unwrap().1, name);
            }
        }
    }
}

#[tokio::test]
async fn a_page_of_html_and_a_foreign_model_come_with_status_200() {
    for protocol in ALL {
        let scenario = editing()
            .strike(Strike::first(1, Fault::HtmlPage))
            .strike(Strike::first(1, Fault::OtherModel("m-2".to_owned())));
        let endpoint = started(scenario).await;
        let mut agent = Agent::new(&endpoint, protocol, true, "x");
        let page = agent.send().await;
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));
        let answer = agent.ask().await;
        assert_eq!(answer.model, "m-2");
        assert_eq!(endpoint.counts().key("key-1").models["m-2"], answer.usage);
    }
}

#[tokio::test]
async fn scenarios_are_chosen_by_role_model_key_and_turn_of_the_session() {
    let says = |text: &str, scenario: Scenario| scenario.turn(Turn::say(text));
    let script = Script::of([
        says("first plan", Scenario::role("plan").sessions(1)),
        says("later plan", Scenario::role("plan")),
        says(
            "repair",
            Scenario::role("implement").and(When::Prompt("## Repair, round 1".to_owned())),
        ),
        says("implement", Scenario::role("implement")),
        says("by key", Scenario::when(When::Key("key-2".to_owned()))),
        says("by model", Scenario::when(When::Model("m-1".to_owned()))),
    ]);
    let endpoint = Endpoint::start(script).await.unwrap();
    for (prompt, key, said) in [
        (
            "# Your task: plan\n\n# Your task: implement",
            "key-1",
            "first plan",
        ),
        ("# Your task: plan\n", "key-1", "later plan"),
        ("# Your task: implement\n## Repair, round 1\n", "key-1", "repair"),
        ("# Your task: implement\n", "key-1", "implement"),
        ("something", "key-2", "by key"),
        ("something", "key-1", "by model"),
    ] {
        let mut agent = Agent::new(&endpoint, Protocol::Chat, true, prompt);
        agent.key = key;
        assert_eq!(agent.ask().await.text, said);
    }
}

#[tokio::test]
async fn a_repeated_beginning_is_the_same_session_until_it_is_over() {
    let script = Script::of([
        editing().sessions(1).strike(Strike::first(1, Fault::Status(500))),
        Scenario::always().turn(Turn::say("second")),
    ]);
    let endpoint = Endpoint::start(script).await.unwrap();
    let mut agent = Agent::new(&endpoint, Protocol::Messages, true, "x");
    assert_eq!(agent.send().await.status(), 500);
    while agent.ask().await.tool.is_some() {}
    let mut another = Agent::new(&endpoint, Protocol::Messages, true, "x");
    assert_eq!(another.ask().await.text, "second");
    let sessions: Vec<Option<usize>> = endpoint.seen().iter().map(|seen| seen.session).collect();
    assert_eq!(
        sessions,
        [Some(0), Some(0), Some(0), Some(0), Some(0), Some(0), Some(1)]
    );
}

#[tokio::test]
async fn a_chat_stream_tells_usage_only_to_those_who_ask() {
    let endpoint = started(editing()).await;
    let agent = Agent::new(&endpoint, Protocol::Chat, true, "x");
    let mut body = agent.body();
    body.as_object_mut().unwrap().remove("stream_options");
    let text = agent
        .request()
        .json(&body)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(!text.contains("usage"), "{text}");
    let count = endpoint.counts().key("key-1");
    assert_eq!(
        (count.answered, count.untold, count.usage),
        (1, 1, TokenUsage::default())
    );
}

#[tokio::test]
async fn limit_headers_grow_with_the_answers_and_are_off_by_default() {
    let window = |used| Window {
        used,
        growth: 5000,
        resets_at: 1_790_003_600,
    };
    let mut script = Script::of([editing()]);
    script.limits = LimitHeaders {
        anthropic: Some([window(870_000), window(420_000)]),
        codex: Some([window(375_000), window(120_000)]),
    };
    let endpoint = Endpoint::start(script).await.unwrap();
    let mut agent = Agent::new(&endpoint, Protocol::Messages, true, "x");
    agent.ask().await;
    let second = agent.send().await;
    let header = |name: &str| second.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("anthropic-ratelimit-unified-5h-utilization"), "0.875");
    assert_eq!(header("anthropic-ratelimit-unified-7d-utilization"), "0.425");
    assert_eq!(header("anthropic-ratelimit-unified-status"), "allowed_warning");
    assert!(!second.headers().contains_key("x-codex-primary-used-percent"));
    drop(second.text().await);
    let codex = Agent::new(&endpoint, Protocol::Responses, true, "x").send().await;
    assert_eq!(codex.headers()["x-codex-primary-used-percent"], "38.5");
    let quiet = started(editing()).await;
    let response = Agent::new(&quiet, Protocol::Messages, true, "x").send().await;
    assert!(
        !response
            .headers()
            .contains_key("anthropic-ratelimit-unified-status")
    );
}

#[tokio::test]
async fn gemini_streams_an_array_to_those_who_do_not_ask_for_events() {
    let endpoint = started(editing()).await;
    let agent = Agent::new(&endpoint, Protocol::Gemini, true, "x");
    let client = Client::builder().no_proxy().build().unwrap();
    let url = format!(
        "{}/v1beta/models/m-1:streamGenerateContent?key=key-1",
        endpoint.address()
    );
    let response = client.post(url).json(&agent.body()).send().await.unwrap();
    let chunks: Vec<Value> = response.json().await.unwrap();
    let answer = read_events(Protocol::Gemini, &chunks);
    assert_eq!(answer.tool.unwrap().1, "Read");
    assert_eq!(endpoint.counts().key("key-1").usage, answer.usage);
}

#[tokio::test]
async fn a_patch_tool_or_a_shell_serves_where_there_is_nothing_else() {
    let turns = editing();
    let endpoint = started(turns).await;
    let mut agent = Agent::new(&endpoint, Protocol::Responses, false, "x");
    let tools = [
        json!([
            {"type": "function", "name": "exec_command", "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}}},
            {"type": "custom", "name": "apply_patch"},
        ]),
        json!([{"type": "function", "name": "shell", "parameters": {"type": "object", "properties": {"command": {"type": "array"}}}}]),
    ];
    let ask = async |agent: &Agent, tools: &Value| {
        let mut body = agent.body();
        body["tools"] = tools.clone();
        let response = agent.request().json(&body).send().await.unwrap();
        response.json::<Value>().await.unwrap()["output"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone()
    };
    let read = ask(&agent, &tools[0]).await;
    assert_eq!(read["arguments"], "{\"cmd\":\"cat 'a.txt'\"}");
    let id = read["call_id"].as_str().unwrap().to_owned();
    agent.remember(&Answer {
        tool: Some((id, "exec_command".to_owned(), "{}".to_owned())),
        ..Answer::default()
    });
    let patch = ask(&agent, &tools[0]).await;
    assert_eq!(patch["type"], "custom_tool_call");
    assert_eq!(
        patch["input"],
        "*** Begin Patch\n*** Update File: a.txt\n@@\n-old\n+new\n*** End Patch"
    );
    let shell = ask(&agent, &tools[1]).await;
    let arguments: Value = serde_json::from_str(shell["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments["command"][0], "bash");
    assert!(
        arguments["command"][2]
            .as_str()
            .unwrap()
            .starts_with("apply_patch <<")
    );
}

#[tokio::test]
async fn asides_without_tools_get_something_short_and_belong_to_no_session() {
    let endpoint = started(editing()).await;
    let agent = Agent::new(&endpoint, Protocol::Messages, false, "Make a title.");
    let mut body = agent.body();
    body["tools"] = json!([]);
    let response = agent.request().json(&body).send().await.unwrap();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["content"][0]["text"], "{\"title\": \"Scripted session\"}");
    assert_eq!(endpoint.seen()[0].session, None);
    assert_eq!(endpoint.counts().key("key-1").answered, 1);
}
