//! What the agents of a story do, as scripts of the `scripted` harness.
//!
//! The repository is a list of words with a check, small enough that a whole run takes a second. `@STAGE@` in a
//! script stands for the stage's folder.

use serde_json::{Map, Value, json};

/// The files of the repository.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("README.md", "# Words\n\nOne word a line.\n"),
    ("words.txt", "one\nthree\n"),
    ("check.sh", CHECK),
];

/// A check that counts as a program's tests: it says how many there were as Python's unittest does.
const CHECK: &str = "\
if grep -q one words.txt; then
  printf 'Ran 2 tests in 0.001s\\n\\nOK\\n'
else
  printf 'Ran 2 tests in 0.001s\\n\\nFAILED (failures=1)\\n'
  exit 1
fi
";

/// The title of the issue.
pub(crate) const TITLE: &str = "The word two is missing";

/// A script: steps by role.
#[derive(Debug, Clone)]
pub(crate) struct Script(Map<String, Value>);

impl Script {
    /// An agent that does the right thing in every role.
    pub(crate) fn good() -> Self {
        let parts = json!({
            "explore": [say("Reading."), usage(), exploration()],
            "plan": [say("Planning."), usage(), plan("Add the word two")],
            "implement": implement(),
            "validate": [say("Comparing."), usage(), validation("pass")],
        });
        match parts {
            Value::Object(parts) => Self(parts),
            _ => unreachable!("it is written as an object"),
        }
    }

    /// Replaces what is done in a role: steps, or steps by attempt.
    #[must_use]
    pub(crate) fn with(mut self, role: &str, steps: Value) -> Self {
        self.0.insert(role.to_owned(), steps);
        self
    }

    /// The file's text.
    pub(crate) fn text(&self, stage: &str) -> String {
        Value::Object(self.0.clone())
            .to_string()
            .replace("@STAGE@", stage)
    }
}

/// The right change, with its account.
pub(crate) fn implement() -> Value {
    json!([say("Adding it."), usage(), add_two(), implementation()])
}

/// The right change, made when the story opens the gate `go`; until then the bell has rung with `working`.
pub(crate) fn implement_when_told() -> Value {
    json!([
        say("Adding it."),
        ring("working"),
        wait_for("go"),
        add_two(),
        implementation()
    ])
}

/// Says something to people.
pub(crate) fn say(text: &str) -> Value {
    json!({ "text": text })
}

/// Rings the story's bell with a word.
pub(crate) fn ring(word: &str) -> Value {
    json!({"shell": format!("echo {word} > @STAGE@/bell")})
}

/// Waits until the story opens a gate.
pub(crate) fn wait_for(gate: &str) -> Value {
    json!({"wait_for": format!("@STAGE@/{gate}")})
}

/// Says what it used.
pub(crate) fn usage() -> Value {
    json!({"usage": {"input_tokens": 1000, "output_tokens": 100}})
}

/// The change that the issue asks for.
pub(crate) fn add_two() -> Value {
    json!({"edit": {"file": "words.txt", "find": "one\n", "replace": "one\ntwo\n"}})
}

/// An artifact.
pub(crate) fn artifact(name: &str, content: &str) -> Value {
    json!({"artifact": {"name": name, "content": content}})
}

/// A well-formed exploration.
pub(crate) fn exploration() -> Value {
    artifact(
        "exploration.md",
        "---\nfootplate: exploration/1\nfiles: [words.txt]\nnotes: []\n---\nThe words are in `words.txt`.\n",
    )
}

/// A well-formed plan for `words.txt` with this summary.
pub(crate) fn plan(summary: &str) -> Value {
    plan_for(summary, "words.txt", "[]")
}

/// A well-formed plan for a file, with questions as a YAML list.
pub(crate) fn plan_for(summary: &str, file: &str, questions: &str) -> Value {
    let content = format!(
        "---\nfootplate: plan/1\nsummary: {summary}\nfiles: [{file}]\nsteps:\n  - {{id: 1, title: {summary}, class: \
         content, files: [{file}]}}\ntests: [sh check.sh]\ncriteria: [The word is in the list]\nrisks: []\nquestions: \
         {questions}\nsize: small\n---\n# Plan\n\n{summary}.\n"
    );
    artifact("plan.md", &content)
}

/// A well-formed account of the implementation.
pub(crate) fn implementation() -> Value {
    artifact(
        "implementation.md",
        "---\nfootplate: implementation/1\nsteps: [{id: 1, done: true}]\ndeviations: []\n---\nThe word is there.\n",
    )
}

/// A well-formed validation with this verdict.
pub(crate) fn validation(verdict: &str) -> Value {
    let met = verdict == "pass";
    let content = format!(
        "---\nfootplate: validation/1\nverdict: {verdict}\ncriteria: [{{criterion: 1, met: {met}, evidence: \
         \"checks.md, command 1\"}}]\nfindings: []\n---\nLooked at the list.\n"
    );
    artifact("validation.md", &content)
}
