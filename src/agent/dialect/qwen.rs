//! Qwen Code, `qwen`: for any server that speaks OpenAI's Chat Completions, and for exact models of Google.
//!
//! Measured with version 0.24.4. Its stream is read by [`super::messages`]. It exits with 55 when it met one
//! of its own limits, and then prints no last event.

use serde_json::json;

use super::terminal::{Terminal, TerminalKind};
use super::{Invocation, Transcript, messages};
use crate::agent::{Exit, Order};
use crate::model::Dialect;
use crate::route::Effort;

/// The exit code of a limit on turns, time or tool calls.
const LIMIT: i32 = 55;
/// The tools of a node that only reads, and the one that writes a whole file, for artifacts.
const READING: &str = "read_file,list_directory,glob,grep_search,write_file";
/// All its tools that work on the tree.
const WORKING: &str =
    "read_file,list_directory,glob,grep_search,write_file,edit,notebook_edit,run_shell_command";

/// The tools that change files.
pub(super) const EDITORS: messages::Editors = &["edit", "notebook_edit", "write_file"];

/// How it is started.
///
/// A read-only node can read, search and write whole files; it has neither editor nor shell, and the caller
/// resets what it writes outside the artifact folder.
pub(super) fn invocation(order: &Order) -> Invocation {
    let dialect = order.dialect.unwrap_or(Dialect::Openai);
    let (auth, key, base) = match dialect {
        Dialect::Openai => ("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
        Dialect::Anthropic => ("anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
        Dialect::Gemini => ("gemini", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL"),
    };
    let mut it = Invocation::default();
    it.args(["-o", "stream-json", "--approval-mode", "yolo"]);
    it.args(["--auth-type", auth, "--chat-recording", "false"]);
    it.args(["--max-session-turns", "200", "--max-tool-calls", "600"]);
    it.args(["--core-tools", if order.read_only { READING } else { WORKING }]);
    if let Some(model) = &order.model {
        it.args(["-m", model]);
    }
    it.files
        .push((".qwen/settings.json", settings(order, auth).into_bytes()));
    it.set("QWEN_CODE_SUPPRESS_YOLO_WARNING", "1");
    it.set("QWEN_CODE_NO_RELAUNCH", "1");
    it.set("QWEN_CODE_DISABLE_CRON", "1");
    if let Some(url) = &order.model_url {
        let url = url.trim_end_matches('/');
        it.set(
            base,
            match dialect {
                Dialect::Openai => format!("{url}/v1"),
                Dialect::Anthropic | Dialect::Gemini => url.to_owned(),
            },
        );
        it.set_key(key, order);
    }
    it
}

fn settings(order: &Order, auth: &str) -> String {
    let mut settings = json!({
        "security": {"auth": {"selectedType": auth}},
        "general": {"enableAutoUpdate": false},
        "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false},
        // Requests are repeated by the meter.
        "model": {"generationConfig": {"maxRetries": 0}},
    });
    if let Some(effort) = order.effort {
        settings["model"]["generationConfig"]["reasoning"] = json!({"effort": level(effort)});
    }
    settings.to_string()
}

fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    }
}

/// Takes from the exit code what no event tells.
pub(super) fn exited(exit: Exit, transcript: &mut Transcript<'_>) {
    if exit == Exit::Code(LIMIT) && transcript.terminal.is_none() {
        transcript.ended(Terminal::failure(TerminalKind::Limit));
    }
}
