//! The client against a strict stand-in on loopback.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::super::{Comment, Forge, IssueState, NewPull, PullChange, Reactable, Reaction};
use super::standin::{Reply, Seen, Standin, quick, repository};
use super::*;
use crate::model::{BranchName, CommentId, CommitId, IssueNumber, Login, PullNumber, RepositoryName, UserId};

const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

fn issue_json(number: u64) -> Value {
    json!({
        "number": number, "title": "T", "body": null, "state": "open", "labels": [{"name": "bug"}],
        "user": null, "updated_at": "2026-11-02T10:00:00Z", "html_url": "https://x/1",
    })
}

fn comment_json(id: u64) -> Value {
    json!({
        "id": id, "node_id": format!("IC_{id}"), "body": "hello", "html_url": "https://x/c",
        "user": {"id": 4, "login": "footplate[bot]", "type": "Bot"}, "performed_via_github_app": {"id": 12345},
        "created_at": "2026-11-02T10:00:00Z", "updated_at": "2026-11-02T10:00:00Z",
    })
}

fn pull_json(number: u64, head: &str) -> Value {
    json!({
        "number": number, "node_id": "PR_1", "title": "T", "body": "B", "state": "closed", "draft": false,
        "merged_at": "2026-11-02T10:00:00Z", "merge_commit_sha": SHA, "html_url": "https://x/p",
        "head": {"ref": head, "sha": SHA, "repo": {"id": 7}}, "base": {"ref": "main", "sha": SHA, "repo": {"id": 7}},
        "user": {"id": 4, "login": "footplate[bot]", "type": "Bot"},
    })
}

fn branch(name: &str) -> BranchName {
    BranchName::new(name).expect("a branch")
}

/// Answers with each reply in turn, and with the last one for ever.
fn in_turn(replies: Vec<Reply>) -> impl FnMut(&Seen) -> Reply + Send {
    let mut left = replies.into_iter();
    move |_| {
        left.next()
            .unwrap_or_else(|| Reply::Json(500, json!({ "message": "the script is at its end" })))
    }
}

fn html(status: u16) -> Reply {
    Reply::With(
        status,
        vec![("content-type", "text/html".into())],
        "<html><h1>Unicorn!</h1></html>".into(),
    )
}

// Tokens.

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

// What an answer means.

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

// Limits.

