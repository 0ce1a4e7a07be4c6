//! A request to a model, read into what the four protocols have in common.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

/// The protocol of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// Anthropic's Messages.
    Messages,
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's Responses.
    Responses,
    /// Google's generateContent and streamGenerateContent.
    Gemini,
}

/// A tool on offer.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    pub(super) name: String,
    /// The parameters' schema; none for a tool that takes free text.
    pub(super) schema: Option<Value>,
}

/// What a request asks.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) wire: Wire,
    pub(super) model: String,
    pub(super) stream: bool,
    /// Whether a stream shall end with usage; only Chat Completions asks.
    pub(super) wants_usage: bool,
    /// Whether a stream comes as server-sent events; Gemini's default is a JSON array.
    pub(super) sse: bool,
    pub(super) tools: Vec<Offered>,
    /// How many results of tools the history holds.
    pub(super) results: usize,
    /// The newest result of a tool, as text.
    pub(super) result: Option<String>,
    /// The id of the newest call in the history.
    pub(super) call: Option<String>,
    /// Whether the model has already said something.
    pub(super) continued: bool,
    /// What the user said before the model's first answer.
    pub(super) prompt: String,
    /// Where the agent works, as it told the model.
    pub(super) root: Option<String>,
}

impl Asked {
    /// Reads a body that has passed the checks of its protocol.
    pub(super) fn read(wire: Wire, model: String, stream: bool, sse: bool, body: &Value) -> Self {
        let mut asked = Self {
            wire,
            model,
            stream,
            wants_usage: wire != Wire::Chat
                || body["stream_options"]["include_usage"].as_bool() == Some(true),
            sse,
            tools: Vec::new(),
            results: 0,
            result: None,
            call: None,
            continued: false,
            prompt: String::new(),
            root: root(body),
        };
        match wire {
            Wire::Messages => asked.messages(body),
            Wire::Chat => asked.chat(body),
            Wire::Responses => asked.responses(body),
            Wire::Gemini => asked.gemini(body),
        }
        asked
    }

