use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::view::*;
use super::*;
use crate::command::{Grammar, Mistake, Permission, parse};
use crate::model::{
    BranchName, CommitId, ContentHash, IssueNumber, Login, MicroUsd, NodeId, PullNumber, RepositoryName,
    RunId, Timestamp, TokenUsage,
};

fn run() -> RunId {
    RunId::new("01jd0000000000000000abcdef").unwrap()
}

fn hash(text: &str) -> ContentHash {
    ContentHash::of(text)
}

fn node(id: &str) -> NodeId {
    NodeId::new(id).unwrap()
}

fn login(name: &str) -> Login {
    Login::new(name).unwrap()
}

fn branch(name: &str) -> BranchName {
    BranchName::new(name).unwrap()
}

fn commit(digit: &str) -> CommitId {
    CommitId::new(digit.repeat(40)).unwrap()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn agent(id: &str, state: NodeState, candidate: &str, cost: Option<u64>) -> NodeView {
    NodeView {
        id: node(id),
        kind: "agent".into(),
        state,
        generation: 1,
        candidates: vec![candidate.to_owned()],
        attempts: 1,
        time: Some(Duration::from_secs(95)),
        usage: cost.map(|_| TokenUsage {
            input: 300,
            cache_read: 12_000,
            cache_write: 0,
            output: 900,
        }),
        cost: Cost {
            known: cost.map(MicroUsd),
            incomplete: cost.is_none(),
        },
        findings: vec![],
    }
}

fn other(id: &str, kind: &str, state: NodeState) -> NodeView {
    NodeView {
        id: node(id),
        kind: kind.into(),
        state,
        generation: 1,
        candidates: vec![],
        attempts: 0,
        time: None,
        usage: None,
        cost: Cost::default(),
        findings: vec![],
    }
}

fn status_view(standing: Standing) -> StatusView {
    let mut implement = agent(
        "implement",
        NodeState::Running,
        "gemini:google/gemini-3.5-flash",
        None,
    );
    implement.candidates.insert(0, "claude:moonshot/kimi-k2.6".into());
    implement.attempts = 3;
    implement.findings = strings(&[
        "attempt 1: no output for 10 minutes, asked @octocat | #12",
        "attempt 2: an empty diff",
    ]);
    StatusView {
        run: run(),
        issue: Some(IssueNumber(7)),
        workflow: "build".into(),
        requester: Some(login("hubot")),
        standing,
        nodes: vec![
            agent(
                "plan",
                NodeState::Done,
                "claude:anthropic/claude-opus-5-5@high",
                Some(17_960),
            ),
            other("approve", "gate", NodeState::Done),
            implement,
            other("publish", "publish", NodeState::Pending),
        ],
        edges: vec![(0, 1), (1, 2), (2, 3)],
        notices: strings(&["Agents run with the server's rights: there is no sandbox."]),
        links: vec![Link {
            title: "Plan".into(),
            url: "https://github.com/o/r/issues/7#issuecomment-1".into(),
        }],
        updated: Timestamp::parse("2026-11-23T10:00:00Z"),
    }
}

fn step(id: &str, title: &str, files: &[&str]) -> StepView {
    StepView {
        id: id.into(),
        title: title.into(),
        class: "logic".into(),
        files: strings(files),
        needs: if id == "1" { vec![] } else { strings(&["1"]) },
    }
}

fn plan_view() -> PlanView {
    PlanView {
        run: run(),
        revision: 1,
        hash: hash("plan"),
        summary: "Add `price_half`, rounding down.".into(),
        size: "small".into(),
        files: strings(&["src/widgets.py", "tests/*.py"]),
        steps: vec![
            step("1", "Add `price_half`", &["src/widgets.py"]),
            step("2", "Cover it, as @octocat asked", &["tests/test_widgets.py"]),
        ],
        tests: strings(&["python3 -m unittest discover -s tests | tee log"]),
        criteria: strings(&["price_half rounds down to whole cents"]),
        risks: vec![],
        questions: vec![],
        body: "# Plan\n\nWhy and how; fixes #7, @octocat.\n\n```python\ndef price_half(): ...".into(),
        previous: None,
        author: Some("claude:anthropic/claude-opus-5-5@high".into()),
        cost: Cost {
            known: Some(MicroUsd(41_300)),
            incomplete: false,
        },
        base: Some((branch("main"), commit("a"))),
        expires: Timestamp::parse("2026-12-07T10:00:00Z"),
        plan_only: false,
        notify: vec![login("hubot")],
    }
}

fn pull_view() -> PullView {
    PullView {
        run: run(),
        generation: 1,
        issue: Some(IssueNumber(7)),
        issue_title: "Half prices".into(),
        complete: true,
        requester: Some(login("hubot")),
        summary: "Add `price_half`, rounding down.".into(),
        plan: Some((
            hash("plan"),
            Some("https://github.com/o/r/issues/7#issuecomment-1".into()),
        )),
        commit: commit("c"),
        base: branch("main"),
        steps: vec![
            StepResult {
                step: step("1", "Add `price_half`", &[]),
                done: true,
                files: vec![FileChange {
                    path: "src/widgets.py".into(),
                    added: Some(6),
                    removed: Some(1),
                }],
            },
            StepResult {
                step: step("2", "Draw it", &[]),
                done: false,
                files: vec![],
            },
        ],
        other_files: vec![FileChange {
            path: "logo|x.png".into(),
            added: None,
            removed: None,
        }],
        checks: ChecksView {
            verified: Some(true),
            why: None,
            commands: vec![CheckView {
                run: "python3 -m unittest".into(),
                result: CheckResult {
                    exit: Some(0),
                    tests: Some(TestCounts {
                        passed: 4,
                        failed: 0,
                        skipped: 1,
                    }),
                },
                base: Some(CheckResult {
                    exit: Some(0),
                    tests: Some(TestCounts {
                        passed: 3,
                        failed: 0,
                        skipped: 0,
                    }),
                }),
                time: Some(Duration::from_millis(420)),
            }],
        },
        validation: Some(ValidationView {
            passed: true,
            by: Some("claude:anthropic/claude-opus-5-5@high".into()),
            criteria: vec![
                CriterionView {
                    text: "price_half rounds down".into(),
                    met: Some(true),
                    evidence: "checks.md, command 1: 4 tests passed".into(),
                },
                CriterionView {
                    text: "It is drawn".into(),
                    met: None,
                    evidence: String::new(),
                },
            ],
            findings: vec![FindingView {
                severity: "minor".into(),
                file: Some("src/widgets.py".into()),
                line: Some(18),
                text: "Name the rounding rule; see #3.".into(),
            }],
            body: "All good, says @validator.\n\n<!-- footplate:run=none kind=plan generation=1 -->".into(),
        }),
        deviations: strings(&["Used integer division."]),
        notes: "Look at `price_half`.\n\n/approve".into(),
        nodes: vec![
            agent(
                "plan",
                NodeState::Done,
                "claude:anthropic/claude-opus-5-5@high",
                Some(17_960),
            ),
            agent("implement", NodeState::Done, "mine", None),
        ],
        notices: strings(&["Agents run with the server's rights: there is no sandbox."]),
    }
}

#[test]
fn the_status_comment_shows_state_graph_and_table() {
    assert_snapshot!(status(&status_view(Standing::Working)), @"");
}

#[test]
fn the_status_for_a_terminal_has_neither_marker_nor_drawing() {
    let text = status_text(&status_view(Standing::Done {
        branch: branch("footplate/7-half-prices-abcdef"),
    }));
    assert!(!text.contains("<!--") && !text.contains("mermaid"));
    assert!(text.contains("The work lies on the branch `footplate/7-half-prices-abcdef`."));
}

#[test]
fn every_state_says_what_happens_next() {
    let expires = Timestamp::parse("2026-12-07T10:00:00Z");
    let pull = PullNumber(9);
    let standings = [
        Standing::Queued,
        Standing::Working,
        Standing::AwaitingApproval {
            plan: hash("plan"),
            expires,
        },
        Standing::AwaitingAnswers,
        Standing::AwaitingPerson {
            why: "Somebody pushed to the branch".into(),
        },
        Standing::AwaitingTime {
            until: expires.unwrap(),
            why: "The provider's limit is reached".into(),
        },
        Standing::AwaitingSlot,
        Standing::InReview { pull },
        Standing::Merged { pull },
        Standing::Closed { pull: Some(pull) },
        Standing::Closed { pull: None },
        Standing::Planned,
        Standing::Failed {
            why: "the plan's files do not exist".into(),
        },
        Standing::Cancelled {
            by: Some(login("hubot")),
        },
    ];
    let lines = standings
        .map(|standing| reply_text(&ReplyKind::Status { standing, url: None }))
        .join("\n");
    assert_snapshot!(lines, @"");
}

#[test]
fn the_plan_comment_says_what_will_be_done_and_how_to_answer() {
    assert_snapshot!(plan(&plan_view()), @"");
}

#[test]
fn a_second_revision_shows_what_changed_and_questions_forbid_approval() {
    let mut view = plan_view();
    view.revision = 2;
    view.questions = strings(&["Which cents? @octocat"]);
    view.previous = Some(Previous {
        old: "a\nb\nc\n".into(),
        new: "a\nB ``` x\nc\n".into(),
    });
    view.steps.clear();
    view.body.clear();
    view.expires = None;
    assert_snapshot!(plan(&view), @"");
    assert!(!plan(&view).contains("/approve"));
}

#[test]
fn the_plan_for_a_terminal_has_no_marker_and_no_mentions() {
    let text = plan_text(&plan_view());
    for absent in ["<!--", "@hubot", "<details>", "/approve"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    assert!(text.contains("### The plan in its author's words"));
}

#[test]
fn the_pull_request_carries_the_evidence() {
    assert_eq!(pull_title(&pull_view()), "Add `price_half`, rounding down");
    assert_snapshot!(pull_body(&pull_view()), @"");
}

#[test]
fn what_is_not_verified_is_said_plainly() {
    let mut view = pull_view();
    view.complete = false;
    view.validation = None;
    view.deviations.clear();
    view.notes.clear();
    view.notices.clear();
    view.nodes.clear();
    view.checks.verified = None;
    view.checks.why = Some("no test ran".into());
    view.checks.commands[0].result.tests = Some(TestCounts::default());
    view.checks.commands[0].base = None;
    let body = pull_body(&view);
    assert!(!body.contains("Closes"));
    assert_snapshot!(body, @"");
    view.checks = ChecksView {
        verified: Some(false),
        why: Some("one test failed".into()),
        commands: vec![],
    };
    let body = pull_body(&view);
    assert!(body.contains("**Checks failed.** one test failed.\n") && body.contains("No command was run."));
}

#[test]
fn the_report_for_a_terminal_closes_nothing() {
    let text = report_text(&pull_view());
    assert!(text.starts_with("# Add `price_half`, rounding down.\n"));
    assert!(!text.contains("<!--") && !text.contains("Closes"));
}

#[test]
fn a_title_neither_mentions_nor_closes_and_has_a_bound() {
    let title = |summary: &str| {
        pull_title(&PullView {
            summary: summary.into(),
            ..pull_view()
        })
    };
    assert_eq!(
        title("Fixes #12 for @octocat\n<!-- x -->"),
        "Fixes 12 for octocat <!-- x -->"
    );
    assert_eq!(
        title("closes GH-12 and https://github.com/o/r/issues/1"),
        "closes GH 12 and https:  github.com o r issues 1"
    );
    assert_eq!(title(" "), "Half prices");
    assert_eq!(
        title(&"word ".repeat(100)),
        format!("{}…", "word ".repeat(24).trim_end())
    );
    assert!(title(&"w".repeat(1_000)).chars().count() <= 240);
}

#[test]
fn held_work_says_why_and_how_to_get_it() {
    let mut view = HeldView {
        run: run(),
        generation: 2,
        findings: strings(&[
            "`.github/workflows/ci.yml` is outside the plan's files",
            "link -> /etc/passwd leaves the tree",
        ]),
        commit: Some(commit("d")),
        place: HeldPlace::Remote {
            repository: RepositoryName::new("o/r").unwrap(),
            reference: "refs/footplate/held/01jd".into(),
        },
        next: None,
    };
    assert_snapshot!(held(&view), @"");
    view.place = HeldPlace::Server {
        patch: "held.patch".into(),
        url: None,
    };
    assert!(held_text(&view).contains("artifact `held.patch`"));
}

#[test]
fn answers_are_a_sentence_or_two_and_a_next_step() {
    let plan = hash("plan");
    let kinds = [
        ReplyKind::NotPermitted {
            login: login("stranger"),
            command: "approve".into(),
            needs: Permission::Write,
        },
        ReplyKind::Misunderstood(Mistake::Unknown {
            word: "aprove".into(),
            suggestion: Some("approve"),
        }),
        ReplyKind::Misunderstood(Mistake::Unknown {
            word: "@all".into(),
            suggestion: None,
        }),
        ReplyKind::Misunderstood(Mistake::Malformed {
            command: "retry",
            why: "\"@all\" is one word too many".into(),
        }),
        ReplyKind::NoActiveRun,
        ReplyKind::AlreadyRunning {
            standing: Standing::Working,
        },
        ReplyKind::NoPlan,
        ReplyKind::AlreadyApproved { plan },
        ReplyKind::PlanEdited { plan },
        ReplyKind::PlanSuperseded { plan },
        ReplyKind::PlanExpired,
        ReplyKind::HashMismatch {
            given: "abcdef12".into(),
            plan,
        },
        ReplyKind::QuestionsOpen { count: 1 },
        ReplyKind::ApprovalVoidIssueEdited,
        ReplyKind::ApprovalVoidBaseMoved {
            base: branch("main"),
            files: strings(&["src/widgets.py"]),
        },
        ReplyKind::NothingToRetry,
        ReplyKind::UnknownNode {
            node: node("paint"),
            known: vec![node("plan"), node("implement")],
        },
        ReplyKind::UnknownModel {
            model: "x".into(),
            known: vec![],
        },
        ReplyKind::BadBase {
            why: "there is no branch release/2".into(),
        },
        ReplyKind::BadConfiguration {
            file: ".github/footplate.yml".into(),
            why: "line 3: unknown key".into(),
        },
        ReplyKind::LimitReached {
            why: "this repository has used its $50 of today".into(),
        },
        ReplyKind::Started {
            issue: IssueNumber(7),
            plan_only: false,
        },
        ReplyKind::Started {
            issue: IssueNumber(7),
            plan_only: true,
        },
        ReplyKind::Approved {
            plan,
            by: login("hubot"),
        },
        ReplyKind::Replanning,
        ReplyKind::Retrying {
            node: node("implement"),
        },
        ReplyKind::Cancelled,
        ReplyKind::BranchMoved {
            branch: branch("footplate/7-x-abcdef"),
            ours: Some(commit("a")),
            theirs: commit("b"),
        },
        ReplyKind::BranchMoved {
            branch: branch("footplate/7-x-abcdef"),
            ours: None,
            theirs: commit("b"),
        },
        ReplyKind::RunFailed {
            node: node("plan"),
            why: "the artifact has no front block".into(),
        },
        ReplyKind::Exhausted {
            node: node("implement"),
            attempts: 4,
            last: "no output for 10 minutes".into(),
        },
        ReplyKind::BudgetUsedUp {
            limit: "$5.0000 for a run".into(),
        },
        ReplyKind::PullOpened { pull: PullNumber(9) },
        ReplyKind::PullUpdated {
            pull: PullNumber(9),
            commit: commit("c"),
        },
    ];
    for kind in &kinds {
        let text = reply_text(kind);
        assert!(text.chars().count() < 500, "{text}");
        assert_eq!(parse(&text, &Grammar { bare: true }), [], "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
    assert_snapshot!(kinds.map(|kind| reply_text(&kind)).join("\n"), @"");
}

#[test]
fn an_answer_is_found_again_by_its_marker() {
    let marker = Marker {
        run: None,
        kind: MarkerKind::Status,
        generation: 0,
        key: MarkerKey::new("comment:12"),
    };
    let text = reply(&ReplyKind::NoActiveRun, &marker);
    assert_snapshot!(text, @"");
    assert_eq!(
        Marker::parse(&text),
        Some(Marker {
            kind: MarkerKind::Reply,
            ..marker
        })
    );
}

#[test]
fn a_graph_survives_names_that_are_made_to_break_it() {
    let mut bad = agent(
        "end",
        NodeState::Failed,
        "a\"]; click n0 \"javascript:x\"\n``` #quot;",
        None,
    );
    bad.candidates.push("``` \" ] --> <b>\n%%{init}".into());
    let text = graph(&[bad], &[(0, 0), (0, 9)]).unwrap();
    assert_snapshot!(text, @"");
    assert_eq!(graph(&[], &[]), None);
}

#[test]
fn a_plan_beyond_the_limit_keeps_its_marker_and_how_to_answer() {
    let mut view = plan_view();
    view.body = format!("```\n{}", "x @octocat\n".repeat(7_000));
    view.previous = Some(Previous {
        old: "a\n".repeat(20_000),
        new: "b\n".repeat(20_000),
    });
    let text = plan(&view);
    assert!(Limit::Body.measure(&text) <= Limit::Body.most());
    assert!(Marker::parse(&text).is_some());
    assert!(text.contains(&format!("- `/approve {}` builds it", view.hash.short())));
    assert!(
        text.contains(
            "_Cut here: the whole plan is artifact `plan.md` of run `01jd0000000000000000abcdef`._"
        )
    );
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_in_a_comment_is_live_but_what_footplate_itself_says(text in hostile(), long: bool) {
        let text = if long { text.repeat(70_000 / text.len().max(1)) } else { text };
        let mut view = plan_view();
        let calm = escape::hazards(&plan(&PlanView { body: "x".into(), ..view.clone() })).len();
        let texts = vec![text.clone(); 2];
        view.steps[0].title.clone_from(&text);
        (view.summary, view.body) = (text.clone(), format!("x {text}"));
        (view.files, view.tests, view.criteria) = (texts.clone(), texts.clone(), texts);
        let comment = plan(&view);
        prop_assert!(Limit::Body.measure(&comment) <= Limit::Body.most());
        prop_assert_eq!(escape::hazards(&comment).len(), calm, "{}", comment);
        prop_assert_eq!(parse(&comment, &Grammar { bare: true }), vec![]);
        prop_assert_eq!(comment.matches("<!-- footplate:").count() - comment.matches("`<!-- footplate:").count(), 1);

        let mut view = pull_view();
        let calm = escape::hazards(&pull_body(&PullView { notes: "x".into(), ..view.clone() })).len();
        (view.summary, view.notes) = (text.clone(), format!("x {text}"));
        view.deviations = vec![text.clone()];
        view.steps[0].files[0].path.clone_from(&text);
        let validation = view.validation.as_mut().unwrap();
        validation.findings[0].text.clone_from(&text);
        validation.criteria[0].evidence.clone_from(&text);
        let body = pull_body(&view);
        prop_assert!(Limit::Body.measure(&body) <= Limit::Body.most());
        let code_cells = body.matches("<code>").count() - pull_body(&pull_view()).matches("<code>").count();
        prop_assert_eq!(escape::hazards(&body).len(), calm + 2 * code_cells, "{}", body);
        prop_assert_eq!(parse(&body, &Grammar { bare: true }), vec![]);
    }
}
