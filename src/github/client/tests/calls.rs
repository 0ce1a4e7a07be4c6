//! The calls about a repository.

use serde_json::{Value, json};

use super::super::standin::{Reply, Standin, quick, repository};
use super::{SHA, branch, comment_json, html, issue_json, pull_json};
use crate::github::{Comment, Error, Forge, IssueState, PullChange, Reactable, Reaction};
use crate::model::{AppId, CommentId, CommitId, IssueNumber, Login, PullNumber, UserId};

#[tokio::test]
async fn permissions_are_read_as_github_writes_them() {
    let table = [
        ("admin", true),
        ("maintain", true),
        ("write", true),
        ("read", false),
        ("none", false),
        ("push", false),
    ];
    for (permission, may) in table {
        let body =
            json!({ "permission": permission, "role_name": "triage", "user": { "id": 9, "login": "mona" } });
        let standin = Standin::start(move |_| Reply::Json(200, body.clone())).await;
        let login = Login::new("dependabot[bot]").expect("a login");
        let seen = standin
            .client
            .permission(&repository(), &login)
            .await
            .expect("an answer");
        assert_eq!(
            (seen.may_write(), seen.user),
            (may, Some(UserId(9))),
            "{permission}"
        );
        assert_eq!(
            standin.lines(),
            ["GET /repos/octo/widgets/collaborators/dependabot%5Bbot%5D/permission"]
        );
    }
    for status in [403, 404, 500] {
        let standin = Standin::start(move |_| Reply::Json(status, json!({ "message": "no" }))).await;
        let login = Login::new("mona").expect("a login");
        assert!(
            standin.client.permission(&repository(), &login).await.is_err(),
            "{status}"
        );
    }
}

#[tokio::test]
async fn comments_are_read_from_all_pages_and_put_in_order() {
    let standin = Standin::start(|seen| {
        let page = |numbers: &[u64]| json!(numbers.iter().copied().map(comment_json).collect::<Vec<_>>()).to_string();
        let link = |page: u32| vec![("link", format!("<https://elsewhere.example/x?page={page}>; rel=\"next\", <https://e/x?page=9>; rel=\"last\""))];
        match seen.path.rsplit('=').next() {
            Some("1") => Reply::With(200, link(2), page(&[5, 6])),
            Some("2") => Reply::With(200, link(3), page(&[1, 2])),
            _ => Reply::With(200, vec![("link", "<https://e/x?page=1>; rel=\"first\"".into())], page(&[9])),
        }
    })
    .await;
    let comments: Vec<Comment> = standin
        .client
        .comments(&repository(), IssueNumber(3))
        .await
        .expect("a list");
    assert_eq!(
        comments.iter().map(|it| it.id.0).collect::<Vec<_>>(),
        [1, 2, 5, 6, 9]
    );
    assert_eq!(comments[0].app, Some(AppId(12345)));
    assert!(comments[0].user.as_ref().is_some_and(|user| user.is_bot));
    let path = "GET /repos/octo/widgets/issues/3/comments?per_page=100&page=";
    assert_eq!(
        standin.lines(),
        [format!("{path}1"), format!("{path}2"), format!("{path}3")]
    );
}

#[tokio::test]
async fn a_comment_is_changed_by_patch_and_a_deleted_one_is_said_to_be_gone() {
    let standin = Standin::start(|seen| match seen.method.as_str() {
        "PATCH" if seen.path.ends_with("/1") => Reply::Json(200, comment_json(1)),
        _ => Reply::Json(404, json!({ "message": "Not Found" })),
    })
    .await;
    let client = &standin.client;
    assert!(
        client
            .update_comment(&repository(), CommentId(1), "new")
            .await
            .expect("done")
            .is_some()
    );
    assert_eq!(
        client.update_comment(&repository(), CommentId(2), "new").await,
        Ok(None)
    );
    assert_eq!(client.comment(&repository(), CommentId(2)).await, Ok(None));
    assert_eq!(client.delete_comment(&repository(), CommentId(2)).await, Ok(()));
    assert_eq!(standin.seen()[0].body, json!({ "body": "new" }));
    assert_eq!(standin.lines()[0], "PATCH /repos/octo/widgets/issues/comments/1");
    assert_eq!(standin.lines()[3], "DELETE /repos/octo/widgets/issues/comments/2");
}

#[tokio::test]
async fn repeatable_writes_are_passing_failures_but_not_repeated_here() {
    let standin = Standin::start(|_| html(502)).await;
    let outcome = standin
        .client
        .update_comment(&repository(), CommentId(1), "new")
        .await;
    assert!(matches!(outcome, Err(Error::Transient { .. })), "{outcome:?}");
    assert_eq!(standin.seen().len(), 1);
}

#[tokio::test]
async fn labels_are_added_removed_and_created_whatever_their_names() {
    let standin = Standin::start(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/repos/octo/widgets/labels") => {
            Reply::Json(422, json!({ "message": "Validation Failed", "errors": [{ "code": "already_exists", "field": "name" }] }))
        }
        ("POST", _) => Reply::Json(200, json!([])),
        _ => Reply::Json(404, json!({ "message": "Label does not exist" })),
    })
    .await;
    let (client, number) = (&standin.client, IssueNumber(3));
    client
        .add_labels(&repository(), number, &["agent:working"])
        .await
        .expect("added");
    client
        .remove_label(&repository(), number, "agent: build/ü?#")
        .await
        .expect("one that is not there is fine");
    client
        .ensure_label(&repository(), "x/y", "ededed", "d")
        .await
        .expect("somebody was faster");
    client
        .add_labels(&repository(), number, &[])
        .await
        .expect("nothing to do");
    assert_eq!(
        standin.lines(),
        [
            "POST /repos/octo/widgets/issues/3/labels",
            "DELETE /repos/octo/widgets/issues/3/labels/agent%3A%20build%2F%C3%BC%3F%23",
            "GET /repos/octo/widgets/labels/x%2Fy",
            "POST /repos/octo/widgets/labels",
        ]
    );
    assert_eq!(standin.seen()[0].body, json!({ "labels": ["agent:working"] }));
}

