//! Answers that the meter gives itself, in the shape in which the harness's dialect tells errors.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use crate::model::Dialect;

/// An error for the harness. None of them is worth a repetition, and all say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
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

    /// All repetitions were in vain.
    ///
    /// 400, because five of six measured harnesses do not repeat it, and the sixth, claude, does so six times without
    /// pauses; 403 is repeated by codex, 401 by both, and all repeat 429 and 5xx.
    pub(super) fn in_vain(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// No byte came in time.
    pub(super) fn too_late(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, message)
    }

    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: format!("footplate: {}", message.into()),
        }
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
        let message = &self.message;
        let error = match dialect {
            Dialect::Anthropic => json!({
                "type": "error",
                "error": {"type": self.kind(), "message": message},
            }),
            Dialect::Openai => json!({
                "error": {"message": message, "type": self.kind(), "param": null, "code": self.kind()},
            }),
            Dialect::Gemini => json!({
                "error": {"code": self.status.as_u16(), "message": message, "status": self.google()},
            }),
        };
        error.to_string()
    }

    fn kind(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            504 => "timeout_error",
            _ => "invalid_request_error",
        }
    }

    /// Names of `google.rpc.Code`.
    fn google(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            504 => "DEADLINE_EXCEEDED",
            _ => "INVALID_ARGUMENT",
        }
    }
}

/// Says that the answer is the last word: Anthropic's and OpenAI's kits read this header before the status.
pub(super) fn mark_final(headers: &mut HeaderMap) {
    headers.insert("x-should-retry", HeaderValue::from_static("false"));
}
