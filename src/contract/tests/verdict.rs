//! Validations and checks: when a yes is a yes.

use super::*;

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
