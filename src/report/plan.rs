//! The comment of a plan revision.

use std::fmt::Write as _;

use similar::TextDiff;

use super::clip::{Keep, Limit, Page};
use super::escape::{code, code_cell, escape, fenced, inline, visible};
use super::marker::{Marker, MarkerKind};
use super::view::{Cost, PlanView, Previous, StepView};
use super::{figure, table};

/// The most entries of a list that are shown; the whole plan is an artifact.
const LIST_MAX: usize = 50;

/// The largest text that is compared with its predecessor, in bytes: comparing takes time that grows with the
/// square of the difference, and a longer comparison could not be posted.
const DIFF_MAX: usize = 100_000;

/// Renders the comment of a plan revision, with its marker, within GitHub's limit.
pub fn plan(view: &PlanView) -> String {
    let marker = Marker {
        run: Some(view.run.clone()),
        kind: MarkerKind::Plan,
        generation: view.revision,
        key: None,
    };
    let mut page = Page::new(Some(format!(
        "the whole plan is artifact `plan.md` of run {}.",
        code(view.run.as_str())
    )));
    page.push(Keep::Always, marker.to_string());
    fill(&mut page, view, true);
    page.within(Limit::Body)
}

/// Renders the same for a terminal: whole, without marker, mentions and how to answer on GitHub.
pub fn plan_text(view: &PlanView) -> String {
    let mut page = Page::new(None);
    fill(&mut page, view, false);
    page.whole()
}

fn fill(page: &mut Page, view: &PlanView, on_github: bool) {
    let revision = if view.revision > 1 {
        format!(", revision {}", view.revision)
    } else {
        String::new()
    };
    let summary = inline(&view.summary);
    page.push(Keep::Always, format!("## Plan{revision}\n\n{summary}"));
    if view
        .previous
        .as_ref()
        .is_some_and(|previous| previous.old == previous.new)
    {
        page.push(Keep::Always, same_again(view));
    }
    if on_github {
        page.push(Keep::Always, how_to(view));
    } else if !view.questions.is_empty() {
        page.push(
            Keep::Always,
            "The plan has questions, so it cannot be approved as it is.",
        );
    }
    page.push(Keep::Always, questions(&view.questions));
    page.push(Keep::Mostly, steps(&view.steps));
    page.push(Keep::Mostly, list("Files that may change", &view.files, code));
    page.push(Keep::Mostly, list("Commands that check it", &view.tests, code));
    page.push(Keep::Mostly, list("Done when", &view.criteria, inline));
    page.push(Keep::Mostly, list("Risks", &view.risks, inline));
    if !view.body.trim().is_empty() {
        page.push(
            Keep::Mostly,
            folded("The plan in its author's words", &escape(&view.body), on_github),
        );
    }
    if let Some(previous) = view
        .previous
        .as_ref()
        .filter(|previous| previous.old != previous.new)
    {
        let title = format!("What changed since revision {}", view.revision.saturating_sub(1));
        page.push(Keep::Rather, folded(&title, &difference(previous), on_github));
    }
    page.push(Keep::Always, format!("<sub>{}</sub>", foot(view)));
}

/// Whoever asked for another plan is told that none came, and what may help.
fn same_again(view: &PlanView) -> String {
    format!(
        "**This is word for word the plan of revision {}.** Another one was asked for, and the planner came to the \
         same result. `/replan` with other wishes may help.",
        view.revision.saturating_sub(1)
    )
}

