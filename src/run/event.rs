//! The event log: what happened, in a versioned form that is kept for as long as the run.

use serde::{Deserialize, Serialize};

use super::budget::Outside;
use super::report::Report;
use super::split::Part;
use super::state::{ReplyKind, ReplyTo};
use crate::model::{
    ArtifactName, AttemptKey, BranchName, CommentId, CommitId, ContentHash, InstallationId, IssueNumber,
    Login, NodeId, RepositoryId, RepositoryName, RunId, Timestamp, UserId,
};

/// The version of the log's format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// One line of the log: an event, when it was decided, and the format it is written in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The format's version, see [`FORMAT`].
    pub v: u32,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    #[serde(rename = "e")]
    pub event: Event,
}

/// Says why a line of the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEvent {
    /// A newer Footplate wrote it.
    #[error(
        "the event is in format {found}, and this Footplate reads formats up to {FORMAT}; run the newer version"
    )]
    Newer {
        /// The version found.
        found: u32,
    },
    /// It is damaged.
    #[error("the event is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
}

impl Recorded {
    /// The line as JSON text.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("events hold nothing that JSON cannot")
    }

    /// Reads a line.
    ///
    /// # Errors
    /// A newer format, or damage; neither is guessed around.
    pub fn from_line(line: &str) -> Result<Self, UnreadableEvent> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        // Logs are read when a server starts, ten thousand of them perhaps: the version is asked for by itself only
        // where the line as a whole cannot be read.
        match serde_json::from_str::<Self>(line) {
            Ok(recorded) if recorded.v <= FORMAT => Ok(recorded),
            Ok(recorded) => Err(UnreadableEvent::Newer { found: recorded.v }),
            Err(error) => match serde_json::from_str::<Version>(line) {
                Ok(version) if version.v > FORMAT => Err(UnreadableEvent::Newer { found: version.v }),
                _ => Err(error.into()),
            },
        }
    }
}

/// A person (or App) who asked for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their login at that time.
    pub login: Login,
    /// Their numeric id, where GitHub told it.
    pub id: Option<UserId>,
}

/// Where a run came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An issue on GitHub.
    Issue {
        /// The App's installation that may act there.
        installation: InstallationId,
        /// The repository's numeric id.
        repository: RepositoryId,
        /// The repository's name when the run began.
        name: RepositoryName,
        /// The issue.
        number: IssueNumber,
    },
    /// A task for a repository on this machine.
    Local {
        /// The repository's folder.
        path: String,
        /// A name for it, for people: `local/` and the folder's own name.
        name: RepositoryName,
    },
}

/// The first event of every run: what was asked, and the hashes of everything that is frozen with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The run's id.
    pub run: RunId,
    /// Where it came from.
    pub origin: Origin,
    /// The issue's title when the run began.
    pub title: String,
    /// The address of the issue's text (title and body) when the run began.
    pub issue_text: ContentHash,
    /// Who asked.
    pub requester: Person,
    /// The branch that the pull request will go to.
    pub base: BranchName,
    /// The commit of the base branch that the run starts from.
    pub base_commit: CommitId,
    /// The branch that will be pushed.
    pub branch: BranchName,
    /// The name of the workflow.
    pub workflow_name: String,
    /// The address of the workflow's snapshot.
    pub workflow: ContentHash,
    /// The address of the policy's snapshot.
    pub policy: ContentHash,
    /// Whether the run ends with its plan.
    pub plan_only: bool,
    /// The issue's labels when the run began; rules for the classes of steps may name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whether a person can be asked. Where not, the run fails instead of waiting.
    pub attended: bool,
    /// The nodes of the workflow, so that the log can be folded without it.
    pub nodes: Vec<NodeId>,
}

