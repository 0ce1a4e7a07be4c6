//! What answers, and missing answers, mean for the caller.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::super::standin::{Reply, Standin, quick, repository};
use super::{branch, html, in_turn, issue_json, settings};
use crate::github::{Client, Error, Forge, Manners, NewPull};
use crate::model::IssueNumber;

#[tokio::test]
async fn a_post_with_an_unclear_outcome_is_sent_once() {
    let replies: [fn() -> Reply; 5] = [
        || html(502),
        || Reply::Json(500, json!({ "message": "oops" })),
        || Reply::BreakOff,
        || Reply::With(201, Vec::new(), "{\"id\":".into()),
        || html(201),
    ];
    for reply in replies {
        let standin = Standin::start(move |_| reply()).await;
        let outcome = standin
            .client
            .create_comment(&repository(), IssueNumber(1), "x")
            .await;
        assert!(matches!(outcome, Err(Error::Unclear { .. })), "{outcome:?}");
        assert_eq!(standin.lines(), ["POST /repos/octo/widgets/issues/1/comments"]);
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_left_at_the_deadline() {
    let manners = Manners {
        deadline: Duration::from_millis(200),
        read_repeats: 1,
        ..quick()
    };
    let standin = Standin::start_at("", manners, |_| Reply::Hang).await;
    let outcome = standin
        .client
        .create_comment(&repository(), IssueNumber(1), "x")
        .await;
    assert!(matches!(outcome, Err(Error::Unclear { .. })), "{outcome:?}");
    let outcome = standin.client.issue(&repository(), IssueNumber(1)).await;
    assert!(matches!(outcome, Err(Error::Transient { .. })), "{outcome:?}");
    assert_eq!(
        standin.seen().len(),
        3,
        "one POST, and a GET that is repeated once"
    );
}

#[tokio::test]
async fn a_request_that_never_left_is_not_unclear() {
    let standin = Standin::start(|_| Reply::Json(200, issue_json(1))).await;
    standin
        .client
        .issue(&repository(), IssueNumber(1))
        .await
        .expect("a token is in hand now");
    let mut settings = settings("http://127.0.0.1:9");
    settings.manners = quick();
    let client = Client::new(settings, Arc::new(standin.clock.clone())).expect("a client");
    let outcome = client.create_comment(&repository(), IssueNumber(1), "x").await;
    assert!(matches!(outcome, Err(Error::Transient { .. })), "{outcome:?}");
}

#[tokio::test]
async fn reads_are_repeated_and_survive_a_bad_moment() {
    let bad: [fn() -> Reply; 4] = [
        || html(502),
        || Reply::Json(503, json!({})),
        || Reply::BreakOff,
        || Reply::With(200, Vec::new(), "{\"number\": 1, \"ti".into()),
    ];
    for bad in bad {
        let standin = Standin::start(in_turn(vec![bad(), bad(), Reply::Json(200, issue_json(1))])).await;
        let issue = standin
            .client
            .issue(&repository(), IssueNumber(1))
            .await
            .expect("the third answer is good");
        assert_eq!(
            (issue.number, issue.body.as_str(), issue.user),
            (IssueNumber(1), "", None)
        );
        assert_eq!(standin.seen().len(), 3);
    }
    let standin = Standin::start(|_| html(502)).await;
    let outcome = standin.client.issue(&repository(), IssueNumber(1)).await;
    assert_eq!(
        outcome,
        Err(Error::Transient {
            after: None,
            why: "502: Bad Gateway".into()
        })
    );
    assert_eq!(standin.seen().len(), 3);
}

#[tokio::test]
async fn nonsense_with_a_success_is_no_answer() {
    let standin = Standin::start(|_| html(200)).await;
    let outcome = standin.client.issue(&repository(), IssueNumber(1)).await;
    assert!(matches!(outcome, Err(Error::Broken { .. })), "{outcome:?}");
    assert_eq!(standin.seen().len(), 1);
}

#[tokio::test]
async fn refusals_carry_githubs_findings() {
    let body = json!({ "message": "Validation Failed", "errors": [
        { "resource": "PullRequest", "code": "custom", "message": "A pull request already exists for octo:x." },
        "No commits between main and x",
    ] });
    let standin = Standin::start(move |_| Reply::Json(422, body.clone())).await;
    let new = NewPull {
        title: "T".into(),
        body: "B".into(),
        head: branch("footplate/1-x"),
        base: branch("main"),
        draft: true,
    };
    let error = standin
        .client
        .create_pull(&repository(), &new)
        .await
        .expect_err("422");
    assert_eq!(
        error.to_string(),
        "GitHub refuses the request: Validation Failed (custom: A pull request already exists for octo:x.; \
         No commits between main and x)"
    );
    assert_eq!(
        standin.seen()[0].body,
        json!({ "title": "T", "body": "B", "head": "footplate/1-x", "base": "main", "draft": true })
    );
}
