//! One line on standard error for whatever happened to a step.

use std::collections::HashMap;

use crate::cli::show;
use crate::engine::Page;
use crate::model::NodeId;
use crate::report::escape::visible;
use crate::run::{Approval, Attempt, Node, NodePhase, Verdict};

/// What was shown so far.
pub(super) struct Progress {
    quiet: bool,
    shown: HashMap<NodeId, Shown>,
}

#[derive(Default)]
struct Shown {
    /// How many attempts were announced, and how many of these were seen to end.
    begun: usize,
    ended: usize,
    /// The generation and the phase.
    phase: Option<(u32, NodePhase)>,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            shown: HashMap::new(),
        }
    }

    /// Says something beside the steps.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            show::aside(text);
        }
    }

    /// Shows what has changed since the last look.
    pub(super) fn show(&mut self, page: &Page) {
        if self.quiet {
            return;
        }
        for node in &page.frozen.expanded(&page.run).workflow.nodes {
            let Some(state) = page.run.node(&node.id) else {
                continue;
            };
            let shown = self.shown.entry(node.id.clone()).or_default();
            let approval = page.run.approval.as_ref();
            let approved = approval.filter(|approval| approval.node == node.id);
            for line in shown.news(node.id.as_str(), state, approved) {
                show::aside(line);
            }
        }
    }
}

impl Shown {
    fn news(&mut self, id: &str, state: &Node, approved: Option<&Approval>) -> Vec<String> {
        let mut lines = Vec::new();
        for (at, attempt) in state.attempts.iter().enumerate() {
            if at >= self.begun {
                lines.push(format!("… {id}{}", by(attempt)));
                self.begun = at + 1;
            }
            if at >= self.ended && attempt.report.is_some() {
                self.ended = at + 1;
                lines.extend(mishap(attempt).map(|why| format!("✗ {id}{}: {why}", by(attempt))));
            }
        }
        let phase = (state.generation, state.phase.clone());
        if self.phase.as_ref() != Some(&phase) {
            lines.extend(turned(id, state, approved));
            self.phase = Some(phase);
        }
        lines
    }
}

/// What a new phase is worth telling.
fn turned(id: &str, state: &Node, approved: Option<&Approval>) -> Option<String> {
    match &state.phase {
        NodePhase::Pending | NodePhase::Running => None,
        NodePhase::Backoff { .. } => Some(format!("· {id} is tried again after a pause")),
        NodePhase::Open { .. } => Some(format!("? {id} waits for a decision")),
        NodePhase::Succeeded if approved.is_some() => {
            approved.map(|approval| format!("✓ {id} plan {}", approval.plan.short()))
        }
        NodePhase::Succeeded => {
            let report = state.latest().and_then(|attempt| attempt.report.as_ref());
            let took = report.map(|report| {
                let seconds = report.ended.since(report.started).as_secs_f64();
                format!(" {seconds:.1} s")
            });
            let said = match report.and_then(|report| report.passed) {
                Some(false) => ": no",
                _ => "",
            };
            Some(format!("✓ {id}{}{said}", took.unwrap_or_default()))
        }
        NodePhase::Failed { why } => Some(format!("✗ {id} failed: {}", plain(why))),
        NodePhase::Skipped { why } => Some(format!("– {id} is skipped: {}", plain(why))),
    }
}

fn by(attempt: &Attempt) -> String {
    let again = if attempt.n > 1 {
        format!(", attempt {}", attempt.n)
    } else {
        String::new()
    };
    match &attempt.candidate {
        Some((_, name)) => format!(" ({name}{again})"),
        None if attempt.n > 1 => format!(" (attempt {})", attempt.n),
        None => String::new(),
    }
}

fn mishap(attempt: &Attempt) -> Option<String> {
    match attempt.verdict()? {
        Verdict::Succeeded => None,
        Verdict::Failed { why, .. } => Some(plain(why)),
        Verdict::Returned { findings } => Some(format!(
            "its artifact goes back to it: {}",
            plain(&findings.join(" "))
        )),
        Verdict::Cancelled => Some("stopped".to_owned()),
        Verdict::Lost => Some("lost with an earlier process".to_owned()),
    }
}

/// A text that may hold an agent's words, fit for a terminal: one line, and nothing that it would act upon.
fn plain(text: &str) -> String {
    let (text, _) = visible(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    line.chars().filter(|c| !c.is_control()).take(500).collect()
}
