//! The graph as Mermaid text, for `workflow graph`.

use std::fmt::Write as _;

use super::{CheckCommands, NodeKind, Workflow};

/// Draws the workflow: agents as boxes, checks as subroutines, gates as diamonds, ends as stadiums;
/// repairs as dotted arrows back.
pub fn mermaid(workflow: &Workflow) -> String {
    let mut out = String::from("flowchart TD\n");
    for node in &workflow.nodes {
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
        let _ = writeln!(out, "    n_{id}{open}\"{label}\"{close}");
    }
    for node in &workflow.nodes {
        for need in &node.needs {
            let arrow = if node.when.is_some() { "-->|when|" } else { "-->" };
            let _ = writeln!(out, "    n_{need} {arrow} n_{}", node.id);
        }
        if let Some(on_fail) = &node.on_fail {
            let _ = writeln!(out, "    n_{} -.->|on fail| n_{}", node.id, on_fail.repeat_from);
        }
    }
    out
}
