//! Parts of one plan put together: git does it, and where it cannot, the next attempt is told what to mend.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::agent::scheduled;
use super::brief::quote;
use super::shares::{capital, steps};
use super::{Bench, Depot, machine};
use crate::contract::{self, Document, Implementation};
use crate::engine::book::Page;
use crate::engine::error::Error;
use crate::engine::workshop::Work;
use crate::git::Mirror;
use crate::model::{Artifact, ArtifactName, AttemptKey, Clock, CommitId, ContentHash, NodeId};
use crate::run::{Failure, Part, Report, Run, Split, Verdict};
use crate::store::Journal;
use crate::workflow::Node;

/// The most files that a report names one by one; beyond that a reader looks at the diff.
const MOST_FILES: usize = 20;

impl<J: Journal, C: Clock, D: Depot> Bench<J, C, D> {
    /// Puts the snapshots of a node's parts together and writes their joint account.
    pub(super) async fn merge(&self, page: &Page, key: &AttemptKey, node: &Node) -> Result<Work, Error> {
        let started = self.clock.now();
        let attempt = scheduled(page, key)?;
        let split = page
            .run
            .splits
            .get(&node.id)
            .ok_or_else(|| machine("an attempt to merge was scheduled for a node without parts"))?;
        let mirror = self.equipment.depot.mirror_of(&page.run.created.origin).await?;
        let message = format!("footplate: parts of {} together", node.id);
        let mut joint: Option<CommitId> = None;
        let mut conflicts = BTreeSet::new();
        for snapshot in ends(split).filter_map(|part| page.run.node(&part.node)?.snapshot.clone()) {
            joint = Some(match joint {
                None => snapshot,
                Some(ours) => {
                    let merged = mirror.merge(&ours, &snapshot, &message, attempt.scheduled).await;
                    let merged = merged.map_err(machine)?;
                    conflicts.extend(merged.conflicts.iter().map(ToString::to_string));
                    merged.commit
                }
            });
        }
        let mut report = Report::bare(key.clone(), Verdict::Succeeded, self.clock.now());
        report.started = started;
        let Some(joint) = joint else {
            report.verdict = Verdict::Failed {
                class: Failure::NoChange,
                why: "None of its parts changed a file.".to_owned(),
            };
            return Ok(report.into());
        };
        // Before the report names it: a snapshot that nothing holds could be swept.
        let name = format!("runs/{}/{}-{}-{}", key.run, key.node, key.generation, key.n);
        mirror.hold(&name, &joint).await.map_err(machine)?;
        report.snapshot = Some(joint);
        if !conflicts.is_empty() {
            report.verdict = Verdict::Failed {
                class: Failure::Conflict,
                why: format!(
                    "Git could not put {} together.",
                    match conflicts.len() {
                        1 => "one file".to_owned(),
                        files => format!("{files} files"),
                    }
                ),
            };
            report.findings = conflicts
                .iter()
                .take(MOST_FILES)
                .map(|path| format!("`{path}` was changed by several parts in the same place."))
                .collect();
            return Ok(report.into());
        }
        self.join(page, node, split, report).await
    }

    /// The joint account, under every name that the node declares.
    async fn join(&self, page: &Page, node: &Node, split: &Split, mut report: Report) -> Result<Work, Error> {
        let mut accounts = Vec::with_capacity(split.parts.len());
        for part in &split.parts {
            let told = match account_of(&page.run, part) {
                Some(hash) => self.text(&hash).await?,
                None => None,
            };
            let account = told.and_then(|text| match contract::parse(&part.account, &text) {
                Ok(Document::Implementation(account)) => Some(account),
                _ => None,
            });
            accounts.push((heading(part), part, account.unwrap_or_else(lost_account)));
        }
        let joint = Implementation::join(
            accounts
                .iter()
                .map(|(heading, part, account)| (heading.as_str(), part.share.steps.as_slice(), account)),
        );
        let mut contents = Vec::with_capacity(node.writes.len());
        for name in &node.writes {
            let text = match contract::declared_fields(name.stem()) {
                Some(_) => joint.render(),
                None => joint.body.clone(),
            };
            // What we write passes the same lint as what others write.
            match contract::parse(name, &text) {
                Ok(document) => {
                    let fields = contract::fields(&document).into_iter();
                    report
                        .fields
                        .extend(fields.map(|(field, value)| (field, super::judge::to_field(value))));
                }
                Err(wrong) => {
                    let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
                    return Err(Error::Refused {
                        why: format!(
                            "the parts' accounts make no {name} together: {}",
                            wrong.join("; ")
                        ),
                    });
                }
            }
            let content = text.into_bytes();
            let hash = ContentHash::of(&content);
            report.artifacts.push(Artifact {
                name: name.clone(),
                hash,
            });
            contents.push(content);
        }
        Ok(Work {
            report,
            contents,
            stake: None,
        })
    }

    /// The accounts of the parts whose conflict a node mends; none where there is none.
    pub(super) async fn accounts(
        &self,
        page: &Page,
        node: &Node,
    ) -> Result<Vec<(ArtifactName, Vec<u8>)>, Error> {
        let mut accounts = Vec::new();
        let (Some(_), Some(split)) = (conflict(&page.run, &node.id), page.run.splits.get(&node.id)) else {
            return Ok(accounts);
        };
        for part in &split.parts {
            if let Some(hash) = account_of(&page.run, part)
                && let Some(text) = self.equipment.journal.get(&hash).await?
            {
                accounts.push((part.account.clone(), text));
            }
        }
        Ok(accounts)
    }
}

