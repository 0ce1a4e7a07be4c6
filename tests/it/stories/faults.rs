//! GitHub fails, and exactly one of everything comes of it.

use footplate::rehearsal::{Fault, FaultRule};

use super::scripts::implement_when_told;
use super::stage::{Set, Stage};

const COMMENTS: &str = "/repos/{owner}/{repo}/issues/{issue_number}/comments";
const PULLS: &str = "/repos/{owner}/{repo}/pulls";

/// One status comment, one plan, one pull request, whatever went wrong.
fn one_of_each(stage: &Stage, issue: u64) {
    let kinds = ["status", "plan"].map(|kind| stage.comments_of_kind(issue, kind));
    assert_eq!((kinds, stage.pulls().len()), ([1, 1], 1), "{}", stage.picture());
}

async fn with(fault: Fault, method: &str, route: &str) {
    let stage = Set::new().start().await;
    stage.fault(FaultRule {
        times: 1,
        ..FaultRule::once(method, route, fault)
    });
    let issue = stage.ask();
    stage.build(issue).await;
    assert!(
        stage.read(|world| !world.faults.struck.is_empty()),
        "no request was struck"
    );
    one_of_each(&stage, issue);
    stage.end().await;
}

#[tokio::test]
async fn a_comment_that_was_written_though_github_said_502_is_not_written_again() {
    with(Fault::DoneBut(502), "POST", COMMENTS).await;
}

#[tokio::test]
async fn a_comment_whose_answer_never_came_is_not_written_again() {
    with(Fault::DoneButReset, "POST", COMMENTS).await;
}

#[tokio::test]
async fn a_pull_request_that_was_opened_though_github_said_502_is_not_opened_again() {
    with(Fault::DoneBut(502), "POST", PULLS).await;
}

#[tokio::test]
async fn a_pull_request_whose_answer_was_cut_is_not_opened_again() {
    with(Fault::TruncatedJson, "POST", PULLS).await;
}

#[tokio::test]
async fn a_push_that_arrived_though_its_answer_did_not_is_known_as_ours() {
    with(Fault::DoneButReset, "POST", "git:receive-pack").await;
}

#[tokio::test]
async fn the_plan_comment_of_all_comments_fails_and_is_written_once() {
    let stage = Set::new().start().await;
    stage.fault(FaultRule {
        after: 1,
        times: 1,
        ..FaultRule::once("POST", COMMENTS, Fault::DoneBut(500))
    });
    let issue = stage.ask();
    stage.build(issue).await;
    one_of_each(&stage, issue);
    stage.end().await;
}

#[tokio::test]
async fn server_errors_here_and_there_are_outlived() {
    let stage = Set::new().start().await;
    for (method, route, fault) in [
        (
            "GET",
            "/repos/{owner}/{repo}/collaborators/{username}/permission",
            Fault::Status(500),
        ),
        ("GET", "/repos/{owner}/{repo}", Fault::HtmlPage(502)),
        ("GET", COMMENTS, Fault::Reset),
        ("GET", "git:upload-pack", Fault::Status(503)),
        ("POST", "git:receive-pack", Fault::Status(500)),
        ("GET", PULLS, Fault::TruncatedJson),
        ("POST", PULLS, Fault::Status(502)),
    ] {
        stage.fault(FaultRule::once(method, route, fault));
    }
    let issue = stage.ask();
    stage.build(issue).await;
    one_of_each(&stage, issue);
    stage.end().await;
}

#[tokio::test]
async fn a_rate_limit_is_waited_for() {
    let stage = Set::new().start().await;
    stage.fault(FaultRule::once("POST", COMMENTS, Fault::SecondaryLimit(Some(1))));
    stage.fault(FaultRule::once("POST", PULLS, Fault::SecondaryLimit(Some(1))));
    let issue = stage.ask();
    stage.build(issue).await;
    one_of_each(&stage, issue);
    stage.end().await;
}

#[tokio::test]
async fn tokens_that_end_in_the_middle_are_replaced() {
    let mut stage = Set::new().role("implement", implement_when_told()).start().await;
    stage.fault(FaultRule::once("POST", COMMENTS, Fault::ExpireToken));
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.expire_tokens();
    stage.set_to_work(issue).await;
    stage.expire_tokens();
    stage.open("go");
    stage.pull(issue).await;
    one_of_each(&stage, issue);
    stage.end().await;
}

#[tokio::test]
async fn an_installation_that_is_suspended_and_woken_goes_on() {
    let mut stage = Set::new().role("implement", implement_when_told()).start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.set_to_work(issue).await;
    stage.suspend_installation();
    let asked = stage.requests().len();
    stage.open("go");
    stage
        .see("that something was refused", |world| {
            world.requests[asked..]
                .iter()
                .any(|request| request.status >= 400)
                .then_some(())
        })
        .await;
    stage.unsuspend_installation();
    stage.pull(issue).await;
    one_of_each(&stage, issue);
    stage.end().await;
}

#[tokio::test]
async fn a_base_that_moved_in_the_plans_files_between_approval_and_push_asks_again() {
    let mut stage = Set::new().role("implement", implement_when_told()).start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.set_to_work(issue).await;
    stage
        .push_commit("wanda", "main", &[("words.txt", Some("one\nthree\nseven\n"))])
        .expect("a writer may push");
    stage.open("go");
    stage.standing(issue, "waiting for approval").await;
    let status = stage.status(issue);
    assert!(
        status.contains("The base branch changed files of the plan"),
        "{status}"
    );
    assert_eq!((stage.pulls().len(), stage.branches()), (0, vec![]));
    stage.end().await;
}

#[tokio::test]
async fn a_base_that_moved_elsewhere_does_not_matter() {
    let mut stage = Set::new().role("implement", implement_when_told()).start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage
        .push_commit("wanda", "main", &[("README.md", Some("# More words\n"))])
        .expect("a writer may push");
    stage.set_to_work(issue).await;
    stage
        .push_commit("wanda", "main", &[("README.md", Some("# Even more words\n"))])
        .expect("a writer may push");
    stage.open("go");
    let pull = stage.pull(issue).await;
    assert_eq!(stage.commits("main", &pull.branch).len(), 1);
    stage.end().await;
}
