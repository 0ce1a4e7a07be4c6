//! A log told to people: one line an event.

use std::fmt::Write as _;

use super::event::{EndedHow, Event, Recorded, RepeatWhy};
use super::report::{PublishResult, Verdict};

/// Tells an event in one line, without its time.
pub fn tell(recorded: &Recorded) -> String {
    match &recorded.event {
        Event::Created(created) => format!(
            "{} asked for “{}” on {} at {}; workflow `{}`, branch {}",
            created.requester.login,
            created.title,
            created.base,
            created.base_commit.short(),
            created.workflow_name,
            created.branch,
        ),
        Event::AttemptScheduled {
            key,
            candidate,
            start,
            ..
        } => match candidate {
            Some((_, name)) => format!("{key:?} is scheduled for {name}, from {}", start.short()),
            None => format!("{key:?} is scheduled, from {}", start.short()),
        },
        Event::AttemptBegan { key } => format!("{key:?} began"),
        Event::AttemptEnded { report } => {
            let took = report.ended.since(report.started).as_secs_f64();
            let outcome = match &report.verdict {
                Verdict::Succeeded => "succeeded".to_owned(),
                Verdict::Failed { class, why } => format!("failed ({class:?}): {why}"),
                Verdict::Returned { findings } => {
                    format!("was returned to its author: {}", findings.join(" "))
                }
                Verdict::Cancelled => "was cancelled".to_owned(),
                Verdict::Lost => "was lost with the server".to_owned(),
            };
            let mut line = format!("{:?} {outcome}, after {took:.1} s", report.key);
            match report.passed {
                Some(true) => line.push_str("; it says yes"),
                Some(false) => line.push_str("; it says no"),
                None => {}
            }
            match &report.publish {
                Some(PublishResult::Published { commit, pull, .. }) => {
                    let _ = write!(line, "; {} is in pull request #{pull}", commit.short());
                }
                Some(PublishResult::Placed { commit }) => {
                    let _ = write!(line, "; {} is on the branch", commit.short());
                }
                Some(PublishResult::Refused { findings }) => {
                    let _ = write!(line, "; not pushed: {}", findings.join(" "));
                }
                Some(PublishResult::BranchMoved { .. }) => {
                    line.push_str("; somebody else's commit is on the branch");
                }
                Some(PublishResult::BaseMoved { head }) => {
                    let _ = write!(line, "; the base moved to {}", head.short());
                }
                None => {}
            }
            line
        }
        Event::Split { node, parts } => {
            let parts: Vec<&str> = parts.iter().map(|part| part.node.as_str()).collect();
            format!("{node} is divided into {}", parts.join(", "))
        }
        Event::BackedOff { node, until, why } => match why {
            Some(why) => format!("{node} waits until {until}: {why}"),
            None => format!("{node} waits until {until}"),
        },
        Event::Spending { outside } => {
            let others: Vec<String> = outside
                .money
                .iter()
                .map(|(scope, spent)| format!("{scope} {}", spent.known))
                .collect();
            format!("looked up what others spent: {}", others.join(", "))
        }
        Event::NodeSucceeded { node } => format!("{node} is done"),
        Event::NodeFailed { node, why } => format!("{node} failed: {why}"),
        Event::NodeSkipped { node, why } => format!("{node} is skipped: {why}"),
        Event::GateOpened {
            node,
            plan,
            questions,
        } => match questions {
            0 => format!("{node} waits for a decision about plan {}", plan.short()),
            n => format!(
                "{node} waits for answers: plan {} leaves {n} questions open",
                plan.short()
            ),
        },
        Event::PlanPosted { plan, comment, .. } => {
            format!("plan {} stands in comment {comment}", plan.short())
        }
        Event::Approved { plan, by, .. } => format!("{} approved plan {}", by.login, plan.short()),
        Event::ApprovalVoided { why, .. } => format!("the approval no longer holds: {why}"),
        Event::Repeated { from, why, by, .. } => {
            let who = by
                .as_ref()
                .map_or("the workflow".to_owned(), |by| by.login.to_string());
            let what = match why {
                RepeatWhy::Replan { .. } => "another plan".to_owned(),
                RepeatWhy::Retry { .. } => format!("{from} again"),
                RepeatWhy::Repair {
                    because,
                    round,
                    candidate: None,
                    ..
                } => {
                    format!("a repair of {from} because {because} said no, round {round}")
                }
                RepeatWhy::Repair { because, round, .. } => {
                    format!(
                        "a repair of {from} by the next candidate because {because} said no, round {round}"
                    )
                }
                RepeatWhy::Review { .. } => format!("changes to {from} in a review"),
            };
            format!("{who} asked for {what}")
        }
        Event::IssueEdited { text } => format!("the issue's text changed to {}", text.short()),
        Event::PushIntended { commit } => format!("{} is about to be pushed", commit.short()),
        Event::Stuck { why } => format!("the run waits for a person: {why}"),
        Event::ReplyOwed { to, kind } => format!("comment {} gets an answer: {kind:?}", to.0),
        Event::Replied { to } => format!("comment {} was answered", to.0),
        Event::StatusDue => "the status comment may be written again".to_owned(),
        Event::StatusPosted { revision, .. } => format!("the status shows revision {revision}"),
        Event::PlanCollapsed { comment } => format!("plan comment {comment} was collapsed"),
        Event::WorkHeld { reference, .. } => match reference {
            Some(reference) => format!("the work is kept on {reference}"),
            None => "there is no work to keep".to_owned(),
        },
        Event::EffectFailed { action, why } => format!("{action} was refused: {why}"),
        Event::CancelRequested { why, .. } => format!("the run is to stop: {why}"),
        Event::Ended { how, why } => {
            let word = match how {
                EndedHow::Merged => "merged",
                EndedHow::Closed => "closed",
                EndedHow::Failed => "failed",
                EndedHow::Cancelled => "cancelled",
            };
            format!("the run is over: {word}. {why}")
        }
    }
}
