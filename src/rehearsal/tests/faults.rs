//! Faults strike at the wire as told.

use std::time::Duration;

use serde_json::json;

use super::client::Bench;
use crate::rehearsal::{Fault, FaultRule};

const ISSUES: &str = "/repos/octo/widgets/issues";
const TEMPLATE: &str = "/repos/{owner}/{repo}/issues";

#[tokio::test]
async fn done_but_answered_502_is_done() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench
        .standin
        .fault(FaultRule::once("POST", TEMPLATE, Fault::DoneBut(502)));
    bench
        .standin
        .fault(FaultRule::once("POST", TEMPLATE, Fault::Status(503)));
    let create = async || {
        bench
            .send("POST", ISSUES, Some(&token), Some(json!({"title": "x"})))
            .await
    };
    let first = create().await;
    assert_eq!((first.status, first.text.contains("<html>")), (502, true));
    assert_eq!(create().await.status, 503);
    assert_eq!(create().await.status, 201);
    assert_eq!(bench.standin.read(|w| w.first_repository().threads.len()), 2);
}

#[tokio::test]
async fn connections_are_cut_hang_and_carry_half_answers() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let url = format!("{}{ISSUES}", bench.standin.api_url());
    bench.standin.open_issue("octo", "Hello", "").unwrap();
    for fault in [Fault::Reset, Fault::DoneButReset] {
        bench.standin.fault(FaultRule::once("GET", TEMPLATE, fault));
        let error = bench.http.get(&url).bearer_auth(&token).send().await.unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    }
    bench
        .standin
        .fault(FaultRule::once("GET", TEMPLATE, Fault::TruncatedJson));
    let half = bench.http.get(&url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(half.status(), 200);
    assert!(serde_json::from_str::<serde_json::Value>(&half.text().await.unwrap()).is_err());
    bench.standin.fault(FaultRule::once("GET", TEMPLATE, Fault::Hang));
    let hang = bench
        .http
        .get(&url)
        .bearer_auth(&token)
        .timeout(Duration::from_millis(100))
        .send()
        .await;
    assert!(hang.unwrap_err().is_timeout());
    bench.standin.stop().await;
}

#[tokio::test]
async fn a_token_expires_in_the_middle_and_limits_strike_on_demand() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench.standin.fault(FaultRule {
        after: 1,
        ..FaultRule::once("GET", TEMPLATE, Fault::ExpireToken)
    });
    let get = async |token: &str| bench.send("GET", ISSUES, Some(token), None).await;
    assert_eq!(get(&token).await.status, 200);
    assert_eq!(get(&token).await.status, 401);
    assert_eq!(get(&token).await.status, 401);
    let token = bench.token().await;
    bench
        .standin
        .fault(FaultRule::once("GET", TEMPLATE, Fault::SecondaryLimit(None)));
    let slow = get(&token).await;
    assert_eq!((slow.status, slow.header("retry-after")), (403, ""));
    bench
        .standin
        .fault(FaultRule::once("GET", TEMPLATE, Fault::PrimaryLimit));
    assert_eq!(get(&token).await.header("x-ratelimit-remaining"), "0");
}
