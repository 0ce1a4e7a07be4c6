//! Turns a generic turn into a call of a tool that the request offers.
//!
//! Nothing here asks which program is at the other end: names and parameters are picked from what it declares.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::asked::{Asked, Offered};
use super::scenario::Turn;

/// A call of an offered tool.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Arguments,
}

/// What a call passes on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Arguments {
    /// An object, as its schema wants it.
    Object(Map<String, Value>),
    /// Free text.
    Text(String),
}

impl Arguments {
    /// As the text that a protocol carries.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Object(fields) => Value::Object(fields.clone()).to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

// Names of real tools, the best first.
const READ: &[&str] = &["Read", "read_file", "read", "ReadFile", "view"];
const WRITE: &[&str] = &[
    "Write",
    "write_file",
    "write",
    "WriteFile",
    "create_file",
    "create",
];
const EDIT: &[&str] = &[
    "Edit",
    "replace",
    "edit",
    "edit_file",
    "StrReplaceFile",
    "str_replace",
];
const SHELL: &[&str] = &[
    "Bash",
    "run_shell_command",
    "bash",
    "Shell",
    "exec_command",
    "shell_command",
    "shell",
    "local_shell",
    "run_command",
];
const PATCH: &str = "apply_patch";

// Names of real parameters.
const PATH: &[&str] = &[
    "file_path",
    "filePath",
    "absolute_path",
    "path",
    "file",
    "filename",
];
const OLD: &[&str] = &["old_string", "oldString", "old_str", "old", "old_text"];
const NEW: &[&str] = &["new_string", "newString", "new_str", "new", "new_text"];
const CONTENT: &[&str] = &["content", "contents", "file_text", "text"];
const COMMAND: &[&str] = &["command", "cmd", "script"];

/// The call that carries out `turn`; `None` where no offered tool can.
pub(super) fn bind(turn: &Turn, asked: &Asked) -> Option<Call> {
    let offered = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| asked.tools.iter().find(|tool| tool.name == *name))
    };
    let place = |path: &str| match &asked.root {
        // Some programs refuse relative paths.
        Some(root) if !path.starts_with('/') => format!("{root}/{path}"),
        _ => path.to_owned(),
    };
    let patch = || asked.tools.iter().find(|tool| tool.name == PATCH);
    let shell = |command: &str| Some(call(offered(SHELL)?, &[(COMMAND, command)]));
    match turn {
        Turn::Say { .. } => None,
        Turn::Read { path } => match offered(READ) {
            Some(tool) => Some(call(tool, &[(PATH, &place(path))])),
            None => shell(&format!("cat {}", quoted(path))),
        },
        Turn::WriteFile { path, content } => match (offered(WRITE), patch()) {
            (Some(tool), _) => Some(call(tool, &[(PATH, &place(path)), (CONTENT, content)])),
            (None, Some(tool)) => Some(apply(tool, &added(path, content))),
            (None, None) => shell(&poured(path, content)),
        },
        Turn::Edit { path, old, new } => match (offered(EDIT), patch()) {
            (Some(tool), _) => Some(call(tool, &[(PATH, &place(path)), (OLD, old), (NEW, new)])),
            (None, Some(tool)) => Some(apply(tool, &updated(path, old, new))),
            (None, None) => shell(&patched(&updated(path, old, new))),
        },
        Turn::Shell { command } => shell(command),
    }
}

fn call(tool: &Offered, arguments: &[(&[&str], &str)]) -> Call {
    let schema = tool.schema.as_ref().unwrap_or(&Value::Null);
    let declared = &schema["properties"];
    let mut fields = Map::new();
    for (names, value) in arguments {
        let name = names
            .iter()
            .find(|name| declared.get(**name).is_some())
            .unwrap_or(&names[0]);
        let is_list = declared[*name]["type"] == "array";
        let value = if is_list {
            json!(["bash", "-lc", value])
        } else {
            json!(value)
        };
        fields.insert((*name).to_owned(), value);
    }
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    for name in required.iter().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            fields.insert(name.to_owned(), filler(&declared[name]));
        }
    }
    Call {
        name: tool.name.clone(),
        arguments: Arguments::Object(fields),
    }
}

/// A value for a parameter that the schema wants and the script has no opinion on.
fn filler(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
        return first.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("boolean") => json!(false),
        Some("number" | "integer") => json!(1),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("as the script says"),
    }
}

fn apply(tool: &Offered, patch: &str) -> Call {
    let arguments = match &tool.schema {
        None => Arguments::Text(patch.to_owned()),
        Some(schema) => {
            let name = schema["properties"]
                .as_object()
                .and_then(|fields| fields.keys().next())
                .map_or("input", String::as_str);
            Arguments::Object(Map::from_iter([(name.to_owned(), json!(patch))]))
        }
    };
    Call {
        name: tool.name.clone(),
        arguments,
    }
}

fn added(path: &str, content: &str) -> String {
    let mut text = format!("*** Begin Patch\n*** Add File: {path}\n");
    for line in content.lines() {
        let _ = writeln!(text, "+{line}");
    }
    text + "*** End Patch"
}

fn updated(path: &str, old: &str, new: &str) -> String {
    let mut text = format!("*** Begin Patch\n*** Update File: {path}\n@@\n");
    for line in old.lines() {
        let _ = writeln!(text, "-{line}");
    }
    for line in new.lines() {
        let _ = writeln!(text, "+{line}");
    }
    text + "*** End Patch"
}

/// A file written through a shell: the heredoc's end does not occur in sane content.
fn poured(path: &str, content: &str) -> String {
    let end = if content.ends_with('\n') { "" } else { "\n" };
    let file = quoted(path);
    format!("mkdir -p \"$(dirname {file})\" && cat > {file} <<'END_OF_FILE'\n{content}{end}END_OF_FILE")
}

/// A patch through a shell. Programs that offer nothing but a shell to edit with have this command in it.
fn patched(patch: &str) -> String {
    format!("apply_patch <<'END_OF_PATCH'\n{patch}\nEND_OF_PATCH")
}

fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', "'\\''"))
}
