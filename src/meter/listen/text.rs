//! Reading the one text of a line of JSON without parsing the line.
//!
//! Nearly all lines of a stream differ from the one before in nothing but a word. What is done here is right only for
//! lines of which the rest is known; everything else is left to the parser.

/// Appends the JSON string at the beginning of `json`, behind which only `end` may follow; whether it was one. If not,
/// or if it holds an escape that is rare, nothing is appended.
pub(super) fn append(to: &mut String, json: &[u8], end: &[u8]) -> bool {
    let before = to.len();
    let appended = json
        .strip_prefix(b"\"")
        .and_then(|json| unescape(to, json))
        .is_some_and(|rest| rest == end);
    if !appended {
        to.truncate(before);
    }
    appended
}

/// Appends a string up to its closing quote, and yields what follows that.
fn unescape<'a>(to: &mut String, mut json: &'a [u8]) -> Option<&'a [u8]> {
    loop {
        let at = memchr::memchr2(b'"', b'\\', json)?;
        to.push_str(std::str::from_utf8(&json[..at]).ok()?);
        if json[at] == b'"' {
            return Some(&json[at + 1..]);
        }
        to.push(match json.get(at + 1)? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            &same @ (b'"' | b'\\' | b'/') => char::from(same),
            _ => return None,
        });
        json = &json[at + 2..];
    }
}

/// A line that said nothing, apart from one text in it.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    /// What stands before the text, its opening quote included; empty if there is no pattern.
    before: Vec<u8>,
    /// What stands behind it, from its closing quote.
    behind: Vec<u8>,
}

impl Pattern {
    /// Whether a line differs from the pattern in nothing but its text.
    ///
    /// Texts with quotes are not looked at: a quote that is no part of the text could only be told by parsing.
    pub(super) fn fits(&self, line: &[u8]) -> bool {
        !self.before.is_empty()
            && line
                .strip_prefix(self.before.as_slice())
                .and_then(|rest| rest.strip_suffix(self.behind.as_slice()))
                .is_some_and(|text| memchr::memchr(b'"', text).is_none() && !text.ends_with(b"\\"))
    }

    /// Takes a line for the pattern, which is JSON and said nothing; `key` is the name of its text, with the quotes and
    /// colon that stand around it.
    pub(super) fn learn(&mut self, line: &[u8], key: &memchr::memmem::Finder<'_>) {
        self.before.clear();
        let Some(at) = key.find(line) else { return };
        let (before, rest) = line.split_at(at + key.needle().len());
        let Some(end) = memchr::memchr(b'"', rest) else {
            return;
        };
        if rest[..end].ends_with(b"\\") {
            return;
        }
        self.before.extend_from_slice(before);
        self.behind.clear();
        self.behind.extend_from_slice(&rest[end..]);
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
            let mut to = String::from("so far ");
            let appended = append(&mut to, format!("{json}}}}}").as_bytes(), b"}}");
            assert_eq!(appended, text != "\u{1}", "{json}");
            assert_eq!(to, format!("so far {}", if appended { text } else { "" }));
        }
        for json in ["", "\"", "\"a", "\"a\\\"}}", "1}}", "\"a\",\"b\":1}}"] {
            let mut to = String::new();
            assert!(!append(&mut to, json.as_bytes(), b"}}"), "{json}");
            assert_eq!(to, "");
        }
    }

    #[test]
    fn a_pattern_fits_lines_that_differ_in_their_text_alone() {
        let mut pattern = Pattern::default();
        let key = Finder::new("\"content\":\"");
        assert!(!pattern.fits(b"{\"content\":\"a\"}"));
        pattern.learn(b"{\"id\":1,\"content\":\"a\",\"usage\":null}", &key);
        for (line, fits) in [
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
            assert_eq!(pattern.fits(line.as_bytes()), fits, "{line}");
        }
        pattern.learn(b"{\"id\":1}", &key);
        assert!(!pattern.fits(b"{\"id\":1,\"content\":\"b\",\"usage\":null}"));
    }
}
