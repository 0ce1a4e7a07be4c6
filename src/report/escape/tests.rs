use proptest::prelude::*;
use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::*;
use crate::command::{Grammar, parse};
use crate::report::Marker;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(escape(text), expected, "{text:?}");
    assert_harmless(&escape(text));
}

#[test]
fn ordinary_markdown_stays_as_it_is() {
    let text = "\
# Plan

Add `price_half`, *rounding* down; see [the docs](https://example.com/a_b?c=d&e=f \"title\") and <https://example.com>.
Mail me@example.com, C# and 50% of a_b_c, a && b, src/widgets.py:12.

1. one
   - [ ] nested
2. two

> quoted

| a | b |
| --- | :-: |
| `x` | 2 |

```rust
// @octocat #12 <b> /approve

    let x = \"<!-- footplate -->\";
```

The end~~ing~~.";
    check(text, text);
}

#[test]
fn mentions_and_references_become_code() {
    check(
        "Thanks @octocat and @org/team.",
        "Thanks `@octocat` and `@org/team`.",
    );
    check(
        "Fixes #12, closes owner/repo#3; GH-7.",
        "Fixes `#12`, closes `owner/repo#3`; `GH-7`.",
    );
    check(
        "closes https://github.com/o/r/issues/12.",
        "closes `https://github.com/o/r/issues/12`.",
    );
    check("**@octocat** (@a) _@b_", "**`@octocat`** (`@a`) _`@b`_");
    check("a\\@octocat b \\@octocat \\#12", "a@octocat b `@octocat` `#12`");
    check(
        "&#64;octocat &commat;octocat",
        "&amp;`#64`;octocat &amp;commat;octocat",
    );
    check("# Fix #12\n- @a", "# Fix `#12`\n- `@a`");
    check("@\u{200b}octocat", "`@octocat`");
}

#[test]
fn code_that_is_broken_open_does_not_free_a_mention() {
    check("a ` b @octocat c", "a \\` b `@octocat` c");
    check("``a``@octocat", "``a`` `@octocat`");
    check("@octocat``a``", "`@octocat` ``a``");
    check("`a`@octocat`b`", "`a` `@octocat` `b`");
    check("\\user#1", "\\\\ `user#1`".replace("\\ `", "\\`").as_str());
    check(
        "[a](http://x 't ` t') @octocat",
        "[a](http://x 't &#96; t') `@octocat`",
    );
}

#[test]
fn commands_at_the_beginning_of_a_line_become_code() {
    check(
        "/approve\n\n  /merge now\n- /lgtm\n> /hold\n1. /close",
        "`/approve`\n\n  `/merge` now\n- `/lgtm`\n> `/hold`\n1. `/close`",
    );
    check("either/or and /this", "either/or and /this");
}

#[test]
fn html_comments_and_markers_are_shown() {
    check(
        "a <b>bold</b> <!-- hidden --> c",
        "a &lt;b>bold&lt;/b> &lt;!-- hidden --> c",
    );
    check(
        "<!-- footplate:run=none kind=plan generation=1 -->",
        "&lt;!-- footplate:run=none kind=plan generation=1 -->",
    );
    check(
        "<!-- never closed\n\n@octocat",
        "&lt;!-- never closed\n\n`@octocat`",
    );
    check(
        "<details>\n<summary>x</summary>\n\nbody",
        "&lt;details>\n&lt;summary>x&lt;/summary>\n\nbody",
    );
    check(
        "<div>\n```\n@octocat\n</div>\n",
        "&lt;div>\n```\n@octocat\n&lt;/div>\n```",
    );
    check(
        "| a |\n| --- |\n| one<br>two<BR /> |",
        "| a |\n| --- |\n| one two  |",
    );
    check("Vec<String> and foo::<T>()", "Vec&lt;String> and foo::&lt;T>()");
    check("1 < 2 && 3 > 2", "1 &lt; 2 && 3 > 2");
}

#[test]
fn images_and_dangerous_links_lose_their_effect() {
    check(
        "![alt](https://evil.example/x.png)",
        "[image: alt](https://evil.example/x.png)",
    );
    check("!!![a](https://x.example)", "[image: a](https://x.example)");
    check(
        "[![a](https://x.example/i)](https://x.example)",
        "[[image: a](https://x.example/i)](https://x.example)",
    );
    check("[x](javascript:alert(1))", "\\[x](javascript:alert(1))");
    check(
        "<javascript:alert(1)> <data:x,y>",
        "&lt;javascript:alert(1)> &lt;data:x,y>",
    );
    check(
        "[x](https://github.com/o/r/pull/1)",
        "\\[x](`https://github.com/o/r/pull/1`)",
    );
}

#[test]
fn what_is_not_shown_where_it_stands_is_shown() {
    check("[//]: # (do as I say)", "\\[//]: # (do as I say)");
    check(
        "![a][b]\n\n[b]: https://x.example 'hidden'",
        "[image: a][b]\n\n\\[b]: https://x.example 'hidden'",
    );
    check("[^1]: hidden", "\\[^1]: hidden");
}

#[test]
fn blank_lines_and_trailing_spaces_are_reduced_outside_code() {
    check("\n\na  \n\n\n\nb\t\n\n\n", "a\n\nb");
    check("```\na  \n\n\n\nb\n```\n\n\n\nc", "```\na  \n\n\n\nb\n```\n\nc");
    assert_eq!(escape(&"\n".repeat(100_000)), "");
}

#[test]
fn open_fences_are_closed_and_indented_code_is_fenced() {
    check("a\n\n````rust\nlet x;", "a\n\n````rust\nlet x;\n````");
    check(
        "a\n\n    @octocat\n\n    b\n\nc",
        "a\n\n```\n@octocat\n\nb\n```\n\nc",
    );
    check("~~~\nx", "~~~\nx\n~~~");
}

#[test]
fn a_text_made_to_survive_is_shown_as_code() {
    let nested = (0..40).map(|_| "<p>\n[^a]: ```\n[b]: c\n").collect::<String>();
    assert_harmless(&escape(&nested));
    let table = "`a | @octocat`\n--- | ---\n`b | @octocat`";
    assert_harmless(&escape(table));
}

#[test]
fn hostile_lengths_are_escaped_in_reasonable_time() {
    for piece in [
        ">",
        "- ",
        "[",
        "`",
        "``` \n",
        "<!--",
        "*",
        "<p>\n[a]: b\n",
        "![",
        "!",
        "[^1]: ",
        "\\",
        "&#64;",
        "@a ",
        "*/a*",
        "\u{202e}",
        "|",
        "a|b\n-|-\n",
        "#1",
        "    x\n\n",
        "<a",
        "</",
        "_",
        "https://x.example/issues/1",
    ] {
        let text = piece.repeat(65_536 / piece.len());
        assert_harmless(&escape(&text));
        assert_harmless(&inline(&text));
    }
}

#[test]
fn short_texts_fit_a_line_and_a_table_cell() {
    for (text, expected) in [
        (
            "Add `price_half`, rounding down.",
            "Add `price_half`, rounding down.",
        ),
        ("a | b\n\nc", "a &#124; b c"),
        ("@octocat fixes #12", "`@octocat` fixes `#12`"),
        ("an odd ` and @a", "an odd \\` and `@a`"),
        ("`a|b`", "\\`a&#124;b\\`"),
        ("`x`@octocat`y`", "`x` `@octocat` `y`"),
        ("# heading", "\\# heading"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("1) item", "1\\) item"),
        ("/approve", "`/approve`"),
        (
            "<!-- x --> [a](b) ![c](d) *e* f_g",
            "&lt;!-- x --> \\[a\\](b) !\\[c\\](d) \\*e\\* f_g",
        ),
        ("> a -> b", "&gt; a -> b"),
        ("_a_ snake_case __b", "\\_a\\_ snake_case \\_\\_b"),
        ("see #3.", "see `#3`."),
        ("$5", "$5"),
        ("$5 and $6", "\\$5 and \\$6"),
        ("", ""),
    ] {
        assert_eq!(inline(text), expected, "{text:?}");
    }
    assert_eq!(inline_up_to("one two three", 8), "one two…");
    assert_eq!(code("a b"), "`a b`");
    assert_eq!(code("a|b"), "`a|b`");
    assert_eq!(code("`a`"), "`` `a` ``");
    assert_eq!(code_cell("a|`b"), "<code>a&#124;&#96;b</code>");
    assert_eq!(code_cell("a b"), "`a b`");
    assert_eq!(code("\u{200b}"), "—");
}

/// What a reader of the finished text makes of it; shares nothing with the code that escapes.
#[track_caller]
fn assert_harmless(text: &str) {
    let page = format!("## Before\n\n{text}\n\n## After\n\nend @ours\n");
    assert_eq!(Marker::parse(text), None, "{text}");
    assert_eq!(parse(&page, &Grammar { bare: true }), [], "{text}");
    let mut code = false;
    let mut shown = String::new();
    let mut headings = Vec::new();
    for (event, range) in Parser::new_ext(&page, options()).into_offset_iter() {
        match event {
            Event::Html(_) | Event::InlineHtml(_) => panic!("HTML: {:?}\n{text}", &page[range]),
            Event::Start(Tag::Image { .. }) => panic!("image: {text}"),
            Event::Start(Tag::Link { dest_url, .. }) => {
                assert!(!dest_url.to_lowercase().starts_with("javascript"), "{text}");
                shown.push(' ');
            }
            Event::Start(Tag::Heading { .. }) => headings.push(range.start),
            Event::Start(Tag::CodeBlock(_)) => code = true,
            Event::End(TagEnd::CodeBlock) => code = false,
            Event::Text(part) if !code => shown.push_str(&part),
            _ => shown.push('\n'),
        }
    }
    assert!(
        headings.contains(&page.rfind("## After").unwrap()),
        "what follows was swallowed:\n{text}"
    );
    let shown: Vec<char> = shown.chars().collect();
    let mentions = (0..shown.len().saturating_sub(1))
        .filter(|&at| shown[at] == '@' && shown[at + 1].is_ascii_alphanumeric())
        .filter(|&at| at == 0 || !shown[at - 1].is_ascii_alphanumeric());
    assert_eq!(mentions.count(), 1, "only our own mention is live:\n{text}");
    let references =
        (0..shown.len().saturating_sub(1)).filter(|&at| shown[at] == '#' && shown[at + 1].is_ascii_digit());
    assert_eq!(references.count(), 0, "{text}");
}

fn hostile() -> impl Strategy<Value = String> {
    let pieces = vec![
        "@octocat",
        "#12",
        "GH-3",
        "o/r#4",
        "/approve",
        "fixes ",
        "`",
        "``",
        "```",
        "~~~",
        "\n",
        "\n\n",
        "\r\n",
        "    ",
        "- ",
        "1. ",
        "> ",
        "# ",
        "<!--",
        "-->",
        "<details>",
        "</details>",
        "<b>",
        "<!-- footplate:run=none kind=plan generation=1 -->",
        "![",
        "[",
        "](",
        ")",
        "]",
        "[a]: ",
        "[^1]: ",
        "https://x.example",
        "javascript:x",
        "https://github.com/o/r/issues/1",
        "\\",
        "&#64;",
        "&commat;",
        "|",
        "---",
        "*",
        "**",
        "_",
        "~~",
        "a",
        "é",
        " ",
        "\t",
        "\u{200b}",
        "\u{202e}",
        "'",
        "\"",
        "<",
        ">",
        "$",
        "!",
        "=",
    ];
    proptest::collection::vec(proptest::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_escaped_is_live(text in hostile()) {
        assert_harmless(&escape(&text));
    }

    #[test]
    fn nothing_inline_is_live_in_a_cell_a_heading_or_an_item(text in hostile()) {
        let text = inline(&text);
        prop_assert!(!text.contains('\n'));
        assert_harmless(&format!("| a | b |\n| --- | --- |\n| {text} | x |\n\n### {text}\n\n- {text}\n- [ ] {text}\n\n**{text}**"));
    }

    #[test]
    fn code_in_a_cell_stays_one_cell(text in hostile()) {
        let row = format!("| a | b |\n| --- | --- |\n| {} | x |", code_cell(&text));
        let cells = Parser::new_ext(&row, options()).filter(|event| matches!(event, Event::Start(Tag::TableCell))).count();
        prop_assert_eq!(cells, 4);
    }

    #[test]
    fn nothing_in_a_code_span_is_live(text in hostile()) {
        assert_harmless(&format!("a {} b {}\n\n- {}", code(&text), code(&text), code(&text)));
    }

    #[test]
    fn what_is_fenced_stays_within(text in hostile()) {
        let text = visible(&text).0;
        assert_harmless(&fenced(&text, "diff"));
    }

    #[test]
    fn escaping_anything_never_panics(text in any::<String>()) {
        assert_harmless(&escape(&text));
    }
}
