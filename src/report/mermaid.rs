//! The workflow as a Mermaid graph, which GitHub draws.

use std::fmt::Write as _;

use super::view::{NodeState, NodeView};

/// The most nodes that are drawn; larger graphs cannot be read in a comment.
const NODES_MAX: usize = 60;

/// Renders the graph as a fenced block; `None` where there is nothing to draw or too much.
///
/// Node ids are numbers of ours (`end` as an id would break Mermaid), labels hold letters, digits and spaces as
/// they are and everything else as Mermaid's `#code;`, so that nothing in a name can end a label or the fence.
pub fn graph(nodes: &[NodeView], edges: &[(usize, usize)]) -> Option<String> {
    if nodes.is_empty() || nodes.len() > NODES_MAX {
        return None;
    }
    let mut out = String::from("```mermaid\nflowchart LR\n");
    for (at, node) in nodes.iter().enumerate() {
        let candidate = node
            .candidates
            .last()
            .map_or_else(String::new, |name| format!("<br/>{}", label(name)));
        let state = word(node.state);
        let _ = writeln!(
            out,
            "  n{at}[\"{}{candidate}<br/>{state}\"]:::{state}",
            label(node.id.as_str())
        );
    }
    for (from, to) in edges
        .iter()
        .filter(|(from, to)| *from < nodes.len() && *to < nodes.len())
    {
        let _ = writeln!(out, "  n{from} --> n{to}");
    }
    for state in STATES
        .into_iter()
        .filter(|state| nodes.iter().any(|node| node.state == *state))
    {
        let _ = writeln!(out, "  classDef {} {}", word(state), style(state));
    }
    out.push_str("```");
    Some(out)
}

const STATES: [NodeState; 8] = [
    NodeState::Pending,
    NodeState::Ready,
    NodeState::Running,
    NodeState::Waiting,
    NodeState::Done,
    NodeState::Failed,
    NodeState::Skipped,
    NodeState::Cancelled,
];

/// The state's word, which is also its class; none of them is reserved in Mermaid.
pub(super) fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Pending => "pending",
        NodeState::Ready => "ready",
        NodeState::Running => "running",
        NodeState::Waiting => "waiting",
        NodeState::Done => "done",
        NodeState::Failed => "failed",
        NodeState::Skipped => "skipped",
        NodeState::Cancelled => "cancelled",
    }
}

/// Colors that can be told apart on GitHub's light and dark pages; the state is also written.
fn style(state: NodeState) -> &'static str {
    match state {
        NodeState::Pending | NodeState::Skipped => "fill:#eaeef2,stroke:#8c959f,color:#1f2328",
        NodeState::Ready => "fill:#eaeef2,stroke:#0969da,color:#1f2328",
        NodeState::Running => "fill:#ddf4ff,stroke:#0969da,color:#1f2328",
        NodeState::Waiting => "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
        NodeState::Done => "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
        NodeState::Failed => "fill:#ffebe9,stroke:#cf222e,color:#1f2328",
        NodeState::Cancelled => "fill:#eaeef2,stroke:#cf222e,color:#1f2328",
    }
}

fn label(text: &str) -> String {
    let mut out = String::new();
    for c in super::escape::visible(text).0.chars().take(80) {
        if c.is_alphanumeric() || c == ' ' {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", c as u32);
        }
    }
    out
}
