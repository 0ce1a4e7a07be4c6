//! Checks of the graph as a whole: what one node alone cannot show.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::Diagnostics;
use super::draft::{At, DraftNode, part, short};
use super::graph::{CheckCommands, NodeKind, Tools};
use super::parse::Declared;
use super::yaml::Span;
use super::{Condition, Reference, Template, suggest, template};
use crate::model::{ArtifactName, NodeId};

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

    /// Every artifact is written once, and upstream of whoever reads it.
    fn artifacts(&mut self) {
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
    fn kinds(&mut self) {
        let mut published: Option<&NodeId> = None;
        for node in self.graph.nodes {
            let id = &node.id.value;
            let Some(kind) = &node.kind else { continue };
            match &kind.value {
                NodeKind::Agent(agent) | NodeKind::Loop(super::LoopNode { agent, .. }) => {
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
                    let names = self.graph.names_above(index);
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

    fn conditions(&mut self) {
        for (index, node) in self.graph.nodes.iter().enumerate() {
            if let Some(when) = &node.when {
                self.condition(index, when, false);
            }
            if let Some(until) = &node.until {
                self.condition(index, until, true);
            }
        }
    }

    /// Every reference has a value once the node is looked at. A loop may look at its own outputs.
    fn condition(&mut self, index: usize, condition: &At<Condition>, own: bool) {
        let place = |at: usize| part(condition.span, condition.value.as_str(), at);
        for (at, reference) in condition.value.places() {
            if let Reference::Output { node, field } = reference {
                self.output(index, node.as_str(), field, place(at), own);
            }
        }
        for (at, reference) in condition.value.hopeless() {
            let message = format!(
                "`{reference}` is compared by size with something that is no number, which never holds"
            );
            self.problems
                .push_help(place(at), message, "use `==` or `!=`, or a number");
        }
    }

    /// Whether the field of the node's output exists before this node (`index`) is looked at.
    fn output(&mut self, index: usize, node: &str, field: &str, span: Span, own: bool) {
        let id = self.graph.id(index);
        let Some(target) = self.graph.nodes.iter().position(|n| n.id.value.as_str() == node) else {
            let mut names = self.graph.names_above(index);
            if own {
                names.push(id.as_str());
            }
            let message = format!("`{id}` looks at an output of `{node}`, which does not exist");
            self.problems.note(span, message, suggest::help(node, names));
            return;
        };
        if self.graph.is_before_or_beside(index, target) && !(own && target == index) {
            let (message, help) = if target == index {
                (
                    format!("`{id}` looks at its own output, which does not exist yet"),
                    None,
                )
            } else {
                (
                    format!("`{id}` looks at an output of `{node}`, but does not come after it"),
                    Some(format!("add `{node}` to `needs`")),
                )
            };
            self.problems.note(span, message, help);
            return;
        }
        let writes = &self.graph.nodes[target].writes;
        let fields: Vec<&'static str> = writes
            .iter()
            .filter_map(|at| (self.declared)(at.value.stem()))
            .flatten()
            .copied()
            .collect();
        if !fields.contains(&field) {
            let message = format!("the output of `{node}` has no field `{}`", short(field));
            let help = if fields.is_empty() {
                Some("none of its artifacts has a contract with fields".to_owned())
            } else {
                suggest::help(field, fields)
            };
            self.problems.note(span, message, help);
        }
    }

    fn templates(&mut self) {
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let (Some(kind), Some(span)) = (&node.kind, node.template) else {
                continue;
            };
            let template: Option<&Template> = match &kind.value {
                NodeKind::Agent(agent) | NodeKind::Loop(super::LoopNode { agent, .. }) => {
                    agent.prompt.as_ref()
                }
                NodeKind::Cancel { reason } => Some(reason),
                NodeKind::Check(_) | NodeKind::Gate(_) | NodeKind::Publish => None,
            };
            for (template, (at, name)) in template
                .into_iter()
                .flat_map(|t| t.places().map(move |place| (t, place)))
            {
                self.reference(index, name, part(span, template.as_str(), at));
            }
        }
    }

    fn reference(&mut self, index: usize, name: &str, span: Span) {
        let words: Vec<&str> = name.split('.').collect();
        match words.as_slice() {
            ["inputs", _] => {}
            [node, "output", field] => self.output(index, node, field, span, false),
            [node, "output"] => {
                let message = format!("`{name}` is a whole output");
                self.problems.push_help(
                    span,
                    message,
                    format!(
                        "name a field, as in `{node}.output.summary`; the text itself comes with `reads`"
                    ),
                );
            }
            _ if template::NAMES.contains(&name) => {}
            _ => {
                let help = suggest::help(name, template::NAMES);
                self.problems
                    .note(span, format!("unknown reference `{}`", short(name)), help);
            }
        }
    }

    /// Whether the artifact's contract declares the field.
    fn declares(&self, artifact: &ArtifactName, field: &str) -> bool {
        (self.declared)(artifact.stem()).is_some_and(|fields| fields.contains(&field))
    }
}
