//! Values that must not be shown.

use secrecy::{ExposeSecret, SecretString};

/// A secret as it was configured: its text, or the name of the environment variable that would have held it.
///
/// Neither `Debug` nor any error shows the text.
#[derive(Debug, Clone)]
pub enum Secret {
    /// The text.
    Text(SecretString),
    /// `env:NAME` was written, and the variable is not set. Only who needs the secret fails.
    Unset {
        /// The variable's name.
        variable: String,
    },
}

impl Secret {
    /// The text, where there is one.
    pub fn text(&self) -> Option<&SecretString> {
        match self {
            Self::Text(text) => Some(text),
            Self::Unset { .. } => None,
        }
    }

    /// Reads `env:NAME` or the text itself; `None` where it is empty or names no variable.
    pub(super) fn read(written: &str, env: &impl Fn(&str) -> Option<String>) -> Option<Self> {
        let Some(variable) = written.strip_prefix("env:") else {
            return (!written.is_empty()).then(|| Self::Text(written.into()));
        };
        let fits = !variable.is_empty() && variable.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !fits {
            return None;
        }
        Some(match env(variable).filter(|text| !text.is_empty()) {
            Some(text) => Self::Text(text.into()),
            None => Self::Unset {
                variable: variable.to_owned(),
            },
        })
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.expose_secret() == b.expose_secret(),
            (Self::Unset { variable: a }, Self::Unset { variable: b }) => a == b,
            _ => false,
        }
    }
}
