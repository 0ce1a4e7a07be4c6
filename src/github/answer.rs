//! What an answer of GitHub's means for the caller.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::wire::{Answer, Lost};
use super::{Error, Result};
use crate::model::Timestamp;

/// What doing a call twice does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing is written; it may be repeated within the call.
    Read,
    /// Done twice is done once.
    Repeatable,
    /// Done twice makes two.
    Once,
}

/// The longest that a limit is believed: GitHub's windows are an hour.
const LONGEST_LIMIT: Duration = Duration::from_mins(65);

/// The wait after a limit without figures: GitHub asks for at least a minute,
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>.
const UNSAID_LIMIT: Duration = Duration::from_mins(1);

/// Sorts out what came back. `what` names the thing asked for, `strikes` counts the limits in a row.
pub(super) fn sorted(
    outcome: std::result::Result<Answer, Lost>,
    effect: Effect,
    what: &str,
    now: Timestamp,
    strikes: u32,
) -> Result<Answer> {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(Lost::Astray(why)) => return Err(Error::Broken { why }),
        Err(Lost::Unknown(why)) if effect == Effect::Once => return Err(Error::Unclear { why }),
        Err(Lost::Unsent(why) | Lost::Unknown(why)) => return Err(Error::Transient { after: None, why }),
    };
    if answer.status.is_success() {
        return Ok(answer);
    }
    if let Some(wait) = limited(&answer, now, strikes) {
        return Err(Error::RateLimited {
            until: now.plus(wait),
        });
    }
    let said = Said::read(&answer);
    Err(match answer.status {
        StatusCode::UNAUTHORIZED => Error::Unauthorized {
            message: said.message,
        },
        StatusCode::FORBIDDEN | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => Error::Forbidden {
            message: said.message,
        },
        StatusCode::NOT_FOUND | StatusCode::GONE => Error::NotFound {
            what: what.to_owned(),
        },
        StatusCode::BAD_REQUEST
        | StatusCode::CONFLICT
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Error::Invalid {
            message: said.message,
            errors: said.errors,
        },
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            let why = format!("{}: {}", status.as_u16(), said.message);
            if effect == Effect::Once {
                Error::Unclear { why }
            } else {
                Error::Transient {
                    after: seconds(&answer.headers, "retry-after"),
                    why,
                }
            }
        }
        status => Error::Broken {
            why: format!("status {}: {}", status.as_u16(), said.message),
        },
    })
}

/// Reads the JSON of a success.
pub(super) fn decoded<T: DeserializeOwned>(answer: &Answer, effect: Effect, what: &str) -> Result<T> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        let why = format!("the answer about {what} is not what GitHub documents: {error}");
        match effect {
            // It has probably happened, only we cannot say as what.
            Effect::Once => Error::Unclear { why },
            _ if error.is_eof() => Error::Transient { after: None, why },
            _ => Error::Broken { why },
        }
    })
}

/// How long to wait, where the answer is a limit: `retry-after`, else until the window's reset, else a
/// minute, doubling with every further limit up to a quarter of an hour.
fn limited(answer: &Answer, now: Timestamp, strikes: u32) -> Option<Duration> {
    let (status, headers) = (answer.status, &answer.headers);
    if status != StatusCode::FORBIDDEN && status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    if let Some(wait) = seconds(headers, "retry-after") {
        return Some(wait.min(LONGEST_LIMIT));
    }
    if text(headers, "x-ratelimit-remaining") == Some("0")
        && let Some(wait) = until_reset(headers, now)
    {
        return Some(wait);
    }
    let unsaid = UNSAID_LIMIT * 2u32.pow(strikes.min(4)).min(15);
    let secondary = || {
        let message = Said::read(answer).message.to_ascii_lowercase();
        message.contains("rate limit") || message.contains("abuse detection")
    };
    (status == StatusCode::TOO_MANY_REQUESTS || secondary()).then_some(unsaid)
}

/// How long until the window's reset, at least a second, by GitHub's own clock where it tells the time.
pub(super) fn until_reset(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let reset: i64 = text(headers, "x-ratelimit-reset")?.parse().ok()?;
    let there = text(headers, "date")
        .and_then(|date| {
            jiff::fmt::rfc2822::DateTimeParser::new()
                .parse_timestamp(date)
                .ok()
        })
        .map_or(now.0.div_euclid(1000), jiff::Timestamp::as_second);
    let wait = u64::try_from(reset.saturating_sub(there)).unwrap_or(0);
    Some(Duration::from_secs(wait.max(1)).min(LONGEST_LIMIT))
}

/// A header as text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn seconds(headers: &HeaderMap, name: &str) -> Option<Duration> {
    text(headers, name)?.trim().parse().ok().map(Duration::from_secs)
}

/// What GitHub said, cut to what a log line or a comment can hold.
struct Said {
    message: String,
    errors: Vec<String>,
}

impl Said {
    fn read(answer: &Answer) -> Self {
        #[derive(Deserialize)]
        struct Body {
            message: Option<String>,
            #[serde(default)]
            errors: Option<serde_json::Value>,
        }
        let reason = || {
            answer
                .status
                .canonical_reason()
                .unwrap_or("no reason given")
                .to_owned()
        };
        // An HTML page from a proxy or an outage is no message for anyone.
        let Ok(body) = serde_json::from_slice::<Body>(&answer.body) else {
            return Self {
                message: reason(),
                errors: Vec::new(),
            };
        };
        let errors = match body.errors {
            Some(serde_json::Value::Array(list)) => list.iter().take(10).map(finding).collect(),
            Some(serde_json::Value::String(line)) => vec![clipped(&line)],
            _ => Vec::new(),
        };
        Self {
            message: body.message.map_or_else(reason, |message| clipped(&message)),
            errors,
        }
    }
}

/// One finding of a 422: a sentence, or an object of resource, field, code and message.
fn finding(value: &serde_json::Value) -> String {
    let part = |name: &str| value.get(name).and_then(serde_json::Value::as_str).unwrap_or("");
    let line = match value.as_str() {
        Some(line) => line.to_owned(),
        None => format!("{} {}: {}", part("field"), part("code"), part("message")),
    };
    clipped(line.trim_matches([' ', ':']))
}

/// At most 300 characters on one line.
fn clipped(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect()
}
