//! How strong a confinement is, and what each strength leaves open.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A way of confining children, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Namespaces by bubblewrap: nothing is there but what is listed.
    Bubblewrap,
    /// Landlock and a filter of system calls: everything is there, and refuses.
    Landlock,
    /// The server's rights, in a cleared environment.
    None,
}

impl Tier {
    /// All of them, strongest first.
    pub const ALL: [Self; 3] = [Self::Bubblewrap, Self::Landlock, Self::None];

    /// The word that settings and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bubblewrap",
            Self::Landlock => "landlock",
            Self::None => "none",
        }
    }

    /// Whether strangers' text may be given to agents in it without the operator's word.
    pub fn confines(self) -> bool {
        self != Self::None
    }

    /// What it does not shut, a sentence each, for `doctor`, documents and pull requests.
    pub fn gaps(self) -> &'static [&'static str] {
        match self {
            Self::Bubblewrap => &[
                "The kernel is shared: a hole in it is a hole here.",
                "Files under /usr and a short list of /etc can be read.",
            ],
            Self::Landlock => &[
                "TCP is limited to the ports of meter and proxy, not to this machine: a host elsewhere that listens on one of these ports can be reached.",
                "Names, arguments and states of other processes can be seen; their environments and memory cannot.",
                "The worktree's `.git` file can be replaced, which is found afterwards and fails the attempt.",
                "Children cannot listen on the network, nor make Unix sockets.",
                "Processes that detach themselves are found by their mark, not by a namespace.",
            ],
            Self::None => &["Children can read, change and reach whatever the server can."],
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the operator asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    /// The strongest that works; never [`Tier::None`].
    #[default]
    Auto,
    /// This one or nothing.
    Only(Tier),
}

impl FromStr for Wanted {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let tier = Tier::ALL.into_iter().find(|tier| tier.as_str() == text);
        tier.map(Self::Only).ok_or(())
    }
}

/// Makes this process's environment and memory unreadable for others of the same user, and stops core dumps.
///
/// A server calls it once at start. It holds also where children are not confined, but not against root.
///
/// # Errors
/// The kernel refuses, which no known one does.
pub fn shield() -> std::io::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(false)?)
}
