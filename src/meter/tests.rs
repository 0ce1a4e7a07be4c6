//! The meter over real HTTP, between a harness that asks and a provider that does as it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::listen::tests::{CHAT, GEMINI, MESSAGES, RESPONSES};
use super::testing::{Got, PATIENCE, Provider, Script, Then, post};
use super::{KeyScheme, Lease, Meter, OnWrongModel, Pin, Purse, Settings, Ticket, Upstream};
use crate::ledger::{Reading, WireFault};
use crate::model::{AttemptKey, Dialect, MicroUsd, SystemClock, TokenUsage};

const KEY: &str = "sk-the-real-key-of-the-provider";

fn attempt() -> AttemptKey {
    "01jd0000000000000000000000/implement/1/1".parse().expect("a key")
}

fn settings() -> Settings {
    Settings {
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(4),
        ..Settings::default()
    }
}

async fn meter() -> Meter {
    Meter::start(settings(), Arc::new(SystemClock))
        .await
        .expect("loopback")
}

fn lease(provider: &Provider, dialect: Dialect) -> Lease {
    let key = Some(SecretString::from(KEY));
    Lease::new(
        attempt(),
        Upstream::network("acme", dialect, provider.base(), key).expect("an upstream"),
    )
}

#[expect(clippy::unnecessary_wraps, reason = "a price may be unknown")]
fn price(_: &str, usage: TokenUsage) -> Option<MicroUsd> {
    Some(MicroUsd(usage.prompt() + 10 * usage.answer()))
}

const ASK: &str = r#"{"model":"claude-opus-5-5","stream":true,"max_tokens":100,"messages":[]}"#;

async fn ask(ticket: &Ticket) -> Got {
    post(
        &format!("{}/v1/messages?beta=true&key=x", ticket.base_url()),
        &[("x-api-key", "dummy")],
        ASK,
    )
    .await
}

