//! Codex, `codex exec --json`: OpenAI's models, over the Responses protocol only.
//!
//! Measured with version 0.169.0. Two things it says in prose alone, and they are read as such: that a patch
//! did not apply (standard error; its events have no trace of it), and the status of a failed request.

use serde::Deserialize;

use super::terminal::{Terminal, TerminalError, TerminalKind};
use super::{Invocation, Text, Transcript};
use crate::agent::Order;
use crate::model::TokenUsage;
use crate::route::Effort;

/// The variable that holds the dummy key.
const KEY: &str = "FOOTPLATE_MODEL_KEY";
/// The name of the provider in its configuration: ours, so that no built-in default applies.
const PROVIDER: &str = "footplate";
/// An endpoint may be silent so long within a stream; the meter's limit is shorter.
const STREAM_IDLE_MS: u32 = 600_000;

/// How it is started.
///
/// It has no way to allow only some tools. Where nothing of ours confines it, its own sandbox keeps it in the
/// worktree; it cannot be told to write into the artifact folder alone, so that a read-only node is given the
/// whole tree, which the caller resets.
pub(super) fn invocation(order: &Order) -> Invocation {
    let mut it = Invocation::default();
    it.args(["exec", "--json", "--ephemeral", "--color", "never"]);
    it.args(["--skip-git-repo-check", "--ignore-user-config", "--ignore-rules"]);
    it.args(["-C", &order.worktree.to_string_lossy()]);
    if order.confined {
        // Its own sandbox wants namespaces, which ours does not give.
        it.args(["--dangerously-bypass-approvals-and-sandbox"]);
    } else {
        it.args(["-s", "workspace-write"]);
    }
    if let Some(model) = &order.model {
        it.args(["-m", model]);
    }
    if let Some(effort) = order.effort {
        it.args(["-c", &format!("model_reasoning_effort={}", quoted(level(effort)))]);
    }
    it.args(["-c", "check_for_update_on_startup=false"]);
    it.args(["-c", "analytics.enabled=false"]);
    if let Some(url) = &order.model_url {
        it.args(["-c", &format!("model_provider={}", quoted(PROVIDER))]);
        let base = quoted(&format!("{}/v1", url.trim_end_matches('/')));
        // Requests are repeated by the meter; a stream that broke off can only be asked for again.
        let provider = format!(
            "model_providers.{PROVIDER}={{name=\"{PROVIDER}\",base_url={base},env_key=\"{KEY}\",\
             wire_api=\"responses\",request_max_retries=0,stream_max_retries=1,\
             stream_idle_timeout_ms={STREAM_IDLE_MS}}}"
        );
        it.args(["-c", &provider]);
        it.set_key(KEY, order);
    }
    it.args(["-"]);
    // Below the private home, but not below its `tmp`: there it would refuse to put its own tools.
    it.set("CODEX_HOME", order.home.join(".codex"));
    it.files.push((".codex/.keep", Vec::new()));
    it
}

fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// Reads the stream.
#[derive(Default)]
pub(super) struct Reader {
    /// The newest message: the last one is the answer.
    answer: String,
}

impl Reader {
    /// Takes a line; `None` where it is no event of this kind.
    pub(super) fn event(&mut self, line: &str, transcript: &mut Transcript<'_>) -> Option<()> {
        let event: Event<'_> = serde_json::from_str(line).ok()?;
        match event.kind?.as_str() {
            "thread.started" => {
                transcript.alive();
                transcript.session(event.thread_id?.as_str());
            }
            "item.started" => {
                let item = event.item?;
                transcript.tool_started(item.id?.as_str(), None);
            }
            "item.completed" => self.completed(&event.item?, transcript),
            // "Reconnecting... 3/5 (…)": it asks again.
            "error" => transcript.retried(),
            "turn.completed" => {
                if let Some(tokens) = event.usage.and_then(Usage::tokens) {
                    transcript.used_in_all(tokens, None);
                }
                transcript.ended(Terminal::success(std::mem::take(&mut self.answer)));
            }
            "turn.failed" => {
                // The last error before repeats what this says.
                transcript.retries = transcript.retries.saturating_sub(1);
                let message = event.error.and_then(|error| error.message);
                transcript.ended(Terminal {
                    error: Some(error(message.as_ref().map_or("", Text::as_str))),
                    ..Terminal::default()
                });
            }
            _ => transcript.alive(),
        }
        Some(())
    }

    fn completed(&mut self, item: &Item<'_>, transcript: &mut Transcript<'_>) {
        if let Some(id) = &item.id {
            transcript.tool_ended(id.as_str(), false);
        }
        match item.kind.as_ref().map(Text::as_str) {
            Some("agent_message") => {
                let text = item.text.as_ref().map_or("", Text::as_str);
                transcript.say(text);
                text.clone_into(&mut self.answer);
            }
            Some("file_change") if item.status.as_ref().is_some_and(|s| s.as_str() == "failed") => {
                let file = item.changes.as_ref().and_then(|changes| changes.first());
                transcript.edit_failed(file.and_then(|change| change.path.as_ref()).map(Text::as_str));
            }
            _ => {}
        }
    }
}

/// Reads a line of standard error for a patch that did not apply: nothing else tells of it.
pub(super) fn complaint(line: &[u8], transcript: &mut Transcript<'_>) {
    const MARK: &[u8] = b"apply_patch verification failed";
    let Some(at) = memchr::memmem::find(line, MARK) else {
        return;
    };
    let rest = String::from_utf8_lossy(&line[at + MARK.len()..]);
    let file = rest
        .rsplit_once(" in ")
        .map(|(_, file)| file.trim_end_matches(':'));
    transcript.edit_failed(file);
}

/// What a message means whose beginning is a fixed form: there is no field that says it.
fn error(message: &str) -> TerminalError {
    let status = message
        .strip_prefix("unexpected status ")
        .and_then(|rest| rest.get(..3)?.parse().ok());
    if let Some(status) = status {
        return TerminalError::of_status(status);
    }
    let kind = if message.starts_with("stream disconnected") {
        TerminalKind::Unavailable
    } else {
        TerminalKind::Other
    };
    TerminalError {
        kind,
        status: None,
        until: None,
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    thread_id: Option<Text<'a>>,
    #[serde(borrow)]
    item: Option<Item<'a>>,
    usage: Option<Usage>,
    #[serde(borrow)]
    error: Option<Failure<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    changes: Option<Vec<Change<'a>>>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    path: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Failure<'a> {
    #[serde(borrow)]
    message: Option<Text<'a>>,
}

/// Its input includes what was read from and written to the cache, its output the reasoning.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "these are the names on the wire")]
struct Usage {
    input_tokens: Option<u64>,
    #[serde(default)]
    cached_input_tokens: u64,
    #[serde(default)]
    cache_write_input_tokens: u64,
    output_tokens: Option<u64>,
    #[serde(default)]
    reasoning_output_tokens: u64,
}

impl Usage {
    fn tokens(self) -> Option<TokenUsage> {
        let cached = self
            .cached_input_tokens
            .saturating_add(self.cache_write_input_tokens);
        let output = self.output_tokens?;
        Some(TokenUsage {
            input: self.input_tokens?.saturating_sub(cached),
            cache_read: self.cached_input_tokens,
            cache_write: self.cache_write_input_tokens,
            output: output.saturating_sub(self.reasoning_output_tokens),
            reasoning: self.reasoning_output_tokens.min(output),
            ..TokenUsage::default()
        })
    }
}
