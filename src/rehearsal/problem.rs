//! How GitHub says no: a status, a message and, for 422, what is wrong with which field.

use serde_json::{Value, json};

/// A refusal in GitHub's form.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{status} {message} {errors:?}")]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// GitHub's sentence.
    pub message: String,
    /// Entries of the `errors` array of a 422.
    pub errors: Vec<Value>,
    /// Extra headers, such as `retry-after`.
    pub headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// A refusal without details.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// 404, also GitHub's answer to those who may not know that something exists.
    pub fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    /// 401 for a token that is unknown, expired or revoked.
    pub fn bad_credentials() -> Self {
        Self::new(401, "Bad credentials")
    }

    /// 403 for a token that lacks a permission; `needed` in the form of `X-Accepted-GitHub-Permissions`.
    pub fn not_accessible(needed: &str) -> Self {
        let mut problem = Self::new(403, "Resource not accessible by integration");
        problem
            .headers
            .push(("x-accepted-github-permissions", needed.to_owned()));
        problem
    }

    /// 422 about one field, with a code of GitHub's (`missing_field`, `invalid`, `already_exists`).
    pub fn invalid(resource: &str, field: &str, code: &str) -> Self {
        let mut problem = Self::new(422, "Validation Failed");
        problem
            .errors
            .push(json!({"resource": resource, "field": field, "code": code}));
        problem
    }

    /// 422 with a sentence of its own.
    pub fn custom(resource: &str, field: &str, message: impl Into<String>) -> Self {
        let mut problem = Self::new(422, "Validation Failed");
        problem.errors.push(json!({
            "resource": resource, "field": field, "code": "custom", "message": message.into(),
        }));
        problem
    }

    /// 422 for a body of the wrong shape, refused before anyone looks at its meaning.
    pub fn schema(message: impl std::fmt::Display) -> Self {
        Self::new(422, format!("Invalid request.\n\n{message}"))
    }

    /// The body as GitHub sends it.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.to_string(),
        });
        if !self.errors.is_empty() {
            body["errors"] = Value::Array(self.errors.clone());
        }
        body
    }
}

impl From<git2::Error> for Problem {
    fn from(error: git2::Error) -> Self {
        Self::new(500, format!("git: {}", error.message()))
    }
}
