//! What an attempt of an agent is worth: its verdict, and the report that the core gets.

use super::folders::name_of;
use super::{Bench, Depot, machine, merge, shares};
use crate::agent::{self, CollectError, Ended, FailureClass, Refusal, VerdictFacts, verdict};
use crate::contract::{self, Document};
use crate::engine::book::Page;
use crate::engine::error::Error;
use crate::engine::workshop::Work;
use crate::git::{Snapshot, Worktree};
use crate::ledger::{Account, WireFault};
use crate::model::{Artifact, ArtifactName, AttemptKey, Clock, ContentHash};
use crate::run::{Failure, Report, Verdict};
use crate::store::Journal;
use crate::workflow::Field;

/// What an attempt left, as far as it can be taken at face value.
pub(super) struct Left {
    pub(super) tampered: bool,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) artifacts: Vec<(ArtifactName, Vec<u8>)>,
    pub(super) refused: Vec<CollectError>,
}

impl<J: Journal, C: Clock, D: Depot> Bench<J, C, D> {
    #[expect(clippy::too_many_arguments, reason = "what is known of the end of an attempt")]
    pub(super) async fn judge(
        &self,
        page: &Page,
        key: &AttemptKey,
        ended: &Ended,
        account: Account,
        left: Left,
        read_only: bool,
        worktree: &Worktree,
    ) -> Result<Work, Error> {
        let changed = left.snapshot.as_ref().is_some_and(|snapshot| snapshot.changed);
        let facts = VerdictFacts {
            // Who resolves a conflict may find that what git left is right.
            must_change: !read_only && merge::conflict(&page.run, &key.node).is_none(),
            changed,
            tampered: left.tampered,
            collected: left.artifacts.len(),
            refused: &left.refused,
            wire: account.wire.as_ref().map_or(&[], |wire| &wire.faults),
            exact_model: page.frozen.policy.guard.exact_model,
        };
        let mut report = Report::bare(key.clone(), Verdict::Succeeded, ended.ended);
        report.started = ended.started;
        report.findings.extend(swapped(&account));
        report.findings.extend(
            left.snapshot
                .iter()
                .flat_map(|snapshot| &snapshot.findings)
                .map(ToString::to_string),
        );
        if !ended.edit_failures.is_empty() {
            report
                .findings
                .push(format!("{} edits did not apply.", ended.edit_failures.len()));
        }
        if read_only && changed {
            report
                .findings
                .push("It changed files although its step only reads; the changes were undone.".to_owned());
        }
        let verdict = verdict(ended, facts);
        report.book(account);
        if let agent::Verdict::Failure(class) = verdict {
            if let FailureClass::RateLimited { until } = &class {
                report.until = *until;
            }
            report.verdict = match class {
                FailureClass::Cancelled => Verdict::Cancelled,
                class => Verdict::Failed {
                    class: failure(&class),
                    why: sentence(&class, ended),
                },
            };
            return Ok(report.into());
        }
        let mut findings = Vec::new();
        for (name, bytes) in &left.artifacts {
            let Ok(text) = std::str::from_utf8(bytes) else {
                findings.push(format!("{name} is not UTF-8."));
                continue;
            };
            match contract::parse(name, text) {
                Ok(document) => {
                    for (field, value) in contract::fields(&document) {
                        report.fields.insert(field, to_field(value));
                    }
                    self.understand(page, &document, &mut report).await?;
                }
                Err(wrong) => findings.extend(wrong.iter().map(|finding| match finding.line {
                    Some(line) => format!("{name}, line {line}: {}", finding.message),
                    None => format!("{name}: {}", finding.message),
                })),
            }
        }
        if !findings.is_empty() {
            report.fields.clear();
            report.verdict = Verdict::Returned { findings };
            return Ok(report.into());
        }
        let mut contents = Vec::new();
        for (name, content) in left.artifacts {
            let hash = ContentHash::of(&content);
            report.artifacts.push(Artifact { name, hash });
            contents.push(content);
        }
        if let Some(snapshot) = left.snapshot.filter(|snapshot| !read_only && snapshot.changed) {
            // Before the report names it: a snapshot that nothing holds could be swept.
            let name = format!("runs/{}/{}", key.run, name_of(key));
            worktree
                .mirror()
                .hold(&name, &snapshot.commit)
                .await
                .map_err(machine)?;
            report.snapshot = Some(snapshot.commit);
        }
        Ok(Work {
            report,
            contents,
            stake: None,
        })
    }

