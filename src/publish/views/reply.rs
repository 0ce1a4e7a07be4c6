//! Answers to comments, in words.

use super::comment_url;
use super::status::standing;
use crate::model::{ContentHash, NodeId};
use crate::publish::Context;
use crate::publish::github::Settings;
use crate::report::escape::inline;
use crate::report::{self, reply_text};
use crate::run::ReplyKind;

/// The words of an answer; `None` where a reaction says enough.
pub(in crate::publish) fn reply(context: &Context, kind: &ReplyKind, settings: &Settings) -> Option<String> {
    let run = &context.run;
    let text = match kind {
        ReplyKind::Accepted => return None,
        ReplyKind::NotWaiting => match &run.approval {
            Some(approval) => reply_text(&report::ReplyKind::AlreadyApproved { plan: approval.plan }),
            None => reply_text(&report::ReplyKind::NoPlan),
        },
        ReplyKind::NeedsHash { plan, why } => format!("{} {}", inline(why), by_hash(plan)),
        ReplyKind::WrongHash { plan } => format!("That is not the newest plan's hash. {}", by_hash(plan)),
        ReplyKind::QuestionsOpen { questions } => {
            let count = usize::try_from(*questions).unwrap_or(usize::MAX);
            reply_text(&report::ReplyKind::QuestionsOpen { count })
        }
        ReplyKind::NotPosted => {
            "Nothing was approved: it is not certain yet that the newest plan stands here. Its comment will come or \
             be found in a moment; have a look at it and write `/approve` then."
                .to_owned()
        }
        ReplyKind::Unpostable { plan } => format!(
            "Nothing was approved: the plan could not be posted here. `/replan` makes another try. {}",
            by_hash(plan)
        ),
        ReplyKind::AlreadyActive => reply_text(&report::ReplyKind::AlreadyRunning {
            standing: standing(context),
        }),
        ReplyKind::Over => "The run is over, so nothing was done. `/footplate build` begins anew.".to_owned(),
        ReplyKind::NothingToRepeat => reply_text(&report::ReplyKind::NothingToRetry),
        ReplyKind::NoSuchNode { node, nodes } => no_such_node(node, nodes),
        ReplyKind::NoSuchCandidate { why } => format!("{} Nothing was repeated.", sentence(why)),
        ReplyKind::Status => reply_text(&report::ReplyKind::Status {
            standing: standing(context),
            url: run
                .status_comment
                .and_then(|comment| comment_url(context, &settings.web, comment)),
        }),
        ReplyKind::Help => reply_text(&report::ReplyKind::Help {
            bot: settings.identity.login(),
        }),
    };
    Some(text)
}

fn by_hash(plan: &ContentHash) -> String {
    let hash = plan.short();
    format!("If plan `{hash}` is what you want to be built, write `/approve {hash}`.")
}

fn no_such_node(node: &str, nodes: &[String]) -> String {
    match NodeId::new(node) {
        Ok(node) => reply_text(&report::ReplyKind::UnknownNode {
            node,
            known: nodes
                .iter()
                .filter_map(|node| NodeId::new(node.as_str()).ok())
                .collect(),
        }),
        Err(_) => "There is no such step to repeat.".to_owned(),
    }
}

fn sentence(why: &str) -> String {
    let why = inline(why);
    let mut rest = why.chars();
    let begun: String = rest
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(rest)
        .collect();
    let end = if begun.ends_with(['.', '!', '?', '…']) {
        ""
    } else {
        "."
    };
    begun + end
}
