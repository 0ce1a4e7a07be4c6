//! How long to wait before a request is repeated.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;

use super::windows::{moment, span};
use crate::model::Timestamp;

/// How long the provider wants to be left alone, where its answer says so.
///
/// The first of: `retry-after-ms`, `Retry-After` (seconds or a date), the reset of a window that is used up, and what
/// the body of the error says (Google's `RetryInfo`, Codex's `resets_in_seconds`).
pub(super) fn told(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<Duration> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    if let Some(ms) = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()) {
        return span(&(ms / 1000.0).to_string());
    }
    if let Some(after) = text(RETRY_AFTER.as_str())
        && let Some(wait) = span(after).or_else(|| date(after).map(|at| at.since(now)))
    {
        return Some(wait);
    }
    let used_up = |what: &str, remaining: &str, reset: &str| {
        (text(&what.replace('*', remaining)) == Some("0")).then(|| text(&what.replace('*', reset)))?
    };
    let mut resets: Vec<&str> = Vec::new();
    if text("anthropic-ratelimit-unified-status") == Some("rejected") {
        resets.extend(text("anthropic-ratelimit-unified-reset"));
    }
    for name in ["requests", "tokens", "input-tokens", "output-tokens"] {
        resets.extend(used_up(
            &format!("anthropic-ratelimit-{name}-*"),
            "remaining",
            "reset",
        ));
        resets.extend(used_up(&format!("x-ratelimit-*-{name}"), "remaining", "reset"));
    }
    let latest = resets.into_iter().filter_map(|reset| moment(reset, now)).max();
    latest.map(|at| at.since(now)).or_else(|| told_in_body(body))
}

fn told_in_body(body: &[u8]) -> Option<Duration> {
    let body: Value = serde_json::from_slice(body).ok()?;
    // Gemini's stream of a JSON array tells its error as the first element.
    let error = body.get("error").or_else(|| body.get(0)?.get("error"))?;
    if let Some(seconds) = error.get("resets_in_seconds").and_then(Value::as_f64) {
        return span(&seconds.to_string());
    }
    let details = error.get("details")?.as_array()?;
    let delay = details
        .iter()
        .find_map(|detail| detail.get("retryDelay")?.as_str());
    delay.and_then(span)
}

/// A date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    let at = PARSER.parse_timestamp(text).ok()?;
    Some(Timestamp(at.as_millisecond()))
}

/// The pause before try `n` (from 2) where nobody said how long: doubling, drawn between half and all of it.
pub(super) fn grown(first: Duration, longest: Duration, n: u32) -> Duration {
    let whole = first
        .saturating_mul(1 << n.saturating_sub(2).min(16))
        .min(longest);
    whole / 2 + spread(whole / 2)
}

/// A share of a span by chance, so that those who wait together do not come back together.
pub(super) fn spread(span: Duration) -> Duration {
    // A hasher with fresh keys is all the chance that a pause needs.
    let chance = RandomState::new().hash_one(0_u8) % 1024;
    (span / 1024).saturating_mul(chance as u32)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn told_by(pairs: &[(&'static str, &'static str)], body: &str) -> Option<u128> {
        let headers = pairs
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        // 1994-11-06T08:49:37Z
        told(&headers, body.as_bytes(), Timestamp(784_111_777_000)).map(|wait| wait.as_millis())
    }

    #[test]
    fn providers_say_in_many_ways_how_long_to_wait() {
        for (pairs, ms) in [
            (&[("retry-after", "2")][..], 2000),
            (&[("retry-after", "1.5")], 1500),
            (&[("retry-after-ms", "40"), ("retry-after", "2")], 40),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT")], 3000),
            (&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], 0),
            (
                &[
                    ("anthropic-ratelimit-unified-status", "rejected"),
                    ("anthropic-ratelimit-unified-reset", "784115377"),
                ],
                3_600_000,
            ),
            (
                &[
                    ("x-ratelimit-remaining-tokens", "0"),
                    ("x-ratelimit-reset-tokens", "250ms"),
                ],
                250,
            ),
            (
                &[
                    ("anthropic-ratelimit-requests-remaining", "0"),
                    ("anthropic-ratelimit-requests-reset", "1994-11-06T08:49:38Z"),
                ],
                1000,
            ),
        ] {
            assert_eq!(told_by(pairs, ""), Some(ms), "{pairs:?}");
        }
        assert_eq!(
            told_by(
                &[
                    ("x-ratelimit-remaining-tokens", "9"),
                    ("x-ratelimit-reset-tokens", "1s")
                ],
                ""
            ),
            None
        );
    }

    #[test]
    fn errors_say_it_in_their_bodies_too() {
        let google = r#"{"error":{"code":429,"details":[{"@type":"x"},{"retryDelay":"34s"}]}}"#;
        assert_eq!(told_by(&[], google), Some(34_000));
        assert_eq!(
            told_by(&[], r#"{"error":{"resets_in_seconds":60}}"#),
            Some(60_000)
        );
        assert_eq!(told_by(&[], "<html>"), None);
    }

    #[test]
    fn pauses_grow_up_to_their_most() {
        let second = Duration::from_secs(1);
        for (n, least, most) in [
            (2, 500, 1000),
            (3, 1000, 2000),
            (9, 5000, 10_000),
            (99, 5000, 10_000),
        ] {
            let pause = grown(second, Duration::from_secs(10), n).as_millis();
            assert!((least..=most).contains(&pause), "{n}: {pause}");
        }
    }
}
