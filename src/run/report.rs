//! What came of an attempt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::split::Share;
use crate::ledger::Account;
use crate::model::{
    Artifact, AttemptKey, CommitId, ContentHash, MicroUsd, PullNumber, Timestamp, TokenUsage,
};
use crate::workflow::Field;

/// What came of an attempt, as the engine established it: never an exit code alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The attempt.
    pub key: AttemptKey,
    /// Success, or how it failed.
    pub verdict: Verdict,
    /// Tokens used; `None` where nobody said.
    pub usage: Option<TokenUsage>,
    /// Money spent; `None` where nobody said.
    pub cost: Option<MicroUsd>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The artifacts it wrote.
    pub artifacts: Vec<Artifact>,
    /// The scalar fields of those artifacts' front blocks, for conditions.
    pub fields: BTreeMap<String, Field>,
    /// The commit that holds its changes, for nodes that write.
    pub snapshot: Option<CommitId>,
    /// For attempts that failed: the address of what they had changed, as a patch that may be cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<ContentHash>,
    /// For validators and checks: whether they said yes; `None` where they could not tell.
    pub passed: Option<bool>,
    /// For planners: how many questions are open.
    pub questions: u32,
    /// For planners: how the work may be divided over routes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// What people should know, a sentence each.
    pub findings: Vec<String>,
    /// When the candidate may be asked again, where its provider said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What it used, in full; absent for nodes that ask no model, and in logs of the first format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// What came of publishing, for publish nodes.
    pub publish: Option<PublishResult>,
}

impl Report {
    /// A report with a verdict and nothing else.
    pub fn bare(key: AttemptKey, verdict: Verdict, at: Timestamp) -> Self {
        Self {
            key,
            verdict,
            usage: None,
            cost: None,
            started: at,
            ended: at,
            artifacts: Vec::new(),
            fields: BTreeMap::new(),
            snapshot: None,
            patch: None,
            passed: None,
            questions: 0,
            shares: Vec::new(),
            findings: Vec::new(),
            until: None,
            account: None,
            publish: None,
        }
    }

    /// Books what the attempt used.
    pub fn book(&mut self, account: Account) {
        self.usage = account.usage();
        self.cost = account.cost();
        self.account = Some(account);
    }
}

/// Success, or how an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It did what its node wants.
    Succeeded,
    /// It failed, and the failure counts against the candidate.
    Failed {
        /// The class.
        class: Failure,
        /// What happened, a sentence for people.
        why: String,
    },
    /// Its artifact fails its contract and goes back to its author.
    Returned {
        /// The findings, a sentence each.
        findings: Vec<String>,
    },
    /// It was stopped because it was no longer wanted.
    Cancelled,
    /// It was lost with the server or the machine it ran on.
    Lost,
}

/// The class of a failure. What happens next depends on it, never on the words beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// It stopped giving signs of life, or ran into a limit of time.
    Hang,
    /// It exited with an error or by a signal.
    Crash,
    /// Its provider had too many requests, or a window of its subscription is used up.
    RateLimited,
    /// Its provider refused the key.
    Auth,
    /// Its provider failed or could not be reached.
    Unavailable,
    /// Its edits failed and nothing was changed.
    EditFailed,
    /// It called tools in a way that cannot be read, or tools that do not exist, until it gave up.
    MalformedCall,
    /// It ended well without an answer.
    Empty,
    /// Its answer was cut off.
    Truncated,
    /// The model or its provider refused the task.
    Refused,
    /// What its parts changed does not go together; the next attempt has to mend it.
    Conflict,
    /// It changed files that the plan does not name.
    OutOfScope,
    /// Another model answered than the one that was asked for.
    WrongModel,
    /// It reached a limit on money or requests.
    Budget,
    /// A declared artifact is missing, old or not a plain file.
    MissingArtifact,
    /// It should have changed files and did not.
    NoChange,
    /// It touched what it must not: the git directory or a link out of the tree.
    Tampered,
    /// The worktree, the store or a program on this machine failed, not the candidate.
    Machine,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Hang,
        Self::Crash,
        Self::RateLimited,
        Self::Auth,
        Self::Unavailable,
        Self::EditFailed,
        Self::MalformedCall,
        Self::Empty,
        Self::Truncated,
        Self::Refused,
        Self::Conflict,
        Self::OutOfScope,
        Self::WrongModel,
        Self::Budget,
        Self::MissingArtifact,
        Self::NoChange,
        Self::Tampered,
        Self::Machine,
    ];

    /// The name that configuration and logs use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hang => "hang",
            Self::Crash => "crash",
            Self::RateLimited => "rate_limited",
            Self::Auth => "auth",
            Self::Unavailable => "unavailable",
            Self::EditFailed => "edit_failed",
            Self::MalformedCall => "malformed_call",
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::OutOfScope => "out_of_scope",
            Self::WrongModel => "wrong_model",
            Self::Budget => "budget",
            Self::MissingArtifact => "missing_artifact",
            Self::NoChange => "no_change",
            Self::Tampered => "tampered",
            Self::Machine => "machine",
        }
    }

    /// The class of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

/// What came of publishing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishResult {
    /// The branch holds the commit and the pull request is open.
    Published {
        /// The commit that was pushed.
        commit: CommitId,
        /// The pull request.
        pull: PullNumber,
        /// Its page.
        url: String,
    },
    /// The result stands on a branch of a local repository.
    Placed {
        /// The commit.
        commit: CommitId,
    },
    /// The commit breaks a rule and was not pushed.
    Refused {
        /// The rules it breaks, a sentence each.
        findings: Vec<String>,
    },
    /// Somebody else's commit is on the branch; it is never overwritten.
    BranchMoved {
        /// The commit found, where the branch exists.
        found: Option<CommitId>,
    },
    /// The base branch moved in files of the plan since the approval.
    BaseMoved {
        /// The head of the base branch.
        head: CommitId,
    },
}
