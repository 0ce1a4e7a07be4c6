//! The main line: from a label to a merged pull request.

use footplate::rehearsal::CloseOrder;
use footplate::rehearsal::world::ReviewState;
use serde_json::json;

use super::plans::two_plans;
use super::scripts::{add_two, implementation};
use super::stage::Set;
use crate::openapi;

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
    assert_eq!(stage.answers(issue), Vec::<String>::new());
    stage.end().await;
}

#[tokio::test]
async fn every_request_fits_githubs_published_description() {
    let description = openapi::published();
    let works = json!([
        add_two(),
        {"shell": "echo $FOOTPLATE_ATTEMPT >> words.txt; date +%N >> words.txt"},
        implementation(),
    ]);
    let stage = Set::new()
        .role("plan", two_plans())
        .role("implement", works)
        .start()
        .await;
    stage.open("second");
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.say("rhea", issue, "/approve");
    stage.say("wanda", issue, "/aprove");
    stage.say("octo", issue, "/status");
    stage.say("octo", issue, "/replan at its place");
    stage.revision(issue, 2).await;
    stage.say("octo", issue, "/approve");
    let pull = stage.pull(issue).await;
    stage
        .review(
            "wanda",
            pull.number,
            ReviewState::ChangesRequested,
            "Again.",
            &[("words.txt", 1, "This.")],
        )
        .expect("writers may review");
    stage
        .see("another commit", |world| {
            let thread = super::stage::thread(world, pull.number)?;
            (thread.pull.as_ref()?.head_sha != pull.head).then_some(())
        })
        .await;
    stage.standing(issue, "in review").await;
    stage
        .merge_pull("octo", pull.number, CloseOrder::PullRequestFirst)
        .expect("it can be merged");
    stage.standing(issue, "merged").await;
    let findings: Vec<String> = stage
        .requests()
        .iter()
        .filter_map(|request| openapi::validate(&description, request).err())
        .collect();
    assert_eq!(findings, Vec::<String>::new());
    stage.end().await;
}
