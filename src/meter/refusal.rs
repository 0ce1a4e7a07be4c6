//! Answers that the meter gives itself, in the shape in which the harness's dialect tells errors.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use crate::model::Dialect;

/// An error for the harness. None of them is worth a repetition, and all say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
    /// None where everything was tried: then the status is the one that stops the dialect's harnesses.
    status: Option<StatusCode>,
}

impl Refusal {
    /// The attempt may not ask this, or not any more. 403, because software development kits do not repeat it.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// The request is malformed, or asks for what cannot be counted.
    pub(super) fn wrong(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// All repetitions were in vain, or no byte came in time.
    pub(super) fn in_vain(message: impl Into<String>) -> Self {
        Self {
            message: format!("footplate: {}", message.into()),
            status: None,
        }
    }

    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            message: format!("footplate: {}", message.into()),
            status: Some(status),
        }
    }

    /// The status for harnesses that speak this dialect.
    ///
    /// All repeat 429 and 5xx, and codex every status but 400; gemini repeats 504. But claude answers a 400 by
    /// asking five times more, and nothing else that says that it is the last word.
    pub(super) fn status(&self, dialect: Dialect) -> StatusCode {
        self.status.unwrap_or(match dialect {
            Dialect::Anthropic => StatusCode::GATEWAY_TIMEOUT,
            Dialect::Openai | Dialect::Gemini => StatusCode::BAD_REQUEST,
        })
    }

    /// Head and body of the answer.
    pub(super) fn parts(&self, dialect: Dialect) -> (HeaderMap, Bytes) {
        let body = Bytes::from(self.body(dialect));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        mark_final(&mut headers);
        (headers, body)
    }

    fn body(&self, dialect: Dialect) -> String {
        let (message, status) = (&self.message, self.status(dialect));
        let error = match dialect {
            Dialect::Anthropic => json!({
                "type": "error",
                "error": {"type": kind(status), "message": message},
            }),
            Dialect::Openai => json!({
                "error": {"message": message, "type": kind(status), "param": null, "code": kind(status)},
            }),
            Dialect::Gemini => json!({
                "error": {"code": status.as_u16(), "message": message, "status": google(status)},
            }),
        };
        error.to_string()
    }
}

fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        504 => "timeout_error",
        _ => "invalid_request_error",
    }
}

/// Names of `google.rpc.Code`.
fn google(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        504 => "DEADLINE_EXCEEDED",
        _ => "INVALID_ARGUMENT",
    }
}

/// Says that the answer is the last word: Anthropic's and OpenAI's kits read this header before the status.
pub(super) fn mark_final(headers: &mut HeaderMap) {
    headers.insert("x-should-retry", HeaderValue::from_static("false"));
}
