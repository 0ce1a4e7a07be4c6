use proptest::prelude::*;

use super::*;
use crate::model::{BranchName, NodeId};

const BARE: Grammar = Grammar { bare: true };
const ADDRESSED: Grammar = Grammar { bare: false };

fn approve(hash: Option<&str>, notes: &str) -> Command {
    Command::Approve {
        hash: hash.map(str::to_owned),
        notes: notes.to_owned(),
    }
}

fn replan(wishes: &str) -> Command {
    Command::Replan {
        wishes: wishes.to_owned(),
    }
}

fn retry(node: Option<&str>, model: Option<&str>) -> Command {
    Command::Retry {
        node: node.map(|n| NodeId::new(n).unwrap()),
        model: model.map(str::to_owned),
    }
}

/// The commands of a comment, none of which may be a mistake.
fn commands(body: &str) -> Vec<Command> {
    parse(body, &BARE)
        .into_iter()
        .map(|parsed| parsed.command.expect(body))
        .collect()
}

#[track_caller]
fn check(body: &str, expected: &[Command]) {
    assert_eq!(commands(body), expected, "{body:?}");
}

#[test]
fn a_command_is_the_first_word_of_a_line() {
    check("/approve", &[approve(None, "")]);
    check("  /approve  ", &[approve(None, "")]);
    check("Looks good.\n/approve\n", &[approve(None, "")]);
    check("Looks good.\n\n/approve", &[approve(None, "")]);
    check("/cancel please", &[Command::Cancel]);
    check("/status\n/help", &[Command::Status, Command::Help]);
    check("**Fine\n/approve now**", &[approve(None, "now**")]);
    for text in [
        "please /approve",
        "(/approve)",
        "# /approve",
        "\\/approve",
        "&#47;approve",
        "//approve",
    ] {
        check(text, &[]);
    }
}

#[test]
fn words_that_only_begin_like_a_command_never_execute() {
    for text in [
        "/octokit",
        "/approvedly",
        "/path/to",
        "/approve/it",
        "/cancel/",
        "/retry-all",
        "/approve:now",
        "/ approve",
        "/",
    ] {
        check(text, &[]);
    }
}

#[test]
fn a_misspelt_command_is_named_only_when_it_is_one_letter_away() {
    let unknown = |body: &str| match parse(body, &BARE).as_slice() {
        [
            Parsed {
                command: Err(Mistake::Unknown { word, suggestion }),
                addressed: false,
            },
        ] => Some((word.clone(), *suggestion)),
        [] => None,
        other => panic!("{body:?}: {other:?}"),
    };
    assert_eq!(unknown("/aprove"), Some(("aprove".into(), Some("approve"))));
    assert_eq!(unknown("/approved"), Some(("approved".into(), Some("approve"))));
    assert_eq!(unknown("/Cancle it"), Some(("Cancle".into(), Some("cancel"))));
    assert_eq!(unknown("/cancel!"), Some(("cancel!".into(), Some("cancel"))));
    assert_eq!(
        unknown("/app\u{200b}rove"),
        Some(("app\u{200b}rove".into(), Some("approve")))
    );
    assert_eq!(unknown("/lgtm"), None);
    assert_eq!(unknown("/octokit"), None);
    assert_eq!(unknown("> /aprove"), None);
}

