//! Templates: text with places for values, parsed once and filled in a single pass.
//!
//! A value is data: whatever it contains, it is never looked at again, so neither an issue's text nor a
//! model's can refer to anything. `{{ issue.title }}` is a place; `{{{{` is a literal `{{`, and `}}`
//! needs no escape outside a place.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::UnresolvedReference;

/// The names that every prompt can refer to, beside `inputs.<name>` and `<node>.output.<field>`.
/// Whoever renders a prompt gives each of them a value.
pub const NAMES: [&str; 10] = [
    "issue.number",
    "issue.title",
    "issue.body",
    "issue.author",
    "repository",
    "base",
    "run",
    "node",
    "attempt",
    "wishes",
];

/// A parsed template. Its serialized form is its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

/// Says why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidTemplate {
    /// The byte offset within the template.
    pub offset: usize,
    /// One sentence without its full stop.
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A name, and the byte offset of its place.
    Reference(String, usize),
}

impl Template {
    /// Parses the places of a template.
    ///
    /// # Errors
    /// A place is not closed or holds something else than dotted names; the error says where.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            plain.push_str(&rest[..start]);
            let offset = text.len() - rest.len() + start;
            let after = &rest[start + 2..];
            if let Some(escaped) = after.strip_prefix("{{") {
                plain.push_str("{{");
                rest = escaped;
                continue;
            }
            let wrong = |message: String| InvalidTemplate { offset, message };
            let Some((name, next)) = after.split_once("}}") else {
                return Err(wrong(
                    "`{{` is never closed; write `{{{{` for two literal braces".to_owned(),
                ));
            };
            let name = name.trim();
            let fits = |word: &str| {
                !word.is_empty()
                    && word
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            };
            if !name.split('.').all(fits) {
                let name: String = name.chars().take(40).collect();
                return Err(wrong(format!(
                    "`{name}` is no reference; it wants dotted names, such as `issue.title`"
                )));
            }
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Reference(name.to_owned(), offset));
            rest = next;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// What the template refers to, in the order of its text, without braces.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Reference(name, _) => Some(name.as_str()),
        })
    }

    /// The references with the byte offsets of their places within the text.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, &str)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Reference(name, at) => Some((*at, name.as_str())),
        })
    }

    /// Puts the values into their places. The values themselves are not looked at.
    ///
    /// # Errors
    /// A reference has no value.
    pub fn render(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<String, UnresolvedReference> {
        let mut out = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Reference(name, _) => {
                    out.push_str(&lookup(name).ok_or_else(|| UnresolvedReference(name.clone()))?);
                }
            }
        }
        Ok(out)
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Template {
    type Error = InvalidTemplate;
    fn try_from(text: String) -> Result<Self, InvalidTemplate> {
        Self::parse(&text)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.text
    }
}
