//! Installation tokens: bought once, replaced in time, limited to what they are for.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::super::standin::{Reply, Standin, repository};
use super::{comment_json, issue_json};
use crate::github::{Error, Forge, GitAccess};
use crate::model::IssueNumber;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_callers_at_once_buy_one_token_limited_to_the_repository() {
    let standin = Standin::start(|_| Reply::Json(200, issue_json(1))).await;
    let calls = (0..32).map(|_| {
        let client = standin.client.clone();
        tokio::spawn(async move { client.issue(&repository(), IssueNumber(1)).await })
    });
    for outcome in join_all(calls).await {
        outcome.expect("it ran").expect("an issue");
    }
    assert_eq!(standin.mints(), [json!({ "repository_ids": [7] })]);
    assert_eq!(standin.seen().len(), 32);
    assert!(standin.seen().iter().all(|it| it.token == "ghs_1"));
}

#[tokio::test]
async fn a_token_is_replaced_before_its_hour_is_over_and_not_earlier_than_needed() {
    let standin = Standin::start(|_| Reply::Json(200, issue_json(1))).await;
    for (minutes, bought) in [(0, 1), (49, 1), (2, 2), (49, 2)] {
        standin.clock.advance_minutes(minutes);
        standin
            .client
            .issue(&repository(), IssueNumber(1))
            .await
            .expect("an issue");
        assert_eq!(standin.mints().len(), bought);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_is_replaced_once_for_all_its_users() {
    let standin = Standin::start(|_| Reply::Json(201, comment_json(1))).await;
    standin
        .client
        .issue(&repository(), IssueNumber(1))
        .await
        .expect_err("a comment is no issue");
    standin.revoke_all();
    let calls = (0..16).map(|_| {
        let client = standin.client.clone();
        tokio::spawn(async move { client.create_comment(&repository(), IssueNumber(1), "x").await })
    });
    for outcome in join_all(calls).await {
        outcome
            .expect("it ran")
            .expect("a refused POST was not executed, so it is sent again");
    }
    assert_eq!(standin.mints().len(), 2);
}

#[tokio::test]
async fn credentials_that_are_refused_twice_are_a_persons_matter() {
    let standin = Standin::start(|_| Reply::Json(200, issue_json(1))).await;
    standin.refuse_all();
    let error = standin
        .client
        .issue(&repository(), IssueNumber(1))
        .await
        .expect_err("refused");
    assert_eq!(
        error,
        Error::Unauthorized {
            message: "Bad credentials".into()
        }
    );
    assert_eq!((standin.seen().len(), standin.mints().len()), (2, 2));
    let text = format!("{error} {error:?} {:?}", standin.client);
    assert!(!text.contains("ghs_"), "{text}");
}

#[tokio::test]
async fn a_suspended_or_deleted_installation_is_told_apart() {
    for (status, expected) in [
        (
            403,
            Error::Forbidden {
                message: "This installation has been suspended".into(),
            },
        ),
        (
            404,
            Error::NotFound {
                what: "installation of the App".into(),
            },
        ),
    ] {
        let standin = Standin::start(|_| Reply::Json(200, issue_json(1))).await;
        standin.sell_nothing(
            status,
            json!({ "message": "This installation has been suspended" }),
        );
        let outcome = standin.client.issue(&repository(), IssueNumber(1)).await;
        assert_eq!(outcome.expect_err("no token"), expected);
    }
}

#[tokio::test]
async fn a_repository_that_left_the_installation_is_not_found_and_a_missing_grant_is_forbidden() {
    let left = "There is at least one repository that does not exist or is not accessible to the parent installation.";
    let grant = "The permissions requested are not granted to this installation.";
    for (message, is_not_found) in [(left, true), (grant, false)] {
        let standin = Standin::start(|_| Reply::Json(200, issue_json(1))).await;
        standin.sell_nothing(422, json!({ "message": message }));
        let error = standin
            .client
            .git_token(&repository(), GitAccess::Write)
            .await
            .expect_err("no token");
        assert_eq!(error.is_not_found(), is_not_found, "{error}");
        assert_eq!(matches!(error, Error::Forbidden { .. }), !is_not_found, "{error}");
    }
}

#[tokio::test]
async fn git_gets_a_token_for_contents_only() {
    let standin = Standin::start(|_| Reply::Json(200, Value::Null)).await;
    for access in [GitAccess::Read, GitAccess::Write, GitAccess::Write] {
        standin
            .client
            .git_token(&repository(), access)
            .await
            .expect("a token");
    }
    let limited =
        |level| json!({ "repository_ids": [7], "permissions": { "contents": level, "metadata": "read" } });
    assert_eq!(standin.mints(), [limited("read"), limited("write")]);
    standin.client.forget(repository().installation);
    standin
        .client
        .git_token(&repository(), GitAccess::Read)
        .await
        .expect("a token");
    assert_eq!(standin.mints().len(), 3);
}
