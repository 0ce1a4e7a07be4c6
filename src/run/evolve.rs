//! Folding events into the state.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::budget::Outside;
use super::event::{Created, Event, Recorded, RepeatWhy};
use super::outstanding::ActionKey;
use super::report::{Failure, PublishResult, Report, Verdict};
use super::split::Split;
use super::state::{Approval, Attempt, Held, NodePhase, PlanState, Posted, Pull, Run, Stuck};
use crate::model::{NodeId, Timestamp};

/// Folds a whole log. `None` where the log is empty or does not begin with the creation of a run.
pub fn replay<'a>(log: impl IntoIterator<Item = &'a Recorded>) -> Option<Run> {
    let mut run = None;
    for recorded in log {
        evolve(&mut run, recorded);
    }
    run
}

/// Folds one event into the state. Events before the creation of a run are ignored.
pub fn evolve(run: &mut Option<Run>, recorded: &Recorded) {
    match (&mut *run, &recorded.event) {
        (None, Event::Created(created)) => *run = Some(born(created, recorded.at)),
        (Some(run), event) => {
            run.len += 1;
            run.updated = recorded.at;
            if is_visible(event) {
                run.revision = run.len;
            }
            fold(run, event, recorded.at);
        }
        (None, _) => {}
    }
}

fn born(created: &Created, at: Timestamp) -> Run {
    Run {
        created: Arc::new(created.clone()),
        began: at,
        updated: at,
        len: 1,
        revision: 1,
        base_commit: created.base_commit.clone(),
        issue_text: created.issue_text,
        planned_text: created.issue_text,
        wishes: None,
        nodes: created
            .nodes
            .iter()
            .map(|id| (id.clone(), Arc::default()))
            .collect(),
        splits: BTreeMap::new(),
        plan: None,
        collapsible: std::collections::BTreeSet::new(),
        approval: None,
        voided: None,
        intended: std::collections::BTreeSet::new(),
        pushed: None,
        pull: None,
        stuck: None,
        replies: BTreeMap::new(),
        answered: std::collections::BTreeSet::new(),
        status_comment: None,
        status_posted: 0,
        status_at: None,
        outside: Outside::default(),
        refused: BTreeMap::new(),
        held: None,
        cancel: None,
        ended: None,
    }
}

/// Whether people should see the change in the status comment. Bookkeeping is not shown, or each showing
/// would call for the next.
fn is_visible(event: &Event) -> bool {
    !matches!(
        event,
        Event::StatusPosted { .. }
            | Event::StatusDue
            | Event::ReplyOwed { .. }
            | Event::Replied { .. }
            | Event::PlanCollapsed { .. }
            | Event::PushIntended { .. }
            | Event::Spending { .. }
            | Event::EffectFailed { .. }
    )
}