/// The report of the merge whose conflict a node has to mend.
pub(super) fn conflict<'a>(run: &'a Run, node: &NodeId) -> Option<&'a Report> {
    run.splits.get(node)?;
    let is_conflict = |report: &&Report| {
        matches!(
            report.verdict,
            Verdict::Failed {
                class: Failure::Conflict,
                ..
            }
        )
    };
    let reports = run
        .node(node)?
        .current()
        .filter_map(|attempt| attempt.report.as_ref());
    reports.filter(is_conflict).last()
}

/// What the brief of an attempt says that has to mend a conflict.
pub(super) fn section(run: &Run, node: &NodeId) -> Option<String> {
    let report = conflict(run, node)?;
    let split = run.splits.get(node)?;
    let mut text = String::from(
        "\n## A conflict to resolve\n\nSeveral agents worked on parts of the plan, and git could not put their work \
         together. The worktree holds all of it; where both changed the same lines, git's marks (`<<<<<<<`, `=======`, \
         `>>>>>>>`) stand around both versions. Make of both what the plan asks for, leave no mark, and keep \
         everything else as it is. Your account covers all steps of the plan.\n",
    );
    quote(&mut text, &report.findings.join("\n"));
    text.push_str("\nWhat each part says it did:\n\n");
    for part in &split.parts {
        let _ = writeln!(
            text,
            "- {}: `.footplate/{}`",
            capital(&steps(&part.share.steps)),
            part.account
        );
    }
    Some(text)
}

/// The files changed since a base in which marks of a conflict stand that the base has not.
///
/// # Errors
/// The mirror fails.
pub(super) async fn marked(mirror: &Mirror, base: &CommitId, work: &CommitId) -> Result<Vec<String>, Error> {
    let mut marked = Vec::new();
    for change in mirror.changes(base, work).await.map_err(machine)? {
        let (Some(path), false) = (change.path.as_str(), change.binary) else {
            continue;
        };
        // A link or a file beyond the size that is read holds no lines of ours.
        let now = mirror.read(work, path).await.ok().flatten();
        let before = mirror.read(base, path).await.ok().flatten();
        if now.is_some_and(|now| has_marks(&now)) && !before.is_some_and(|before| has_marks(&before)) {
            marked.push(change.path.to_string());
        }
    }
    marked.truncate(MOST_FILES);
    Ok(marked)
}

/// Whether a line begins like one of git's marks around a conflict. The line between both versions is none by
/// itself: it also underlines headings.
fn has_marks(content: &[u8]) -> bool {
    content
        .split(|byte| *byte == b'\n')
        .any(|line| line.starts_with(b"<<<<<<< ") || line.starts_with(b">>>>>>> "))
}

/// The parts that no other part builds on; they hold the work of those that they come after.
fn ends(split: &Split) -> impl Iterator<Item = &Part> {
    let built_on: BTreeSet<usize> = split
        .parts
        .iter()
        .flat_map(|part| part.share.after.iter().copied())
        .collect();
    let parts = split.parts.iter().enumerate();
    parts
        .filter(move |(index, _)| !built_on.contains(index))
        .map(|(_, part)| part)
}

fn account_of(run: &Run, part: &Part) -> Option<ContentHash> {
    run.node(&part.node)?.artifacts.get(&part.account).copied()
}

fn heading(part: &Part) -> String {
    format!("{} ({})", capital(&part.share.class), steps(&part.share.steps))
}

fn lost_account() -> Implementation {
    Implementation {
        steps: Vec::new(),
        deviations: Vec::new(),
        body: "Its account is no longer kept.\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;
    use crate::run::Share;

    fn part(class: &str, after: &[usize]) -> Part {
        Part {
            node: NodeId::new(format!("implement-{class}")).unwrap(),
            account: ArtifactName::new(format!("implementation-{class}.md")).unwrap(),
            share: Share {
                class: class.to_owned(),
                role: Role::Implement,
                steps: vec![1, 3],
                files: Vec::new(),
                after: after.to_vec(),
            },
        }
    }

    #[test]
    fn work_that_other_work_builds_on_is_not_merged_twice() {
        let split = Split {
            parts: vec![part("logic", &[]), part("design", &[0]), part("content", &[])],
        };
        let ends: Vec<String> = ends(&split).map(|part| part.share.class.clone()).collect();
        assert_eq!(ends, ["design", "content"]);
    }

    #[test]
    fn marks_are_told_from_underlined_headings() {
        for (text, wanted) in [
            ("<<<<<<< 1234\na\n=======\nb\n>>>>>>> 5678\n", true),
            ("a\n>>>>>>> 5678\n", true),
            ("Words\n=======\n", false),
            ("x <<<<<<< y\n", false),
            ("<<<<<<<<< art\n", false),
        ] {
            assert_eq!(has_marks(text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn a_part_is_headed_by_its_class_and_steps() {
        assert_eq!(heading(&part("logic", &[])), "Logic (steps 1, 3)");
    }
}