    /// A number that all requests of one session share: the session's beginning.
    pub(super) fn head(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.model, &self.prompt, &self.root).hash(&mut hasher);
        hasher.finish()
    }

    /// The role that the prompt's brief names.
    pub(super) fn role(&self) -> Option<&str> {
        let (_, rest) = self.prompt.split_once("# Your task: ")?;
        rest.split_whitespace().next()
    }

    fn messages(&mut self, body: &Value) {
        for tool in list(&body["tools"]) {
            self.offer(&tool["name"], Some(&tool["input_schema"]));
        }
        for message in list(&body["messages"]) {
            match message["role"].as_str() {
                Some("assistant") => {
                    self.continued = true;
                    for block in list(&message["content"]) {
                        if block["type"] == "tool_use" {
                            self.call = text(&block["id"]);
                        }
                    }
                }
                Some("user") => {
                    self.said(&message["content"]);
                    for block in list(&message["content"]) {
                        if block["type"] == "tool_result" {
                            self.answered(&block["content"]);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn chat(&mut self, body: &Value) {
        for tool in list(&body["tools"]) {
            let function = &tool["function"];
            self.offer(&function["name"], Some(&function["parameters"]));
        }
        for message in list(&body["messages"]) {
            match message["role"].as_str() {
                Some("assistant") => {
                    self.continued = true;
                    for call in list(&message["tool_calls"]) {
                        self.call = text(&call["id"]);
                    }
                }
                Some("tool") => self.answered(&message["content"]),
                Some("user") => self.said(&message["content"]),
                _ => {}
            }
        }
    }

    fn responses(&mut self, body: &Value) {
        for tool in list(&body["tools"]) {
            match tool["type"].as_str() {
                Some("function") => self.offer(&tool["name"], Some(&tool["parameters"])),
                Some("custom") => self.offer(&tool["name"], None),
                // Server-side tools and namespaces are not for scripts.
                _ => {}
            }
        }
        if let Some(prompt) = body["input"].as_str() {
            self.prompt.push_str(prompt);
        }
        for item in list(&body["input"]) {
            match item["type"].as_str() {
                Some("function_call" | "custom_tool_call") => {
                    self.continued = true;
                    self.call = text(&item["call_id"]);
                }
                Some("function_call_output" | "custom_tool_call_output") => self.answered(&item["output"]),
                Some("message") | None => match item["role"].as_str() {
                    Some("assistant") => self.continued = true,
                    Some("user") => self.said(&item["content"]),
                    _ => {}
                },
                _ => {}
            }
        }
    }

    fn gemini(&mut self, body: &Value) {
        for tool in list(&body["tools"]) {
            let declared = tool
                .get("functionDeclarations")
                .or_else(|| tool.get("function_declarations"));
            for function in declared.map(list).unwrap_or_default() {
                let schema = function
                    .get("parametersJsonSchema")
                    .unwrap_or(&function["parameters"]);
                self.offer(&function["name"], Some(schema));
            }
        }
        for content in list(&body["contents"]) {
            if content["role"] == "model" {
                self.continued = true;
                continue;
            }
            self.said(&content["parts"]);
            for part in list(&content["parts"]) {
                if let Some(response) = part.get("functionResponse") {
                    self.answered(&response["response"]);
                }
            }
        }
    }

    fn offer(&mut self, name: &Value, schema: Option<&Value>) {
        if let Some(name) = name.as_str() {
            self.tools.push(Offered {
                name: name.to_owned(),
                schema: schema.cloned(),
            });
        }
    }

    fn said(&mut self, content: &Value) {
        if self.continued {
            return;
        }
        for part in words(content) {
            self.prompt.push_str(part);
            self.prompt.push('\n');
        }
    }

    fn answered(&mut self, content: &Value) {
        self.results += 1;
        let words = words(content);
        self.result = Some(if words.is_empty() {
            content.to_string()
        } else {
            words.join("\n")
        });
    }
}

/// The elements of an array; none where there is no array.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The texts of a content that is a text or a list of parts.
fn words(content: &Value) -> Vec<&str> {
    match content {
        Value::String(text) => vec![text],
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => Vec::new(),
    }
}

/// The phrases by which agent programs tell the model where they work, each with what ends the path.
const ROOTS: &[(&str, char)] = &[
    ("orking directory: ", '\n'),
    ("<cwd>", '<'),
    ("orking in the directory: ", '\n'),
    ("orking directory is `", '`'),
    ("**Workspace Directories:**\n  - ", '\n'),
];

/// The first absolute path that any text of the request calls the place of work.
fn root(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => ROOTS.iter().find_map(|(phrase, end)| {
            let (_, rest) = text.split_once(phrase)?;
            let path = rest.split(*end).next()?.trim();
            path.starts_with('/').then(|| path.to_owned())
        }),
        Value::Array(parts) => parts.iter().find_map(root),
        Value::Object(fields) => fields.values().find_map(root),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_brief_names_the_role_and_a_quoted_one_does_not() {
        let body = json!({"messages": [{"role": "user", "content": "# Your task: plan\n\n```text\n# Your task: validate\n```"}]});
        let asked = Asked::read(Wire::Messages, "m".into(), false, true, &body);
        assert_eq!(asked.role(), Some("plan"));
    }

    #[test]
    fn the_place_of_work_is_read_as_each_program_says_it() {
        for said in [
            " - Primary working directory: /w/x\n - more",
            "<cwd>/w/x</cwd>",
            "I'm currently working in the directory: /w/x\nHere",
            "The current working directory is `/w/x`. The",
            "- **Workspace Directories:**\n  - /w/x\n- more",
        ] {
            assert_eq!(root(&json!([{"text": said}])).as_deref(), Some("/w/x"), "{said}");
        }
        assert_eq!(root(&json!("Working directory: here\n")), None);
    }
}
