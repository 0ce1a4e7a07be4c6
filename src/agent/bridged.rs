//! The agents that are spoken to over ACP and whose ways are known.

use super::examine::Version;

/// An agent behind the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AcpAgent {
    /// Moonshot's Kimi Code.
    Kimi,
    /// OpenCode.
    Opencode,
    /// Goose. Set up from its documents, never tried.
    Goose,
    /// Any other: it is told the common variables, and whatever the operator lets through.
    Other,
}

impl AcpAgent {
    /// Those that have a name without any configuration.
    pub const KNOWN: [Self; 3] = [Self::Kimi, Self::Opencode, Self::Goose];

    /// The name of the harness, and of the program of those that are known.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kimi => "kimi",
            Self::Opencode => "opencode",
            Self::Goose => "goose",
            Self::Other => "acp",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::KNOWN.into_iter().find(|agent| agent.as_str() == name)
    }

    /// The command line that makes it speak ACP; empty where it is not known.
    pub fn argv(self) -> Vec<String> {
        match self {
            Self::Kimi | Self::Opencode | Self::Goose => vec![self.as_str().to_owned(), "acp".to_owned()],
            Self::Other => Vec::new(),
        }
    }

    /// The version that was tried, and that an installation should pin.
    pub fn known_version(self) -> Option<Version> {
        match self {
            Self::Kimi => Some(Version(2, 1, 0)),
            Self::Opencode => Some(Version(1, 18, 33)),
            Self::Goose | Self::Other => None,
        }
    }

    /// How to get it, as a sentence.
    pub fn install(self) -> String {
        let npm = |node, package| {
            let version = self.known_version().map(|version| format!("@{version}"));
            let version = version.unwrap_or_default();
            format!("Install it with Node {node} or newer: npm install -g {package}{version}")
        };
        match self {
            Self::Kimi => npm("22.19", "@moonshot-ai/kimi-code"),
            Self::Opencode => npm("20", "opencode-ai"),
            Self::Goose => "Install it as its project says: https://github.com/block/goose".to_owned(),
            Self::Other => "Install it, or name another program in the settings".to_owned(),
        }
    }
}
