//! One node's work divided over several routes: the parts of a plan become nodes of their own, and the node
//! itself puts their results together.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::frozen::Frozen;
use super::state::Run;
use crate::model::{ArtifactName, NodeId, Role};
use crate::workflow::{AgentNode, Node, NodeKind, TriggerRule, Workflow};

/// A share of a plan's work, as the plan's classes of steps divide it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The class of its steps: `logic`, `design`, `content` or `tests`; it names the part.
    pub class: String,
    /// The role whose route does it.
    pub role: Role,
    /// The plan's steps that belong to it.
    pub steps: Vec<u32>,
    /// The globs of the files that those steps may change.
    pub files: Vec<String>,
    /// The shares, by their place in the list, that must be done before; each stands before this one.
    pub after: Vec<usize>,
}

/// A share that became a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The node that does it.
    pub node: NodeId,
    /// The artifact in which it tells what was done.
    pub account: ArtifactName,
    /// What it does.
    pub share: Share,
}

/// The parts of a node, for as long as its generation lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The parts, each after those that it needs.
    pub parts: Vec<Part>,
}

/// The parts that a node's shares become; `None` where they cannot be named.
///
/// Shares without a name of their own in the workflow's rules of naming are numbered.
pub(super) fn parts(node: &Node, shares: &[Share], taken: &Workflow) -> Option<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::with_capacity(shares.len());
    for share in shares {
        let name = |suffix: &str| -> Option<(NodeId, ArtifactName)> {
            let id = NodeId::new(format!("{}-{}{suffix}", node.id, share.class)).ok()?;
            let free = taken.node(&id).is_none() && parts.iter().all(|part| part.node != id);
            let account = ArtifactName::new(format!("implementation-{}{suffix}.md", share.class)).ok()?;
            free.then_some((id, account))
        };
        let (id, account) =
            name("").or_else(|| (2..=shares.len() + 1).find_map(|n| name(&format!("-{n}"))))?;
        parts.push(Part {
            node: id,
            account,
            share: share.clone(),
        });
    }
    Some(parts)
}

impl Frozen {
    /// The workflow as it is in force for a run: with the parts of divided nodes in it. What is expanded already
    /// stays as it is.
    pub fn expanded(&self, run: &Run) -> Cow<'_, Self> {
        if run.splits.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut nodes = Vec::with_capacity(self.workflow.nodes.len() + 4);
        for node in &self.workflow.nodes {
            match (run.splits.get(&node.id), &node.kind) {
                (Some(split), NodeKind::Agent(agent))
                    if split
                        .parts
                        .iter()
                        .all(|part| self.workflow.node(&part.node).is_none()) =>
                {
                    nodes.extend(split.parts.iter().map(|part| part_node(node, agent, part, split)));
                    nodes.push(Node {
                        needs: split.parts.iter().map(|part| part.node.clone()).collect(),
                        when: None,
                        trigger: TriggerRule::default(),
                        ..node.clone()
                    });
                }
                _ => nodes.push(node.clone()),
            }
        }
        Cow::Owned(Self {
            workflow: Workflow {
                nodes,
                ..self.workflow.clone()
            },
            policy: self.policy.clone(),
        })
    }
}

fn part_node(node: &Node, agent: &AgentNode, part: &Part, split: &Split) -> Node {
    let before = part
        .share
        .after
        .iter()
        .filter_map(|index| split.parts.get(*index));
    Node {
        id: part.node.clone(),
        kind: NodeKind::Agent(AgentNode {
            role: part.share.role,
            split_by: None,
            ..agent.clone()
        }),
        needs: node
            .needs
            .iter()
            .cloned()
            .chain(before.map(|part| part.node.clone()))
            .collect(),
        when: None,
        trigger: node.trigger,
        reads: node.reads.clone(),
        writes: vec![part.account.clone()],
        on_fail: None,
    }
}

impl Run {
    /// The part that a node is, with the node it belongs to.
    pub fn part(&self, id: &NodeId) -> Option<(&NodeId, &Part)> {
        self.splits.iter().find_map(|(whole, split)| {
            split
                .parts
                .iter()
                .find(|part| part.node == *id)
                .map(|part| (whole, part))
        })
    }
}