fn fold(run: &mut Run, event: &Event, at: Timestamp) {
    match event {
        Event::Created(_) | Event::StatusDue => {}
        Event::AttemptScheduled {
            key,
            candidate,
            start,
            iteration,
        } => {
            if let Some(node) = run.node_mut(&key.node) {
                node.phase = NodePhase::Running;
                node.attempts.push(Attempt {
                    generation: key.generation,
                    n: key.n,
                    candidate: candidate.clone(),
                    start: start.clone(),
                    iteration: *iteration,
                    scheduled: at,
                    began: None,
                    report: None,
                });
            }
        }
        Event::AttemptBegan { key } => {
            if let Some(attempt) = find(run, &key.node, key.generation, key.n) {
                attempt.began = Some(at);
            }
        }
        Event::AttemptEnded { report } => attempt_ended(run, report),
        Event::Split { node, parts } => {
            for part in parts {
                // A part of an earlier split of that name goes on as a new generation.
                if run.nodes.contains_key(&part.node) {
                    begin_generation(run, std::slice::from_ref(&part.node));
                } else {
                    run.nodes.insert(part.node.clone(), Arc::default());
                }
            }
            let parts = parts.clone();
            run.splits.insert(node.clone(), Split { parts });
        }
        Event::BackedOff { node, until, why } => {
            let (until, why) = (*until, why.clone());
            set_phase(run, node, NodePhase::Backoff { until, why });
        }
        Event::Spending { outside } => run.outside = outside.clone(),
        Event::NodeSucceeded { node } => set_phase(run, node, NodePhase::Succeeded),
        Event::NodeFailed { node, why } => set_phase(run, node, NodePhase::Failed { why: why.clone() }),
        Event::NodeSkipped { node, why } => set_phase(run, node, NodePhase::Skipped { why: why.clone() }),
        Event::GateOpened {
            node,
            plan,
            questions,
        } => {
            set_phase(run, node, NodePhase::Open { since: at });
            // A plan that could not be posted gets a new number, so that posting it is a new action; and so does one
            // that came out the same although another was asked for.
            let stands = run.plan.as_ref().is_some_and(|known| {
                let key = ActionKey::plan(&run.created.run, known.revision, &known.hash);
                known.hash == *plan && !known.asked_anew && !run.refused.contains_key(key.as_str())
            });
            if !stands {
                let superseded = run.plan.take();
                run.collapsible.extend(
                    superseded
                        .as_ref()
                        .and_then(|old| old.posted)
                        .map(|posted| posted.comment),
                );
                run.plan = Some(PlanState {
                    gate: node.clone(),
                    hash: *plan,
                    previous: superseded.as_ref().and_then(|old| {
                        // What nobody saw is nothing to compare with.
                        if old.hash == *plan && old.posted.is_none() {
                            old.previous
                        } else {
                            Some(old.hash)
                        }
                    }),
                    revision: superseded.as_ref().map_or(1, |old| old.revision + 1),
                    questions: *questions,
                    posted: None,
                    asked_anew: false,
                });
            }
        }
        Event::PlanPosted { plan, comment, body } => match &mut run.plan {
            // The same text may stand in two comments, where another plan was asked for in vain: the later one counts.
            Some(newest) if newest.hash == *plan => match newest.posted {
                Some(known) if known.comment > *comment => {
                    run.collapsible.insert(*comment);
                }
                known => {
                    let earlier = known.map(|known| known.comment).filter(|known| known != comment);
                    run.collapsible.extend(earlier);
                    newest.posted = Some(Posted {
                        comment: *comment,
                        body: *body,
                    });
                }
            },
            // A plan that was superseded while it was being posted.
            _ => {
                run.collapsible.insert(*comment);
            }
        },
        Event::Approved {
            node,
            plan,
            by,
            comment,
            notes,
            issue_text,
            base_head,
        } => {
            set_phase(run, node, NodePhase::Succeeded);
            run.voided = None;
            run.approval = Some(Approval {
                node: node.clone(),
                plan: *plan,
                by: by.clone(),
                comment: *comment,
                notes: *notes,
                issue_text: *issue_text,
                base_head: base_head.clone(),
                at,
            });
        }
        Event::ApprovalVoided { nodes, why } => {
            run.approval = None;
            run.voided = Some(why.clone());
            run.stuck = None;
            unite(run, None, nodes);
            begin_generation(run, nodes);
        }
        Event::Repeated { from, nodes, why, .. } => repeated(run, from, nodes, why),
        Event::IssueEdited { text } => run.issue_text = *text,
        Event::PushIntended { commit } => {
            run.intended.insert(commit.clone());
        }
        Event::Stuck { why } => {
            run.stuck = Some(Stuck {
                why: why.clone(),
                since: at,
            });
        }
        Event::ReplyOwed { to, kind } => {
            run.answered.insert(*to);
            run.replies.insert(*to, kind.clone());
        }
        Event::Replied { to } => {
            run.replies.remove(to);
        }
        Event::StatusPosted { comment, revision } => {
            run.status_comment = comment.or(run.status_comment);
            run.status_posted = run.status_posted.max(*revision);
            if comment.is_some() {
                run.status_at = Some(at);
            }
        }
        // That time has passed is all there is to know.
        Event::PlanCollapsed { comment } => {
            run.collapsible.remove(comment);
        }
        Event::WorkHeld { reference, patch } => {
            run.held = Some(Held {
                reference: reference.clone(),
                patch: *patch,
            });
        }
        Event::EffectFailed { action, why } => {
            run.refused.insert(action.clone(), why.clone());
        }
        Event::CancelRequested { by, why } => run.cancel = Some((by.clone(), why.clone())),
        Event::Ended { how, why } => run.ended = Some((*how, why.clone(), at)),
    }
}

fn find<'a>(run: &'a mut Run, node: &NodeId, generation: u32, n: u32) -> Option<&'a mut Attempt> {
    run.node_mut(node)?
        .attempts
        .iter_mut()
        .find(|attempt| attempt.generation == generation && attempt.n == n)
}

fn set_phase(run: &mut Run, node: &NodeId, phase: NodePhase) {
    if let Some(node) = run.node_mut(node) {
        node.phase = phase;
    }
}

