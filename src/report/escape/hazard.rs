//! Finds what must not stand in a text that comes from a model or a stranger.
//!
//! The judge of [`super::escape`]: it looks at what a Markdown reader makes of the finished text and knows
//! nothing of how the text was made.

use pulldown_cmark::{Event, LinkType, Parser, Tag, TagEnd, TextMergeWithOffset};

use super::options;
use super::reference::{is_command, is_harmless_address, is_live, is_word_char};

/// Something in a text that GitHub, or somebody who reads the thread, would act upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum Hazard {
    /// Raw HTML, comments and markers among it.
    Html,
    /// An image, which is fetched when somebody looks.
    Image,
    /// A link to something else than a web page, or to an issue.
    Link,
    /// A definition that is not shown where it stands.
    Hidden,
    /// A mention or a reference.
    Reference,
    /// A command at the beginning of a line.
    Command,
}

/// Finds all hazards, each with the byte at which it begins, in order.
pub(in crate::report) fn hazards(text: &str) -> Vec<(usize, Hazard)> {
    let mut found = Vec::new();
    let parser = Parser::new_ext(text, options());
    for (_, definition) in parser.reference_definitions().iter() {
        found.push((definition.span.start, Hazard::Hidden));
    }
    let mut in_code = false;
    for (event, range) in TextMergeWithOffset::new(parser.into_offset_iter()) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Html(_) | Event::InlineHtml(_) => found.push((range.start, Hazard::Html)),
            Event::Start(Tag::Image { .. }) => found.push((range.start, Hazard::Image)),
            Event::Start(Tag::Link {
                link_type, dest_url, ..
            }) if link_type != LinkType::Email && !is_harmless_address(&dest_url) => {
                found.push((range.start, Hazard::Link));
            }
            Event::Start(Tag::FootnoteDefinition(_)) => found.push((range.start, Hazard::Hidden)),
            Event::Text(shown) if !in_code => {
                let mut before = None;
                let mut words = shown.split(|c| !is_word_char(c)).peekable();
                if words.peek().is_some_and(|word| is_command(word)) && begins_line(text, range.start) {
                    found.push((range.start, Hazard::Command));
                }
                let mut at = 0;
                for word in words {
                    if is_live(before, word) {
                        found.push((range.start, Hazard::Reference));
                    }
                    at += word.len();
                    before = shown[at..].chars().next();
                    at += before.map_or(0, char::len_utf8);
                }
            }
            _ => {}
        }
    }
    found.sort_unstable();
    found
}

/// Whether nothing but markup stands before this byte on its line.
fn begins_line(text: &str, at: usize) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    !text[line..at].contains(char::is_alphabetic)
}
