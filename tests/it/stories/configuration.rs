//! What labels and the repository's own files decide.

use super::scripts;
use super::stage::Set;

#[tokio::test]
async fn a_label_names_the_base_branch() {
    let stage = Set::new().start().await;
    stage
        .push_commit("octo", "release/1.x", &[("words.txt", Some("one\nold\n"))])
        .expect("the owner may push");
    let issue = stage
        .open_issue_by_form("octo", scripts::TITLE, "", &["base=release/1.x"])
        .expect("a form takes it");
    stage
        .label("octo", issue, "agent:build")
        .expect("the owner may label");
    let pull = stage.build(issue).await;
    assert_eq!(pull.base, "release/1.x");
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nold\n")
    );
    assert_eq!(stage.commits("release/1.x", &pull.branch).len(), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_base_branch_that_does_not_exist_is_told() {
    let stage = Set::new().start().await;
    let issue = stage
        .open_issue_by_form("octo", scripts::TITLE, "", &["base=release/9.x"])
        .expect("a form takes it");
    stage
        .label("octo", issue, "agent:build")
        .expect("the owner may label");
    let told = stage.answer(issue, "No run was started").await;
    assert!(
        told.contains("There is no branch") && told.contains("release/9.x"),
        "{told}"
    );
    assert_eq!(stage.runs().await.len(), 0);
    stage.end().await;
}

#[tokio::test]
async fn a_label_asks_for_a_plan_and_nothing_more() {
    let stage = Set::new().start().await;
    let issue = stage
        .open_issue_by_form("octo", scripts::TITLE, "", &["plan-only"])
        .expect("a form takes it");
    stage
        .label("octo", issue, "agent:build")
        .expect("the owner may label");
    stage.plan(issue).await;
    stage.standing(issue, "planned").await;
    assert_eq!(stage.pulls().len(), 0);
    stage.end().await;
}

#[tokio::test]
async fn the_repositorys_own_workflow_and_tests_are_used() {
    let workflow = "\
name: short
nodes:
  plan:      {role: plan, writes: [plan.md], tools: read-only}
  approve:   {gate: plan.md, needs: [plan], expires: 14d}
  implement: {role: implement, needs: [approve], reads: [plan.md], writes: [implementation.md]}
  check:     {run: plan.tests, needs: [implement], writes: [checks.md]}
  publish:   {publish: pull_request, needs: [check]}
";
    let stage = Set::new()
        .file(".github/footplate.yml", "workflow: short\ntests: [sh more.sh]\n")
        .file(".github/footplate/workflows/short.yml", workflow)
        .file("more.sh", "printf 'Ran 7 tests in 0.001s\\n\\nOK\\n'\n")
        .start()
        .await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    let status = stage.status(issue);
    assert!(
        status.contains("of workflow `short`") && !status.contains("validate"),
        "{status}"
    );
    assert!(
        pull.body.contains("sh more.sh") && pull.body.contains("sh check.sh"),
        "{}",
        pull.body
    );
    stage.end().await;
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_told_with_file_and_line_and_nothing_starts() {
    let stage = Set::new()
        .file(".github/footplate.yml", "tests: [sh check.sh]\nworkflw: build\n")
        .start()
        .await;
    let issue = stage.ask();
    let told = stage.answer(issue, "No run was started").await;
    assert!(told.contains(".github/footplate.yml:2:1"), "{told}");
    assert!(told.contains("workflow"), "{told}");
    assert_eq!(stage.runs().await.len(), 0);
    stage
        .push_commit(
            "octo",
            "main",
            &[(".github/footplate.yml", Some("tests: [sh check.sh]\n"))],
        )
        .expect("the owner may push");
    stage
        .unlabel("octo", issue, "agent:build")
        .expect("the owner may");
    stage.label("octo", issue, "agent:build").expect("the owner may");
    stage.plan(issue).await;
    stage.end().await;
}

#[tokio::test]
async fn a_workflow_that_cannot_be_read_is_told_with_file_and_line() {
    let stage = Set::new()
        .file(".github/footplate.yml", "workflow: own\n")
        .file(
            ".github/footplate/workflows/own.yml",
            "name: own\nnodes:\n  plan: {role: plann, writes: [plan.md]}\n",
        )
        .start()
        .await;
    let issue = stage.ask();
    let told = stage.answer(issue, "No run was started").await;
    assert!(told.contains(".github/footplate/workflows/own.yml:3"), "{told}");
    stage.end().await;
}

#[tokio::test]
async fn a_repository_may_not_loosen_the_servers_policy() {
    let stage = Set::new()
        .settings("limits: {run_usd: 5}")
        .file(".github/footplate.yml", "limits: {run_usd: 50}\n")
        .start()
        .await;
    let issue = stage.ask();
    let told = stage.answer(issue, "No run was started").await;
    assert!(told.contains("more than this server gives"), "{told}");
    stage.end().await;
}

#[tokio::test]
async fn a_configuration_on_another_branch_than_the_default_one_is_not_read() {
    let stage = Set::new().start().await;
    stage
        .push_commit(
            "octo",
            "side",
            &[(".github/footplate.yml", Some("nonsense: true\n"))],
        )
        .expect("the owner may push");
    let issue = stage
        .open_issue_by_form("octo", scripts::TITLE, "", &["base=side"])
        .expect("a form takes it");
    stage
        .label("octo", issue, "agent:build")
        .expect("the owner may label");
    stage.plan(issue).await;
    stage.end().await;
}