    /// What the core needs to know of an artifact besides its fields.
    async fn understand(&self, page: &Page, document: &Document, report: &mut Report) -> Result<(), Error> {
        match document {
            Document::Plan(plan) => {
                report.questions = u32::try_from(plan.questions.len()).unwrap_or(u32::MAX);
                report.shares = shares::shares(plan, &page.frozen.policy, &page.run.created.labels);
            }
            Document::Validation(validation) => {
                let checks = match self.document(page, "checks.md").await? {
                    Some(Document::Checks(checks)) => Some(checks),
                    _ => None,
                };
                let criteria = match self.document(page, "plan.md").await? {
                    Some(Document::Plan(plan)) => plan.criteria.len(),
                    _ => 0,
                };
                let effective = validation.effective(checks.as_ref(), criteria);
                report.passed = Some(effective.verdict == contract::Verdict::Pass);
                report.findings.extend(effective.reasons);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Says that another model answered than the one that was asked for.
fn swapped(account: &Account) -> Option<String> {
    let faults = &account.wire.as_ref()?.faults;
    let served = faults.iter().find_map(|fault| match fault {
        WireFault::WrongModel { served } => Some(served),
        _ => None,
    })?;
    let asked = account.asked.as_deref().unwrap_or("its model");
    Some(format!("Asked for {asked}, the provider answered with {served}."))
}

fn failure(class: &FailureClass) -> Failure {
    match class {
        FailureClass::Hang { .. } | FailureClass::OutputFlood => Failure::Hang,
        // A request that the provider calls wrong is the harness's mistake.
        FailureClass::Crash { .. } | FailureClass::Rejected { .. } => Failure::Crash,
        FailureClass::RateLimited { .. } => Failure::RateLimited,
        FailureClass::Auth { .. } => Failure::Auth,
        FailureClass::Unavailable { .. } => Failure::Unavailable,
        FailureClass::WrongModel { .. } => Failure::WrongModel,
        FailureClass::Budget => Failure::Budget,
        FailureClass::MalformedCall => Failure::MalformedCall,
        FailureClass::Truncated => Failure::Truncated,
        FailureClass::Refused => Failure::Refused,
        FailureClass::EditFailed { .. } => Failure::EditFailed,
        FailureClass::Empty => Failure::Empty,
        FailureClass::MissingArtifact { .. } | FailureClass::StaleArtifact { .. } => Failure::MissingArtifact,
        FailureClass::RefusedArtifact { artifacts } => {
            let trap = artifacts
                .iter()
                .any(|error| matches!(error.why, Refusal::NotAFile | Refusal::HardLink));
            if trap {
                Failure::Tampered
            } else {
                Failure::MissingArtifact
            }
        }
        FailureClass::NoChange => Failure::NoChange,
        FailureClass::Tampered => Failure::Tampered,
        FailureClass::Unkillable { .. } | FailureClass::NotStarted { .. } | FailureClass::Cancelled => {
            Failure::Machine
        }
    }
}

/// The class as a sentence, with the last line of output where that may explain it.
fn sentence(class: &FailureClass, ended: &Ended) -> String {
    let said = class.to_string();
    let mut letters = said.chars();
    let capital: String = letters
        .next()
        .map(|c| c.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default();
    let last = ended
        .output_tail
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty());
    match (class, last) {
        (FailureClass::Crash { .. }, Some(last)) => {
            let last: String = last.trim().chars().take(200).collect();
            format!("{capital}; its last words: {last}")
        }
        _ => format!("{capital}."),
    }
}

pub(super) fn to_field(value: contract::Value) -> Field {
    match value {
        contract::Value::Text(text) => Field::Text(text),
        contract::Value::Number(number) => Field::Number(number),
        contract::Value::Bool(truth) => Field::Bool(truth),
    }
}
