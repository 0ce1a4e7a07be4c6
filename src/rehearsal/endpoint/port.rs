//! The port: each request is read whole, checked, given to its session, and answered or spoiled.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::model::TokenUsage;

use super::super::wire::{Cut, serve_until};
use super::asked::{Asked, Wire};
use super::counts::{Counts, KeyCounts, Seen};
use super::delivery::{self, End, Told};
use super::fault::Fault;
use super::problem::{Problem, json_response};
use super::reply::{Frame, Reply, Stop, told};
use super::scenario::{Scenario, Script, Turn};
use super::sessions::{Part, Sessions, call_id};
use super::strict::{self, Route};
use super::tools::{self, Arguments, Call};
use super::{anthropic, chat, gemini, responses};

/// The largest request body: Anthropic refuses beyond 32 MB.
const LARGEST_BODY: usize = 32 * 1024 * 1024;

/// How long answers under way may take to end when the endpoint stops.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// A running endpoint on loopback.
pub struct Endpoint {
    address: String,
    shared: Shared,
    server: JoinHandle<()>,
}

impl Endpoint {
    /// Opens the port and answers from the script.
    ///
    /// # Errors
    /// The port cannot be had.
    pub async fn start(script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, script.port)).await?;
        let address = format!("http://{}{}", listener.local_addr()?, script.prefix);
        let desk = Desk {
            sessions: Sessions::new(&script),
            counts: Counts::default(),
            seen: Vec::new(),
            number: 0,
        };
        let shared = Shared {
            script: Arc::new(script),
            desk: Arc::new(Mutex::new(desk)),
            stop: CancellationToken::new(),
        };
        let server = tokio::spawn(serve(listener, shared.clone()));
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// The base of all paths, such as `http://127.0.0.1:4711`, with the script's prefix and without `/v1`.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// What was asked and told so far.
    pub fn counts(&self) -> Counts {
        self.shared.desk().counts.clone()
    }

    /// The requests to models so far, in the order of their arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.desk().seen.clone()
    }

    /// Ends hanging answers, closes the port, and gives the last counts.
    pub async fn stop(mut self) -> Counts {
        self.shared.stop.cancel();
        // The task sees the signal; open connections end with it.
        let _ = (&mut self.server).await;
        self.counts()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.server.abort();
    }
}

#[derive(Clone)]
struct Shared {
    script: Arc<Script>,
    desk: Arc<Mutex<Desk>>,
    stop: CancellationToken,
}

/// What changes from request to request.
struct Desk {
    sessions: Sessions,
    counts: Counts,
    seen: Vec<Seen>,
    number: u32,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        // A panic elsewhere does not make counts wrong.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: TcpListener, shared: Shared) {
    let stop = shared.stop.clone();
    let app = Router::new().fallback(handle).with_state(shared);
    serve_until(listener, app, stop, LAST_ANSWERS).await;
}

async fn handle(
    State(shared): State<Shared>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let method = parts.method.as_str();
    let path = parts.uri.path();
    if matches!(method, "HEAD" | "GET") && path == "/" {
        // A look whether anybody is there.
        return Response::new(Body::empty());
    }
    let refuse = |wire: Wire, problem: &Problem| {
        let line = format!("{} {method} {path}: {}", problem.status, problem.message);
        shared.desk().counts.refused.push(line);
        problem.response(wire, &[])
    };
    let likely = strict::likely(path, &parts.headers);
    let Some(rest) = path.strip_prefix(shared.script.prefix.as_str()) else {
        return refuse(likely, &Problem::new(404, format!("Not found: {method} {path}")));
    };
    let route = match strict::route(method, rest, &parts.headers) {
        Ok(route) => route,
        Err(problem) => return refuse(likely, &problem),
    };
    let wire = route.wire();
    let query = parts.uri.query().unwrap_or_default();
    let key = match strict::key(wire, &parts.headers, query, &shared.script.keys) {
        Ok(key) => key,
        Err(problem) => return refuse(wire, &problem),
    };
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return refuse(
            wire,
            &Problem::new(413, "Request exceeds the maximum allowed number of bytes."),
        );
    };
    let (model, stream) = match route {
        Route::Models(wire) => return models(wire, &shared.script),
        Route::Model(wire, id) => {
            return match known(&shared.script, &id) {
                Ok(()) => json_response(200, &model_entry(wire, &id)),
                Err(problem) => refuse(wire, &problem),
            };
        }
        Route::Count(wire) => {
            // A rule of thumb: four bytes a token.
            let tokens = body.len() / 4;
            let name = if wire == Wire::Gemini {
                "totalTokens"
            } else {
                "input_tokens"
            };
            return json_response(200, &json!({name: tokens}));
        }
        Route::Ask { model, stream, .. } => (model, stream),
    };
    let body: Value = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => {
            return refuse(
                wire,
                &Problem::invalid(format!("The request body is not valid JSON: {error}")),
            );
        }
    };
    if let Err(problem) = strict::body(wire, &parts.headers, &body) {
        return refuse(wire, &problem);
    }
    let model = model.unwrap_or_else(|| body["model"].as_str().unwrap_or_default().to_owned());
    if let Err(problem) = known(&shared.script, &model) {
        return refuse(wire, &problem);
    }
    let stream = stream.unwrap_or(body["stream"] == true);
    let sse = wire != Wire::Gemini || query.split('&').any(|pair| pair == "alt=sse");
    let asked = Asked::read(wire, model, stream, sse, &body);
    match shared.answer(&asked, &key, path) {
        Outcome::Answer(response) => response,
        Outcome::Refuse(problem) => refuse(wire, &problem),
        Outcome::Reset => cut.now(),
        Outcome::Hang => {
            shared.stop.cancelled().await;
            cut.now()
        }
    }
}