#[tokio::test]
async fn old_comments_are_collapsed_through_graphql_at_its_own_address() {
    for (base, path) in [
        ("", "/graphql"),
        ("/api/v3", "/api/graphql"),
        ("/api/v3/", "/api/graphql"),
    ] {
        let standin = Standin::start_at(base, quick(), |_| Reply::Json(200, json!({ "data": {} }))).await;
        standin
            .client
            .minimize_comment(&repository(), "IC_1")
            .await
            .expect("done");
        assert_eq!(standin.lines(), [format!("POST {path}")]);
        assert_eq!(standin.seen()[0].body["variables"], json!({ "id": "IC_1" }));
    }
    for (kind, fine) in [
        ("NOT_FOUND", true),
        ("FORBIDDEN", false),
        ("UNPROCESSABLE", false),
    ] {
        let body = json!({ "data": null, "errors": [{ "type": kind, "message": "no" }] });
        let standin = Standin::start(move |_| Reply::Json(200, body.clone())).await;
        let outcome = standin.client.minimize_comment(&repository(), "IC_1").await;
        assert_eq!(outcome.is_ok(), fine, "{kind}: a success by status may be none");
    }
}

#[tokio::test]
async fn an_enterprise_server_is_asked_below_its_own_base() {
    let standin = Standin::start_at("/api/v3", quick(), |_| Reply::Json(200, issue_json(1))).await;
    standin
        .client
        .issue(&repository(), IssueNumber(1))
        .await
        .expect("an issue");
    assert_eq!(standin.lines(), ["GET /api/v3/repos/octo/widgets/issues/1"]);
}

#[tokio::test]
async fn reactions_reviews_and_changes_use_the_documented_bodies() {
    let standin = Standin::start(|seen| match seen.method.as_str() {
        "PATCH" => Reply::Json(200, pull_json(8, "x")),
        _ => Reply::Json(201, json!({})),
    })
    .await;
    let (client, repository) = (&standin.client, repository());
    client
        .react(&repository, Reactable::Issue(IssueNumber(1)), Reaction::Eyes)
        .await
        .expect("done");
    client
        .react(&repository, Reactable::Comment(CommentId(2)), Reaction::PlusOne)
        .await
        .expect("done");
    let reviewers = [Login::new("mona").expect("a login")];
    client
        .request_review(&repository, PullNumber(8), &reviewers)
        .await
        .expect("done");
    let change = PullChange {
        body: Some("B".into()),
        state: Some(IssueState::Closed),
        ..PullChange::default()
    };
    client
        .update_pull(&repository, PullNumber(8), &change)
        .await
        .expect("done");
    let told: Vec<(String, Value)> = standin.seen().into_iter().map(|it| (it.path, it.body)).collect();
    let at = |rest: &str| format!("/repos/octo/widgets{rest}");
    assert_eq!(
        told,
        [
            (at("/issues/1/reactions"), json!({ "content": "eyes" })),
            (at("/issues/comments/2/reactions"), json!({ "content": "+1" })),
            (
                at("/pulls/8/requested_reviewers"),
                json!({ "reviewers": ["mona"] })
            ),
            (at("/pulls/8"), json!({ "body": "B", "state": "closed" })),
        ]
    );
}

#[tokio::test]
async fn pull_requests_are_found_by_branch_and_only_those() {
    let standin = Standin::start(|_| {
        let mut fork = pull_json(3, "footplate/1-x");
        fork["head"]["repo"]["id"] = json!(8);
        Reply::Json(
            200,
            json!([pull_json(9, "footplate/1-x"), pull_json(2, "other"), fork]),
        )
    })
    .await;
    let pulls = standin
        .client
        .pulls_by_head(&repository(), &branch("footplate/1-x"))
        .await
        .expect("a list");
    assert_eq!(pulls.iter().map(|it| it.number.0).collect::<Vec<_>>(), [9]);
    let pull = &pulls[0];
    assert!(pull.merged, "lists tell a merge by its time alone");
    assert_eq!(pull.merge_commit, CommitId::new(SHA).ok());
    assert_eq!(
        standin.lines(),
        ["GET /repos/octo/widgets/pulls?state=all&head=octo%3Afootplate%2F1-x&per_page=100&page=1"]
    );
}

#[tokio::test]
async fn a_branch_is_read_with_its_slashes_and_a_missing_one_is_none() {
    let standin = Standin::start(|seen| {
        if seen.path.ends_with("/git/ref/heads/footplate/1-%C3%BC") {
            Reply::Json(
                200,
                json!({ "ref": "refs/heads/x", "object": { "sha": SHA, "type": "commit" } }),
            )
        } else {
            Reply::Json(404, json!({ "message": "Not Found" }))
        }
    })
    .await;
    let client = &standin.client;
    assert_eq!(
        client.branch(&repository(), &branch("footplate/1-ü")).await,
        Ok(CommitId::new(SHA).ok())
    );
    assert_eq!(client.branch(&repository(), &branch("gone")).await, Ok(None));
}