#[test]
fn quotes_code_and_html_are_talk_about_commands() {
    for text in [
        "> /approve",
        "> quoted\n/approve",
        "> > /approve",
        "- > /approve",
        "- item\n  > /approve\n",
        "```\n/approve\n```",
        "~~~text\n/approve\n~~~",
        "```\n/approve",
        "    /approve",
        "\t/approve",
        "`/approve`",
        "``\n/approve\n``",
        "`a\n/approve`",
        "- item\n\n      /approve\n",
        "<!-- /approve -->",
        "<!--\n/approve\n-->",
        "<!--\n\n/approve\n\n-->",
        "<!-- never closed\n\n/approve",
        "text <!--\n/approve\n-->",
        "<div>\n/approve\n</div>",
        "<details>\n\n/approve\n\n</details>",
        "<details><summary>x</summary>\n\n/approve",
        "a <code>\n/approve\n</code>",
        "<pre>\n\n/approve\n\n</pre>",
        "<blockquote>\n\n/approve\n\n</blockquote>",
        "~~old\n/approve~~",
        "[text\n/approve](https://example.com)",
        "![alt\n/approve](https://example.com)",
        "[ref]:\n/approve",
        "[a](b 'title\n/approve\n')",
        "[^1]: note\n/approve",
        "a | b\n--- | ---\n/approve | x",
        "- /approve",
        "1. /approve",
        "- [ ] /approve",
        "$$\n/approve\n$$",
        "<span title='\n/approve\n'>x</span>",
    ] {
        check(text, &[]);
    }
}

#[test]
fn nesting_that_leaves_plain_text_leaves_commands() {
    check("- I have read it\n/approve", &[approve(None, "")]);
    check("1. Fine.\n\n   /approve\n", &[approve(None, "")]);
    check("- item\n\n    /approve\n", &[approve(None, "")]);
    check("> quoted\n\n/approve", &[approve(None, "")]);
    check("```\ncode\n```\n/approve", &[approve(None, "")]);
    check(
        "<details>\n\ntext\n\n</details>\n\n/approve",
        &[approve(None, "")],
    );
    check("<b>x</b>\n\n/approve", &[approve(None, "")]);
    check("/cancel\n--\nSent from my phone", &[Command::Cancel]);
    check("text `code`\n/cancel", &[Command::Cancel]);
}

#[test]
fn line_ends_spaces_and_letter_case_are_those_of_real_people() {
    check("Fine.\r\n/approve\r\n", &[approve(None, "")]);
    check("Fine.\r/approve\rnow", &[approve(None, "now")]);
    check(
        "/approve\u{a0}abcdef12\u{a0}thanks",
        &[approve(Some("abcdef12"), "thanks")],
    );
    check("\u{a0}/cancel", &[Command::Cancel]);
    check("/Approve", &[approve(None, "")]);
    check("/REPLAN Smaller", &[replan("Smaller")]);
}

#[test]
fn an_approval_takes_a_hash_and_everything_else_is_notes() {
    let long = "a".repeat(64);
    check("/approve abcdef12", &[approve(Some("abcdef12"), "")]);
    check(
        "/approve abcdef12 with notes",
        &[approve(Some("abcdef12"), "with notes")],
    );
    check("/approve ABCDEF12, go", &[approve(Some("abcdef12"), "go")]);
    check("/approve `abcdef123456`", &[approve(Some("abcdef123456"), "")]);
    check(&format!("/approve {long}"), &[approve(Some(&long), "")]);
    check(
        &format!("/approve {long}a"),
        &[approve(None, &format!("{long}a"))],
    );
    check("/approve abcdef1", &[approve(None, "abcdef1")]);
    check(
        "/approve the plan abcdef12",
        &[approve(None, "the plan abcdef12")],
    );
    check("/approve abcdefgh", &[approve(None, "abcdefgh")]);
    check("/approve\nabcdef12", &[approve(None, "abcdef12")]);
}

#[test]
fn notes_and_wishes_go_on_until_the_next_command() {
    check(
        "/replan Use cents.\n\n- one\n- two\n```\n/cancel\n```\n/octokit is nice\n\n/status\nignored",
        &[
            replan("Use cents.\n\n- one\n- two\n```\n/cancel\n```\n/octokit is nice"),
            Command::Status,
        ],
    );
    check(
        "/approve\nkeep `x`\n> quoted\n",
        &[approve(None, "keep `x`\n> quoted")],
    );
    check("/replan", &[replan("")]);
}