/// Why nodes are repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepeatWhy {
    /// `/replan`, with the wishes' address.
    Replan {
        /// The address of the wishes' text, where there were any.
        wishes: Option<ContentHash>,
        /// The commit of the base branch that the new plan starts from.
        base_commit: CommitId,
        /// The address of the issue's text as it is now.
        issue_text: ContentHash,
    },
    /// `/retry`, perhaps with another candidate.
    Retry {
        /// The candidate to begin with, as an index into the route.
        candidate: Option<usize>,
    },
    /// A validator or a check said no.
    Repair {
        /// The node that said no.
        because: NodeId,
        /// The artifact that says why.
        findings: Option<(ArtifactName, ContentHash)>,
        /// The round, from 1.
        round: u32,
        /// The candidate to begin with, where the round escalates.
        candidate: Option<usize>,
    },
    /// A review on the pull request asked for changes.
    Review {
        /// The address of the review's text.
        text: ContentHash,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run began.
    Created(Box<Created>),
    /// An attempt may start.
    AttemptScheduled {
        /// Its key.
        key: AttemptKey,
        /// The candidate: index in the route and full name; `None` for checks and publishing.
        candidate: Option<(usize, String)>,
        /// The commit that its worktree starts from.
        start: CommitId,
        /// The iteration of a loop node, from 1.
        iteration: u32,
    },
    /// An attempt is about to touch the world. What began without a result is lost after a crash.
    AttemptBegan {
        /// Its key.
        key: AttemptKey,
    },
    /// An attempt ended, however it did.
    AttemptEnded {
        /// What came of it.
        report: Box<Report>,
    },
    /// A node's work is divided: its parts are nodes from now on, and the node puts their results together.
    Split {
        /// The node.
        node: NodeId,
        /// Its parts, each after those that it needs.
        parts: Vec<Part>,
    },
    /// An attempt's next try waits.
    BackedOff {
        /// The node.
        node: NodeId,
        /// Until when.
        until: Timestamp,
        /// What for, a sentence for people; absent for a pause after a failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// What other runs spent and how full windows are was looked up, because an attempt was about to begin.
    Spending {
        /// What was found.
        outside: Outside,
    },
    /// A node is done.
    NodeSucceeded {
        /// The node.
        node: NodeId,
    },
    /// A node has used all its attempts, or cannot work.
    NodeFailed {
        /// The node.
        node: NodeId,
        /// Why, a sentence for people.
        why: String,
    },
    /// A node is not needed.
    NodeSkipped {
        /// The node.
        node: NodeId,
        /// Why, a sentence for people.
        why: String,
    },
    /// A gate waits for a person's decision about a plan.
    GateOpened {
        /// The gate's node.
        node: NodeId,
        /// The address of the artifact to decide about.
        plan: ContentHash,
        /// How many questions it leaves open.
        questions: u32,
    },
    /// The plan stands in a comment.
    PlanPosted {
        /// The address of the plan.
        plan: ContentHash,
        /// The comment's id.
        comment: CommentId,
        /// The address of the comment's body, to tell an edit.
        body: ContentHash,
    },
    /// A person approved the plan.
    Approved {
        /// The gate's node.
        node: NodeId,
        /// The address of the plan.
        plan: ContentHash,
        /// Who.
        by: Person,
        /// The approving comment, where there is one.
        comment: Option<CommentId>,
        /// The address of the notes that came with it.
        notes: Option<ContentHash>,
        /// The address of the issue's text that they saw.
        issue_text: ContentHash,
        /// The head of the base branch then.
        base_head: CommitId,
    },
    /// The approval no longer holds; the gate opens again.
    ApprovalVoided {
        /// The gate and everything downstream, which all begin a new generation.
        nodes: Vec<NodeId>,
        /// Why, a sentence for people.
        why: String,
    },
    /// Nodes are done again, with new generations from `from` downstream.
    Repeated {
        /// The first node to be done again.
        from: NodeId,
        /// That node and everything downstream, which all begin a new generation.
        nodes: Vec<NodeId>,
        /// Why.
        why: RepeatWhy,
        /// Who asked, where a person did.
        by: Option<Person>,
    },
    /// The issue's text changed.
    IssueEdited {
        /// The address of the new text.
        text: ContentHash,
    },
    /// A commit of ours may from now on stand on the branch: said before the push.
    PushIntended {
        /// The commit.
        commit: CommitId,
    },
    /// The run waits for a person because it cannot go on by itself.
    Stuck {
        /// Why, a sentence for people.
        why: String,
    },
    /// An answer to a command is owed.
    ReplyOwed {
        /// Where to.
        to: ReplyTo,
        /// What to say.
        kind: ReplyKind,
    },
    /// The answer was given.
    Replied {
        /// Where to.
        to: ReplyTo,
    },
    /// The status comment shows the state as of a revision.
    StatusPosted {
        /// The comment's id; `None` where there are no comments.
        comment: Option<CommentId>,
        /// The revision that it shows.
        revision: u64,
    },
    /// The pause since the status comment was last written is over, and it has something new to show.
    StatusDue,
    /// A superseded plan comment was collapsed.
    PlanCollapsed {
        /// The comment.
        comment: CommentId,
    },
    /// The work of a run without a pull request was kept where it can be fetched.
    WorkHeld {
        /// The ref in the mirror, where there is work.
        reference: Option<String>,
        /// The address of the patch.
        patch: Option<ContentHash>,
    },
    /// An effect was refused for good.
    EffectFailed {
        /// The action's key.
        action: String,
        /// Why, a sentence for people.
        why: String,
    },
    /// A person asked to stop.
    CancelRequested {
        /// Who.
        by: Option<Person>,
        /// Why, a sentence for people.
        why: String,
    },
    /// The run is over.
    Ended {
        /// How.
        how: EndedHow,
        /// Why, a sentence for people.
        why: String,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedHow {
    /// Its pull request was merged.
    Merged,
    /// It is finished without a merge: its pull request was closed, or none was wanted.
    Closed,
    /// It could not do its work.
    Failed,
    /// A person or the workflow stopped it.
    Cancelled,
}
