//! Webhooks as they come: at once, again, out of order, and broken.

use footplate::rehearsal::{CloseOrder, Passage};
use hmac::{Hmac, Mac};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stage::{SECRET, Set, Stage};

#[tokio::test]
async fn five_label_events_with_different_ids_at_once_make_one_run() {
    let stage = Set::new().start().await;
    let issue = stage.issue();
    stage
        .settled(std::time::Duration::from_mins(1))
        .await
        .expect("sent");
    stage.hold_deliveries();
    for time in 0..5 {
        if time > 0 {
            stage
                .unlabel("octo", issue, "agent:build")
                .expect("the owner may");
        }
        stage.label("octo", issue, "agent:build").expect("the owner may");
    }
    stage.release_deliveries_at_once();
    stage.build(issue).await;
    stage.quiet(issue).await;
    let events = stage.read(|world| {
        let labeled = world.deliveries.iter().filter(|d| {
            let told: serde_json::Value = serde_json::from_slice(&d.body).unwrap_or_default();
            d.action.as_deref() == Some("labeled") && told["label"]["name"] == "agent:build"
        });
        labeled.count()
    });
    assert_eq!(events, 5);
    assert_eq!(stage.runs().await.len(), 1);
    assert_eq!((stage.pulls().len(), stage.branches().len()), (1, 1));
    assert_eq!(
        stage
            .said(issue)
            .iter()
            .filter(|said| said.contains("kind=plan"))
            .count(),
        1
    );
    stage.end().await;
}

#[tokio::test]
async fn three_deliveries_with_one_id_act_once() {
    let stage = Set::new().role("plan", super::plans::two_plans()).start().await;
    stage.open("second");
    stage.on_delivery(|_| Passage::Duplicate);
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.standing(issue, "waiting for approval").await;
    stage.say("octo", issue, "/replan");
    stage.revision(issue, 2).await;
    let told: Vec<String> = stage.read(|world| world.deliveries.iter().map(|d| d.guid.clone()).collect());
    for guid in told {
        stage.redeliver(&guid);
    }
    stage.standing(issue, "waiting for approval").await;
    stage.quiet(issue).await;
    stage.standing(issue, "waiting for approval").await;
    let plans = stage
        .said(issue)
        .iter()
        .filter(|said| said.contains("kind=plan"))
        .count();
    assert_eq!(plans, 2);
    assert_eq!(stage.answers(issue).len(), 1, "{:#?}", stage.answers(issue));
    assert_eq!(stage.runs().await.len(), 1);
    let reactions = stage.read(|world| {
        let comments = &super::stage::thread(world, issue).expect("the issue").comments;
        comments.iter().map(|comment| comment.reactions.len()).max()
    });
    assert_eq!(reactions, Some(1));
    stage.end().await;
}

#[tokio::test]
async fn shuffled_deliveries_end_in_one_pull_request_and_one_merge() {
    for seed in 1..=3 {
        let stage = Set::new().start().await;
        stage.hold_deliveries();
        let issue = stage.ask();
        for n in 0..4 {
            stage.say("rhea", issue, &format!("I want it too ({n})."));
        }
        stage
            .edit_issue("octo", issue, None, Some("Please add it after one."))
            .expect("its author may");
        stage.shuffle_waiting(seed);
        stage.release_deliveries_at_once();
        let pull = stage.build(issue).await;
        stage.hold_deliveries();
        stage
            .merge_pull("octo", pull.number, CloseOrder::PullRequestFirst)
            .expect("it can be merged");
        stage.say("octo", issue, "Thanks.");
        stage.shuffle_waiting(seed);
        stage.release_deliveries_at_once();
        stage.standing(issue, "merged").await;
        assert_eq!((stage.pulls().len(), stage.runs().await.len()), (1, 1));
        stage.end().await;
    }
}

#[tokio::test]
async fn deliveries_that_failed_while_the_server_was_down_are_taken_when_sent_again() {
    let mut stage = Set::new().start().await;
    stage.kill_9().await;
    let issue = stage.ask();
    stage
        .settled(std::time::Duration::from_mins(1))
        .await
        .expect("sent in vain");
    stage.start().await;
    stage.redeliver_failed().await;
    stage.build(issue).await;
    stage.end().await;
}

/// A call as GitHub makes it, which a test then spoils.
struct Call {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Call {
    fn signed(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key fits");
        mac.update(&body);
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        let mut call = Self {
            headers: HeaderMap::new(),
            body,
        };
        call.set("content-type", "application/json");
        call.set("x-github-event", "issues");
        call.set("x-github-delivery", "0b989ba4-242f-11e5-81e1-c7b6966d2516");
        call.set("x-hub-signature-256", &signature);
        call
    }

    fn set(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.headers.insert(HeaderName::from_static(name), value);
    }

