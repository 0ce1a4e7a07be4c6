//! The status comment.

use std::fmt::Write as _;

use super::clip::{Keep, Limit, Page};
use super::escape::{code, code_cell, inline};
use super::marker::{Marker, MarkerKind};
use super::mermaid::{graph, word};
use super::spending::spending;
use super::view::{NodeView, Standing, StatusView};
use super::{figure, table};

/// Renders the sticky status comment of an issue, with its marker, within GitHub's limit.
pub fn status(view: &StatusView) -> String {
    let marker = Marker {
        run: Some(view.run.clone()),
        kind: MarkerKind::Status,
        generation: 0,
        key: None,
    };
    let mut page = Page::new(None);
    page.push(Keep::Always, marker.to_string());
    fill(&mut page, view, true);
    page.within(Limit::Body)
}

/// Renders the same for a terminal: whole, without marker and drawing.
pub fn status_text(view: &StatusView) -> String {
    let mut page = Page::new(None);
    fill(&mut page, view, false);
    page.whole()
}

fn fill(page: &mut Page, view: &StatusView, drawn: bool) {
    let (headline, sentence) = if drawn {
        (headline(&view.standing), sentence(&view.standing))
    } else {
        plainly(&view.standing)
    };
    page.push(Keep::Always, format!("### Footplate: {headline}\n\n{sentence}"));
    let links = view
        .links
        .iter()
        .take(20)
        .map(|link| super::link(&link.title, &link.url))
        .collect::<Vec<_>>();
    page.push(Keep::Always, links.join(" · "));
    for notice in view.notices.iter().take(10) {
        page.push(Keep::Always, format!("> **Note:** {}", inline(notice)));
    }
    if drawn {
        page.push(Keep::Mostly, graph(&view.nodes, &view.edges).unwrap_or_default());
    }
    page.push(Keep::Mostly, nodes_table(&view.nodes));
    page.push(Keep::Rather, findings(&view.nodes));
    if drawn {
        page.push(Keep::Rather, spending(&view.nodes));
    }
    let mut foot = format!(
        "Run {} of workflow {}",
        code(view.run.as_str()),
        code(&view.workflow)
    );
    if let Some(login) = &view.requester {
        let _ = write!(foot, ", asked for by {}", code(login.as_str()));
    }
    if let Some(updated) = view.updated {
        let _ = write!(foot, ", as of {updated}");
    }
    page.push(Keep::Always, format!("<sub>{foot}.</sub>"));
}

/// The state in a word or two.
pub(super) fn headline(standing: &Standing) -> String {
    match standing {
        Standing::Queued => "queued".to_owned(),
        Standing::Working => "working".to_owned(),
        Standing::AwaitingApproval { .. } => "waiting for approval".to_owned(),
        Standing::AwaitingAnswers => "waiting for answers".to_owned(),
        Standing::AwaitingPerson { .. } => "waiting for a person".to_owned(),
        Standing::AwaitingTime { until, .. } => format!("waiting until {until}"),
        Standing::AwaitingSlot => "waiting for a free slot".to_owned(),
        Standing::InReview { .. } => "in review".to_owned(),
        Standing::Merged { .. } => "merged".to_owned(),
        Standing::Closed { .. } => "closed".to_owned(),
        Standing::Planned => "planned".to_owned(),
        Standing::Done { .. } => "done".to_owned(),
        Standing::Failed { .. } => "failed".to_owned(),
        Standing::Cancelled { .. } => "cancelled".to_owned(),
    }
}

/// What happens next, and what the person can do.
pub(super) fn sentence(standing: &Standing) -> String {
    match standing {
        Standing::Queued => "It begins as soon as it is its turn; `/cancel` ends it.".to_owned(),
        Standing::Working => {
            "Nothing is wanted of you now; `/cancel` ends it, `/replan` asks for another plan.".to_owned()
        }
        Standing::AwaitingApproval { plan, expires } => {
            let until = expires.map(|time| format!(", until {time}")).unwrap_or_default();
            format!(
                "Somebody who may write to this repository answers the plan with `/approve {}`, `/replan WISHES` or \
                 `/cancel`{until}.",
                plan.short()
            )
        }
        Standing::AwaitingAnswers => {
            "The plan has questions: answer them with `/replan` and your answers.".to_owned()
        }
        Standing::AwaitingPerson { why } => told(why),
        Standing::AwaitingTime { why, .. } => format!("{} It goes on by itself.", told(why)),
        Standing::AwaitingSlot => "Other runs are at work; it goes on by itself.".to_owned(),
        Standing::InReview { pull } => format!(
            "Pull request #{pull} is open. `/replan WISHES` or `/retry` there or here updates it; merging or closing \
             it ends the run."
        ),
        Standing::Merged { pull } => format!("Pull request #{pull} was merged."),
        Standing::Closed { pull: Some(pull) } => {
            format!("Pull request #{pull} was closed without being merged.")
        }
        Standing::Closed { pull: None } => "The issue was closed.".to_owned(),
        Standing::Planned => {
            "The plan is written, and nothing more was asked for; `/footplate build` builds anew.".to_owned()
        }
        Standing::Done { branch } => format!("The work lies on the branch {}.", code(branch.as_str())),
        Standing::Failed { why } => {
            format!(
                "{} `/retry` repeats the step that failed, `/replan WISHES` begins with another plan.",
                told(why)
            )
        }
        Standing::Cancelled { by } => {
            let by = by
                .as_ref()
                .map(|login| format!(" by {}", code(login.as_str())))
                .unwrap_or_default();
            format!("It was cancelled{by}. `/footplate build` begins anew.")
        }
    }
}

