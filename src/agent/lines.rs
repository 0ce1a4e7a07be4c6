//! Bytes into lines, with a limit.

use std::io::BufRead;

/// Lines are cut here: the longest events of real agents hold a file's content, and stay below it.
pub(super) const MAX_LINE: usize = 1024 * 1024;

/// Collects the bytes of a stream until a line is whole. Holds memory only while a line is incomplete.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    /// Whether the line in progress has lost bytes to the limit.
    cut: bool,
}

/// One line without its newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// The bytes, at most [`MAX_LINE`].
    pub(super) bytes: &'a [u8],
    /// Whether the end is missing.
    pub(super) cut: bool,
}

impl Lines {
    /// Takes what was read and hands on every line that is now whole.
    pub(super) fn feed(&mut self, mut chunk: &[u8], mut line: impl FnMut(Line<'_>)) {
        while !chunk.is_empty() {
            let before = chunk;
            // `skip_until` is the standard library's fast search; reading from a slice cannot fail.
            let Ok(length) = chunk.skip_until(b'\n') else {
                return;
            };
            let Some(body) = before[..length].strip_suffix(b"\n") else {
                self.keep(&before[..length]);
                return;
            };
            if self.partial.is_empty() && !self.cut {
                line(Line {
                    bytes: &body[..body.len().min(MAX_LINE)],
                    cut: body.len() > MAX_LINE,
                });
            } else {
                self.keep(body);
                self.finish(&mut line);
            }
        }
    }

    /// Hands on what the stream's end left without a newline.
    pub(super) fn finish(&mut self, mut line: impl FnMut(Line<'_>)) {
        if !self.partial.is_empty() {
            let bytes = std::mem::take(&mut self.partial);
            line(Line {
                bytes: &bytes,
                cut: self.cut,
            });
        }
        self.cut = false;
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE - self.partial.len();
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.cut |= bytes.len() > room;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<(String, bool)> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        let mut take =
            |line: Line<'_>| seen.push((String::from_utf8_lossy(line.bytes).into_owned(), line.cut));
        for chunk in chunks {
            lines.feed(chunk, &mut take);
        }
        lines.finish(&mut take);
        seen
    }

    #[test]
    fn lines_come_out_the_same_however_the_bytes_arrive() {
        let text = b"one\n\ntwo \xff\nthree";
        let whole = split(&[text]);
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(whole, split(&single));
        assert_eq!(
            whole.iter().map(|l| l.0.as_str()).collect::<Vec<_>>(),
            ["one", "", "two \u{fffd}", "three"]
        );
    }

    #[test]
    fn a_line_beyond_the_limit_is_cut_and_the_next_is_whole() {
        let flood = vec![b'x'; 300_000];
        let mut chunks: Vec<&[u8]> = vec![&flood; 5];
        chunks.push(b"\nnext\n");
        let seen = split(&chunks);
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[0].0.len(), seen[0].1), (MAX_LINE, true));
        assert_eq!(seen[1], ("next".to_owned(), false));
    }
}
