//! Users, organizations and bots, and what they may do in a repository.

use std::collections::BTreeMap;

/// What sort of account this is; GitHub's `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person.
    User,
    /// An organization.
    Organization,
    /// The bot of an App, such as `footplate[bot]`.
    Bot,
}

impl AccountKind {
    /// The word in GitHub's `type` field.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Organization => "Organization",
            Self::Bot => "Bot",
        }
    }
}

/// A user, an organization or a bot.
#[derive(Debug, Clone)]
pub struct Account {
    /// GitHub's numeric id.
    pub id: u64,
    /// The login, such as `octocat` or `footplate[bot]`.
    pub login: String,
    /// What sort of account it is.
    pub kind: AccountKind,
    /// Members of an organization and the role that membership gives them in all its repositories.
    pub members: BTreeMap<u64, RepositoryRole>,
}

/// What somebody may do in a repository, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RepositoryRole {
    /// Not even see it, where it is private.
    None,
    /// Read and comment.
    Read,
    /// Also label, assign and close.
    Triage,
    /// Also push and merge.
    Write,
    /// Also manage settings that destroy nothing.
    Maintain,
    /// Everything.
    Admin,
}

impl RepositoryRole {
    /// The fine word, GitHub's `role_name`.
    pub fn role_name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// The coarse word, GitHub's `permission`: triage counts as read, maintain as write.
    pub fn permission(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read | Self::Triage => "read",
            Self::Write | Self::Maintain => "write",
            Self::Admin => "admin",
        }
    }
}

/// Who does something: a person, or an App through one of its installations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// The account that shows as author: the person, or the App's bot.
    pub account: u64,
    /// The App, where one acts.
    pub app: Option<u64>,
}

impl Actor {
    /// A person.
    pub fn person(account: u64) -> Self {
        Self { account, app: None }
    }
}
