//! The front block: finding it, and reading its keys while gathering findings.

use std::collections::BTreeSet;

use super::document::{Contract, Document, Finding};
use crate::suggest;
use crate::yaml::{self, Key, Shape, Value};

/// The most entries of any list.
const MOST_ENTRIES: usize = 500;

/// The most findings that are told: more would not be read.
const MOST_FINDINGS: usize = 100;

/// The longest single text within a front block, in bytes.
const LONGEST_TEXT: usize = 4_000;

/// The open front block of an artifact.
pub(super) struct Front {
    pairs: Vec<(Key, Value)>,
    /// What follows the front block, as it is.
    pub(super) body: String,
    findings: Findings,
}

/// The findings so far, and the line before the YAML.
struct Findings {
    found: Vec<Finding>,
    above: u32,
}

/// One mapping while it is read: the front block itself, or an entry of one of its lists.
pub(super) struct Fields<'a> {
    pairs: &'a [(Key, Value)],
    /// What people call the mapping: `the front block`, `steps entry 2`.
    what: String,
    /// The line of the mapping within the YAML.
    line: u32,
    findings: &'a mut Findings,
}

impl Front {
    /// Finds and reads the front block and checks its first key.
    pub(super) fn open(text: &str, contract: Contract) -> Result<Self, Vec<Finding>> {
        let version = contract.version();
        let one = |line: u32, message: String| {
            Err(vec![Finding {
                line: Some(line),
                message,
            }])
        };
        let blank = text.lines().take_while(|line| line.trim().is_empty()).count();
        let above = u32::try_from(blank + 1).unwrap_or(u32::MAX);
        let mut rest = text;
        for _ in 0..blank {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
        let (first, rest) = rest.split_once('\n').unwrap_or((rest, ""));
        if first.trim_end() != "---" {
            return one(
                above,
                format!(
                    "The artifact must begin with a line `---` and then `footplate: {version}`; no code fence and no text before it."
                ),
            );
        }
        let Some((block, body)) = split_at_fence(rest) else {
            return one(
                above,
                "The front block is never closed; end it with a line `---`.".to_owned(),
            );
        };
        let tree = match yaml::read(block) {
            Ok(tree) => tree,
            Err(broken) => {
                return one(
                    above.saturating_add(broken.span.line),
                    format!(
                        "{}; put texts that hold `: `, ` #` or begin with a quote or bracket in quotes.",
                        capital(&broken.message)
                    ),
                );
            }
        };
        let Shape::Map(pairs) = tree.shape else {
            return one(
                above,
                format!("The front block must be a YAML mapping that begins with `footplate: {version}`."),
            );
        };
        let front = Self {
            pairs,
            body: body.to_owned(),
            findings: Findings {
                found: Vec::new(),
                above,
            },
        };
        match front.pairs.first() {
            Some((key, value)) if key.text == "footplate" => match value.text() {
                Some(given) if given == version => Ok(front),
                _ => one(
                    above.saturating_add(value.span.line),
                    format!(
                        "`footplate: {}` is not understood here; `{version}` is.",
                        short(value.text().unwrap_or(""))
                    ),
                ),
            },
            Some((key, _)) => one(
                above.saturating_add(key.span.line),
                format!(
                    "The first key must be `footplate: {version}`, not `{}`.",
                    short(&key.text)
                ),
            ),
            None => one(
                above,
                format!("The front block is empty; it begins with `footplate: {version}`."),
            ),
        }
    }

    /// The keys of the front block, of which only these are known.
    pub(super) fn fields(&mut self, known: &[&'static str]) -> Fields<'_> {
        let mut fields = Fields {
            pairs: &self.pairs,
            what: "the front block".to_owned(),
            line: 0,
            findings: &mut self.findings,
        };
        let known: Vec<&'static str> = std::iter::once("footplate")
            .chain(known.iter().copied())
            .collect();
        fields.tell_strangers(&known);
        fields
    }

    /// The document, if nothing was found.
    pub(super) fn close(mut self, document: Option<Document>) -> Result<Document, Vec<Finding>> {
        if let (Some(document), true) = (document, self.findings.found.is_empty()) {
            return Ok(document);
        }
        self.findings.found.sort_by_key(|finding| finding.line);
        Err(self.findings.found)
    }
}

impl Findings {
    fn push(&mut self, line: u32, message: String) {
        if self.found.len() < MOST_FINDINGS {
            self.found.push(Finding {
                line: Some(self.above.saturating_add(line)),
                message,
            });
        }
    }
}

impl<'a> Fields<'a> {
    /// Notes a finding at a key, or at the mapping where it lacks the key.
    pub(super) fn find(&mut self, key: &str, message: impl Into<String>) {
        let line = self.get(key).map_or(self.line, |(key, _)| key.span.line);
        self.findings.push(line, message.into());
    }

    /// Notes a finding at a line of the YAML.
    pub(super) fn find_at(&mut self, line: u32, message: impl Into<String>) {
        self.findings.push(line, message.into());
    }

    /// Whether the key is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Text on one line that must be there; folded lines are joined.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.required(name)?;
        match one_line(value) {
            Ok(text) => Some(text),
            Err(why) => {
                let what = self.what.clone();
                self.find(name, format!("`{name}` of {what} {why}."));
                None
            }
        }
    }

    /// Text on one line that may be absent.
    pub(super) fn optional_text(&mut self, name: &str) -> Option<String> {
        let (_, value) = self.get(name)?;
        if value.is_null() { None } else { self.text(name) }
    }

    /// A list of texts of one line each, with the line on which each stands; absent or null is empty.
    pub(super) fn texts(&mut self, name: &str) -> Vec<(u32, String)> {
        let mut texts = Vec::new();
        for (number, value) in (1..).zip(self.entries(name)) {
            match one_line(value) {
                Ok(text) => texts.push((value.span.line, text)),
                Err(why) => self.find_at(value.span.line, format!("Entry {number} of `{name}` {why}.")),
            }
        }
        texts
    }

    /// Commands of one line each, kept as they are: joining lines would change what a shell does.
    pub(super) fn commands(&mut self, name: &str) -> Vec<String> {
        let mut commands = Vec::new();
        for (number, value) in (1..).zip(self.entries(name)) {
            let text = value.text().unwrap_or_default().trim();
            if let Err(why) = one_line(value) {
                self.find_at(value.span.line, format!("Entry {number} of `{name}` {why}."));
            } else if text.contains(['\n', '\r']) {
                let message =
                    format!("Entry {number} of `{name}` must be one line; join its commands with `&&`.");
                self.find_at(value.span.line, message);
            } else {
                commands.push(text.to_owned());
            }
        }
        commands
    }

    /// Text exactly as it is, which must be there.
    pub(super) fn verbatim(&mut self, name: &str) -> Option<String> {
        let value = self.required(name)?;
        match &value.shape {
            Shape::Scalar { text, .. } => Some(text.clone()),
            Shape::List(_) | Shape::Map(_) => {
                self.find(name, format!("`{name}` must be text, not {}.", value.kind()));
                None
            }
        }
    }

    /// Whether the key is absent or its list has no entries.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        match self.get(name) {
            None => true,
            Some((_, value)) => {
                value.is_null() || matches!(&value.shape, Shape::List(list) if list.is_empty())
            }
        }
    }

