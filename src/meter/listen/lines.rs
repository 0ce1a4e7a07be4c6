//! Server-sent events, line by line (the HTML standard, section 9.2.6).

use super::LARGEST;

/// Splits a stream into events without copying, unless a line lies across two pieces.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
    /// Whether the line grew beyond what is read.
    skipping: bool,
    /// The name that the event under way gave itself.
    name: Vec<u8>,
    /// How events begin in which nothing is to be heard, as the last event left it; empty if all are heard.
    dull: &'static [u8],
}

impl Lines {
    /// Hears the next piece, and calls with the name and the data of each line of data.
    ///
    /// Every dialect puts an event's data on one line, so that nothing is put together from several. The call says how
    /// events begin, name and all, that need not be heard until the next call.
    pub(super) fn feed(&mut self, mut piece: &[u8], mut event: impl FnMut(&[u8], &[u8]) -> &'static [u8]) {
        loop {
            piece = self.skip(piece);
            let Some(at) = memchr::memchr(b'\n', piece) else {
                break;
            };
            let (line, rest) = (&piece[..at], &piece[at + 1..]);
            if self.skipping {
                self.skipping = false;
            } else if self.begun.is_empty() {
                read(&mut self.name, line, |name, data| self.dull = event(name, data));
            } else {
                self.begun.extend_from_slice(line);
                read(&mut self.name, &self.begun, |name, data| {
                    self.dull = event(name, data);
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

    /// Skips dull events that are there as a whole.
    fn skip<'a>(&mut self, mut piece: &'a [u8]) -> &'a [u8] {
        if self.dull.is_empty() || self.skipping || !self.begun.is_empty() {
            return piece;
        }
        while let Some(rest) = piece.strip_prefix(self.dull)
            && let Some(end) = memchr::memchr(b'\n', rest)
        {
            piece = &rest[end + 1..];
            self.name.clear();
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
        piece
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
