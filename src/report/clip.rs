//! Fits texts into GitHub's limits.
//!
//! A [`Page`] is made of sections, of which some must survive; the others are cut, least important first, and
//! say where the rest is. [`cut`] shortens one Markdown text so that what is open is closed and nothing that
//! was code becomes text.

use pulldown_cmark::{Event, Parser};

use super::escape::{closing_line, hazards};

/// What a text may measure at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Comments and the bodies of issues and pull requests: 65,536 characters.
    ///
    /// GitHub refuses more with "body is too long (maximum is 65536 characters)". It does not say what a
    /// character is, so that UTF-16 units are counted, which are never fewer than code points.
    Body,
    /// The texts of a check run: 65,535 bytes of UTF-8.
    Check,
}

impl Limit {
    /// The largest measure that fits.
    pub fn most(self) -> usize {
        match self {
            Self::Body => 65_536,
            Self::Check => 65_535,
        }
    }

    /// What a text measures.
    pub fn measure(self, text: &str) -> usize {
        match self {
            Self::Body => text.chars().map(char::len_utf16).sum(),
            Self::Check => text.len(),
        }
    }

    fn of(self, c: char) -> usize {
        match self {
            Self::Body => c.len_utf16(),
            Self::Check => c.len_utf8(),
        }
    }
}

/// How far a section may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// Never: markers, states, how to go on. Such sections are short by construction.
    Always,
    /// Only when cutting the `Rather` sections does not suffice.
    Mostly,
    /// First.
    Rather,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    keep: Keep,
    text: String,
}

/// A text for GitHub in the making: sections with a blank line between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    sections: Vec<Section>,
    rest: Option<String>,
}

impl Page {
    /// Begins an empty page; `rest` says where the whole text can be read, as a part of a sentence.
    pub fn new(rest: Option<String>) -> Self {
        Self {
            sections: Vec::new(),
            rest,
        }
    }

    /// Adds a section, finished Markdown; an empty one adds nothing.
    pub fn push(&mut self, keep: Keep, text: impl Into<String>) {
        let text = text.into();
        if !text.trim().is_empty() {
            self.sections.push(Section {
                keep,
                text: text.trim_end().to_owned(),
            });
        }
    }

    /// Renders the page without regard to any limit, for a terminal or a file.
    pub fn whole(&self) -> String {
        let mut out = self
            .sections
            .iter()
            .map(|s| s.text.as_str())
            .collect::<Vec<_>>()
            .join("\n\n");
        out.push('\n');
        out
    }

    /// Renders the page within a limit.
    pub fn within(&self, limit: Limit) -> String {
        let mut page = self.clone();
        for keep in [Keep::Rather, Keep::Mostly, Keep::Always] {
            // The last sections go first: what matters more stands further up.
            for at in (0..page.sections.len())
                .rev()
                .filter(|&at| self.sections[at].keep == keep)
            {
                let excess = limit.measure(&page.whole()).saturating_sub(limit.most());
                if excess == 0 {
                    return page.whole();
                }
                let text = &page.sections[at].text;
                let room = limit.measure(text).saturating_sub(excess);
                page.sections[at].text = cut(text, limit, room, &page.note());
            }
        }
        page.whole()
    }

    fn note(&self) -> String {
        match &self.rest {
            Some(rest) => format!("_Cut here: {rest}_"),
            None => "_Cut here._".to_owned(),
        }
    }
}

/// How many places for a cut are tried before a text is left out.
const TRIES: usize = 24;

/// How far back a cut looks for the end of a line or word, in bytes, before it cuts within one.
const REACH: usize = 2_000;

