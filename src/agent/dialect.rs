//! What the `command` harness prints: JSON lines with a known type, and anything else.

use std::borrow::Cow;

use serde::Deserialize;

use super::lines::Line;
use super::tail::{self, Tail};
use super::{Observer, Progress};
use crate::model::{MicroUsd, TokenUsage};

/// Of an agent's words the last part is kept: it ends with the summary.
const MAX_TEXT: usize = 64 * 1024;
/// Of the raw output enough is kept to see the error.
const MAX_TAIL: usize = 16 * 1024;
/// Of failed edits more would tell nobody more.
const MAX_EDIT_FAILURES: usize = 100;
/// File names are cut here; longer ones exist on no file system.
const MAX_FILE_NAME: usize = 4096;

/// A JSON line. Every key may be missing, come in any order, and have strangers beside it.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    cost_usd: Option<f64>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    file: Option<Text<'a>>,
}

/// A string that stays in the line's own memory unless it holds escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Adds up what an agent prints, line by line.
pub(super) struct Transcript<'o> {
    observer: &'o dyn Observer,
    pub(super) usage: Option<TokenUsage>,
    cost: Option<MicroUsd>,
    cost_unknown: bool,
    text: Tail,
    spoke: bool,
    plain: Tail,
    all: Tail,
    pub(super) edit_failures: Vec<String>,
    pub(super) events: u64,
}

impl<'o> Transcript<'o> {
    /// An empty one.
    pub(super) fn new(observer: &'o dyn Observer) -> Self {
        Self {
            observer,
            usage: None,
            cost: None,
            cost_unknown: false,
            text: Tail::new(MAX_TEXT),
            spoke: false,
            plain: Tail::new(MAX_TEXT),
            all: Tail::new(MAX_TAIL),
            edit_failures: Vec::new(),
            events: 0,
        }
    }

    /// Takes a line of standard output.
    pub(super) fn stdout(&mut self, line: Line<'_>) {
        self.all.push(line.bytes);
        let body = line.bytes.trim_ascii();
        if body.is_empty() {
            return;
        }
        self.events += 1;
        if !line.cut && self.event(body).is_some() {
            return;
        }
        self.plain.push(line.bytes);
        self.observer
            .saw(Progress::Line(&tail::plain(&String::from_utf8_lossy(body))));
    }

    /// Takes a line of standard error, which is never an event nor part of the answer.
    pub(super) fn stderr(&mut self, line: Line<'_>) {
        self.all.push(line.bytes);
        let body = line.bytes.trim_ascii();
        if !body.is_empty() {
            self.events += 1;
            self.observer
                .saw(Progress::Line(&tail::plain(&String::from_utf8_lossy(body))));
        }
    }

    /// What the reports of usage cost together; unknown if one of them did not say.
    pub(super) fn cost(&self) -> Option<MicroUsd> {
        self.cost.filter(|_| !self.cost_unknown)
    }

    /// The agent's words.
    pub(super) fn text(&self) -> String {
        if self.spoke {
            self.text.text()
        } else {
            self.plain.text()
        }
    }

    /// The end of all output.
    pub(super) fn tail(&self) -> String {
        self.all.text()
    }

