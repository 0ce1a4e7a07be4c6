//! Listening to answers while they pass: tokens by kind, the model that answered, and what went wrong.
//!
//! An answer is a stream of server-sent events (`lines`), one JSON document, or an array of documents that comes piece
//! by piece (`elements`). What is heard is decided by its first byte, not by its header: some say one thing and send
//! another. Each dialect then reads the few events that matter and skips the many that only carry text, without
//! parsing them. Of a stream no more is kept than an unfinished line.

mod chat;
mod elements;
mod generate;
mod lines;
mod messages;
mod responses;
mod text;

#[cfg(test)]
pub(super) mod tests;

use self::elements::Elements;
use self::lines::{Lines, Next};
use super::endpoint::Endpoint;
use crate::ledger::WireFault;
use crate::model::TokenUsage;

/// The largest document or line that is read; larger ones pass unread. An answer of the largest models stays below a
/// megabyte.
const LARGEST: usize = 32 * 1024 * 1024;

/// What was heard of one answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The tokens, if the answer told them to its end.
    pub(super) usage: Option<TokenUsage>,
    /// The model that answered, under its own name.
    pub(super) model: Option<String>,
    /// What went wrong.
    pub(super) faults: Vec<WireFault>,
    /// Whether there were words, or a call of a tool.
    spoke: bool,
    /// Whether it said why it ended.
    stopped: bool,
    /// Whether it said that it was complete.
    ended: bool,
}

impl Heard {
    fn fault(&mut self, fault: WireFault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn model_is(&mut self, name: &str) {
        if !name.is_empty() && self.model.as_deref() != Some(name) {
            self.model = Some(name.to_owned());
        }
    }

    /// Judges the arguments of a call; none at all stand for an empty object.
    fn called_with(&mut self, arguments: &str) {
        self.spoke = true;
        if !arguments.trim().is_empty() && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_err() {
            self.fault(WireFault::MalformedCall);
        }
    }

    /// An error in the midst of an answer that began with a status of success.
    fn error(&mut self, kind: &str) {
        self.stopped = true;
        self.fault(match kind {
            "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" => {
                WireFault::RateLimited { until: None }
            }
            "authentication_error" | "UNAUTHENTICATED" => WireFault::Auth { status: 401 },
            "permission_error" | "PERMISSION_DENIED" => WireFault::Auth { status: 403 },
            "not_found_error" | "NOT_FOUND" | "model_not_found" => WireFault::UnknownModel,
            "invalid_request_error" | "INVALID_ARGUMENT" | "invalid_prompt" => {
                WireFault::Rejected { status: 400 }
            }
            "overloaded_error" => WireFault::Unavailable { status: Some(529) },
            _ => WireFault::Unavailable { status: Some(500) },
        });
    }
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The provider ended it in good order.
    Whole,
    /// The connection broke.
    Broken,
    /// It fell silent for too long.
    Silent,
    /// The harness did not want the rest.
    Left,
}

/// Listens to one answer.
#[derive(Debug)]
pub(super) struct Listener {
    form: Form,
    dialect: Dialect,
    heard: Heard,
}

#[derive(Debug)]
enum Form {
    /// Nothing but white space yet.
    Unknown,
    Events(Lines),
    Document(Vec<u8>),
    Array(Elements),
    /// Something else: a page, or compressed bytes.
    Foreign,
}

#[derive(Debug)]
enum Dialect {
    Messages(messages::Reader),
    Chat(chat::Reader),
    Responses(responses::Reader),
    Generate(generate::Reader),
}

impl Dialect {
    fn event(&mut self, name: &[u8], data: &[u8], heard: &mut Heard) {
        match self {
            Self::Messages(reader) => reader.event(name, data, heard),
            Self::Chat(reader) => reader.event(data, heard),
            Self::Responses(reader) => reader.event(name, data, heard),
            Self::Generate(reader) => reader.part(data, heard),
        }
    }

    /// What is known of the events that come next.
    fn next(&self, heard: &Heard) -> Next {
        match self {
            Self::Messages(reader) => reader.next(heard),
            Self::Chat(_) | Self::Responses(_) | Self::Generate(_) => Next::Any,
        }
    }

