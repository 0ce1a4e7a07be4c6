//! Escapes whole Markdown texts.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Parser, Tag, TagEnd};

use super::fence::{closing_line, fenced};
use super::hazard::hazards;
use super::invisible::visible;
use super::options;
use super::reference::{is_command, is_harmless_address, is_live, is_word_char};

/// How often the structure is disarmed before the text is given up and shown as code. What lies within one
/// disarmed construct may turn out to be another; people's texts need two or three rounds.
const ROUNDS: usize = 8;

/// Entities that may stay: they stand for characters that mean nothing to GitHub.
const ENTITIES: [&str; 9] = [
    "amp", "lt", "gt", "quot", "apos", "nbsp", "mdash", "ndash", "hellip",
];

/// Makes a Markdown text of a model or a stranger safe to post, and keeps it readable.
///
/// Mentions, references and commands at the beginning of a line become code, which GitHub leaves alone; raw
/// HTML, comments and markers are shown as they were written; images and links to issues become text or plain
/// links; link and footnote definitions are shown; invisible characters go; blank lines and trailing spaces are
/// reduced; a fenced code block that is left open is closed. Fenced code stays as it is.
///
/// The result goes after a blank line that does not end a list (indented code would become a part of it). A
/// text that stays dangerous after all, which takes intent, is shown as one code block.
pub fn escape(text: &str) -> String {
    let (text, _) = visible(text);
    let given_up = || fenced(text.trim_matches('\n'), "");
    let Some(mut out) = disarmed(text.clone()).map(|text| rewritten(&text)) else {
        return given_up();
    };
    if let Some(line) = closing_line(&out) {
        out.push('\n');
        out.push_str(&line);
    }
    if hazards(&out).is_empty() && closing_line(&out).is_none() {
        out
    } else {
        given_up()
    }
}

/// Takes the effect from everything structural; `None` where that does not come to an end.
fn disarmed(mut text: String) -> Option<String> {
    for _ in 0..ROUNDS {
        let mut edits = structural_edits(&text);
        if edits.is_empty() {
            return Some(text);
        }
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(text.len() + 8 * edits.len());
        let mut done = 0;
        for (range, replacement) in edits {
            if range.start < done {
                continue; // lies within another edit; the next round sees it
            }
            out.push_str(&text[done..range.start]);
            out.push_str(&replacement);
            done = range.end;
        }
        out.push_str(&text[done..]);
        text = out;
    }
    None
}

fn structural_edits(text: &str) -> Vec<(Range<usize>, String)> {
    let parser = Parser::new_ext(text, options());
    let mut edits = Vec::new();
    let mut containers = 0_usize;
    let mut indented: Option<String> = None;
    for (_, definition) in parser.reference_definitions().iter() {
        let at = definition.span.start;
        edits.push((at..at, "\\".to_owned()));
    }
    for (event, range) in parser.into_offset_iter() {
        match event {
            // Models break lines in table cells with it.
            Event::InlineHtml(html) if html.replace([' ', '/'], "").eq_ignore_ascii_case("<br>") => {
                edits.push((range, " ".to_owned()));
            }
            Event::Html(_) | Event::InlineHtml(_) => {
                let shown = text[range.clone()].replace('<', "&lt;");
                edits.push((range, shown));
            }
            Event::Start(Tag::Image { .. }) => {
                let bangs = text[..range.start]
                    .bytes()
                    .rev()
                    .take_while(|b| *b == b'!')
                    .count();
                let opening = range.start - bangs..range.start + 2;
                edits.push((opening, "[image: ".to_owned()));
            }
            Event::Start(Tag::Link {
                link_type, dest_url, ..
            }) if link_type != LinkType::Email && !is_harmless_address(&dest_url) => {
                let literal = if text[range.start..].starts_with('<') {
                    "&lt;"
                } else {
                    "\\["
                };
                edits.push((range.start..range.start + 1, literal.to_owned()));
            }
            Event::Start(Tag::FootnoteDefinition(_)) => {
                edits.push((range.start..range.start, "\\".to_owned()));
            }
            Event::Start(Tag::BlockQuote(_) | Tag::List(_)) => containers += 1,
            Event::End(TagEnd::BlockQuote(_) | TagEnd::List(_)) => containers -= 1,
            // Whether indented code is code depends on what stands before it; a fence settles it.
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) if containers == 0 => {
                indented = Some(String::new());
            }
            Event::Text(line) if let Some(code) = &mut indented => code.push_str(&line),
            Event::End(TagEnd::CodeBlock) if let Some(code) = indented.take() => {
                let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
                edits.push((start..range.end, format!("{}\n", fenced(&code, ""))));
            }
            _ => {}
        }
    }
    edits
}