#[test]
fn a_retry_takes_one_node_and_one_model() {
    check("/retry", &[retry(None, None)]);
    check("/retry implement", &[retry(Some("implement"), None)]);
    check("/retry `Implement`", &[retry(Some("implement"), None)]);
    check(
        "/retry implement model=claude:moonshot/kimi-k2.6@high\nplease",
        &[retry(Some("implement"), Some("claude:moonshot/kimi-k2.6@high"))],
    );
    check("/retry MODEL=qwen", &[retry(None, Some("qwen"))]);
    for (body, part) in [
        ("/retry one two", "one word too many"),
        ("/retry model=", "one candidate"),
        ("/retry model=a;b", "one candidate"),
        ("/retry model=a model=b", "one candidate"),
        ("/retry ../x", "not a valid node id"),
    ] {
        let parsed = parse(body, &BARE);
        let Err(Mistake::Malformed {
            command: "retry",
            why,
        }) = &parsed[0].command
        else {
            panic!("{parsed:?}")
        };
        assert!(why.contains(part), "{body:?}: {why}");
    }
}

#[test]
fn a_build_takes_a_base_and_how_far_to_go() {
    let build = |base: Option<&str>, plan_only| Command::Build {
        base: base.map(|b| BranchName::new(b).unwrap()),
        plan_only,
    };
    check("/build", &[build(None, false)]);
    check(
        "/footplate build base=release/1.x plan-only",
        &[build(Some("release/1.x"), true)],
    );
    check("/build plan only", &[build(None, true)]);
    for body in [
        "/build base=../x",
        "/build base=",
        "/build plan",
        "/build everything",
    ] {
        assert!(
            matches!(
                parse(body, &BARE)[0].command,
                Err(Mistake::Malformed { command: "build", .. })
            ),
            "{body}"
        );
    }
}

#[test]
fn the_addressed_form_always_counts_and_the_bare_one_can_be_turned_off() {
    for grammar in [BARE, ADDRESSED] {
        let parsed = parse("/footplate approve abcdef12", &grammar);
        assert_eq!(
            parsed,
            [Parsed {
                command: Ok(approve(Some("abcdef12"), "")),
                addressed: true
            }]
        );
        let parsed = parse("/Footplate /cancel", &grammar);
        assert_eq!(
            parsed,
            [Parsed {
                command: Ok(Command::Cancel),
                addressed: true
            }]
        );
        assert_eq!(
            parse("/footplate", &grammar),
            [Parsed {
                command: Ok(Command::Help),
                addressed: true
            }]
        );
        let unknown = Mistake::Unknown {
            word: "dance".into(),
            suggestion: None,
        };
        assert_eq!(
            parse("/footplate dance", &grammar),
            [Parsed {
                command: Err(unknown),
                addressed: true
            }]
        );
        assert_eq!(parse("/footplates approve", &grammar), []);
        assert_eq!(parse("> /footplate approve", &grammar), []);
    }
    assert_eq!(parse("/approve\n/aprove", &ADDRESSED), []);
    let parsed = parse("/footplate replan less\n/cancel", &ADDRESSED);
    assert_eq!(parsed[0].command, Ok(replan("less\n/cancel")));
}

#[test]
fn labels_ask_for_a_build_a_base_and_a_plan() {
    assert_eq!(
        label("agent:build", "agent:build"),
        Some(Command::Build {
            base: None,
            plan_only: false
        })
    );
    assert_eq!(
        label("Agent:Build", "agent:build"),
        Some(Command::Build {
            base: None,
            plan_only: false
        })
    );
    assert_eq!(label("agent:built", "agent:build"), None);
    assert_eq!(label("", ""), None);
    assert_eq!(
        base_from_labels(&["bug", "base=release/1.x"]),
        Some(Ok(BranchName::new("release/1.x").unwrap()))
    );
    assert_eq!(
        base_from_labels(&["base=a", "base=a"]),
        Some(Ok(BranchName::new("a").unwrap()))
    );
    assert_eq!(base_from_labels(&["bug"]), None);
    assert!(matches!(
        base_from_labels(&["base=a..b"]),
        Some(Err(BaseLabel::Invalid(_)))
    ));
    assert!(matches!(
        base_from_labels(&["base=a", "base=b"]),
        Some(Err(BaseLabel::Ambiguous { .. }))
    ));
    assert!(plan_only_from_labels(&["bug", "plan-only"]));
    assert!(!plan_only_from_labels(&["plan"]));
}