    fn document(&mut self, data: &[u8], heard: &mut Heard) {
        let read = match self {
            Self::Messages(_) => messages::document(data, heard),
            Self::Chat(_) => chat::document(data, heard),
            Self::Responses(_) => responses::document(data, heard),
            Self::Generate(reader) => {
                reader.part(data, heard);
                true
            }
        };
        if read {
            heard.ended = true;
        } else {
            heard.fault(WireFault::NotAnAnswer);
        }
    }
}

impl Listener {
    /// A listener for the answers of an endpoint that asks a model.
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        let dialect = match endpoint {
            Endpoint::Chat => Dialect::Chat(chat::Reader::default()),
            Endpoint::Responses => Dialect::Responses(responses::Reader),
            Endpoint::Generate { .. } => Dialect::Generate(generate::Reader::default()),
            _ => Dialect::Messages(messages::Reader::default()),
        };
        Self {
            form: Form::Unknown,
            dialect,
            heard: Heard::default(),
        }
    }

    /// Whether the first bytes can be the beginning of an answer.
    pub(super) fn is_answer(first: &[u8]) -> bool {
        let first = first.trim_ascii_start();
        let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
        match first.first() {
            // JSON; or `data:`, `event:`, `id:`, `retry:`, a comment.
            None | Some(b'{' | b'[' | b'd' | b'e' | b'i' | b'r' | b':') => true,
            Some(_) => false,
        }
    }

    /// Hears the next piece.
    pub(super) fn feed(&mut self, mut piece: &[u8]) {
        if matches!(self.form, Form::Unknown) {
            piece = piece.trim_ascii_start();
            let Some(first) = piece.first() else { return };
            self.form = match first {
                b'{' => Form::Document(Vec::new()),
                b'[' => Form::Array(Elements::default()),
                _ if Self::is_answer(piece) => Form::Events(Lines::default()),
                _ => Form::Foreign,
            };
        }
        let Self { form, dialect, heard } = self;
        match form {
            Form::Unknown | Form::Foreign => {}
            Form::Events(lines) => lines.feed(piece, |name, data| {
                dialect.event(name, data, heard);
                dialect.next(heard)
            }),
            Form::Array(elements) => elements.feed(piece, |element| dialect.event(b"", element, heard)),
            Form::Document(whole) => {
                if whole.len() + piece.len() > LARGEST {
                    self.form = Form::Foreign;
                } else {
                    whole.extend_from_slice(piece);
                }
            }
        }
    }

    /// What was heard altogether.
    pub(super) fn end(self, end: End) -> Heard {
        let Self {
            form,
            mut dialect,
            mut heard,
        } = self;
        let mut foreign = false;
        match form {
            Form::Document(whole) if end == End::Whole => dialect.document(&whole, &mut heard),
            Form::Events(lines) => lines.end(|name, data| dialect.event(name, data, &mut heard)),
            Form::Unknown => foreign = end == End::Whole,
            Form::Foreign => foreign = true,
            Form::Array(ref elements) => heard.ended |= elements.closed(),
            Form::Document(_) => {}
        }
        match dialect {
            Dialect::Messages(reader) => reader.end(&mut heard),
            Dialect::Generate(reader) => reader.end(&mut heard),
            Dialect::Chat(reader) => reader.end(&mut heard),
            Dialect::Responses(_) => {}
        }
        if foreign {
            heard.fault(WireFault::NotAnAnswer);
            return heard;
        }
        let complete = heard.ended || heard.stopped;
        match end {
            End::Silent if !complete => heard.fault(WireFault::Stalled),
            End::Whole | End::Broken if !complete && heard.faults.is_empty() => {
                heard.fault(WireFault::CutOff);
            }
            _ => {}
        }
        if complete && !heard.spoke && heard.faults.is_empty() {
            heard.fault(WireFault::Empty);
        }
        heard
    }
}

/// Whether any member of that name in a line of JSON has a value other than `null`.
///
/// `key` comes with its quotes; within a text they would be escaped, so that a hit is a name, or at worst a value.
fn has(line: &[u8], key: &memchr::memmem::Finder<'_>) -> bool {
    key.find_iter(line).any(|at| {
        let rest = line[at + key.needle().len()..].trim_ascii_start();
        let value = rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
        !value.starts_with(b"null")
    })
}
