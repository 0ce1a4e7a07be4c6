//! How a world begins: the App, the people, the repositories.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{Clock, SystemClock};

use super::limits::Limits;
use super::world::{RepositoryRole, Webhook};

/// The private key of every App in the stand-in: public on purpose, worth nothing elsewhere.
pub const THROWAWAY_KEY: &str = include_str!("throwaway/app-key.pem");
pub(super) const THROWAWAY_PUBLIC_KEY: &str = include_str!("throwaway/app-key.pub.pem");

/// What a world begins with.
pub struct Setup {
    /// Where time comes from; the same clock as the product's, or tokens expire at odd moments.
    pub clock: Arc<dyn Clock>,
    /// The App, already installed on every owner of a repository.
    pub app: AppSetup,
    /// Logins of people who are nobody in particular; those named by repositories exist by themselves.
    pub people: Vec<String>,
    /// Organizations and what membership in them gives; other owners are people.
    pub organizations: Vec<OrganizationSetup>,
    /// The repositories.
    pub repositories: Vec<RepositorySetup>,
    /// How much a client may ask.
    pub limits: Limits,
    /// Where the bare repositories lie; a temporary folder where this is empty.
    pub data_dir: Option<PathBuf>,
    /// The port on loopback; 0 takes a free one.
    pub port: u16,
}

/// The App of the world.
pub struct AppSetup {
    /// Its numeric id.
    pub id: u64,
    /// Its slug; the bot is `slug[bot]`.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// The public half of its key as PEM; that of [`THROWAWAY_KEY`] by default.
    pub public_key: String,
    /// Its permissions.
    pub permissions: BTreeMap<String, String>,
    /// The events it subscribes to.
    pub events: Vec<String>,
    /// Where webhooks go, where that is known already.
    pub webhook: Option<Webhook>,
}

/// An organization.
pub struct OrganizationSetup {
    /// Its login.
    pub login: String,
    /// Its members, and the role each has in all its repositories.
    pub members: Vec<(String, RepositoryRole)>,
}

/// A repository.
pub struct RepositorySetup {
    /// `owner/name`.
    pub full_name: String,
    /// Whether outsiders may not see it.
    pub private: bool,
    /// The default branch.
    pub default_branch: String,
    /// Roles of people.
    pub roles: Vec<(String, RepositoryRole)>,
    /// What is in it.
    pub source: Source,
    /// Branches that only administrators may push to.
    pub protected: Vec<String>,
    /// Whether the App is installed on it.
    pub installed: bool,
}

/// What a repository holds at first.
pub enum Source {
    /// Nothing, not even a commit.
    Empty,
    /// One commit with these files.
    Files(Vec<(String, Vec<u8>)>),
    /// All branches of a local git repository.
    Clone(PathBuf),
}

impl Default for AppSetup {
    fn default() -> Self {
        let permissions = [
            ("metadata", "read"),
            ("contents", "write"),
            ("issues", "write"),
            ("pull_requests", "write"),
            ("checks", "write"),
            ("statuses", "read"),
            ("actions", "read"),
        ];
        let events = [
            "issues",
            "issue_comment",
            "pull_request",
            "pull_request_review",
            "pull_request_review_comment",
            "check_run",
            "check_suite",
            "status",
            "repository",
            "push",
        ];
        Self {
            id: 12_345,
            slug: "footplate".to_owned(),
            name: "Footplate".to_owned(),
            public_key: THROWAWAY_PUBLIC_KEY.to_owned(),
            permissions: permissions
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            events: events.map(str::to_owned).to_vec(),
            webhook: None,
        }
    }
}

impl RepositorySetup {
    /// A public repository with files in one commit on `main`.
    pub fn with_files(full_name: &str, files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        Self {
            full_name: full_name.to_owned(),
            private: false,
            default_branch: "main".to_owned(),
            roles: Vec::new(),
            source: Source::Files(files.collect()),
            protected: Vec::new(),
            installed: true,
        }
    }

    /// Gives a person a role.
    #[must_use]
    pub fn role(mut self, login: &str, role: RepositoryRole) -> Self {
        self.roles.push((login.to_owned(), role));
        self
    }

    /// Hides the repository from outsiders.
    #[must_use]
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }
}

impl Setup {
    /// A world of one repository.
    pub fn of(repository: RepositorySetup) -> Self {
        Self {
            clock: Arc::new(SystemClock),
            app: AppSetup::default(),
            people: vec!["outsider".to_owned()],
            organizations: Vec::new(),
            repositories: vec![repository],
            limits: Limits::default(),
            data_dir: None,
            port: 0,
        }
    }
}
