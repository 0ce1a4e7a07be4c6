//! Repositories: a real bare git repository on disk and what GitHub keeps beside it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::model::Timestamp;

use super::{RepositoryRole, Thread};

/// A repository.
#[derive(Debug, Clone)]
pub struct Repository {
    /// The numeric id, which survives renames.
    pub id: u64,
    /// The owning account.
    pub owner_id: u64,
    /// The owner's login.
    pub owner: String,
    /// The name after the slash.
    pub name: String,
    /// Former names as `owner/name`, answered with a redirect.
    pub former_names: Vec<String>,
    /// Whether outsiders may not see it.
    pub private: bool,
    /// Whether it is read-only.
    pub archived: bool,
    /// The default branch.
    pub default_branch: String,
    /// Branches that only administrators may push to.
    pub protected: Vec<String>,
    /// The bare git repository.
    pub dir: PathBuf,
    /// Roles given to accounts one by one.
    pub roles: BTreeMap<u64, RepositoryRole>,
    /// Labels known in the repository.
    pub labels: Vec<Label>,
    /// Issues and pull requests by number.
    pub threads: BTreeMap<u64, Thread>,
    /// Check runs, oldest first.
    pub check_runs: Vec<CheckRun>,
    /// Commit statuses, oldest first.
    pub statuses: Vec<Status>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When something was last pushed.
    pub pushed_at: Timestamp,
}

impl Repository {
    /// `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// A label by name, whatever the case of the letters.
    pub fn label(&self, name: &str) -> Option<&Label> {
        self.labels.iter().find(|l| l.name.eq_ignore_ascii_case(name))
    }

    /// Names of the labels on an issue or a pull request, in the order they were put on.
    pub fn labels_of(&self, thread: &Thread) -> Vec<&str> {
        let name = |id: &u64| self.labels.iter().find(|l| l.id == *id).map(|l| l.name.as_str());
        thread.labels.iter().filter_map(name).collect()
    }

    /// Pull requests, lowest number first.
    pub fn pulls(&self) -> impl Iterator<Item = &Thread> {
        self.threads.values().filter(|t| t.pull.is_some())
    }
}

/// A label of a repository.
#[derive(Debug, Clone)]
pub struct Label {
    /// The numeric id.
    pub id: u64,
    /// The name, at most 50 characters.
    pub name: String,
    /// Six hexadecimal digits.
    pub color: String,
    /// At most 100 characters.
    pub description: Option<String>,
}

/// A check run on a commit.
#[derive(Debug, Clone)]
pub struct CheckRun {
    /// The numeric id.
    pub id: u64,
    /// Which App made it.
    pub app_id: u64,
    /// On which commit.
    pub head_sha: String,
    /// The name.
    pub name: String,
    /// `queued`, `in_progress` or `completed`.
    pub status: String,
    /// The outcome of a completed run.
    pub conclusion: Option<String>,
    /// A link for people.
    pub details_url: Option<String>,
    /// The maker's own id.
    pub external_id: Option<String>,
    /// Title, summary, text.
    pub output: Value,
    /// Annotations collected over all updates.
    pub annotations: Vec<Value>,
    /// Buttons.
    pub actions: Vec<Value>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// A status on a commit.
#[derive(Debug, Clone)]
pub struct Status {
    /// The numeric id.
    pub id: u64,
    /// On which commit.
    pub sha: String,
    /// `error`, `failure`, `pending` or `success`.
    pub state: String,
    /// The name that newer statuses replace.
    pub context: String,
    /// A sentence.
    pub description: Option<String>,
    /// A link.
    pub target_url: Option<String>,
    /// Who set it.
    pub creator: u64,
    /// When.
    pub created_at: Timestamp,
}
