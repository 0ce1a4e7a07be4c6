//! What the `command` harness prints: JSON lines with a known type, and anything else.
//!
//! It finds its orders in variables, see [`crate::agent::CommandHarness`]. Our own agent and our own bridge print
//! the same, and an `end` line as their last; a program that prints one is believed too, others are judged without.

use serde::Deserialize;

use super::terminal::{Terminal, TerminalError, TerminalKind};
use super::{Text, Transcript};
use crate::model::{MicroUsd, TokenUsage};

/// The code with which agents that speak ACP want a login (their protocol's `auth_required`).
const ACP_LOGIN_WANTED: i32 = -32000;

/// A JSON line. Every key may be missing, come in any order, and have strangers beside it.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    cost_usd: Option<f64>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    file: Option<Text<'a>>,
    ok: Option<bool>,
    #[serde(borrow)]
    error: Option<Text<'a>>,
    status: Option<u16>,
    code: Option<i32>,
    truncated: Option<bool>,
    refused: Option<bool>,
}

/// Reads the lines.
#[derive(Debug)]
pub(super) struct Reader {
    /// Whether the `end` line must come.
    must_end: bool,
    /// The words since the last call of a tool: in the end they are the answer.
    answer: String,
}

impl Reader {
    /// Reads any program.
    pub(super) fn of_a_program() -> Self {
        Self {
            must_end: false,
            answer: String::new(),
        }
    }

    /// Reads our own agent or bridge.
    pub(super) fn of_ours() -> Self {
        Self {
            must_end: true,
            answer: String::new(),
        }
    }

    /// Whether an end without its line is an error.
    pub(super) fn must_end(&self) -> bool {
        self.must_end
    }

    /// Takes a line that may be an event; `None` where it is plain output.
    pub(super) fn event(&mut self, line: &str, transcript: &mut Transcript<'_>) -> Option<()> {
        let event: Event<'_> = serde_json::from_str(line).ok()?;
        match event.kind.as_str() {
            "text" => {
                let text = event.text?;
                transcript.say(text.as_str());
                text.as_str().clone_into(&mut self.answer);
            }
            "usage" => used(&event, transcript)?,
            "edit_failed" => transcript.edit_failed(event.file.as_ref().map(Text::as_str)),
            "tool" => {
                self.answer.clear();
                transcript.alive();
            }
            "progress" => transcript.alive(),
            "end" => {
                let answer = std::mem::take(&mut self.answer);
                let spoke = !answer.trim().is_empty();
                transcript.ended(Terminal {
                    text: answer,
                    ..end(&event, event.ok?, spoke)
                });
            }
            _ => return None,
        }
        Some(())
    }
}

/// What the last line says.
fn end(event: &Event<'_>, ok: bool, spoke: bool) -> Terminal {
    let (truncated, refused) = (event.truncated == Some(true), event.refused == Some(true));
    let error = (!ok).then(|| error(event, spoke || truncated || refused));
    Terminal {
        ok,
        error,
        truncated,
        refused,
        text: String::new(),
    }
}

fn error(event: &Event<'_>, spoke: bool) -> TerminalError {
    let of_kind = |kind| TerminalError {
        kind,
        status: event.status,
        until: None,
    };
    if let Some(status) = event.status {
        return TerminalError::of_status(status);
    }
    match event.error.as_ref().map(Text::as_str) {
        Some("connection" | "protocol") => of_kind(TerminalKind::Unavailable),
        Some("malformed_call") => of_kind(TerminalKind::MalformedCall),
        Some("rounds") => of_kind(TerminalKind::Limit),
        Some("cancelled") => of_kind(TerminalKind::Interrupted),
        Some("agent") => match event.code {
            Some(ACP_LOGIN_WANTED) => of_kind(TerminalKind::Auth),
            // Some give the status of their provider as the code of the error.
            Some(code @ 400..=599) => TerminalError::of_status(u16::try_from(code).unwrap_or_default()),
            _ => of_kind(TerminalKind::Other),
        },
        None if !spoke => of_kind(TerminalKind::Empty),
        _ => of_kind(TerminalKind::Other),
    }
}

