//! The webhook door: raw bytes become a [`Delivery`] only when their signature is right.
//!
//! The door knows nothing of HTTP servers, routes or storage: it takes headers and a body, and says what to
//! answer when it refuses.

use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::{Facts, IssueText, payload};
use crate::model::{AppId, DeliveryId};

/// The largest body that GitHub sends: 25 MB, <https://docs.github.com/en/webhooks/webhook-events-and-payloads>.
///
/// A server in front of the door must let this much through (axum stops at 2 MB unless told).
pub const MAX_BODY_BYTES: usize = 25 * 1024 * 1024;

/// Checks the signatures of webhook calls.
#[derive(Clone)]
pub struct Door {
    keys: Vec<Hmac<Sha256>>,
    app: Option<AppId>,
}

impl Door {
    /// Opens a door that accepts what is signed with any of the secrets: one, or two while it is rotated.
    ///
    /// Empty secrets are skipped; without any secret every call is refused. Where `app` is given, calls that
    /// say they are meant for another App are refused.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>, app: Option<AppId>) -> Self {
        let keys = secrets
            .into_iter()
            .map(ExposeSecret::expose_secret)
            .filter(|secret| !secret.is_empty())
            .map(|secret| Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length"))
            .collect();
        Self { keys, app }
    }

    /// Refuses a call that no body could save: it is not signed, or not in the right form. What this lets pass is
    /// not let in yet.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn glance(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        signature(headers).map(|_| ())
    }

    /// Lets a webhook call in.
    ///
    /// The signature is computed over the raw bytes, before anything in them is looked at, and compared in
    /// constant time.
    ///
    /// # Errors
    /// A [`Rejection`], which knows the status and the sentence to answer.
    pub fn verify(&self, headers: &HeaderMap, body: &Bytes) -> Result<Delivery, Rejection> {
        if self.keys.is_empty() {
            return Err(Rejection::NoSecret);
        }
        if body.len() > MAX_BODY_BYTES {
            return Err(Rejection::TooLarge);
        }
        let event = word(headers, "x-github-event")?;
        let id = word(headers, "x-github-delivery")?;
        let id = DeliveryId::new(id).map_err(|_| Rejection::BadHeader("X-GitHub-Delivery"))?;
        self.check_signature(headers, body)?;
        let target = self.check_target(headers)?;
        if is_form(headers) {
            return Err(Rejection::Form);
        }
        Ok(Delivery {
            id,
            event: event.to_owned(),
            target,
            body: body.clone(),
        })
    }

    fn check_signature(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Rejection> {
        let signature = signature(headers)?;
        let right = |key: &Hmac<Sha256>| key.clone().chain_update(body).verify_slice(&signature).is_ok();
        if self.keys.iter().any(right) {
            Ok(())
        } else {
            Err(Rejection::BadSignature)
        }
    }

    /// The target headers are not signed, so they can only refuse, never admit: a call that went to the
    /// wrong server of two with the same secret is caught here. Old enterprise servers do not send them.
    fn check_target(&self, headers: &HeaderMap) -> Result<Option<AppId>, Rejection> {
        let kind = headers.get("x-github-hook-installation-target-type");
        let target = headers.get("x-github-hook-installation-target-id");
        let (Some(kind), Some(target)) = (kind, target) else {
            return Ok(None);
        };
        let number = target.to_str().ok().and_then(|text| text.parse().ok()).map(AppId);
        let ours = kind == "integration" && number.is_some() && (self.app.is_none() || self.app == number);
        if ours {
            Ok(number)
        } else {
            Err(Rejection::OtherTarget)
        }
    }
}

/// The signature that a call claims.
fn signature(headers: &HeaderMap) -> Result<[u8; 32], Rejection> {
    let Some(header) = headers.get("x-hub-signature-256") else {
        let sha1 = headers.contains_key("x-hub-signature");
        return Err(if sha1 {
            Rejection::Sha1Only
        } else {
            Rejection::Unsigned
        });
    };
    let mut signature = [0; 32];
    header
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("sha256="))
        .and_then(|digits| hex::decode_to_slice(digits, &mut signature).ok())
        .ok_or(Rejection::BadSignature)?;
    Ok(signature)
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door")
            .field("secrets", &self.keys.len())
            .field("app", &self.app)
            .finish()
    }
}

