//! Front blocks, whatever the contract.

use super::*;

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
