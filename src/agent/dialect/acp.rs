//! Agents behind the ACP bridge: which variables lead each of them to its model.
//!
//! What they print is read by [`super::command`], because the bridge speaks for them. Tried with Kimi Code 2.1.0
//! and OpenCode 1.18.33; Goose is set up from its documents.

use serde_json::json;

use super::Invocation;
use crate::agent::{AcpAgent, Order};
use crate::model::Dialect;
use crate::route::Effort;

/// What an agent believes of its model's context, in tokens: all current models hold so much.
const CONTEXT: u32 = 200_000;
/// The longest answer that it asks for, in tokens.
const OUTPUT: u32 = 16_384;
/// The name of the provider in an agent's configuration: ours, so that no built-in default applies.
const PROVIDER: &str = "footplate";

/// Adds what the agent wants to be told.
pub(super) fn tell(agent: AcpAgent, order: &Order, it: &mut Invocation) {
    match agent {
        AcpAgent::Kimi => kimi(order, it),
        AcpAgent::Opencode => opencode(order, it),
        AcpAgent::Goose => goose(order, it),
        AcpAgent::Other => {}
    }
}

fn base(order: &Order) -> Option<&str> {
    order.model_url.as_deref().map(|url| url.trim_end_matches('/'))
}

/// Kimi Code takes a whole provider from variables. Anthropic's protocol has its version in the path of the
/// request, OpenAI's in the base URL.
fn kimi(order: &Order, it: &mut Invocation) {
    it.set("KIMI_CODE_HOME", order.home.join(".kimi-code"));
    for name in [
        "KIMI_DISABLE_TELEMETRY",
        "KIMI_CODE_NO_AUTO_UPDATE",
        "KIMI_DISABLE_CRON",
    ] {
        it.set(name, "1");
    }
    // Requests are repeated by the meter; a stream that broke off can only be asked for again.
    it.set("KIMI_LOOP_MAX_ATTEMPTS_PER_STEP", "2");
    if let Some(model) = &order.model {
        it.set("KIMI_MODEL_NAME", model);
        it.set("KIMI_MODEL_MAX_CONTEXT_SIZE", CONTEXT.to_string());
    }
    if let Some(effort) = order.effort {
        it.set("KIMI_MODEL_THINKING_EFFORT", kimi_level(effort));
    }
    if let Some(url) = base(order) {
        let (kind, url) = match order.dialect.unwrap_or(Dialect::Openai) {
            Dialect::Anthropic => ("anthropic", url.to_owned()),
            Dialect::Openai | Dialect::Gemini => ("openai", format!("{url}/v1")),
        };
        it.set("KIMI_MODEL_PROVIDER_TYPE", kind);
        it.set("KIMI_MODEL_BASE_URL", url);
        it.set_key("KIMI_MODEL_API_KEY", order);
    }
}

fn kimi_level(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Xhigh => "xhigh",
        Effort::Max => "max",
    }
}

/// `OpenCode` takes its whole configuration from one variable. It looks the model up under `provider/id`.
fn opencode(order: &Order, it: &mut Invocation) {
    for (name, folder) in [
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_STATE_HOME", ".local/state"),
        ("XDG_CACHE_HOME", ".cache"),
    ] {
        it.set(name, order.home.join(folder));
    }
    for name in [
        "OPENCODE_DISABLE_AUTOUPDATE",
        "OPENCODE_DISABLE_MODELS_FETCH",
        "OPENCODE_DISABLE_LSP_DOWNLOAD",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS",
        "OPENCODE_DISABLE_SHARE",
    ] {
        it.set(name, "1");
    }
    let mut config = json!({"share": "disabled", "autoupdate": false});
    if order.read_only {
        // Asking goes to the bridge, which lets artifacts be written and nothing else.
        config["permission"] = json!({"edit": "ask", "bash": "deny", "webfetch": "deny"});
    }
    if let (Some(url), Some(model)) = (base(order), &order.model) {
        use secrecy::ExposeSecret;
        let key = order.model_key.as_ref().map_or("", |key| key.expose_secret());
        let package = match order.dialect.unwrap_or(Dialect::Openai) {
            Dialect::Anthropic => "@ai-sdk/anthropic",
            Dialect::Openai | Dialect::Gemini => "@ai-sdk/openai-compatible",
        };
        let mut entry = json!({"limit": {"context": CONTEXT, "output": OUTPUT}});
        if let Some(effort) = order.effort {
            entry["options"] = json!({"reasoningEffort": effort.as_str()});
        }
        config["provider"][PROVIDER] = json!({
            "npm": package,
            "options": {"baseURL": format!("{url}/v1"), "apiKey": key},
            "models": {model: entry},
        });
        let name = format!("{PROVIDER}/{model}");
        // Titles are written by the small model.
        config["small_model"] = json!(name);
        config["model"] = json!(name);
    }
    it.set("OPENCODE_CONFIG_CONTENT", config.to_string());
}

/// Goose joins the path of the request to a host that may have a path of its own.
fn goose(order: &Order, it: &mut Invocation) {
    it.set("GOOSE_DISABLE_KEYRING", "1");
    it.set("GOOSE_MODE", if order.read_only { "approve" } else { "auto" });
    it.set("XDG_CONFIG_HOME", order.home.join(".config"));
    if let Some(model) = &order.model {
        it.set("GOOSE_MODEL", model);
    }
    if let Some(url) = base(order) {
        let (provider, host, key) = match order.dialect.unwrap_or(Dialect::Openai) {
            Dialect::Anthropic => ("anthropic", "ANTHROPIC_HOST", "ANTHROPIC_API_KEY"),
            Dialect::Openai | Dialect::Gemini => ("openai", "OPENAI_HOST", "OPENAI_API_KEY"),
        };
        it.set("GOOSE_PROVIDER", provider);
        it.set(host, url);
        it.set_key(key, order);
    }
}
