//! How an agent's own last word is written down, whatever its dialect.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// What a harness said of its own end, typed from fields of its last event.
///
/// A harness that has such an event and ended without it has an error of the kind
/// [`TerminalKind::NoResult`]; one that knows no such event, as the `command` harness, has no `Terminal`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Terminal {
    /// Whether it called its end a success. This is its opinion, not a verdict.
    pub ok: bool,
    /// Why it was none.
    pub error: Option<TerminalError>,
    /// Whether its answer was cut off by a limit of output tokens, as it says itself.
    pub truncated: bool,
    /// Whether the model or its provider refused, as it says itself.
    pub refused: bool,
    /// The final answer, cleaned; of long ones the last 64 KiB. Empty where it gave none.
    pub text: String,
}

/// Why a harness called its end no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalError {
    /// What it was.
    pub kind: TerminalKind,
    /// The HTTP status of the model's endpoint, where the harness told one.
    pub status: Option<u16>,
    /// When the provider may be asked again, where the harness told it.
    pub until: Option<Timestamp>,
}

/// What ended a harness, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminalKind {
    /// The endpoint answered 429.
    RateLimited,
    /// The endpoint refused the key: 401, 402 or 403.
    Auth,
    /// The endpoint does not know the model: 404.
    UnknownModel,
    /// The endpoint failed (5xx), was not reached, or broke off.
    Unavailable,
    /// The endpoint called the request wrong: any other 4xx.
    Rejected,
    /// The harness met a limit of its own on turns, tool calls, time or money.
    Limit,
    /// The model called tools in a way that cannot be read, again and again.
    MalformedCall,
    /// The model gave no answer.
    Empty,
    /// It was interrupted.
    Interrupted,
    /// There was no last event.
    NoResult,
    /// Anything else.
    Other,
}

impl Terminal {
    /// A success with this answer.
    pub(in crate::agent) fn success(text: String) -> Self {
        Self {
            ok: true,
            text,
            ..Self::default()
        }
    }

    /// An end for this reason.
    pub(super) fn failure(kind: TerminalKind) -> Self {
        Self {
            error: Some(TerminalError {
                kind,
                status: None,
                until: None,
            }),
            ..Self::default()
        }
    }
}

impl TerminalError {
    /// What an HTTP status of the model's endpoint means.
    pub(super) fn of_status(status: u16) -> Self {
        let kind = match status {
            429 => TerminalKind::RateLimited,
            401..=403 => TerminalKind::Auth,
            404 => TerminalKind::UnknownModel,
            400..=499 => TerminalKind::Rejected,
            500..=599 => TerminalKind::Unavailable,
            _ => TerminalKind::Other,
        };
        Self {
            kind,
            status: Some(status),
            until: None,
        }
    }
}
