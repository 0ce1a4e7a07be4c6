//! The plan comment.

use super::*;

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
