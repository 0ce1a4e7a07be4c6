//! What of a request's and an answer's head goes on, and what stays here.

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, REFERER,
    SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::lease::KeyScheme;

/// Headers that are about one connection, not about the request (RFC 9110, section 7.6.1).
const OF_THE_CONNECTION: &[HeaderName] = &[CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// What a harness sends as its key, wherever it sends it, and what else is set here.
const REPLACED: &[HeaderName] = &[
    AUTHORIZATION,
    COOKIE,
    HOST,
    CONTENT_LENGTH,
    ACCEPT_ENCODING,
    EXPECT,
    FORWARDED,
    REFERER,
    VIA,
];

/// Further ones that the `http` crate has no constant for.
const REPLACED_TOO: &[&str] = &[
    "api-key",
    "keep-alive",
    "openai-organization",
    "openai-project",
    "proxy-connection",
    "x-api-key",
    "x-goog-api-client",
    "x-goog-api-key",
    "x-goog-user-project",
    "x-real-ip",
];

/// Beginnings of headers that name the machine, its workspace, its user or the program's build.
const IDENTIFYING: &[&str] = &[
    "proxy-",
    "x-codex-",
    "x-forwarded-",
    "x-msh-",
    "x-stainless-",
    "x-footplate-",
];

/// The head that goes to the provider: the request's own without what must not leave, with the real key.
pub(super) fn outgoing(asked: &HeaderMap, key: Option<&(KeyScheme, SecretString)>) -> HeaderMap {
    let named = named_by_connection(asked);
    let mut sent = HeaderMap::with_capacity(asked.len());
    for (name, value) in asked {
        let text = name.as_str();
        let stays = OF_THE_CONNECTION.contains(name)
            || REPLACED.contains(name)
            || REPLACED_TOO.contains(&text)
            || IDENTIFYING.iter().any(|beginning| text.starts_with(beginning))
            || named.iter().any(|other| other == text);
        if !stays {
            sent.append(name.clone(), value.clone());
        }
    }
    // Answers are read here, so they must not come compressed.
    sent.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some((scheme, key)) = key {
        let (name, text) = match scheme {
            KeyScheme::Bearer => (AUTHORIZATION, format!("Bearer {}", key.expose_secret())),
            KeyScheme::ApiKey => (
                HeaderName::from_static("x-api-key"),
                key.expose_secret().to_owned(),
            ),
            KeyScheme::GoogApiKey => (
                HeaderName::from_static("x-goog-api-key"),
                key.expose_secret().to_owned(),
            ),
        };
        // Checked when the lease's upstream was made; a key that cannot be sent is not sent.
        if let Ok(mut value) = HeaderValue::from_str(&text) {
            value.set_sensitive(true);
            sent.insert(name, value);
        }
    }
    sent
}

/// The head that goes back to the harness: the provider's own without what is about our connection to it.
pub(super) fn returning(answered: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(answered);
    let mut back = HeaderMap::with_capacity(answered.len());
    for (name, value) in answered {
        let text = name.as_str();
        let stays = OF_THE_CONNECTION.contains(name)
            || *name == SET_COOKIE
            || text == "keep-alive"
            || text == "alt-svc"
            || text.starts_with("proxy-")
            || named.iter().any(|other| other == text);
        if !stays {
            back.append(name.clone(), value.clone());
        }
    }
    back
}

/// The query that goes on: what changes the form of an answer, nothing that could be a key.
pub(super) fn query(asked: Option<&str>) -> Option<String> {
    let kept: Vec<&str> = asked?
        .split('&')
        .filter(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            matches!(name, "alt" | "beta" | "api-version" | "pageSize" | "limit")
                && value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        })
        .collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_the_machine_and_what_the_harness_holds_as_its_key_stay_here() {
        let mut asked = HeaderMap::new();
        for name in [
            "authorization",
            "x-api-key",
            "x-goog-api-key",
            "api-key",
            "cookie",
            "x-msh-device-id",
            "x-codex-turn-metadata",
            "x-stainless-os",
            "accept-encoding",
            "te",
            "x-only-here",
            "proxy-authorization",
            "host",
        ] {
            asked.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static("secret-of-the-client"),
            );
        }
        asked.insert(CONNECTION, HeaderValue::from_static("keep-alive, X-Only-Here"));
        asked.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        asked.insert("user-agent", HeaderValue::from_static("claude-cli"));
        let key = (KeyScheme::ApiKey, SecretString::from("real"));
        let sent = outgoing(&asked, Some(&key));
        let names: Vec<&str> = sent.keys().map(HeaderName::as_str).collect();
        assert_eq!(names.len(), 4, "{names:?}");
        assert_eq!(sent["x-api-key"], "real");
        assert_eq!(sent["accept-encoding"], "identity");
        assert_eq!(sent["anthropic-version"], "2023-06-01");
        assert!(
            !format!("{sent:?}").contains("real"),
            "the key is marked as sensitive"
        );
    }

    #[test]
    fn a_key_in_the_query_stays_here() {
        assert_eq!(query(Some("alt=sse&key=abc")).as_deref(), Some("alt=sse"));
        assert_eq!(query(Some("key=abc&access_token=x")), None);
        assert_eq!(query(Some("beta=true%26key=1")), None);
        assert_eq!(query(None), None);
    }
}
