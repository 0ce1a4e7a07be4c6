//! The graph as Mermaid text, for `workflow graph`.

use std::fmt::Write as _;

use super::{CheckCommands, NodeKind, Workflow};
use crate::model::NodeId;

/// Draws the workflow: agents as boxes, checks as subroutines, gates as diamonds, ends as stadiums;
/// repairs as dotted arrows back.
pub fn mermaid(workflow: &Workflow) -> String {
    let mut out = String::from("flowchart TD\n");
    for (index, node) in workflow.nodes.iter().enumerate() {
        let id = &node.id;
        let (open, label, close) = match &node.kind {
            NodeKind::Agent(agent) => ("[", format!("{id}<br/>{}", agent.role), "]"),
            NodeKind::Loop(repeated) => (
                "[",
                format!(
                    "{id}<br/>{}, at most {} times",
                    repeated.agent.role, repeated.max_iterations
                ),
                "]",
            ),
            NodeKind::Check(check) => match &check.commands {
                CheckCommands::PlanTests => ("[[", format!("{id}<br/>tests of the plan"), "]]"),
                CheckCommands::Listed(commands) => {
                    ("[[", format!("{id}<br/>commands: {}", commands.len()), "]]")
                }
            },
            NodeKind::Gate(gate) => ("{", format!("{id}<br/>{}", gate.artifact), "}"),
            NodeKind::Publish => ("([", format!("{id}<br/>pull request"), "])"),
            NodeKind::Cancel { .. } => ("([", format!("{id}<br/>cancel"), "])"),
        };
        let _ = writeln!(out, "    n{index}{open}\"{label}\"{close}");
    }
    // Numbers instead of ids: Mermaid reads `end` and `a--b` as something else.
    let number = |id: &NodeId| workflow.nodes.iter().position(|node| node.id == *id);
    for (index, node) in workflow.nodes.iter().enumerate() {
        for need in node.needs.iter().filter_map(number) {
            let arrow = if node.when.is_some() { "-->|when|" } else { "-->" };
            let _ = writeln!(out, "    n{need} {arrow} n{index}");
        }
        if let Some(from) = node
            .on_fail
            .as_ref()
            .and_then(|on_fail| number(&on_fail.repeat_from))
        {
            let _ = writeln!(out, "    n{index} -.->|on fail| n{from}");
        }
    }
    out
}
