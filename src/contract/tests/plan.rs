//! Plans.

use super::*;

#[test]
fn a_plan_says_what_is_to_be_done() {
    let plan = plan(PLAN);
    assert_eq!(plan.summary, "Add price_half, rounding down.");
    assert_eq!(plan.files, ["src/widgets.py", "tests/test_widgets.py"]);
    let step = |id, title: &str, class, file: &str, needs: &[u32]| Step {
        id,
        title: title.to_owned(),
        class,
        files: vec![file.to_owned()],
        needs: needs.to_vec(),
    };
    let wanted = [
        step(1, "Add price_half", StepClass::Logic, "src/widgets.py", &[]),
        step(2, "Cover it", StepClass::Tests, "tests/test_widgets.py", &[1]),
    ];
    assert_eq!(plan.steps, wanted);
    assert_eq!(plan.tests, ["python3 -m unittest discover -s tests"]);
    assert_eq!(plan.criteria, ["price_half rounds down to whole cents"]);
    assert_eq!((plan.size, plan.is_approvable()), (Size::Small, true));
    assert_eq!(plan.body, "# Plan\nWhy and how, for people.\n");
    assert!(plan.touches("src/widgets.py") && !plan.touches("src/other.py"));
}

#[test]
fn everything_that_is_wrong_with_a_plan_is_told_at_once() {
    let text = "\
---
footplate: plan/1
sumary: Nearly.
files: [../etc/passwd, /abs, .git/config, .footplate/x.md, src/, 'a[']
steps:
  - {id: 1, title: One, class: logics, files: [src/a.py]}
  - {id: 2, title: '', class: logic, needs: [1, 9, x]}
  - {id: 3, class: tests, files: [docs/a.md], needs: [4]}
  - {id: 4, title: Four, class: tests, needs: [3], extra: 1}
  - {id: 4, title: Five, class: tests}
  - just do it
tests:
  - |
    cd x
    make
  - ''
  - echo: hi
criteria: []
risks: none
size: huge
size: small
---
";
    assert_eq!(told("plan.md", text), WRONG_PLAN);
}

const WRONG_PLAN: &[&str] = &[
    "line 1: `summary` is missing in the front block.",
    "line 3: Unknown key `sumary` in the front block; did you mean `summary`?",
    "line 4: `../etc/passwd` in `files` must not hold `..`.",
    "line 4: `/abs` in `files` must be relative to the repository's root, with `/` between its parts.",
    "line 4: `.git/config` in `files` must not lie within `.git`.",
    "line 4: `.footplate/x.md` in `files` must not lie within `.footplate`, which holds the artifacts.",
    "line 4: `a[` in `files` is no valid glob: unclosed character class; missing ']'.",
    "line 6: `class` of entry 1 of `steps` is `logics`; it must be `logic`, `design`, `content` or `tests`.",
    "line 7: `title` of entry 2 of `steps` is empty; write it or leave it out.",
    "line 7: `needs` wants whole numbers, such as [1, 2].",
    "line 8: `title` is missing in entry 3 of `steps`.",
    "line 9: Unknown key `extra` in entry 4 of `steps`; its keys are `id`, `title`, `class`, `files`, `needs`.",
    "line 10: There are two steps with the id 4; give each its own.",
    "line 11: Entry 6 of `steps` must be a mapping, as in {id: …, title: …, class: …, files: …, needs: …}.",
    "line 14: Entry 1 of `tests` must be one line; join its commands with `&&`.",
    "line 16: Entry 2 of `tests` is empty; write it or leave it out.",
    "line 17: Entry 3 of `tests` is a mapping; put the text in quotes, for it holds `: `.",
    "line 18: There is no criterion; list under `criteria` what must hold in the end.",
    "line 19: `risks` must be a list, not text.",
    "line 20: `size` of the front block is `huge`; it must be `small`, `medium` or `large`.",
    "line 21: `size` is given twice in the front block.",
];

#[test]
fn steps_stay_within_the_plan() {
    let beyond = PLAN.replace(
        "files: [tests/test_widgets.py], needs: [1]",
        "files: [docs/a.md], needs: [7]",
    );
    assert_eq!(
        told("plan.md", &beyond),
        [
            "line 7: A step names `docs/a.md`, which the plan's `files` do not cover; add it there.",
            "line 7: Step 2 needs step 7, which does not exist.",
        ]
    );
    let folder = PLAN.replace(
        "files: [src/widgets.py, tests/test_widgets.py]",
        "files: [src, tests/]",
    );
    assert_eq!(plan(&folder).steps, plan(PLAN).steps);
}

#[test]
fn words_may_be_written_in_any_case() {
    assert_eq!(
        plan(&PLAN.replace("size: small", "size: Small")).size,
        Size::Small
    );
    assert_eq!(
        validation(&VALIDATION.replace("verdict: pass", "verdict: PASS")).verdict,
        Verdict::Pass
    );
}

#[test]
fn a_plan_lists_its_needs() {
    let wanted = [
        "line 1: `summary` is missing in the front block.",
        "line 1: `files` is missing in the front block; it wants a list.",
        "line 1: `tests` is missing in the front block; it wants a list.",
        "line 1: `steps` is missing in the front block; a plan has at least one step.",
        "line 1: There is no criterion; list under `criteria` what must hold in the end.",
        "line 1: `size` is missing in the front block.",
    ];
    assert_eq!(told("plan.md", "---\nfootplate: plan/1\n---\n"), wanted);
}

#[test]
fn a_step_that_waits_for_itself_is_told() {
    let circle = PLAN.replace("files: [src/widgets.py]}", "needs: [2]}");
    assert_eq!(
        told("plan.md", &circle),
        ["line 6: Step 1 needs itself, directly or through other steps; put the steps in an order."]
    );
    let own = PLAN.replace("needs: [1]", "needs: [2]");
    assert_eq!(
        told("plan.md", &own),
        ["line 7: Step 2 needs itself, directly or through other steps; put the steps in an order."]
    );
}
