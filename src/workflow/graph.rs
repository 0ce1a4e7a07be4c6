//! The graph itself: nodes in a stable topological order, and who stands up- and downstream of whom.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Condition, Template, TriggerRule};
use crate::model::{ArtifactName, NodeId, Role};

/// A checked workflow. It is frozen into a run as JSON, so its shape is part of the log's format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// The workflow's name, a lower-case word such as `build`.
    pub name: String,
    /// One line for people; empty where the file has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The nodes; each stands after all nodes it needs, otherwise in the file's order.
    pub nodes: Vec<Node>,
}

/// One step of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The node's name within the workflow.
    pub id: NodeId,
    /// What the node does.
    pub kind: NodeKind,
    /// The nodes that must be settled before this one is looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<NodeId>,
    /// The node is skipped where this is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What must have become of the needed nodes.
    #[serde(default)]
    pub trigger: TriggerRule,
    /// The artifacts that are put before the node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<ArtifactName>,
    /// The artifacts that the node must leave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<ArtifactName>,
    /// What happens when the node's verdict is a fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_fail: Option<OnFail>,
}

/// What a node does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A model works in a worktree.
    Agent(AgentNode),
    /// A model works repeatedly until a condition on its own outputs holds.
    Loop(LoopNode),
    /// Footplate runs commands.
    Check(CheckNode),
    /// A person decides.
    Gate(GateNode),
    /// The result is pushed and a pull request opened.
    Publish,
    /// The run ends here on purpose.
    Cancel {
        /// What people read as the reason.
        reason: Template,
    },
}

/// A node at which a model works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentNode {
    /// The part that it plays, which names its route.
    pub role: Role,
    /// What it is told beside the role's own instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Template>,
    /// Whether it may change files.
    #[serde(default)]
    pub tools: Tools,
    /// Whether its work is split over several routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_by: Option<SplitBy>,
    /// The longest silence before the attempt counts as hung; in milliseconds in JSON.
    #[serde(default, with = "millis", skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
    /// The longest life of an attempt; in milliseconds in JSON.
    #[serde(default, with = "millis", skip_serializing_if = "Option::is_none")]
    pub wall: Option<Duration>,
    /// The most attempts within one generation, over all candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// What an agent may do to the worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tools {
    /// It looks, and writes only its artifacts; other changes are reset and become a finding.
    ReadOnly,
    /// It may change files.
    #[default]
    All,
}

/// How an agent node's work is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// Each class of plan steps (logic, design, content, tests) goes to its own route.
    Class,
}

/// A node that repeats its agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoopNode {
    /// Who works in each iteration.
    pub agent: AgentNode,
    /// The loop ends when this holds after an iteration; it may read the node's own outputs.
    pub until: Condition,
    /// The most iterations; needing more is a failure.
    pub max_iterations: u32,
}

/// A node at which Footplate runs commands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckNode {
    /// Which commands.
    pub commands: CheckCommands,
    /// The longest life of each command; in milliseconds in JSON.
    #[serde(default, with = "millis", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

/// Where a check's commands come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckCommands {
    /// The entries under `tests` of the plan.
    PlanTests,
    /// These `sh -c` strings.
    Listed(Vec<String>),
}

/// A node at which a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateNode {
    /// What the person decides about; the approval is bound to its hash.
    pub artifact: ArtifactName,
    /// How long the run waits for the decision; in milliseconds in JSON.
    #[serde(with = "millis_required")]
    pub expires: Duration,
}

/// What happens when a node's verdict is a fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnFail {
    /// The upstream writer whose generation is raised, with everything downstream of it.
    pub repeat_from: NodeId,
    /// How often at most.
    pub rounds: u32,
    /// What happens when the rounds are used up.
    pub then: Then,
}

/// What happens when the rounds of a repair are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Once more, with the next candidate of the route.
    Escalate,
    /// The run fails.
    Fail,
    /// The run waits for a person.
    Ask,
}

impl Workflow {
    /// The workflow `build`: explore, plan, approve, implement, check, validate, publish.
    pub fn built_in() -> Self {
        // The table of contracts stands on the same floor; of it, the built-in file only needs to know
        // which artifact carries a verdict and which a check writes.
        let declared = |stem: &str| -> Option<&'static [&'static str]> {
            match stem {
                "validation" => Some(&["verdict"]),
                "checks" => Some(&["verified"]),
                _ => None,
            }
        };
        super::parse(include_str!("build.yml"), "build.yml", &declared)
            .expect("the embedded build.yml is checked by a test")
    }

    /// The node of that name.
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == *id)
    }

    /// All nodes that directly or indirectly need this one; not itself.
    pub fn downstream(&self, id: &NodeId) -> BTreeSet<NodeId> {
        let mut found = BTreeSet::new();
        // One pass is enough: in topological order a node comes after everything it needs.
        for node in &self.nodes {
            if node.needs.iter().any(|need| need == id || found.contains(need)) {
                found.insert(node.id.clone());
            }
        }
        found.remove(id);
        found
    }

    /// All nodes that this one directly or indirectly needs; not itself.
    pub fn upstream(&self, id: &NodeId) -> BTreeSet<NodeId> {
        let needs: BTreeMap<&NodeId, &[NodeId]> = self
            .nodes
            .iter()
            .map(|node| (&node.id, node.needs.as_slice()))
            .collect();
        let mut found = BTreeSet::new();
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            for need in needs.get(next).copied().unwrap_or_default() {
                if found.insert(need.clone()) {
                    open.push(need);
                }
            }
        }
        found.remove(id);
        found
    }

    /// The node that writes the artifact; a checked workflow has at most one.
    pub fn producer(&self, artifact: &ArtifactName) -> Option<&Node> {
        self.nodes.iter().find(|node| node.writes.contains(artifact))
    }
}

impl Node {
    /// The agent of an agent or loop node.
    pub fn agent(&self) -> Option<&AgentNode> {
        match &self.kind {
            NodeKind::Agent(agent) => Some(agent),
            NodeKind::Loop(repeated) => Some(&repeated.agent),
            NodeKind::Check(_) | NodeKind::Gate(_) | NodeKind::Publish | NodeKind::Cancel { .. } => None,
        }
    }

    /// Whether the node may change files of the repository.
    pub fn is_writer(&self) -> bool {
        self.agent().is_some_and(|agent| agent.tools == Tools::All)
    }
}

/// An optional duration as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde's `with` passes the field by reference")]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value
            .map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

/// A duration as whole milliseconds.
mod millis_required {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        u64::try_from(value.as_millis())
            .unwrap_or(u64::MAX)
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
