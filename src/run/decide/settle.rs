//! Following consequences until nothing more follows.

use super::Deciding;
use crate::ledger::Decision;
use crate::model::{AttemptKey, CommitId, NodeId, Timestamp};
use crate::route;
use crate::run::budget;
use crate::run::reaction::Standing;
use crate::run::split::{self, Part};
use crate::run::state::{Node as NodeState, NodePhase, Run};
use crate::run::{EndedHow, Event, Failure, PublishResult, Verdict};
use crate::workflow::{Field, Node, NodeKind, Scope, Settled, Trigger};

/// The most passes over the nodes before a decision is broken off. Every pass settles or starts at least one
/// node, and a workflow has at most 200; repairs within one decision are bounded by their rounds.
const MOST_PASSES: usize = 2_000;

impl Deciding<'_> {
    /// Follows consequences until nothing more follows.
    pub(super) fn settle(&mut self) {
        for _ in 0..MOST_PASSES {
            if self.run().ended.is_some() {
                return;
            }
            if let Some((_, why)) = self.run().cancel.clone() {
                // A publish attempt that has begun is let finish, so that nothing is said after the end.
                if !self.is_publishing() {
                    self.end(EndedHow::Cancelled, &why);
                }
                return;
            }
            let before = self.events.len();
            self.pass();
            if self.events.len() == before {
                self.finish();
                return;
            }
        }
    }

    fn pass(&mut self) {
        let frozen = self.frozen.clone();
        for node in &frozen.workflow.nodes {
            if !self.is_open() {
                return;
            }
            let Some(state) = self.run().node(&node.id) else {
                continue;
            };
            match &state.phase {
                NodePhase::Pending => self.start_if_ready(node),
                NodePhase::Backoff { until, .. } if *until <= self.now => self.next_attempt(node),
                NodePhase::Running => {
                    if let Some(report) = state.latest().and_then(|attempt| attempt.report.clone()) {
                        self.resolve(node, &report);
                    }
                }
                NodePhase::Open { since } => {
                    let since = *since;
                    self.look_at_gate(node, since);
                }
                _ => {}
            }
        }
    }

    fn start_if_ready(&mut self, node: &Node) {
        let mut upstream = Vec::with_capacity(node.needs.len());
        for id in &node.needs {
            match self.run().node(id).map(|state| &state.phase) {
                Some(NodePhase::Succeeded) => upstream.push(Settled::Succeeded),
                Some(NodePhase::Failed { .. }) => upstream.push(Settled::Failed),
                Some(NodePhase::Skipped { .. }) => upstream.push(Settled::Skipped),
                _ => return,
            }
        }
        if node.trigger.decide(&upstream) == Trigger::Skip {
            let why = "What it needs failed or was skipped.".to_owned();
            return self.emit(Event::NodeSkipped {
                node: node.id.clone(),
                why,
            });
        }
        if let Some(condition) = &node.when {
            match condition.evaluate(&Outputs { run: self.run() }) {
                Ok(true) => {}
                Ok(false) => {
                    let why = "Its condition does not hold.".to_owned();
                    return self.emit(Event::NodeSkipped {
                        node: node.id.clone(),
                        why,
                    });
                }
                Err(unresolved) => {
                    return self.fail(node, format!("Its condition cannot be told: {unresolved}."));
                }
            }
        }
        match &node.kind {
            NodeKind::Agent(agent) => match agent.split_by.and_then(|_| self.parts_of(node)) {
                Some(parts) => self.emit(Event::Split {
                    node: node.id.clone(),
                    parts,
                }),
                None => self.next_attempt(node),
            },
            NodeKind::Loop(_) => self.next_attempt(node),
            NodeKind::Check(_) => self.schedule(node, None, 1),
            NodeKind::Publish => {
                if self.start_of(&node.id) == self.run().base_commit {
                    self.fail(
                        node,
                        "No node changed any file, so there is nothing to publish.".to_owned(),
                    );
                } else {
                    self.schedule(node, None, 1);
                }
            }
            NodeKind::Gate(gate) => {
                let plan = frozen_producer(self, gate)
                    .and_then(|producer| self.run().node(&producer))
                    .and_then(|producer| {
                        let questions = producer.latest()?.report.as_ref()?.questions;
                        Some((*producer.artifacts.get(&gate.artifact)?, questions))
                    });
                match plan {
                    Some((plan, questions)) => {
                        self.emit(Event::GateOpened {
                            node: node.id.clone(),
                            plan,
                            questions,
                        });
                    }
                    None => self.fail(node, format!("There is no {} to decide about.", gate.artifact)),
                }
            }
            NodeKind::Cancel { reason } => {
                let run = self.run();
                let rendered = reason.render(|name| lookup(run, &node.id, name));
                match rendered {
                    Ok(why) => self.emit(Event::CancelRequested { by: None, why }),
                    Err(unresolved) => self.fail(node, format!("Its reason cannot be told: {unresolved}.")),
                }
            }
        }
    }

    /// The parts into which a node is to be divided now. What repairs or follows a review is done as a whole.
    fn parts_of(&self, node: &Node) -> Option<Vec<Part>> {
        let run = self.run();
        let state = run.node(&node.id)?;
        if run.splits.contains_key(&node.id) || state.resume.is_some() {
            return None;
        }
        let shares = node.reads.iter().find_map(|name| {
            let planner = self.frozen.workflow.producer(name)?;
            let report = run.node(&planner.id)?.latest()?.report.as_ref()?;
            (!report.shares.is_empty()).then_some(&report.shares)
        })?;
        if let [only] = shares.as_slice()
            && self.frozen.policy.candidates(only.role, Some(&only.class)) == self.candidates(&node.id)
        {
            return None;
        }
        split::parts(node, shares, &self.base.workflow)
    }

    /// Whether the results of a node's parts are still to be put together.
    fn is_to_be_merged(&self, id: &NodeId) -> bool {
        let run = self.run();
        let conflicts = |state: &NodeState| {
            state.current().any(|attempt| {
                matches!(
                    attempt.verdict(),
                    Some(Verdict::Failed {
                        class: Failure::Conflict,
                        ..
                    })
                )
            })
        };
        run.splits.contains_key(id) && run.node(id).is_some_and(|state| !conflicts(state))
    }

    fn look_at_gate(&mut self, node: &Node, since: Timestamp) {
        let NodeKind::Gate(gate) = &node.kind else { return };
        let run = self.run();
        let posted = run.plan.as_ref().is_some_and(|plan| plan.posted.is_some());
        if run.created.plan_only && posted {
            return self.end(EndedHow::Closed, "Only a plan was asked for, and it is posted.");
        }
        if since.plus(gate.expires) <= self.now {
            self.end(EndedHow::Failed, "The plan was not approved in time.");
        }
    }

    /// Schedules the next attempt of an agent, with the candidate that is due.
    pub(super) fn next_attempt(&mut self, node: &Node) {
        if self.is_to_be_merged(&node.id) {
            return self.merge(node);
        }
        let candidates = self.candidates(&node.id);
        if candidates.is_empty() {
            return self.fail(
                node,
                "Its role has no route: no candidate is configured for it.".to_owned(),
            );
        }
        let Some(state) = self.run().node(&node.id) else {
            return;
        };
        let guard = &self.frozen.policy.guard;
        let standing = Standing::of(state, guard);
        let policy = route::Policy {
            failures: guard.failures,
        };
        let choose = |counted: &[usize]| route::choose(candidates, counted, state.first_candidate, &policy);
        let mut counted = standing.counted(guard.failures, Some(self.now));
        let mut order = Vec::new();
        while let Some(index) = choose(&counted) {
            order.push(index);
            counted.extend(std::iter::repeat_n(index, guard.failures.max(1) as usize));
        }
        let iteration = self.next_iteration(node);
        // Who is left only rests: the first that is back takes over.
        let counted = standing.counted(guard.failures, None);
        let most = guard.failures.max(1) as usize;
        let back = standing
            .resting
            .iter()
            .filter(|(index, _)| **index >= state.first_candidate)
            .filter(|(index, _)| counted.iter().filter(|failed| failed == index).count() < most)
            .map(|(_, until)| *until)
            .min();
        if order.is_empty() {
            if let Some(until) = back {
                self.back_off(node, until, None);
            } else {
                let failed = standing.failed.len();
                let last = state.current().filter_map(|attempt| match attempt.verdict() {
                    Some(Verdict::Failed { why, .. }) => Some(why.as_str()),
                    _ => None,
                });
                let last = last.last().map(|why| format!(" The last time: {why}"));
                let why = format!(
                    "All candidates of its route failed, after {failed} attempts.{}",
                    last.unwrap_or_default()
                );
                self.fail(node, why);
            }
            return;
        }
        let decision = budget::choose(
            &self.frozen.policy,
            self.run(),
            &node.id,
            candidates,
            &order,
            self.now,
        );
        let take = match decision {
            Decision::Go => order[0],
            Decision::Downgrade { to, .. } => order[to],
            Decision::Wait { until, why } => {
                let until = back.map_or(until, |back| back.min(until));
                return self.back_off(node, until, Some(why.to_string()));
            }
            // Who rests now may be one that fits.
            Decision::Stop(why) => match back {
                Some(until) => return self.back_off(node, until, Some(why.to_string())),
                None => return self.fail(node, budget::refusal(&why)),
            },
        };
        let name = candidates[take].to_string();
        self.schedule(node, Some((take, name)), iteration);
    }

    /// Schedules an attempt of git to put the parts together, unless this machine failed at it too often.
    fn merge(&mut self, node: &Node) {
        let most = self.frozen.policy.guard.failures.max(1) as usize;
        let failed = self.run().node(&node.id).map_or(0, |state| {
            let is_failure = |verdict: &Verdict| matches!(verdict, Verdict::Failed { .. });
            state
                .current()
                .filter(|attempt| attempt.verdict().is_some_and(is_failure))
                .count()
        });
        if failed >= most {
            return self.fail(node, "Its parts could not be put together.".to_owned());
        }
        self.schedule(node, None, 1);
    }

    pub(super) fn schedule(&mut self, node: &Node, candidate: Option<(usize, String)>, iteration: u32) {
        let run = self.run();
        let Some(state) = run.node(&node.id) else { return };
        let n = state.latest().map_or(1, |attempt| attempt.n + 1);
        let key = AttemptKey {
            run: run.created.run.clone(),
            node: node.id.clone(),
            generation: state.generation,
            n,
        };
        let start = self.start_of(&node.id);
        self.emit(Event::AttemptScheduled {
            key,
            candidate,
            start,
            iteration,
        });
    }

    /// The commit that a node's worktree starts from: its own earlier work where it repairs or iterates, else
    /// the newest changes upstream, else the base.
    fn start_of(&self, id: &NodeId) -> CommitId {
        let run = self.run();
        let own = run
            .node(id)
            .and_then(|node| node.snapshot.as_ref().or(node.resume.as_ref()));
        if let Some(commit) = own {
            return commit.clone();
        }
        let upstream = self.frozen.workflow.upstream(id);
        self.frozen
            .workflow
            .nodes
            .iter()
            .rev()
            .filter(|node| upstream.contains(&node.id))
            .find_map(|node| run.node(&node.id)?.snapshot.clone())
            .unwrap_or_else(|| run.base_commit.clone())
    }

    pub(super) fn fail(&mut self, node: &Node, why: String) {
        self.emit(Event::NodeFailed {
            node: node.id.clone(),
            why,
        });
    }

    /// Whether a publish attempt has begun and not ended, in whatever generation.
    fn is_publishing(&self) -> bool {
        self.frozen.workflow.nodes.iter().any(|node| {
            matches!(node.kind, NodeKind::Publish)
                && self.run().node(&node.id).is_some_and(|state| {
                    state
                        .attempts
                        .iter()
                        .any(|attempt| attempt.began.is_some() && attempt.report.is_none())
                })
        })
    }

    /// What follows when no node can move: the run is in review, waits for a person, or is over.
    fn finish(&mut self) {
        let run = self.run();
        if let Some(stuck) = &run.stuck {
            if stuck.since.plus(std::time::Duration::from_millis(
                self.frozen.policy.guard.patience_ms,
            )) <= self.now
            {
                let why = format!("{} Nobody stepped in for too long.", stuck.why);
                self.end(EndedHow::Failed, &why);
            }
            return;
        }
        let unposted = run.plan.as_ref().is_some_and(|plan| {
            plan.posted.is_none()
                && run.refused.contains_key(
                    crate::run::ActionKey::plan(&run.created.run, plan.revision, &plan.hash).as_str(),
                )
        });
        if unposted {
            return self.stop_for("The plan could not be posted on the issue.".to_owned());
        }
        let nodes = &self.frozen.workflow.nodes;
        if !nodes
            .iter()
            .filter_map(|node| run.node(&node.id))
            .all(super::super::state::Node::is_settled)
        {
            return;
        }
        let failed = self
            .frozen
            .workflow
            .nodes
            .iter()
            .find_map(|node| match &run.node(&node.id)?.phase {
                NodePhase::Failed { why } => Some(format!("The step `{}` failed. {why}", node.id)),
                _ => None,
            });
        if let Some(why) = failed {
            return self.stop_for(why);
        }
        let published = run
            .nodes
            .values()
            .filter_map(|node| node.latest()?.report.as_ref()?.publish.as_ref())
            .any(|result| matches!(result, PublishResult::Published { .. }));
        if !published {
            self.end(EndedHow::Closed, "All steps are done.");
        }
    }

    fn stop_for(&mut self, why: String) {
        if self.run().created.attended {
            self.emit(Event::Stuck { why });
        } else {
            self.end(EndedHow::Failed, &why);
        }
    }
}

