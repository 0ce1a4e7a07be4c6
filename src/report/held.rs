//! The comment about work that was not published.

use std::fmt::Write as _;

use super::clip::{Keep, Limit, Page};
use super::escape::{code, fenced, inline};
use super::marker::{Marker, MarkerKind};
use super::status::full_stop;
use super::view::{HeldPlace, HeldView};

/// Renders the comment that says why work was not published and how to get it, with its marker.
pub fn held(view: &HeldView) -> String {
    let marker = Marker {
        run: Some(view.run.clone()),
        kind: MarkerKind::Held,
        generation: view.generation,
        key: None,
    };
    let mut page = Page::new(None);
    page.push(Keep::Always, marker.to_string());
    fill(&mut page, view);
    page.within(Limit::Body)
}

/// Renders the same for a terminal, without marker.
pub fn held_text(view: &HeldView) -> String {
    let mut page = Page::new(None);
    fill(&mut page, view);
    page.whole()
}

fn fill(page: &mut Page, view: &HeldView) {
    let kept = if view.place == HeldPlace::Nowhere {
        "There was nothing to keep."
    } else {
        "The work is kept."
    };
    page.push(Keep::Always, format!("### The work was not published\n\n{kept}"));
    let mut why = String::new();
    for finding in view.findings.iter().take(50) {
        let _ = writeln!(why, "- {}", inline(finding));
    }
    if view.findings.len() > 50 {
        let _ = writeln!(why, "- … and {} more", view.findings.len() - 50);
    }
    page.push(Keep::Mostly, why);
    page.push(Keep::Always, fetching(&view.place));
    let mut next = view
        .next
        .as_deref()
        .map(|next| full_stop(inline(next)) + " ")
        .unwrap_or_default();
    next.push_str("`/retry` tries again, `/replan WISHES` begins with another plan, `/cancel` ends the run.");
    page.push(Keep::Always, next);
    let commit = view
        .commit
        .as_ref()
        .map(|commit| format!(", commit {}", code(commit.short())))
        .unwrap_or_default();
    page.push(
        Keep::Always,
        format!("<sub>Run {}{commit}.</sub>", code(view.run.as_str())),
    );
}

fn fetching(place: &HeldPlace) -> String {
    match place {
        HeldPlace::Remote {
            repository,
            reference,
        } => {
            // A ref's name may hold what a shell would act upon; it is made by us, and quoted all the same.
            let quoted = format!("'{}'", reference.replace('\'', "'\\''"));
            let commands = format!("git fetch origin {quoted}\ngit switch --detach FETCH_HEAD");
            format!(
                "In a clone of {}:\n\n{}",
                code(repository.as_str()),
                fenced(&commands, "sh")
            )
        }
        HeldPlace::Server {
            patch,
            url: Some(url),
        } => {
            format!(
                "It is {}; apply it with `git apply`.",
                super::link(&format!("the patch {patch}"), url)
            )
        }
        HeldPlace::Server { patch, url: None } => format!(
            "Whoever runs the server finds it as the artifact {}; it applies with `git apply`.",
            code(patch)
        ),
        HeldPlace::Nowhere => String::new(),
    }
}