/// The reading, once the provider's answer is booked: that happens when the harness has its last byte, or shortly after.
async fn booked(ticket: &Ticket, until: impl Fn(&Reading) -> bool) -> Reading {
    tokio::time::timeout(PATIENCE, async {
        loop {
            let reading = ticket.reading();
            if until(&reading) {
                return reading;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("it is never booked: {:?}", ticket.reading()))
}

#[tokio::test]
async fn answers_pass_unchanged_and_are_counted_in_every_dialect() {
    let meter = meter().await;
    for (dialect, path, body, text, model) in [
        (
            Dialect::Anthropic,
            "/v1/messages?beta=true",
            ASK,
            MESSAGES,
            "claude-opus-5-5",
        ),
        (
            Dialect::Openai,
            "/v1/chat/completions",
            r#"{"model":"kimi-k2.6","stream":true}"#,
            CHAT,
            "kimi-k2.6",
        ),
        (
            Dialect::Openai,
            "/v1/responses",
            r#"{"model":"gpt-5.5","stream":true}"#,
            RESPONSES,
            "gpt-5.5",
        ),
        (
            Dialect::Gemini,
            "/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse",
            r#"{"contents":[]}"#,
            GEMINI,
            "gemini-3.8-flash",
        ),
    ] {
        let provider = Provider::start(move |_, _| Script::stream(text)).await;
        let ticket = meter.open(lease(&provider, dialect));
        let got = post(&format!("{}{path}", ticket.base_url()), &[], body).await;
        assert_eq!((got.status, got.whole), (200, true), "{path}");
        assert_eq!(got.body, text, "{path}");
        let reading = booked(&ticket, |reading| !reading.models.is_empty()).await;
        assert_eq!(reading.usage.cache_read, 400);
        assert_eq!(reading.usage.output, 50);
        assert_eq!(
            reading.models,
            BTreeMap::from([(model.to_owned(), reading.usage)])
        );
        assert_eq!((reading.requests, reading.sent, reading.unread), (1, 1, 0));
        assert!(reading.first_byte_ms.is_some());
        assert_eq!(reading.faults, []);
        let line = provider.seen()[0].line.clone();
        assert_eq!(line, format!("POST {path} HTTP/1.1"));
    }
    meter.stop().await;
}

#[tokio::test]
async fn the_real_key_goes_out_in_the_right_header_and_nothing_of_the_harness_does() {
    let meter = meter().await;
    for (dialect, scheme, header, wanted) in [
        (Dialect::Anthropic, None, "x-api-key", KEY.to_owned()),
        (
            Dialect::Anthropic,
            Some(KeyScheme::Bearer),
            "authorization",
            format!("Bearer {KEY}"),
        ),
        (Dialect::Openai, None, "authorization", format!("Bearer {KEY}")),
        (Dialect::Gemini, None, "x-goog-api-key", KEY.to_owned()),
    ] {
        let provider = Provider::start(|_, _| Script::json(200, "{}")).await;
        let mut lease = lease(&provider, dialect);
        if let Some(scheme) = scheme {
            lease.upstream = lease.upstream.key_in(scheme);
        }
        let shown = format!("{lease:?}");
        let ticket = meter.open(lease);
        let path = match dialect {
            Dialect::Anthropic => "/v1/messages",
            Dialect::Openai => "/v1/chat/completions",
            Dialect::Gemini => "/v1beta/models/m:generateContent",
        };
        let secret = "held-by-the-harness";
        post(
            &format!("{}{path}?key={secret}", ticket.base_url()),
            &[
                ("authorization", secret),
                ("x-api-key", secret),
                ("x-goog-api-key", secret),
                ("x-msh-device-id", secret),
                ("x-codex-turn-metadata", secret),
                ("accept-encoding", "gzip"),
            ],
            r#"{"model":"m"}"#,
        )
        .await;
        let seen = &provider.seen()[0];
        assert_eq!(seen.header(header), Some(wanted.as_str()));
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
        assert!(!format!("{seen:?}").contains(secret), "{seen:?}");
        let shown = shown + &format!("{ticket:?} {meter:?} {:?}", ticket.key());
        assert!(!shown.contains(KEY), "{shown}");
        assert!(!ticket.key().expose_secret().contains(KEY));
    }
}

#[tokio::test]
async fn a_wrong_token_learns_nothing_and_a_closed_one_is_refused() {
    let meter = meter().await;
    let provider = Provider::start(|_, _| Script::stream(MESSAGES)).await;
    let ticket = meter.open(lease(&provider, Dialect::Anthropic));
    let url = format!("{}/v1/messages", ticket.base_url());
    let base = format!("http://{}", meter.address());
    let wrong = post(&format!("{base}/a/0123/v1/messages"), &[], ASK).await;
    let none = post(&format!("{base}/v1/messages"), &[], ASK).await;
    assert_eq!((wrong.status, none.status), (404, 404));
    assert_eq!(wrong.body, none.body);
    let reading = ticket.close();
    assert_eq!(reading.requests, 0);
    assert_eq!(post(&url, &[], ASK).await.status, 403);
    assert_eq!(provider.seen().len(), 0);
}

#[tokio::test]
async fn doors_that_nobody_counts_are_shut_and_counting_tokens_is_free() {
    let meter = meter().await;
    let provider = Provider::start(|_, _| Script::json(200, r#"{"input_tokens":12}"#)).await;
    let ticket = meter.open(lease(&provider, Dialect::Anthropic));
    let got = post(&format!("{}/v1/messages/batches", ticket.base_url()), &[], ASK).await;
    assert_eq!((got.status, got.json()["type"].as_str()), (404, Some("error")));
    let got = post(
        &format!("{}/v1/messages/count_tokens", ticket.base_url()),
        &[],
        ASK,
    )
    .await;
    assert_eq!((got.status, got.body.as_str()), (200, r#"{"input_tokens":12}"#));
    let reading = ticket.reading();
    assert_eq!(
        (reading.requests, reading.unread, reading.usage.total()),
        (0, 0, 0)
    );
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn the_socket_is_another_way_to_the_same_door() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("meter.sock");
    let meter = Meter::start(
        Settings {
            socket: Some(socket.clone()),
            ..settings()
        },
        Arc::new(SystemClock),
    )
    .await
    .expect("it starts");
    let provider = Provider::start(|_, _| Script::stream(MESSAGES)).await;
    let ticket = meter.open(lease(&provider, Dialect::Anthropic));
    let mut stream = tokio::net::UnixStream::connect(meter.socket().expect("a socket"))
        .await
        .expect("it listens");
    let request = format!(
        "POST {}/v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{ASK}",
        ticket.path(),
        ASK.len()
    );
    stream.write_all(request.as_bytes()).await.expect("it is taken");
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await
        .expect("in time")
        .expect("text");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    booked(&ticket, |reading| reading.usage.output == 50).await;
    drop(ticket);
    meter.stop().await;
    assert!(!socket.exists(), "it cleans up behind itself");
}

#[tokio::test]
async fn streams_of_chat_are_asked_for_their_usage() {
    let meter = meter().await;
    let provider = Provider::start(|_, _| Script::stream(CHAT)).await;
    let ticket = meter.open(lease(&provider, Dialect::Openai));
    let url = format!("{}/v1/chat/completions", ticket.base_url());
    post(&url, &[], r#"{"model":"kimi-k2.6","stream":true}"#).await;
    post(&url, &[], r#"{"model":"kimi-k2.6"}"#).await;
    let seen = provider.seen();
    assert_eq!(seen[0].json()["stream_options"], json!({"include_usage": true}));
    assert_eq!(seen[1].json(), json!({"model": "kimi-k2.6"}));
}

#[tokio::test]
async fn another_model_is_noted_and_ends_the_attempt_where_that_is_policy() {
    let meter = meter().await;
    let dated = MESSAGES.replace("claude-opus-5-5", "claude-opus-5-5-20261001");
    let other = MESSAGES.replace("claude-opus-5-5", "claude-haiku-5-5");
    let provider = Provider::start(move |n, _| Script::stream(if n == 0 { &dated } else { &other })).await;
    let mut strict = lease(&provider, Dialect::Anthropic);
    strict.on_wrong_model = OnWrongModel::Fail;
    let ticket = meter.open(strict);
    ask(&ticket).await;
    let reading = booked(&ticket, |reading| reading.models.len() == 1).await;
    assert_eq!(reading.faults, [], "a date makes no other model");
    ask(&ticket).await;
    let reading = booked(&ticket, |reading| reading.models.len() == 2).await;
    assert_eq!(
        (reading.usage.prompt(), reading.longest_prompt),
        (2 * 1_130, Some(1_130)),
        "the longest prompt is that of one request"
    );
    let fault = WireFault::WrongModel {
        served: "claude-haiku-5-5".to_owned(),
    };
    assert_eq!(reading.faults, [fault]);
    let got = ask(&ticket).await;
    assert_eq!(got.status, 403);
    assert_eq!(got.json()["error"]["type"], "permission_error");
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn a_pinned_model_is_put_in_or_others_are_refused() {
    let meter = meter().await;
    let provider = Provider::start(|_, _| Script::stream(GEMINI)).await;
    let mut pinned = lease(&provider, Dialect::Gemini);
    pinned.model = Some("gemini-3.5-flash".to_owned());
    pinned.pin = Pin::Rewrite;
    let ticket = meter.open(pinned.clone());
    let path = "/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse";
    post(&format!("{}{path}", ticket.base_url()), &[], "{}").await;
    assert!(
        provider.seen()[0].line.contains("/models/gemini-3.5-flash:"),
        "{:?}",
        provider.seen()
    );
    booked(&ticket, |reading| reading.faults.len() == 1).await;
    pinned.pin = Pin::Refuse;
    let ticket = meter.open(pinned);
    let got = post(&format!("{}{path}", ticket.base_url()), &[], "{}").await;
    assert_eq!(
        (got.status, got.json()["error"]["status"].as_str()),
        (403, Some("PERMISSION_DENIED"))
    );
}

#[tokio::test]
async fn transient_errors_are_repeated_here_and_the_harness_sees_none() {
    let meter = meter().await;
    let provider = Provider::start(|n, _| match n {
        0 => Script::json(429, "{}").header("retry-after-ms", "5"),
        1 => Script::json(529, "{}"),
        2 => Script::only(Then::Hangup),
        _ => Script::stream(MESSAGES),
    })
    .await;
    let ticket = meter.open(lease(&provider, Dialect::Anthropic));
    let got = ask(&ticket).await;
    assert_eq!((got.status, got.body.as_str()), (200, MESSAGES));
    let reading = booked(&ticket, |reading| reading.usage.output == 50).await;
    assert_eq!((reading.requests, reading.sent), (1, 4));
    assert_eq!(reading.faults, []);
}

#[tokio::test]
async fn repetitions_end_with_an_error_that_nobody_repeats() {
    for (status, fault) in [
        (429, WireFault::RateLimited { until: None }),
        (500, WireFault::Unavailable { status: Some(500) }),
    ] {
        let meter = meter().await;
        let provider = Provider::start(move |_, _| Script::json(status, "{}")).await;
        let mut lease = lease(&provider, Dialect::Anthropic);
        lease.limits.tries = 3;
        let ticket = meter.open(lease);
        let got = ask(&ticket).await;
        assert_eq!(got.status, 504);
        assert_eq!(got.headers["x-should-retry"], "false");
        assert_eq!(got.json()["type"], "error");
        let reading = ticket.close();
        assert_eq!((reading.sent, reading.unread), (3, 0));
        assert_eq!(reading.faults, [fault]);
    }
}

#[tokio::test]
async fn a_provider_that_wants_an_hour_gets_it_from_everybody() {
    let meter = meter().await;
    let provider = Provider::start(|_, _| Script::json(429, "{}").header("retry-after", "3600")).await;
    let first = meter.open(lease(&provider, Dialect::Anthropic));
    let second = meter.open(lease(&provider, Dialect::Anthropic));
    assert_eq!(ask(&first).await.status, 504);
    assert_eq!(ask(&second).await.status, 504);
    assert_eq!(provider.seen().len(), 1, "the second one did not even ask");
    for ticket in [first, second] {
        let faults = ticket.close().faults;
        assert!(
            matches!(faults[..], [WireFault::RateLimited { until: Some(_) }]),
            "{faults:?}"
        );
    }
}

#[tokio::test]
async fn errors_that_stay_are_passed_on_once_and_classed() {
    for (status, body, fault) in [
        (
            401,
            r#"{"error":{"type":"authentication_error"}}"#,
            WireFault::Auth { status: 401 },
        ),
        (402, "{}", WireFault::Auth { status: 402 }),
        (
            404,
            r#"{"error":{"type":"not_found_error"}}"#,
            WireFault::UnknownModel,
        ),
        (
            400,
            r#"{"error":{"code":"model_not_found"}}"#,
            WireFault::UnknownModel,
        ),
        (400, "no json", WireFault::Rejected { status: 400 }),
        (
            429,
            r#"{"error":{"code":"insufficient_quota"}}"#,
            WireFault::RateLimited { until: None },
        ),
    ] {
        let meter = meter().await;
        let provider = Provider::start(move |_, _| Script::json(status, body)).await;
        let ticket = meter.open(lease(&provider, Dialect::Anthropic));
        let got = ask(&ticket).await;
        assert_eq!((got.status, got.body.as_str()), (status, body));
        assert_eq!(got.headers["x-should-retry"], "false");
        let reading = ticket.close();
        assert_eq!(
            (reading.faults, reading.sent, reading.unread),
            (vec![fault], 1, 0)
        );
    }
}

#[tokio::test]
async fn a_page_instead_of_an_answer_is_not_passed_on() {
    let meter = meter().await;
    let provider = Provider::start(|_, _| Script::json(200, "<html><body>502</body></html>")).await;
    let ticket = meter.open(lease(&provider, Dialect::Anthropic));
    let got = ask(&ticket).await;
    assert_eq!(got.status, 504);
    assert_eq!(got.json()["type"], "error");
    assert_eq!(ticket.close().faults, [WireFault::NotAnAnswer]);
}

#[tokio::test]
async fn silence_before_the_first_byte_ends_with_an_error_that_nobody_repeats() {
    let meter = meter().await;
    for script in [
        Script::only(Then::Nothing),
        Script::stream("").half(Then::Silence),
    ] {
        let provider = Provider::start(move |_, _| script.clone()).await;
        let mut lease = lease(&provider, Dialect::Openai);
        lease.limits.first_byte = Duration::from_millis(50);
        let ticket = meter.open(lease);
        let url = format!("{}/v1/responses", ticket.base_url());
        let got = post(&url, &[], r#"{"model":"gpt-5.5","stream":true}"#).await;
        assert_eq!(
            (got.status, got.json()["error"]["type"].as_str()),
            (400, Some("invalid_request_error"))
        );
        let reading = booked(&ticket, |reading| reading.unread == 1).await;
        assert_eq!(reading.faults, [WireFault::NoFirstByte]);
    }
}

#[tokio::test]
async fn an_answer_that_falls_silent_or_breaks_off_is_cut_and_said_so() {
    let meter = meter().await;
    for (then, fault) in [
        (Then::Silence, WireFault::Stalled),
        (Then::Close, WireFault::CutOff),
    ] {
        let provider = Provider::start(move |_, _| Script::stream(MESSAGES).half(then)).await;
        let mut lease = lease(&provider, Dialect::Anthropic);
        lease.limits.stream_idle = Duration::from_millis(50);
        let ticket = meter.open(lease);
        let got = ask(&ticket).await;
        assert_eq!((got.status, got.whole), (200, false));
        assert!(MESSAGES.starts_with(&got.body) && !got.body.is_empty());
        let reading = booked(&ticket, |reading| reading.unread == 1).await;
        assert_eq!(reading.faults, [fault]);
        assert_eq!(reading.usage.total(), 0);
    }
}

#[tokio::test]
async fn a_purse_is_asked_before_and_paid_after() {
    let meter = meter().await;
    let provider = Provider::start(|_, _| Script::stream(MESSAGES)).await;
    let run = Arc::new(Purse::new(
        "the run's budget",
        Some(MicroUsd(2_500)),
        MicroUsd::ZERO,
    ));
    let day = Arc::new(Purse::new("the day's budget", None, MicroUsd::ZERO));
    let mut lease = lease(&provider, Dialect::Anthropic);
    lease.purses = vec![Arc::clone(&run), Arc::clone(&day)];
    lease.price = Some(Arc::new(price));
    let ticket = meter.open(lease.clone());
    assert_eq!(ask(&ticket).await.status, 200);
    // 700 + 400 + 30 of input, 50 of output at ten times the price.
    booked(&ticket, |_| run.spent() == MicroUsd(1_630)).await;
    assert_eq!((day.spent(), run.reserved()), (MicroUsd(1_630), MicroUsd::ZERO));
    let got = ask(&ticket).await;
    assert_eq!(got.status, 403);
    assert!(got.body.contains("the run's budget of $0.0025"), "{}", got.body);
    assert_eq!(ticket.reading().faults, [WireFault::Budget]);
    assert_eq!(provider.seen().len(), 1);
    lease.price = None;
    let got = ask(&meter.open(lease)).await;
    assert_eq!(got.status, 403);
    assert!(
        got.body.contains("price"),
        "an unknown price is not zero: {}",
        got.body
    );
}

#[tokio::test]
async fn what_nobody_counted_is_paid_as_it_was_reserved() {
    let meter = meter().await;
    let provider = Provider::start(|_, _| Script::stream(MESSAGES).half(Then::Close)).await;
    let run = Arc::new(Purse::new("run", Some(MicroUsd(5_000)), MicroUsd::ZERO));
    let mut lease = lease(&provider, Dialect::Anthropic);
    lease.purses = vec![Arc::clone(&run)];
    lease.price = Some(Arc::new(price));
    let ticket = meter.open(lease);
    ask(&ticket).await;
    let most = MicroUsd(ASK.len() as u64 / 3 + 1_000);
    booked(&ticket, |_| {
        run.spent() == most && run.reserved() == MicroUsd::ZERO
    })
    .await;
}

#[tokio::test]
async fn an_attempt_may_ask_only_so_often() {
    let meter = meter().await;
    let provider = Provider::start(|_, _| Script::stream(MESSAGES)).await;
    let mut lease = lease(&provider, Dialect::Anthropic);
    lease.limits.requests = 2;
    let ticket = meter.open(lease);
    let statuses = [ask(&ticket).await, ask(&ticket).await, ask(&ticket).await].map(|got| got.status);
    assert_eq!(statuses, [200, 200, 403]);
    assert_eq!(ticket.close().faults, [WireFault::TooManyRequests]);
}

#[tokio::test]
async fn windows_are_read_before_and_after_and_known_to_all() {
    let meter = meter().await;
    let provider = Provider::start(|n, _| {
        Script::stream(MESSAGES)
            .header(
                "anthropic-ratelimit-unified-5h-utilization",
                if n == 0 { "0.10" } else { "0.25" },
            )
            .header("anthropic-ratelimit-unified-5h-reset", "1800000000")
    })
    .await;
    let ticket = meter.open(lease(&provider, Dialect::Anthropic));
    ask(&ticket).await;
    ask(&ticket).await;
    let window = &ticket.close().windows[0];
    assert_eq!(
        (window.name.as_str(), window.before, window.after),
        ("5h", Some(100_000), Some(250_000))
    );
    assert_eq!(window.resets.map(|at| at.0), Some(1_800_000_000_000));
    assert_eq!(meter.windows("acme")[0].used, Some(250_000));
    assert_eq!(meter.windows("another"), []);
}

#[tokio::test]
async fn an_exchange_is_recorded_without_the_key_and_played_back_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let meter = meter().await;
    let leaking = MESSAGES.replace(" look", KEY);
    let provider = Provider::start(move |n, _| match n {
        0 => Script::stream(MESSAGES).header("request-id", "r1"),
        1 => Script::json(400, r#"{"error":{"type":"invalid_request_error"}}"#),
        _ => Script::stream(&leaking),
    })
    .await;
    let mut lease = lease(&provider, Dialect::Anthropic);
    lease.record = Some(folder.path().join("takes"));
    let ticket = meter.open(lease);
    let first = ask(&ticket).await;
    let second = ask(&ticket).await;
    ask(&ticket).await;
    drop(ticket);
    meter.stop().await;

    let takes = folder.path().join("takes");
    let mut files = 0;
    for entry in std::fs::read_dir(&takes).expect("a folder") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        assert!(memchr::memmem::find(&bytes, KEY.as_bytes()).is_none());
        files += 1;
    }
    assert_eq!(files, 9);

    let meter = self::meter().await;
    let upstream = Upstream::recording("acme", Dialect::Anthropic, &takes).expect("a recording");
    let ticket = meter.open(Lease::new(attempt(), upstream));
    let again = ask(&ticket).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.headers["request-id"], "r1");
    let reading = booked(&ticket, |reading| !reading.models.is_empty()).await;
    assert_eq!(reading.usage.output, 50, "it counts as it did");
    let again = ask(&ticket).await;
    assert_eq!((again.status, &again.body), (400, &second.body));
    ask(&ticket).await;
    let more = ask(&ticket).await;
    assert!(more.body.contains("no such request any more"), "{}", more.body);
}

#[tokio::test]
async fn a_harness_that_leaves_is_booked_and_frees_the_provider() {
    let meter = meter().await;
    let provider = Provider::start(|_, _| Script::stream(MESSAGES).half(Then::Silence)).await;
    let ticket = meter.open(lease(&provider, Dialect::Anthropic));
    let mut stream = tokio::net::TcpStream::connect(meter.address())
        .await
        .expect("it listens");
    let request = format!(
        "POST {}/v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{ASK}",
        ticket.path(),
        ASK.len()
    );
    stream.write_all(request.as_bytes()).await.expect("it is taken");
    let mut some = [0; 20];
    stream.read_exact(&mut some).await.expect("an answer begins");
    drop(stream);
    let reading = booked(&ticket, |reading| reading.unread == 1).await;
    assert_eq!(reading.faults, [], "that is nobody's fault");
}

#[tokio::test]
async fn requests_beyond_the_largest_are_refused() {
    let meter = Meter::start(
        Settings {
            body_bytes: 1000,
            ..settings()
        },
        Arc::new(SystemClock),
    )
    .await
    .expect("loopback");
    let provider = Provider::start(|_, _| Script::stream(MESSAGES)).await;
    let ticket = meter.open(lease(&provider, Dialect::Anthropic));
    let long = format!(r#"{{"model":"m","x":"{}"}}"#, "x".repeat(2000));
    let got = post(&format!("{}/v1/messages", ticket.base_url()), &[], &long).await;
    assert_eq!(got.status, 413);
    assert_eq!(got.json()["error"]["type"], "request_too_large");
}

#[tokio::test]
async fn the_requests_of_one_attempt_take_bounded_memory_together() {
    let settings = Settings {
        held_bytes: 1500,
        ..settings()
    };
    let meter = Meter::start(settings, Arc::new(SystemClock))
        .await
        .expect("loopback");
    let provider = Provider::start(|n, _| match n {
        0 => Script::only(Then::Nothing),
        _ => Script::stream(MESSAGES),
    })
    .await;
    let ticket = |patience| {
        let mut lease = lease(&provider, Dialect::Anthropic);
        lease.limits.first_byte = patience;
        meter.open(lease)
    };
    let (ours, another) = (ticket(Duration::from_secs(1)), ticket(PATIENCE));
    let body = format!(
        r#"{{"model":"m","max_tokens":9,"stream":true,"messages":[],"x":"{}"}}"#,
        "x".repeat(1000)
    );
    let ask = |ticket: &Ticket| {
        let (url, body) = (format!("{}/v1/messages", ticket.base_url()), body.clone());
        async move { post(&url, &[], &body).await }
    };
    let first = tokio::spawn(ask(&ours));
    while provider.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    let refused = ask(&ours).await;
    assert_eq!(refused.status, 413, "{}", refused.json());
    assert_eq!(
        ask(&another).await.status,
        200,
        "another attempt has room of its own"
    );
    first.await.expect("it is answered");
    assert_eq!(ask(&ours).await.status, 200);
}

#[tokio::test]
async fn a_key_is_never_sent_in_the_clear() {
    let key = || Some(SecretString::from(KEY));
    for (base, fits) in [
        ("http://example.com/v1", false),
        ("http://127.0.0.1:1/v1", true),
        ("https://example.com/v1", true),
        ("https://user@example.com/v1", false),
        ("ftp://example.com", false),
    ] {
        let base = url::Url::parse(base).expect("a URL");
        let made = Upstream::network("acme", Dialect::Openai, base.clone(), key());
        assert_eq!(made.is_ok(), fits, "{base}");
    }
    let base = url::Url::parse("http://192.168.1.5:11434").expect("a URL");
    assert!(
        Upstream::network("ollama", Dialect::Openai, base, None).is_ok(),
        "without a key there is nothing to hide"
    );
}
