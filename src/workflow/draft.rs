//! One node as its author wrote it: values with their places, before the graph is looked at.

use std::time::Duration;

use super::diagnostic::Diagnostics;
use super::fields::{At, Fields};
use super::graph::{AgentNode, CheckNode, GateNode, LoopNode, Node, NodeKind, OnFail, SplitBy, Then, Tools};
use super::{Condition, TriggerRule};
use crate::model::{ArtifactName, NodeId, Role};
use crate::yaml::{Key, Shape, Span, Value};

/// How long a gate waits unless its node says otherwise: two weeks outlast a holiday.
const EXPIRES: Duration = Duration::from_hours(14 * 24);

/// The keys that decide a node's kind.
pub(super) const KINDS: [&str; 5] = ["role", "run", "gate", "publish", "cancel"];

/// All keys of nodes, with the kinds that they belong to.
const KEYS: [(&str, &[&str]); 20] = [
    ("role", &["role"]),
    ("run", &["run"]),
    ("gate", &["gate"]),
    ("publish", &["publish"]),
    ("cancel", &["cancel"]),
    ("loop", &["role"]),
    ("needs", &KINDS),
    ("when", &KINDS),
    ("trigger", &KINDS),
    ("reads", &["role"]),
    ("writes", &["role", "run"]),
    ("prompt", &["role"]),
    ("tools", &["role"]),
    ("split_by", &["role"]),
    ("on_fail", &["role", "run"]),
    ("idle", &["role"]),
    ("wall", &["role"]),
    ("attempts", &["role"]),
    ("expires", &["gate"]),
    ("timeout", &["run"]),
];

/// A node with the places of everything that the graph's checks may have to point at.
#[derive(Debug)]
pub(super) struct DraftNode {
    pub(super) id: At<NodeId>,
    /// `None` where it was not understood; then the problem has been told.
    pub(super) kind: Option<At<NodeKind>>,
    pub(super) needs: Vec<At<NodeId>>,
    pub(super) when: Option<At<Condition>>,
    pub(super) trigger: TriggerRule,
    pub(super) reads: Vec<At<ArtifactName>>,
    pub(super) writes: Vec<At<ArtifactName>>,
    pub(super) on_fail: Option<At<OnFail>>,
    /// Where `repeat_from` stands.
    pub(super) repeat_from: Option<Span>,
    /// The loop's condition.
    pub(super) until: Option<At<Condition>>,
    /// Where the prompt or the reason of a cancel stands.
    pub(super) template: Option<Span>,
    /// Where `split_by` stands.
    pub(super) split_by: Option<Span>,
    /// Whether a problem of the node itself has been told, so that its order is not sure.
    pub(super) flawed: bool,
}

impl DraftNode {
    pub(super) fn read(id: NodeId, place: Span, value: &Value, problems: &mut Diagnostics) -> Self {
        let mut draft = Self {
            id: At {
                value: id,
                span: place,
            },
            kind: None,
            needs: Vec::new(),
            when: None,
            trigger: TriggerRule::default(),
            reads: Vec::new(),
            writes: Vec::new(),
            on_fail: None,
            repeat_from: None,
            until: None,
            template: None,
            split_by: None,
            flawed: false,
        };
        let told = problems.len();
        let Shape::Map(pairs) = &value.shape else {
            problems.push_help(
                place,
                format!(
                    "the node `{}` wants a mapping, not {}",
                    draft.id.value,
                    value.kind()
                ),
                "write for example `{role: plan, needs: [explore]}`",
            );
            draft.flawed = true;
            return draft;
        };
        let kind = kind_of(&draft.id, pairs, problems);
        let mut fields = Fields {
            node: draft.id.value.clone(),
            pairs,
            problems,
        };
        fields.tell_strangers(&KEYS, kind);
        draft.needs = fields.list("needs");
        draft.reads = fields.list("reads");
        draft.writes = fields.list("writes");
        draft.when = fields.condition("when");
        draft.trigger = fields
            .choice("trigger", &TriggerRule::ALL.map(|r| (r.as_str(), r)))
            .unwrap_or_default();
        draft.read_on_fail(&mut fields);
        draft.kind = kind.and_then(|kind| draft.read_kind(kind, &mut fields));
        draft.flawed = problems.len() > told;
        draft
    }

    /// The node without its places; `None` where it was not understood.
    pub(super) fn finish(self) -> Option<Node> {
        let values = |list: Vec<At<ArtifactName>>| list.into_iter().map(|at| at.value).collect();
        Some(Node {
            id: self.id.value,
            kind: self.kind?.value,
            needs: self.needs.into_iter().map(|at| at.value).collect(),
            when: self.when.map(|at| at.value),
            trigger: self.trigger,
            reads: values(self.reads),
            writes: values(self.writes),
            on_fail: self.on_fail.map(|at| at.value),
        })
    }

