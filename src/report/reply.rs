//! Short answers: one or two sentences and a next step.

use super::escape::{code, inline, inline_up_to};
use super::marker::{Marker, MarkerKind};
use super::status::{full_stop, headline, sentence, told};
use super::view::Standing;
use crate::command::{Mistake, Permission, help};
use crate::model::{BranchName, CommitId, ContentHash, IssueNumber, Login, NodeId, PullNumber};

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyKind {
    /// The person may not give this command.
    NotPermitted {
        /// The person.
        login: Login,
        /// The command's word.
        command: String,
        /// The least permission that would do.
        needs: Permission,
    },
    /// The line is no command of ours.
    Misunderstood(Mistake),
    /// There is no run that the command could be about.
    NoActiveRun,
    /// The issue already has a run.
    AlreadyRunning {
        /// Where it stands.
        standing: Standing,
    },
    /// There is no plan to approve.
    NoPlan,
    /// The plan is already approved.
    AlreadyApproved {
        /// The plan.
        plan: ContentHash,
    },
    /// The plan's comment was edited, so the bare form says too little.
    PlanEdited {
        /// The plan as it was written.
        plan: ContentHash,
    },
    /// A newer plan, or another than the person could have read, is there.
    PlanSuperseded {
        /// The newest plan.
        plan: ContentHash,
    },
    /// The offer has ended.
    PlanExpired,
    /// The hash is not that of the newest plan.
    HashMismatch {
        /// What was given.
        given: String,
        /// The newest plan.
        plan: ContentHash,
    },
    /// The plan has questions.
    QuestionsOpen {
        /// How many.
        count: usize,
    },
    /// The issue's text was edited after the plan was made.
    ApprovalVoidIssueEdited,
    /// The base branch moved in files of the plan.
    ApprovalVoidBaseMoved {
        /// The base branch.
        base: BranchName,
        /// Some of the files.
        files: Vec<String>,
    },
    /// There is nothing that could be repeated.
    NothingToRetry,
    /// The workflow has no such node, or it cannot be repeated now.
    UnknownNode {
        /// What was asked for.
        node: NodeId,
        /// The nodes that can be repeated.
        known: Vec<NodeId>,
    },
    /// No route or harness knows this candidate, or the server does not permit it.
    UnknownModel {
        /// What was asked for.
        model: String,
        /// The candidates that can be named.
        known: Vec<String>,
    },
    /// The base branch is not there, or not a branch name.
    BadBase {
        /// Why, in one sentence.
        why: String,
    },
    /// The repository's settings or workflow cannot be used.
    BadConfiguration {
        /// The file.
        file: String,
        /// Why, in one sentence.
        why: String,
    },
    /// A limit forbids another run now.
    LimitReached {
        /// Which, in one sentence.
        why: String,
    },
    /// The run begins.
    Started {
        /// The issue.
        issue: IssueNumber,
        /// Whether it ends with the plan.
        plan_only: bool,
    },
    /// The plan is approved and is built now.
    Approved {
        /// The plan.
        plan: ContentHash,
        /// Who approved it.
        by: Login,
    },
    /// Another plan is being written.
    Replanning,
    /// A node is repeated.
    Retrying {
        /// The node.
        node: NodeId,
    },
    /// The run is cancelled.
    Cancelled,
    /// The state, asked for.
    Status {
        /// Where the run stands.
        standing: Standing,
        /// The web address of the status comment.
        url: Option<String>,
    },
    /// The help, asked for.
    Help {
        /// The name under which Footplate speaks.
        bot: String,
    },
    /// A person pushed to the run's branch.
    BranchMoved {
        /// The branch.
        branch: BranchName,
        /// The commit that Footplate pushed last; none where it pushed none.
        ours: Option<CommitId>,
        /// The commit that is there.
        theirs: CommitId,
    },
    /// The run failed.
    RunFailed {
        /// The node.
        node: NodeId,
        /// Why, in one sentence.
        why: String,
    },
    /// All candidates of a node failed.
    Exhausted {
        /// The node.
        node: NodeId,
        /// How many attempts were made.
        attempts: u32,
        /// What went wrong last, in one sentence.
        last: String,
    },
    /// The run's budget is used up.
    BudgetUsedUp {
        /// The limit, in one sentence.
        limit: String,
    },
    /// The pull request is open.
    PullOpened {
        /// The pull request.
        pull: PullNumber,
    },
    /// The pull request was brought up to date.
    PullUpdated {
        /// The pull request.
        pull: PullNumber,
        /// The commit.
        commit: CommitId,
    },
}

