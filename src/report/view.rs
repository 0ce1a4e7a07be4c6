//! What reports are made of: plain data, without behavior.
//!
//! Whoever holds a run's state maps it to these. Texts named `…` of models and people are raw here; the
//! renderers escape them.

use std::time::Duration;

use crate::ledger::Line;
use crate::model::{
    BranchName, CommitId, ContentHash, IssueNumber, Login, MicroUsd, NodeId, PullNumber, RepositoryName,
    RunId, Timestamp, TokenUsage,
};

/// A run at one moment, for the status comment and the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusView {
    /// The run.
    pub run: RunId,
    /// The issue; none for a local task.
    pub issue: Option<IssueNumber>,
    /// The workflow's name.
    pub workflow: String,
    /// Who asked for the run.
    pub requester: Option<Login>,
    /// Where the run stands.
    pub standing: Standing,
    /// The workflow's nodes, in the order in which a reader meets them.
    pub nodes: Vec<NodeView>,
    /// Which node needs which, as indices into `nodes`: from the needed one to the one that needs it.
    pub edges: Vec<(usize, usize)>,
    /// What people should know, such as that agents run unsandboxed.
    pub notices: Vec<String>,
    /// Links to what the run made, such as the plan comment, in order.
    pub links: Vec<Link>,
    /// When this was true.
    pub updated: Option<Timestamp>,
}

/// A link to something of the run's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it is, such as `Plan, revision 2`.
    pub title: String,
    /// Its web address, made by us.
    pub url: String,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It waits for its turn to begin.
    Queued,
    /// Nodes are at work.
    Working,
    /// A plan waits for approval.
    AwaitingApproval {
        /// The plan's hash.
        plan: ContentHash,
        /// When the offer ends.
        expires: Option<Timestamp>,
    },
    /// A plan has questions, and waits for their answers.
    AwaitingAnswers,
    /// It waits for a person for another reason.
    AwaitingPerson {
        /// The reason, and what the person can do.
        why: String,
    },
    /// It waits until a time.
    AwaitingTime {
        /// The time.
        until: Timestamp,
        /// What for, such as a provider's limit.
        why: String,
    },
    /// It waits for a free slot.
    AwaitingSlot,
    /// Its pull request is open.
    InReview {
        /// The pull request.
        pull: PullNumber,
    },
    /// Its pull request was merged.
    Merged {
        /// The pull request.
        pull: PullNumber,
    },
    /// Its issue or pull request was closed.
    Closed {
        /// The pull request, where there was one.
        pull: Option<PullNumber>,
    },
    /// It ended with its plan, as was asked.
    Planned,
    /// A local run is done; its work lies on a branch.
    Done {
        /// The branch.
        branch: BranchName,
    },
    /// It failed.
    Failed {
        /// Why, in one sentence.
        why: String,
    },
    /// Somebody ended it.
    Cancelled {
        /// Who.
        by: Option<Login>,
    },
}

/// The state of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeState {
    /// What it needs is not there yet.
    Pending,
    /// It could start.
    Ready,
    /// It is at work.
    Running,
    /// It waits for a person or a time.
    Waiting,
    /// It is done.
    Done,
    /// It failed for good.
    Failed,
    /// Its condition did not hold.
    Skipped,
    /// It was stopped.
    Cancelled,
}

/// A node of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// The node.
    pub id: NodeId,
    /// What kind of step it is, such as `agent`, `check`, `gate`.
    pub kind: String,
    /// Its state.
    pub state: NodeState,
    /// Its generation, from 1.
    pub generation: u32,
    /// The candidates that worked at it, in order, without repetitions; empty for what no model does.
    pub candidates: Vec<String>,
    /// How many attempts were begun, all generations together.
    pub attempts: u32,
    /// How long they took together; none where none has ended.
    pub time: Option<Duration>,
    /// What they used; none where nobody knows.
    pub usage: Option<TokenUsage>,
    /// What they cost.
    pub cost: Cost,
    /// What each attempt by a candidate used, the oldest first.
    pub ledger: Vec<Line>,
    /// What went wrong or was noticed, one line each.
    pub findings: Vec<String>,
}

/// What something cost, as far as it is known. Unknown is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// The sum of what is known; none where nothing was spent or nothing is known.
    pub known: Option<MicroUsd>,
    /// Whether some attempts have no known cost.
    pub incomplete: bool,
}

/// A plan, for its comment and the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanView {
    /// The run.
    pub run: RunId,
    /// The number of the revision, from 1, which is the generation of the plan node.
    pub revision: u32,
    /// The hash of the whole artifact.
    pub hash: ContentHash,
    /// The plan's `summary`.
    pub summary: String,
    /// The plan's `size`.
    pub size: String,
    /// The plan's `files`, globs.
    pub files: Vec<String>,
    /// The plan's `steps`.
    pub steps: Vec<StepView>,
    /// The plan's `tests`, commands.
    pub tests: Vec<String>,
    /// The plan's `criteria`.
    pub criteria: Vec<String>,
    /// The plan's `risks`.
    pub risks: Vec<String>,
    /// The plan's `questions`; while there is one the plan cannot be approved.
    pub questions: Vec<String>,
    /// The prose, Markdown.
    pub body: String,
    /// The whole text of this artifact and of the one before, for the comparison; none for the first.
    pub previous: Option<Previous>,
    /// The candidate that wrote it.
    pub author: Option<String>,
    /// What the run cost so far.
    pub cost: Cost,
    /// The branch it will be built on, and the commit it was planned for.
    pub base: Option<(BranchName, CommitId)>,
    /// When the offer ends.
    pub expires: Option<Timestamp>,
    /// Whether nothing is built even when it is approved.
    pub plan_only: bool,
    /// Who is told, with a live mention.
    pub notify: Vec<Login>,
}

