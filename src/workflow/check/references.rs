//! Checks of what conditions and templates refer to.

use super::super::fields::{At, part, short};
use super::super::graph::{LoopNode, NodeKind};
use super::super::{Condition, Reference, Template, template};
use super::Checks;
use crate::suggest;
use crate::yaml::Span;

impl Checks<'_> {
    /// What the conditions look at exists.
    pub(super) fn conditions(&mut self) {
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

    pub(super) fn templates(&mut self) {
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let (Some(kind), Some(span)) = (&node.kind, node.template) else {
                continue;
            };
            let template: Option<&Template> = match &kind.value {
                NodeKind::Agent(agent) | NodeKind::Loop(LoopNode { agent, .. }) => agent.prompt.as_ref(),
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
}
