//! Reading one file: YAML with places, and problems that name them.
//!
//! Messages are our own: those of the YAML library may repeat what stands in the file.

use serde::de::DeserializeOwned;
use serde_saphyr::{Location, Options};

use crate::suggest;

use super::error::{Place, Problem};
use super::wire::Text;

/// The largest file that is read. The example is a tenth of it.
const LARGEST: usize = 64 << 10;

/// One file, or the environment, and what was found wrong with it.
pub(super) struct Reader<'a> {
    file: &'a str,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self {
            file,
            problems: Vec::new(),
        }
    }

    /// The file as the caller named it.
    pub(super) fn file(&self) -> &str {
        self.file
    }

    /// Reads the whole file; an empty one is what it is by default. YAML tells one problem at a time.
    pub(super) fn yaml<T: DeserializeOwned + Default>(&mut self, text: &str) -> T {
        if text.len() > LARGEST {
            self.refuse(
                Place::Nowhere,
                "",
                format!("{} is larger than 64 KiB", self.file),
                None,
            );
            return T::default();
        }
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            return T::default();
        }
        // No snippets: the line with the mistake may be the line with the secret.
        let mut options = Options::default();
        options.with_snippet = false;
        match serde_saphyr::from_str_with_options(text, options) {
            Ok(read) => read,
            Err(error) => {
                let place = self.place(error.location().unwrap_or(Location::UNKNOWN));
                let (message, help) = explain(&error);
                self.refuse(place, "", message, help);
                T::default()
            }
        }
    }

    /// Reads one value by its kind's rule.
    pub(super) fn value<T>(
        &mut self,
        key: &str,
        text: Option<&Text>,
        rule: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = text?;
        match rule(&text.value) {
            Ok(value) => Some(value),
            Err(why) => {
                let place = self.place(text.referenced);
                self.refuse(place, key, why, None);
                None
            }
        }
    }

    /// Reads a list by the rule of its entries.
    pub(super) fn values<T>(
        &mut self,
        key: &str,
        texts: &[Text],
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        texts
            .iter()
            .filter_map(|text| self.value(key, Some(text), &rule))
            .collect()
    }

    /// Notes a problem at a value.
    pub(super) fn refuse_at(
        &mut self,
        text: &Text,
        key: &str,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let place = self.place(text.referenced);
        self.refuse(place, key, message, help);
    }

    /// Notes a problem.
    pub(super) fn refuse(
        &mut self,
        place: Place,
        key: &str,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.problems.push(Problem {
            place,
            key: key.to_owned(),
            message: message.into(),
            help,
        });
    }

    fn place(&self, location: Location) -> Place {
        Place::File {
            file: self.file.to_owned(),
            line: location.line().max(1),
            column: location.column().max(1),
        }
    }
}

/// Says what a YAML error means, without repeating values.
fn explain(error: &serde_saphyr::Error) -> (String, Option<String>) {
    use serde_saphyr::Error as E;
    match error.without_snippet() {
        E::SerdeUnknownField { field, expected, .. } => (
            unknown("key", field),
            suggest::help(field, expected.iter().copied()),
        ),
        E::SerdeUnknownVariant {
            variant, expected, ..
        } => (
            unknown("name", variant),
            suggest::help(variant, expected.iter().copied()),
        ),
        E::SerdeMissingField { field, .. } => (format!("`{field}` is missing"), None),
        E::DuplicateMappingKey { .. } => ("this key is given twice".to_owned(), None),
        E::SerdeInvalidType { expected, .. } | E::SerdeInvalidValue { expected, .. } => {
            (wanted(expected), None)
        }
        E::Unexpected { expected, .. } => (wanted(expected), None),
        E::NullIntoString { .. } => (
            "there is nothing here".to_owned(),
            Some("leave the key out".to_owned()),
        ),
        E::MultipleDocuments { .. } => ("there is a second document; this file holds one".to_owned(), None),
        E::Eof { .. } => ("the file ends too early".to_owned(), None),
        _ => ("this is not well-formed YAML".to_owned(), None),
    }
}

/// Says which shape belongs here, in the file's words.
fn wanted(expected: &str) -> String {
    let shape = match () {
        () if expected.contains("mapping") || expected.contains("struct") => "keys and values",
        () if expected.contains("sequence") => "a list",
        () => "one value",
    };
    format!("{shape} would belong here")
}

/// Names a word that nobody knows, shortened.
fn unknown(what: &str, word: &str) -> String {
    let short: String = word.chars().filter(|c| !c.is_control()).take(40).collect();
    format!("unknown {what} `{short}`")
}
