use proptest::prelude::*;

use super::*;
use crate::model::{ArtifactName, CommitId};

const PLAN: &str = "\
---
footplate: plan/1
summary: Add price_half, rounding down.
files: [src/widgets.py, tests/test_widgets.py]   # globs; nothing else may change
steps:
  - {id: 1, title: Add price_half, class: logic, files: [src/widgets.py]}
  - {id: 2, title: Cover it, class: tests, files: [tests/test_widgets.py], needs: [1]}
tests: [python3 -m unittest discover -s tests]
criteria: [price_half rounds down to whole cents]
risks: []
questions: []
size: small
---
# Plan
Why and how, for people.
";

const VALIDATION: &str = "\
---
footplate: validation/1
verdict: pass
criteria: [{criterion: 1, met: true, evidence: \"checks.md, command 1: 4 tests passed\"}]
findings: [{severity: minor, file: src/widgets.py, line: 18, text: Name the rounding rule in the docstring.}]
---
Why.
";

const IMPLEMENTATION: &str = "\
---
footplate: implementation/1
steps: [{id: 1, done: true}, {id: 2, done: true}]
deviations: []
---
What was done.
";

const EXPLORATION: &str = "\
---
footplate: exploration/1
files: [src/widgets.py]
notes: []
---
What there is.
";

const CHECKS: &str = "\
---
footplate: checks/1          # written by Footplate
commit: 3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a
commands:
  - {run: python3 -m unittest discover -s tests, exit: 0, seconds: 0.4, tests: {passed: 4, failed: 0, skipped: 0}, base: {exit: 0, tests: {passed: 3, failed: 0, skipped: 0}}}
verified: true
---
Output tails.
";

fn name(text: &str) -> ArtifactName {
    ArtifactName::new(text).expect("a name")
}

fn plan(text: &str) -> Plan {
    match parse(&name("plan.md"), text) {
        Ok(Document::Plan(plan)) => plan,
        other => panic!("{other:?}"),
    }
}

fn validation(text: &str) -> Validation {
    match parse(&name("validation.md"), text) {
        Ok(Document::Validation(validation)) => validation,
        other => panic!("{other:?}"),
    }
}

fn checks(text: &str) -> Checks {
    match parse(&name("checks.md"), text) {
        Ok(Document::Checks(checks)) => checks,
        other => panic!("{other:?}"),
    }
}

fn told(artifact: &str, text: &str) -> Vec<String> {
    match parse(&name(artifact), text) {
        Ok(document) => panic!("nothing was found in {document:?}"),
        Err(findings) => findings.iter().map(Finding::to_string).collect(),
    }
}

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
fn the_other_contracts_read_as_documented() {
    let found = validation(VALIDATION);
    assert_eq!(found.verdict, Verdict::Pass);
    assert_eq!(found.findings[0].line, Some(18));
    assert_eq!(found.findings[0].severity, Severity::Minor);
    let Ok(Document::Implementation(done)) = parse(&name("implementation.md"), IMPLEMENTATION) else {
        panic!()
    };
    assert_eq!(
        done.steps,
        [StepDone { id: 1, done: true }, StepDone { id: 2, done: true }]
    );
    assert!(done.unfinished(&plan(PLAN)).is_empty());
    let half = Implementation {
        steps: vec![StepDone { id: 1, done: false }],
        ..done
    };
    assert_eq!(half.unfinished(&plan(PLAN)), [1, 2]);
    let Ok(Document::Exploration(what)) = parse(&name("exploration.md"), EXPLORATION) else {
        panic!()
    };
    assert_eq!(
        (what.files, what.body.as_str()),
        (vec!["src/widgets.py".to_owned()], "What there is.\n")
    );
    let results = checks(CHECKS);
    assert_eq!(results.verified, Verified::True);
    let command = &results.commands[0];
    assert_eq!(
        (command.exit, command.tests.map(|t| t.passed)),
        (Some(0), Some(4))
    );
    assert_eq!(
        command.base.as_ref().and_then(|b| b.tests).map(|t| t.passed),
        Some(3)
    );
}

#[test]
fn the_name_says_the_contract() {
    assert!(matches!(
        parse(&name("lint-checks.md"), CHECKS),
        Ok(Document::Checks(_))
    ));
    assert!(matches!(
        parse(&name("security-validation.md"), VALIDATION),
        Ok(Document::Validation(_))
    ));
    assert_eq!(
        parse(&name("notes.md"), "Hello."),
        Ok(Document::Plain("Hello.".to_owned()))
    );
    assert_eq!(
        parse(&name("test-plan.md"), "Hello."),
        Ok(Document::Plain("Hello.".to_owned()))
    );
    assert_eq!(
        told("notes.md", " \n"),
        ["`notes.md` is empty; write it as the brief describes"]
    );
}

#[test]
fn a_mark_windows_lines_and_blank_lines_are_tolerated() {
    let windows = format!("\u{feff}\n \n{PLAN}").replace('\n', "\r\n");
    let read = plan(&windows);
    assert_eq!(read.steps, plan(PLAN).steps);
    assert_eq!(read.body, "# Plan\r\nWhy and how, for people.\r\n");
    let broken = windows.replace("size: small", "size: tiny");
    assert_eq!(
        told("plan.md", &broken),
        ["line 14: `size` of the front block is `tiny`; it must be `small`, `medium` or `large`."]
    );
}

#[test]
fn what_is_no_front_block_is_told_in_one_sentence() {
    let table = [
        ("", "`plan.md` is empty; write it as the brief describes"),
        (
            "# Plan\n",
            "line 1: The artifact must begin with a line `---` and then `footplate: plan/1`; no code fence and no text before it.",
        ),
        (
            "```markdown\n---\nfootplate: plan/1\n---\n```\n",
            "line 1: The artifact must begin with a line `---` and then `footplate: plan/1`; no code fence and no text before it.",
        ),
        (
            "---\nfootplate: plan/1\n",
            "line 1: The front block is never closed; end it with a line `---`.",
        ),
        (
            "---\n---\n",
            "line 1: The front block must be a YAML mapping that begins with `footplate: plan/1`.",
        ),
        (
            "---\n- a\n---\n",
            "line 1: The front block must be a YAML mapping that begins with `footplate: plan/1`.",
        ),
        (
            "---\nfootplate: plan/2\n---\n",
            "line 2: `footplate: plan/2` is not understood here; `plan/1` is.",
        ),
        (
            "---\nfootplate: checks/1\n---\n",
            "line 2: `footplate: checks/1` is not understood here; `plan/1` is.",
        ),
        (
            "---\nfootplate: [1]\n---\n",
            "line 2: `footplate: ` is not understood here; `plan/1` is.",
        ),
        (
            "---\nsize: small\nfootplate: plan/1\n---\n",
            "line 2: The first key must be `footplate: plan/1`, not `size`.",
        ),
        (
            "---\nfootplate: plan/1\nsummary: a: b\n---\n",
            "line 3: This is not YAML: mapping values are not allowed in this context; put texts that hold `: `, ` #` or begin with a quote or bracket in quotes.",
        ),
    ];
    for (text, wanted) in table {
        assert_eq!(told("plan.md", text), [wanted], "{text}");
    }
    let long = format!("{PLAN}{}", "x".repeat(LONGEST));
    assert_eq!(
        told("plan.md", &long),
        ["`plan.md` is longer than 256 KiB; shorten it"]
    );
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

#[test]
fn what_is_wrong_with_a_validation_is_told() {
    let table: [(&str, &[&str]); 4] = [
        (
            "verdict: passed\ncriteria: [{criterion: 0, met: maybe}]\nfindings: [{severity: nit, file: ../x, line: 0x1, text: a}]",
            &[
                "line 3: `verdict` of the front block is `passed`; it must be `pass` or `fail`.",
                "line 4: `met` of entry 1 of `criteria` is `maybe`; it must be `true` or `false`.",
                "line 4: `evidence` is missing in entry 1 of `criteria`.",
                "line 4: Criteria are numbered from 1, in the plan's order.",
                "line 5: `severity` of entry 1 of `findings` is `nit`; it must be `blocker`, `major` or `minor`.",
                "line 5: `file` must not hold `..`.",
                "line 5: `line` of entry 1 of `findings` wants a whole number, such as 1.",
            ],
        ),
        (
            "verdict: fail\ncriteria: [{criterion: 1, met: true, evidence: x}]",
            &["line 3: A fail wants a reason: an unmet criterion or an entry under `findings`."],
        ),
        (
            "verdict: pass\ncriteria: [{criterion: 1, met: true, evidence: x}, {criterion: 1, met: true, evidence: x}]",
            &["line 4: Criterion 1 is judged twice."],
        ),
        (
            "verdict: pass",
            &["line 1: `criteria` is empty or missing; judge each criterion of the plan."],
        ),
    ];
    for (keys, wanted) in table {
        let text = format!("---\nfootplate: validation/1\n{keys}\n---\n");
        assert_eq!(told("validation.md", &text), *wanted, "{text}");
    }
}

#[test]
fn what_is_wrong_with_the_others_is_told() {
    let table: [(&str, &str, &[&str]); 3] = [
        (
            "implementation",
            "steps: [{id: 1, done: yes}, {id: 2, done: true}, {id: 2, done: false}]\ndeviations: text",
            &[
                "line 3: `done` of entry 1 of `steps` is `yes`; it must be `true` or `false`.",
                "line 3: Step 2 is listed twice.",
                "line 4: `deviations` must be a list, not text.",
            ],
        ),
        (
            "exploration",
            "notes: [a: b]",
            &[
                "line 1: `files` is missing in the front block; list where the work will be.",
                "line 3: Entry 1 of `notes` is a mapping; put the text in quotes, for it holds `: `.",
            ],
        ),
        (
            "checks",
            "commit: main\ncommands: [{run: [x], exit: one, seconds: .nan, tests: 4, base: {exit: 0, tests: {passed: -1}}}]\nverified: maybe",
            &[
                "line 3: `commit` is no commit id: it wants 40 or 64 lower-case hexadecimal digits.",
                "line 4: `run` must be text, not a list.",
                "line 4: `exit` of entry 1 of `commands` wants a whole number, such as 1.",
                "line 4: `seconds` wants a number of seconds, such as 0.4.",
                "line 4: `tests` must be a mapping, not text.",
                "line 4: `passed` of `tests` wants a whole number, such as 1.",
                "line 4: `failed` is missing in `tests`.",
                "line 4: `skipped` is missing in `tests`.",
                "line 5: `verified` of the front block is `maybe`; it must be `true`, `false` or `unknown`.",
            ],
        ),
    ];
    for (contract, keys, wanted) in table {
        let text = format!("---\nfootplate: {contract}/1\n{keys}\n---\n");
        assert_eq!(told(&format!("{contract}.md"), &text), *wanted, "{text}");
    }
}

#[test]
fn anchors_and_depth_end_in_a_finding() {
    let bomb = "---\nfootplate: plan/1\nfiles: &a [x]\nrisks: [*a, *a]\n---\n";
    assert_eq!(
        told("plan.md", bomb),
        [
            "line 3: Anchors, aliases and tags are not used here; write the value plainly; put texts that hold `: `, ` #` or begin with a quote or bracket in quotes."
        ]
    );
    let deep = format!("---\nfootplate: plan/1\nfiles: {}\n---\n", "[".repeat(50_000));
    assert_eq!(told("plan.md", &deep).len(), 1);
    let many = PLAN.replace("risks: []", &format!("risks: [{}]", "x, ".repeat(501)));
    assert_eq!(
        told("plan.md", &many),
        ["line 10: `risks` has more than 500 entries; group them."]
    );
}

#[test]
fn a_pass_beside_a_reason_to_fail_is_a_fail() {
    let pass = validation(VALIDATION);
    let good = checks(CHECKS);
    let effective = |validation: &Validation, checks: Option<&Checks>, criteria| {
        let effective = validation.effective(checks, criteria);
        (effective.verdict, effective.reasons.join(" "))
    };
    assert_eq!(effective(&pass, Some(&good), 1), (Verdict::Pass, String::new()));
    assert_eq!(effective(&pass, None, 1), (Verdict::Pass, String::new()));
    assert_eq!(
        effective(&pass, Some(&good), 3),
        (
            Verdict::Fail,
            "Criterion 2 was not judged. Criterion 3 was not judged.".to_owned()
        )
    );

    let mut unmet = pass.clone();
    unmet.criteria[0].met = false;
    unmet.criteria[0].evidence = "it rounds up".to_owned();
    assert_eq!(
        effective(&unmet, Some(&good), 1).1,
        "Criterion 1 is not met: it rounds up."
    );

    let mut blocker = pass.clone();
    blocker.findings[0].severity = Severity::Blocker;
    assert_eq!(
        effective(&blocker, None, 1).1,
        "Blocker: Name the rounding rule in the docstring."
    );
    blocker.findings[0].severity = Severity::Major;
    assert_eq!(
        effective(&blocker, None, 1).0,
        Verdict::Pass,
        "a major finding does not turn the verdict"
    );

    let mut failed = good.clone();
    failed.commands[0].exit = Some(1);
    failed.commands[0].tests = Some(TestCounts {
        passed: 3,
        failed: 1,
        skipped: 0,
    });
    assert_eq!(
        effective(&pass, Some(&failed), 1),
        (
            Verdict::Fail,
            "The check `python3 -m unittest discover -s tests` failed with exit code 1 and 1 failed tests."
                .to_owned()
        )
    );
    failed.commands[0].base = Some(Box::new(BaseResult {
        exit: Some(1),
        tests: None,
    }));
    assert!(
        effective(&pass, Some(&failed), 1)
            .1
            .ends_with(", as it does on the base.")
    );
    let unproven = Checks {
        verified: Verified::False,
        ..good.clone()
    };
    assert_eq!(
        effective(&pass, Some(&unproven), 1).1,
        "The checks did not verify the result."
    );
    let unknown = Checks {
        verified: Verified::Unknown,
        ..good
    };
    assert_eq!(
        effective(&pass, Some(&unknown), 1).0,
        Verdict::Pass,
        "not verified is said, but is no failure"
    );

    let fail = Validation {
        verdict: Verdict::Fail,
        ..pass
    };
    assert_eq!(
        effective(&fail, None, 1),
        (Verdict::Fail, "The validator's verdict is a fail.".to_owned())
    );
}

#[test]
fn no_tests_or_no_tool_prove_nothing() {
    let command = |exit, tests: Option<(u32, u32)>| CommandResult {
        run: "x".to_owned(),
        exit,
        seconds: 0.0,
        tests: tests.map(|(passed, failed)| TestCounts {
            passed,
            failed,
            skipped: 0,
        }),
        base: None,
    };
    let table = [
        (vec![], Verified::Unknown),
        (vec![command(Some(0), None)], Verified::Unknown),
        (vec![command(Some(0), Some((0, 0)))], Verified::Unknown),
        (vec![command(Some(0), Some((1, 0)))], Verified::True),
        (
            vec![command(Some(0), None), command(Some(0), Some((1, 0)))],
            Verified::True,
        ),
        (vec![command(Some(0), Some((1, 1)))], Verified::False),
        (vec![command(Some(1), Some((1, 0)))], Verified::False),
        (vec![command(None, None)], Verified::False),
        (
            vec![command(Some(127), None), command(Some(0), Some((1, 0)))],
            Verified::Unknown,
        ),
        (
            vec![command(Some(127), None), command(Some(1), None)],
            Verified::False,
        ),
    ];
    for (commands, wanted) in table {
        assert_eq!(Verified::of(&commands), wanted, "{commands:?}");
    }
}

#[test]
fn documents_have_the_fields_that_are_declared() {
    for (artifact, text) in [
        ("plan.md", PLAN),
        ("validation.md", VALIDATION),
        ("implementation.md", IMPLEMENTATION),
        ("exploration.md", EXPLORATION),
        ("checks.md", CHECKS),
    ] {
        let name = name(artifact);
        let document = parse(&name, text).expect(artifact);
        let mut declared = declared_fields(name.stem()).expect(artifact).to_vec();
        declared.sort_unstable();
        assert_eq!(
            fields(&document).keys().collect::<Vec<_>>(),
            declared,
            "{artifact}"
        );
    }
    assert_eq!(declared_fields("notes"), None);
    assert!(fields(&Document::Plain("x".to_owned())).is_empty());
    let plan = fields(&parse(&name("plan.md"), PLAN).expect("a plan"));
    assert_eq!(plan["size"], Value::Text("small".to_owned()));
    assert_eq!(plan["steps"], Value::Number(2.0));
    let mut unknown = checks(CHECKS);
    unknown.commands[0].tests = None;
    let known = fields(&Document::Checks(unknown));
    assert!(!known.contains_key("passed_tests"), "unknown is not zero");
}

fn counts() -> impl Strategy<Value = Option<TestCounts>> {
    prop::option::of((any::<u32>(), any::<u32>(), any::<u32>())).prop_map(|counts| {
        counts.map(|(passed, failed, skipped)| TestCounts {
            passed,
            failed,
            skipped,
        })
    })
}

fn command() -> impl Strategy<Value = CommandResult> {
    let base = prop::option::of(
        (any::<Option<i32>>(), counts()).prop_map(|(exit, tests)| Box::new(BaseResult { exit, tests })),
    );
    (
        "\\PC{0,30}|(.|\\n|\\r|\\t|\"|\\\\|#|: |\u{85}|\u{2028}|\u{feff}){0,20}",
        any::<Option<i32>>(),
        0.0_f64..1e6,
        counts(),
        base,
    )
        .prop_map(|(run, exit, seconds, tests, base)| CommandResult {
            run,
            exit,
            seconds,
            tests,
            base,
        })
}

proptest! {
    #[test]
    fn checks_read_back_as_they_were_written(
        commands in prop::collection::vec(command(), 0..4),
        verified in prop_oneof![Just(Verified::True), Just(Verified::False), Just(Verified::Unknown)],
        body in "(.|\\n|\\r|---\\n|\u{feff}){0,60}",
        commit in "[0-9]{40}|[0-9a-f]{64}",
    ) {
        let commit = CommitId::new(commit).expect("a commit");
        let checks = Checks { commit, commands, verified, body };
        let rendered = checks.render();
        prop_assert_eq!(parse(&name("checks.md"), &rendered), Ok(Document::Checks(checks)), "{}", rendered);
    }

    #[test]
    fn every_text_is_a_document_or_a_list_of_findings(
        artifact in prop_oneof![Just("plan.md"), Just("checks.md"), Just("validation.md"), Just("implementation.md"), Just("exploration.md")],
        pieces in prop::collection::vec(
            prop_oneof![
                "(summary|files|steps|tests|criteria|findings|commands|verdict|size): ",
                "\\[|\\]|\\{|\\}|, |: |- |'|\"|#|\\||>|\n|\n  ",
                "\\[\\{(id|criterion|run|severity): [a-z0-9]{1,3}, (title|met|exit|needs|tests): (x|1|true|\\[1\\]|\\{passed: 1\\})\\}\\]\n",
                "\\PC{0,6}",
            ],
            0..20,
        ),
        fenced in any::<bool>(),
    ) {
        let name = name(artifact);
        let inner = pieces.concat();
        let text = if fenced { format!("---\nfootplate: {}/1\n{inner}\n---\nx", name.stem()) } else { inner };
        match parse(&name, &text) {
            Ok(document) => { let _ = fields(&document); }
            Err(findings) => {
                prop_assert!(!findings.is_empty());
                let lines = u32::try_from(text.split('\n').count()).unwrap_or(u32::MAX);
                for finding in findings {
                    prop_assert!(finding.line.is_none_or(|line| (1..=lines).contains(&line)), "{finding} in {text:?}");
                }
            }
        }
    }

    #[test]
    fn a_touched_path_lies_within_the_repository(glob in "[a-z*/.?]{0,12}", path in "[a-z/.]{0,12}") {
        let mut plan = plan(PLAN);
        plan.files = vec![glob];
        if plan.touches(&path) {
            prop_assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".." || part == ".git"));
        }
    }
}
