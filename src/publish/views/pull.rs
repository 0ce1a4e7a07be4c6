//! What a run made, for the body of its pull request.

use std::time::Duration;

use super::plan::{narrowed, step};
use super::{comment_url, conditions, node};
use crate::contract::{self, Checks, Implementation, Plan, Validation, Verified};
use crate::git::Change;
use crate::model::{AttemptKey, CommitId};
use crate::publish::Context;
use crate::publish::branch::Built;
use crate::publish::documents::Place;
use crate::publish::github::Settings;
use crate::report;
use crate::report::view::{
    CheckResult, CheckView, ChecksView, CriterionView, FileChange, FindingView, NodeView, PullView,
    StepResult, TestCounts, ValidationView,
};
use crate::run::Verdict;
use crate::workflow::NodeKind;

/// The findings of one node that are told in the pull request itself; more would hide what it is about.
const MOST_NOTICED: usize = 5;

/// Renders the body of the pull request with its marker.
pub(in crate::publish) fn pull(
    context: &Context,
    key: &AttemptKey,
    plan: Option<&Plan>,
    built: &Built,
    settings: &Settings,
) -> String {
    let view = pull_view(
        context,
        key.generation,
        plan,
        &built.commit,
        &built.changes,
        &settings.web,
    );
    report::pull_body(&view)
}

/// Maps the result of a run; `generation` is that of the publish node, `changes` are those of the commit
/// against the base, `web` is the address of GitHub's pages.
pub fn pull_view(
    context: &Context,
    generation: u32,
    plan: Option<&Plan>,
    commit: &CommitId,
    changes: &[Change],
    web: &str,
) -> PullView {
    let run = &context.run;
    let created = &run.created;
    let implementation = context.implementation();
    let checks = context.checks();
    let validation = context.validation();
    let (steps, other_files) = steps(plan, implementation.as_ref(), changes);
    let plan_comment = run
        .plan
        .as_ref()
        .and_then(|plan| plan.posted)
        .map(|posted| posted.comment);
    PullView {
        run: created.run.clone(),
        generation,
        issue: Place::of(run).map(|place| place.issue),
        issue_title: created.title.clone(),
        complete: is_complete(context, plan, implementation.as_ref()),
        requester: Some(created.requester.login.clone()),
        summary: plan.map_or_else(|| created.title.clone(), |plan| plan.summary.clone()),
        plan: context.plan_hash().map(|hash| {
            let url = plan_comment.and_then(|comment| comment_url(context, web, comment));
            (hash, url)
        }),
        commit: commit.clone(),
        base: created.base.clone(),
        steps,
        other_files,
        checks: checks_view(checks.as_ref()),
        validation: validation.map(|validation| validation_view(context, plan, checks.as_ref(), &validation)),
        deviations: implementation
            .as_ref()
            .map(|done| done.deviations.clone())
            .unwrap_or_default(),
        notes: implementation.map(|done| done.body).unwrap_or_default(),
        nodes: done_nodes(context),
        notices: notices(context),
    }
}

/// The nodes without the publishing ones, which are at work while this is written.
fn done_nodes(context: &Context) -> Vec<NodeView> {
    let workflow = &context.frozen.workflow;
    let publishes = |node: &NodeView| {
        workflow
            .node(&node.id)
            .is_some_and(|node| node.kind == NodeKind::Publish)
    };
    let mut nodes = node::nodes(context);
    nodes.retain(|node| !publishes(node));
    nodes
}

/// Whether a merge settles the issue: every step is done, and the merge goes where closing words count.
fn is_complete(context: &Context, plan: Option<&Plan>, implementation: Option<&Implementation>) -> bool {
    let done = match (plan, implementation) {
        (Some(plan), Some(implementation)) => implementation.unfinished(plan).is_empty(),
        (Some(_), None) => false,
        (None, _) => true,
    };
    done && context.frozen.policy.default_branch.as_ref() == Some(&context.run.created.base)
}

fn notices(context: &Context) -> Vec<String> {
    let mut notices = conditions(context);
    if let Some(approval) = &context.run.approval {
        notices.push(format!(
            "`{}` approved the plan on {}.",
            approval.by.login, approval.at
        ));
    }
    notices.extend(noticed(context));
    notices
}

/// What was noticed about the work of the nodes whose changes count, one notice for each.
fn noticed(context: &Context) -> Vec<String> {
    let nodes = context.frozen.workflow.nodes.iter();
    nodes
        .filter_map(|node| {
            let report = context.run.node(&node.id)?.latest()?.report.as_ref()?;
            let counts = report.verdict == Verdict::Succeeded && report.snapshot.is_some();
            if !counts || report.findings.is_empty() {
                return None;
            }
            let mut told: Vec<&str> = report
                .findings
                .iter()
                .take(MOST_NOTICED)
                .map(String::as_str)
                .collect();
            let more = report.findings.len().saturating_sub(MOST_NOTICED);
            let rest = format!("{more} more: see the status comment.");
            if more > 0 {
                told.push(&rest);
            }
            Some(format!("In `{}`: {}", node.id, told.join(" ")))
        })
        .collect()
}

