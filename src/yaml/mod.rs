//! YAML as a tree of values that know their place, so that all problems of a text can be told at once.
//!
//! Scalars stay the text that was written: `1.0` is a number to whoever asks for one, and a title to
//! whoever asks for that. Anchors, aliases and tags have no use here and are refused, which also leaves
//! nothing to expand; nesting is capped, so that no reader needs to fear for its stack.
//!
//! Deliberately absent: what a key means, and which keys there are; workflow files and artifacts know theirs.

use serde_saphyr::granit_parser::{Event, Marker, Options, Parser, ScalarStyle, ScanError, Span as Place};

/// The deepest nesting: a workflow needs five levels, a checks artifact six.
const DEEPEST: usize = 24;

/// A place within a source: where it starts, and the bytes that it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// In bytes.
    pub offset: usize,
    /// In bytes.
    pub length: usize,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// From its first character to its last.
    pub span: Span,
    /// What it is.
    pub shape: Shape,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A scalar.
    Scalar {
        /// As written, with escapes and folds resolved.
        text: String,
        /// Whether it stood there without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Value>),
    /// A mapping in the order of the source; keys may repeat.
    Map(Vec<(Key, Value)>),
}

/// A key of a mapping and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Of the key alone.
    pub span: Span,
    /// As written, with escapes resolved.
    pub text: String,
}

/// Why a text is no tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// Where reading stopped.
    pub span: Span,
    /// Why, in lower case and without a full stop.
    pub message: String,
}

impl Value {
    /// Whether it is the empty plain scalar, `null` or `~`.
    pub fn is_null(&self) -> bool {
        matches!(&self.shape, Shape::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// Its text, where it is a scalar that is not null.
    pub fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// What it is, for people.
    pub fn kind(&self) -> &'static str {
        match &self.shape {
            _ if self.is_null() => "nothing",
            Shape::Scalar { .. } => "text",
            Shape::List(_) => "a list",
            Shape::Map(_) => "a mapping",
        }
    }
}

/// Reads the only document of a text; a text without one is null.
///
/// # Errors
/// The text is no YAML, holds a second document, an anchor, an alias or a tag, a key that is no text, or is
/// nested too deeply. Whoever wrote it can mend it at the place that is named.
pub fn read(text: &str) -> Result<Value, Broken> {
    let mut options = Options::default();
    options.flow_nesting_limit = DEEPEST;
    options.block_nesting_limit = DEEPEST;
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Value> = None;
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, place) = event.map_err(|error| scan_error(&error, text))?;
        let span = span(&place);
        let refuse = |message: &str| {
            Err(Broken {
                span,
                message: message.to_owned(),
            })
        };
        let closed = match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return refuse("there is a second document; this file holds one");
                }
                continue;
            }
            Event::Alias(..) | Event::UnresolvedAlias(..) => {
                return refuse("anchors and aliases are not used here; write the value out");
            }
            Event::Scalar(_, _, anchor, tag) if anchor != 0 || tag.is_some() => {
                return refuse("anchors, aliases and tags are not used here; write the value plainly");
            }
            Event::SequenceStart(_, anchor, tag) | Event::MappingStart(_, anchor, tag)
                if anchor != 0 || tag.is_some() =>
            {
                return refuse("anchors, aliases and tags are not used here; write the value plainly");
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= DEEPEST => {
                return refuse("this is nested too deeply");
            }
            Event::SequenceStart(..) => {
                open.push(Open {
                    span,
                    items: Items::List(Vec::new()),
                });
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open {
                    span,
                    items: Items::Map(Vec::new(), None),
                });
                continue;
            }
            Event::Scalar(content, style, ..) => Value {
                span,
                shape: Shape::Scalar {
                    text: content.into_owned(),
                    plain: style == ScalarStyle::Plain,
                },
            },
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open { span: start, items }) => {
                    let length = (span.offset + span.length).saturating_sub(start.offset);
                    let shape = match items {
                        Items::List(values) => Shape::List(values),
                        Items::Map(pairs, _) => Shape::Map(pairs),
                    };
                    Value {
                        span: Span { length, ..start },
                        shape,
                    }
                }
                None => continue,
            },
            _ => continue,
        };
        match open.last_mut().map(|o| &mut o.items) {
            None => root = Some(closed),
            Some(Items::List(values)) => values.push(closed),
            Some(Items::Map(pairs, waiting)) => match waiting.take() {
                Some(key) => pairs.push((key, closed)),
                None => match closed.shape {
                    Shape::Scalar { text, .. } => {
                        *waiting = Some(Key {
                            span: closed.span,
                            text,
                        });
                    }
                    Shape::List(_) | Shape::Map(_) => {
                        return Err(Broken {
                            span: closed.span,
                            message: "a key must be text".to_owned(),
                        });
                    }
                },
            },
        }
    }
    let start = Span {
        line: 1,
        column: 1,
        offset: 0,
        length: 0,
    };
    Ok(root.unwrap_or(Value {
        span: start,
        shape: Shape::Scalar {
            text: String::new(),
            plain: true,
        },
    }))
}

/// A collection whose end has not come yet.
struct Open {
    span: Span,
    items: Items,
}

enum Items {
    List(Vec<Value>),
    /// The pairs, and the key whose value comes next.
    Map(Vec<(Key, Value)>, Option<Key>),
}

fn span(place: &Place) -> Span {
    let (start, end) = (at(&place.start), at(&place.end));
    Span {
        length: end.offset.saturating_sub(start.offset),
        ..start
    }
}

fn at(marker: &Marker) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span {
        line: number(marker.line().max(1)),
        column: number(marker.col().saturating_add(1)),
        offset: marker.byte_offset().unwrap_or(0),
        length: 0,
    }
}

fn scan_error(error: &ScanError, text: &str) -> Broken {
    let mut span = at(error.marker());
    span.offset = span.offset.min(text.len());
    let info = error.info();
    let message = match info.lines().next() {
        Some(line) if !line.trim().is_empty() => format!("this is not YAML: {}", line.trim()),
        _ => "this is not YAML".to_owned(),
    };
    Broken { span, message }
}