enum Outcome {
    Answer(Response<Body>),
    Refuse(Problem),
    Reset,
    Hang,
}

impl Shared {
    fn answer(&self, asked: &Asked, key: &str, path: &str) -> Outcome {
        let mut desk = self.desk();
        let part = desk.sessions.part(&self.script, asked, key);
        if part.is_none() && !asked.tools.is_empty() {
            return Outcome::Refuse(Problem::invalid("No scenario of the script fits this request."));
        }
        desk.number += 1;
        let number = desk.number;
        let fault = part.as_ref().and_then(|part| part.fault.clone());
        desk.seen.push(Seen {
            path: path.to_owned(),
            key: key.to_owned(),
            model: asked.model.clone(),
            stream: asked.stream,
            tools: asked.tools.iter().map(|tool| tool.name.clone()).collect(),
            scenario: part.as_ref().map(|part| part.scenario),
            session: part.as_ref().map(|part| part.session),
            step: part.as_ref().map_or(0, |part| part.step),
            result: asked.result.clone(),
            fault: fault.clone(),
        });
        let answered = desk.counts.keys.values().map(|counts| counts.answered).sum();
        let count = desk.counts.keys.entry(key.to_owned()).or_default();
        count.requests += 1;
        if fault.as_ref().is_some_and(|fault| !fault.answers()) {
            count.struck += 1;
        }
        drop(desk);
        let rejected = matches!(fault, Some(Fault::RateLimited { .. }));
        let mut headers = self
            .script
            .limits
            .write(asked.wire == Wire::Messages, answered, rejected);
        headers.push(("request-id", format!("req_scripted{number}")));
        let end = match (&fault, asked.stream) {
            (Some(Fault::RateLimited { retry_after_s }), _) => {
                headers.extend(retry_after_s.map(|seconds| ("retry-after", seconds.to_string())));
                let problem = Problem::new(429, "Too many requests, as the script says.");
                return Outcome::Answer(problem.response(asked.wire, &headers));
            }
            (Some(Fault::Status(status)), _) => {
                let problem = Problem::new(*status, format!("Status {status}, as the script says."));
                return Outcome::Answer(problem.response(asked.wire, &headers));
            }
            (Some(Fault::HtmlPage), _) => return Outcome::Answer(html()),
            (Some(Fault::Reset), _) | (Some(Fault::CutMidStream), false) => return Outcome::Reset,
            (Some(Fault::HangBeforeHeaders), _) | (Some(Fault::StallMidStream), false) => {
                return Outcome::Hang;
            }
            (Some(Fault::CutMidStream), true) => End::Cut,
            (Some(Fault::StallMidStream), true) => End::Stall,
            _ => End::Whole,
        };
        let reply = compose(&self.script, asked, part.as_ref(), number);
        let mut response = self.deliver(asked, &reply, end, key);
        for (name, value) in headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        Outcome::Answer(response)
    }

    fn deliver(&self, asked: &Asked, reply: &Reply, end: End, key: &str) -> Response<Body> {
        let usage = (!asked.stream || asked.wants_usage).then(|| told(asked.wire, reply.usage));
        let booked = {
            let (desk, key, model) = (Arc::clone(&self.desk), key.to_owned(), reply.model.clone());
            move || {
                let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
                desk.counts.keys.entry(key).or_default().book(model, usage);
            }
        };
        if !asked.stream {
            booked();
            let body = match asked.wire {
                Wire::Messages => anthropic::plain(reply),
                Wire::Chat => chat::plain(reply),
                Wire::Responses => responses::plain(reply),
                Wire::Gemini => gemini::plain(reply),
            };
            return json_response(200, &body);
        }
        let frames: Vec<Frame> = match asked.wire {
            Wire::Messages => anthropic::events(reply),
            Wire::Chat => chat::events(reply, asked.wants_usage),
            Wire::Responses => responses::events(reply),
            Wire::Gemini => gemini::events(reply),
        };
        if asked.sse || end != End::Whole {
            let told: Told = Box::new(booked);
            delivery::events(&frames, end, self.stop.clone(), Some(told))
        } else {
            booked();
            delivery::array(&frames)
        }
    }
}

