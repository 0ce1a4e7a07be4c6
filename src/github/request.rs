//! How requests are written and where lists go on.

use std::fmt::Write as _;

use bytes::Bytes;
use http::Method;
use serde::Serialize;

use super::answer;
use super::wire::{Answer, Call};

/// A read.
pub(super) fn get(path: &str) -> Call {
    Call {
        method: Method::GET,
        path: path.to_owned(),
        body: None,
    }
}

/// A call with a JSON body.
pub(super) fn with_body(method: Method, path: &str, body: &impl Serialize) -> Call {
    let body = serde_json::to_vec(body).expect("our bodies are plain structs and maps with text keys");
    Call {
        method,
        path: path.to_owned(),
        body: Some(Bytes::from(body)),
    }
}

/// A call without a body.
pub(super) fn bare(method: Method, path: &str) -> Call {
    Call {
        method,
        path: path.to_owned(),
        body: None,
    }
}

/// A text as one segment of a path or one value of a query: everything but unreserved characters is encoded.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The address of the next page, where the answer names one.
pub(super) fn next_link(answer: &Answer) -> Option<&str> {
    let links = answer::text(&answer.headers, "link")?;
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    next.trim()
        .strip_prefix('<')?
        .split_once('>')
        .map(|(address, _)| address)
}
