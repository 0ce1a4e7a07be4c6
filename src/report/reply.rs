//! Short answers: one or two sentences and a next step.

use super::escape::{code, inline_up_to};
use super::marker::{Marker, MarkerKind};
use super::status::{full_stop, headline, sentence, told};
use super::view::Standing;
use crate::command::{Mistake, Permission, help};
use crate::model::{ContentHash, Login, NodeId};

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
    /// The plan has questions.
    QuestionsOpen {
        /// How many.
        count: usize,
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
        ReplyKind::Status { standing, url } => {
            let more = url
                .as_ref()
                .map(|url| format!(" {}", super::link("Details", url)))
                .unwrap_or_default();
            format!("**{}** {}{more}", told(&headline(standing)), sentence(standing))
        }
        ReplyKind::Help { bot } => help(bot),
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
