//! Reading the one text of a line of JSON without parsing the line.
//!
//! Nearly all lines of a stream differ from the one before in nothing but a word. What is done here is right only for
//! lines of which the rest is known; everything else is left to the parser.

/// Appends the JSON string at the beginning of `json`, behind which only `end` may follow, as it stands there, escapes
/// and all, without its quotes; whether it was one. If not, nothing is appended.
pub(super) fn append(to: &mut Vec<u8>, json: &[u8], end: &[u8]) -> bool {
    let text = json
        .strip_suffix(end)
        .and_then(|json| json.strip_prefix(b"\"")?.strip_suffix(b"\""))
        .filter(|text| !escaped(text, text.len()));
    match text {
        Some(text) if memchr::memchr_iter(b'"', text).all(|at| escaped(text, at)) => {
            to.extend_from_slice(text);
            true
        }
        _ => false,
    }
}

/// Whether what stands at `at` is escaped: by a backslash that is not escaped itself.
fn escaped(text: &[u8], at: usize) -> bool {
    let backslashes = text[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
    backslashes % 2 == 1
}

/// A line that said nothing new, apart from one text in it and from figures behind that.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    /// What stands before the text, its opening quote included; empty if there is no pattern.
    before: Vec<u8>,
    /// What stands behind it, from its closing quote, without the figures that part it.
    behind: Vec<Vec<u8>>,
}

impl Pattern {
    /// What stands behind the text of a line, from its closing quote, if the line differs from the pattern in nothing
    /// but its text and its figures.
    pub(super) fn fits<'l>(&self, line: &'l [u8]) -> Option<&'l [u8]> {
        if self.before.is_empty() {
            return None;
        }
        let rest = line.strip_prefix(self.before.as_slice())?;
        let behind = &rest[text_end(rest)?..];
        let mut pieces = self.behind.iter();
        let mut left = behind.strip_prefix(pieces.next()?.as_slice())?;
        for piece in pieces {
            let figures = left.iter().take_while(|byte| byte.is_ascii_digit()).count();
            left = left[figures..]
                .strip_prefix(piece.as_slice())
                .filter(|_| figures > 0)?;
        }
        left.is_empty().then_some(behind)
    }

    /// Takes a line for the pattern, which is JSON; `key` is the name of its text, with the quotes and colon that stand
    /// around it.
    pub(super) fn learn(&mut self, line: &[u8], key: &memchr::memmem::Finder<'_>) {
        self.before.clear();
        self.behind.clear();
        let Some(at) = key.find(line) else { return };
        let (before, rest) = line.split_at(at + key.needle().len());
        let Some(end) = text_end(rest) else { return };
        self.before.extend_from_slice(before);
        let pieces = rest[end..].split(u8::is_ascii_digit).enumerate();
        // Between the digits of one figure nothing stands.
        let pieces = pieces.filter(|(n, piece)| *n == 0 || !piece.is_empty());
        self.behind.extend(pieces.map(|(_, piece)| piece.to_vec()));
        // A line of JSON does not end in a figure, and this one would be told from longer ones by nothing.
        if line.last().is_some_and(u8::is_ascii_digit) {
            self.before.clear();
        }
    }

    /// The line of the pattern with an empty text and with what [`Self::fits`] yielded behind it.
    pub(super) fn line(&self, behind: &[u8]) -> Vec<u8> {
        [&self.before, behind].concat()
    }
}

