//! The pull request.

use std::fmt::Write as _;

use super::clip::{Keep, Limit, Page};
use super::escape::{code, code_cell, escape, inline, inline_up_to, is_live};
use super::marker::{Marker, MarkerKind};
use super::plan::{folded, list};
use super::spending::spending;
use super::status::{full_stop, nodes_table};
use super::view::{ChecksView, CriterionView, FileChange, FindingView, PullView, StepResult, ValidationView};
use super::{figure, table};

/// How many characters of a title are shown before it is cut between words.
const TITLE_MAX: usize = 120;

/// The most characters of a pull request's title that GitHub takes, less a few that count twice.
const TITLE_HARD_MAX: usize = 240;

/// The most changed files that are listed for a step.
const FILES_MAX: usize = 40;

/// Renders the title: the plan's summary, or the issue's title where there is none.
///
/// Titles are plain text: a mention or a reference loses its sign.
pub fn pull_title(view: &PullView) -> String {
    let source = if view.summary.trim().is_empty() {
        &view.issue_title
    } else {
        &view.summary
    };
    let shown = super::escape::visible(source)
        .0
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let shown = shown.trim_end_matches('.');
    let mut title = String::new();
    for word in shown.split(' ') {
        // A squash merge makes the title a commit message, where keywords and references count.
        let word = if is_live(None, word) {
            word.replace(['@', '#'], "").replace(['-', '/'], " ")
        } else {
            word.to_owned()
        };
        if title.chars().count() + word.chars().count() > TITLE_MAX && !title.is_empty() {
            title.push('…');
            break;
        }
        title.extend([if title.is_empty() { "" } else { " " }, word.trim()]);
    }
    let title: String = title.chars().take(TITLE_HARD_MAX).collect();
    match (title.trim(), view.issue) {
        ("", Some(issue)) => format!("Changes for issue {issue}"),
        ("", None) => "Changes by Footplate".to_owned(),
        (title, _) => title.to_owned(),
    }
}

/// Renders the body, with its marker, within GitHub's limit.
pub fn pull_body(view: &PullView) -> String {
    let marker = Marker {
        run: Some(view.run.clone()),
        kind: MarkerKind::Pull,
        generation: view.generation,
        key: None,
    };
    let mut page = Page::new(Some(format!(
        "the rest is among the artifacts of run {}.",
        code(view.run.as_str())
    )));
    page.push(Keep::Always, marker.to_string());
    fill(&mut page, view, true);
    page.within(Limit::Body)
}

/// Renders the same report for a terminal or a file: whole, without marker and closing keyword.
pub fn report_text(view: &PullView) -> String {
    let mut page = Page::new(None);
    page.push(
        Keep::Always,
        format!("# {}", inline_up_to(&view.summary, TITLE_MAX)),
    );
    fill(&mut page, view, false);
    page.whole()
}

fn fill(page: &mut Page, view: &PullView, on_github: bool) {
    if on_github {
        page.push(Keep::Always, inline(&view.summary));
        page.push(Keep::Always, closes(view));
    }
    page.push(Keep::Always, verdict(view));
    for notice in view.notices.iter().take(10) {
        page.push(Keep::Always, format!("> **Note:** {}", inline(notice)));
    }
    page.push(Keep::Mostly, changes(&view.steps, &view.other_files));
    page.push(Keep::Mostly, checks(&view.checks));
    if let Some(validation) = &view.validation {
        page.push(Keep::Mostly, criteria(&validation.criteria));
        page.push(Keep::Mostly, findings(&validation.findings));
    }
    let deviations = list("Deviations from the plan", &view.deviations, inline);
    if deviations.is_empty() {
        page.push(Keep::Mostly, "### Deviations from the plan\n\nNone reported.");
    } else {
        page.push(Keep::Mostly, deviations);
    }
    page.push(
        Keep::Mostly,
        format!(
            "### Who did what, and what it cost\n\n{}",
            nodes_table(&view.nodes)
        ),
    );
    page.push(Keep::Rather, spending(&view.nodes));
    if !view.notes.trim().is_empty() {
        page.push(
            Keep::Rather,
            folded("What the implementer wrote", &escape(&view.notes), on_github),
        );
    }
    if let Some(validation) = view.validation.as_ref().filter(|v| !v.body.trim().is_empty()) {
        page.push(
            Keep::Rather,
            folded("What the validator wrote", &escape(&validation.body), on_github),
        );
    }
    page.push(Keep::Always, format!("<sub>{}</sub>", foot(view)));
}

/// The line that ties the pull request to its issue; it closes the issue only when the plan is complete.
fn closes(view: &PullView) -> String {
    match view.issue {
        Some(issue) if view.complete => format!("Closes #{issue}"),
        Some(issue) => {
            format!("Part of #{issue}: the plan is not complete, so merging this leaves the issue open.")
        }
        None => String::new(),
    }
}