/// State and sentence for a terminal, where no comment can be written.
fn plainly(standing: &Standing) -> (String, String) {
    let sentence = match standing {
        Standing::Queued | Standing::Working => String::new(),
        Standing::AwaitingApproval { plan, .. } => {
            format!("Plan {} waits for a decision.", code(&plan.short()))
        }
        Standing::AwaitingAnswers => "The plan has questions.".to_owned(),
        Standing::InReview { pull } => format!("Pull request #{pull} is open."),
        Standing::Planned => "The plan is written, and nothing more was asked for.".to_owned(),
        Standing::Failed { why } => told(why),
        Standing::Cancelled { by } => match by {
            Some(login) => format!("It was cancelled by {}.", code(login.as_str())),
            None => "It was cancelled.".to_owned(),
        },
        Standing::Closed { pull: None } => {
            let done = "All steps are done; none of them published anything.";
            return ("done".to_owned(), done.to_owned());
        }
        other => sentence(other),
    };
    (headline(standing), sentence)
}

/// A reason as a sentence of its own.
pub(super) fn told(why: &str) -> String {
    let sentence = full_stop(inline(why));
    match sentence.chars().next() {
        Some(first) if first.is_alphabetic() => {
            first.to_uppercase().chain(sentence.chars().skip(1)).collect()
        }
        _ => sentence,
    }
}

pub(super) fn full_stop(sentence: String) -> String {
    if sentence.is_empty() || sentence.ends_with(['.', '!', '?', '…']) {
        sentence
    } else {
        sentence + "."
    }
}

/// The table of nodes with candidates, attempts, time, tokens and cost, and a line of totals.
pub(super) fn nodes_table(nodes: &[NodeView]) -> String {
    if nodes.is_empty() {
        return String::new();
    }
    let mut rows: Vec<Vec<String>> = nodes.iter().map(node_row).collect();
    let attempts: u32 = nodes
        .iter()
        .map(|node| node.attempts)
        .fold(0, u32::saturating_add);
    let time = nodes
        .iter()
        .filter_map(|node| node.time)
        .fold(std::time::Duration::ZERO, std::time::Duration::saturating_add);
    let total = [
        "**Total**".to_owned(),
        String::new(),
        String::new(),
        attempts.to_string(),
        figure::duration(time),
        String::new(),
        figure::cost(figure::total_cost(nodes)),
    ];
    rows.push(total.to_vec());
    table::table(
        &["Step", "State", "Done by", "Attempts", "Time", "Tokens", "Cost"],
        &rows,
    )
}

fn node_row(node: &NodeView) -> Vec<String> {
    let candidates = node
        .candidates
        .iter()
        .map(|name| code_cell(name))
        .collect::<Vec<_>>()
        .join(", ");
    let by_model = !node.candidates.is_empty();
    vec![
        code(node.id.as_str()),
        word(node.state).to_owned(),
        if by_model { candidates } else { inline(&node.kind) },
        node.attempts.to_string(),
        node.time.map_or_else(|| "—".to_owned(), figure::duration),
        if by_model {
            figure::tokens(node.usage)
        } else {
            "—".to_owned()
        },
        figure::cost(node.cost),
    ]
}

fn findings(nodes: &[NodeView]) -> String {
    let mut out = String::new();
    for node in nodes {
        for finding in node.findings.iter().take(20) {
            let _ = writeln!(out, "- {}: {}", code(node.id.as_str()), inline(finding));
        }
    }
    if out.is_empty() {
        out
    } else {
        format!("**Findings**\n\n{out}")
    }
}