/// A webhook call whose signature was right. Only [`Door::verify`] makes one.
#[derive(Debug, Clone)]
pub struct Delivery {
    id: DeliveryId,
    event: String,
    target: Option<AppId>,
    body: Bytes,
}

impl Delivery {
    /// Identifies the call; a redelivery has the same id.
    pub fn id(&self) -> &DeliveryId {
        &self.id
    }

    /// The event, such as `issues`.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The App for which the call is meant, where GitHub said so.
    pub fn target(&self) -> Option<AppId> {
        self.target
    }

    /// The bytes exactly as they came.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Reads the facts.
    ///
    /// # Errors
    /// The body is no JSON object in UTF-8, or is nested too deep. Every JSON object is accepted, whatever
    /// the event and whatever is in it.
    pub fn facts(&self) -> Result<Facts, Rejection> {
        payload::facts(&self.event, &self.body)
    }

    /// Reads the text of the issue or pull request that the delivery carries; `None` where it carries none.
    ///
    /// # Errors
    /// As [`Delivery::facts`].
    pub fn issue_text(&self) -> Result<Option<IssueText>, Rejection> {
        payload::issue_text(&self.body)
    }
}

/// Says why a webhook call is refused, in a sentence for the person who looks at the App's delivery log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No webhook secret is configured here, so nothing can be checked.
    #[error(
        "No webhook secret is configured on this server, so it accepts no webhooks; set one and redeliver."
    )]
    NoSecret,
    /// The body is larger than GitHub's own limit.
    #[error("The body is larger than 25 MB, the largest that GitHub sends.")]
    TooLarge,
    /// A header is missing.
    #[error("The header {0} is missing.")]
    MissingHeader(&'static str),
    /// A header holds something else than GitHub writes there.
    #[error("The header {0} does not hold what GitHub writes there.")]
    BadHeader(&'static str),
    /// There is no signature at all.
    #[error(
        "The webhook is not signed: the header X-Hub-Signature-256 is missing; set a secret in the App's settings."
    )]
    Unsigned,
    /// There is a SHA-1 signature only.
    #[error(
        "The webhook is signed with SHA-1 only; Footplate wants the SHA-256 signature in X-Hub-Signature-256."
    )]
    Sha1Only,
    /// The signature does not fit the body.
    #[error(
        "The signature in X-Hub-Signature-256 does not match the body; compare the webhook secret here and in the App's settings."
    )]
    BadSignature,
    /// The call is meant for another App, or comes from a repository's own webhook.
    #[error("The webhook is meant for another App than the one configured here.")]
    OtherTarget,
    /// The body is a form instead of JSON.
    #[error("The webhook's content type is a form; choose application/json in the App's settings.")]
    Form,
    /// The body is not UTF-8.
    #[error("The body is not valid UTF-8.")]
    NotUtf8,
    /// The body is not a JSON object, for instance because it was cut off.
    #[error("The body is not a complete JSON object.")]
    NotJson,
    /// The body is nested deeper than any payload of GitHub's.
    #[error("The body is nested deeper than 128 levels.")]
    TooDeep,
}

impl Rejection {
    /// The status to answer with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NoSecret => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unsigned | Self::Sha1Only | Self::BadSignature => StatusCode::UNAUTHORIZED,
            Self::OtherTarget => StatusCode::FORBIDDEN,
            Self::Form => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MissingHeader(_) | Self::BadHeader(_) | Self::NotUtf8 | Self::NotJson | Self::TooDeep => {
                StatusCode::BAD_REQUEST
            }
        }
    }

    /// The body to answer with: `{"error": sentence}`.
    pub fn body(self) -> String {
        serde_json::json!({ "error": self.to_string() }).to_string()
    }
}

/// A header that holds a short word, as GitHub's event names and delivery ids are.
fn word<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Rejection> {
    let shown = match name {
        "x-github-event" => "X-GitHub-Event",
        _ => "X-GitHub-Delivery",
    };
    let value = headers.get(name).ok_or(Rejection::MissingHeader(shown))?;
    let fits = |text: &&str| {
        (1..=100).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    value
        .to_str()
        .ok()
        .filter(fits)
        .ok_or(Rejection::BadHeader(shown))
}

fn is_form(headers: &HeaderMap) -> bool {
    let form = b"application/x-www-form-urlencoded";
    headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes()
            .get(..form.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(form))
    })
}

#[cfg(test)]
mod tests;
