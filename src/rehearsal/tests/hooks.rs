//! Webhooks: who gets what, signed how, in which order, how often.

use std::time::Duration;

use hmac::{Hmac, Mac};

use super::client::{Bench, Hook, Receiver, SOON};
use crate::rehearsal::world::{RepositoryRole, ReviewState};
use crate::rehearsal::{CloseOrder, OrganizationSetup, Passage, RepositorySetup, Setup};

#[tokio::test]
async fn a_delivery_is_signed_and_carries_githubs_headers() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&bench.standin).await;
    bench.standin.open_issue("outsider", "Hello", "World").unwrap();
    bench.standin.settled(SOON).await.unwrap();
    let hooks = receiver.hooks();
    assert_eq!(
        hooks.iter().map(Hook::name).collect::<Vec<_>>(),
        ["ping", "issues.opened"]
    );
    let hook = &hooks[1];
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(&hook.body);
    assert_eq!(
        hook.header("x-hub-signature-256"),
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    );
    assert!(hook.header("x-hub-signature").starts_with("sha1="));
    assert!(hook.header("user-agent").starts_with("GitHub-Hookshot/"));
    assert_eq!(hook.header("x-github-hook-installation-target-id"), "12345");
    assert_eq!(
        hook.header("x-github-hook-installation-target-type"),
        "integration"
    );
    assert_eq!(hook.header("x-github-delivery").len(), 36);
    let json = hook.json();
    assert_eq!(json["sender"]["login"], "outsider");
    assert_eq!(json["repository"]["full_name"], "octo/widgets");
    assert_eq!(json["installation"]["id"], bench.installation());
    assert!(json.get("organization").is_none(), "a person owns it");
}

#[tokio::test]
async fn an_organizations_events_name_it_and_unsubscribed_events_are_not_sent() {
    let mut setup = Setup::of(
        RepositorySetup::with_files("acme/app", &[("a", "b")]).role("wanda", RepositoryRole::Write),
    );
    setup.organizations.push(OrganizationSetup {
        login: "acme".to_owned(),
        members: Vec::new(),
    });
    setup.app.events.retain(|e| e != "push");
    let bench = Bench::with(setup).await;
    let receiver = Receiver::start(&bench.standin).await;
    bench
        .standin
        .push_commit("wanda", "topic", &[("c", Some("d"))])
        .unwrap();
    bench
        .standin
        .open_pull("wanda", "topic", "main", "A change", "")
        .unwrap();
    bench.standin.settled(SOON).await.unwrap();
    assert_eq!(receiver.names(), ["pull_request.opened"]);
    assert_eq!(receiver.hooks()[1].json()["organization"]["login"], "acme");
}

#[tokio::test]
async fn people_cause_the_events_that_github_sends() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&bench.standin).await;
    let hub = &bench.standin;
    let issue = hub
        .open_issue_by_form("outsider", "Hello", "World", &["agent:build"])
        .unwrap();
    hub.label("tristan", issue, "bug").unwrap();
    hub.label("tristan", issue, "bug").unwrap();
    let comment = hub.comment("rhea", issue, "One").unwrap();
    hub.edit_comment("rhea", comment, "Two").unwrap();
    hub.delete_comment("octo", comment).unwrap();
    hub.push_commit("wanda", "topic", &[("c", Some("d"))]).unwrap();
    let pull = hub
        .open_pull("wanda", "topic", "main", "A change", &format!("Closes #{issue}"))
        .unwrap();
    hub.comment("octo", pull, "Nice").unwrap();
    hub.label("octo", pull, "bug").unwrap();
    hub.push_commit("wanda", "topic", &[("c", Some("e"))]).unwrap();
    hub.review(
        "octo",
        pull,
        ReviewState::ChangesRequested,
        "No",
        &[("c", 1, "Why?")],
    )
    .unwrap();
    hub.merge_pull("octo", pull, CloseOrder::IssueFirst).unwrap();
    hub.settled(SOON).await.unwrap();
    assert_eq!(
        receiver.names(),
        [
            "issues.opened",
            "issues.labeled",
            "issues.labeled",
            "issue_comment.created",
            "issue_comment.edited",
            "issue_comment.deleted",
            "push",
            "pull_request.opened",
            "issue_comment.created",
            "pull_request.labeled",
            "push",
            "pull_request.synchronize",
            "pull_request_review.submitted",
            "pull_request_review_comment.created",
            "push",
            "issues.closed",
            "pull_request.closed",
        ]
    );
    let hooks = receiver.hooks();
    assert_eq!(hooks[5].json()["changes"]["body"]["from"], "One");
    assert!(
        hooks[9].json()["issue"]["pull_request"].is_object(),
        "a comment on a pull request"
    );
    assert_eq!(hooks[17].json()["pull_request"]["merged"], true);
    assert!(hooks[2].json()["label"]["id"].is_u64());
    let repository = hub.read(|w| w.first_repository().clone());
    assert!(!repository.threads[&issue].open);
    assert_eq!(
        repository.threads[&issue].state_reason.as_deref(),
        Some("completed")
    );
}

