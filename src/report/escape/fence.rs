//! Fenced code blocks: writing them, and closing those that a text leaves open.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::inline::longest_run;
use super::options;

/// Renders text as a fenced code block that nothing in the text can end.
pub fn fenced(text: &str, language: &str) -> String {
    let fence = "`".repeat(3.max(longest_run(text, '`') + 1));
    let newline = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{fence}{language}\n{text}{newline}{fence}")
}

/// The line that ends the fenced code block which `text` leaves open, if it leaves one open.
///
/// Without it, everything that is put after the text would be code.
pub(in crate::report) fn closing_line(text: &str) -> Option<String> {
    let mut fenced = false;
    let mut last = None;
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => fenced = true,
            Event::End(TagEnd::CodeBlock) if fenced => {
                fenced = false;
                last = Some(range);
            }
            _ => {}
        }
    }
    let block = last?;
    if !text[block.end..].trim().is_empty() {
        return None;
    }
    let source = &text[block.clone()];
    let opener = source.lines().next().unwrap_or("").trim_start();
    let mark = opener.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = opener.chars().take_while(|c| *c == mark).count();
    let closed = source.lines().count() > 1
        && source.lines().next_back().is_some_and(|line| {
            let line = line.trim_start_matches([' ', '>', '\t']).trim_end();
            line.chars().count() >= length && line.chars().all(|c| c == mark)
        });
    if closed {
        return None;
    }
    let line_start = text[..block.start].rfind('\n').map_or(0, |at| at + 1);
    let indent = text[line_start..block.start]
        .chars()
        .map(|c| if c == '>' || c == '\t' { c } else { ' ' });
    Some(indent.chain(std::iter::repeat_n(mark, length)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_any_within() {
        assert_eq!(fenced("a", "diff"), "```diff\na\n```");
        assert_eq!(fenced("````\n", ""), "`````\n````\n`````");
        assert_eq!(fenced("", ""), "```\n```");
    }

    #[test]
    fn an_open_fence_gets_the_line_that_closes_it() {
        for (text, line) in [
            ("```", Some("```")),
            ("a\n\n````rust\nlet x;\n```\n", Some("````")),
            ("~~~~\nx\n\n\n", Some("~~~~")),
            ("- a\n  ```\n  x", Some("  ```")),
            ("> ```\n> x", Some("> ```")),
            ("```\nx\n```", None),
            ("```\nx\n`````  \n", None),
            ("> ```\n> x\n> ```", None),
            ("```\nx\n```\n\nend", None),
            ("- ```\n  x\n\nend", None),
            ("    code", None),
            ("text", None),
            ("``` `\nx", None),
        ] {
            assert_eq!(closing_line(text).as_deref(), line, "{text:?}");
        }
    }
}
