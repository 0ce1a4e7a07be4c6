//! The keys of one mapping, read by name while problems are noted.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use super::diagnostic::Diagnostics;
use super::graph::CheckCommands;
use super::{Condition, Template, draft};
use crate::model::{InvalidId, NodeId};
use crate::suggest;
use crate::yaml::{Key, Shape, Span, Value};

/// The longest duration that can be asked for.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// The most attempts of a node, iterations of a loop and rounds of a repair: each costs money.
const MOST_REPEATS: u32 = 100;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// The keys of one mapping, read by name.
pub(super) struct Fields<'a> {
    pub(super) node: NodeId,
    pub(super) pairs: &'a [(Key, Value)],
    pub(super) problems: &'a mut Diagnostics,
}

impl<'a> Fields<'a> {
    pub(super) fn get(&self, name: &str) -> Option<(&'a Key, &'a Value)> {
        self.pairs
            .iter()
            .find(|(key, _)| key.text == name)
            .map(|(key, value)| (key, value))
    }

    /// Tells keys that are unknown, given twice, or of another kind of node.
    pub(super) fn tell_strangers(
        &mut self,
        known: &[(&'static str, &'static [&'static str])],
        kind: Option<&str>,
    ) {
        let mut seen = BTreeSet::new();
        for (key, _) in self.pairs {
            let name = key.text.as_str();
            if !seen.insert(name) {
                self.problems
                    .push(key.span, format!("`{}` is given twice", short(name)));
                continue;
            }
            match known.iter().find(|(known, _)| *known == name) {
                None => {
                    let fitting = known
                        .iter()
                        .filter(|(_, kinds)| kind.is_none_or(|kind| kinds.contains(&kind)));
                    let names: Vec<&str> = fitting.map(|(name, _)| *name).collect();
                    let help = suggest::help(name, names.iter().copied());
                    self.problems
                        .note(key.span, format!("unknown key `{}`", short(name)), help);
                }
                Some((_, kinds)) => {
                    if let Some(kind) = kind
                        && !kinds.contains(&kind)
                        && !draft::KINDS.contains(&name)
                    {
                        let message = format!("`{name}` does not belong to a node with `{kind}`");
                        let help = format!("it belongs to a node with `{}`", kinds.join("` or `"));
                        self.problems.push_help(key.span, message, help);
                    }
                }
            }
        }
    }

    /// The mapping below a key, whose required keys are all there.
    pub(super) fn inner<'b>(
        &'b mut self,
        name: &str,
        value: &'b Value,
        required: &[&'static str],
    ) -> Option<Fields<'b>> {
        let Shape::Map(pairs) = &value.shape else {
            let message = format!("`{name}` wants a mapping, not {}", value.kind());
            self.problems.push_help(
                value.span,
                message,
                format!("write `{name}: {{{}: …}}`", required.join(": …, ")),
            );
            return None;
        };
        let mut inner = Fields {
            node: self.node.clone(),
            pairs,
            problems: self.problems,
        };
        if name == "loop" {
            inner.tell_strangers(&[("until", &[]), ("max_iterations", &[])], None);
        }
        let mut complete = true;
        for key in required {
            if inner.get(key).is_none() {
                complete = false;
                inner
                    .problems
                    .push(value.span, format!("`{name}` of `{}` wants `{key}`", inner.node));
            }
        }
        complete.then_some(inner)
    }

    /// Text of a checked kind.
    pub(super) fn word<T: FromStr<Err = InvalidId>>(&mut self, key: &Key, value: &Value) -> Option<T> {
        let Some(text) = value.text() else {
            self.problems.push(
                value.span,
                format!("`{}` wants text, not {}", key.text, value.kind()),
            );
            return None;
        };
        match text.parse() {
            Ok(word) => Some(word),
            Err(invalid) => {
                let message = format!("`{}` is no {}: {}", short(text), invalid.kind, invalid.why);
                self.problems.push(value.span, message);
                None
            }
        }
    }

    /// A list of checked words, each at most once; a single word is a list of one.
    pub(super) fn list<T: FromStr<Err = InvalidId> + Ord + Clone>(&mut self, name: &str) -> Vec<At<T>> {
        let Some((key, value)) = self.get(name) else {
            return Vec::new();
        };
        let items = match &value.shape {
            Shape::List(items) => items.as_slice(),
            Shape::Scalar { .. } if !value.is_null() => std::slice::from_ref(value),
            Shape::Scalar { .. } | Shape::Map(_) => {
                self.problems
                    .push(value.span, format!("`{name}` wants a list, not {}", value.kind()));
                return Vec::new();
            }
        };
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for item in items {
            if let Some(word) = self.word::<T>(key, item) {
                if seen.insert(word.clone()) {
                    found.push(At {
                        value: word,
                        span: item.span,
                    });
                } else {
                    let text = item.text().unwrap_or_default();
                    self.problems
                        .push(item.span, format!("`{name}` lists `{text}` twice"));
                }
            }
        }
        found
    }

    /// One of a few words.
    pub(super) fn choice<T: Clone>(&mut self, name: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let (_, value) = self.get(name)?;
        let text = value.text().unwrap_or_default();
        let found = choices
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, choice)| choice.clone());
        if found.is_none() {
            let message = if text.is_empty() {
                format!("`{name}` wants a word, not {}", value.kind())
            } else {
                format!("unknown {name} `{}`", short(text))
            };
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.problems
                .note(value.span, message, suggest::help(text, words.iter().copied()));
        }
        found
    }

