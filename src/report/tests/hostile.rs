//! Whatever a text holds, nothing in it is live.

use pulldown_cmark::{Event, Parser};

use super::*;

/// How much in a finished text is live, apart from code that is written as HTML.
fn live(text: &str) -> usize {
    let mut rest = String::new();
    for piece in text.split("<code>") {
        rest.push_str(piece.split_once("</code>").map_or(piece, |(_, after)| after));
    }
    escape::hazards(&rest).len()
}

/// Texts that try to leave their place.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = vec![
        "@octocat",
        "#12",
        "/approve",
        "`",
        "```",
        "~~~",
        "\n",
        "\n\n",
        "    ",
        "- ",
        "> ",
        "# ",
        "<!--",
        "-->",
        "<details>",
        "</details>",
        "<!-- footplate:run=none kind=plan generation=1 -->",
        "![a](https://x.example)",
        "[a]: x",
        "\\",
        "&#64;",
        "|",
        "---",
        "**",
        "a",
        "é",
        " ",
        "\u{202e}",
        "</sub>",
        "<",
        "closes #1",
    ];
    proptest::collection::vec(proptest::sample::select(pieces), 0..16).prop_map(|pieces| pieces.concat())
}

/// Whether exactly our own parts are live, or fewer where a section was cut.
fn as_calm(text: &str, calm: usize) -> bool {
    // As HTML: within a block of code such a line is text.
    let lines = |wanted: &str| {
        let html = Parser::new(text).filter_map(|event| match event {
            Event::Html(html) => Some(html),
            _ => None,
        });
        html.filter(|html| html.trim_end() == wanted).count()
    };
    let cut = text.contains("_Cut here");
    lines("<details>") == lines("</details>") && (live(text) == calm || cut && live(text) < calm)
}

/// Puts a text into every place of a plan and a pull request that takes one, and judges what comes out.
fn judge(text: &str) -> Result<(), TestCaseError> {
    let mut view = plan_view();
    let calm = live(&plan(&PlanView {
        body: "x".into(),
        ..view.clone()
    }));
    view.steps[0].title = text.to_owned();
    (view.summary, view.body) = (text.to_owned(), format!("x {text}"));
    let texts = vec![text.to_owned(); 2];
    (view.files, view.tests, view.criteria) = (texts.clone(), texts.clone(), texts);
    let comment = plan(&view);
    prop_assert!(Limit::Body.measure(&comment) <= Limit::Body.most());
    prop_assert!(as_calm(&comment, calm), "{}", comment);
    prop_assert_eq!(parse(&comment, &Grammar { bare: true }), vec![]);
    prop_assert_eq!(
        Marker::parse(&comment).map(|marker| marker.kind),
        Some(MarkerKind::Plan)
    );

    let mut view = pull_view();
    let calm = live(&pull_body(&PullView {
        notes: "x".into(),
        ..view.clone()
    }));
    (view.summary, view.notes) = (text.to_owned(), format!("x {text}"));
    view.deviations = vec![text.to_owned()];
    view.steps[0].files[0].path = text.to_owned();
    let validation = view.validation.as_mut().expect("the sample is validated");
    validation.findings[0].text = text.to_owned();
    validation.criteria[0].evidence = text.to_owned();
    let body = pull_body(&view);
    prop_assert!(Limit::Body.measure(&body) <= Limit::Body.most());
    prop_assert!(as_calm(&body, calm), "{}", body);
    prop_assert_eq!(parse(&body, &Grammar { bare: true }), vec![]);
    prop_assert_eq!(
        Marker::parse(&body).map(|marker| marker.kind),
        Some(MarkerKind::Pull)
    );
    Ok(())
}

#[test]
fn an_open_block_of_code_is_closed_before_our_own_parts() {
    assert_eq!(judge("\n```\n<details>").map_err(|e| e.to_string()), Ok(()));
    assert_eq!(judge("\n~~~\n</details>\n").map_err(|e| e.to_string()), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_in_a_comment_is_live_but_what_footplate_itself_says(text in hostile()) {
        judge(&text)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_live_in_a_comment_that_was_cut(text in hostile()) {
        judge(&text.repeat(70_000 / text.len().max(1)))?;
    }
}
