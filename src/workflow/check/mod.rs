//! Checks of the graph as a whole: what one node alone cannot show.
//!
//! Here is the order of the nodes; what they hand on is in `artifacts`, what they look at in `references`.

mod artifacts;
mod references;

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::Diagnostics;
use super::draft::DraftNode;
use super::graph::NodeKind;
use super::parse::Declared;
use crate::model::{ArtifactName, NodeId};
use crate::suggest;

/// Notes every problem of the graph.
pub(super) fn all(nodes: &[DraftNode], declared: Declared<'_>, problems: &mut Diagnostics) {
    let graph = Graph::of(nodes);
    let mut checks = Checks {
        graph,
        declared,
        problems,
    };
    checks.needs();
    // In a circle everything is upstream of everything: what else could be said would only confuse.
    if checks.circles() {
        return;
    }
    checks.artifacts();
    checks.kinds();
    checks.on_fail();
    checks.ends();
    checks.writers();
    checks.conditions();
    checks.templates();
}

/// The drafts with what is known about their order.
struct Graph<'a> {
    nodes: &'a [DraftNode],
    index: BTreeMap<&'a NodeId, usize>,
    /// For each node all nodes it needs, directly or indirectly.
    upstream: Vec<BTreeSet<usize>>,
    /// Nodes whose order is not sure, because they or something upstream was not understood: nothing is
    /// said about what they come after.
    unsure: BTreeSet<usize>,
}

struct Checks<'a> {
    graph: Graph<'a>,
    declared: Declared<'a>,
    problems: &'a mut Diagnostics,
}

impl<'a> Graph<'a> {
    fn of(nodes: &'a [DraftNode]) -> Self {
        let index: BTreeMap<_, _> = nodes
            .iter()
            .enumerate()
            .map(|(i, node)| (&node.id.value, i))
            .collect();
        let direct: Vec<Vec<usize>> = nodes
            .iter()
            .map(|node| {
                node.needs
                    .iter()
                    .filter_map(|need| index.get(&need.value).copied())
                    .collect()
            })
            .collect();
        let upstream: Vec<BTreeSet<usize>> = (0..nodes.len())
            .map(|start| {
                let mut found = BTreeSet::new();
                let mut open = vec![start];
                while let Some(next) = open.pop() {
                    open.extend(direct[next].iter().copied().filter(|need| found.insert(*need)));
                }
                found
            })
            .collect();
        let flawed =
            |i: usize| nodes[i].flawed || nodes[i].needs.iter().any(|need| !index.contains_key(&need.value));
        let unsure = (0..nodes.len())
            .filter(|i| flawed(*i) || upstream[*i].iter().any(|above| flawed(*above)))
            .collect();
        Self {
            nodes,
            index,
            upstream,
            unsure,
        }
    }

    fn id(&self, index: usize) -> &'a NodeId {
        &self.nodes[index].id.value
    }

    /// Whether the first surely does not come after the second.
    fn is_before_or_beside(&self, later: usize, earlier: usize) -> bool {
        !self.upstream[later].contains(&earlier) && !self.unsure.contains(&later)
    }

    fn writer_of(&self, artifact: &ArtifactName) -> Option<usize> {
        self.nodes
            .iter()
            .position(|node| node.writes.iter().any(|at| at.value == *artifact))
    }

    /// The ids upstream of a node, for suggestions.
    fn names_above(&self, index: usize) -> Vec<&'a str> {
        self.upstream[index]
            .iter()
            .map(|i| self.id(*i).as_str())
            .collect()
    }
}