    /// A whole number from 1.
    pub(super) fn count(&mut self, name: &str) -> Option<u32> {
        let (_, value) = self.get(name)?;
        let number = value
            .text()
            .and_then(|text| text.parse::<u32>().ok())
            .filter(|n| (1..=MOST_REPEATS).contains(n));
        if number.is_none() {
            self.problems.push(
                value.span,
                format!("`{name}` wants a whole number from 1 to {MOST_REPEATS}"),
            );
        }
        number
    }

    pub(super) fn duration(&mut self, name: &str) -> Option<Duration> {
        let (_, value) = self.get(name)?;
        let duration = value.text().and_then(duration);
        if duration.is_none() {
            let message = format!("`{name}` wants a duration between 1ms and 366d");
            self.problems
                .push_help(value.span, message, "write it like `120s`, `30m`, `12h` or `14d`");
        }
        duration
    }

    pub(super) fn condition(&mut self, name: &str) -> Option<At<Condition>> {
        let (_, value) = self.get(name)?;
        let Some(text) = value.text() else {
            self.problems.push_help(
                value.span,
                format!("`{name}` wants a condition, not {}", value.kind()),
                "write for example `$plan.output.size == 'large'`",
            );
            return None;
        };
        match Condition::parse(text) {
            Ok(condition) => Some(At {
                value: condition,
                span: within(value, text, 0),
            }),
            Err(invalid) => {
                let span = within(value, text, invalid.offset);
                self.problems.push(span, invalid.message);
                None
            }
        }
    }

    pub(super) fn template(&mut self, name: &str) -> Option<At<Template>> {
        let (_, value) = self.get(name)?;
        let Some(text) = value.text().filter(|text| !text.trim().is_empty()) else {
            self.problems
                .push(value.span, format!("`{name}` wants text, not {}", value.kind()));
            return None;
        };
        match Template::parse(text) {
            Ok(template) => Some(At {
                value: template,
                span: within(value, text, 0),
            }),
            Err(invalid) => {
                let span = within(value, text, invalid.offset);
                self.problems.push(span, invalid.message);
                None
            }
        }
    }

    pub(super) fn commands(&mut self, value: &Value) -> Option<CheckCommands> {
        let items = match &value.shape {
            Shape::Scalar { text, .. } if text.trim() == "plan.tests" => {
                return Some(CheckCommands::PlanTests);
            }
            Shape::List(items) => items.as_slice(),
            Shape::Scalar { .. } | Shape::Map(_) => std::slice::from_ref(value),
        };
        let commands: Vec<String> = items
            .iter()
            .filter_map(Value::text)
            .map(str::trim)
            .filter(|c| !c.is_empty())
            .map(str::to_owned)
            .collect();
        if commands.is_empty() || commands.len() < items.len() {
            let message = "`run` wants `plan.tests`, a command or a list of commands";
            self.problems.push(value.span, message);
            return None;
        }
        Some(CheckCommands::Listed(commands))
    }
}

/// At most 60 characters of what somebody wrote, on one line, for a message.
pub(super) fn short(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect();
    if text.chars().nth(60).is_some() {
        line.push('…');
    }
    line
}

/// The place at an offset within a text that [`within`] has placed.
pub(super) fn part(span: Span, text: &str, offset: usize) -> Span {
    // A text that does not stand in the source as it is has another length there.
    if span.length != text.len() || text.contains('\n') || !text.is_char_boundary(offset) {
        return span;
    }
    let before = u32::try_from(text[..offset].chars().count()).unwrap_or(0);
    Span {
        line: span.line,
        column: span.column.saturating_add(before),
        offset: span.offset + offset,
        length: text.len() - offset,
    }
}

/// The place within a scalar, where the source shows it as it is; else the scalar's own place.
fn within(value: &Value, text: &str, offset: usize) -> Span {
    let quotes = match &value.shape {
        Shape::Scalar { plain: true, .. } => 0,
        _ => 1,
    };
    // An escape, a folded line or a block scalar shifts what follows.
    if value.span.length != text.len() + 2 * quotes || text.contains('\n') || !text.is_char_boundary(offset) {
        return value.span;
    }
    let before = u32::try_from(text[..offset].chars().count() + quotes).unwrap_or(0);
    Span {
        line: value.span.line,
        column: value.span.column.saturating_add(before),
        offset: value.span.offset + quotes + offset,
        length: text.len() - offset,
    }
}

/// A whole number and a unit.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let millis: u64 = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let duration = Duration::from_millis(number.checked_mul(millis)?);
    (!duration.is_zero() && duration <= LONGEST).then_some(duration)
}