/// The texts of two revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// The whole text of the revision before.
    pub old: String,
    /// The whole text of this one.
    pub new: String,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepView {
    /// Its id, as the plan writes it.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its class: logic, design, content or tests.
    pub class: String,
    /// The files it touches.
    pub files: Vec<String>,
    /// The ids of the steps it needs.
    pub needs: Vec<String>,
}

/// A result, for the pull request and the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullView {
    /// The run.
    pub run: RunId,
    /// The generation that was published, from 1.
    pub generation: u32,
    /// The issue; none for a local task.
    pub issue: Option<IssueNumber>,
    /// The issue's title.
    pub issue_title: String,
    /// Whether the plan is complete, so that a merge closes the issue.
    pub complete: bool,
    /// Who asked.
    pub requester: Option<Login>,
    /// The plan's summary.
    pub summary: String,
    /// The plan's hash and its comment's web address.
    pub plan: Option<(ContentHash, Option<String>)>,
    /// The commit that was validated and pushed.
    pub commit: CommitId,
    /// The branch it goes to.
    pub base: BranchName,
    /// The plan's steps with what changed for each.
    pub steps: Vec<StepResult>,
    /// Changed files that no step names.
    pub other_files: Vec<FileChange>,
    /// The commands that Footplate ran.
    pub checks: ChecksView,
    /// The validator's report; none where the workflow has no validator.
    pub validation: Option<ValidationView>,
    /// Where the implementation differs from the plan, as the implementer says.
    pub deviations: Vec<String>,
    /// The implementer's prose, Markdown.
    pub notes: String,
    /// The nodes, for the cost table.
    pub nodes: Vec<NodeView>,
    /// What people should know, such as that agents run unsandboxed.
    pub notices: Vec<String>,
}

/// A step and what changed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepResult {
    /// The step.
    pub step: StepView,
    /// Whether the implementer says that it is done.
    pub done: bool,
    /// The files that changed.
    pub files: Vec<FileChange>,
}

/// A changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Its path; bytes that are no UTF-8 are replaced.
    pub path: String,
    /// Lines added; none for binary files.
    pub added: Option<u64>,
    /// Lines removed; none for binary files.
    pub removed: Option<u64>,
}

/// What Footplate's own checks found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChecksView {
    /// Whether the change is verified: `Some(true)` yes, `Some(false)` it failed, none where it is not known.
    pub verified: Option<bool>,
    /// Why it is not verified.
    pub why: Option<String>,
    /// The commands.
    pub commands: Vec<CheckView>,
}

/// A command that Footplate ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckView {
    /// The command line.
    pub run: String,
    /// The result on the commit.
    pub result: CheckResult,
    /// The result on the base commit, where it was run there.
    pub base: Option<CheckResult>,
    /// How long it took on the commit.
    pub time: Option<Duration>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckResult {
    /// The exit code; none where it was ended by a signal, a time limit, or could not start.
    pub exit: Option<i32>,
    /// The tests it ran, where they can be counted.
    pub tests: Option<TestCounts>,
}

/// How many tests ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TestCounts {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// Skipped.
    pub skipped: u64,
}

/// A validator's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationView {
    /// Whether it passed, as Footplate judges it: a pass beside an unmet criterion is a fail.
    pub passed: bool,
    /// The candidate that validated.
    pub by: Option<String>,
    /// The plan's criteria and what was found.
    pub criteria: Vec<CriterionView>,
    /// What it found.
    pub findings: Vec<FindingView>,
    /// The prose, Markdown.
    pub body: String,
}

/// A criterion and whether it is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CriterionView {
    /// The criterion's text.
    pub text: String,
    /// Whether it is met; none where the validator says nothing about it.
    pub met: Option<bool>,
    /// The evidence.
    pub evidence: String,
}

/// Something that a validator found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingView {
    /// blocker, major or minor.
    pub severity: String,
    /// The file, where it is about one.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u64>,
    /// What was found.
    pub text: String,
}

/// Work that was not published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldView {
    /// The run.
    pub run: RunId,
    /// The generation of the work, from 1.
    pub generation: u32,
    /// Why it was not published, one line each.
    pub findings: Vec<String>,
    /// The commit that holds it; none where nothing was committed.
    pub commit: Option<CommitId>,
    /// Where it lies.
    pub place: HeldPlace,
    /// What a person can do, besides fetching it.
    pub next: Option<String>,
}

/// Where held work lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldPlace {
    /// On a ref of the repository on GitHub.
    Remote {
        /// The repository.
        repository: RepositoryName,
        /// The full name of the ref.
        reference: String,
    },
    /// In the server's own copy and as a patch among the run's artifacts.
    Server {
        /// The name of the patch artifact.
        patch: String,
        /// The web address of the patch on the server's dashboard, where it has one.
        url: Option<String>,
    },
    /// Nowhere: there was nothing to keep.
    Nowhere,
}
