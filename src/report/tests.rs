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
            ..TokenUsage::default()
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
    assert_snapshot!(status(&status_view(Standing::Working)), @r#"
    <!-- footplate:run=01jd0000000000000000abcdef kind=status generation=0 -->

    ### Footplate: working

    Nothing is wanted of you now; `/cancel` ends it, `/replan` asks for another plan.

    [Plan](https://github.com/o/r/issues/7#issuecomment-1)

    > **Note:** Agents run with the server's rights: there is no sandbox.

    ```mermaid
    flowchart LR
      n0["plan<br/>claude#58;anthropic#47;claude#45;opus#45;5#45;5#64;high<br/>done"]:::done
      n1["approve<br/>done"]:::done
      n2["implement<br/>gemini#58;google#47;gemini#45;3#46;5#45;flash<br/>running"]:::running
      n3["publish<br/>pending"]:::pending
      n0 --> n1
      n1 --> n2
      n2 --> n3
      classDef pending fill:#eaeef2,stroke:#8c959f,color:#1f2328
      classDef running fill:#ddf4ff,stroke:#0969da,color:#1f2328
      classDef done fill:#dafbe1,stroke:#1a7f37,color:#1f2328
    ```

    | Step | State | Done by | Attempts | Time | Tokens | Cost |
    | --- | --- | --- | --- | --- | --- | --- |
    | `plan` | done | `claude:anthropic/claude-opus-5-5@high` | 1 | 1 min 35 s | 12.3k in, 900 out | $0.0180 |
    | `approve` | done | gate | 0 | — | — | — |
    | `implement` | running | `claude:moonshot/kimi-k2.6`, `gemini:google/gemini-3.5-flash` | 3 | 1 min 35 s | unknown | unknown |
    | `publish` | pending | publish | 0 | — | — | — |
    | **Total** |  |  | 4 | 3 min 10 s |  | $0.0180 + unknown |

    **Findings**

    - `implement`: attempt 1: no output for 10 minutes, asked `@octocat` &#124; `#12`
    - `implement`: attempt 2: an empty diff

    <sub>Run `01jd0000000000000000abcdef` of workflow `build`, asked for by `hubot`, as of 2026-11-23T10:00:00Z.</sub>
    "#);
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
    assert_snapshot!(lines, @r#"
    **Queued.** It begins as soon as it is its turn; `/cancel` ends it.
    **Working.** Nothing is wanted of you now; `/cancel` ends it, `/replan` asks for another plan.
    **Waiting for approval.** Somebody who may write to this repository answers the plan with `/approve 64879f7d6b96`, `/replan WISHES` or `/cancel`, until 2026-12-07T10:00:00Z.
    **Waiting for answers.** The plan has questions: answer them with `/replan` and your answers.
    **Waiting for a person.** Somebody pushed to the branch.
    **Waiting until 2026-12-07T10:00:00Z.** The provider's limit is reached. It goes on by itself.
    **Waiting for a free slot.** Other runs are at work; it goes on by itself.
    **In review.** Pull request #9 is open. `/replan WISHES` or `/retry` there or here updates it; merging or closing it ends the run.
    **Merged.** Pull request #9 was merged.
    **Closed.** Pull request #9 was closed without being merged.
    **Closed.** The issue was closed.
    **Planned.** The plan is written, and nothing more was asked for; `/footplate build` builds anew.
    **Failed.** The plan's files do not exist. `/retry` repeats the step that failed, `/replan WISHES` begins with another plan.
    **Cancelled.** It was cancelled by `hubot`. `/footplate build` begins anew.
    "#);
}

#[test]
fn the_plan_comment_says_what_will_be_done_and_how_to_answer() {
    assert_snapshot!(plan(&plan_view()), @r#"
    <!-- footplate:run=01jd0000000000000000abcdef kind=plan generation=1 -->

    ## Plan

    Add `price_half`, rounding down.

    This waits for somebody who may write to the repository:

    - `/approve 64879f7d6b96` builds it; notes after the hash go along
    - `/replan WISHES` asks for another plan
    - `/cancel` ends the run

    The offer ends at 2026-12-07T10:00:00Z. Editing this comment or the issue's text voids it.

    cc @hubot

    ### Steps

    | # | Step | Class | Files | After |
    | --- | --- | --- | --- | --- |
    | 1 | Add `price_half` | logic | `src/widgets.py` |  |
    | 2 | Cover it, as `@octocat` asked | logic | `tests/test_widgets.py` | 1 |

    ### Files that may change

    - `src/widgets.py`
    - `tests/*.py`

    ### Commands that check it

    - `python3 -m unittest discover -s tests | tee log`

    ### Done when

    - price_half rounds down to whole cents

    <details>
    <summary>The plan in its author's words</summary>

    # Plan

    Why and how; fixes `#7`, `@octocat`.

    ```python
    def price_half(): ...
    ```

    </details>

    <sub>Plan `64879f7d6b96`, small, for `main` at `aaaaaaaaaa`, written by `claude:anthropic/claude-opus-5-5@high`, cost so far $0.0413, run `01jd0000000000000000abcdef`.</sub>
    "#);
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
    assert_snapshot!(plan(&view), @r#"
    <!-- footplate:run=01jd0000000000000000abcdef kind=plan generation=2 -->

    ## Plan, revision 2

    Add `price_half`, rounding down.

    **This plan has questions and cannot be approved yet.** Somebody who may write to the repository answers with:

    - `/replan ANSWERS`, which leads to a plan without these questions
    - `/cancel`, which ends the run

    Editing this comment or the issue's text voids it.

    cc @hubot

    ### Questions

    1. Which cents? `@octocat`

    ### Files that may change

    - `src/widgets.py`
    - `tests/*.py`

    ### Commands that check it

    - `python3 -m unittest discover -s tests | tee log`

    ### Done when

    - price_half rounds down to whole cents

    <details>
    <summary>What changed since revision 1</summary>

    ````diff
    @@ -1,3 +1,3 @@
     a
    -b
    +B ``` x
     c
    ````

    </details>

    <sub>Plan `64879f7d6b96`, small, for `main` at `aaaaaaaaaa`, written by `claude:anthropic/claude-opus-5-5@high`, cost so far $0.0413, run `01jd0000000000000000abcdef`.</sub>
    "#);
    assert!(!plan(&view).contains("/approve"));
}

#[test]
fn a_revision_that_came_out_the_same_says_so_and_shows_no_difference() {
    let mut view = plan_view();
    view.revision = 3;
    view.previous = Some(Previous {
        old: "same".into(),
        new: "same".into(),
    });
    let text = plan(&view);
    assert!(
        text.contains(
            "**This is word for word the plan of revision 2.** Another one was asked for, and the planner came to \
             the same result. `/replan` with other wishes may help."
        ),
        "{text}"
    );
    assert!(!text.contains("What changed since"), "{text}");
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
    assert_snapshot!(pull_body(&pull_view()), @r#"
    <!-- footplate:run=01jd0000000000000000abcdef kind=pull generation=1 -->

    Add `price_half`, rounding down.

    Closes #7

    **Verified:** Footplate ran the checks below on the pushed commit.
    **Validation passed** by `claude:anthropic/claude-opus-5-5@high`.

    > **Note:** Agents run with the server's rights: there is no sandbox.

    ### What changed

    - [x] **1** Add `price_half`
      - `src/widgets.py` +6 −1
    - [ ] **2** Draw it (not done)
    - Files that no step names
      - `logo|x.png` binary

    ### Checks

    | Command | With the change | Before | Time |
    | --- | --- | --- | --- |
    | `python3 -m unittest` | exit 0, 4 passed, 0 failed, 1 skipped | exit 0, 3 passed, 0 failed | 0.4 s |

    ### Validation

    | Criterion | Met | Evidence |
    | --- | --- | --- |
    | price_half rounds down | yes | checks.md, command 1: 4 tests passed |
    | It is drawn | not said |  |

    **Findings**

    - **minor** `src/widgets.py:18`: Name the rounding rule; see `#3`.

    ### Deviations from the plan

    - Used integer division.

    ### Who did what, and what it cost

    | Step | State | Done by | Attempts | Time | Tokens | Cost |
    | --- | --- | --- | --- | --- | --- | --- |
    | `plan` | done | `claude:anthropic/claude-opus-5-5@high` | 1 | 1 min 35 s | 12.3k in, 900 out | $0.0180 |
    | `implement` | done | `mine` | 1 | 1 min 35 s | unknown | unknown |
    | **Total** |  |  | 2 | 3 min 10 s |  | $0.0180 + unknown |

    <details>
    <summary>What the implementer wrote</summary>

    Look at `price_half`.

    `/approve`

    </details>

    <details>
    <summary>What the validator wrote</summary>

    All good, says `@validator`.

    &lt;!-- footplate:run=none kind=plan generation=1 -->

    </details>

    <sub>Run `01jd0000000000000000abcdef`, asked for by `hubot`, [plan 64879f7d6b96](https://github.com/o/r/issues/7#issuecomment-1), commit `cccccccccc` for `main`.</sub>
    "#);
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
    assert_snapshot!(body, @r#"
    <!-- footplate:run=01jd0000000000000000abcdef kind=pull generation=1 -->

    Add `price_half`, rounding down.

    Part of #7: the plan is not complete, so merging this leaves the issue open.

    **Not verified.** no test ran.
    **Not validated:** the workflow has no validator.

    ### What changed

    - [x] **1** Add `price_half`
      - `src/widgets.py` +6 −1
    - [ ] **2** Draw it (not done)
    - Files that no step names
      - `logo|x.png` binary

    ### Checks

    | Command | With the change | Before | Time |
    | --- | --- | --- | --- |
    | `python3 -m unittest` | exit 0, no tests ran | not run | 0.4 s |

    ### Deviations from the plan

    None reported.

    ### Who did what, and what it cost

    <sub>Run `01jd0000000000000000abcdef`, asked for by `hubot`, [plan 64879f7d6b96](https://github.com/o/r/issues/7#issuecomment-1), commit `cccccccccc` for `main`.</sub>
    "#);
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
    assert_snapshot!(held(&view), @r#"
    <!-- footplate:run=01jd0000000000000000abcdef kind=held generation=2 -->

    ### The work was not published

    The work is kept.

    - `.github/workflows/ci.yml` is outside the plan's files
    - link -> /etc/passwd leaves the tree

    In a clone of `o/r`:

    ```sh
    git fetch origin 'refs/footplate/held/01jd'
    git switch --detach FETCH_HEAD
    ```

    `/retry` tries again, `/replan WISHES` begins with another plan, `/cancel` ends the run.

    <sub>Run `01jd0000000000000000abcdef`, commit `dddddddddd`.</sub>
    "#);
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
    assert_snapshot!(text, @r#"
    ```mermaid
    flowchart LR
      n0["end<br/>#96;#96;#96; #34; #93; #45;#45;#62; #60;b#62;#10;#37;#37;#123;init#125;<br/>failed"]:::failed
      n0 --> n0
      classDef failed fill:#ffebe9,stroke:#cf222e,color:#1f2328
    ```
    "#);
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
    let lines = |wanted: &str| text.lines().filter(|line| *line == wanted).count();
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
