//! Agents that hang, crash, cheat and leave things behind.

use serde_json::{Value, json};

use super::scripts::{
    Script, add_two, artifact, implement, implementation, plan, plan_for, ring, say, validation,
};
use super::stage::Set;

/// Does this in the first attempt, and the right thing in later ones.
#[expect(
    clippy::needless_pass_by_value,
    reason = "steps are written where they are handed over"
)]
fn at_first(steps: Value) -> Value {
    json!({"1": steps, "default": implement()})
}

#[tokio::test]
async fn a_hung_implementer_is_reset_and_replaced_by_the_next_candidate() {
    let hanging = json!([
        say("Working."),
        {"write": {"file": "words.txt", "content": "half done"}},
        {"write": {"file": "rubbish.txt", "content": "left"}},
        "hang",
    ]);
    let stage = Set::new()
        .role("implement", hanging)
        .second(Script::good())
        .guard("failures: 1, candidates: {first: {idle: 1s}}")
        .start()
        .await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\n")
    );
    assert_eq!(stage.file(&pull.branch, "rubbish.txt"), None);
    assert!(
        pull.body.contains("`first`") && pull.body.contains("`second`"),
        "{}",
        pull.body
    );
    stage.end().await;
}

#[tokio::test]
async fn a_crash_in_the_midst_of_a_line_is_tried_again_from_a_clean_tree() {
    let crash = at_first(json!([{"write": {"file": "words.txt", "content": "half"}}, "crash"]));
    let stage = Set::new().role("implement", crash).start().await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\n")
    );
    stage.end().await;
}

#[tokio::test]
async fn edits_that_do_not_apply_are_no_success() {
    let wrong = json!({"edit": {"file": "words.txt", "find": "eleven", "replace": "twelve"}});
    let failed = at_first(json!([say("Editing."), wrong, implementation()]));
    let stage = Set::new().role("implement", failed).start().await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\n")
    );
    let (_, story) = super::server::run(&stage.settings(), &["replay", &run_of(&stage).await]).await;
    assert!(story.contains("edit"), "{story}");
    stage.end().await;
}

async fn run_of(stage: &super::stage::Stage) -> String {
    stage.runs().await[0]["run"]
        .as_str()
        .expect("a run has an id")
        .to_owned()
}

#[tokio::test]
async fn an_agent_that_does_nothing_is_no_success() {
    let idle = json!([say("All done!"), implementation()]);
    let stage = Set::new().role("implement", idle).start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.say("octo", issue, "/approve");
    stage.standing(issue, "waiting for a person").await;
    let status = stage.status(issue);
    assert!(status.contains("`implement` failed"), "{status}");
    assert_eq!((stage.pulls().len(), stage.branches()), (0, vec![]));
    stage.end().await;
}

#[tokio::test]
async fn a_plan_that_fails_its_lint_goes_back_to_its_author_with_the_findings() {
    let keep = json!({"shell": "cp \"$FOOTPLATE_BRIEF\" @STAGE@/brief"});
    let plans = json!({
        "1": [artifact("plan.md", "---\nfootplate: plan/1\nsummary: Add two\nfile: [words.txt]\n---\nSoon.\n")],
        "default": [keep, plan("Add the word two")],
    });
    let stage = Set::new().role("plan", plans).start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    let brief = std::fs::read_to_string(stage.folder().join("brief")).expect("the agent kept its brief");
    assert!(brief.contains("## Your last answer was returned"), "{brief}");
    assert!(brief.contains("- plan.md"), "{brief}");
    stage.end().await;
}

#[tokio::test]
async fn an_agent_that_replaces_the_git_file_is_not_believed() {
    let cheat = at_first(json!([add_two(), implementation(), "replace_git"]));
    let stage = Set::new().role("implement", cheat).start().await;
    let issue = stage.ask();
    stage.build(issue).await;
    let (_, story) = super::server::run(&stage.settings(), &["replay", &run_of(&stage).await]).await;
    assert!(story.contains("tamper") || story.contains(".git"), "{story}");
    stage.end().await;
}

#[tokio::test]
async fn an_artifact_that_links_to_a_secret_is_not_followed() {
    let link = json!({"link_artifact": {"name": "implementation.md", "target": "@STAGE@/key.pem"}});
    let cheat = at_first(json!([add_two(), link]));
    let stage = Set::new().role("implement", cheat).start().await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    let all = [stage.said(issue), stage.said(pull.number), vec![pull.body]]
        .concat()
        .concat();
    assert!(!all.contains("PRIVATE KEY"), "{all}");
    stage.end().await;
}

#[tokio::test]
async fn a_process_that_an_agent_leaves_behind_is_killed() {
    let leaving = json!([{"grandchild": "sleep 3600"}, add_two(), implementation()]);
    let stage = Set::new().role("implement", leaving).start().await;
    let issue = stage.ask();
    stage.build(issue).await;
    assert_eq!(stage.agents(), []);
    stage.end().await;
}

#[tokio::test]
async fn a_change_outside_the_plans_files_is_undone_once_with_a_word_about_it() {
    let other = json!({"write": {"file": "other.txt", "content": "beyond"}});
    let keep = json!({"shell": "cp \"$FOOTPLATE_BRIEF\" @STAGE@/brief"});
    let works = json!({
        "1": [add_two(), other, implementation()],
        "default": [keep, add_two(), implementation()],
    });
    let stage = Set::new().role("implement", works).start().await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    assert_eq!(stage.file(&pull.branch, "other.txt"), None);
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\n")
    );
    let brief = std::fs::read_to_string(stage.folder().join("brief")).expect("the agent kept its brief");
    assert!(brief.contains("## Keep to the plan's files"), "{brief}");
    assert!(brief.contains("`other.txt`"), "{brief}");
    let (_, story) = super::server::run(&stage.settings(), &["replay", &run_of(&stage).await]).await;
    assert!(story.contains("not among the plan's: `other.txt`"), "{story}");
    stage.end().await;
}

