//! What is wrong with a workflow file, and where.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::yaml::Span;

/// One problem of a workflow file, with its place and, where there is one, a way out.
///
/// `Display` gives `file:line:column: message`; as a [`miette::Diagnostic`] it shows the source.
#[derive(Clone, Serialize)]
pub struct Diagnostic {
    /// The file as the caller named it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// One sentence without its full stop.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The byte offset of the place within the source.
    pub offset: usize,
    /// The length of the place in bytes.
    pub length: usize,
    #[serde(skip)]
    source: miette::NamedSource<Arc<str>>,
}

/// The most problems that are told: nobody mends more in one go, and a hostile file has a hundred thousand.
const MOST: usize = 100;

/// Gathers the problems of one file.
pub(super) struct Diagnostics {
    file: String,
    source: Arc<str>,
    found: Vec<Diagnostic>,
    /// All problems, also those beyond [`MOST`].
    count: usize,
}

impl Diagnostics {
    pub(super) fn new(file: &str, source: &str) -> Self {
        Self {
            file: file.to_owned(),
            source: source.into(),
            found: Vec::new(),
            count: 0,
        }
    }

    /// Notes a problem without a way out.
    pub(super) fn push(&mut self, span: Span, message: impl Into<String>) {
        self.note(span, message.into(), None);
    }

    /// Notes a problem with a way out.
    pub(super) fn push_help(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.note(span, message.into(), Some(help.into()));
    }

    /// Notes a problem with or without a way out.
    pub(super) fn note(&mut self, span: Span, message: String, help: Option<String>) {
        self.count += 1;
        if self.found.len() >= MOST {
            return;
        }
        self.found.push(Diagnostic {
            file: self.file.clone(),
            line: span.line,
            column: span.column,
            message,
            help,
            offset: span.offset,
            length: on_one_line(&self.source, span),
            source: miette::NamedSource::new(&self.file, Arc::clone(&self.source)).with_language("yaml"),
        });
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The problems in the order of their places.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|d| (d.line, d.column));
        self.found
    }
}

/// How much of a place lies on its first line: a value may be as long as the file, and where it begins is what people
/// look for.
fn on_one_line(source: &str, span: Span) -> usize {
    let rest = source.get(span.offset..).unwrap_or_default();
    let line = rest.find('\n').unwrap_or(rest.len());
    span.length.min(line)
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        let label = miette::LabeledSpan::new(Some("here".to_owned()), self.offset, self.length);
        Some(Box::new(std::iter::once(label)))
    }
}
