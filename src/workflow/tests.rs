use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{ArtifactName, NodeId, Role};

fn id(text: &str) -> NodeId {
    NodeId::new(text).expect("an id")
}

fn names<'a>(ids: impl IntoIterator<Item = &'a NodeId>) -> Vec<&'a str> {
    ids.into_iter().map(NodeId::as_str).collect()
}

fn read(source: &str) -> Result<Workflow, Vec<Diagnostic>> {
    parse(source, "x.yml", &crate::contract::declared_fields)
}

#[test]
fn dump() {
    for (name, source) in PROBLEMS {
        println!("== {name}");
        match read(source) {
            Ok(_) => println!("OK?!"),
            Err(all) => all
                .iter()
                .for_each(|d| println!("{}", d.to_string().trim_start_matches("x.yml:"))),
        }
    }
}

const PROBLEMS: &[(&str, &str)] = &[
    ("empty", ""),
    ("list", "- a\n- b\n"),
    ("not yaml", "name: x\nnodes: {a: [\n"),
    ("tab", "name: x\nnodes:\n\ta: {}\n"),
    ("no name", "nodes:\n  a: {role: implement}\n"),
    ("bad name", "name: My Flow\nnodes:\n  a: {role: implement}\n"),
    ("unknown top", "name: x\nnode:\n  a: {role: implement}\n"),
    ("no nodes", "name: x\nnodes: {}\n"),
    ("nodes null", "name: x\nnodes:\n"),
    ("node null", "name: x\nnodes:\n  a:\n"),
    ("no kind", "name: x\nnodes:\n  a: {needs: []}\n"),
    ("two kinds", "name: x\nnodes:\n  a: {role: plan, run: 'true'}\n"),
    (
        "unknown role",
        "name: x\nnodes:\n  a: {role: planner, writes: [plan.md]}\n",
    ),
    ("unknown role far", "name: x\nnodes:\n  a: {role: wizard}\n"),
    (
        "unknown key",
        "name: x\nnodes:\n  a: {role: implement, reeds: [x.md]}\n",
    ),
    (
        "wrong kind key",
        "name: x\nnodes:\n  a: {run: 'true', tools: all, expires: 3d}\n",
    ),
    (
        "twice",
        "name: x\nnodes:\n  a: {role: implement, role: plan}\n  a: {role: plan}\n",
    ),
    (
        "unknown need",
        "name: x\nnodes:\n  plan: {role: implement}\n  b: {role: implement, needs: [plann]}\n",
    ),
    (
        "cycle",
        "name: x\nnodes:\n  a: {role: implement, needs: [c]}\n  b: {role: implement, needs: [a]}\n  c: {role: implement, needs: [b]}\n  d: {role: plan, needs: [d]}\n",
    ),
    (
        "reads none",
        "name: x\nnodes:\n  a: {role: plan, writes: [plan.md]}\n  b: {role: implement, needs: [a], reads: [plann.md]}\n",
    ),
    (
        "reads not upstream",
        "name: x\nnodes:\n  a: {role: plan, writes: [plan.md], tools: read-only}\n  b:\n    role: implement\n    reads: [plan.md]\n",
    ),
    (
        "reads own",
        "name: x\nnodes:\n  a: {role: plan, reads: [plan.md], writes: [plan.md]}\n",
    ),
    (
        "written twice",
        "name: x\nnodes:\n  a: {role: plan, writes: [plan.md]}\n  b: {role: plan, needs: [a], writes: [plan.md]}\n",
    ),
    (
        "gate nobody writes",
        "name: x\nnodes:\n  a: {role: implement}\n  g: {gate: plan.md, needs: [a], expires: 2w}\n",
    ),
    (
        "plan tests",
        "name: x\nnodes:\n  a: {role: implement}\n  c: {run: plan.tests, needs: [a], writes: [notes.md]}\n",
    ),
    (
        "publish twice",
        "name: x\nnodes:\n  a: {role: implement}\n  p: {publish: pull_request, needs: [a]}\n  q: {publish: pr, needs: [a]}\n  r: {publish: pull_request, needs: [a]}\n",
    ),
    (
        "after publish",
        "name: x\nnodes:\n  a: {role: implement}\n  p: {publish: pull_request, needs: [a]}\n  c: {run: 'true', needs: [p]}\n",
    ),
    (
        "leads nowhere",
        "name: x\nnodes:\n  a: {role: implement}\n  c: {run: 'true', needs: [a]}\n  p: {publish: pull_request, needs: [a]}\n",
    ),
    (
        "writers",
        "name: x\nnodes:\n  a: {role: implement}\n  b: {role: design}\n  p: {publish: pull_request, needs: [a, b]}\n",
    ),
    (
        "on_fail",
        "name: x\nnodes:\n  e: {role: explore, tools: read-only, writes: [exploration.md]}\n  a: {role: implement, needs: [e]}\n  v: {role: validate, needs: [a], writes: [validation.md], on_fail: {repeat_from: e, rounds: 0, thn: ask}}\n  w: {role: validate, needs: [v], on_fail: {repeat_from: z}}\n",
    ),
    (
        "on_fail no from",
        "name: x\nnodes:\n  a: {role: implement}\n  c: {run: 'true', needs: [a], on_fail: {rounds: 2}}\n  d: {run: 'true', needs: [a], on_fail: yes}\n",
    ),
    (
        "conditions",
        "name: x\nnodes:\n  p: {role: plan, writes: [plan.md]}\n  a:\n    role: implement\n    needs: [p]\n    when: $p.output == 'yes'\n  b:\n    role: implement\n    needs: [a]\n    when: $p.output.sizee == 'large' && $q.output.x == 1 || $c.output.y == 2\n  c: {role: design, needs: [b], when: \"$p.output.size > 'large'\"}\n  d: {role: design, needs: [c], when: $p.output.size = 3}\n",
    ),
    (
        "loop",
        "name: x\nnodes:\n  a: {role: implement, writes: [implementation.md], loop: {until: $a.output.undon == 0, max_iterations: 101}}\n  b: {role: implement, needs: [a], loop: {until: $a.output.undone == 0}}\n  c: {role: implement, needs: [b], when: $c.output.undone == 0}\n",
    ),
    (
        "templates",
        "name: x\nnodes:\n  a: {role: implement, prompt: 'Do {{ issue.titel }} of {{ plan.output.summary }} {{inputs.x}}'}\n  b: {role: implement, needs: [a], prompt: 'Do {{ x'}\n  c: {cancel: '{{ a.output }}', needs: [b]}\n",
    ),
    (
        "empty reader",
        "name: x\nnodes:\n  a: {role: explore, tools: readonly}\n  b: {role: explore, tools: read-only, needs: [a], split_by: class}\n",
    ),
    (
        "agent checks",
        "name: x\nnodes:\n  a: {role: implement, writes: [checks.md, Bad.md]}\n",
    ),
    ("anchors", "name: &n x\nnodes:\n  a: {role: implement}\n"),
    ("tags", "name: !!str x\nnodes: {}\n"),
    (
        "two docs",
        "name: x\nnodes:\n  a: {role: implement}\n---\nname: y\n",
    ),
];