/// Shortens a Markdown text to `room` and ends it with `note`; a text that fits stays as it is.
///
/// Open code blocks and `<details>` are closed. The cut goes to the end of a line or at least of a word, and to
/// a place where nothing becomes live that was not: half a code span is no code. Where there is no such place
/// the note alone remains, and where that does not fit, nothing.
pub fn cut(text: &str, limit: Limit, room: usize, note: &str) -> String {
    if limit.measure(text) <= room {
        return text.to_owned();
    }
    let ending = limit.measure(note) + 2;
    let mut live = hazards(text);
    live.dedup();
    let mut end = prefix(text, limit, room.saturating_sub(ending));
    for attempt in 0..TRIES {
        end = if attempt < TRIES / 2 {
            word_end(text, end)
        } else {
            block_end(text, end)
        };
        if end == 0 {
            break;
        }
        let start = text[..end].trim_end();
        let closing = closing(start);
        let measure = limit.measure(start) + limit.measure(&closing) + ending;
        if measure > room {
            end = prefix(text, limit, limit.measure(start).saturating_sub(measure - room));
            continue;
        }
        // With what follows it, as a heading or a paragraph may depend on that.
        let whole = format!("{start}{closing}\n\n{note}");
        let fine = hazards(&whole[..start.len() + closing.len()])
            .iter()
            .all(|hazard| hazard.0 >= start.len() || live.contains(hazard));
        if fine {
            return whole;
        }
        end = start.len().saturating_sub(1);
    }
    if limit.measure(note) <= room {
        note.to_owned()
    } else {
        String::new()
    }
}

/// The longest prefix of `text` that measures at most `room`, in bytes.
fn prefix(text: &str, limit: Limit, room: usize) -> usize {
    let mut measure = 0;
    for (at, c) in text.char_indices() {
        measure += limit.of(c);
        if measure > room {
            return at;
        }
    }
    text.len()
}

/// The last end of a line before `end`, else that of a word, else of a character as people see it.
fn word_end(text: &str, end: usize) -> usize {
    let end = text.floor_char_boundary(end);
    let from = text.floor_char_boundary(end.saturating_sub(REACH));
    let near = &text[from..end];
    if let Some(at) = near.rfind('\n').or_else(|| near.rfind(char::is_whitespace)) {
        return from + at;
    }
    let mut end = end;
    // Never between a character and what is drawn onto it; a dozen steps are enough for any honest one.
    for _ in 0..12 {
        let joins = text[end..].chars().next().is_some_and(is_drawn_onto)
            || text[..end]
                .chars()
                .next_back()
                .is_some_and(|c| c == '\u{200d}' || is_flag_letter(c));
        let Some(previous) = text[..end].chars().next_back().filter(|_| joins) else {
            break;
        };
        end -= previous.len_utf8();
    }
    end
}

/// The last blank line before `end`.
fn block_end(text: &str, end: usize) -> usize {
    text[..text.floor_char_boundary(end)].rfind("\n\n").unwrap_or(0)
}

/// Whether a character is drawn onto the one before it.
fn is_drawn_onto(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}'
        | '\u{93a}'..='\u{94f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{200d}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}'
        | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0100}'..='\u{e01ef}')
}

fn is_flag_letter(c: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)
}