    /// The agent of an agent or loop node.
    pub(super) fn agent(&self) -> Option<&AgentNode> {
        match &self.kind.as_ref()?.value {
            NodeKind::Agent(agent) => Some(agent),
            NodeKind::Loop(repeated) => Some(&repeated.agent),
            NodeKind::Check(_) | NodeKind::Gate(_) | NodeKind::Publish | NodeKind::Cancel { .. } => None,
        }
    }

    /// Whether the node may change files of the repository.
    pub(super) fn is_writer(&self) -> bool {
        self.agent().is_some_and(|agent| agent.tools == Tools::All)
    }

    fn read_kind(&mut self, kind: &str, fields: &mut Fields<'_>) -> Option<At<NodeKind>> {
        let (key, value) = fields.get(kind)?;
        let span = value.span;
        let kind = match kind {
            "role" => {
                let agent = self.read_agent(fields);
                match fields.get("loop") {
                    None => agent.map(NodeKind::Agent),
                    Some((_, value)) => self.read_loop(value, agent, fields),
                }
            }
            "run" => fields.commands(value).map(|commands| {
                NodeKind::Check(CheckNode {
                    commands,
                    timeout: fields.duration("timeout"),
                })
            }),
            "gate" => fields.word(key, value).map(|artifact| {
                let expires = fields.duration("expires").unwrap_or(EXPIRES);
                NodeKind::Gate(GateNode { artifact, expires })
            }),
            "publish" => fields.choice("publish", &[("pull_request", NodeKind::Publish)]),
            _ => fields.template("cancel").map(|reason| {
                self.template = Some(reason.span);
                NodeKind::Cancel { reason: reason.value }
            }),
        };
        kind.map(|value| At { value, span })
    }

    fn read_agent(&mut self, fields: &mut Fields<'_>) -> Option<AgentNode> {
        let roles = Role::ALL.map(|role| (role.as_str(), role));
        let role = fields.choice("role", &roles);
        let prompt = fields.template("prompt");
        self.template = prompt.as_ref().map(|at| at.span);
        self.split_by = fields.get("split_by").map(|(key, _)| key.span);
        let tools = fields.choice("tools", &[("read-only", Tools::ReadOnly), ("all", Tools::All)]);
        let split_by = fields.choice("split_by", &[("class", SplitBy::Class)]);
        let (idle, wall) = (fields.duration("idle"), fields.duration("wall"));
        let attempts = fields.count("attempts");
        Some(AgentNode {
            role: role?,
            prompt: prompt.map(|at| at.value),
            tools: tools.unwrap_or_default(),
            split_by,
            idle,
            wall,
            attempts,
        })
    }

    fn read_loop(
        &mut self,
        value: &Value,
        agent: Option<AgentNode>,
        fields: &mut Fields<'_>,
    ) -> Option<NodeKind> {
        let mut inner = fields.inner("loop", value, &["until", "max_iterations"])?;
        let until = inner.condition("until");
        let max_iterations = inner.count("max_iterations");
        self.until.clone_from(&until);
        Some(NodeKind::Loop(LoopNode {
            agent: agent?,
            until: until?.value,
            max_iterations: max_iterations?,
        }))
    }

    fn read_on_fail(&mut self, fields: &mut Fields<'_>) {
        let Some((key, value)) = fields.get("on_fail") else {
            return;
        };
        let Some(mut inner) = fields.inner("on_fail", value, &["repeat_from"]) else {
            return;
        };
        inner.tell_strangers(&[("repeat_from", &[]), ("rounds", &[]), ("then", &[])], None);
        let rounds = inner.count("rounds").unwrap_or(1);
        let then = inner.choice(
            "then",
            &[
                ("escalate", Then::Escalate),
                ("fail", Then::Fail),
                ("ask", Then::Ask),
            ],
        );
        let Some((place, from)) = inner.get("repeat_from") else {
            return;
        };
        self.repeat_from = Some(from.span);
        if let Some(repeat_from) = inner.word(place, from) {
            let value = OnFail {
                repeat_from,
                rounds,
                then: then.unwrap_or(Then::Ask),
            };
            self.on_fail = Some(At {
                value,
                span: key.span,
            });
        }
    }
}

/// The one key that says what the node is.
fn kind_of(id: &At<NodeId>, pairs: &[(Key, Value)], problems: &mut Diagnostics) -> Option<&'static str> {
    let given: Vec<&'static str> = KINDS
        .into_iter()
        .filter(|kind| pairs.iter().any(|(key, _)| key.text == *kind))
        .collect();
    match given.as_slice() {
        [kind] => Some(kind),
        [] => {
            problems.push_help(
                id.span,
                format!("`{}` does not say what it is", id.value),
                "give it one of `role`, `run`, `gate`, `publish`, `cancel`",
            );
            None
        }
        [first, others @ ..] => {
            let second = pairs
                .iter()
                .filter(|(key, _)| given.contains(&key.text.as_str()))
                .nth(1);
            problems.push_help(
                second.map_or(id.span, |(key, _)| key.span),
                format!(
                    "`{}` is several things at once: `{first}` and `{}`",
                    id.value,
                    others.join("` and `")
                ),
                "make a node of each",
            );
            None
        }
    }
}