#[tokio::test]
async fn limits_are_told_with_their_end_and_nothing_is_asked_before() {
    let with = |status, headers: &[(&'static str, &str)], message: &str| {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        Reply::With(status, headers, json!({ "message": message }).to_string())
    };
    let date = ("date", "Mon, 02 Nov 2026 12:00:00 GMT");
    let reset = ("x-ratelimit-reset", "1793621400");
    let secondary = "You have exceeded a secondary rate limit. Please wait.";
    let cases = [
        (with(429, &[], "slow down"), 60),
        (with(429, &[("retry-after", "7")], ""), 7),
        (with(403, &[("retry-after", "30")], secondary), 30),
        (with(403, &[], secondary), 60),
        (
            with(
                403,
                &[("x-ratelimit-remaining", "0"), reset, date],
                "API rate limit exceeded",
            ),
            600,
        ),
        (with(429, &[("retry-after", "999999")], ""), 65 * 60),
    ];
    for (reply, seconds) in cases {
        let standin = Standin::start(in_turn(vec![reply, Reply::Json(200, issue_json(1))])).await;
        let now = standin.clock.now();
        let until = now.plus(Duration::from_secs(seconds));
        for _ in 0..2 {
            let outcome = standin.client.issue(&repository(), IssueNumber(1)).await;
            assert_eq!(outcome, Err(Error::RateLimited { until }), "{seconds} s");
        }
        assert_eq!(standin.seen().len(), 1, "the second call was not made");
        assert!(
            standin
                .client
                .rates()
                .iter()
                .any(|rate| rate.closed_until == Some(until))
        );
        standin
            .clock
            .advance_minutes(i64::try_from(seconds / 60).expect("small") + 1);
        standin
            .client
            .issue(&repository(), IssueNumber(1))
            .await
            .expect("the limit is over");
    }
}

#[tokio::test]
async fn a_missing_permission_is_no_limit() {
    let message = "Resource not accessible by integration";
    let standin = Standin::start(move |_| Reply::Json(403, json!({ "message": message }))).await;
    let outcome = standin
        .client
        .add_labels(&repository(), IssueNumber(1), &["x"])
        .await;
    assert_eq!(
        outcome,
        Err(Error::Forbidden {
            message: message.into()
        })
    );
}

#[tokio::test]
async fn limits_without_figures_grow_with_each_one_in_a_row() {
    let standin = Standin::start(|_| Reply::Json(429, json!({}))).await;
    for minutes in [1, 2, 4, 8, 15, 15] {
        let now = standin.clock.now();
        let outcome = standin.client.issue(&repository(), IssueNumber(1)).await;
        assert_eq!(
            outcome,
            Err(Error::RateLimited {
                until: now.plus(Duration::from_mins(minutes))
            })
        );
        standin.clock.advance_minutes(20);
    }
}

#[tokio::test]
async fn the_last_call_of_a_window_closes_it() {
    let headers = || {
        let date = ("date", "Mon, 02 Nov 2026 12:00:00 GMT".to_owned());
        vec![
            ("x-ratelimit-remaining", "0".to_owned()),
            ("x-ratelimit-reset", "1793621400".to_owned()),
            date,
        ]
    };
    let standin = Standin::start(move |_| Reply::With(200, headers(), issue_json(1).to_string())).await;
    standin
        .client
        .issue(&repository(), IssueNumber(1))
        .await
        .expect("the last one is fine");
    let outcome = standin.client.issue(&repository(), IssueNumber(1)).await;
    assert!(matches!(outcome, Err(Error::RateLimited { .. })), "{outcome:?}");
    assert_eq!(standin.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_to_one_repository_go_one_after_another() {
    let standin = Standin::start(|_| Reply::Json(201, comment_json(1))).await;
    let calls = (0..16).map(|_| {
        let client = standin.client.clone();
        tokio::spawn(async move { client.create_comment(&repository(), IssueNumber(1), "x").await })
    });
    for outcome in join_all(calls).await {
        outcome.expect("it ran").expect("a comment");
    }
    // The stand-in reports two writes at once as a fault.
    assert_eq!(standin.seen().len(), 16);
}

#[tokio::test]
async fn a_writer_that_waits_too_long_for_its_turn_gives_up() {
    let manners = Manners {
        patience: Duration::from_millis(50),
        deadline: Duration::from_secs(5),
        ..quick()
    };
    let standin = Standin::start_at("", manners, |_| Reply::Hang).await;
    let repository = repository();
    let first = standin.client.create_comment(&repository, IssueNumber(1), "x");
    let second = standin.client.create_comment(&repository, IssueNumber(1), "y");
    tokio::select! {
        biased;
        outcome = first => panic!("it hangs: {outcome:?}"),
        outcome = second => assert!(matches!(outcome, Err(Error::Transient { .. })), "{outcome:?}"),
    }
    assert!(standin.seen().len() <= 1, "the second was never sent");
}

// The calls.

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

// Renamed repositories.

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

// The App itself.

#[tokio::test]
async fn the_app_learns_who_it_is() {
    let standin = Standin::start(|seen| match seen.path.as_str() {
        "/app" => Reply::Json(
            200,
            json!({ "id": 12345, "slug": "foot", "name": "Foot", "html_url": "https://x" }),
        ),
        "/users/foot%5Bbot%5D" => Reply::Json(200, json!({ "id": 88, "login": "foot[bot]", "type": "Bot" })),
        "/repos/octo/widgets/installation" => Reply::Json(
            200,
            json!({ "id": 42, "account": { "login": "octo" }, "suspended_at": null }),
        ),
        _ => Reply::Json(404, json!({})),
    })
    .await;
    let bot = standin.client.bot(InstallationId(42)).await.expect("a bot");
    assert_eq!((bot.id, bot.login.as_str()), (UserId(88), "foot[bot]"));
    assert_eq!(standin.mints(), [json!({})], "a token for the whole installation");
    let name = RepositoryName::new("octo/widgets").expect("a name");
    let installation = standin
        .client
        .installation_of(&name)
        .await
        .expect("it is installed");
    assert_eq!(
        (installation.id, installation.suspended),
        (InstallationId(42), false)
    );
    assert!(
        standin
            .client
            .installation(InstallationId(1))
            .await
            .expect_err("gone")
            .is_not_found()
    );
}

#[tokio::test]
async fn missed_deliveries_are_listed_back_to_a_moment_and_asked_for_again() {
    let item = |id: u64, at: &str, code: u64| json!({ "id": id, "guid": format!("guid-{id}"), "delivered_at": at, "status_code": code, "event": "issues" });
    let standin = Standin::start(move |seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/app/hook/deliveries?per_page=100") => Reply::With(
            200,
            vec![(
                "link",
                "<https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_2%3D>; rel=\"next\""
                    .into(),
            )],
            json!([
                item(9, "2026-11-02T09:59:00Z", 202),
                item(8, "2026-11-02T09:58:00Z", 502)
            ])
            .to_string(),
        ),
        ("GET", "/app/hook/deliveries?per_page=100&cursor=v1_2%3D") => Reply::With(
            200,
            vec![(
                "link",
                "<https://x/app/hook/deliveries?cursor=v1_3>; rel=\"next\"".into(),
            )],
            json!([
                item(7, "2026-11-02T09:00:00Z", 0),
                item(6, "2026-11-01T09:00:00Z", 0)
            ])
            .to_string(),
        ),
        ("POST", "/app/hook/deliveries/8/attempts") => Reply::Json(202, json!({})),
        _ => Reply::Json(404, json!({})),
    })
    .await;
    let since = Timestamp::parse("2026-11-02T08:00:00Z").expect("a time");
    let missed = standin.client.hook_deliveries(since).await.expect("a list");
    let told: Vec<(u64, bool)> = missed.iter().map(|it| (it.id, it.succeeded)).collect();
    assert_eq!(told, [(9, true), (8, false), (7, false)]);
    standin.client.redeliver(8).await.expect("asked for");
    assert_eq!(standin.seen().len(), 3, "the third page is older than asked for");
}

// Set-up.

fn settings(api_url: &str) -> Settings {
    let key = SecretString::from(include_str!("../testdata/test-key.pkcs8.pem"));
    Settings {
        api_url: api_url.parse().expect("a URL"),
        app: AppId(12345),
        key: AppKey::from_pem(&key).expect("a key"),
        manners: Manners::default(),
    }
}

#[tokio::test]
async fn tokens_cross_networks_encrypted_only() {
    let clock: Arc<dyn Clock> = Arc::new(crate::model::SystemClock);
    let outcome = |url: &str| Client::new(settings(url), Arc::clone(&clock)).map(|_| ());
    for fine in [
        "http://127.0.0.1:8080",
        "http://localhost:1/api/v3",
        "http://[::1]:8080/",
    ] {
        assert_eq!(outcome(fine), Ok(()), "{fine}");
    }
    assert_eq!(
        outcome("http://github.example/api/v3"),
        Err(SetupError::PlainHttp("github.example".into()))
    );
    assert_eq!(
        outcome("http://10.0.0.1"),
        Err(SetupError::PlainHttp("10.0.0.1".into()))
    );
    for wrong in [
        "ftp://github.example",
        "https://user:pass@github.example",
        "https://github.example/?x=1",
    ] {
        assert_eq!(outcome(wrong), Err(SetupError::Address), "{wrong}");
    }
}
