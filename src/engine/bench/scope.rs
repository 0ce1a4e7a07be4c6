//! Work beyond the plan: undone once, with a word about it, and then for a person to judge.
//!
//! What an attempt changes outside the plan's files would be held back before the push, after everything else was
//! paid for. So the first attempt of a generation that does it is thrown away, as long as there is another to come.
//! Whoever does it again may have a reason: that work goes on, is checked and validated, and is held for a person.

use super::{Bench, Depot, machine};
use crate::contract::{Document, Files};
use crate::engine::book::Page;
use crate::engine::error::Error;
use crate::engine::workshop::Work;
use crate::git::{Mirror, TreePath};
use crate::model::{AttemptKey, Clock, CommitId};
use crate::run::{Attempt, Failure, Verdict};
use crate::store::Journal;
use crate::workflow::AgentNode;

/// The most paths that are named; the first ones tell what went wrong.
const MOST: usize = 20;

impl<J: Journal, C: Clock, D: Depot> Bench<J, C, D> {
    /// Fails an attempt that changed files outside the plan, if it is the first and another may follow. Whether it did.
    pub(super) async fn keep_to_the_plan(
        &self,
        page: &Page,
        agent: &AgentNode,
        mirror: &Mirror,
        (start, state): (&CommitId, &CommitId),
        work: &mut Work,
    ) -> Result<bool, Error> {
        let key = &work.report.key;
        if !may_follow(page, key, agent) || !before(page, key).is_empty() {
            return Ok(false);
        }
        let Some(Document::Plan(plan)) = self.document(page, "plan.md").await? else {
            return Ok(false);
        };
        let touched = mirror.touched_between(start, state).await.map_err(machine)?;
        let outside: Vec<String> = outside(&plan.scope(), &touched)
            .map(|path| format!("`{path}`"))
            .collect();
        if outside.is_empty() {
            return Ok(false);
        }
        work.withdraw(Verdict::Failed {
            class: Failure::OutOfScope,
            why: format!(
                "It changed files that are not among the plan's: {}.",
                outside.join(", ")
            ),
        });
        Ok(true)
    }
}

/// What the next attempt is told of one that went beyond the plan.
pub(super) fn section(page: &Page, key: &AttemptKey) -> Option<String> {
    let said = before(page, key);
    let why = said.first()?;
    let mut text =
        String::from("\n## Keep to the plan's files\n\nAn attempt before this one was thrown away:\n");
    super::brief::quote(&mut text, why);
    text.push_str(
        "\nChange only the files that the plan names. Where the work cannot be done without another one, change that \
         too and say so under `deviations`: a person decides about it before anything is pushed.\n",
    );
    Some(text)
}

/// What earlier attempts of the same generation were thrown away for.
fn before<'a>(page: &'a Page, key: &AttemptKey) -> Vec<&'a str> {
    let earlier = attempts(page, key).filter(|attempt| attempt.n < key.n);
    earlier
        .filter_map(|attempt| match attempt.verdict() {
            Some(Verdict::Failed {
                class: Failure::OutOfScope,
                why,
            }) => Some(why.as_str()),
            _ => None,
        })
        .collect()
}

/// Whether another attempt would come after a failure of this one.
fn may_follow(page: &Page, key: &AttemptKey, agent: &AgentNode) -> bool {
    let failed = |attempt: &&Attempt| matches!(attempt.verdict(), Some(Verdict::Failed { .. }));
    let failures = attempts(page, key).filter(failed).count() + 1;
    if agent.attempts.is_some_and(|most| failures >= most as usize) {
        return false;
    }
    let Some((index, _)) = attempts(page, key)
        .find(|attempt| attempt.n == key.n)
        .and_then(|attempt| attempt.candidate.as_ref())
    else {
        return false;
    };
    let own = |attempt: &&Attempt| {
        attempt
            .candidate
            .as_ref()
            .is_some_and(|(other, _)| other == index)
    };
    let of_candidate = attempts(page, key).filter(failed).filter(own).count() + 1;
    of_candidate < page.frozen.policy.guard.failures as usize
}

fn attempts<'a>(page: &'a Page, key: &AttemptKey) -> impl Iterator<Item = &'a Attempt> {
    let attempts = page.run.node(&key.node).map(|node| node.attempts.as_slice());
    let generation = key.generation;
    attempts
        .unwrap_or_default()
        .iter()
        .filter(move |attempt| attempt.generation == generation)
}

/// The first of the paths that are none of these files.
pub(super) fn outside<'p>(files: &Files, touched: &'p [TreePath]) -> impl Iterator<Item = &'p TreePath> {
    touched
        .iter()
        .filter(|path| !path.as_str().is_some_and(|path| files.touches(path)))
        .take(MOST)
}
