//! What the `command` harness prints: JSON lines with a known type, and anything else.
//!
//! It finds its orders in variables, see [`crate::agent::CommandHarness`].

use serde::Deserialize;

use super::{Text, Transcript};
use crate::model::{MicroUsd, TokenUsage};

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

/// Takes a line that may be an event; `None` where it is plain output.
pub(super) fn event(line: &str, transcript: &mut Transcript<'_>) -> Option<()> {
    let event: Event<'_> = serde_json::from_str(line).ok()?;
    match event.kind.as_str() {
        "text" => transcript.say(event.text?.as_str()),
        "usage" => used(&event, transcript)?,
        "edit_failed" => transcript.edit_failed(event.file.as_ref().map(Text::as_str)),
        _ => return None,
    }
    Some(())
}

fn used(event: &Event<'_>, transcript: &mut Transcript<'_>) -> Option<()> {
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
}