impl KeyCounts {
    fn book(&mut self, model: String, usage: Option<TokenUsage>) {
        self.answered += 1;
        match usage {
            Some(usage) => {
                self.usage += usage;
                *self.models.entry(model).or_default() += usage;
            }
            None => self.untold += 1,
        }
    }
}

/// What the model says, spoiled as the fault wants it.
fn compose(script: &Script, asked: &Asked, part: Option<&Part>, number: u32) -> Reply {
    let mut reply = Reply {
        number,
        call_id: call_id(part.map(|part| part.session), number),
        model: asked.model.clone(),
        text: String::new(),
        call: None,
        spoiled: false,
        stop: Stop::Done,
        usage: Scenario::always().used(0),
    };
    let Some(part) = part else {
        // Titles, probes: whoever asks without tools gets something short that reads as a title.
        "{\"title\": \"Scripted session\"}".clone_into(&mut reply.text);
        return reply;
    };
    let scenario = &script.scenarios[part.scenario];
    let step = scenario.step(part.step);
    reply.usage = scenario.used(part.step);
    step.say.unwrap_or_default().clone_into(&mut reply.text);
    let mut turn = step.call.cloned();
    match &part.fault {
        Some(Fault::EditNotFound) => {
            if let Some(Turn::Edit { old, .. }) = &mut turn {
                "a line that no file has".clone_into(old);
            }
        }
        Some(Fault::Empty) => {
            reply.text.clear();
            turn = None;
        }
        Some(Fault::OutputLimit) => {
            reply.stop = Stop::Limit;
            if reply.text.is_empty() {
                "I will begin by".clone_into(&mut reply.text);
            }
            turn = None;
        }
        Some(Fault::Refusal) => {
            reply.stop = Stop::Refused;
            reply.text.clear();
            turn = None;
        }
        Some(Fault::BlankLines) => {
            "\n\n\n\n  \n\nplan\n\n\n\n\nstep\n\n\n\n\n\n".clone_into(&mut reply.text);
            turn = None;
        }
        Some(Fault::Loop) => turn = Some(Turn::shell("echo again")),
        Some(Fault::OtherModel(model)) => reply.model.clone_from(model),
        _ => {}
    }
    if part.fault == Some(Fault::UnknownTool) {
        reply.call = Some(Call {
            name: "no_such_tool".to_owned(),
            arguments: Arguments::Object(serde_json::Map::from_iter([("x".to_owned(), json!(1))])),
        });
    } else if let Some(turn) = &turn {
        reply.call = tools::bind(turn, asked);
        if reply.call.is_none() {
            reply.text = format!("None of the tools on offer can do this: {turn:?}");
        }
    }
    reply.spoiled = part.fault == Some(Fault::InvalidArguments) && reply.call.is_some();
    reply
}

fn known(script: &Script, model: &str) -> Result<(), Problem> {
    if script.models.is_empty() || script.models.iter().any(|known| known == model) {
        Ok(())
    } else {
        Err(Problem::new(
            404,
            format!("The model `{model}` does not exist or you do not have access to it."),
        ))
    }
}

fn models(wire: Wire, script: &Script) -> Response<Body> {
    let entries: Vec<Value> = script.models.iter().map(|id| model_entry(wire, id)).collect();
    let body = match wire {
        Wire::Gemini => json!({"models": entries}),
        Wire::Messages => {
            json!({"data": entries, "has_more": false, "first_id": script.models.first(), "last_id": script.models.last()})
        }
        // Codex looks for a list of its own.
        Wire::Chat | Wire::Responses => json!({"object": "list", "data": entries, "models": []}),
    };
    json_response(200, &body)
}

fn model_entry(wire: Wire, id: &str) -> Value {
    match wire {
        Wire::Messages => {
            json!({"type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z"})
        }
        Wire::Gemini => json!({
            "name": format!("models/{id}"), "displayName": id, "inputTokenLimit": 200_000, "outputTokenLimit": 8192,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }),
        Wire::Chat | Wire::Responses => {
            json!({"id": id, "object": "model", "created": 1_790_000_000, "owned_by": "script", "context_length": 200_000})
        }
    }
}

fn html() -> Response<Body> {
    let mut response = Response::new(Body::from(
        "<!DOCTYPE html>\n<html><body><h1>Bad gateway</h1></body></html>\n",
    ));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}
