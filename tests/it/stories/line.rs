//! The main line: from a label to a merged pull request.

use footplate::rehearsal::CloseOrder;

use super::stage::Set;

#[tokio::test]
async fn a_label_becomes_a_plan_an_approval_a_pull_request_and_a_merge() {
    let stage = Set::new().start().await;
    let issue = stage.ask();
    let plan = stage.plan(issue).await;
    assert!(plan.body.contains("Add the word two"), "{}", plan.body);
    stage.standing(issue, "waiting for approval").await;
    let approval = stage.say("octo", issue, "/approve");
    let pull = stage.pull(issue).await;
    assert_eq!(stage.reaction(approval).await, "+1");
    assert_eq!(
        (pull.base.as_str(), pull.title.as_str()),
        ("main", "Add the word two")
    );
    assert!(
        pull.branch
            .starts_with(&format!("footplate/{issue}-the-word-two-is-missing-")),
        "{}",
        pull.branch
    );
    assert!(pull.body.contains(&format!("Closes #{issue}")), "{}", pull.body);
    assert!(pull.body.contains("Looked at the list."), "{}", pull.body);
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\n")
    );
    assert_eq!(stage.file(&pull.branch, ".footplate/plan.md"), None);
    assert_eq!(stage.commits("main", &pull.branch).len(), 1);
    stage
        .merge_pull("octo", pull.number, CloseOrder::PullRequestFirst)
        .expect("it can be merged");
    stage.standing(issue, "merged").await;
    assert_eq!(stage.answers(issue), [String::new(); 0]);
    stage.end().await;
}
