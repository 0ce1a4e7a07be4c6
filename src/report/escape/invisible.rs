//! Characters that people do not see.
//!
//! They hide instructions from the reader of a text and show them to a model, or make code look like what it is
//! not. Category filters miss some, so the ranges are listed.

/// Ranges of characters that show nothing or change how others are shown (Unicode 16).
const HIDDEN: [(char, char); 32] = [
    ('\u{0000}', '\u{0008}'),    // control
    ('\u{000b}', '\u{000c}'),    // control
    ('\u{000e}', '\u{001f}'),    // control, escape among them
    ('\u{007f}', '\u{009f}'),    // delete and C1 control
    ('\u{00ad}', '\u{00ad}'),    // soft hyphen
    ('\u{034f}', '\u{034f}'),    // combining grapheme joiner
    ('\u{061c}', '\u{061c}'),    // Arabic letter mark
    ('\u{115f}', '\u{1160}'),    // Hangul fillers
    ('\u{17b4}', '\u{17b5}'),    // Khmer inherent vowels
    ('\u{180b}', '\u{180f}'),    // Mongolian variation selectors and vowel separator
    ('\u{200b}', '\u{200f}'),    // zero width space, joiners, direction marks
    ('\u{2028}', '\u{202e}'),    // line and paragraph separators, bidi embeddings and overrides
    ('\u{2060}', '\u{206f}'),    // word joiner, invisible operators, bidi isolates
    ('\u{2800}', '\u{2800}'),    // blank Braille pattern
    ('\u{3164}', '\u{3164}'),    // Hangul filler
    ('\u{e000}', '\u{f8ff}'),    // private use
    ('\u{fdd0}', '\u{fdef}'),    // noncharacters
    ('\u{fe00}', '\u{fe0f}'),    // variation selectors
    ('\u{feff}', '\u{feff}'),    // byte order mark
    ('\u{ffa0}', '\u{ffa0}'),    // halfwidth Hangul filler
    ('\u{fff0}', '\u{fffb}'),    // annotations, unassigned
    ('\u{fffe}', '\u{ffff}'),    // noncharacters
    ('\u{110bd}', '\u{110bd}'),  // Kaithi number sign
    ('\u{110cd}', '\u{110cd}'),  // Kaithi number sign above
    ('\u{13430}', '\u{1345f}'),  // Egyptian hieroglyph format controls
    ('\u{1bca0}', '\u{1bca3}'),  // shorthand format controls
    ('\u{1d173}', '\u{1d17a}'),  // musical format controls
    ('\u{1fffe}', '\u{1ffff}'),  // noncharacters
    ('\u{2fffe}', '\u{2ffff}'),  // noncharacters
    ('\u{3fffe}', '\u{dffff}'),  // noncharacters and planes without characters
    ('\u{e0000}', '\u{e0fff}'),  // tags, more variation selectors
    ('\u{effff}', '\u{10ffff}'), // private use planes
];

/// Whether a character shows nothing, or changes how others are shown.
pub fn is_invisible(c: char) -> bool {
    let at = HIDDEN.partition_point(|(_, last)| *last < c);
    HIDDEN.get(at).is_some_and(|(first, _)| *first <= c)
}

/// Removes what people do not see, and says how many characters that were.
///
/// Terminal color sequences go as a whole, line ends become `\n`, line and paragraph separators too; line feeds
/// and tabs stay. A zero-width joiner goes also within an emoji, which then shows as its parts.
pub fn visible(text: &str) -> (String, usize) {
    let mut out = String::with_capacity(text.len());
    let mut removed = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                chars.next_if_eq(&'\n');
                out.push('\n');
            }
            '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\u{1b}' => {
                removed += 1;
                if chars.next_if_eq(&'[').is_some() {
                    removed += 1;
                    while chars.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {
                        removed += 1;
                    }
                    removed += usize::from(chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c)).is_some());
                }
            }
            c if is_invisible(c) => removed += 1,
            c => out.push(c),
        }
    }
    (out, removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order() {
        assert!(HIDDEN.iter().all(|(first, last)| first <= last));
        assert!(HIDDEN.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn what_nobody_sees_is_removed_and_counted() {
        let tags: String = "ignore all"
            .chars()
            .map(|c| char::from_u32(0xe0000 + c as u32).unwrap())
            .collect();
        let text = format!("a{tags}b\u{202e}c\u{200b}d\u{fe0f}e\u{3164}f\u{feff}g\u{e0101}h\u{2062}i\u{0}j");
        assert_eq!(visible(&text), ("abcdefghij".to_owned(), 18));
    }

    #[test]
    fn what_people_see_stays() {
        let text = "Größe, naïve, 日本語, עברית, हिन्दी, 🚀, a\tb\n\u{a0}c";
        assert_eq!(visible(text), (text.to_owned(), 0));
    }

    #[test]
    fn terminal_colors_and_foreign_line_ends_go() {
        assert_eq!(
            visible("\u{1b}[1;31merror\u{1b}[0m\r\nb\rc\u{2028}d"),
            ("error\nb\nc\nd".to_owned(), 11)
        );
        assert_eq!(visible("\u{1b}").0, "");
        assert_eq!(visible("\u{1b}[").0, "");
    }
}
