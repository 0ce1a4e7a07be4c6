//! The fact check after design: what an agent added to texts for people is held against what there was.

use std::collections::{BTreeMap, BTreeSet};

use super::brief::quote;
use super::{Bench, Depot, machine};
use crate::contract::{self, Files};
use crate::engine::book::Page;
use crate::engine::error::Error;
use crate::git::Mirror;
use crate::model::{ArtifactName, Clock, CommitId, Role};
use crate::run::{Run, Share, Verdict};
use crate::store::Journal;
use crate::workflow::{AgentNode, Node, Workflow};

/// Findings beyond this tell a reader nothing more.
const MOST: usize = 20;

/// The longest file that is read as prose or as a source; what is longer is data.
const LONGEST: usize = 1 << 20;

impl<J: Journal, C: Clock, D: Depot> Bench<J, C, D> {
    /// The facts that a node's work states in texts for people and that nobody gave; none for nodes whose work is
    /// not held against facts.
    pub(super) async fn facts(
        &self,
        page: &Page,
        node: &Node,
        agent: &AgentNode,
        mirror: &Mirror,
        work: &CommitId,
    ) -> Result<Vec<String>, Error> {
        let Some(scope) = scope(page, node, agent) else {
            return Ok(Vec::new());
        };
        let base = &page.run.base_commit;
        let ground = ground(&page.run, node).unwrap_or(base);
        let mut added = Vec::new();
        let mut sources = Vec::new();
        for (path, before, now) in texts(mirror, ground, work).await? {
            if contract::is_prose(&path) && scope.touches(&path) {
                added.push((path, new_lines(before.as_deref().unwrap_or_default(), &now)));
            }
            sources.extend(before);
        }
        if added.is_empty() {
            return Ok(Vec::new());
        }
        if ground != base {
            // What the part before wrote is given, too.
            sources.extend(
                texts(mirror, base, ground)
                    .await?
                    .into_iter()
                    .map(|(.., now)| now),
            );
        }
        let plan = ArtifactName::new("plan.md").map_err(machine)?;
        let plan = page
            .frozen
            .workflow
            .producer(&plan)
            .and_then(|producer| page.run.node(&producer.id)?.artifacts.get(&plan).copied());
        for hash in plan.iter().chain([&page.run.issue_text]) {
            sources.extend(self.text(hash).await?);
        }
        Ok(findings(&added, &sources))
    }
}

/// What the brief of a validator says of the work before it: what was noticed without a model.
pub(super) fn section(run: &Run, workflow: &Workflow, role: Role) -> Option<String> {
    if role != Role::Validate {
        return None;
    }
    let noticed: Vec<String> = workflow
        .nodes
        .iter()
        .filter_map(|node| run.node(&node.id)?.latest()?.report.as_ref())
        .filter(|report| report.verdict == Verdict::Succeeded && report.snapshot.is_some())
        .flat_map(|report| report.findings.iter().map(move |finding| (report, finding)))
        .map(|(report, finding)| format!("{}: {}", report.key.node, finding.replace('\n', " ")))
        .collect();
    if noticed.is_empty() {
        return None;
    }
    let mut text = String::from(
        "\n## What Footplate noticed\n\nFound by comparing texts, not by a model. Look at each: a fact that nobody \
         gave is a finding of yours unless it is true by other evidence.\n",
    );
    quote(&mut text, &noticed.join("\n"));
    Some(text)
}

/// The files whose texts are held against facts: all for a designer, those of the plan's design and content for who
/// mends the whole; `None` where there is nothing to check.
fn scope(page: &Page, node: &Node, agent: &AgentNode) -> Option<Files> {
    let is_worded =
        |share: &Share| share.role == Role::Design || matches!(share.class.as_str(), "design" | "content");
    let all = || Some(Files::new(["**"]));
    if let Some((_, part)) = page.run.part(&node.id) {
        return if is_worded(&part.share) { all() } else { None };
    }
    if agent.role == Role::Design {
        return all();
    }
    agent.split_by?;
    let shares = node.reads.iter().find_map(|name| {
        let planner = page.frozen.workflow.producer(name)?;
        let report = page.run.node(&planner.id)?.latest()?.report.as_ref()?;
        (!report.shares.is_empty()).then_some(&report.shares)
    })?;
    let globs: Vec<&str> = shares
        .iter()
        .filter(|share| share.role == Role::Design)
        .flat_map(|share| share.files.iter().map(String::as_str))
        .collect();
    (!globs.is_empty()).then(|| Files::new(globs))
}