/// What closes the code block and the `<details>` that a text leaves open.
fn closing(text: &str) -> String {
    let mut out = String::new();
    if let Some(line) = closing_line(text) {
        out.push('\n');
        out.push_str(&line);
    }
    let mut open = 0_usize;
    for event in Parser::new(text) {
        if let Event::Html(html) | Event::InlineHtml(html) = event {
            open += html.matches("<details").count();
            open = open.saturating_sub(html.matches("</details>").count());
        }
    }
    for _ in 0..open {
        out.push_str("\n\n</details>");
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::escape::escape;

    const NOTE: &str = "_Cut here: the rest is in the pull request._";

    #[test]
    fn a_comment_of_70000_characters_that_ends_in_an_open_fence_is_cut_and_closed() {
        let text = format!("# Log\n\n````text\n{}", "a line of output\n".repeat(4_200));
        assert!(text.chars().count() > 70_000);
        let text = cut(&text, Limit::Body, Limit::Body.most(), NOTE);
        assert!(Limit::Body.measure(&text) <= 65_536);
        assert!(
            Limit::Body.measure(&text) > 65_000,
            "not more is cut than must be"
        );
        assert!(
            text.ends_with(&format!("a line of output\n````\n\n{NOTE}")),
            "{}",
            &text[text.len() - 200..]
        );
    }

    #[test]
    fn open_details_are_closed() {
        let text = format!(
            "<details>\n<summary>Log</summary>\n\n```\n{}\n```\n\n</details>",
            "x\n".repeat(100)
        );
        let text = cut(&text, Limit::Body, 150, NOTE);
        assert!(
            text.ends_with(&format!("x\n```\n\n</details>\n\n{NOTE}")),
            "{text}"
        );
        assert!(Limit::Body.measure(&text) <= 150);
    }

    #[test]
    fn a_cut_frees_no_mention_from_its_code() {
        let text = format!("First.\n\nSee `this @octocat\n{}`.", "word ".repeat(100));
        assert_eq!(cut(&text, Limit::Body, 200, NOTE), format!("First.\n\n{NOTE}"));
        let text = format!("See `this @octocat {}`.", "word ".repeat(100));
        let text = cut(&text, Limit::Body, 200, NOTE);
        assert!(!text.contains('@') && text.ends_with(NOTE), "{text}");
    }

    #[test]
    fn units_are_counted_as_the_limit_counts_them_and_characters_stay_whole() {
        let text = "🚀".repeat(100);
        let body = cut(&text, Limit::Body, 100, "…");
        assert_eq!(body, format!("{}\n\n…", "🚀".repeat(48)));
        let check = cut(&text, Limit::Check, 100, "…");
        assert_eq!(
            check,
            format!("{}\n\n…", "🚀".repeat(23)),
            "an ellipsis has three bytes"
        );
        let text = "a\u{301}".repeat(100);
        assert_eq!(
            cut(&text, Limit::Body, 14, "…"),
            format!("{}\n\n…", "a\u{301}".repeat(5))
        );
    }

    #[test]
    fn a_page_cuts_the_least_important_section_first() {
        let mut page = Page::new(Some("the whole plan is an artifact of the run.".into()));
        page.push(Keep::Always, "<!-- marker -->");
        page.push(Keep::Mostly, "plan ".repeat(6_000));
        page.push(Keep::Rather, "diff ".repeat(8_000));
        page.push(Keep::Always, "How to go on.");
        let text = page.within(Limit::Body);
        assert!(Limit::Body.measure(&text) <= 65_536);
        assert!(text.starts_with("<!-- marker -->\n\nplan ") && text.ends_with("\n\nHow to go on.\n"));
        assert_eq!(
            text.matches("plan").count(),
            6_001,
            "the plan is whole, and the note speaks of it"
        );
        assert!(text.contains("\n\n_Cut here: the whole plan is an artifact of the run._\n\n"));

        page.push(Keep::Mostly, "more ".repeat(12_000));
        let text = page.within(Limit::Body);
        assert!(Limit::Body.measure(&text) <= 65_536);
        assert!(!text.contains("diff") && text.contains("How to go on."));
    }

    #[test]
    fn a_page_without_anything_to_cut_still_fits() {
        let mut page = Page::new(None);
        page.push(Keep::Always, "x".repeat(70_000));
        assert!(Limit::Body.measure(&page.within(Limit::Body)) <= 65_536);
    }

    fn markdown() -> impl Strategy<Value = String> {
        let pieces = vec![
            "@octocat",
            "`",
            "``",
            "```",
            "````rust",
            "~~~",
            "\n",
            "\n\n",
            "- ",
            "> ",
            "# ",
            "word ",
            "é",
            "🚀",
            "🇩🇪",
            "e\u{301}",
            "| a | b |\n| --- | --- |\n",
            "<b>",
            "#12",
            "/approve",
            "    ",
            "long line ",
        ];
        proptest::collection::vec(proptest::sample::select(pieces), 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_cut_fits_is_closed_and_stays_harmless(text in markdown(), room in 0_usize..400) {
            let text = escape(&text);
            for limit in [Limit::Body, Limit::Check] {
                let cut = cut(&text, limit, room, NOTE);
                prop_assert!(limit.measure(&cut) <= room, "{cut}");
                prop_assert_eq!(hazards(&cut), vec![]);
                prop_assert_eq!(closing_line(&cut), None);
                prop_assert!(cut == text || cut.is_empty() || cut.ends_with(NOTE));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_page_always_fits(
            sections in proptest::collection::vec((0_u8..3, markdown()), 1..6)
        ) {
            let mut page = Page::new(Some("see the log.".into()));
            for (keep, text) in sections {
                let keep = [Keep::Always, Keep::Mostly, Keep::Rather][usize::from(keep)];
                let times = 30_000 / text.len().max(1);
                page.push(keep, escape(&text.repeat(times)));
            }
            for limit in [Limit::Body, Limit::Check] {
                prop_assert!(limit.measure(&page.within(limit)) <= limit.most());
            }
        }
    }
}
