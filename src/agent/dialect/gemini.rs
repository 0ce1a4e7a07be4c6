//! Gemini CLI, `gemini -o stream-json`.
//!
//! Measured with version 0.61.0, which replaces some models by others without a word: which one answered is
//! told by the wire, or by the statistics at the end. Its exit code is the HTTP status modulo 256.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::terminal::{Terminal, TerminalError, TerminalKind};
use super::{Invocation, Text, Transcript};
use crate::agent::{Exit, Order};
use crate::model::TokenUsage;
use crate::route::Effort;

/// The model that this version asks in place of some that it is told, so that settings must name it too.
const REPLACEMENT: &str = "gemini-3.8-flash";
/// All its tools that only read, and the one that writes a whole file, for artifacts.
const READING: [&str; 5] = ["list_directory", "read_file", "glob", "grep_search", "write_file"];
/// All its tools that work on the tree.
const WORKING: [&str; 7] = [
    "list_directory",
    "read_file",
    "glob",
    "grep_search",
    "write_file",
    "replace",
    "run_shell_command",
];
/// The tools that change files.
const EDITORS: [&str; 2] = ["replace", "write_file"];
/// Where the policy of a read-only node lies, below the home.
const POLICY: &str = ".gemini/footplate-policy.toml";

/// How it is started.
///
/// A read-only node can read, search, and write into the artifact folder; it has no shell.
pub(super) fn invocation(order: &Order) -> Invocation {
    let mut it = Invocation::default();
    it.args(["-o", "stream-json", "--skip-trust"]);
    if let Some(model) = &order.model {
        it.args(["-m", model]);
    }
    if order.read_only {
        it.args(["--approval-mode", "default", "--policy"]);
        it.argv
            .push(order.home.join(POLICY).to_string_lossy().into_owned());
        it.files.push((POLICY, policy().into_bytes()));
    } else {
        it.args(["--approval-mode", "yolo"]);
    }
    it.files
        .push((".gemini/settings.json", settings(order).into_bytes()));
    it.set("GEMINI_CLI_NO_RELAUNCH", "true");
    if let Some(url) = &order.model_url {
        it.set("GOOGLE_GEMINI_BASE_URL", url);
        it.set_key("GEMINI_API_KEY", order);
    }
    it
}

fn settings(order: &Order) -> String {
    let tools: &[&str] = if order.read_only { &READING } else { &WORKING };
    let mut settings = json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {
            "enableAutoUpdate": false,
            "enableAutoUpdateNotification": false,
            // Requests are repeated by the meter.
            "maxAttempts": 1,
            "retryFetchErrors": false,
        },
        "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false},
        "tools": {"core": tools},
        "model": {"maxSessionTurns": 200},
    });
    if let (Some(effort), Some(model)) = (order.effort, &order.model) {
        let level = json!({"thinkingConfig": {"thinkingLevel": level(effort)}});
        let overrides: Vec<_> = [model.as_str(), REPLACEMENT]
            .map(|model| json!({"match": {"model": model}, "modelConfig": {"generateContentConfig": level}}))
            .into();
        settings["modelConfigs"] = json!({"customOverrides": overrides});
    }
    settings.to_string()
}

/// Its thinking levels end at high.
fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High | Effort::Xhigh | Effort::Max => "HIGH",
    }
}

/// Writing is allowed into the artifact folder only. The higher number wins.
fn policy() -> String {
    // Its check of patterns refuses nested repetitions.
    r#"[[rule]]
toolName = "write_file"
argsPattern = "\\.footplate/[A-Za-z0-9._-]*\""
decision = "allow"
priority = 990

[[rule]]
toolName = "write_file"
decision = "deny"
priority = 980
denyMessage = "This step only reads: write nothing but its artifacts, into .footplate/."
"#
    .to_owned()
}

/// Reads the stream.
#[derive(Default)]
pub(super) struct Reader {
    /// What was said since the last call of a tool: at the end it is the answer.
    answer: String,
}

