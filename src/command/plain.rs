//! Where a comment shows plain text.
//!
//! Commands count only there: a quoted, struck out, collapsed or code-formatted command is somebody talking
//! about a command. Where Markdown leaves doubt the text is taken as not plain, so that nothing happens.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// HTML elements whose content is shown collapsed, as code, as a quotation or struck out.
const OPAQUE: [&str; 16] = [
    "blockquote",
    "code",
    "del",
    "details",
    "kbd",
    "pre",
    "q",
    "s",
    "samp",
    "script",
    "strike",
    "style",
    "table",
    "template",
    "textarea",
    "tt",
];

/// The byte ranges of `body` that GitHub shows as plain text of paragraphs and headings, in order.
///
/// `body` has `\n` line ends only.
pub(super) fn plain_ranges(body: &str) -> Vec<Range<usize>> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM
        | Options::ENABLE_MATH;
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut opaque_tags = 0_usize;
    let mut elements: Vec<&'static str> = Vec::new();
    for (event, range) in Parser::new_ext(body, options).into_offset_iter() {
        match event {
            Event::Start(tag) if is_opaque(&tag) => opaque_tags += 1,
            Event::End(tag) if is_opaque_end(tag) => opaque_tags = opaque_tags.saturating_sub(1),
            Event::Html(html) | Event::InlineHtml(html) => follow(&html, &mut elements),
            Event::Text(_) if opaque_tags == 0 && elements.is_empty() => ranges.push(range),
            _ => {}
        }
    }
    ranges.sort_by_key(|range| range.start);
    ranges
}

fn is_opaque(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::BlockQuote(_)
            | Tag::CodeBlock(_)
            | Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::Table(_)
            | Tag::Strikethrough
            | Tag::Link { .. }
            | Tag::Image { .. }
            | Tag::MetadataBlock(_)
    )
}

fn is_opaque_end(tag: TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::BlockQuote(_)
            | TagEnd::CodeBlock
            | TagEnd::HtmlBlock
            | TagEnd::FootnoteDefinition
            | TagEnd::Table
            | TagEnd::Strikethrough
            | TagEnd::Link
            | TagEnd::Image
            | TagEnd::MetadataBlock(_)
    )
}

/// Opens and closes the opaque elements that a piece of raw HTML names.
fn follow(html: &str, elements: &mut Vec<&'static str>) {
    for piece in html.split('<').skip(1) {
        let (closes, rest) = match piece.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (false, piece),
        };
        let name = rest
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or("");
        let Some(name) = OPAQUE.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            continue;
        };
        if !closes {
            elements.push(name);
        } else if let Some(at) = elements.iter().rposition(|open| open == name) {
            elements.truncate(at);
        }
    }
}
