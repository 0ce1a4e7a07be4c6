//! Answers.

use super::*;

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
        ReplyKind::QuestionsOpen { count: 1 },
        ReplyKind::NothingToRetry,
        ReplyKind::UnknownNode {
            node: node("paint"),
            known: vec![node("plan"), node("implement")],
        },
    ];
    for kind in &kinds {
        let text = reply_text(kind);
        assert!(text.chars().count() < 500, "{text}");
        assert_eq!(parse(&text, &Grammar { bare: true }), [], "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
    assert_snapshot!(kinds.map(|kind| reply_text(&kind)).join("\n"), @r#"
    Sorry `stranger`, `/approve` wants write permission in this repository, so nothing was done.
    `/aprove` is not a command. Did you mean `/approve`? `/footplate help` lists them.
    `/@all` is not a command. `/footplate help` lists them.
    `/retry` was not understood: "`@all`" is one word too many. `/footplate help` shows how to write it.
    There is no run here that this could be about. `/footplate build` starts one.
    This issue already has a run, which is working. `/cancel` ends it, `/replan WISHES` changes its course.
    There is no plan to approve yet; it is posted here when it is written.
    Plan `64879f7d6b96` is already approved. `/status` says how far it is.
    The plan has a question, so it cannot be approved yet. `/replan` with the answers goes on.
    There is nothing to repeat: no step has failed. `/retry STEP` repeats a certain one.
    There is no step `paint` to repeat. There is: `plan`, `implement`.
    "#);
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
    assert_snapshot!(text, @r#"
    <!-- footplate:run=none kind=reply generation=0 key=comment:12 -->

    There is no run here that this could be about. `/footplate build` starts one.
    "#);
    assert_eq!(
        Marker::parse(&text),
        Some(Marker {
            kind: MarkerKind::Reply,
            ..marker
        })
    );
}
