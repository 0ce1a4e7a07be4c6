//! The end of a text, within a limit, and readable.

/// Keeps the last bytes of what it is given, line by line. Runs of blank lines shrink to one.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    limit: usize,
    blank: bool,
}

impl Tail {
    /// An empty one that keeps at least `limit` bytes and never more than twice that.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            blank: true,
        }
    }

    /// Adds a line.
    pub(super) fn push(&mut self, line: &[u8]) {
        let line = line.trim_ascii_end();
        if line.is_empty() && std::mem::replace(&mut self.blank, true) {
            return;
        }
        self.blank = line.is_empty();
        let line = &line[line.len().saturating_sub(self.limit)..];
        if self.bytes.len() + line.len() + 1 > 2 * self.limit {
            let spare = self.bytes.len().saturating_sub(self.limit);
            self.bytes.drain(..spare);
            self.bytes
                .drain(..(self.bytes.len() + line.len() + 1).saturating_sub(2 * self.limit));
        }
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
    }

    /// What was kept, as clean text.
    pub(super) fn text(&self) -> String {
        let from = self.bytes.len().saturating_sub(self.limit);
        clean(&String::from_utf8_lossy(&self.bytes[from..]))
    }
}

/// Removes terminal sequences, control characters, spaces at line ends and surplus blank lines.
pub(super) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut blanks = 0;
    for line in plain(text).lines() {
        let line = line.trim_end();
        blanks = if line.is_empty() { blanks + 1 } else { 0 };
        if blanks < 2 {
            clean.push_str(line);
            clean.push('\n');
        }
    }
    clean.trim_matches('\n').to_owned()
}

/// Removes terminal sequences (`ESC [ … letter`, `ESC ] … BEL`) and control characters but tab and newline.
pub(super) fn plain(text: &str) -> std::borrow::Cow<'_, str> {
    // A quick look first: most text is clean. 0xC2 may begin one of the controls beyond ASCII.
    // Looking at every byte without stopping early is what the processor does many at a time.
    let suspect = |b: u8| b < b' ' && b != b'\n' && b != b'\t' || b == 0x7f || b == 0xc2;
    if !text.bytes().fold(false, |found, byte| found | suspect(byte)) {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.peek() {
                Some('[') => while chars.next().is_some_and(|c| !c.is_ascii_alphabetic()) {},
                Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\n') {},
                _ => {}
            },
            '\r' if chars.peek() != Some(&'\n') => plain.push('\n'),
            '\n' | '\t' => plain.push(c),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_keeps_the_end_within_twice_its_limit_and_is_not_washed_out_by_blank_lines() {
        let mut tail = Tail::new(20);
        for n in 0..100 {
            tail.push(format!("line {n}").as_bytes());
            assert!(tail.bytes.len() <= 40);
        }
        for _ in 0..1000 {
            tail.push(b"  ");
        }
        tail.push(&[b'x'; 10]);
        assert_eq!(tail.text(), "line 99\n\nxxxxxxxxxx");
        tail.push(&[b'y'; 500]);
        assert!(tail.text().ends_with('y') && tail.bytes.len() <= 40);
    }

    #[test]
    fn terminal_sequences_and_surplus_blank_lines_go() {
        assert_eq!(
            clean("\n\n\u{1b}[1;31mred\u{1b}[0m  \r\n\n \n\n\nend\u{0}\u{1b}]0;title\u{7}\n"),
            "red\n\nend"
        );
        assert_eq!(clean("10 %\r20 %\r\n"), "10 %\n20 %");
        assert_eq!(clean("30 \u{b0}C\u{9b}2J £"), "30 °C2J £");
    }
}
