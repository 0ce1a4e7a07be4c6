//! Escapes short texts for one line: headings, list items, table cells, sentences.

use super::invisible::visible;
use super::reference::{is_live, is_word_char};

/// The most characters of an inline text that are shown.
const INLINE_MAX: usize = 500;

/// Makes a short text of a model or a stranger safe within a line, a heading or a table cell.
///
/// It becomes one line of at most 500 characters. Balanced code spans stay code; all other markup is shown as
/// it was written; mentions and references become code.
pub fn inline(text: &str) -> String {
    inline_up_to(text, INLINE_MAX)
}

/// As [`inline`], with another limit, in characters.
pub fn inline_up_to(text: &str, max: usize) -> String {
    let text = one_line(text, max);
    let parts: Vec<&str> = text.split('`').collect();
    let is_span = |code: &str| !code.is_empty() && code.trim() == code && !code.contains(['|', '\\']);
    let spans = parts.len() % 2 == 1 && parts.iter().skip(1).step_by(2).all(|code| is_span(code));
    let mut out = String::with_capacity(text.len() + 16);
    for (at, part) in parts.iter().enumerate() {
        if spans && at % 2 == 1 {
            if out.ends_with('`') {
                out.push(' ');
            }
            out.extend(["`", part, "`"]);
        } else {
            if !spans && at > 0 {
                out.push_str("\\`");
            }
            plain(part, &mut out);
        }
    }
    out
}

/// Renders a text as code within a line: a file name, a command, a branch. Never empty.
pub fn code(text: &str) -> String {
    let text = one_line(text, INLINE_MAX);
    if text.is_empty() {
        return "—".to_owned();
    }
    if text.contains(['|', '`']) {
        // Only HTML survives both a table row and a code span.
        let shown: String = text
            .chars()
            .map(|c| {
                if c.is_ascii_punctuation() {
                    format!("&#{};", c as u32)
                } else {
                    c.to_string()
                }
            })
            .collect();
        return format!("<code>{shown}</code>");
    }
    format!("`{text}`")
}

/// The text in one line, cut to `max` characters with an ellipsis.
fn one_line(text: &str, max: usize) -> String {
    let (text, _) = visible(text);
    let mut line = String::with_capacity(text.len().min(4 * max));
    let mut count = 0;
    for word in text.split_whitespace() {
        if count > 0 {
            line.push(' ');
            count += 1;
        }
        for c in word.chars() {
            if count >= max {
                line.truncate(line.trim_end().len());
                line.push('…');
                return line;
            }
            line.push(c);
            count += 1;
        }
    }
    line
}

fn plain(part: &str, out: &mut String) {
    let mut rest = part;
    while let Some(c) = rest.chars().next() {
        if is_word_char(c) {
            let end = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            let core = word.trim_matches('_').trim_end_matches(['.', ':', '?']);
            let first = out.trim().is_empty();
            if is_live(out.chars().next_back(), core) || (first && word.starts_with('/')) {
                if out.ends_with('`') {
                    out.push(' ');
                }
                out.extend(["`", word, "`"]);
                if rest[end..].starts_with('`') {
                    out.push(' ');
                }
            } else {
                for (at, c) in word.char_indices() {
                    // What would begin a heading, a list or an underline.
                    let opens = first && at == 0 && "#-+=".contains(c);
                    let numbers = first && c == '.' && word[..at].bytes().all(|b| b.is_ascii_digit());
                    if opens || numbers || c == '_' {
                        out.push('\\');
                    }
                    out.push(c);
                }
            }
            rest = &rest[end..];
            continue;
        }
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' => out.push_str("&#124;"),
            // A number and a parenthesis would begin a list.
            ')' if !out.is_empty() && out.trim_start().bytes().all(|b| b.is_ascii_digit()) => {
                out.push_str("\\)");
            }
            '\\' | '*' | '[' | ']' | '~' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
}
