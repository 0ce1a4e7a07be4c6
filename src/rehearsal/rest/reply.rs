//! Answers: pages of lists, ETags, headers.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::problem::Problem;

/// An answer before it is put on the wire.
pub(in super::super) struct Reply {
    status: u16,
    body: Value,
    raw: Option<Bytes>,
    headers: Vec<(&'static str, String)>,
    list: List,
}

/// Whether the body is a list that is cut into pages.
enum List {
    No,
    Bare,
    /// The list stands under this key, beside `total_count`.
    Under(&'static str),
}

impl Reply {
    /// 200 with JSON.
    pub(in super::super) fn ok(body: Value) -> Self {
        Self::status(200, body)
    }

    /// 201 with JSON.
    pub(in super::super) fn created(body: Value) -> Self {
        Self::status(201, body)
    }

    /// Any status with JSON.
    pub(in super::super) fn status(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            raw: None,
            headers: Vec::new(),
            list: List::No,
        }
    }

    /// A status without a body.
    pub(in super::super) fn empty(status: u16) -> Self {
        let mut reply = Self::status(status, Value::Null);
        reply.raw = Some(Bytes::new());
        reply
    }

    /// 200 with bytes that are not JSON.
    pub(in super::super) fn bytes(bytes: Vec<u8>) -> Self {
        let mut reply = Self::empty(200);
        reply.raw = Some(bytes.into());
        reply
    }

    /// A list, cut into pages by `per_page` and `page`.
    pub(in super::super) fn list(items: Vec<Value>) -> Self {
        let mut reply = Self::ok(Value::Array(items));
        reply.list = List::Bare;
        reply
    }

    /// A list under a key with its `total_count`.
    pub(in super::super) fn counted(key: &'static str, items: Vec<Value>) -> Self {
        let mut reply = Self::ok(Value::Array(items));
        reply.list = List::Under(key);
        reply
    }

    /// A refusal.
    pub(in super::super) fn problem(problem: &Problem) -> Self {
        let mut reply = Self::status(problem.status, problem.body());
        reply.headers.clone_from(&problem.headers);
        reply
    }

    /// Adds a header.
    pub(in super::super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Cuts a list into pages and links them.
    pub(in super::super) fn paged(mut self, url: &str, query: &[(String, String)]) -> Self {
        if matches!(self.list, List::No) {
            return self;
        }
        let number = |name: &str, default: usize| {
            query
                .iter()
                .find(|(n, _)| n == name)
                .and_then(|(_, v)| v.parse().ok())
                .unwrap_or(default)
        };
        let per_page = number("per_page", 30).clamp(1, 100);
        let page = number("page", 1).max(1);
        let Value::Array(items) = std::mem::take(&mut self.body) else {
            return self;
        };
        let total = items.len();
        let last = total.div_ceil(per_page).max(1);
        let shown: Vec<Value> = items
            .into_iter()
            .skip((page - 1) * per_page)
            .take(per_page)
            .collect();
        self.body = match self.list {
            List::Under(key) => serde_json::json!({"total_count": total, key: shown}),
            List::Bare | List::No => Value::Array(shown),
        };
        let link = |number: usize, rel: &str| {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in query.iter().filter(|(n, _)| n != "page") {
                pairs.append_pair(name, value);
            }
            pairs.append_pair("page", &number.to_string());
            format!("<{url}?{}>; rel=\"{rel}\"", pairs.finish())
        };
        let mut links = Vec::new();
        if page > 1 {
            links.push(link(page - 1, "prev"));
        }
        if page < last {
            links.push(link(page + 1, "next"));
            links.push(link(last, "last"));
        }
        if page > 1 {
            links.push(link(1, "first"));
        }
        if !links.is_empty() {
            self.headers.push(("link", links.join(", ")));
        }
        self
    }

    /// Puts the answer on the wire; a known ETag becomes 304.
    pub(in super::super) fn finish(
        self,
        asked: &HeaderMap,
        extra: &[(&'static str, String)],
    ) -> Response<Bytes> {
        let json = self.raw.is_none();
        let bytes = self.raw.unwrap_or_else(|| self.body.to_string().into());
        let mut response = Response::new(bytes);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or_default();
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response
                    .headers_mut()
                    .insert(HeaderName::from_static(name), value);
            }
        };
        put("server", "github.com");
        put("x-github-request-id", &super::super::acts::guid());
        put("x-github-media-type", "github.v3; format=json");
        if json {
            put("content-type", "application/json; charset=utf-8");
        }
        for (name, value) in extra.iter().chain(&self.headers) {
            put(name, value);
        }
        if self.status == 200 {
            let tag = format!("W/\"{}\"", hex::encode(Sha256::digest(response.body())));
            let known = asked.get("if-none-match").and_then(|v| v.to_str().ok()) == Some(tag.as_str());
            if known {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                *response.body_mut() = Bytes::new();
                response.headers_mut().remove("content-type");
            }
            if let Ok(tag) = HeaderValue::from_str(&tag) {
                response.headers_mut().insert("etag", tag);
            }
        }
        response
    }
}
