//! Server-sent events, line by line (the HTML standard, section 9.2.6).

use super::LARGEST;

/// How the events that come next probably are, so that they can be told by their beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing is known of them.
    #[default]
    Any,
    /// Events that begin so, name and all, need not be heard.
    Dull(&'static [u8]),
    /// Many have this name, and begin so up to their data.
    Known {
        /// The name.
        name: &'static [u8],
        /// Everything before the data.
        begins: &'static [u8],
    },
}

/// Splits a stream into events without copying, unless a line lies across two pieces.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
    /// Whether the line grew beyond what is read.
    skipping: bool,
    /// The name that the event under way gave itself.
    name: Vec<u8>,
    /// What the last event said of the next ones.
    next: Next,
}

impl Lines {
    /// Hears the next piece, and calls with the name and the data of each line of data.
    ///
    /// Every dialect puts an event's data on one line, so that nothing is put together from several. The call says
    /// what it knows of the events that come next.
    pub(super) fn feed(&mut self, mut piece: &[u8], mut event: impl FnMut(&[u8], &[u8]) -> Next) {
        loop {
            piece = self.hurry(piece, &mut event);
            let Some(at) = memchr::memchr(b'\n', piece) else {
                break;
            };
            let (line, rest) = (&piece[..at], &piece[at + 1..]);
            if self.skipping {
                self.skipping = false;
            } else if self.begun.is_empty() {
                read(&mut self.name, line, |name, data| self.next = event(name, data));
            } else {
                self.begun.extend_from_slice(line);
                read(&mut self.name, &self.begun, |name, data| {
                    self.next = event(name, data);
                });
            }
            self.begun.clear();
            piece = rest;
        }
        if self.skipping {
            return;
        }
        if self.begun.len() + piece.len() > LARGEST {
            self.skipping = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(piece);
        }
    }

    /// Takes events that are there as a whole and begin as expected, in one go with the lines around their data.
    fn hurry<'a>(&mut self, mut piece: &'a [u8], event: &mut impl FnMut(&[u8], &[u8]) -> Next) -> &'a [u8] {
        if self.skipping || !self.begun.is_empty() {
            return piece;
        }
        loop {
            let begins = match self.next {
                Next::Any => return piece,
                Next::Dull(begins) | Next::Known { begins, .. } => begins,
            };
            let Some(rest) = piece.strip_prefix(begins) else {
                return piece;
            };
            let Some(end) = memchr::memchr(b'\n', rest) else {
                return piece;
            };
            if let Next::Known { name, .. } = self.next {
                self.next = event(name, rest[..end].trim_ascii());
            }
            self.name.clear();
            piece = &rest[end + 1..];
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
    }

    /// The stream is over: a last line without an end counts.
    pub(super) fn end(mut self, mut event: impl FnMut(&[u8], &[u8])) {
        if !self.skipping && !self.begun.is_empty() {
            read(&mut self.name, &self.begun, &mut event);
        }
    }
}

fn read(name: &mut Vec<u8>, line: &[u8], mut event: impl FnMut(&[u8], &[u8])) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let Some(data) = line.strip_prefix(b"data:") {
        event(name, data.trim_ascii());
    } else if let Some(named) = line.strip_prefix(b"event:") {
        name.clear();
        name.extend_from_slice(named.trim_ascii());
    } else if line.is_empty() {
        name.clear();
    }
}
