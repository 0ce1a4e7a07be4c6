//! `exploration.md`: what there is, for the planner.

use serde::{Deserialize, Serialize};

use super::files;
use super::front::{Fields, Front, short};

/// What the explorer found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exploration {
    /// Where the work will be: paths or globs, relative to the repository's root.
    pub files: Vec<String>,
    /// One line each.
    pub notes: Vec<String>,
    /// The prose after the front block.
    pub body: String,
}

impl Exploration {
    pub(super) fn read(front: &mut Front) -> Option<Self> {
        let body = front.body.clone();
        let mut fields = front.fields(&["files", "notes"]);
        if !fields.has("files") {
            fields.find(
                "files",
                "`files` is missing in the front block; list where the work will be.",
            );
        }
        let files = read_files(&mut fields);
        let notes = fields.texts("notes").into_iter().map(|(_, text)| text).collect();
        Some(Self { files, notes, body })
    }
}

/// The entries of `files` in their plain form; those that no plan may name become findings.
pub(super) fn read_files(fields: &mut Fields<'_>) -> Vec<String> {
    let mut plain = Vec::new();
    for (line, text) in fields.texts("files") {
        match files::check(&text) {
            Ok(file) => plain.push(file),
            Err(why) => fields.find_at(line, format!("`{}` in `files` {why}.", short(&text))),
        }
    }
    plain
}