    fn without(mut self, name: &'static str) -> Self {
        self.headers.remove(name);
        self
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Makes the call; returns status and sentence.
    async fn make(self, stage: &Stage) -> (u16, String) {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client
            .post(format!("{}/webhook", stage.front()))
            .headers(self.headers)
            .body(self.body)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        let said: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        (status, said["error"].as_str().unwrap_or(&text).to_owned())
    }
}

#[tokio::test]
async fn bad_input_is_refused_with_a_sentence_and_nothing_else_suffers() {
    let stage = Set::new().start().await;
    let good = r#"{"action":"labeled"}"#;
    let deep = format!("{}1{}", "{\"a\":".repeat(3_000), "}".repeat(3_000));
    let cases = [
        (
            "cut",
            Call::signed(&good[..12]),
            400,
            "not a complete JSON object",
        ),
        (
            "no JSON",
            Call::signed("payload=%7B%7D"),
            400,
            "not a complete JSON object",
        ),
        ("a list", Call::signed("[]"), 400, "not a complete JSON object"),
        (
            "no UTF-8",
            Call::signed(b"{\"a\":\"\xff\"}".to_vec()),
            400,
            "not valid UTF-8",
        ),
        ("deep", Call::signed(deep), 400, "nested deeper than 128 levels"),
        (
            "large",
            Call::signed(vec![b' '; 26 << 20]),
            413,
            "larger than 25 MB",
        ),
        (
            "unsigned",
            Call::signed(good).without("x-hub-signature-256"),
            401,
            "not signed",
        ),
        (
            "SHA-1",
            Call::signed(good)
                .without("x-hub-signature-256")
                .with("x-hub-signature", "sha1=00"),
            401,
            "SHA-1 only",
        ),
        (
            "forged",
            Call {
                body: b"{\"action\":\"deleted\"}".to_vec(),
                ..Call::signed(good)
            },
            401,
            "does not match",
        ),
        (
            "no event",
            Call::signed(good).without("x-github-event"),
            400,
            "X-GitHub-Event is missing",
        ),
        (
            "no id",
            Call::signed(good).without("x-github-delivery"),
            400,
            "X-GitHub-Delivery is missing",
        ),
        (
            "odd id",
            Call::signed(good).with("x-github-delivery", "a b; drop"),
            400,
            "X-GitHub-Delivery does not",
        ),
        (
            "a form",
            Call::signed(good).with("content-type", "application/x-www-form-urlencoded"),
            415,
            "choose application/json",
        ),
    ];
    for (name, call, status, words) in cases {
        let (found, said) = call.make(&stage).await;
        assert_eq!(found, status, "{name}: {said}");
        assert!(said.contains(words), "{name}: {said}");
    }
    // Every object is taken, whatever is in it: what GitHub adds tomorrow must not be refused.
    let odd = [
        good,
        "{}",
        r#"{"action":7,"issue":[],"sender":null}"#,
        r#"{"action":"labeled","issue":{"number":-1},"repository":{"id":"x"}}"#,
    ];
    for (n, body) in odd.into_iter().enumerate() {
        let (status, said) = Call::signed(body)
            .with("x-github-delivery", &format!("odd-{n}"))
            .make(&stage)
            .await;
        assert_eq!(status, 202, "{body}: {said}");
    }
    let issue = stage.ask();
    stage.plan(issue).await;
    assert!(!stage.log().contains("panicked"), "{}", stage.log());
    stage.end().await;
}

#[tokio::test]
async fn strangers_cannot_make_the_server_hold_more_than_it_has_room_for() {
    let stage = Set::new().start().await;
    let address = stage.front().replace("http://", "");
    // Each sends all of a largest body but its last byte, so that no signature can be checked.
    let most: usize = 25 << 20;
    let head = format!(
        "POST /webhook HTTP/1.1\r\nhost: footplate\r\ncontent-type: application/json\r\ncontent-length: {most}\r\n\
         x-github-event: issues\r\nx-github-delivery: many\r\nx-hub-signature-256: sha256={}\r\n\r\n",
        "0".repeat(64)
    );
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (address, head) = (address.clone(), head.clone());
        calls.spawn(async move {
            let mut connection = tokio::net::TcpStream::connect(address).await.expect("it listens");
            connection
                .write_all(head.as_bytes())
                .await
                .expect("it reads heads");
            // Who is refused cannot send the rest, and may not even hear why.
            let _ = connection.write_all(&vec![b' '; most - 1]).await;
            let mut said = String::new();
            let _ = connection.read_to_string(&mut said).await;
            said
        });
    }
    let said = calls.join_next().await.expect("six").expect("it does not panic");
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 503 "), "{said}");
    let counted = reqwest::get(format!("{}/metrics", stage.front())).await;
    let counted = counted.expect("metrics").text().await.expect("a text");
    let failed = counted.lines().find(|line| line.contains("fate=\"failed\""));
    assert!(failed.is_some_and(|line| !line.ends_with(" 0")), "{counted}");
    calls.shutdown().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.end().await;
}