    /// The number of entries of a list, sound or not.
    pub(super) fn count(&self, name: &str) -> usize {
        match self.get(name).map(|(_, value)| &value.shape) {
            Some(Shape::List(list)) => list.len(),
            _ => 0,
        }
    }

    /// A whole number that must be there.
    pub(super) fn number(&mut self, name: &str) -> Option<u32> {
        let value = self.required(name)?;
        self.whole(name, value)
    }

    /// A whole number that may be absent or null.
    pub(super) fn optional_number<T: std::str::FromStr>(&mut self, name: &str) -> Option<T> {
        let (_, value) = self.get(name)?;
        if value.is_null() {
            return None;
        }
        self.whole(name, value)
    }

    /// A finite number that is not negative.
    pub(super) fn seconds(&mut self, name: &str) -> Option<f64> {
        let value = self.required(name)?;
        let number = value
            .text()
            .and_then(|t| t.parse::<f64>().ok())
            .filter(|n| n.is_finite() && *n >= 0.0);
        if number.is_none() {
            self.find(name, format!("`{name}` wants a number of seconds, such as 0.4."));
        }
        number
    }

    /// Whole numbers; absent or null is empty.
    pub(super) fn numbers(&mut self, name: &str) -> Vec<u32> {
        let mut numbers = Vec::new();
        for value in self.entries(name) {
            match value.text().and_then(|text| text.parse().ok()) {
                Some(number) => numbers.push(number),
                None => self.find_at(
                    value.span.line,
                    format!("`{name}` wants whole numbers, such as [1, 2]."),
                ),
            }
        }
        numbers
    }

    /// `true` or `false`, which must be there.
    pub(super) fn truth(&mut self, name: &str) -> Option<bool> {
        self.choice(name, &[("true", true), ("false", false)])
    }

