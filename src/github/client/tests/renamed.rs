//! Repositories that were renamed.

use serde_json::json;

use super::super::standin::{Reply, Standin, repository};
use super::{branch, comment_json, issue_json, pull_json};
use crate::github::{Error, Forge};
use crate::model::IssueNumber;

#[tokio::test]
async fn a_renamed_repository_is_followed_by_reads_and_writes_alike() {
    let standin = Standin::start(|seen| {
        let to = |path: &str| vec![("location", path.to_owned())];
        match (seen.method.as_str(), seen.path.as_str()) {
            ("GET", "/repos/octo/widgets/issues/1") => {
                Reply::With(301, to("/repositories/7/issues/1"), "{}".into())
            }
            ("GET", _) => Reply::Json(200, issue_json(1)),
            ("POST", "/repos/octo/widgets/issues/1/comments") => {
                Reply::With(307, to("/repositories/7/issues/1/comments"), "{}".into())
            }
            _ => Reply::Json(201, comment_json(5)),
        }
    })
    .await;
    standin
        .client
        .issue(&repository(), IssueNumber(1))
        .await
        .expect("an issue");
    standin
        .client
        .create_comment(&repository(), IssueNumber(1), "hello")
        .await
        .expect("a comment");
    let last = standin.seen().pop().expect("a request");
    assert_eq!(
        (last.method.as_str(), last.path.as_str()),
        ("POST", "/repositories/7/issues/1/comments")
    );
    assert_eq!(last.body, json!({ "body": "hello" }));
}

#[tokio::test]
async fn the_token_follows_a_redirect_to_no_other_host() {
    let other = Standin::start(|_| Reply::Json(200, issue_json(1))).await;
    let location = format!("{}/repositories/7/issues/1", other.origin);
    let standin =
        Standin::start(move |_| Reply::With(301, vec![("location", location.clone())], "{}".into())).await;
    let outcome = standin.client.issue(&repository(), IssueNumber(1)).await;
    assert!(matches!(outcome, Err(Error::Broken { .. })), "{outcome:?}");
    assert!(other.seen().is_empty());
    let circle =
        Standin::start(|seen| Reply::With(301, vec![("location", seen.path.clone())], "{}".into())).await;
    let outcome = circle.client.issue(&repository(), IssueNumber(1)).await;
    assert!(matches!(outcome, Err(Error::Broken { .. })), "{outcome:?}");
}

#[tokio::test]
async fn pull_requests_of_a_renamed_owner_are_looked_up_under_the_new_name() {
    let standin = Standin::start(|seen| {
        let path = seen.path.as_str();
        if path.starts_with("/repos/octo/") {
            let rest = path.trim_start_matches("/repos/octo/widgets");
            return Reply::With(
                301,
                vec![("location", format!("/repositories/7{rest}"))],
                "{}".into(),
            );
        }
        match path {
            "/repositories/7" => Reply::Json(
                200,
                json!({ "id": 7, "full_name": "new/widgets", "default_branch": "main" }),
            ),
            _ if path.contains("head=new%3A") => Reply::Json(200, json!([pull_json(9, "footplate/1-x")])),
            _ => Reply::Json(200, json!([])),
        }
    })
    .await;
    let pulls = standin
        .client
        .pulls_by_head(&repository(), &branch("footplate/1-x"))
        .await
        .expect("a list");
    assert_eq!(pulls.len(), 1);
}
