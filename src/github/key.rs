//! The App's private key, and the short-lived JWTs that it signs.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::model::{AppId, Timestamp};

/// How far a JWT's `iat` lies in the past, in seconds: GitHub recommends 60 against clock drift,
/// <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>.
const BACKDATED_SECONDS: i64 = 60;

/// How long a JWT lives from now, in seconds: GitHub allows 10 minutes and clocks drift.
const LIFE_SECONDS: i64 = 9 * 60;

/// The private key of the GitHub App.
#[derive(Clone)]
pub struct AppKey(EncodingKey);

/// Says why a text is no private key that GitHub's Apps have. The text itself is never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is no PEM at all.
    #[error("the App's private key is not PEM text; it begins with `-----BEGIN RSA PRIVATE KEY-----`")]
    NotPem,
    /// It is PEM, but no RSA private key.
    #[error("the App's private key is not an RSA private key (PKCS#1 or PKCS#8, without a passphrase)")]
    NotRsa,
}

impl AppKey {
    /// Reads a key in PEM, as GitHub hands it out (PKCS#1) or converted (PKCS#8).
    ///
    /// Line breaks written as `\n` are accepted, because environment files cannot hold real ones.
    ///
    /// # Errors
    /// The text holds no RSA private key.
    pub fn from_pem(pem: &SecretString) -> Result<Self, KeyError> {
        let text = pem.expose_secret().trim();
        if !text.starts_with("-----BEGIN ") {
            return Err(KeyError::NotPem);
        }
        if !text.contains("PRIVATE KEY-----") {
            return Err(KeyError::NotRsa);
        }
        let key = if text.contains("\\n") {
            let unfolded = SecretString::from(text.replace("\\r", "").replace("\\n", "\n"));
            EncodingKey::from_rsa_pem(unfolded.expose_secret().as_bytes())
        } else {
            EncodingKey::from_rsa_pem(text.as_bytes())
        };
        // Some broken keys are noticed only when they sign.
        let key = Self(key.map_err(|_| KeyError::NotRsa)?);
        key.jwt(AppId(0), Timestamp(0))
            .map(|_| key)
            .ok_or(KeyError::NotRsa)
    }

    /// Signs a JWT with which the App speaks for itself; `None` where the key cannot sign.
    pub(super) fn jwt(&self, app: AppId, now: Timestamp) -> Option<SecretString> {
        let now = now.0.div_euclid(1000);
        let claims = Claims {
            iat: now - BACKDATED_SECONDS,
            exp: now + LIFE_SECONDS,
            iss: app.to_string(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.0)
            .ok()
            .map(SecretString::from)
    }
}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppKey(…)")
    }
}

#[derive(Serialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: String,
}

#[cfg(test)]
mod tests;
