//! What clients asked, kept for tests: every request, and every breach of manners.

use serde_json::Value;

/// One request on the API as it arrived, and how it was answered.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The method in capitals.
    pub method: String,
    /// The path below the API's root, percent-encoded as it arrived, such as `/repos/o/r/issues/1`.
    pub path: String,
    /// Query parameters in order, decoded.
    pub query: Vec<(String, String)>,
    /// Headers in order, names in lower case; `authorization` holds only its scheme.
    pub headers: Vec<(String, String)>,
    /// The body, where it is JSON.
    pub body: Option<Value>,
    /// The route's template, such as `/repos/{owner}/{repo}/issues/{number}`; `None` where it is unknown.
    pub route: Option<&'static str>,
    /// The status of the answer; 0 where a fault left it unanswered.
    pub status: u16,
    /// The answer's body, where it is JSON.
    pub answer: Option<Value>,
}

/// Something that no well-behaved client does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What was asked, as `METHOD /path`.
    pub request: String,
    /// What is wrong with it, a sentence.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.request, self.what)
    }
}
