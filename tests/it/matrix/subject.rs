//! The harnesses of the matrix: real programs, and a small script that is nobody's.

use std::path::{Path, PathBuf};

use footplate::agent::{AcpAgent, AcpHarness, Cli, CliHarness, CommandHarness, Harness, Variables};
use footplate::model::Dialect;

/// A row of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Claude,
    Codex,
    Gemini,
    Qwen,
    /// Over ACP.
    Kimi,
    /// Over ACP.
    Opencode,
    Builtin,
    /// A script in Python that knows nothing but the variables of the `command` harness.
    Command,
}

/// An agent in fifty lines: asks without streaming, gives up at the first error, has no last word.
const SCRIPT: &str = r#"
import json, os, subprocess, sys, urllib.request
env = os.environ
def tool(name, *wanted):
    fields = {key: {"type": "string"} for key in wanted}
    return {"type": "function", "function": {"name": name, "parameters":
        {"type": "object", "properties": fields, "required": list(wanted)}}}
tools = [tool("read", "path"), tool("edit", "path", "old", "new"), tool("write", "path", "content"),
         tool("shell", "command")]
def act(call):
    given = json.loads(call["arguments"])
    name = call["name"]
    if name == "read":
        return open(given["path"]).read()
    if name == "write":
        open(given["path"], "w").write(given["content"])
        return "written"
    if name == "edit":
        text = open(given["path"]).read()
        if given["old"] not in text:
            print(json.dumps({"type": "edit_failed", "file": given["path"]}), flush=True)
            return "there is no such text"
        open(given["path"], "w").write(text.replace(given["old"], given["new"], 1))
        return "replaced"
    if name == "shell":
        return subprocess.run(["sh", "-c", given["command"]], capture_output=True, text=True).stdout
    return "there is no such tool"
said = [{"role": "user", "content": open(env["FOOTPLATE_BRIEF"]).read()}]
while True:
    body = {"model": env["FOOTPLATE_MODEL"], "messages": said, "tools": tools}
    request = urllib.request.Request(env["FOOTPLATE_MODEL_URL"] + "/chat/completions", json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer " + env["FOOTPLATE_MODEL_KEY"]})
    message = json.load(urllib.request.urlopen(request))["choices"][0]["message"]
    said.append(message)
    print(json.dumps({"type": "text", "text": message.get("content") or ""}), flush=True)
    calls = message.get("tool_calls")
    if not calls:
        break
    for call in calls:
        try:
            outcome = act(call["function"])
        except (OSError, ValueError, KeyError) as error:
            outcome = "that failed: %s" % error
        said.append({"role": "tool", "tool_call_id": call["id"], "content": outcome})
"#;

impl Subject {
    pub(super) const ALL: [Self; 8] = [
        Self::Claude,
        Self::Codex,
        Self::Gemini,
        Self::Qwen,
        Self::Kimi,
        Self::Opencode,
        Self::Builtin,
        Self::Command,
    ];

    /// How much of the machine it takes: of three places.
    pub(super) fn places(self) -> u32 {
        match self {
            Self::Opencode => 2,
            _ => 1,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Qwen => "qwen",
            Self::Kimi => "kimi",
            Self::Opencode => "opencode",
            Self::Builtin => "builtin",
            Self::Command => "command",
        }
    }

    /// A model that the program knows, or does not mind; Gemini's replaces some names by others.
    pub(super) fn model(self) -> &'static str {
        match self {
            Self::Claude => "claude-sonnet-5-5",
            Self::Codex => "gpt-5.3-codex",
            Self::Gemini => "gemini-3-flash-preview",
            _ => "scripted-1",
        }
    }

    /// What is spoken to the model.
    pub(super) fn dialect(self) -> Dialect {
        match self {
            // The built-in agent speaks two; the script below speaks the other one.
            Self::Claude | Self::Builtin => Dialect::Anthropic,
            Self::Gemini => Dialect::Gemini,
            _ => Dialect::Openai,
        }
    }

    pub(super) fn harness(self) -> Harness {
        let own = Path::new(env!("CARGO_BIN_EXE_footplate"));
        let cli = |cli| {
            Harness::Cli(CliHarness {
                program: program(self.name()),
                ..CliHarness::new(cli)
            })
        };
        let acp = |agent: AcpAgent| {
            Harness::Acp(AcpHarness {
                argv: vec![program(self.name()), "acp".to_owned()],
                ..AcpHarness::new(agent, own)
            })
        };
        match self {
            Self::Claude => cli(Cli::Claude),
            Self::Codex => cli(Cli::Codex),
            Self::Gemini => cli(Cli::Gemini),
            Self::Qwen => cli(Cli::Qwen),
            Self::Kimi => acp(AcpAgent::Kimi),
            Self::Opencode => acp(AcpAgent::Opencode),
            Self::Builtin => Harness::named("builtin", own).expect("it needs no configuration"),
            Self::Command => Harness::Command(CommandHarness {
                name: "command".to_owned(),
                argv: ["python3", "-c", SCRIPT].map(str::to_owned).to_vec(),
                variables: Variables::new(),
            }),
        }
    }
}

fn program(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/agents/bin");
    let program: PathBuf = folder.join(name);
    assert!(
        program.exists(),
        "{} is missing; ./scripts/agents installs it",
        program.display()
    );
    program.to_string_lossy().into_owned()
}