impl Reader {
    /// Takes a line; `None` where it is no event of this kind.
    pub(super) fn event(&mut self, line: &str, transcript: &mut Transcript<'_>) -> Option<()> {
        let event: Event<'_> = serde_json::from_str(line).ok()?;
        match event.kind.as_ref()?.as_str() {
            "init" => {
                transcript.alive();
                if let Some(id) = &event.session_id {
                    transcript.session(id.as_str());
                }
                if let Some(model) = &event.model {
                    transcript.model(model.as_str());
                }
            }
            "message" => {
                if event.role.is_some_and(|role| role.as_str() == "assistant") {
                    let text = event.content?;
                    self.answer.push_str(text.as_str());
                    if event.delta == Some(true) {
                        transcript.say_piece(text.as_str());
                    } else {
                        transcript.say(text.as_str());
                    }
                } else {
                    // It repeats the prompt.
                    transcript.alive();
                }
            }
            "tool_use" => {
                self.answer.clear();
                transcript.end_line();
                let name = event.tool_name.as_ref().map_or("", Text::as_str);
                let file = event.parameters.as_ref().and_then(|p| p.file_path.as_ref());
                let edits = EDITORS.contains(&name).then(|| file.map_or(name, Text::as_str));
                transcript.tool_started(event.tool_id?.as_str(), edits);
            }
            "tool_result" => {
                let failed = event.status.is_some_and(|status| status.as_str() == "error");
                transcript.tool_ended(event.tool_id?.as_str(), failed);
            }
            "result" => self.result(&event, transcript),
            _ => transcript.alive(),
        }
        Some(())
    }

    fn result(&mut self, event: &Event<'_>, transcript: &mut Transcript<'_>) {
        if let Some(stats) = &event.stats {
            if let Some(tokens) = stats.tokens() {
                transcript.used_in_all(tokens, None);
            }
            let busiest = stats.models.iter().max_by_key(|(_, used)| used.total_tokens);
            if let Some((model, used)) = busiest
                && used.total_tokens > 0
            {
                transcript.model(model);
            }
        }
        let text = std::mem::take(&mut self.answer);
        transcript.ended(match &event.status {
            Some(status) if status.as_str() == "success" => Terminal::success(text),
            // Its own words for this are in an event before; that there is no error here is the fact.
            _ if event.error.is_none() && text.trim().is_empty() => Terminal::failure(TerminalKind::Empty),
            _ => Terminal::failure(TerminalKind::Other),
        });
    }
}

/// Takes the status of the endpoint from the exit code, if that is one modulo 256.
pub(super) fn exited(exit: Exit, transcript: &mut Transcript<'_>) {
    let Exit::Code(code @ 144..=255) = exit else {
        return;
    };
    let status = u16::try_from(code + 256).unwrap_or(0);
    let terminal = transcript.terminal.get_or_insert_default();
    if !terminal.ok {
        terminal.error = Some(TerminalError::of_status(status));
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    session_id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Text<'a>>,
    delta: Option<bool>,
    #[serde(borrow)]
    tool_name: Option<Text<'a>>,
    #[serde(borrow)]
    tool_id: Option<Text<'a>>,
    #[serde(borrow)]
    parameters: Option<Parameters<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    error: Option<serde::de::IgnoredAny>,
    stats: Option<Stats>,
}

#[derive(Deserialize)]
struct Parameters<'a> {
    #[serde(borrow)]
    file_path: Option<Text<'a>>,
}

/// Its input includes what was read from the cache; its output leaves out the thoughts, the total has them.
#[derive(Deserialize)]
struct Stats {
    total_tokens: Option<u64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    #[serde(default)]
    cached: u64,
    #[serde(default)]
    models: BTreeMap<String, ModelStats>,
}

#[derive(Deserialize)]
struct ModelStats {
    #[serde(default)]
    total_tokens: u64,
}

impl Stats {
    fn tokens(&self) -> Option<TokenUsage> {
        let (input, output) = (self.input_tokens?, self.output_tokens?);
        let told = input.saturating_add(output);
        Some(TokenUsage {
            input: input.saturating_sub(self.cached),
            cache_read: self.cached.min(input),
            output,
            reasoning: self.total_tokens.unwrap_or(told).saturating_sub(told),
            ..TokenUsage::default()
        })
    }
}
