//! Any text at all.

use super::*;

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
