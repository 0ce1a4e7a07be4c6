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
    let math = text.matches('$').count() > 1;
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
            plain(part, math, &mut out);
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
    let marks = "`".repeat(longest_run(&text, '`') + 1);
    let space = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{marks}{space}{text}{space}{marks}")
}

/// As [`code`], for a table cell, where a pipe needs HTML: no code span keeps it in all cases.
pub fn code_cell(text: &str) -> String {
    if !text.contains('|') {
        return code(text);
    }
    let shown: String = one_line(text, INLINE_MAX)
        .chars()
        .map(|c| match c {
            '-' | '/' | ' ' | '=' | ',' | '+' => c.to_string(),
            c if c.is_ascii_punctuation() => format!("&#{};", c as u32),
            c => c.to_string(),
        })
        .collect();
    format!("<code>{shown}</code>")
}

/// The length of the longest run of a character.
pub(super) fn longest_run(text: &str, of: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
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

/// Writes text without code; `math` where dollar signs could pair up.
fn plain(part: &str, math: bool, out: &mut String) {
    let mut rest = part;
    while let Some(c) = rest.chars().next() {
        if is_word_char(c) {
            let end = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
            word(&rest[..end], rest[end..].chars().next(), out);
            rest = &rest[end..];
            continue;
        }
        match c {
            '<' => out.push_str("&lt;"),
            '>' if out.trim().is_empty() => out.push_str("&gt;"), // would begin a quote
            '&' => out.push_str("&amp;"),
            '|' => out.push_str("&#124;"),
            // A number and a parenthesis would begin a list.
            ')' if !out.is_empty() && out.trim_start().bytes().all(|b| b.is_ascii_digit()) => {
                out.push_str("\\)");
            }
            '$' if math => out.push_str("\\$"),
            '\\' | '*' | '[' | ']' | '~' => out.extend(['\\', c]),
            c => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
}

fn word(word: &str, next: Option<char>, out: &mut String) {
    let first = out.trim().is_empty();
    let (head, core) = word.split_at(word.len() - word.trim_start_matches('_').len());
    let (core, tail) = core.split_at(core.trim_end_matches(['.', ':', '?', '_']).len());
    if is_live(head.chars().next_back().or(out.chars().next_back()), core) || (first && core.starts_with('/'))
    {
        out.push_str(&head.replace('_', "\\_"));
        if out.ends_with('`') {
            out.push(' ');
        }
        out.extend(["`", core, "`"]);
        out.push_str(&tail.replace('_', "\\_"));
        if tail.is_empty() && next == Some('`') {
            out.push(' ');
        }
        return;
    }
    let mut before = None;
    let mut chars = word.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map(|(_, c)| *c);
        // What would begin a heading, a list or an underline.
        let opens = first && at == 0 && "#-+=".contains(c);
        let numbers = first && c == '.' && word[..at].bytes().all(|b| b.is_ascii_digit());
        let within = before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric);
        if opens || numbers || (c == '_' && !within) {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
}