fn used(event: &Event<'_>, transcript: &mut Transcript<'_>) -> Option<()> {
    let cost = event.cost_usd.and_then(MicroUsd::from_dollars);
    let tokens = match (event.input_tokens, event.output_tokens) {
        (Some(input), Some(output)) => Some(TokenUsage {
            input,
            output,
            cache_read: event.cache_read_tokens.unwrap_or(0),
            cache_write: event.cache_write_tokens.unwrap_or(0),
            reasoning: event.reasoning_tokens.unwrap_or(0),
            ..TokenUsage::default()
        }),
        // A count that is half there is no count; a cost alone is one.
        _ => None,
    };
    if tokens.is_none() && cost.is_none() {
        return None;
    }
    transcript.used(tokens, cost);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::Listener;
    use super::*;
    use crate::agent::lines::Line;
    use crate::agent::supervise::Sink;

    fn read(lines: &[&str]) -> Transcript<'static> {
        let mut listener = Listener::command(&());
        for line in lines {
            listener.stdout(Line {
                bytes: line.as_bytes(),
                cut: false,
            });
        }
        listener.transcript
    }

    #[test]
    fn events_are_known_whatever_the_order_of_their_keys() {
        let mut seen = read(&[
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
        let mut seen = read(&lines);
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
        let mut listener = Listener::command(&());
        listener.stdout(Line {
            bytes: br#"{"type":"text","text":"x"}"#,
            cut: true,
        });
        listener.stdout(Line {
            bytes: b"{\"type\":\"text\",\"text\":\"\xff\"}",
            cut: false,
        });
        let mut seen = listener.transcript;
        assert!(!seen.spoke());
        assert!(seen.text().contains('\u{fffd}'));
    }

    #[test]
    fn blank_text_and_blank_lines_are_no_words() {
        let mut seen = read(&[r#"{"type":"text","text":" \n\n\n "}"#, "", "   "]);
        assert_eq!(seen.text(), "");
        assert_eq!(seen.events, 1);
    }

    fn ended(lines: &[&str]) -> Terminal {
        let mut listener = Listener::own(&());
        for line in lines {
            listener.stdout(Line {
                bytes: line.as_bytes(),
                cut: false,
            });
        }
        listener.exited(crate::agent::Exit::Code(1));
        listener
            .transcript
            .terminal
            .expect("ours always have a last word")
    }

    #[test]
    fn the_last_line_of_our_own_agents_is_typed() {
        let kind = |line: &str| ended(&[line]).error.map(|error| (error.kind, error.status));
        for (line, wanted) in [
            (
                r#"{"type":"end","ok":false,"error":"status","status":429}"#,
                (TerminalKind::RateLimited, Some(429)),
            ),
            (
                r#"{"type":"end","ok":false,"error":"status","status":401}"#,
                (TerminalKind::Auth, Some(401)),
            ),
            (
                r#"{"type":"end","ok":false,"error":"connection","status":null}"#,
                (TerminalKind::Unavailable, None),
            ),
            (
                r#"{"type":"end","ok":false,"error":"malformed_call"}"#,
                (TerminalKind::MalformedCall, None),
            ),
            (
                r#"{"type":"end","ok":false,"error":"rounds"}"#,
                (TerminalKind::Limit, None),
            ),
            (
                r#"{"type":"end","ok":false,"error":"agent","code":-32000}"#,
                (TerminalKind::Auth, None),
            ),
            (
                r#"{"type":"end","ok":false,"error":"agent","code":503}"#,
                (TerminalKind::Unavailable, Some(503)),
            ),
            (
                r#"{"type":"end","ok":false,"error":"agent","code":-32603}"#,
                (TerminalKind::Other, None),
            ),
            (r#"{"type":"end","ok":false}"#, (TerminalKind::Empty, None)),
            ("killed before it could", (TerminalKind::NoResult, None)),
        ] {
            assert_eq!(kind(line), Some(wanted), "{line}");
        }
        let cut = ended(&[r#"{"type":"end","ok":false,"truncated":true,"refused":false}"#]);
        assert_eq!((cut.truncated, cut.refused), (true, false));
    }

    #[test]
    fn the_answer_is_what_was_said_after_the_last_tool() {
        let ok = r#"{"type":"end","ok":true,"error":null}"#;
        let said = r#"{"type":"text","text":"I look first."}"#;
        let tool = r#"{"type":"tool","name":"read"}"#;
        assert_eq!(ended(&[tool, said, ok]).text, "I look first.");
        assert_eq!(ended(&[said, tool, ok]).text, "");
    }

    #[test]
    fn signs_of_life_are_no_words() {
        let mut seen = read(&[r#"{"type":"progress"}"#, r#"{"type":"tool","name":"read"}"#]);
        assert_eq!((seen.signs(), seen.text()), (2, String::new()));
    }
}
