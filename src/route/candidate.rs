//! A candidate: harness × provider × model × effort.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How hard the model should think, as harnesses name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// The middle.
    Medium,
    /// Much.
    High,
    /// More than high, where a model knows it.
    Xhigh,
    /// As much as the model can.
    Max,
}

/// One way to do a role's work. Written `harness`, or `harness:provider/model`, or either with `@effort`.
///
/// The text splits at the first `:` before the first `/`, and at a last `@` only for a known effort, so
/// that `builtin:ollama/qwen3.6:32b` is what it looks like.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Candidate {
    /// The program that runs the agent loop, such as `claude` or the name of a `command` harness.
    pub harness: String,
    /// Who serves the model; given together with the model, or the harness decides both.
    pub provider: Option<String>,
    /// The model's name at the provider; it may hold `/`, `:` and `@`.
    pub model: Option<String>,
    /// How hard it should think; the harness decides where this is absent.
    pub effort: Option<Effort>,
}

/// Says why a text is no candidate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no candidate: {why}")]
pub struct InvalidCandidate {
    /// What was given, cut to 80 characters.
    pub text: String,
    /// The rule that it breaks.
    pub why: &'static str,
}

impl Effort {
    /// All efforts, from the least to the most.
    pub const ALL: [Self; 6] = [
        Self::Minimal,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Xhigh,
        Self::Max,
    ];

    /// The effort's name as configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str() == text)
    }
}

impl Candidate {
    /// `provider/model`, where the candidate names them.
    pub fn target(&self) -> Option<String> {
        Some(format!("{}/{}", self.provider.as_ref()?, self.model.as_ref()?))
    }
}

impl FromStr for Candidate {
    type Err = InvalidCandidate;

    fn from_str(text: &str) -> Result<Self, InvalidCandidate> {
        let wrong = |why| InvalidCandidate {
            text: text.chars().take(80).collect(),
            why,
        };
        if text.len() > 300 {
            return Err(wrong("it is longer than 300 bytes"));
        }
        let (name, effort) = match text.rsplit_once('@') {
            Some((name, word)) => match Effort::named(word) {
                Some(effort) => (name, Some(effort)),
                None => (text, None),
            },
            None => (text, None),
        };
        let head = &name[..name.find('/').unwrap_or(name.len())];
        let (harness, target) = match head.find(':') {
            Some(colon) => (&name[..colon], Some(&name[colon + 1..])),
            None => (name, None),
        };
        if !is_word(harness) {
            return Err(wrong(
                "it wants a harness first, a word of lower-case letters, digits, `-` and `_`",
            ));
        }
        let (mut provider, mut model) = (None, None);
        if let Some(target) = target {
            let Some((who, what)) = target.split_once('/') else {
                return Err(wrong("after `:` it wants `provider/model`"));
            };
            if !is_word(who) {
                return Err(wrong(
                    "a provider is a word of lower-case letters, digits, `-` and `_`",
                ));
            }
            if what.is_empty() || what.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err(wrong("a model's name is not empty and holds no spaces"));
            }
            provider = Some(who.to_owned());
            model = Some(what.to_owned());
        }
        Ok(Self {
            harness: harness.to_owned(),
            provider,
            model,
            effort,
        })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.harness)?;
        if let Some(target) = self.target() {
            write!(f, ":{target}")?;
        }
        match self.effort {
            Some(effort) => write!(f, "@{}", effort.as_str()),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for Candidate {
    type Error = InvalidCandidate;
    fn try_from(text: String) -> Result<Self, InvalidCandidate> {
        text.parse()
    }
}

impl From<Candidate> for String {
    fn from(candidate: Candidate) -> Self {
        candidate.to_string()
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(harness: &str, target: Option<(&str, &str)>, effort: Option<Effort>) -> Candidate {
        Candidate {
            harness: harness.to_owned(),
            provider: target.map(|(provider, _)| provider.to_owned()),
            model: target.map(|(_, model)| model.to_owned()),
            effort,
        }
    }

    #[test]
    fn a_candidate_splits_where_it_looks_as_if_it_splits() {
        let table = [
            ("claude", candidate("claude", None, None)),
            ("claude@high", candidate("claude", None, Some(Effort::High))),
            (
                "claude:anthropic/claude-opus-5-5@high",
                candidate(
                    "claude",
                    Some(("anthropic", "claude-opus-5-5")),
                    Some(Effort::High),
                ),
            ),
            (
                "builtin:ollama/qwen3.6:32b",
                candidate("builtin", Some(("ollama", "qwen3.6:32b")), None),
            ),
            (
                "builtin:ollama/qwen3.6:32b@xhigh",
                candidate("builtin", Some(("ollama", "qwen3.6:32b")), Some(Effort::Xhigh)),
            ),
            (
                "opencode:openrouter/moonshotai/kimi-k2.6",
                candidate("opencode", Some(("openrouter", "moonshotai/kimi-k2.6")), None),
            ),
            (
                "codex:vertex/gpt@2026-01-01",
                candidate("codex", Some(("vertex", "gpt@2026-01-01")), None),
            ),
            (
                "codex:vertex/gpt@2026-01-01@low",
                candidate("codex", Some(("vertex", "gpt@2026-01-01")), Some(Effort::Low)),
            ),
        ];
        for (text, wanted) in table {
            let got: Candidate = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(got, wanted, "{text}");
            assert_eq!(got.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_candidate_is_refused_with_its_reason() {
        let table = [
            ("", "harness first"),
            ("@high", "harness first"),
            ("Claude", "harness first"),
            ("claude@hihg", "harness first"),
            ("anthropic/claude", "harness first"),
            ("claude:opus", "`provider/model`"),
            ("claude:", "`provider/model`"),
            ("claude:/opus", "a provider is a word"),
            ("claude:anthropic/", "model's name"),
            ("claude:anthropic/a b", "model's name"),
        ];
        for (text, why) in table {
            let error = text.parse::<Candidate>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn json_holds_a_candidate_as_its_text() {
        let candidate: Candidate = "claude:anthropic/opus@max".parse().expect("valid");
        let json = serde_json::to_string(&candidate).expect("serializes");
        assert_eq!(json, "\"claude:anthropic/opus@max\"");
        assert_eq!(
            serde_json::from_str::<Candidate>(&json).expect("reads back"),
            candidate
        );
        assert!(serde_json::from_str::<Candidate>("\"a b\"").is_err());
    }

    proptest! {
        #[test]
        fn every_text_is_a_candidate_that_reads_back_or_an_error(text in "\\PC{0,40}|[a-z:/@.0-9]{0,40}|[a-z]{1,5}:[a-z]{1,5}/[a-z:@/.]{1,10}(@high)?") {
            if let Ok(candidate) = text.parse::<Candidate>() {
                prop_assert_eq!(candidate.to_string(), text.clone());
                prop_assert_eq!(candidate.to_string().parse::<Candidate>(), Ok(candidate));
            }
        }
    }
}
