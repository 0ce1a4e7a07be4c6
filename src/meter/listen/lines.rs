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
}

impl Lines {
    /// Hears the next piece, and calls with the name and the data of each line of data.
    ///
    /// Every dialect puts an event's data on one line, so that nothing is put together from several.
    pub(super) fn feed(&mut self, mut piece: &[u8], mut event: impl FnMut(&[u8], &[u8])) {
        while let Some(at) = memchr::memchr(b'\n', piece) {
            let (line, rest) = (&piece[..at], &piece[at + 1..]);
            if self.skipping {
                self.skipping = false;
            } else if self.begun.is_empty() {
                read(&mut self.name, line, &mut event);
            } else {
                self.begun.extend_from_slice(line);
                read(&mut self.name, &self.begun, &mut event);
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

    /// The stream is over: a last line without an end counts.
    pub(super) fn end(mut self, mut event: impl FnMut(&[u8], &[u8])) {
        if !self.skipping && !self.begun.is_empty() {
            read(&mut self.name, &self.begun, &mut event);
        }
    }
}

fn read(name: &mut Vec<u8>, line: &[u8], event: &mut impl FnMut(&[u8], &[u8])) {
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