/// The parts of a text that stay as they are: code, and the addresses of links.
fn verbatim_ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut links: Vec<(bool, usize)> = Vec::new(); // whether inline, and where the last part of its text ends
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        let end = range.end;
        match event {
            Event::Code(_)
            | Event::Start(
                Tag::CodeBlock(CodeBlockKind::Fenced(_))
                | Tag::Link {
                    link_type: LinkType::Autolink | LinkType::Email,
                    ..
                },
            ) => ranges.push(range),
            Event::Start(Tag::Link { link_type, .. }) => {
                links.push((link_type == LinkType::Inline, range.start + 1));
                continue;
            }
            Event::End(TagEnd::Link) if !text[range.clone()].starts_with('<') => {
                if let Some((true, from)) = links.pop() {
                    ranges.push(from..end);
                }
            }
            Event::Start(_) => continue,
            _ => {}
        }
        if let Some((_, from)) = links.last_mut() {
            *from = end.max(*from);
        }
    }
    ranges.sort_by_key(|range| range.start);
    ranges
}

/// Rewrites what is neither code nor an address.
fn rewritten(text: &str) -> String {
    let mut pen = Pen {
        out: String::with_capacity(text.len() + text.len() / 8),
        floor: 0,
        line_begins: true,
    };
    let mut done = 0;
    for range in verbatim_ranges(text) {
        if range.start < done {
            continue;
        }
        pen.text(&text[done..range.start]);
        pen.verbatim(&text[range.clone()]);
        done = range.end;
    }
    pen.text(&text[done..]);
    let out = pen.out;
    out.trim_end().trim_start_matches('\n').to_owned()
}

struct Pen {
    out: String,
    /// Where the last verbatim part ended: nothing before it is trimmed.
    floor: usize,
    /// Whether no letter has been written on this line yet.
    line_begins: bool,
}

impl Pen {
    fn verbatim(&mut self, part: &str) {
        // Two code spans that touch would become one.
        if part.starts_with('`') && self.out.ends_with('`') {
            self.out.push(' ');
        }
        if part.starts_with(['`', '~']) {
            self.out.push_str(part);
        } else {
            let angle = part.starts_with('<');
            let inner = part.strip_prefix('<').unwrap_or(part);
            self.out.push_str(if angle { "<" } else { "" });
            self.out
                .push_str(&inner.replace('<', "&lt;").replace('`', "&#96;"));
        }
        self.floor = self.out.len();
        self.line_begins = part.ends_with('\n');
    }

    fn text(&mut self, part: &str) {
        let mut rest = part;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = match c {
                '\n' => {
                    self.newline();
                    after
                }
                '\\' => self.backslash(after),
                '`' => {
                    self.out.push_str("\\`");
                    after
                }
                '<' => {
                    self.out.push_str("&lt;");
                    after
                }
                '&' => {
                    self.out
                        .push_str(if is_foreign_entity(after) { "&amp;" } else { "&" });
                    after
                }
                c if is_word_char(c) => {
                    let end = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
                    self.word(&rest[..end], rest[end..].chars().next());
                    &rest[end..]
                }
                c => {
                    self.out.push(c);
                    after
                }
            };
        }
    }

    fn newline(&mut self) {
        while self.out.len() > self.floor && self.out.ends_with([' ', '\t']) {
            self.out.pop();
        }
        if !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
        self.line_begins = true;
    }

    /// Writes a backslash so that it means what it meant, whatever is put after it.
    fn backslash<'a>(&mut self, after: &'a str) -> &'a str {
        match after.chars().next() {
            Some('@' | '#' | '/') => after, // escaping these changes nothing for GitHub
            Some('\n') => {
                self.out.push('\\');
                after
            }
            Some(c) if c.is_ascii_punctuation() => {
                match c {
                    '<' => self.out.push_str("&lt;"),
                    c => self.out.extend(['\\', c]),
                }
                &after[1..]
            }
            _ => {
                self.out.push_str("\\\\");
                after
            }
        }
    }

    fn word(&mut self, word: &str, next: Option<char>) {
        let head = word.len() - word.trim_start_matches('_').len();
        let (head, core) = word.split_at(head);
        let core_end = core.trim_end_matches(['.', ':', '?', '_']).len();
        let (core, tail) = core.split_at(core_end);
        self.out.push_str(head);
        let commands = self.line_begins && is_command(core);
        if commands || is_live(self.out.chars().next_back(), core) {
            if self.out.ends_with('`') {
                self.out.push(' ');
            }
            self.out.extend(["`", core, "`"]);
            self.floor = self.out.len();
            if tail.is_empty() && next == Some('`') {
                self.out.push(' ');
            }
        } else {
            self.out.push_str(core);
        }
        self.out.push_str(tail);
        self.line_begins &= !word.contains(char::is_alphabetic);
    }
}

/// Whether the text after an `&` makes it an entity that is not among those that may stay.
fn is_foreign_entity(after: &str) -> bool {
    let end = after
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '#')
        .unwrap_or(after.len());
    let name = &after[..end];
    !name.is_empty() && after[end..].starts_with(';') && !ENTITIES.contains(&name)
}