/// How to answer; the hash stands in every line that takes it, ready to be copied.
fn how_to(view: &PlanView) -> String {
    let mut out = String::new();
    let hash = view.hash.short();
    if view.questions.is_empty() {
        let then = if view.plan_only {
            "accepts it; nothing is built, as was asked"
        } else {
            "builds it"
        };
        let _ = write!(
            out,
            "This waits for somebody who may write to the repository:\n\n\
             - `/approve {hash}` {then}; notes after the hash go along\n\
             - `/replan WISHES` asks for another plan\n\
             - `/cancel` ends the run"
        );
    } else {
        let _ = write!(
            out,
            "**This plan has questions and cannot be approved yet.** Somebody who may write to the repository \
             answers with:\n\n\
             - `/replan ANSWERS`, which leads to a plan without these questions\n\
             - `/cancel`, which ends the run"
        );
    }
    if let Some(expires) = view.expires {
        let _ = write!(out, "\n\nThe offer ends at {expires}. ");
    } else {
        out.push_str("\n\n");
    }
    out.push_str("Editing this comment or the issue's text voids it.");
    if !view.notify.is_empty() {
        out.push_str("\n\ncc");
    }
    for login in view.notify.iter().take(10) {
        let _ = write!(out, " @{login}");
    }
    out
}

fn questions(questions: &[String]) -> String {
    let mut out = String::new();
    for (at, question) in questions.iter().take(LIST_MAX).enumerate() {
        let _ = writeln!(out, "{}. {}", at + 1, inline(question));
    }
    if out.is_empty() {
        out
    } else {
        format!("### Questions\n\n{out}")
    }
}

fn steps(steps: &[StepView]) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = steps
        .iter()
        .map(|step| {
            let needs = step
                .needs
                .iter()
                .take(10)
                .map(|id| inline(id))
                .collect::<Vec<_>>()
                .join(", ");
            vec![
                inline(&step.id),
                inline(&step.title),
                inline(&step.class),
                files(&step.files),
                needs,
            ]
        })
        .collect();
    format!(
        "### Steps\n\n{}",
        table::table(&["#", "Step", "Class", "Files", "After"], &rows)
    )
}

/// A few file names for a cell.
pub(super) fn files(names: &[String]) -> String {
    let mut shown = names
        .iter()
        .take(8)
        .map(|name| code_cell(name))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > 8 {
        let _ = write!(shown, " and {} more", names.len() - 8);
    }
    shown
}

/// A titled list; an empty one is nothing.
pub(super) fn list(title: &str, entries: &[String], show: fn(&str) -> String) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let mut out = format!("### {title}\n\n");
    for entry in entries.iter().take(LIST_MAX) {
        let _ = writeln!(out, "- {}", show(entry));
    }
    if entries.len() > LIST_MAX {
        let _ = writeln!(out, "- … and {} more", entries.len() - LIST_MAX);
    }
    out
}

/// A block that GitHub shows collapsed, or under a heading in a terminal; `title` is ours.
pub(super) fn folded(title: &str, body: &str, on_github: bool) -> String {
    if on_github {
        format!("<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>")
    } else {
        format!("### {title}\n\n{body}")
    }
}

/// The difference between two revisions as a fenced block.
pub(super) fn difference(previous: &Previous) -> String {
    let (old, _) = visible(&previous.old);
    let (new, _) = visible(&previous.new);
    if old == new {
        return "Nothing.".to_owned();
    }
    if old.len().max(new.len()) > DIFF_MAX {
        return "The revisions are too long to be compared here.".to_owned();
    }
    let diff = TextDiff::from_lines(&old, &new);
    let text = diff
        .unified_diff()
        .context_radius(2)
        .missing_newline_hint(false)
        .to_string();
    fenced(&text, "diff")
}

fn foot(view: &PlanView) -> String {
    let mut out = format!("Plan {}", code(&view.hash.short()));
    if !view.size.is_empty() {
        let _ = write!(out, ", {}", inline(&view.size));
    }
    if let Some((branch, commit)) = &view.base {
        let _ = write!(out, ", for {} at {}", code(branch.as_str()), code(commit.short()));
    }
    if let Some(author) = &view.author {
        let _ = write!(out, ", written by {}", code(author));
    }
    if view.cost != Cost::default() {
        let _ = write!(out, ", cost so far {}", figure::cost(view.cost));
    }
    let _ = write!(out, ", run {}.", code(view.run.as_str()));
    out
}