fn frozen_producer(deciding: &Deciding<'_>, gate: &crate::workflow::GateNode) -> Option<NodeId> {
    deciding
        .frozen
        .workflow
        .producer(&gate.artifact)
        .map(|node| node.id.clone())
}

/// What conditions may refer to.
pub(super) struct Outputs<'a> {
    pub(super) run: &'a Run,
}

impl Scope for Outputs<'_> {
    fn output(&self, node: &NodeId, field: &str) -> Option<Field> {
        self.run.node(node)?.fields.get(field).cloned()
    }

    fn input(&self, name: &str) -> Option<Field> {
        let created = &self.run.created;
        match name {
            "title" => Some(Field::Text(created.title.clone())),
            "base" => Some(Field::Text(created.base.to_string())),
            "requester" => Some(Field::Text(created.requester.login.to_string())),
            "plan_only" => Some(Field::Bool(created.plan_only)),
            _ => None,
        }
    }
}

/// What the reason of a `cancel` node may refer to.
fn lookup(run: &Run, node: &NodeId, name: &str) -> Option<String> {
    match name {
        "issue.title" => Some(run.created.title.clone()),
        "issue.author" => Some(run.created.requester.login.to_string()),
        "base" => Some(run.created.base.to_string()),
        "run" => Some(run.created.run.to_string()),
        "node" => Some(node.to_string()),
        other => output(run, other),
    }
}

/// The value of a reference such as `plan.output.summary` or `inputs.base` in a template; `None` where there is
/// no such value.
pub fn output(run: &Run, reference: &str) -> Option<String> {
    let outputs = Outputs { run };
    let field = match reference.split_once('.')? {
        ("inputs", input) => outputs.input(input)?,
        (node, field) => outputs.output(&NodeId::new(node).ok()?, field.strip_prefix("output.")?)?,
    };
    Some(match field {
        Field::Text(text) => text,
        Field::Number(number) => number.to_string(),
        Field::Bool(truth) => truth.to_string(),
    })
}