    /// One of a few words, in whatever case, which must be there.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.required(name)?;
        let text = value.text().unwrap_or("").trim();
        let found = choices
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(text))
            .map(|(_, choice)| *choice);
        if found.is_none() {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
            let given = short(text);
            let what = self.what.clone();
            self.find(
                name,
                format!("`{name}` of {what} is `{given}`; it must be {}.", either(&words)),
            );
        }
        found
    }

    /// Reads each entry of a list of mappings, of which only these keys are known.
    pub(super) fn each<T>(
        &mut self,
        name: &str,
        known: &[&'static str],
        read: impl Fn(&mut Fields<'_>) -> Option<T>,
    ) -> Vec<(u32, T)> {
        let mut found = Vec::new();
        for (number, value) in (1..).zip(self.entries(name)) {
            let Shape::Map(pairs) = &value.shape else {
                let keys = known.join(": …, ");
                self.find_at(
                    value.span.line,
                    format!("Entry {number} of `{name}` must be a mapping, as in {{{keys}: …}}."),
                );
                continue;
            };
            let what = format!("entry {number} of `{name}`");
            let mut fields = Fields {
                pairs,
                what,
                line: value.span.line,
                findings: self.findings,
            };
            fields.tell_strangers(known);
            if let Some(item) = read(&mut fields) {
                found.push((value.span.line, item));
            }
        }
        found
    }

    /// Reads a mapping below a key; absent or null is `None`.
    pub(super) fn below<T>(
        &mut self,
        name: &str,
        known: &[&'static str],
        read: impl Fn(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        let (_, value) = self.get(name)?;
        if value.is_null() {
            return None;
        }
        let Shape::Map(pairs) = &value.shape else {
            self.find(name, format!("`{name}` must be a mapping, not {}.", value.kind()));
            return None;
        };
        let mut fields = Fields {
            pairs,
            what: format!("`{name}`"),
            line: value.span.line,
            findings: self.findings,
        };
        fields.tell_strangers(known);
        read(&mut fields)
    }

    fn get(&self, name: &str) -> Option<(&'a Key, &'a Value)> {
        self.pairs
            .iter()
            .find(|(key, _)| key.text == name)
            .map(|(key, value)| (key, value))
    }

    fn whole<T: std::str::FromStr>(&mut self, name: &str, value: &Value) -> Option<T> {
        let number = value.text().and_then(|text| text.parse().ok());
        if number.is_none() {
            let what = self.what.clone();
            self.find(
                name,
                format!("`{name}` of {what} wants a whole number, such as 1."),
            );
        }
        number
    }

    fn required(&mut self, name: &str) -> Option<&'a Value> {
        let found = self.get(name).map(|(_, value)| value);
        if found.is_none() {
            let message = format!("`{name}` is missing in {}.", self.what);
            self.findings.push(self.line, message);
        }
        found
    }

    fn entries(&mut self, name: &str) -> &'a [Value] {
        let Some((_, value)) = self.get(name) else {
            return &[];
        };
        match &value.shape {
            Shape::List(values) if values.len() <= MOST_ENTRIES => values,
            Shape::List(_) => {
                self.find(
                    name,
                    format!("`{name}` has more than {MOST_ENTRIES} entries; group them."),
                );
                &[]
            }
            Shape::Scalar { .. } if value.is_null() => &[],
            Shape::Scalar { .. } | Shape::Map(_) => {
                self.find(name, format!("`{name}` must be a list, not {}.", value.kind()));
                &[]
            }
        }
    }

    fn tell_strangers(&mut self, known: &[&'static str]) {
        let mut seen = BTreeSet::new();
        for (key, _) in self.pairs {
            let name = key.text.as_str();
            let shown = short(name);
            if !seen.insert(name) {
                self.findings.push(
                    key.span.line,
                    format!("`{shown}` is given twice in {}.", self.what),
                );
            } else if !known.contains(&name) {
                let help = match suggest::closest(&shown, known.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("its keys are `{}`.", known.join("`, `")),
                };
                self.findings.push(
                    key.span.line,
                    format!("Unknown key `{shown}` in {}; {help}", self.what),
                );
            }
        }
    }
}

/// At most 60 characters of what somebody wrote, on one line, for a message.
pub(super) fn short(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() || c == '`' { ' ' } else { c })
        .take(60)
        .collect();
    if text.chars().nth(60).is_some() {
        line.push('…');
    }
    line
}

/// The YAML before the next line `---`, and everything after that line.
fn split_at_fence(text: &str) -> Option<(&str, &str)> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Some((&text[..at], &text[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

/// Text without line breaks, or why it is none.
fn one_line(value: &Value) -> Result<String, String> {
    let Some(text) = value.text() else {
        return Err(match value.shape {
            Shape::Map(_) => "is a mapping; put the text in quotes, for it holds `: `".to_owned(),
            Shape::List(_) => "is a list; put the text in quotes".to_owned(),
            Shape::Scalar { .. } => "is empty; write it or leave it out".to_owned(),
        });
    };
    if text.len() > LONGEST_TEXT {
        return Err(format!("is longer than {LONGEST_TEXT} bytes; shorten it"));
    }
    let words: Vec<&str> = text
        .split(['\n', '\r'])
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if words.is_empty() {
        return Err("is empty; write it or leave it out".to_owned());
    }
    Ok(words.join(" "))
}

fn either(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} or {last}", init.join(", ")),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
