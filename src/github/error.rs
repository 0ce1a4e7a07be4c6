//! What can go wrong when GitHub is asked, shaped by what the caller can do about it.

use std::time::Duration;

use crate::model::Timestamp;

/// The result of a call to GitHub.
pub type Result<T> = std::result::Result<T, Error>;

/// Says why a call to GitHub gave no result.
///
/// The messages are GitHub's words or ours, short enough for a log line, and never hold a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The call had no effect, or one that doing it again does not double: try again later.
    #[error("GitHub could not be reached or failed: {why}")]
    Transient {
        /// How long GitHub asks to wait, where it says so.
        after: Option<Duration>,
        /// What happened.
        why: String,
    },
    /// GitHub, or our own manners, allow no call before the moment given.
    #[error("GitHub's rate limit is used up until {until}")]
    RateLimited {
        /// When calls are allowed again.
        until: Timestamp,
    },
    /// A write that creates something may or may not have happened: look it up before doing it again.
    #[error("it is unclear whether GitHub did what was asked: {why}")]
    Unclear {
        /// What happened.
        why: String,
    },
    /// GitHub does not accept our credentials, also not fresh ones: a person must look at the App's key.
    #[error("GitHub refuses the credentials: {message}")]
    Unauthorized {
        /// GitHub's words.
        message: String,
    },
    /// The App may not do this: a permission is missing, the installation is suspended, an IP list refuses.
    #[error("GitHub forbids it: {message}")]
    Forbidden {
        /// GitHub's words.
        message: String,
    },
    /// There is no such thing, no longer, or the App may not see it (GitHub answers both alike).
    #[error("GitHub has no {what}")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// GitHub understood the request and refuses its content; the same request will be refused again.
    #[error("GitHub refuses the request: {message}{}", listed(.errors))]
    Invalid {
        /// GitHub's words.
        message: String,
        /// The single findings, one line each, as `field code: message`.
        errors: Vec<String>,
    },
    /// The answer is none that GitHub gives: an HTML page, JSON of another shape, a wrong address.
    #[error("GitHub's answer makes no sense: {why}")]
    Broken {
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Transient { .. } | Self::RateLimited { .. } | Self::Unclear { .. }
        )
    }

    /// Whether the thing asked for is missing, or invisible to the App.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

fn listed(errors: &[String]) -> String {
    if errors.is_empty() {
        String::new()
    } else {
        format!(" ({})", errors.join("; "))
    }
}
