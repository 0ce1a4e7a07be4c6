//! Checks of what nodes hand to each other, and of what belongs to one kind of node.

use std::collections::BTreeMap;

use super::super::fields::At;
use super::super::graph::{CheckCommands, LoopNode, NodeKind, Tools};
use super::Checks;
use crate::model::{ArtifactName, NodeId};
use crate::suggest;
use crate::yaml::Span;

impl Checks<'_> {
    /// Every artifact is written once, and upstream of whoever reads it.
    pub(super) fn artifacts(&mut self) {
        let mut written: BTreeMap<&ArtifactName, &NodeId> = BTreeMap::new();
        for node in self.graph.nodes {
            for artifact in &node.writes {
                if let Some(first) = written.get(&artifact.value) {
                    let message = format!("`{}` is already written by `{first}`", artifact.value);
                    self.problems.push_help(
                        artifact.span,
                        message,
                        "give each writer an artifact of its own",
                    );
                } else {
                    written.insert(&artifact.value, &node.id.value);
                }
            }
        }
        for (index, node) in self.graph.nodes.iter().enumerate() {
            for artifact in &node.reads {
                self.readable(index, &artifact.value, artifact.span, "reads");
            }
            if let Some(At {
                value: NodeKind::Gate(gate),
                span,
            }) = &node.kind
            {
                self.readable(index, &gate.artifact, *span, "asks about");
            }
            if let Some(At {
                value: NodeKind::Check(check),
                span,
            }) = &node.kind
                && check.commands == CheckCommands::PlanTests
                && let Ok(plan) = ArtifactName::new("plan.md")
            {
                self.readable(index, &plan, *span, "runs the tests of");
            }
        }
    }

    /// Whether a node's artifact is written upstream of it.
    fn readable(&mut self, reader: usize, artifact: &ArtifactName, span: Span, verb: &str) {
        let id = self.graph.id(reader);
        match self.graph.writer_of(artifact) {
            None => {
                let names: Vec<&str> = self
                    .graph
                    .nodes
                    .iter()
                    .flat_map(|n| &n.writes)
                    .map(|at| at.value.as_str())
                    .collect();
                let message = format!("`{id}` {verb} `{artifact}`, which no node writes");
                let help = match suggest::closest(artifact.as_str(), names) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("add it to the `writes` of a node before `{id}`"),
                };
                self.problems.push_help(span, message, help);
            }
            Some(writer) if writer == reader => {
                self.problems.push(
                    span,
                    format!("`{id}` {verb} `{artifact}`, which it writes itself"),
                );
            }
            Some(writer) if self.graph.is_before_or_beside(reader, writer) => {
                let writer = self.graph.id(writer);
                let message = format!(
                    "`{id}` {verb} `{artifact}`, but does not come after `{writer}`, which writes it"
                );
                self.problems
                    .push_help(span, message, format!("add `{writer}` to `needs`"));
            }
            Some(_) => {}
        }
    }

    /// What belongs to one kind of node but depends on contracts or on other nodes.
    pub(super) fn kinds(&mut self) {
        let mut published: Option<&NodeId> = None;
        for node in self.graph.nodes {
            let id = &node.id.value;
            let Some(kind) = &node.kind else { continue };
            match &kind.value {
                NodeKind::Agent(agent) | NodeKind::Loop(LoopNode { agent, .. }) => {
                    if agent.tools == Tools::ReadOnly && node.writes.is_empty() {
                        let message = format!(
                            "`{id}` only reads and writes no artifact, so it would leave nothing behind"
                        );
                        self.problems.push_help(node.id.span, message, "add `writes`");
                    }
                    if agent.split_by.is_some() && !node.reads.iter().any(|at| at.value.as_str() == "plan.md")
                    {
                        let span = node.split_by.unwrap_or(kind.span);
                        let message = format!("`{id}` is split by the steps of a plan that it does not read");
                        self.problems.push_help(span, message, "add `plan.md` to `reads`");
                    }
                    for artifact in &node.writes {
                        if self.declares(&artifact.value, "verified") {
                            let message = format!(
                                "`{}` is written by nodes with `run`, never by an agent",
                                artifact.value
                            );
                            self.problems.push(artifact.span, message);
                        }
                    }
                }
                NodeKind::Check(_) => {
                    for artifact in &node.writes {
                        if !self.declares(&artifact.value, "verified") {
                            let message = format!("a node with `run` cannot write `{}`", artifact.value);
                            let help = "it writes `checks.md`, or one of several such as `lint-checks.md`";
                            self.problems.push_help(artifact.span, message, help);
                        }
                    }
                    if let [_, second, ..] = node.writes.as_slice() {
                        self.problems
                            .push(second.span, "a node with `run` writes one artifact");
                    }
                }
                NodeKind::Publish => match published {
                    Some(first) => {
                        let message = format!("`{id}` publishes, which `{first}` does already");
                        self.problems
                            .push_help(node.id.span, message, "a workflow publishes at most once");
                    }
                    None => published = Some(id),
                },
                NodeKind::Gate(_) | NodeKind::Cancel { .. } => {}
            }
        }
    }
}