#[tokio::test]
async fn deliveries_can_be_held_shuffled_dropped_and_doubled() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&bench.standin).await;
    let hub = &bench.standin;
    hub.hold_deliveries();
    let issue = hub.open_issue("octo", "Hello", "").unwrap();
    for label in ["a", "b", "c", "d"] {
        hub.label("octo", issue, label).unwrap();
    }
    assert!(receiver.names().is_empty());
    hub.shuffle_waiting(3);
    let mut turn = 0;
    hub.on_delivery(move |_| {
        turn += 1;
        match turn {
            1 => Passage::Drop,
            2 => Passage::Duplicate,
            3 => Passage::Delay(Duration::from_millis(1)),
            _ => Passage::Deliver,
        }
    });
    hub.release_deliveries_at_once();
    hub.settled(SOON).await.unwrap();
    let hooks: Vec<Hook> = receiver.hooks().split_off(1);
    assert_eq!(hooks.len(), 5, "one dropped, one doubled");
    let mut ids: Vec<String> = hooks.iter().map(|h| h.header("x-github-delivery")).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "the double has the same GUID");
    assert_eq!(hub.read(|w| w.deliveries.iter().filter(|d| d.dropped).count()), 1);
}

#[tokio::test]
async fn a_failed_delivery_is_logged_and_asked_for_again() {
    let bench = Bench::start().await;
    let receiver = Receiver::start(&bench.standin).await;
    receiver.answer(500);
    bench.standin.open_issue("octo", "Hello", "").unwrap();
    bench.standin.settled(SOON).await.unwrap();
    let jwt = bench.jwt(-60, 540);
    let log = bench
        .send("GET", "/app/hook/deliveries?per_page=1", Some(&jwt), None)
        .await;
    assert_eq!(
        (&log.body[0]["status_code"], &log.body[0]["event"]),
        (&500.into(), &"issues".into())
    );
    assert!(
        log.header("link").contains("cursor="),
        "the ping is on the next page"
    );
    receiver.answer(202);
    let path = format!("/app/hook/deliveries/{}/attempts", log.body[0]["id"]);
    assert_eq!(bench.send("POST", &path, Some(&jwt), None).await.status, 202);
    bench.standin.settled(SOON).await.unwrap();
    let log = bench.send("GET", "/app/hook/deliveries", Some(&jwt), None).await;
    let rows = log.body.as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (&rows[0]["redelivery"], &rows[0]["status_code"]),
        (&true.into(), &202.into())
    );
    assert_eq!(rows[0]["guid"], rows[1]["guid"]);
}

#[tokio::test]
async fn waiting_ends_with_a_picture_of_the_world() {
    let bench = Bench::start().await;
    bench.standin.open_issue("octo", "Lonely", "").unwrap();
    let error = bench
        .standin
        .until(Duration::from_millis(10), |_| None::<()>)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("issue #1 open [] \"Lonely\""),
        "{error}"
    );
    let hub = bench.standin.hub();
    let wait = tokio::spawn(async move {
        hub.until(SOON, |w| {
            w.first_repository().threads.get(&2).map(|t| t.title.clone())
        })
        .await
    });
    bench.standin.open_issue("octo", "Company", "").unwrap();
    assert_eq!(wait.await.unwrap().unwrap(), "Company");
}
