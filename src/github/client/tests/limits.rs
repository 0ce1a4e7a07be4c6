//! Manners under limits.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::super::standin::{Reply, Standin, quick, repository};
use super::{comment_json, in_turn, issue_json};
use crate::github::{Error, Forge, Manners};
use crate::model::{Clock, IssueNumber};

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
