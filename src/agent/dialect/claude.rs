//! Claude Code, `claude`: also for every other vendor that speaks Anthropic's Messages at a base URL of its own.
//!
//! Measured with version 2.1.330. Its stream is read by [`super::messages`].

use super::{Invocation, messages};
use crate::agent::Order;
use crate::route::Effort;

/// Requests before it gives up; every turn is one. The meter has a limit of its own where there is one.
const MAX_TURNS: &str = "200";
/// One request, in milliseconds, for the slowest thinking models: the meter ends a silent one long before.
const TIMEOUT_MS: &str = "1200000";

/// How it is started.
///
/// A read-only node can read, search, and write into the artifact folder; it has no shell.
pub(super) fn invocation(order: &Order) -> Invocation {
    let mut it = Invocation::default();
    it.args(["-p", "--output-format", "stream-json", "--verbose"]);
    if let Some(model) = &order.model {
        it.args(["--model", model]);
    }
    if let Some(effort) = order.effort {
        it.args(["--effort", level(effort)]);
    }
    if order.read_only {
        // A pattern with one leading slash is relative to the place of the settings, with two absolute.
        let write = format!("Write(/{}/**)", order.artifacts.display());
        let edit = format!("Edit(/{}/**)", order.artifacts.display());
        it.args([
            "--permission-mode",
            "dontAsk",
            "--tools",
            "Read,Grep,Glob,Write,Edit",
        ]);
        it.args(["--allowedTools", "Read", "Grep", "Glob", &write, &edit]);
    } else {
        it.args(["--permission-mode", "acceptEdits"]);
        it.args(["--tools", "Bash,Edit,Glob,Grep,NotebookEdit,Read,Write"]);
        it.args(["--allowedTools", "Bash", "Edit", "NotebookEdit", "Write"]);
    }
    it.args(["--setting-sources", "", "--strict-mcp-config"]);
    it.args(["--no-session-persistence", "--disable-slash-commands"]);
    it.args(["--max-turns", MAX_TURNS]);

    it.set("CLAUDE_CONFIG_DIR", order.home.join(".claude"));
    for (name, value) in super::QUIET {
        it.set(name, *value);
    }
    // One, for a stream that breaks off in the middle, which no gateway can repeat.
    it.set("CLAUDE_CODE_MAX_RETRIES", "1");
    it.set("API_TIMEOUT_MS", TIMEOUT_MS);
    if let Some(url) = &order.model_url {
        it.set("ANTHROPIC_BASE_URL", url);
        it.set_key("ANTHROPIC_AUTH_TOKEN", order);
    }
    if let Some(model) = &order.model {
        // Every tier: titles and summaries go to the smallest model, sub-agents to another, and a foreign
        // vendor maps the names of Anthropic's models to whatever it likes.
        for tier in [
            "ANTHROPIC_MODEL",
            "ANTHROPIC_DEFAULT_OPUS_MODEL",
            "ANTHROPIC_DEFAULT_SONNET_MODEL",
            "ANTHROPIC_DEFAULT_HAIKU_MODEL",
            "CLAUDE_CODE_SUBAGENT_MODEL",
        ] {
            it.set(tier, model);
        }
    }
    it
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

/// The tools that change files.
pub(super) const EDITORS: messages::Editors = &["Edit", "MultiEdit", "NotebookEdit", "Write"];
