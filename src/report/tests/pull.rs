//! The pull request, its title, and work that is held.

use super::*;

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
