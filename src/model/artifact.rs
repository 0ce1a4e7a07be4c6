//! Artifacts: named, hashed Markdown files that one node hands to the next.

use std::fmt;

use super::{ContentHash, InvalidId};

/// The file name of an artifact, such as `plan.md`; a single path component ending in `.md`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactName(String);

impl ArtifactName {
    /// Checks the name and wraps it.
    ///
    /// # Errors
    /// The name is not a lower-case word followed by `.md`.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        let stem = text.strip_suffix(".md").unwrap_or("");
        let fits = !stem.is_empty()
            && text.len() <= 60
            && stem
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
        if fits {
            Ok(Self(text))
        } else {
            Err(InvalidId::new(
                "artifact name",
                &text,
                "it wants a lower-case word and `.md`, such as `plan.md`",
            ))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without `.md`, which is also the name of its contract (`plan`).
    pub fn stem(&self) -> &str {
        self.0.strip_suffix(".md").unwrap_or(&self.0)
    }
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl TryFrom<String> for ArtifactName {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl From<ArtifactName> for String {
    fn from(name: ArtifactName) -> Self {
        name.0
    }
}

impl std::str::FromStr for ArtifactName {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

/// An artifact as it was collected: its name and the address of its content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The file's name within the artifact folder.
    pub name: ArtifactName,
    /// The address of the content in the store.
    pub hash: ContentHash,
}