/// The work of the part that a part builds on.
fn ground<'a>(run: &'a Run, node: &Node) -> Option<&'a CommitId> {
    let (whole, part) = run.part(&node.id)?;
    let before = run.splits.get(whole)?.parts.get(*part.share.after.first()?)?;
    run.node(&before.node)?.snapshot.as_ref()
}

/// The texts that differ between two commits: path, what it was, what it is.
async fn texts(
    mirror: &Mirror,
    from: &CommitId,
    to: &CommitId,
) -> Result<Vec<(String, Option<String>, String)>, Error> {
    let mut texts = Vec::new();
    for change in mirror.changes(from, to).await.map_err(machine)? {
        let (Some(path), false) = (change.path.as_str(), change.binary) else {
            continue;
        };
        let before = text(mirror, from, path).await;
        let now = text(mirror, to, path).await.unwrap_or_default();
        texts.push((path.to_owned(), before, now));
    }
    Ok(texts)
}

/// A file's text; `None` for what is not there, is no file, or is data.
async fn text(mirror: &Mirror, commit: &CommitId, path: &str) -> Option<String> {
    let bytes = mirror.read(commit, path).await.ok().flatten()?;
    (bytes.len() <= LONGEST).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// The lines of a text that stood nowhere in the one before.
fn new_lines(before: &str, now: &str) -> String {
    let known: BTreeSet<&str> = before.lines().collect();
    let mut new = String::new();
    for line in now.lines().filter(|line| !known.contains(line)) {
        new.push_str(line);
        new.push('\n');
    }
    new
}

fn findings(added: &[(String, String)], sources: &[String]) -> Vec<String> {
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let mut places: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut facts = Vec::new();
    for (path, text) in added {
        for fact in contract::unfounded(text, &sources) {
            if !places.contains_key(&fact) {
                facts.push(fact.clone());
            }
            places.entry(fact).or_default().insert(path);
        }
    }
    let more = facts.len().saturating_sub(MOST);
    let mut findings: Vec<String> = facts
        .iter()
        .take(MOST)
        .map(|fact| {
            let files: Vec<&str> = places[fact].iter().copied().take(3).collect();
            format!(
                "`{}` in {} stands neither in the files before, nor in the plan, nor in the issue.",
                plain(fact),
                files.join(", ")
            )
        })
        .collect();
    if more > 0 {
        findings.push(format!("{more} more facts stand nowhere before."));
    }
    findings
}

/// A fact as it can stand between backticks on one line.
fn plain(fact: &str) -> String {
    let plain: String = fact
        .chars()
        .filter(|c| !c.is_control() && *c != '`')
        .take(100)
        .collect();
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_nowhere_before_is_told_with_its_files() {
        let added = [
            (
                "docs/a.md".to_owned(),
                "Save 37% with 12 widgets.\nAsk Ada.\n".to_owned(),
            ),
            ("docs/b.md".to_owned(), "Again: 37%!\n".to_owned()),
        ];
        let sources = ["A widget comes in packs of 12.".to_owned(), "ask ada".to_owned()];
        assert_eq!(
            findings(&added, &sources),
            [
                "`37%` in docs/a.md, docs/b.md stands neither in the files before, nor in the plan, nor in the issue."
            ]
        );
    }

    #[test]
    fn many_findings_end_with_their_number() {
        let costs = |from: u32| {
            let sentences: Vec<String> = (from..from + 15)
                .map(|n| format!("It costs {n} dollars."))
                .collect();
            sentences.join(" ")
        };
        let (text, more) = (costs(100), costs(200));
        let added = [("a.md".to_owned(), text), ("b.md".to_owned(), more)];
        let findings = findings(&added, &[]);
        assert_eq!(findings.len(), MOST + 1);
        assert_eq!(findings[MOST], "10 more facts stand nowhere before.");
    }

    #[test]
    fn a_line_that_was_there_is_not_new() {
        assert_eq!(new_lines("a\nb\n", "b\nc\na\n"), "c\n");
    }
}
