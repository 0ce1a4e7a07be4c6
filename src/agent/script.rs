//! What a scripted agent does instead of thinking: steps, by node or role and by attempt.
//!
//! ```yaml
//! plan:
//!   - artifact: {name: plan.md, content: "…"}
//!   - text: Here is a plan.
//! implement:
//!   1: [ignore_term, {text: Working on it.}, hang]        # attempt 1 of any generation
//!   2/1: [{edit: {file: a.py, find: x, replace: y}}]      # attempt 1 of generation 2
//!   default:
//!     - write: {file: a.py, content: "…"}
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A script: what each node's or role's agent does.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Script {
    parts: BTreeMap<String, Part>,
}

/// Why a script can't be played.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file could not be read.
    #[error("the script {} could not be read", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// It is not a script.
    #[error("the script {} is not well-formed: {message}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        message: String,
    },
}

impl Script {
    /// Reads a file (YAML or JSON), or all `.yml`, `.yaml` and `.json` files of a folder, each of which is the
    /// part of the node or role that it is named after.
    ///
    /// # Errors
    /// A file cannot be read or is not a script.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let read = |file: &Path| {
            std::fs::read_to_string(file).map_err(|error| ScriptError::Read(file.to_owned(), error))
        };
        if !path.is_dir() {
            return parse(path, &read(path)?);
        }
        let mut parts = BTreeMap::new();
        let entries = std::fs::read_dir(path).map_err(|error| ScriptError::Read(path.to_owned(), error))?;
        for entry in entries.flatten() {
            let file = entry.path();
            let known = file
                .extension()
                .is_some_and(|e| e == "yml" || e == "yaml" || e == "json");
            if let (true, Some(stem)) = (known, file.file_stem()) {
                parts.insert(stem.to_string_lossy().into_owned(), parse(&file, &read(&file)?)?);
            }
        }
        Ok(Self { parts })
    }

    /// The steps of an attempt: those of the node, else of the role; within them those of exactly this
    /// generation and attempt, else of this attempt, else the default. `None` where nothing is written for it.
    pub fn steps(&self, node: &str, role: &str, generation: u32, attempt: u32) -> Option<&[Step]> {
        let part = self.parts.get(node).or_else(|| self.parts.get(role))?;
        match part {
            Part::Always(steps) => Some(steps),
            Part::ByAttempt(by) => by
                .get(&format!("{generation}/{attempt}"))
                .or_else(|| by.get(&attempt.to_string()))
                .or_else(|| by.get("default"))
                .map(Vec::as_slice),
        }
    }
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, text: &str) -> Result<T, ScriptError> {
    serde_saphyr::from_str(text).map_err(|error| ScriptError::Parse {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

/// What one node or role does.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Always(Vec<Step>),
    ByAttempt(BTreeMap<String, Vec<Step>>),
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Part;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of steps, or such lists by attempt")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Part, A::Error> {
                let mut steps = Vec::new();
                while let Some(step) = list.next_element()? {
                    steps.push(step);
                }
                Ok(Part::Always(steps))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
                let mut by = BTreeMap::new();
                while let Some((key, steps)) = map.next_entry()? {
                    by.insert(key, steps);
                }
                Ok(Part::ByAttempt(by))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// One thing that a scripted agent does. Paths are relative to the worktree.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Says something to people.
    Text(String),
    /// Prints a line of plain output.
    Output(String),
    /// Reports what it used.
    Usage(Usage),
    /// Writes a file.
    Write(Write),
    /// Replaces text in a file; where the text is not there, reports a failed edit.
    Edit(Edit),
    /// Applies a patch with `git apply`; where it does not apply, reports a failed edit.
    Patch(String),
    /// Writes an artifact.
    Artifact(Artifact),
    /// Makes an artifact a link to another place.
    LinkArtifact(Link),
    /// Reports this many failed edits.
    FailedEdits(u32),
    /// Runs a shell command and goes on whatever it returns.
    Shell(String),
    /// Waits until a file exists.
    WaitFor(PathBuf),
    /// Waits for some milliseconds.
    SleepMs(u64),
    /// Leaves a process behind, in a session and group of its own and without a parent. It runs this shell
    /// command, or sleeps if there is none.
    Grandchild(String),
    /// From the start of the attempt on, ignores the polite signal. Its children do so too.
    IgnoreTerm,
    /// Replaces the worktree's `.git` by one that names another place.
    ReplaceGit,
    /// Does nothing, for ever.
    Hang,
    /// Prints blank lines, for ever.
    BlankFlood,
    /// Prints as much as it can, for ever.
    Flood,
    /// Dies by a signal in the midst of a JSON line.
    Crash,
    /// Ends with this exit code.
    Exit(u8),
}

/// What a step used.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Input tokens without those from or for a cache.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Input tokens read from a cache.
    #[serde(default)]
    pub cache_read_tokens: u64,
    /// Input tokens written to a cache.
    #[serde(default)]
    pub cache_write_tokens: u64,
    /// The price in dollars; unknown where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

/// A file and its new content.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// The file; folders on the way are made.
    pub file: PathBuf,
    /// All of its content.
    pub content: String,
}

/// A replacement within a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The file.
    pub file: PathBuf,
    /// What to look for; the first place counts.
    pub find: String,
    /// What to put there.
    pub replace: String,
}

/// An artifact and its content. Names are not checked, so that wrong ones can be tried.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The file's name in the artifact folder.
    pub name: String,
    /// All of its content.
    pub content: String,
}

/// A link in the artifact folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The link's name in the artifact folder.
    pub name: String,
    /// Where it points to.
    pub target: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_part_is_played() {
        let text = "\
implement:
  1: [hang]
  2/1: [crash]
  default:
    - text: ok
    - usage: {input_tokens: 1, output_tokens: 2}
plan:
  - ignore_term
  - exit: 3
";
        let script: Script = parse(Path::new("x.yml"), text).expect("well-formed");
        let steps = |node, generation, attempt| script.steps(node, "implement", generation, attempt);
        assert_eq!(steps("implement", 1, 1), Some(&[Step::Hang][..]));
        assert_eq!(steps("implement", 2, 1), Some(&[Step::Crash][..]));
        assert_eq!(steps("implement-2", 3, 1), Some(&[Step::Hang][..]));
        assert_eq!(steps("implement", 2, 2).map(<[Step]>::len), Some(2));
        assert_eq!(steps("plan", 7, 7), Some(&[Step::IgnoreTerm, Step::Exit(3)][..]));
        assert_eq!(script.steps("other", "validate", 1, 1), None);
    }

    #[test]
    fn json_is_understood_and_mistakes_are_named() {
        let script: Script = parse(
            Path::new("x.json"),
            r#"{"plan": {"1": ["hang"], "default": [{"text": "hi"}]}}"#,
        )
        .expect("well-formed");
        assert_eq!(script.steps("plan", "plan", 1, 1), Some(&[Step::Hang][..]));
        let error = parse::<Script>(Path::new("x.yml"), "plan:\n  - txt: hi\n").expect_err("not a step");
        assert!(error.to_string().contains("txt"), "{error}");
    }
}