#[tokio::test]
async fn a_change_outside_the_plans_files_is_held_back_and_told() {
    let more = json!([add_two(), {"write": {"file": "README.md", "content": "Mine."}}, implementation()]);
    let stage = Set::new().role("implement", more).start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.say("octo", issue, "/approve");
    stage.standing(issue, "waiting for a person").await;
    let status = stage.status(issue);
    assert!(status.contains("README.md"), "{status}");
    assert_eq!((stage.pulls().len(), stage.branches()), (0, vec![]));
    stage.say("octo", issue, "/cancel");
    stage.standing(issue, "cancelled").await;
    stage
        .see("where the work is kept", |world| {
            let thread = super::stage::thread(world, issue)?;
            super::stage::ours(thread)
                .find(|comment| comment.body.contains("The work is kept"))
                .map(drop)
        })
        .await;
    stage.end().await;
}

#[tokio::test]
async fn a_changed_workflow_file_is_never_pushed_even_if_the_plan_names_it() {
    let plans = json!([plan_for("Add the word two", "\"**\"", "[]")]);
    let cheat = json!([
        add_two(),
        {"write": {"file": ".github/workflows/ci.yml", "content": "on: push\n"}},
        implementation(),
    ]);
    let stage = Set::new()
        .role("plan", plans)
        .role("implement", cheat)
        .start()
        .await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.say("octo", issue, "/approve");
    stage.standing(issue, "waiting for a person").await;
    let status = stage.status(issue);
    assert!(status.contains(".github/workflows/ci.yml"), "{status}");
    assert_eq!(stage.branches(), Vec::<String>::new());
    stage.end().await;
}

#[tokio::test]
async fn what_a_reading_agent_changes_is_undone() {
    let meddling = json!([
        {"write": {"file": "words.txt", "content": "mine\n"}},
        super::scripts::exploration(),
    ]);
    let stage = Set::new().role("explore", meddling).start().await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\n")
    );
    assert!(
        stage.status(issue).contains("the changes were undone"),
        "{}",
        stage.status(issue)
    );
    stage.end().await;
}

#[tokio::test]
async fn a_rejected_work_is_repaired_with_the_validators_findings() {
    let works = json!({
        "2/1": [{"shell": "cat .footplate/validation.md > @STAGE@/findings"}, add_two(), implementation()],
        "default": [{"write": {"file": "words.txt", "content": "one\nthree\nfour\n"}}, implementation()],
    });
    let judging = json!({"2/1": [validation("pass")], "default": [validation("fail")]});
    let stage = Set::new()
        .role("implement", works)
        .role("validate", judging)
        .start()
        .await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    let findings = std::fs::read_to_string(stage.folder().join("findings")).expect("the agent saw them");
    assert!(findings.contains("verdict: fail"), "{findings}");
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\nfour\n")
    );
    stage.end().await;
}

#[tokio::test]
async fn a_validator_that_passes_a_failed_check_is_overruled() {
    let works = json!({
        "2/1": [{"write": {"file": "words.txt", "content": "one\ntwo\n"}}, implementation()],
        "default": [{"write": {"file": "words.txt", "content": "broken\n"}}, implementation()],
    });
    let stage = Set::new().role("implement", works).start().await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\n")
    );
    stage.end().await;
}

#[tokio::test]
async fn cancel_ends_an_agent_that_ignores_the_polite_signal() {
    let stuck = json!(["ignore_term", say("Working."), {"grandchild": ""}, ring("working"), "hang"]);
    let mut stage = Set::new().role("implement", stuck).start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.set_to_work(issue).await;
    assert!(stage.agents().len() >= 2, "{:?}", stage.agents());
    stage.say("octo", issue, "/cancel");
    stage.standing(issue, "cancelled").await;
    stage.end().await;
}

#[tokio::test]
async fn an_agent_sees_no_secret_of_the_server() {
    let curious = json!([{"shell": "env > @STAGE@/env"}, add_two(), implementation()]);
    let stage = Set::new().role("implement", curious).start().await;
    let issue = stage.ask();
    stage.build(issue).await;
    let seen = std::fs::read_to_string(stage.folder().join("env")).expect("the agent wrote it");
    assert!(seen.contains("FOOTPLATE_BRIEF="), "{seen}");
    for secret in [
        "PRIVATE KEY",
        "ghs_",
        super::stage::SECRET,
        "FOOTPLATE_GITHUB",
        "TOKEN",
    ] {
        assert!(!seen.contains(secret), "{seen}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_key_in_the_work_is_not_pushed() {
    let leak = json!([add_two(), {"shell": "cat @STAGE@/key.pem >> words.txt"}, implementation()]);
    let stage = Set::new().role("implement", leak).start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.say("octo", issue, "/approve");
    stage.standing(issue, "waiting for a person").await;
    let status = stage.status(issue);
    assert!(status.contains("words.txt holds what looks like"), "{status}");
    assert_eq!(stage.branches(), Vec::<String>::new());
    stage.end().await;
}

#[tokio::test]
async fn checks_that_run_no_test_are_not_called_verified() {
    let stage = Set::new().file("check.sh", "true\n").start().await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    assert!(pull.body.to_lowercase().contains("not verified"), "{}", pull.body);
    stage.end().await;
}