/// Renders an answer with its marker; `marker.kind` is set to a reply's.
pub fn reply(kind: &ReplyKind, marker: &Marker) -> String {
    let marker = Marker {
        kind: MarkerKind::Reply,
        ..marker.clone()
    };
    format!("{marker}\n\n{}\n", reply_text(kind))
}

/// Renders an answer without marker.
pub fn reply_text(kind: &ReplyKind) -> String {
    match kind {
        ReplyKind::NotPermitted {
            login,
            command,
            needs,
        } => format!(
            "Sorry {}, {} wants {} permission in this repository, so nothing was done.",
            code(login.as_str()),
            code(&format!("/{command}")),
            needs.as_str()
        ),
        ReplyKind::Misunderstood(mistake) => mistake_text(mistake),
        ReplyKind::NoActiveRun => {
            "There is no run here that this could be about. `/footplate build` starts one.".to_owned()
        }
        ReplyKind::AlreadyRunning { standing } => format!(
            "This issue already has a run, which is {}. `/cancel` ends it, `/replan WISHES` changes its course.",
            headline(standing)
        ),
        ReplyKind::NoPlan => {
            "There is no plan to approve yet; it is posted here when it is written.".to_owned()
        }
        ReplyKind::AlreadyApproved { plan } => {
            format!(
                "Plan `{}` is already approved. `/status` says how far it is.",
                plan.short()
            )
        }
        ReplyKind::PlanEdited { plan } => format!(
            "The plan's comment was edited, so it is not clear what you read. Footplate would build plan `{0}` as it \
             was written: `/approve {0}` does that, `/replan WISHES` changes it.",
            plan.short()
        ),
        ReplyKind::PlanSuperseded { plan } => format!(
            "There is a newer plan than the one you may have read, `{0}`. Have a look at it, then `/approve {0}`.",
            plan.short()
        ),
        ReplyKind::PlanExpired => "The plan's offer has ended. `/replan` writes a fresh one.".to_owned(),
        ReplyKind::HashMismatch { given, plan } => format!(
            "{} is not the newest plan, that is `{1}`. If it is the one you mean: `/approve {1}`.",
            code(given),
            plan.short()
        ),
        ReplyKind::QuestionsOpen { count } => {
            let questions = if *count == 1 {
                "a question".to_owned()
            } else {
                format!("{count} questions")
            };
            format!(
                "The plan has {questions}, so it cannot be approved yet. `/replan` with the answers goes on."
            )
        }
        ReplyKind::ApprovalVoidIssueEdited => {
            "The issue's text was edited after the plan was made, so an approval of that plan does not hold. \
             `/replan` makes a plan for the text as it is now."
                .to_owned()
        }
        ReplyKind::ApprovalVoidBaseMoved { base, files } => format!(
            "{} moved and touched files of the plan ({}), so an approval of that plan does not hold. `/replan` makes a \
             plan for the branch as it is now.",
            code(base.as_str()),
            super::plan::files(files)
        ),
        ReplyKind::NothingToRetry => {
            "There is nothing to repeat: no step has failed. `/retry STEP` repeats a certain one.".to_owned()
        }
        ReplyKind::UnknownNode { node, known } => {
            format!(
                "There is no step {} to repeat. There is: {}.",
                code(node.as_str()),
                choices(known)
            )
        }
        ReplyKind::UnknownModel { model, known } => {
            format!(
                "{} cannot be chosen here. What can: {}.",
                code(model),
                choices(known)
            )
        }
        ReplyKind::BadBase { why } => {
            format!(
                "The base branch cannot be used: {} Name another one and ask again.",
                full_stop(inline(why))
            )
        }
        ReplyKind::BadConfiguration { file, why } => {
            format!(
                "{} cannot be used: {} Correct it on the default branch and ask again.",
                code(file),
                full_stop(inline(why))
            )
        }
        ReplyKind::LimitReached { why } => format!("Nothing was started: {}", full_stop(inline(why))),
        ReplyKind::Started {
            issue,
            plan_only: false,
        } => {
            format!("On it: a plan for #{issue} comes first, and waits for your approval.")
        }
        ReplyKind::Started {
            issue,
            plan_only: true,
        } => {
            format!("On it: a plan for #{issue}, and nothing more, as you asked.")
        }
        ReplyKind::Approved { plan, by } => {
            format!(
                "Plan `{}` is approved by {} and is being built.",
                plan.short(),
                code(by.as_str())
            )
        }
        ReplyKind::Replanning => "Another plan is being written with your wishes.".to_owned(),
        ReplyKind::Retrying { node } => format!("Repeating {} and what follows it.", code(node.as_str())),
        ReplyKind::Cancelled => {
            "Cancelled. What was done so far stays fetchable; `/footplate build` begins anew.".to_owned()
        }
        ReplyKind::Status { standing, url } => {
            let more = url
                .as_ref()
                .map(|url| format!(" {}", super::link("Details", url)))
                .unwrap_or_default();
            format!("**{}** {}{more}", told(&headline(standing)), sentence(standing))
        }
        ReplyKind::Help { bot } => help(bot),
        ReplyKind::BranchMoved { branch, ours, theirs } => {
            let ours = ours.as_ref().map_or_else(
                || "where Footplate expected none".to_owned(),
                |ours| format!("where Footplate left {}", code(ours.short())),
            );
            format!(
                "Somebody pushed to {}: it is at {}, {ours}. Footplate stopped and overwrites nothing. Move that work \
                 elsewhere and `/retry`, or `/cancel` and go on by hand.",
                code(branch.as_str()),
                code(theirs.short())
            )
        }
        ReplyKind::RunFailed { node, why } => format!(
            "The run failed at {}: {} `/retry` repeats that step, `/replan WISHES` begins with another plan.",
            code(node.as_str()),
            full_stop(inline(why))
        ),
        ReplyKind::Exhausted { node, attempts, last } => format!(
            "{} failed in all {attempts} attempts, the last time because: {} `/retry {node} model=CANDIDATE` lets \
             another one try, `/replan WISHES` makes the task smaller, `/cancel` ends the run.",
            code(node.as_str()),
            full_stop(inline(last))
        ),
        ReplyKind::BudgetUsedUp { limit } => format!(
            "The run stopped because its budget is used up: {} Whoever runs the server can raise it; `/retry` then \
             goes on.",
            full_stop(inline(limit))
        ),
        ReplyKind::PullOpened { pull } => format!("Pull request #{pull} is open for review."),
        ReplyKind::PullUpdated { pull, commit } => {
            format!("Pull request #{pull} was updated to {}.", code(commit.short()))
        }
    }
}

fn mistake_text(mistake: &Mistake) -> String {
    match mistake {
        Mistake::Unknown { word, suggestion } => {
            let meant = suggestion
                .map(|word| format!(" Did you mean `/{word}`?"))
                .unwrap_or_default();
            format!(
                "{} is not a command.{meant} `/footplate help` lists them.",
                code(&format!("/{word}"))
            )
        }
        Mistake::Malformed { command, why } => format!(
            "`/{command}` was not understood: {} `/footplate help` shows how to write it.",
            full_stop(inline_up_to(why, 400))
        ),
    }
}

fn choices<T: AsRef<str>>(known: &[T]) -> String {
    if known.is_empty() {
        return "nothing at the moment".to_owned();
    }
    let mut shown = known
        .iter()
        .take(12)
        .map(|name| code(name.as_ref()))
        .collect::<Vec<_>>()
        .join(", ");
    if known.len() > 12 {
        shown.push_str(", …");
    }
    shown
}