/// The plan's steps with the changes that belong to them, and the changes that belong to none.
fn steps(
    plan: Option<&Plan>,
    implementation: Option<&Implementation>,
    changes: &[Change],
) -> (Vec<StepResult>, Vec<FileChange>) {
    let Some(plan) = plan else {
        return (Vec::new(), changes.iter().map(file).collect());
    };
    let mut is_told = vec![false; changes.len()];
    let results = plan
        .steps
        .iter()
        .map(|one| {
            let scope = narrowed(plan, one).scope();
            let mut files = Vec::new();
            for (at, change) in changes.iter().enumerate() {
                if change.path.as_str().is_some_and(|path| scope.touches(path)) {
                    is_told[at] = true;
                    files.push(file(change));
                }
            }
            let done = implementation
                .is_some_and(|done| done.steps.iter().any(|step| step.id == one.id && step.done));
            StepResult {
                step: step(one),
                done,
                files,
            }
        })
        .collect();
    let other = changes.iter().zip(&is_told).filter(|(_, told)| !**told);
    (results, other.map(|(change, _)| file(change)).collect())
}

fn file(change: &Change) -> FileChange {
    FileChange {
        path: change.path.to_string(),
        added: (!change.binary).then_some(change.additions),
        removed: (!change.binary).then_some(change.deletions),
    }
}

fn checks_view(checks: Option<&Checks>) -> ChecksView {
    let Some(checks) = checks else {
        return ChecksView {
            why: Some("No checks were run.".to_owned()),
            ..ChecksView::default()
        };
    };
    let (verified, why) = match checks.verified {
        Verified::True => (Some(true), None),
        Verified::False => (Some(false), Some(checks.failures().join(" "))),
        Verified::Unknown if checks.commands.is_empty() => {
            (None, Some("There is no command to run.".to_owned()))
        }
        Verified::Unknown => (
            None,
            Some("No test ran, a tool was missing, or the tests could not be counted.".to_owned()),
        ),
    };
    ChecksView {
        verified,
        why: why.filter(|why| !why.is_empty()),
        commands: checks.commands.iter().map(check).collect(),
    }
}

fn check(command: &contract::CommandResult) -> CheckView {
    let result = |exit, tests: Option<contract::TestCounts>| CheckResult {
        exit,
        tests: tests.map(|tests| TestCounts {
            passed: tests.passed.into(),
            failed: tests.failed.into(),
            skipped: tests.skipped.into(),
        }),
    };
    CheckView {
        run: command.run.clone(),
        result: result(command.exit, command.tests),
        base: command.base.as_ref().map(|base| result(base.exit, base.tests)),
        time: Duration::try_from_secs_f64(command.seconds).ok(),
    }
}

fn validation_view(
    context: &Context,
    plan: Option<&Plan>,
    checks: Option<&Checks>,
    validation: &Validation,
) -> ValidationView {
    let criteria = plan.map_or(&[][..], |plan| plan.criteria.as_slice());
    let verdict = validation.effective(checks, criteria.len()).verdict;
    let judged = |number: usize| {
        let number = u32::try_from(number).ok()?;
        validation
            .criteria
            .iter()
            .find(|result| result.criterion == number)
    };
    ValidationView {
        passed: verdict == contract::Verdict::Pass,
        by: validator(context),
        criteria: criteria
            .iter()
            .enumerate()
            .map(|(at, text)| CriterionView {
                text: text.clone(),
                met: judged(at + 1).map(|result| result.met),
                evidence: judged(at + 1)
                    .map(|result| result.evidence.clone())
                    .unwrap_or_default(),
            })
            .collect(),
        findings: validation
            .findings
            .iter()
            .map(|finding| FindingView {
                severity: finding.severity.as_str().to_owned(),
                file: finding.file.clone(),
                line: finding.line.map(u64::from),
                text: finding.text.clone(),
            })
            .collect(),
        body: validation.body.clone(),
    }
}

/// The candidate that wrote the newest validation.
fn validator(context: &Context) -> Option<String> {
    let nodes = context.frozen.workflow.nodes.iter().rev();
    let mut validators =
        nodes.filter(|node| node.writes.iter().any(|name| name.stem().ends_with("validation")));
    validators.find_map(|node| node::author(context.run.node(&node.id)?))
}