#[test]
fn what_acts_wants_write_and_questions_want_more_than_a_stranger_has() {
    use Permission::{Admin, Maintain, None, Read, Triage, Write};
    let acting = [
        Command::Build {
            base: Option::None,
            plan_only: true,
        },
        approve(Option::None, ""),
        replan(""),
        retry(Option::None, Option::None),
        Command::Cancel,
    ];
    for command in &acting {
        for denied in [None, Read, Triage] {
            assert_eq!(
                permit(command, denied),
                Permit::Denied { needs: Write },
                "{command:?} {denied:?}"
            );
        }
        for allowed in [Write, Maintain, Admin] {
            assert_eq!(permit(command, allowed), Permit::Allowed);
        }
    }
    for command in [Command::Status, Command::Help] {
        for denied in [None, Read] {
            assert_eq!(permit(&command, denied), Permit::Denied { needs: Triage });
        }
        assert_eq!(permit(&command, Triage), Permit::Allowed);
    }
}

#[test]
fn an_unknown_permission_is_none_and_a_role_never_raises_it() {
    for text in ["", "push", "pull", "owner", "Admin", "security-manager", "write "] {
        assert_eq!(text.parse(), Ok(Permission::None), "{text:?}");
    }
    assert_eq!("maintain".parse(), Ok(Permission::Maintain));
    for (permission, role, effective) in [
        ("write", Some("maintain"), Permission::Maintain),
        ("read", Some("triage"), Permission::Triage),
        ("write", Some("our-custom-role"), Permission::Write),
        ("write", None, Permission::Write),
        ("read", Some("admin"), Permission::Read),
        ("none", Some("write"), Permission::None),
        ("", Some("admin"), Permission::None),
        ("admin", Some("read"), Permission::Admin),
    ] {
        assert_eq!(
            Permission::effective(permission, role),
            effective,
            "{permission} {role:?}"
        );
    }
}

#[test]
fn the_help_lists_every_command_and_executes_none() {
    let text = help("footplate[bot]");
    for word in ["approve", "replan", "retry", "cancel", "status", "build", "help"] {
        assert!(text.contains(&format!("`/{word}")), "{word}");
    }
    assert_eq!(parse(&text, &BARE), []);
}

#[test]
fn hostile_nesting_is_read_in_reasonable_time() {
    for piece in [
        ">",
        "- ",
        "[",
        "`",
        "<!--",
        "*",
        "<details>\n\n",
        "![",
        "\n/approve",
    ] {
        let _ = parse(&piece.repeat(65_536 / piece.len()), &BARE);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_a_comment_never_panics(body in "\\PC*", bare: bool) {
        let _ = parse(&body, &Grammar { bare });
    }

    #[test]
    fn reading_markdown_never_panics_and_quoting_it_silences_it(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "/approve", "/footplate", " ", "\n", "\r\n", "> ", "- ", "```", "`", "<!--", "-->", "<details>", "    ",
            "abcdef12", "é", "[", "](", ")", "|", "~~", "$$", "\u{a0}", "\u{200b}", "/retry", "model=", "base=",
        ]), 0..30)
    ) {
        let body = pieces.concat();
        let _ = parse(&body, &BARE);
        let quoted = format!("> {}", body.replace("\r\n", "\n").replace('\n', "\n> "));
        prop_assert_eq!(parse(&quoted, &BARE), vec![]);
    }
}