impl Checks<'_> {
    /// Every needed node exists.
    fn needs(&mut self) {
        for node in self.graph.nodes {
            for need in &node.needs {
                if !self.graph.index.contains_key(&need.value) {
                    let others = self
                        .graph
                        .nodes
                        .iter()
                        .map(|n| n.id.value.as_str())
                        .filter(|id| *id != node.id.value.as_str());
                    let help = suggest::help(need.value.as_str(), others.collect::<Vec<_>>());
                    let message = format!("`{}` needs `{}`, which does not exist", node.id.value, need.value);
                    self.problems.note(need.span, message, help);
                }
            }
        }
    }

    /// Nothing needs itself. Each circle is told once, at the need that closes it.
    fn circles(&mut self) -> bool {
        let mut told: BTreeSet<usize> = BTreeSet::new();
        for start in 0..self.graph.nodes.len() {
            if !self.graph.upstream[start].contains(&start) || told.contains(&start) {
                continue;
            }
            let path = self.shortest_circle(start);
            let names: Vec<&str> = path
                .iter()
                .chain(path.first())
                .map(|i| self.graph.id(*i).as_str())
                .collect();
            // Everything in a circle with `start` is upstream of it and has it upstream.
            let whole = (0..self.graph.nodes.len()).filter(|i| {
                self.graph.upstream[start].contains(i) && self.graph.upstream[*i].contains(&start)
            });
            told.extend(whole);
            let next = path.get(1).copied().unwrap_or(start);
            let closing = self.graph.nodes[start]
                .needs
                .iter()
                .find(|need| need.value == *self.graph.id(next));
            let place = closing.map_or(self.graph.nodes[start].id.span, |need| need.span);
            let message = match names.as_slice() {
                [itself, _] => format!("`{itself}` needs itself"),
                _ => format!("these nodes need each other in a circle: {}", names.join(" → ")),
            };
            self.problems.push_help(
                place,
                message,
                "take one of these needs away; a repair belongs to `on_fail`",
            );
        }
        !told.is_empty()
    }

    /// The shortest way from a node along its needs back to itself, without the last step.
    fn shortest_circle(&self, start: usize) -> Vec<usize> {
        let mut before: BTreeMap<usize, usize> = BTreeMap::new();
        let mut open = std::collections::VecDeque::from([start]);
        while let Some(next) = open.pop_front() {
            for need in &self.graph.nodes[next].needs {
                let Some(need) = self.graph.index.get(&need.value).copied() else {
                    continue;
                };
                if need == start {
                    let mut path = vec![next];
                    while let Some(previous) = path.last().and_then(|last| before.get(last)) {
                        path.push(*previous);
                    }
                    path.reverse();
                    return path;
                }
                if let std::collections::btree_map::Entry::Vacant(slot) = before.entry(need) {
                    slot.insert(next);
                    open.push_back(need);
                }
            }
        }
        vec![start]
    }

    /// Repairs begin at an upstream writer, after a verdict.
    fn on_fail(&mut self) {
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let Some(on_fail) = &node.on_fail else { continue };
            let (id, from) = (&node.id.value, &on_fail.value.repeat_from);
            let place = node.repeat_from.unwrap_or(on_fail.span);
            let judges = node.writes.iter().any(|at| self.declares(&at.value, "verdict"));
            if node.agent().is_some() && !judges {
                let message = format!("`{id}` has `on_fail`, but writes no validation that could be a fail");
                self.problems
                    .push_help(on_fail.span, message, "add `validation.md` to `writes`");
            }
            match self.graph.index.get(from).copied() {
                None => {
                    let above = self.graph.upstream[index]
                        .iter()
                        .filter(|i| self.graph.nodes[**i].is_writer());
                    let names: Vec<&str> = above.map(|i| self.graph.id(*i).as_str()).collect();
                    let message = format!("`{id}` repeats from `{from}`, which does not exist");
                    self.problems
                        .note(place, message, suggest::help(from.as_str(), names));
                }
                Some(target) if self.graph.is_before_or_beside(index, target) => {
                    let message = format!("`{id}` repeats from `{from}`, but does not come after it");
                    self.problems
                        .push_help(place, message, format!("add `{from}` to `needs`"));
                }
                Some(target)
                    if self.graph.nodes[target].kind.is_some() && !self.graph.nodes[target].is_writer() =>
                {
                    let message = format!(
                        "`{id}` repeats from `{from}`, which changes no files, so nothing would be repaired"
                    );
                    let writers: Vec<String> = self.graph.upstream[index]
                        .iter()
                        .filter(|i| self.graph.nodes[**i].is_writer())
                        .map(|i| format!("`{}`", self.graph.id(*i)))
                        .collect();
                    let help = (!writers.is_empty()).then(|| format!("it can be {}", writers.join(", ")));
                    self.problems.note(place, message, help);
                }
                Some(_) => {}
            }
        }
    }

    /// Nothing waits for an end of the run, and where the run ends by publishing, everything leads there.
    fn ends(&mut self) {
        let is_end = |node: &DraftNode| {
            matches!(
                node.kind.as_ref().map(|at| &at.value),
                Some(NodeKind::Publish | NodeKind::Cancel { .. })
            )
        };
        let ends: Vec<usize> = (0..self.graph.nodes.len())
            .filter(|i| is_end(&self.graph.nodes[*i]))
            .collect();
        for node in self.graph.nodes {
            for need in &node.needs {
                let Some(target) = self.graph.index.get(&need.value) else {
                    continue;
                };
                if ends.contains(target) {
                    let message = format!("`{}` can never run: `{}` ends the run", node.id.value, need.value);
                    self.problems
                        .push_help(need.span, message, "put it before that node");
                }
            }
        }
        let publish = ends.iter().find(|i| {
            matches!(
                self.graph.nodes[**i].kind.as_ref().map(|at| &at.value),
                Some(NodeKind::Publish)
            )
        });
        let Some(publish) = publish.filter(|_| self.graph.unsure.is_empty()) else {
            return;
        };
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let leads =
                ends.contains(&index) || ends.iter().any(|end| self.graph.upstream[*end].contains(&index));
            let waits = node
                .needs
                .iter()
                .any(|n| self.graph.index.get(&n.value).is_some_and(|i| ends.contains(i)));
            if !leads && !waits && node.kind.is_some() {
                let publish = self.graph.id(*publish);
                let message = format!(
                    "`{}` leads nowhere: `{publish}` would not wait for it",
                    node.id.value
                );
                let help = format!(
                    "add `{}` to the `needs` of `{publish}` or of a node before it",
                    node.id.value
                );
                self.problems.push_help(node.id.span, message, help);
            }
        }
    }

    /// No two nodes that change files can run at once: their work would have to be merged.
    fn writers(&mut self) {
        let graph = &self.graph;
        let writers: Vec<usize> = (0..graph.nodes.len())
            .filter(|i| graph.nodes[*i].is_writer())
            .collect();
        for (position, second) in writers.iter().enumerate() {
            let beside = |first: &&usize| {
                graph.is_before_or_beside(*second, **first) && graph.is_before_or_beside(**first, *second)
            };
            // One of them is enough to act on.
            if let Some(first) = writers[..position].iter().find(beside) {
                let (first, id) = (graph.id(*first), graph.id(*second));
                let message = format!("`{id}` and `{first}` both change files and could run at once");
                let help =
                    format!("add `{first}` to the `needs` of `{id}`, or make one of them `tools: read-only`");
                self.problems
                    .push_help(graph.nodes[*second].id.span, message, help);
            }
        }
    }

    /// Whether the artifact's contract declares the field.
    fn declares(&self, artifact: &ArtifactName, field: &str) -> bool {
        (self.declared)(artifact.stem()).is_some_and(|fields| fields.contains(&field))
    }
}