fn verdict(view: &PullView) -> String {
    let checked = match (view.checks.verified, &view.checks.why) {
        (Some(true), _) => "**Verified:** Footplate ran the checks below on the pushed commit.".to_owned(),
        (Some(false), why) => format!("**Checks failed.** {}", why_sentence(why.as_deref())),
        (None, why) => format!("**Not verified.** {}", why_sentence(why.as_deref())),
    };
    let validated = match &view.validation {
        None => "**Not validated:** the workflow has no validator.".to_owned(),
        Some(ValidationView { passed, by, .. }) => {
            let by = by
                .as_ref()
                .map(|name| format!(" by {}", code(name)))
                .unwrap_or_default();
            format!(
                "**Validation {}**{by}.",
                if *passed { "passed" } else { "failed" }
            )
        }
    };
    format!("{}\n{validated}", checked.trim_end())
}

fn why_sentence(why: Option<&str>) -> String {
    full_stop(inline(why.unwrap_or_default()))
}

fn changes(steps: &[StepResult], others: &[FileChange]) -> String {
    let mut out = String::from("### What changed\n");
    for result in steps.iter().take(50) {
        let done = if result.done { "x" } else { " " };
        let _ = write!(
            out,
            "\n- [{done}] **{}** {}",
            inline(&result.step.id),
            inline(&result.step.title)
        );
        if !result.done {
            out.push_str(" (not done)");
        }
        files(&mut out, &result.files);
    }
    if steps.len() > 50 {
        let _ = write!(out, "\n- … and {} more steps", steps.len() - 50);
    }
    if !others.is_empty() {
        out.push_str("\n- Files that no step names");
        files(&mut out, others);
    }
    if steps.is_empty() && others.is_empty() {
        out.push_str("\nNo file changed.");
    }
    out
}

fn files(out: &mut String, files: &[FileChange]) {
    for file in files.iter().take(FILES_MAX) {
        let _ = write!(out, "\n  - {} ", code(&file.path));
        let _ = match (file.added, file.removed) {
            (Some(added), Some(removed)) => write!(out, "+{added} −{removed}"),
            _ => write!(out, "binary"),
        };
    }
    if files.len() > FILES_MAX {
        let _ = write!(out, "\n  - … and {} more files", files.len() - FILES_MAX);
    }
}

fn checks(checks: &ChecksView) -> String {
    if checks.commands.is_empty() {
        return "### Checks\n\nNo command was run.".to_owned();
    }
    let rows: Vec<Vec<String>> = checks
        .commands
        .iter()
        .map(|check| {
            vec![
                code_cell(&check.run),
                figure::check_result(Some(check.result)),
                figure::check_result(check.base),
                check.time.map_or_else(|| "—".to_owned(), figure::duration),
            ]
        })
        .collect();
    format!(
        "### Checks\n\n{}",
        table::table(&["Command", "With the change", "Before", "Time"], &rows)
    )
}

fn criteria(criteria: &[CriterionView]) -> String {
    if criteria.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = criteria
        .iter()
        .map(|criterion| {
            let met = match criterion.met {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "not said",
            };
            vec![
                inline(&criterion.text),
                met.to_owned(),
                inline(&criterion.evidence),
            ]
        })
        .collect();
    format!(
        "### Validation\n\n{}",
        table::table(&["Criterion", "Met", "Evidence"], &rows)
    )
}

fn findings(findings: &[FindingView]) -> String {
    let mut out = String::new();
    for finding in findings.iter().take(50) {
        let place = match (&finding.file, finding.line) {
            (Some(file), Some(line)) => format!(" {}", code(&format!("{file}:{line}"))),
            (Some(file), None) => format!(" {}", code(file)),
            (None, _) => String::new(),
        };
        let _ = writeln!(
            out,
            "- **{}**{place}: {}",
            inline(&finding.severity),
            inline(&finding.text)
        );
    }
    if findings.len() > 50 {
        let _ = writeln!(out, "- … and {} more", findings.len() - 50);
    }
    if out.is_empty() {
        out
    } else {
        format!("**Findings**\n\n{out}")
    }
}

fn foot(view: &PullView) -> String {
    let mut out = format!("Run {}", code(view.run.as_str()));
    if let Some(login) = &view.requester {
        let _ = write!(out, ", asked for by {}", code(login.as_str()));
    }
    if let Some((hash, url)) = &view.plan {
        let plan = match url {
            Some(url) => super::link(&format!("plan {}", hash.short()), url),
            None => format!("plan {}", code(&hash.short())),
        };
        let _ = write!(out, ", {plan}");
    }
    let _ = write!(
        out,
        ", commit {} for {}.",
        code(view.commit.short()),
        code(view.base.as_str())
    );
    out
}
