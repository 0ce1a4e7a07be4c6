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
    assert_snapshot!(kinds.map(|kind| reply_text(&kind)).join("\n"), @r#"
    Sorry `stranger`, `/approve` wants write permission in this repository, so nothing was done.
    `/aprove` is not a command. Did you mean `/approve`? `/footplate help` lists them.
    `/@all` is not a command. `/footplate help` lists them.
    `/retry` was not understood: "`@all`" is one word too many. `/footplate help` shows how to write it.
    There is no run here that this could be about. `/footplate build` starts one.
    This issue already has a run, which is working. `/cancel` ends it, `/replan WISHES` changes its course.
    There is no plan to approve yet; it is posted here when it is written.
    Plan `64879f7d6b96` is already approved. `/status` says how far it is.
    The plan's comment was edited, so it is not clear what you read. Footplate would build plan `64879f7d6b96` as it was written: `/approve 64879f7d6b96` does that, `/replan WISHES` changes it.
    There is a newer plan than the one you may have read, `64879f7d6b96`. Have a look at it, then `/approve 64879f7d6b96`.
    The plan's offer has ended. `/replan` writes a fresh one.
    `abcdef12` is not the newest plan, that is `64879f7d6b96`. If it is the one you mean: `/approve 64879f7d6b96`.
    The plan has a question, so it cannot be approved yet. `/replan` with the answers goes on.
    The issue's text was edited after the plan was made, so an approval of that plan does not hold. `/replan` makes a plan for the text as it is now.
    `main` moved and touched files of the plan (`src/widgets.py`), so an approval of that plan does not hold. `/replan` makes a plan for the branch as it is now.
    There is nothing to repeat: no step has failed. `/retry STEP` repeats a certain one.
    There is no step `paint` to repeat. There is: `plan`, `implement`.
    `x` cannot be chosen here. What can: nothing at the moment.
    The base branch cannot be used: there is no branch release/2. Name another one and ask again.
    `.github/footplate.yml` cannot be used: line 3: unknown key. Correct it on the default branch and ask again.
    Nothing was started: this repository has used its $50 of today.
    On it: a plan for #7 comes first, and waits for your approval.
    On it: a plan for #7, and nothing more, as you asked.
    Plan `64879f7d6b96` is approved by `hubot` and is being built.
    Another plan is being written with your wishes.
    Repeating `implement` and what follows it.
    Cancelled. What was done so far stays fetchable; `/footplate build` begins anew.
    Somebody pushed to `footplate/7-x-abcdef`: it is at `bbbbbbbbbb`, where Footplate left `aaaaaaaaaa`. Footplate stopped and overwrites nothing. Move that work elsewhere and `/retry`, or `/cancel` and go on by hand.
    Somebody pushed to `footplate/7-x-abcdef`: it is at `bbbbbbbbbb`, where Footplate expected none. Footplate stopped and overwrites nothing. Move that work elsewhere and `/retry`, or `/cancel` and go on by hand.
    The run failed at `plan`: the artifact has no front block. `/retry` repeats that step, `/replan WISHES` begins with another plan.
    `implement` failed in all 4 attempts, the last time because: no output for 10 minutes. `/retry implement model=CANDIDATE` lets another one try, `/replan WISHES` makes the task smaller, `/cancel` ends the run.
    The run stopped because its budget is used up: $5.0000 for a run. Whoever runs the server can raise it; `/retry` then goes on.
    Pull request #9 is open for review.
    Pull request #9 was updated to `cccccccccc`.
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
