//! Limit windows, as providers tell them in the headers of their answers.
//!
//! Sources: Anthropic's `anthropic-ratelimit-unified-*` (subscriptions) and `anthropic-ratelimit-*` (API keys),
//! Codex's `x-codex-{primary,secondary}-*`, and OpenAI's `x-ratelimit-*`, which many others send too.

use std::time::Duration;

use http::HeaderMap;

use crate::model::Timestamp;

/// A window at the moment of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// As the provider names it: `5h`, `7d`, `primary`, `secondary`, `requests`, `tokens`.
    pub name: String,
    /// The share that is used, in millionths; it can exceed a million.
    pub used: Option<u32>,
    /// When it starts anew.
    pub resets: Option<Timestamp>,
    /// When the provider said so.
    pub seen: Timestamp,
}

/// The windows that an answer tells.
pub(super) fn read(headers: &HeaderMap, now: Timestamp) -> Vec<Window> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let mut windows = Vec::new();
    let mut add = |name: &str, used: Option<u32>, resets: Option<Timestamp>| {
        if (used.is_some() || resets.is_some()) && !windows.iter().any(|w: &Window| w.name == name) {
            windows.push(Window {
                name: name.to_owned(),
                used,
                resets,
                seen: now,
            });
        }
    };
    for header in headers.keys() {
        let stem = header
            .as_str()
            .strip_prefix("anthropic-ratelimit-unified-")
            .and_then(|rest| rest.strip_suffix("-utilization"));
        if let Some(stem) = stem {
            let resets = text(&format!("anthropic-ratelimit-unified-{stem}-reset"));
            add(
                stem,
                text(header.as_str()).and_then(|used| millionths(used, 1.0)),
                resets.and_then(|resets| moment(resets, now)),
            );
        }
    }
    for name in ["primary", "secondary"] {
        let resets = text(&format!("x-codex-{name}-reset-at"))
            .and_then(|at| moment(at, now))
            .or_else(|| {
                let after = text(&format!("x-codex-{name}-reset-after-seconds"))?;
                Some(now.plus(span(after)?))
            });
        let used = text(&format!("x-codex-{name}-used-percent"));
        add(name, used.and_then(|used| millionths(used, 100.0)), resets);
    }
    for (prefix, middle) in [("x-ratelimit-", true), ("anthropic-ratelimit-", false)] {
        for name in ["requests", "tokens", "input-tokens", "output-tokens"] {
            let part = |what: &str| {
                let header = if middle {
                    format!("{prefix}{what}-{name}")
                } else {
                    format!("{prefix}{name}-{what}")
                };
                headers.get(header).and_then(|value| value.to_str().ok())
            };
            let used = (|| {
                let limit: f64 = part("limit")?.trim().parse().ok()?;
                let left: f64 = part("remaining")?.trim().parse().ok()?;
                (limit > 0.0).then(|| millionths(&(limit - left).max(0.0).to_string(), limit))?
            })();
            let resets = part("reset").and_then(|at| moment(at, now));
            if used.is_some() {
                add(name, used, resets);
            }
        }
    }
    windows
}

/// A moment as headers write it: RFC 3339, seconds since 1970, or a time from now (`1s`, `6m0s`, `20ms`).
pub(super) fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(moment) = Timestamp::parse(text) {
        return Some(moment);
    }
    if let Ok(seconds) = text.parse::<i64>()
        && seconds > 100_000_000
    {
        return Some(Timestamp(seconds.saturating_mul(1000)));
    }
    Some(now.plus(span(text)?))
}

/// A span of time: seconds, also with a fraction, or numbers with units (`1h2m3.5s`, `20ms`).
pub(super) fn span(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds_of(seconds);
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |at| digits + at);
        total += number
            * match &rest[digits..unit_end] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then(|| seconds_of(total))?
}

/// Longer spans than a month are somebody's mistake.
fn seconds_of(seconds: f64) -> Option<Duration> {
    (seconds.is_finite() && (0.0..=31.0 * 86_400.0).contains(&seconds))
        .then(|| Duration::from_secs_f64(seconds))
}

fn millionths(text: &str, whole: f64) -> Option<u32> {
    let share = text.parse::<f64>().ok()? / whole * 1e6;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to lie within 0 and four thousand millions"
    )]
    (share.is_finite() && (0.0..4e9).contains(&share)).then(|| share.round() as u32)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn subscription_windows_are_read_as_shares() {
        let now = Timestamp(1_800_000_000_000);
        let found = read(
            &headers(&[
                ("anthropic-ratelimit-unified-5h-utilization", "0.87"),
                ("anthropic-ratelimit-unified-5h-reset", "1800003600"),
                ("x-codex-primary-used-percent", "37.5"),
                ("x-codex-primary-window-minutes", "300"),
                ("x-codex-primary-reset-at", "1800000060"),
                ("x-codex-secondary-used-percent", "12"),
                ("x-codex-secondary-reset-after-seconds", "10"),
            ]),
            now,
        );
        let short: Vec<_> = found
            .iter()
            .map(|w| (w.name.as_str(), w.used, w.resets.map(|at| at.0 - now.0)))
            .collect();
        assert_eq!(
            short,
            [
                ("5h", Some(870_000), Some(3_600_000)),
                ("primary", Some(375_000), Some(60_000)),
                ("secondary", Some(120_000), Some(10_000)),
            ]
        );
    }

    #[test]
    fn limits_of_keys_are_read_as_shares() {
        let now = Timestamp(0);
        let found = read(
            &headers(&[
                ("x-ratelimit-limit-requests", "200"),
                ("x-ratelimit-remaining-requests", "150"),
                ("x-ratelimit-reset-requests", "6m0s"),
                ("anthropic-ratelimit-input-tokens-limit", "1000"),
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                ("anthropic-ratelimit-input-tokens-reset", "1970-01-01T00:00:01Z"),
                ("x-ratelimit-limit-tokens", "many"),
            ]),
            now,
        );
        let short: Vec<_> = found
            .iter()
            .map(|w| (w.name.as_str(), w.used, w.resets))
            .collect();
        assert_eq!(
            short,
            [
                ("requests", Some(250_000), Some(Timestamp(360_000))),
                ("input-tokens", Some(1_000_000), Some(Timestamp(1000))),
            ]
        );
    }

    #[test]
    fn spans_come_in_many_shapes() {
        for (text, ms) in [
            ("1s", 1000),
            ("6m0s", 360_000),
            ("20ms", 20),
            ("1h2m3.5s", 3_723_500),
            ("2", 2000),
        ] {
            assert_eq!(span(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "-1", "soon", "5x", "NaN", "1e300", "s"] {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
