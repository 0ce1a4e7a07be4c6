//! The bridge: starts the agent, holds one session with it, and tells it in JSON lines.
#![expect(
    clippy::disallowed_methods,
    reason = "this is a child process: it is told its orders by variables, and starts the agent itself"
)]

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_client_protocol::schema::ProtocolVersion;
use agent_client_protocol::v1::ConnectionTo;
use agent_client_protocol::v1::schema::{
    ContentBlock, InitializeRequest, NewSessionRequest, NewSessionResponse, PromptRequest,
    RequestPermissionOutcome, RequestPermissionRequest, RequestPermissionResponse, SelectedPermissionOutcome,
    SessionConfigKind, SessionConfigOption, SessionConfigOptionCategory, SessionConfigSelectOptions,
    SessionNotification, SessionUpdate, SetSessionConfigOptionRequest, StopReason, TextContent,
    ToolCallLocation, ToolCallStatus, ToolCallUpdate, ToolKind,
};
use agent_client_protocol::{Agent, ByteStreams, Client};
use serde_json::{Value, json};
use tokio_util::compat::{TokioAsyncReadCompatExt as _, TokioAsyncWriteCompatExt as _};

use super::permission;

/// How long an agent may take to end once its input is closed; the supervisor kills what is left.
const FAREWELL: Duration = Duration::from_secs(5);

/// Modes under which an agent's own guardian stands aside, because the sandbox is the guard.
const OPEN_MODES: [&str; 1] = ["agent-full-access"];

struct Orders {
    argv: Vec<String>,
    brief: String,
    root: PathBuf,
    model: Option<String>,
    read_only: bool,
}

/// How the session ended, for the `end` line.
struct End {
    ok: bool,
    error: Option<&'static str>,
    code: Option<i32>,
    message: Option<String>,
    truncated: bool,
    refused: bool,
}

impl End {
    fn failed(error: &'static str, message: impl Into<String>) -> Self {
        Self {
            ok: false,
            error: Some(error),
            code: None,
            message: Some(message.into()),
            truncated: false,
            refused: false,
        }
    }

    fn of(reason: StopReason) -> Self {
        let end = |ok, error| Self {
            ok,
            error,
            code: None,
            message: None,
            truncated: reason == StopReason::MaxTokens,
            refused: reason == StopReason::Refusal,
        };
        match reason {
            StopReason::EndTurn => end(true, None),
            StopReason::MaxTurnRequests => end(false, Some("rounds")),
            StopReason::Cancelled => end(false, Some("cancelled")),
            _ => end(false, None),
        }
    }
}

/// Bridges to the agent whose command line follows, as a process of its own.
pub fn bridge_main(argv: Vec<String>) -> ExitCode {
    let end = match orders(argv) {
        Ok(orders) => match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(bridge(orders)),
            Err(error) => End::failed("orders", error.to_string()),
        },
        Err(why) => End::failed("orders", why),
    };
    print(&json!({
        "type": "end", "ok": end.ok, "error": end.error, "code": end.code, "message": end.message,
        "truncated": end.truncated, "refused": end.refused,
    }));
    ExitCode::from(u8::from(!end.ok))
}

fn print(line: &Value) {
    let mut out = io::stdout().lock();
    // Nobody reads any more: the attempt is over for whoever started it.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn orders(argv: Vec<String>) -> Result<Orders, String> {
    let optional = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let brief = optional("FOOTPLATE_BRIEF").ok_or("FOOTPLATE_BRIEF is not set")?;
    if argv.is_empty() {
        return Err("the agent's command line is missing".to_owned());
    }
    Ok(Orders {
        argv,
        brief: std::fs::read_to_string(&brief).map_err(|error| format!("{brief}: {error}"))?,
        root: std::env::current_dir().map_err(|error| error.to_string())?,
        model: optional("FOOTPLATE_MODEL"),
        read_only: optional("FOOTPLATE_READ_ONLY").is_some(),
    })
}

async fn bridge(orders: Orders) -> End {
    let started = tokio::process::Command::new(&orders.argv[0])
        .args(&orders.argv[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return End::failed("start", format!("{}: {error}", orders.argv[0])),
    };
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return End::failed("start", "the agent has no standard streams");
    };
    let transport = ByteStreams::new(stdin.compat_write(), stdout.compat());
    let calls = Arc::new(Mutex::new(Calls::default()));
    let (heard, asked) = (Arc::clone(&calls), (orders.root.clone(), orders.read_only));
    let reason = Client
        .v1()
        .name("footplate")
        .on_receive_notification(
            async move |notification: SessionNotification, _| {
                heard
                    .lock()
                    .expect("no holder of this lock panics")
                    .hear(notification.update);
                Ok(())
            },
            agent_client_protocol::on_receive_notification!(),
        )
        .on_receive_request(
            async move |request: RequestPermissionRequest, responder, _| {
                let allowed = permission::allows(&request.tool_call, &asked.0, asked.1);
                let outcome = match permission::select(&request.options, allowed) {
                    Some(id) => RequestPermissionOutcome::Selected(SelectedPermissionOutcome::new(id)),
                    None => RequestPermissionOutcome::Cancelled,
                };
                responder.respond(RequestPermissionResponse::new(outcome))
            },
            agent_client_protocol::on_receive_request!(),
        )
        .connect_with(transport, async |agent: ConnectionTo<Agent>| {
            talk(&agent, &orders).await
        })
        .await;
    calls.lock().expect("no holder of this lock panics").finish();
    // Its input is closed now, which tells it to go.
    let _ = tokio::time::timeout(FAREWELL, child.wait()).await;
    match reason {
        Ok(reason) => End::of(reason),
        Err(error) => End {
            code: Some(error.code.into()),
            ..End::failed("agent", error.message)
        },
    }
}