/// Books what was used in any case; the results count only if they belong to the newest attempt.
fn attempt_ended(run: &mut Run, report: &Report) {
    let key = &report.key;
    if let Some(attempt) = find(run, &key.node, key.generation, key.n) {
        attempt.report = Some(report.clone());
    }
    run.outside.read(report);
    // What stands on GitHub stands there, whichever generation put it there.
    match &report.publish {
        Some(PublishResult::Published { commit, pull, url }) => {
            run.pushed = Some(commit.clone());
            run.pull = Some(Pull {
                number: *pull,
                url: url.clone(),
            });
        }
        Some(PublishResult::Placed { commit }) => run.pushed = Some(commit.clone()),
        _ => {}
    }
    let Some(node) = run.node_mut(&key.node) else {
        return;
    };
    let is_newest = node
        .latest()
        .is_some_and(|attempt| attempt.generation == key.generation && attempt.n == key.n);
    if !is_newest {
        return;
    }
    if matches!(
        &report.verdict,
        Verdict::Failed {
            class: Failure::Conflict,
            ..
        }
    ) {
        // Where it is mended from.
        node.resume.clone_from(&report.snapshot);
    }
    if report.verdict != Verdict::Succeeded {
        return;
    }
    node.artifacts.extend(
        report
            .artifacts
            .iter()
            .map(|artifact| (artifact.name.clone(), artifact.hash)),
    );
    node.fields.extend(
        report
            .fields
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    node.passed = report.passed;
    if let Some(snapshot) = &report.snapshot {
        node.snapshot = Some(snapshot.clone());
        node.last_snapshot = Some(snapshot.clone());
    }
}

fn repeated(run: &mut Run, from: &NodeId, nodes: &[NodeId], why: &RepeatWhy) {
    run.stuck = None;
    if run
        .approval
        .as_ref()
        .is_some_and(|approval| nodes.contains(&approval.node))
    {
        run.approval = None;
    }
    unite(run, Some(from), nodes);
    if let Some(plan) = run.plan.as_mut().filter(|plan| nodes.contains(&plan.gate)) {
        plan.asked_anew = true;
    }
    begin_generation(run, nodes);
    let by_person = !matches!(why, RepeatWhy::Repair { .. });
    if by_person {
        for id in nodes {
            if let Some(node) = run.node_mut(id) {
                node.rounds = 0;
            }
        }
    }
    let mut first_candidate = 0;
    let mut resumes = false;
    match why {
        RepeatWhy::Replan {
            wishes,
            base_commit,
            issue_text,
        } => {
            run.wishes = *wishes;
            run.base_commit = base_commit.clone();
            run.issue_text = *issue_text;
            run.planned_text = *issue_text;
            run.voided = None;
        }
        RepeatWhy::Retry { candidate } => first_candidate = candidate.unwrap_or(0),
        RepeatWhy::Repair {
            because,
            round,
            candidate,
            ..
        } => {
            first_candidate = candidate.unwrap_or(0);
            resumes = true;
            if let Some(node) = run.node_mut(because) {
                node.rounds = *round;
            }
        }
        RepeatWhy::Review { .. } => resumes = true,
    }
    if let Some(node) = run.node_mut(from) {
        node.first_candidate = first_candidate;
        node.repeat = Some(why.clone());
        if resumes {
            node.resume.clone_from(&node.last_snapshot);
        }
    }
}

/// Undoes the division of nodes that begin anew, unless it is one of their parts that is repeated.
fn unite(run: &mut Run, from: Option<&NodeId>, nodes: &[NodeId]) {
    let is_repeated_part = |split: &Split| split.parts.iter().any(|part| Some(&part.node) == from);
    let over: Vec<NodeId> = nodes
        .iter()
        .filter(|id| run.splits.get(*id).is_some_and(|split| !is_repeated_part(split)))
        .cloned()
        .collect();
    for id in over {
        let Some(split) = run.splits.remove(&id) else {
            continue;
        };
        for part in split.parts {
            begin_generation(run, std::slice::from_ref(&part.node));
            let why = format!("`{id}` began anew.");
            set_phase(run, &part.node, NodePhase::Skipped { why });
        }
    }
}

fn begin_generation(run: &mut Run, nodes: &[NodeId]) {
    for id in nodes {
        if let Some(node) = run.node_mut(id) {
            node.generation += 1;
            node.phase = NodePhase::Pending;
            node.first_candidate = 0;
            node.resume = None;
            node.repeat = None;
            node.artifacts.clear();
            node.fields.clear();
            node.snapshot = None;
            node.passed = None;
        }
    }
}
