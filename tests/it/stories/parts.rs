//! A plan whose work goes to two routes: parts side by side, put together by git, and mended where they conflict.

use serde_json::{Value, json};

use super::scripts::{Script, add_two, artifact, implementation, say, validation};
use super::stage::Set;

/// Design has a candidate of its own.
const ROUTES: &str = "classes: {routes: {design: [second]}}";

/// A plan with a step of logic in `words.txt` and one of design in `README.md`.
fn plan() -> Value {
    artifact(
        "plan.md",
        "---\nfootplate: plan/1\nsummary: Add the word two\nfiles: [words.txt, README.md]\nsteps:\n  - {id: 1, title: \
         Add the word, class: logic, files: [words.txt]}\n  - {id: 2, title: Say so, class: design, files: \
         [README.md]}\ntests: [sh check.sh]\ncriteria: [The word is in the list]\nrisks: []\nquestions: []\nsize: \
         small\n---\n# Plan\n\nAdd it and say so.\n",
    )
}

fn account(name: &str, steps: &[u32], body: &str) -> Value {
    let steps: Vec<String> = steps
        .iter()
        .map(|id| format!("{{id: {id}, done: true}}"))
        .collect();
    let content = format!(
        "---\nfootplate: implementation/1\nsteps: [{}]\ndeviations: []\n---\n{body}\n",
        steps.join(", ")
    );
    artifact(name, &content)
}

fn keep_brief(as_file: &str) -> Value {
    json!({"shell": format!("cp \"$FOOTPLATE_BRIEF\" @STAGE@/{as_file}")})
}

/// Meets the other part: neither goes on before both have begun.
fn meet(mine: &str, other: &str) -> [Value; 2] {
    [
        json!({"shell": format!("touch @STAGE@/{mine}")}),
        json!({"wait_for": format!("@STAGE@/{other}")}),
    ]
}

fn logic() -> Value {
    let [come, wait] = meet("logic-began", "design-began");
    json!([
        keep_brief("logic-brief"),
        come,
        wait,
        add_two(),
        account("implementation-logic.md", &[1], "The word is there.")
    ])
}

fn design(more: &Value) -> Value {
    let [come, wait] = meet("design-began", "logic-began");
    let praise = json!({"edit": {
        "file": "README.md",
        "find": "One word a line.\n",
        "replace": "One word a line, 37% nicer.\n",
    }});
    json!([
        keep_brief("design-brief"),
        come,
        wait,
        praise,
        more,
        account("implementation-design.md", &[2], "The page says so.")
    ])
}

fn read(stage: &super::stage::Stage, name: &str) -> String {
    std::fs::read_to_string(stage.folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn two_routes_work_side_by_side_and_one_pull_request_shows_both_parts() {
    let judging = json!([keep_brief("judge-brief"), validation("pass")]);
    let stage = Set::new()
        .role("plan", json!([plan()]))
        .role("implement-logic", logic())
        .role("implement-design", design(&say("Done.")))
        .role("validate", judging)
        .settings(ROUTES)
        .start()
        .await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\n")
    );
    assert_eq!(
        stage.file(&pull.branch, "README.md").as_deref(),
        Some("# Words\n\nOne word a line, 37% nicer.\n")
    );
    for wanted in [
        "implement-logic",
        "implement-design",
        "`second`",
        "Logic (step 1)",
        "Design (step 2)",
        "The page says so.",
        "37%",
        "stands neither in the files before, nor in the plan, nor in the issue",
    ] {
        assert!(pull.body.contains(wanted), "{wanted}: {}", pull.body);
    }
    let status = stage.status(issue);
    assert!(status.contains("implement-design"), "{status}");
    let logic = read(&stage, "logic-brief");
    assert!(logic.contains("## Your part"), "{logic}");
    assert!(logic.contains("Yours: step 1, and nothing else."), "{logic}");
    assert!(logic.contains("Step 2: others work on that"), "{logic}");
    assert!(logic.contains("steps: [{id: 1, done: true}]"), "{logic}");
    let judge = read(&stage, "judge-brief");
    assert!(judge.contains("## What Footplate noticed"), "{judge}");
    assert!(judge.contains("implement-design: `37%` in README.md"), "{judge}");
    stage.end().await;
}

#[tokio::test]
async fn a_conflict_of_parts_is_mended_by_the_next_attempt_which_must_leave_no_mark() {
    let meddling = json!({"edit": {"file": "words.txt", "find": "one\n", "replace": "one\nzwei\n"}});
    let both = || account("implementation.md", &[1, 2], "Both words stay.");
    let mending = json!({
        "2": [
            keep_brief("mender-brief"),
            {"shell": "cp words.txt .footplate/implementation-design.md @STAGE@/"},
            {"write": {"file": "README.md", "content": "# Words\n"}},
            both(),
        ],
        "default": [
            keep_brief("second-brief"),
            {"write": {"file": "words.txt", "content": "one\ntwo\nzwei\nthree\n"}},
            both(),
        ],
    });
    let stage = Set::new()
        .role("plan", json!([plan()]))
        .role("implement-logic", logic())
        .role("implement-design", design(&meddling))
        .role("implement", mending)
        .settings(ROUTES)
        .start()
        .await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nzwei\nthree\n")
    );
    let found = read(&stage, "words.txt");
    assert!(
        found.contains("<<<<<<< ") && found.contains("two") && found.contains("zwei"),
        "{found}"
    );
    assert!(read(&stage, "implementation-design.md").contains("The page says so."));
    let brief = read(&stage, "mender-brief");
    assert!(brief.contains("## A conflict to resolve"), "{brief}");
    assert!(
        brief.contains("`words.txt` was changed by several parts"),
        "{brief}"
    );
    let again = read(&stage, "second-brief");
    assert!(
        again.contains("- words.txt still holds marks of the conflict."),
        "{again}"
    );
    assert!(
        pull.body.contains("do not go together") || stage.status(issue).contains("do not go together"),
        "{}\n{}",
        pull.body,
        stage.status(issue)
    );
    stage.end().await;
}

#[tokio::test]
async fn who_takes_over_from_a_candidate_that_failed_gets_its_diff_and_its_failure() {
    let failing = json!([
        {"write": {"file": "words.txt", "content": "half done\n"}},
        say("I give up."),
        "crash",
    ]);
    let taking_over = json!([
        keep_brief("brief"),
        {"shell": "cp .footplate/previous-attempt.patch @STAGE@/patch"},
        add_two(),
        implementation(),
    ]);
    let stage = Set::new()
        .role("implement", failing)
        .second(Script::good().with("implement", taking_over))
        .guard("failures: 1, retry_delay: 0s")
        .start()
        .await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\n")
    );
    let brief = read(&stage, "brief");
    assert!(brief.contains("## Others tried before you and failed"), "{brief}");
    assert!(brief.contains("Attempt 1, by `first`: crash."), "{brief}");
    let patch = read(&stage, "patch");
    assert!(
        patch.contains("+half done") && patch.contains("--- a/words.txt"),
        "{patch}"
    );
    stage.end().await;
}