/// Where the text ends at whose first character `rest` begins: at its closing quote.
fn text_end(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', &rest[at..])?;
        if rest[at] == b'"' {
            return Some(at);
        }
        at += 2;
        if at > rest.len() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use memchr::memmem::Finder;

    use super::*;

    #[test]
    fn a_text_is_appended_as_the_parser_would_read_it_or_not_at_all() {
        for text in [
            "",
            "a",
            "ü {\"x\": \"\\\\y\\n\"}",
            "tab\t/",
            "\u{1}",
            "quote \" end",
        ] {
            let json = serde_json::to_string(text).expect("JSON");
            let mut to = b"so far ".to_vec();
            assert!(append(&mut to, format!("{json}}}}}").as_bytes(), b"}}"), "{json}");
            let all = format!("\"{}\"", String::from_utf8(to).expect("UTF-8"));
            let read: String = serde_json::from_str(&all).expect("one text");
            assert_eq!(read, format!("so far {text}"));
        }
        for json in ["", "\"", "\"a", "\"a\\\"}}", "1}}", "\"a\",\"b\":1}}"] {
            let mut to = Vec::new();
            assert!(!append(&mut to, json.as_bytes(), b"}}"), "{json}");
            assert_eq!(to, b"");
        }
    }

    #[test]
    fn a_pattern_fits_lines_that_differ_in_their_text_alone() {
        let mut pattern = Pattern::default();
        let key = Finder::new("\"content\":\"");
        assert_eq!(pattern.fits(b"{\"content\":\"a\"}"), None);
        pattern.learn(b"{\"id\":1,\"content\":\"a\",\"usage\":null}", &key);
        let quoted = r#"{"id":1,"content":"say \"b\"","usage":null}"#;
        for (line, fits) in [
            (quoted, true),
            (r#"{"id":1,"content":"b c","usage":null}"#, true),
            (r#"{"id":1,"content":"","usage":null}"#, true),
            (r#"{"id":1,"content":"\\n","usage":null}"#, true),
            (r#"{"id":2,"content":"b","usage":null}"#, false),
            (r#"{"id":1,"content":"b","usage":7}"#, false),
            (r#"{"id":1,"content":"b","usage":7,"x":"","usage":null}"#, false),
            (r#"{"id":1,"content":"a\\"","usage":null}"#, false),
            (r#"{"id":1,"content":"a\","usage":null}"#, false),
            (r#"{"id":1,"content":"#, false),
        ] {
            let behind = fits.then_some(b"\",\"usage\":null}".as_slice());
            assert_eq!(pattern.fits(line.as_bytes()), behind, "{line}");
        }
        pattern.learn(b"{\"id\":1}", &key);
        assert_eq!(pattern.fits(b"{\"id\":1,\"content\":\"b\",\"usage\":null}"), None);
    }

    #[test]
    fn figures_behind_the_text_may_differ() {
        let mut pattern = Pattern::default();
        let key = Finder::new("\"text\":\"");
        pattern.learn(br#"{"text":"a","n":10,"of":{"m":7},"v":"x-3.5"}"#, &key);
        let behind = r#"","n":9,"of":{"m":123},"v":"x-4.0"}"#;
        let line = format!("{{\"text\":\"b 1 \\{behind}");
        assert_eq!(pattern.fits(line.as_bytes()), None, "the quote is escaped");
        let line = format!("{{\"text\":\"b 1{behind}");
        assert_eq!(pattern.fits(line.as_bytes()), Some(behind.as_bytes()));
        assert_eq!(
            pattern.line(behind.as_bytes()),
            format!("{{\"text\":\"{behind}").as_bytes()
        );
        for other in [
            r#"{"text":"a","n":,"of":{"m":7},"v":"x-3.5"}"#,
            r#"{"text":"a","n":-1,"of":{"m":7},"v":"x-3.5"}"#,
            r#"{"text":"a","n":1.5,"of":{"m":7},"v":"x-3.5"}"#,
            r#"{"text":"a","n":1,"of":{"m":7},"v":"x-3.5","w":1}"#,
            r#"{"text":"a","n":1,"of":{"m":7}}"#,
        ] {
            assert_eq!(pattern.fits(other.as_bytes()), None, "{other}");
        }
        pattern.learn(br#""text":"a",7"#, &key);
        assert_eq!(pattern.fits(br#""text":"a",7"#), None, "it has no end");
    }
}
