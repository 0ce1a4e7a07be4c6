//! Reads GitHub's payloads leniently: a borrowed view of the few fields that matter, everything else skipped.
//!
//! It is our own because generated models are gates: they refuse actions and shapes that GitHub added after
//! they were written, and cost several times as much.

mod depth;
mod view;

use serde::de::IgnoredAny;

use self::depth::is_too_deep;
use self::view::{Core, TextView, View};

use super::door::Rejection;
use super::facts::{Facts, IssueText};

/// Reads the facts of an event.
pub(super) fn facts(event: &str, body: &[u8]) -> Result<Facts, Rejection> {
    let text = checked(body)?;
    match serde_json::from_str::<View<'_>>(text) {
        Ok(view) => Ok(view.into_facts(event)),
        Err(error) if error.is_data() => salvage(event, text, &error),
        Err(_) => Err(Rejection::NotJson),
    }
}

/// Reads the title and body of the issue, or else of the pull request.
pub(super) fn issue_text(body: &[u8]) -> Result<Option<IssueText>, Rejection> {
    let view: TextView<'_> = serde_json::from_str(checked(body)?).map_err(|_| Rejection::NotJson)?;
    Ok(view.into_text())
}

/// Keeps what can be kept of a JSON object whose shape is not the documented one: GitHub signed it, so it is
/// a delivery, and refusing it would lose it for good.
fn salvage(event: &str, text: &str, why: &serde_json::Error) -> Result<Facts, Rejection> {
    // The first error may have come before the end of the text; whether all of it is JSON is still open.
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| Rejection::NotJson)?;
    let mut facts = Facts {
        event: event.to_owned(),
        unreadable: Some(why.to_string()),
        ..Facts::default()
    };
    if let Ok(core) = serde_json::from_str::<Core<'_>>(text) {
        core.add_to(&mut facts);
    }
    Ok(facts)
}

/// Checks what must hold before parsing: UTF-8, an object, no absurd nesting.
fn checked(body: &[u8]) -> Result<&str, Rejection> {
    let text = std::str::from_utf8(body).map_err(|_| Rejection::NotUtf8)?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err(if is_too_deep(body) {
            Rejection::TooDeep
        } else {
            Rejection::NotJson
        });
    }
    if is_too_deep(body) {
        Err(Rejection::TooDeep)
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
