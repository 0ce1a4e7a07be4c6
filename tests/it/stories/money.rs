//! Budgets: a run stops where its money ends, and says so.

use serde_json::json;

use super::scripts::{exploration, say};
use super::stage::Set;

#[tokio::test]
async fn a_run_stops_at_its_budget_and_says_so() {
    let usage = json!({"usage": {"input_tokens": 1000, "output_tokens": 100, "cost_usd": 0.75}});
    let stage = Set::new()
        .role("explore", json!([say("Reading."), usage, exploration()]))
        .settings("limits: {run_usd: 0.5}")
        .start()
        .await;
    let issue = stage.ask();
    stage.standing(issue, "waiting for a person").await;
    let status = stage.status(issue);
    assert!(
        status.contains("The budget of the run is used up: \\$0.7500 of \\$0.5000."),
        "{status}"
    );
    assert!(status.contains("`limits.run_usd`"), "{status}");
    stage.end().await;
}

#[tokio::test]
async fn what_an_issues_earlier_run_spent_is_not_spent_again() {
    let usage = json!({"usage": {"input_tokens": 1000, "output_tokens": 100, "cost_usd": 0.75}});
    let stage = Set::new()
        .role("explore", json!([say("Reading."), usage, exploration()]))
        .settings("limits: {issue_usd: 0.5}")
        .start()
        .await;
    let issue = stage.ask();
    stage.standing(issue, "waiting for a person").await;
    stage.say("octo", issue, "/cancel");
    stage.standing(issue, "cancelled").await;
    stage.say("octo", issue, "/footplate build");
    stage.standing(issue, "waiting for a person").await;
    let status = stage.status(issue);
    assert!(
        status.contains("The budget of the issue is used up: \\$0.7500 of \\$0.5000."),
        "{status}"
    );
    let runs = stage.runs().await;
    let costs: Vec<u64> = runs
        .iter()
        .filter_map(|run| run["cost_micro_usd"].as_u64())
        .collect();
    assert_eq!(costs, [0, 750_000], "the second run cost nothing: {runs:?}");
    stage.end().await;
}
