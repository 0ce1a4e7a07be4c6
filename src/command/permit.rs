//! Who may give which command.

use std::convert::Infallible;
use std::str::FromStr;

use super::Command;

/// What a person may do in a repository, as GitHub answers it for the sender of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Nothing, or nothing that is known.
    None,
    /// Reads. On a public repository GitHub answers this for strangers too.
    Read,
    /// Manages issues.
    Triage,
    /// Pushes.
    Write,
    /// Manages the repository.
    Maintain,
    /// Everything.
    Admin,
}

impl Permission {
    /// Combines the two fields of GitHub's answer.
    ///
    /// `permission` knows admin, write, read and none; `role_name` tells maintain and triage apart from write
    /// and read, or is the name of a custom role. It refines the first field and never raises it.
    pub fn effective(permission: &str, role_name: Option<&str>) -> Self {
        let coarse = Self::read(permission);
        match role_name.map(Self::read) {
            Some(role @ Self::Maintain) if coarse == Self::Write => role,
            Some(role @ Self::Triage) if coarse == Self::Read => role,
            _ => coarse,
        }
    }

    /// The permission's name as GitHub writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    fn read(text: &str) -> Self {
        match text {
            "admin" => Self::Admin,
            "maintain" => Self::Maintain,
            "write" => Self::Write,
            "triage" => Self::Triage,
            "read" => Self::Read,
            _ => Self::None,
        }
    }
}

impl FromStr for Permission {
    type Err = Infallible;

    /// Reads `permission` or `role_name`; what is not known is no permission.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::read(text))
    }
}

/// Whether a command may be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// It may.
    Allowed,
    /// It may not.
    Denied {
        /// The least permission that would do.
        needs: Permission,
    },
}

/// Says whether somebody with this permission may give the command.
///
/// What acts wants write. Questions want triage: read is what GitHub answers for every stranger on a public
/// repository, and the status comment is there for all to read without asking.
pub fn permit(command: &Command, permission: Permission) -> Permit {
    let needs = match command {
        Command::Build { .. }
        | Command::Approve { .. }
        | Command::Replan { .. }
        | Command::Retry { .. }
        | Command::Cancel => Permission::Write,
        Command::Status | Command::Help => Permission::Triage,
    };
    if permission >= needs {
        Permit::Allowed
    } else {
        Permit::Denied { needs }
    }
}
