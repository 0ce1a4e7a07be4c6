//! Commands of people whose permission has been checked.

use super::Deciding;
use crate::command::Command;
use crate::model::NodeId;
use crate::route;
use crate::run::input::Order;
use crate::run::state::{NodePhase, ReplyKind};
use crate::run::{ActionKey, Event, RepeatWhy};
use crate::workflow::NodeKind;

impl Deciding<'_> {
    pub(super) fn command(&mut self, order: &Order) {
        // A comment is answered once: its second processing after a crash finds the answer owed or given.
        if order.reply_to.is_some_and(|to| self.run().answered.contains(&to)) {
            return;
        }
        if !self.is_open() && !matches!(order.command, Command::Status | Command::Help) {
            self.reply(order, ReplyKind::Over);
            return;
        }
        match &order.command {
            Command::Build { .. } => self.reply(order, ReplyKind::AlreadyActive),
            Command::Approve { hash, .. } => self.approve(order, hash.as_deref()),
            Command::Replan { .. } => self.replan(order),
            Command::Retry { node, model } => self.retry(order, node.as_ref(), model.as_deref()),
            Command::Cancel => {
                let why = format!("{} cancelled it.", order.by.login);
                self.emit(Event::CancelRequested {
                    by: Some(order.by.clone()),
                    why,
                });
                self.reply(order, ReplyKind::Accepted);
            }
            Command::Status => self.reply(order, ReplyKind::Status),
            Command::Help => self.reply(order, ReplyKind::Help),
        }
    }

    fn reply(&mut self, order: &Order, kind: ReplyKind) {
        if let Some(to) = order.reply_to {
            self.emit(Event::ReplyOwed { to, kind });
        }
    }

    /// An approval binds to content: a hash names the plan; a bare one holds only where no doubt is possible
    /// about what its author had before their eyes.
    fn approve(&mut self, order: &Order, hash: Option<&str>) {
        let run = self.run();
        let Some((plan, gate)) = run.plan.clone().and_then(|plan| {
            let gate = plan.gate.clone();
            let open = matches!(run.node(&gate)?.phase, NodePhase::Open { .. });
            open.then_some((plan, gate))
        }) else {
            return self.reply(order, ReplyKind::NotWaiting);
        };
        if let Some(hash) = hash
            && !plan.hash.begins_with(hash)
        {
            return self.reply(order, ReplyKind::WrongHash { plan: plan.hash });
        }
        if plan.questions > 0 {
            return self.reply(
                order,
                ReplyKind::QuestionsOpen {
                    questions: plan.questions,
                },
            );
        }
        if hash.is_none()
            && order.comment.is_some()
            && let Some(kind) = self.doubt(order, &plan)
        {
            return self.reply(order, kind);
        }
        let run = self.run();
        let issue_text = order.observed.issue_text.unwrap_or(run.issue_text);
        let base_head = order
            .observed
            .base_head
            .clone()
            .unwrap_or_else(|| run.base_commit.clone());
        if issue_text != run.issue_text {
            self.emit(Event::IssueEdited { text: issue_text });
        }
        self.emit(Event::Approved {
            node: gate,
            plan: plan.hash,
            by: order.by.clone(),
            comment: order.comment,
            notes: order.text,
            issue_text,
            base_head,
        });
        self.reply(order, ReplyKind::Accepted);
    }

    /// Why a bare approval in a comment does not hold, if it does not.
    fn doubt(&self, order: &Order, plan: &crate::run::PlanState) -> Option<ReplyKind> {
        let needs = |why: &str| {
            Some(ReplyKind::NeedsHash {
                plan: plan.hash,
                why: why.to_owned(),
            })
        };
        let Some(posted) = plan.posted else {
            let post = ActionKey::plan(&self.run().created.run, plan.revision, &plan.hash);
            return Some(if self.run().refused.contains_key(post.as_str()) {
                ReplyKind::Unpostable { plan: plan.hash }
            } else {
                ReplyKind::NotPosted
            });
        };
        if order.comment.is_some_and(|comment| comment <= posted.comment) {
            return needs("The approval was written before the newest plan was posted.");
        }
        match order.observed.plan_comment {
            Some(body) if body == posted.body => {}
            Some(_) => return needs("The plan's comment was edited after it was posted."),
            None => return needs("The plan's comment is gone or could not be read."),
        }
        match order.observed.issue_text {
            Some(text) if text == self.run().planned_text => {}
            Some(_) => return needs("The issue's text was edited after the plan was made."),
            None => return needs("The issue's text could not be compared with the one that was planned."),
        }
        if order.observed.base_head.is_none() {
            return needs("The base branch could not be compared with the one that was planned.");
        }
        if order.observed.base_touches_plan {
            return needs("The base branch changed files of the plan since the plan was made.");
        }
        None
    }

    fn replan(&mut self, order: &Order) {
        let Some(from) = self.planner() else {
            return self.reply(order, ReplyKind::NothingToRepeat);
        };
        let run = self.run();
        let why = RepeatWhy::Replan {
            wishes: order.text,
            base_commit: order
                .observed
                .base_head
                .clone()
                .unwrap_or_else(|| run.base_commit.clone()),
            issue_text: order.observed.issue_text.unwrap_or(run.issue_text),
        };
        self.repeat(from, why, Some(order.by.clone()));
        self.reply(order, ReplyKind::Accepted);
    }

    /// The node that writes what the first gate decides about, else the first planner.
    fn planner(&self) -> Option<NodeId> {
        let workflow = &self.frozen.workflow;
        let gated = workflow.nodes.iter().find_map(|node| match &node.kind {
            NodeKind::Gate(gate) => workflow.producer(&gate.artifact),
            _ => None,
        });
        gated
            .or_else(|| {
                workflow.nodes.iter().find(
                    |node| matches!(&node.kind, NodeKind::Agent(agent) if agent.role == crate::model::Role::Plan),
                )
            })
            .map(|node| node.id.clone())
    }

    fn retry(&mut self, order: &Order, wanted: Option<&NodeId>, model: Option<&str>) {
        let Some(from) = (match wanted {
            Some(node) => self.retriable().into_iter().find(|id| id == node),
            None => self.worth_retrying(),
        }) else {
            let kind = match wanted {
                Some(node) => ReplyKind::NoSuchNode {
                    node: node.to_string(),
                    nodes: self.retriable().iter().map(ToString::to_string).collect(),
                },
                None => ReplyKind::NothingToRepeat,
            };
            return self.reply(order, kind);
        };
        let candidate = match model {
            None => None,
            Some(model) => match route::find(self.candidates(&from), model) {
                Ok(index) => Some(index),
                Err(why) => return self.reply(order, ReplyKind::NoSuchCandidate { why: why.to_string() }),
            },
        };
        self.repeat(from, RepeatWhy::Retry { candidate }, Some(order.by.clone()));
        self.reply(order, ReplyKind::Accepted);
    }

    /// The nodes that have done something and are not decisions of people.
    fn retriable(&self) -> Vec<NodeId> {
        self.frozen
            .workflow
            .nodes
            .iter()
            .filter(|node| !matches!(node.kind, NodeKind::Gate(_) | NodeKind::Cancel { .. }))
            .filter(|node| {
                self.run()
                    .node(&node.id)
                    .is_some_and(|state| !state.attempts.is_empty())
            })
            .filter(|node| {
                self.run()
                    .node(&node.id)
                    .is_some_and(|state| state.phase != NodePhase::Pending)
            })
            .map(|node| node.id.clone())
            .collect()
    }

    /// What a bare `/retry` means: the first failed node, or what a validator that said no would have had
    /// repeated; without a failure, the last work on an open pull request or the work in progress.
    fn worth_retrying(&self) -> Option<NodeId> {
        let failed = self.frozen.workflow.nodes.iter().find(|node| {
            self.run()
                .node(&node.id)
                .is_some_and(|state| matches!(state.phase, NodePhase::Failed { .. }))
        });
        if let Some(node) = failed {
            let said_no = self
                .run()
                .node(&node.id)
                .is_some_and(|state| state.passed == Some(false));
            return match &node.on_fail {
                Some(on_fail) if said_no => Some(on_fail.repeat_from.clone()),
                _ => Some(node.id.clone()),
            };
        }
        let running = self.frozen.workflow.nodes.iter().find(|node| {
            self.run()
                .node(&node.id)
                .is_some_and(|state| matches!(state.phase, NodePhase::Running | NodePhase::Backoff { .. }))
        });
        running.map(|node| node.id.clone()).or_else(|| {
            self.run().pull.as_ref()?;
            self.last_writer()
        })
    }

    pub(super) fn candidates(&self, node: &NodeId) -> &[route::Candidate] {
        let role = match self.frozen.workflow.node(node).map(|node| &node.kind) {
            Some(NodeKind::Agent(agent)) => agent.role,
            Some(NodeKind::Loop(looped)) => looped.agent.role,
            _ => return &[],
        };
        let class = self.run().part(node).map(|(_, part)| part.share.class.as_str());
        self.frozen.policy.candidates(role, class)
    }
}
