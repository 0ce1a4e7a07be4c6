//! The life of a pull request: updated, reviewed, merged, closed, and never overwritten.

use footplate::rehearsal::CloseOrder;
use footplate::rehearsal::world::ReviewState;
use serde_json::{Value, json};

use super::scripts::{implement, implement_when_told, implementation, plan, ring, say};
use super::stage::{Opened, Set, Stage};

/// An implementer whose second generation writes another list.
fn two_works() -> Value {
    json!({
        "2/1": [
            say("Once more."),
            {"write": {"file": "words.txt", "content": "one\ntwo\nthree\nfour\n"}},
            implementation(),
        ],
        "default": implement(),
    })
}

/// Waits until the pull request shows another commit, and checks that it lies on top of the old one.
async fn updated(stage: &Stage, issue: u64, before: &Opened) -> Opened {
    stage
        .see("another commit on the pull request", |world| {
            let thread = super::stage::thread(world, before.number)?;
            (thread.pull.as_ref()?.head_sha != before.head).then_some(())
        })
        .await;
    let after = stage.pull(issue).await;
    assert_eq!((after.number, &after.branch), (before.number, &before.branch));
    assert_eq!(
        stage.commits("main", &after.branch),
        [after.head.clone(), before.head.clone()]
    );
    assert_eq!(
        stage.file(&after.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\nfour\n")
    );
    assert_eq!(stage.pulls().len(), 1);
    after
}

#[tokio::test]
async fn replan_on_the_open_pull_request_updates_it() {
    let plans = json!({"2/1": [plan("Add two words")], "default": [plan("Add the word two")]});
    let stage = Set::new()
        .role("plan", plans)
        .role("implement", two_works())
        .start()
        .await;
    let issue = stage.ask();
    let before = stage.build(issue).await;
    stage.say("octo", before.number, "/replan Add four as well.");
    let second = stage.revision(issue, 2).await;
    assert!(second.body.contains("Add two words"), "{}", second.body);
    stage.standing(issue, "waiting for approval").await;
    stage.say("octo", issue, "/approve");
    let after = updated(&stage, issue, &before).await;
    assert_eq!(after.title, "Add two words");
    stage.end().await;
}

#[tokio::test]
async fn retry_on_the_open_pull_request_updates_it() {
    let stage = Set::new().role("implement", two_works()).start().await;
    let issue = stage.ask();
    let before = stage.build(issue).await;
    let retry = stage.say("octo", before.number, "/retry implement");
    updated(&stage, issue, &before).await;
    assert_eq!(stage.reaction(retry).await, "+1");
    stage.end().await;
}

#[tokio::test]
async fn a_review_that_requests_changes_leads_to_a_new_push() {
    let told = json!({
        "2/1": [
            {"shell": "cp \"$FOOTPLATE_BRIEF\" @STAGE@/brief"},
            {"write": {"file": "words.txt", "content": "one\ntwo\nthree\nfour\n"}},
            implementation(),
        ],
        "default": implement(),
    });
    let stage = Set::new().role("implement", told).start().await;
    let issue = stage.ask();
    let before = stage.build(issue).await;
    stage
        .review(
            "rhea",
            before.number,
            ReviewState::ChangesRequested,
            "I want ten.",
            &[],
        )
        .expect("readers may review");
    stage
        .review("wanda", before.number, ReviewState::Commented, "Nice.", &[])
        .expect("writers may review");
    let lines = [("words.txt", 2, "And four?")];
    stage
        .review(
            "wanda",
            before.number,
            ReviewState::ChangesRequested,
            "One is missing.",
            &lines,
        )
        .expect("writers may review");
    updated(&stage, issue, &before).await;
    let brief = std::fs::read_to_string(stage.folder().join("brief")).expect("the agent kept its brief");
    for words in ["One is missing.", "And four?", "words.txt:2"] {
        assert!(brief.contains(words), "{brief}");
    }
    assert!(!brief.contains("I want ten."), "{brief}");
    stage.end().await;
}

#[tokio::test]
async fn a_merge_counts_as_merged_in_whatever_order_its_webhooks_come() {
    let stage = Set::new().start().await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    stage
        .merge_pull("octo", pull.number, CloseOrder::IssueFirst)
        .expect("it can be merged");
    stage.standing(issue, "merged").await;
    stage.quiet(issue).await;
    stage.standing(issue, "merged").await;
    stage.end().await;
}

#[tokio::test]
async fn a_closed_pull_request_closes_the_run() {
    let stage = Set::new().start().await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    stage
        .close_pull("octo", pull.number)
        .expect("the owner may close it");
    stage.standing(issue, "closed").await;
    stage.end().await;
}

#[tokio::test]
async fn an_issue_closed_while_an_agent_works_cancels_the_run_and_ends_the_agent() {
    let stuck = json!(["ignore_term", say("Working."), ring("working"), "hang"]);
    let mut stage = Set::new().role("implement", stuck).start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.set_to_work(issue).await;
    stage.close_issue("octo", issue).expect("the owner may close it");
    stage.standing(issue, "cancelled").await;
    assert_eq!(stage.pulls().len(), 0);
    stage.end().await;
}

#[tokio::test]
async fn a_persons_commit_on_the_branch_is_never_overwritten() {
    let stage = Set::new().role("implement", two_works()).start().await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    let theirs = stage
        .push_commit(
            "wanda",
            &pull.branch,
            &[("words.txt", Some("one\ntwo\nthree\nby hand\n"))],
        )
        .expect("a writer may push");
    stage.say("octo", issue, "/retry implement");
    stage.standing(issue, "waiting for a person").await;
    let status = stage.status(issue);
    assert!(
        status.contains("Somebody else's commit is on the branch"),
        "{status}"
    );
    assert_eq!(stage.pulls()[0].head, theirs);
    assert_eq!(stage.commits("main", &pull.branch), [theirs, pull.head]);
    stage.end().await;
}

#[tokio::test]
async fn a_commit_of_a_person_between_approval_and_the_first_push_is_not_overwritten_either() {
    let mut stage = Set::new().role("implement", implement_when_told()).start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.set_to_work(issue).await;
    let run = stage.runs().await.remove(0);
    let id = run["run"].as_str().expect("a run has an id");
    let branch = format!(
        "footplate/{issue}-the-word-two-is-missing-{}",
        &id[id.len() - 6..]
    );
    let theirs = stage
        .push_commit("wanda", &branch, &[("words.txt", Some("by hand\n"))])
        .expect("a writer may push");
    stage.open("go");
    stage.standing(issue, "waiting for a person").await;
    assert_eq!(stage.commits("main", &branch), [theirs]);
    assert_eq!(stage.pulls().len(), 0);
    stage.end().await;
}

#[tokio::test]
async fn a_repository_renamed_in_the_middle_gets_its_pull_request() {
    let mut stage = Set::new().role("implement", implement_when_told()).start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.set_to_work(issue).await;
    stage
        .rename_repository("octo", "vocabulary")
        .expect("the owner may rename it");
    stage.open("go");
    stage.pull(issue).await;
    stage.end().await;
}
