//! From text to a checked workflow.

use std::collections::BTreeSet;

use super::diagnostic::Diagnostics;
use super::draft::DraftNode;
use super::fields;
use super::{Diagnostic, Node, Workflow, check};
use crate::model::NodeId;
use crate::suggest;
use crate::yaml::{self, Shape, Span, Value};

/// Tells the fields of an artifact's front block by the artifact's stem (`plan`), for conditions;
/// `None` where the artifact has no contract. See [`crate::contract::declared_fields`].
pub type Declared<'a> = &'a dyn Fn(&str) -> Option<&'static [&'static str]>;

/// The longest source: a workflow is written by people, and 200 nodes fit well within this.
const LONGEST: usize = 256 * 1024;

/// The most nodes.
const MOST_NODES: usize = 200;

/// Reads a workflow file. `file` is its name for people.
///
/// # Errors
/// The file is no workflow; the list holds every problem that could be told, in the file's order.
pub fn parse(source: &str, file: &str, declared: Declared<'_>) -> Result<Workflow, Vec<Diagnostic>> {
    let start = Span {
        line: 1,
        column: 1,
        ..Span::default()
    };
    if source.len() > LONGEST {
        let mut problems = Diagnostics::new(file, "");
        problems.push(
            start,
            format!("a workflow file may be at most {} KiB long", LONGEST / 1024),
        );
        return Err(problems.finish());
    }
    let mut problems = Diagnostics::new(file, source);
    let tree = match yaml::read(source) {
        Ok(tree) => tree,
        Err(broken) => {
            problems.push(broken.span, broken.message);
            return Err(problems.finish());
        }
    };
    let Some(head) = Head::read(&tree, &mut problems) else {
        return Err(problems.finish());
    };
    if head.nodes.len() > MOST_NODES {
        problems.push(
            head.place,
            format!(
                "a workflow may have at most {MOST_NODES} nodes, this has {}",
                head.nodes.len()
            ),
        );
        return Err(problems.finish());
    }
    check::all(&head.nodes, declared, &mut problems);
    if problems.is_empty()
        && let Some(nodes) = in_order(head.nodes)
    {
        return Ok(Workflow {
            name: head.name,
            description: head.description,
            nodes,
        });
    }
    Err(problems.finish())
}

/// The top level of a workflow file.
struct Head {
    name: String,
    description: String,
    nodes: Vec<DraftNode>,
    /// Where the key `nodes` stands.
    place: Span,
}

impl Head {
    fn read(tree: &Value, problems: &mut Diagnostics) -> Option<Self> {
        let Shape::Map(pairs) = &tree.shape else {
            let help = "begin with `name:` and `nodes:`";
            problems.push_help(
                tree.span,
                format!("a workflow wants a mapping, not {}", tree.kind()),
                help,
            );
            return None;
        };
        let mut seen = BTreeSet::new();
        let mut head = Self {
            name: String::new(),
            description: String::new(),
            nodes: Vec::new(),
            place: tree.span,
        };
        let (mut named, mut listed) = (false, false);
        for (key, value) in pairs {
            if !seen.insert(key.text.as_str()) {
                problems.push(key.span, format!("`{}` is given twice", fields::short(&key.text)));
                continue;
            }
            match key.text.as_str() {
                "name" => {
                    named = true;
                    value.text().unwrap_or_default().clone_into(&mut head.name);
                    if let Err(invalid) = NodeId::new(head.name.as_str()) {
                        problems.push(
                            value.span,
                            format!(
                                "the name of a workflow is a word such as `build`; {}",
                                invalid.why
                            ),
                        );
                    }
                }
                "description" => match value.text() {
                    Some(text) => text.trim().clone_into(&mut head.description),
                    None => problems.push(
                        value.span,
                        format!("`description` wants text, not {}", value.kind()),
                    ),
                },
                "nodes" => {
                    listed = true;
                    head.place = key.span;
                    head.nodes = nodes(value, problems);
                }
                other => problems.note(
                    key.span,
                    format!("unknown key `{}`", fields::short(other)),
                    suggest::help(other, ["name", "description", "nodes"]),
                ),
            }
        }
        if !named {
            problems.push_help(tree.span, "the workflow has no name", "add `name: …` at the top");
        }
        if !listed {
            problems.push_help(
                tree.span,
                "the workflow has no nodes",
                "add `nodes:` with a mapping from ids to nodes",
            );
        }
        Some(head)
    }
}

fn nodes(value: &Value, problems: &mut Diagnostics) -> Vec<DraftNode> {
    let Shape::Map(pairs) = &value.shape else {
        let help = "write `nodes:` and below it `id: {…}` for each";
        problems.push_help(
            value.span,
            format!("`nodes` wants a mapping, not {}", value.kind()),
            help,
        );
        return Vec::new();
    };
    if pairs.is_empty() {
        problems.push(value.span, "the workflow has no nodes");
    }
    let mut found: Vec<DraftNode> = Vec::new();
    let mut seen: BTreeSet<NodeId> = BTreeSet::new();
    for (key, value) in pairs {
        match NodeId::new(key.text.as_str()) {
            Err(invalid) => problems.push(
                key.span,
                format!("`{}` is no node id: {}", fields::short(&key.text), invalid.why),
            ),
            Ok(id) if !seen.insert(id.clone()) => {
                problems.push_help(
                    key.span,
                    format!("there are two nodes `{id}`"),
                    "give one of them another id",
                );
            }
            Ok(id) => found.push(DraftNode::read(id, key.span, value, problems)),
        }
    }
    found
}

/// Each node after all nodes that it needs, otherwise in the file's order. `None` where a node was not
/// understood or there is a cycle, both of which have been told by then.
fn in_order(drafts: Vec<DraftNode>) -> Option<Vec<Node>> {
    let mut waiting: Vec<Option<Node>> = drafts.into_iter().map(DraftNode::finish).collect();
    if waiting.iter().any(Option::is_none) {
        return None;
    }
    let mut placed: BTreeSet<NodeId> = BTreeSet::new();
    let mut nodes = Vec::with_capacity(waiting.len());
    while nodes.len() < waiting.len() {
        let ready = waiting.iter_mut().find(|slot| {
            slot.as_ref()
                .is_some_and(|node| node.needs.iter().all(|need| placed.contains(need)))
        })?;
        let node = ready.take()?;
        placed.insert(node.id.clone());
        nodes.push(node);
    }
    Some(nodes)
}
