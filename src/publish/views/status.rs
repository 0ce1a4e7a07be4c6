//! The state of a run, for the status comment.

use super::{comment_url, conditions, node};
use crate::model::Timestamp;
use crate::publish::Context;
use crate::publish::documents::Place;
use crate::publish::github::Settings;
use crate::report;
use crate::report::view::{Link, Standing, StatusView};
use crate::run::{NodePhase, Origin, Phase, Run, WaitingFor, phase};
use crate::workflow::NodeKind;

/// Renders the status comment with its marker.
pub(in crate::publish) fn status(context: &Context, settings: &Settings) -> String {
    report::status(&status_view(context, &settings.web))
}

/// Maps a run to its status; `web` is the address of GitHub's pages, such as `https://github.com`.
pub fn status_view(context: &Context, web: &str) -> StatusView {
    let run = &context.run;
    StatusView {
        run: run.created.run.clone(),
        issue: Place::of(run).map(|place| place.issue),
        workflow: run.created.workflow_name.clone(),
        requester: Some(run.created.requester.login.clone()),
        standing: standing(context),
        nodes: node::nodes(context),
        edges: node::edges(context),
        notices: notices(context),
        links: links(context, web),
        updated: Some(run.updated),
    }
}

pub(super) fn standing(context: &Context) -> Standing {
    let run = &context.run;
    let pull = run.pull.as_ref().map(|pull| pull.number);
    let why = || {
        run.ended
            .as_ref()
            .map(|(_, why, _)| why.clone())
            .unwrap_or_default()
    };
    match phase(&context.frozen, run) {
        Phase::Queued => Standing::Queued,
        Phase::Working => Standing::Working,
        Phase::Waiting(WaitingFor::Approval) => awaiting_approval(context),
        Phase::Waiting(WaitingFor::Person { why }) => Standing::AwaitingPerson { why },
        Phase::Waiting(WaitingFor::Until(until)) => Standing::AwaitingTime {
            until,
            why: paused_for(run)
                .unwrap_or_else(|| "A step failed and is tried again after a pause.".to_owned()),
        },
        Phase::InReview => match pull {
            Some(pull) => Standing::InReview { pull },
            None => Standing::Working,
        },
        Phase::Merged => match pull {
            Some(pull) => Standing::Merged { pull },
            None => Standing::Closed { pull: None },
        },
        Phase::Closed => closed(run),
        Phase::Failed => Standing::Failed { why: why() },
        Phase::Cancelled => Standing::Cancelled {
            by: run
                .cancel
                .as_ref()
                .and_then(|(by, _)| by.as_ref())
                .map(|person| person.login.clone()),
        },
    }
}

/// What the step waits for that goes on first.
fn paused_for(run: &Run) -> Option<String> {
    let pauses = run.nodes.values().filter_map(|node| match &node.phase {
        NodePhase::Backoff { until, why } => Some((*until, why.clone())),
        _ => None,
    });
    pauses.min_by_key(|(until, _)| *until)?.1
}

fn awaiting_approval(context: &Context) -> Standing {
    match &context.run.plan {
        Some(plan) if plan.questions > 0 => Standing::AwaitingAnswers,
        Some(plan) => Standing::AwaitingApproval {
            plan: plan.hash,
            expires: expiry(context),
        },
        None => Standing::Working,
    }
}

fn closed(run: &Run) -> Standing {
    let is_local = matches!(run.created.origin, Origin::Local { .. });
    match &run.pull {
        Some(pull) => Standing::Closed {
            pull: Some(pull.number),
        },
        None if run.created.plan_only => Standing::Planned,
        None if is_local && run.pushed.is_some() => Standing::Done {
            branch: run.created.branch.clone(),
        },
        None => Standing::Closed { pull: None },
    }
}

/// When the open gate's offer ends.
pub(super) fn expiry(context: &Context) -> Option<Timestamp> {
    context.frozen.workflow.nodes.iter().find_map(|node| {
        match (&node.kind, &context.run.node(&node.id)?.phase) {
            (NodeKind::Gate(gate), NodePhase::Open { since }) => Some(since.plus(gate.expires)),
            _ => None,
        }
    })
}

fn notices(context: &Context) -> Vec<String> {
    let run = &context.run;
    let mut notices = Vec::new();
    if run.ended.is_none() && run.stuck.is_some() {
        let next = "`/retry` repeats the step that failed, `/replan WISHES` begins with another plan, `/cancel` \
                    ends the run.";
        notices.push(next.to_owned());
    }
    if let Some(why) = &run.voided {
        notices.push(format!("The approval no longer holds. {why}"));
    }
    if let Some((None, why)) = &run.cancel {
        notices.push(why.clone());
    }
    notices.extend(held(run));
    notices.extend(
        run.refused
            .values()
            .map(|why| format!("Something could not be done: {why}")),
    );
    notices.extend(conditions(context));
    notices
}

/// Where the work of a run without a pull request is, and how to get it.
fn held(run: &Run) -> Option<String> {
    let reference = run.held.as_ref()?.reference.as_ref()?;
    let mirror = match &run.created.origin {
        Origin::Issue { repository, .. } => format!("mirrors/{repository}"),
        // Whoever writes the patch to a file says where it is.
        Origin::Local { .. } => return None,
    };
    Some(format!(
        "The work is kept. On the server, `git --git-dir {mirror} format-patch --stdout {}..{reference}` in the data \
         folder prints it.",
        run.base_commit.short()
    ))
}

fn links(context: &Context, web: &str) -> Vec<Link> {
    let run = &context.run;
    let mut links = Vec::new();
    if let Some(plan) = &run.plan
        && let Some(posted) = plan.posted
        && let Some(url) = comment_url(context, web, posted.comment)
    {
        let title = format!("Plan, revision {}", plan.revision);
        links.push(Link { title, url });
    }
    if let Some(pull) = &run.pull {
        let title = format!("Pull request {}", pull.number);
        let url = pull.url.clone();
        links.push(Link { title, url });
    }
    links
}