    /// Takes a line that may be an event; `None` where it is plain output.
    fn event(&mut self, body: &[u8]) -> Option<()> {
        if !body.starts_with(b"{") || !body.ends_with(b"}") {
            return None;
        }
        let event: Event<'_> = serde_json::from_str(std::str::from_utf8(body).ok()?).ok()?;
        match event.kind.0.as_ref() {
            "text" => {
                let text = event.text?.0;
                if !text.trim().is_empty() {
                    self.spoke = true;
                    text.lines().for_each(|line| self.text.push(line.as_bytes()));
                    self.observer.saw(Progress::Text(&tail::plain(&text)));
                }
            }
            "usage" => self.used(&event)?,
            "edit_failed" => {
                let file = event
                    .file
                    .map_or(Cow::Borrowed("a file it did not name"), |file| file.0);
                let file: String = tail::clean(&file).chars().take(MAX_FILE_NAME).collect();
                self.observer.saw(Progress::EditFailed(&file));
                if self.edit_failures.len() < MAX_EDIT_FAILURES {
                    self.edit_failures.push(file);
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn used(&mut self, event: &Event<'_>) -> Option<()> {
        let cost = event.cost_usd.and_then(MicroUsd::from_dollars);
        let tokens = match (event.input_tokens, event.output_tokens) {
            (Some(input), Some(output)) => Some(TokenUsage {
                input,
                output,
                cache_read: event.cache_read_tokens.unwrap_or(0),
                cache_write: event.cache_write_tokens.unwrap_or(0),
                ..TokenUsage::default()
            }),
            // A count that is half there is no count; a cost alone is one.
            _ => None,
        };
        if tokens.is_none() && cost.is_none() {
            return None;
        }
        if let Some(tokens) = tokens {
            *self.usage.get_or_insert_default() += tokens;
        }
        match cost {
            Some(cost) => *self.cost.get_or_insert_default() += cost,
            None => self.cost_unknown = true,
        }
        self.observer
            .saw(Progress::Usage(tokens.unwrap_or_default(), cost));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Transcript<'static> {
        let mut transcript = Transcript::new(&());
        for line in lines {
            transcript.stdout(Line {
                bytes: line.as_bytes(),
                cut: false,
            });
        }
        transcript
    }

    #[test]
    fn events_are_known_whatever_the_order_of_their_keys() {
        let seen = read(&[
            r#"{"output_tokens":340,"x":{"y":[1,{}]},"input_tokens":1200,"type":"usage","cost_usd":0.25}"#,
            r#"  {"type":"usage","input_tokens":10,"output_tokens":1,"cache_read_tokens":5,"cost_usd":0.5}  "#,
            r#"{"text":"Fertig \u00fc\n\n\n\nnow","type":"text"}"#,
            r#"{"file":"a.py","type":"edit_failed"}"#,
            "plain words",
        ]);
        let usage = TokenUsage {
            input: 1210,
            output: 341,
            cache_read: 5,
            cache_write: 0,
            ..TokenUsage::default()
        };
        assert_eq!(seen.usage, Some(usage));
        assert_eq!(seen.cost(), Some(MicroUsd(750_000)));
        assert_eq!(seen.text(), "Fertig ü\n\nnow");
        assert_eq!(seen.edit_failures, ["a.py"]);
        assert_eq!(seen.events, 5);
    }

    #[test]
    fn what_is_not_a_known_event_is_plain_output() {
        let lines = [
            r#"{"type":"usage","input_tokens":-1,"output_tokens":1}"#,
            r#"{"type":"usage","input_tokens":7}"#,
            r#"{"type":"other"}"#,
            r#"{"type":"text"}"#,
            r#"{"type":"text","text":"cut"#,
            "[1]",
            "{}",
        ];
        let seen = read(&lines);
        assert_eq!(seen.usage, None, "half a count is unknown, not zero");
        assert_eq!(seen.text(), lines.join("\n"));
    }

    #[test]
    fn a_cost_that_one_report_left_out_is_unknown() {
        let seen = read(&[
            r#"{"type":"usage","input_tokens":1,"output_tokens":1,"cost_usd":0.5}"#,
            r#"{"type":"usage","input_tokens":1,"output_tokens":1}"#,
        ]);
        assert_eq!(seen.cost(), None);
        assert_eq!(seen.usage.map(|u| u.total()), Some(4));
    }

    #[test]
    fn a_line_that_was_cut_or_is_not_utf_8_is_never_an_event() {
        let mut seen = Transcript::new(&());
        seen.stdout(Line {
            bytes: br#"{"type":"text","text":"x"}"#,
            cut: true,
        });
        seen.stdout(Line {
            bytes: b"{\"type\":\"text\",\"text\":\"\xff\"}",
            cut: false,
        });
        assert!(!seen.spoke);
        assert!(seen.text().contains('\u{fffd}'));
    }

    #[test]
    fn blank_text_and_blank_lines_are_no_words() {
        let seen = read(&[r#"{"type":"text","text":" \n\n\n "}"#, "", "   "]);
        assert_eq!(seen.text(), "");
        assert_eq!(seen.events, 1);
    }
}