async fn talk(
    agent: &ConnectionTo<Agent>,
    orders: &Orders,
) -> Result<StopReason, agent_client_protocol::Error> {
    agent
        .send_request(InitializeRequest::new(ProtocolVersion::V1))
        .block_task()
        .await?;
    let session: NewSessionResponse = agent
        .send_request(NewSessionRequest::new(&orders.root))
        .block_task()
        .await?;
    for option in session.config_options.iter().flatten() {
        if let Some(value) = choice(option, orders) {
            let request = SetSessionConfigOptionRequest::new(
                session.session_id.clone(),
                option.id.clone(),
                value.as_str(),
            );
            agent.send_request(request).block_task().await?;
        }
    }
    let prompt = vec![ContentBlock::Text(TextContent::new(orders.brief.clone()))];
    let response = agent
        .send_request(PromptRequest::new(session.session_id, prompt))
        .block_task()
        .await?;
    Ok(response.stop_reason)
}

/// The value that an option of the session should have, if it has another one now.
fn choice(option: &SessionConfigOption, orders: &Orders) -> Option<String> {
    let SessionConfigKind::Select(select) = &option.kind else {
        return None;
    };
    let offered: Vec<(String, &str)> = match &select.options {
        SessionConfigSelectOptions::Ungrouped(options) => options.iter().collect::<Vec<_>>(),
        SessionConfigSelectOptions::Grouped(groups) => {
            groups.iter().flat_map(|group| &group.options).collect()
        }
        _ => Vec::new(),
    }
    .into_iter()
    .map(|option| (option.value.to_string(), option.name.as_str()))
    .collect();
    let wanted: Vec<&str> = match &option.category {
        Some(SessionConfigOptionCategory::Model) => orders.model.as_deref().into_iter().collect(),
        Some(SessionConfigOptionCategory::Mode) if !orders.read_only => OPEN_MODES.to_vec(),
        _ => Vec::new(),
    };
    let (value, _) = offered.into_iter().find(|(value, name)| {
        wanted
            .iter()
            .any(|wanted| value == wanted || name == wanted || value.rsplit('/').next() == Some(*wanted))
    })?;
    (value != select.current_value.to_string()).then_some(value)
}

/// What the agent says and does, told line by line.
#[derive(Default)]
struct Calls {
    /// Edits under way, and the file of each.
    edits: BTreeMap<String, String>,
    /// Words that are not told yet: they come in pieces.
    words: String,
    /// When a sign of life was last told.
    alive: Option<tokio::time::Instant>,
}

/// Signs of life beyond one in this time tell nothing more.
const PULSE: Duration = Duration::from_secs(1);

impl Calls {
    fn hear(&mut self, update: SessionUpdate) {
        match update {
            SessionUpdate::AgentMessageChunk(chunk) => {
                if let ContentBlock::Text(text) = chunk.content {
                    self.words.push_str(&text.text);
                }
                // A sign of life; the words are told when they are whole.
                self.live();
            }
            SessionUpdate::AgentThoughtChunk(_) => self.live(),
            SessionUpdate::ToolCall(call) => {
                self.tell_words();
                print(&json!({"type": "tool", "name": call.title}));
                if call.kind == ToolKind::Edit {
                    self.edits
                        .insert(call.tool_call_id.to_string(), file(&call.locations, &call.title));
                }
                self.settle(&call.tool_call_id.to_string(), Some(call.status));
            }
            SessionUpdate::ToolCallUpdate(update) => self.updated(&update),
            _ => {}
        }
    }

    fn live(&mut self) {
        let now = tokio::time::Instant::now();
        if self.alive.is_none_or(|last| now - last >= PULSE) {
            self.alive = Some(now);
            print(&json!({"type": "progress"}));
        }
    }

    fn updated(&mut self, update: &ToolCallUpdate) {
        let id = update.tool_call_id.to_string();
        if update.fields.kind == Some(ToolKind::Edit) || self.edits.contains_key(&id) {
            let locations = update.fields.locations.as_deref().unwrap_or_default();
            let known = self.edits.entry(id.clone()).or_default();
            if known.is_empty() || !locations.is_empty() {
                *known = file(locations, update.fields.title.as_deref().unwrap_or(known));
            }
        }
        self.live();
        self.settle(&id, update.fields.status);
    }

    fn settle(&mut self, id: &str, status: Option<ToolCallStatus>) {
        match status {
            Some(ToolCallStatus::Failed) => {
                if let Some(file) = self.edits.remove(id) {
                    print(&json!({"type": "edit_failed", "file": file}));
                }
            }
            Some(ToolCallStatus::Completed) => {
                self.edits.remove(id);
            }
            _ => {}
        }
    }

    fn tell_words(&mut self) {
        let words = std::mem::take(&mut self.words);
        if !words.trim().is_empty() {
            print(&json!({"type": "text", "text": words}));
        }
    }

    fn finish(&mut self) {
        self.tell_words();
    }
}

fn file(locations: &[ToolCallLocation], otherwise: &str) -> String {
    let path = locations.first().map(|location| location.path.as_path());
    path.and_then(Path::to_str).unwrap_or(otherwise).to_owned()
}
