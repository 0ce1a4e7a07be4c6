//! Which of a provider's doors a request wants to go through.
//!
//! Only those are open through which models are asked in a way that can be counted, and the few that cost nothing.
//! The key must not buy what nobody counts: batches, files, fine-tuning.

use http::Method;
use url::Url;

use crate::model::Dialect;

/// A door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Anthropic: `POST /v1/messages`.
    Messages,
    /// Anthropic: `POST /v1/messages/count_tokens`, free of charge.
    CountTokens,
    /// OpenAI: `POST /v1/chat/completions`.
    Chat,
    /// OpenAI: `POST /v1/responses`.
    Responses,
    /// Gemini: `POST /v1beta/models/ID:generateContent`, or `:streamGenerateContent`.
    Generate {
        version: String,
        model: String,
        stream: bool,
    },
    /// Gemini: `POST /v1beta/models/ID:countTokens`, free of charge.
    GeminiCount { version: String, model: String },
    /// `GET /v1/models`, or one of them.
    Models { version: String, one: Option<String> },
}

impl Endpoint {
    /// The door that a path below the token leads to.
    pub(super) fn find(dialect: Dialect, method: &Method, path: &str) -> Option<Self> {
        let path = path.trim_start_matches('/');
        let (version, rest) = match path.split_once('/') {
            Some((version, rest)) if is_version(version) => (version, rest),
            _ => ("", path),
        };
        let or = |usual: &str| if version.is_empty() { usual } else { version }.to_owned();
        if *method == Method::GET {
            let version = or(if dialect == Dialect::Gemini {
                "v1beta"
            } else {
                "v1"
            });
            let one = match rest.strip_prefix("models")? {
                "" => None,
                one => Some(one.strip_prefix('/').filter(|one| is_model(one))?.to_owned()),
            };
            return Some(Self::Models { version, one });
        }
        if *method != Method::POST {
            return None;
        }
        match (dialect, rest) {
            (Dialect::Anthropic, "messages") => Some(Self::Messages),
            (Dialect::Anthropic, "messages/count_tokens") => Some(Self::CountTokens),
            (Dialect::Openai, "chat/completions") => Some(Self::Chat),
            (Dialect::Openai, "responses") => Some(Self::Responses),
            (Dialect::Gemini, rest) => {
                let rest = rest
                    .strip_prefix("models/")?
                    .replace("%3A", ":")
                    .replace("%3a", ":");
                let (model, verb) = rest.rsplit_once(':').filter(|(model, _)| is_model(model))?;
                let (version, model) = (or("v1beta"), model.to_owned());
                match verb {
                    "generateContent" => Some(Self::Generate {
                        version,
                        model,
                        stream: false,
                    }),
                    "streamGenerateContent" => Some(Self::Generate {
                        version,
                        model,
                        stream: true,
                    }),
                    "countTokens" => Some(Self::GeminiCount { version, model }),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whether a model is asked, so that it is counted and paid.
    pub(super) fn asks_a_model(&self) -> bool {
        matches!(
            self,
            Self::Messages | Self::Chat | Self::Responses | Self::Generate { .. }
        )
    }

    /// The address of this door at a provider, with a query of ours.
    ///
    /// A base URL that has a version (`/v1`, `/api/paas/v4`) keeps its own; OpenAI's compatible servers put theirs
    /// into the base URL, whatever it looks like.
    pub(super) fn address(&self, base: &Url, dialect: Dialect, query: Option<&str>) -> Url {
        let stem = base.path().trim_end_matches('/');
        let has_version = stem.rsplit('/').next().is_some_and(is_version)
            || (dialect == Dialect::Openai && !stem.is_empty());
        let version = match self {
            _ if has_version => "",
            Self::Generate { version, .. }
            | Self::GeminiCount { version, .. }
            | Self::Models { version, .. } => version,
            _ => "v1",
        };
        let slash = if version.is_empty() { "" } else { "/" };
        let mut address = base.clone();
        address.set_path(&format!("{stem}{slash}{version}/{}", self.path()));
        address.set_query(query);
        address
    }

    /// The path below the version.
    fn path(&self) -> String {
        match self {
            Self::Messages => "messages".to_owned(),
            Self::CountTokens => "messages/count_tokens".to_owned(),
            Self::Chat => "chat/completions".to_owned(),
            Self::Responses => "responses".to_owned(),
            Self::Generate {
                model, stream: false, ..
            } => format!("models/{model}:generateContent"),
            Self::Generate {
                model, stream: true, ..
            } => format!("models/{model}:streamGenerateContent"),
            Self::GeminiCount { model, .. } => format!("models/{model}:countTokens"),
            Self::Models { one: None, .. } => "models".to_owned(),
            Self::Models { one: Some(one), .. } => format!("models/{one}"),
        }
    }
}

/// `v1`, `v4`, `v1beta`, `v1alpha`.
fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// Names of models, of which some have a vendor and a slash; never a way up, never an escape.
fn is_model(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && name
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':' | b'@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(dialect: Dialect, base: &str, path: &str) -> Option<String> {
        let base = Url::parse(base).expect("a URL");
        let endpoint = Endpoint::find(dialect, &Method::POST, path)?;
        Some(endpoint.address(&base, dialect, None).into())
    }

    #[test]
    fn every_vendors_base_url_leads_to_its_door() {
        use Dialect::{Anthropic, Gemini, Openai};
        for (dialect, base, path, wanted) in [
            (
                Anthropic,
                "https://api.anthropic.com",
                "/v1/messages",
                "https://api.anthropic.com/v1/messages",
            ),
            (
                Anthropic,
                "https://api.moonshot.ai/anthropic",
                "/v1/messages",
                "https://api.moonshot.ai/anthropic/v1/messages",
            ),
            (
                Anthropic,
                "https://x.test/v1/",
                "/v1/messages/count_tokens",
                "https://x.test/v1/messages/count_tokens",
            ),
            (
                Openai,
                "https://api.openai.com/v1",
                "/v1/responses",
                "https://api.openai.com/v1/responses",
            ),
            (
                Openai,
                "https://api.openai.com/v1",
                "/chat/completions",
                "https://api.openai.com/v1/chat/completions",
            ),
            (
                Openai,
                "https://api.deepseek.com",
                "/chat/completions",
                "https://api.deepseek.com/v1/chat/completions",
            ),
            (
                Openai,
                "https://api.z.ai/api/paas/v4",
                "/v1/chat/completions",
                "https://api.z.ai/api/paas/v4/chat/completions",
            ),
            (
                Openai,
                "http://localhost:11434",
                "/v1/chat/completions",
                "http://localhost:11434/v1/chat/completions",
            ),
            (
                Gemini,
                "https://g.test",
                "/v1beta/models/gemini-3.5-flash%3AgenerateContent",
                "https://g.test/v1beta/models/gemini-3.5-flash:generateContent",
            ),
            (
                Gemini,
                "https://g.test/v1beta",
                "/v1beta/models/g:streamGenerateContent",
                "https://g.test/v1beta/models/g:streamGenerateContent",
            ),
        ] {
            assert_eq!(
                address(dialect, base, path).as_deref(),
                Some(wanted),
                "{base} {path}"
            );
        }
    }

    #[test]
    fn doors_that_cannot_be_counted_are_shut() {
        use Dialect::{Anthropic, Gemini, Openai};
        for (dialect, path) in [
            (Anthropic, "/v1/messages/batches"),
            (Anthropic, "/v1/chat/completions"),
            (Anthropic, "/v1/files"),
            (Openai, "/v1/embeddings"),
            (Openai, "/v1/responses/resp_1/cancel"),
            (Openai, "/v1/messages"),
            (Gemini, "/v1beta/models/../files:generateContent"),
            (Gemini, "/v1beta/models/g:batchGenerateContent"),
            (Gemini, "/v1beta/models/a%2Fb:generateContent"),
            (Openai, "/"),
        ] {
            assert_eq!(Endpoint::find(dialect, &Method::POST, path), None, "{path}");
        }
        assert_eq!(Endpoint::find(Openai, &Method::DELETE, "/v1/models/x"), None);
        assert!(Endpoint::find(Openai, &Method::GET, "/v1/models").is_some());
    }
}
