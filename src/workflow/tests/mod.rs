//! Tests of whole workflow files.

mod condition;
mod problems;
mod template;

use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{ArtifactName, NodeId, Role};

/// A table of contracts as the caller brings it.
fn declared(stem: &str) -> Option<&'static [&'static str]> {
    match stem {
        "plan" => Some(&["summary", "size", "steps"]),
        "implementation" => Some(&["steps", "undone"]),
        "validation" => Some(&["verdict", "blockers"]),
        "checks" | "lint-checks" => Some(&["verified", "failed"]),
        _ => None,
    }
}

fn read(source: &str) -> Result<Workflow, Vec<Diagnostic>> {
    parse(source, "x.yml", &declared)
}

fn id(text: &str) -> NodeId {
    NodeId::new(text).expect("an id")
}

fn names<'a>(ids: impl IntoIterator<Item = &'a NodeId>) -> Vec<&'a str> {
    ids.into_iter().map(NodeId::as_str).collect()
}

#[test]
fn the_built_in_workflow_is_the_line_from_exploration_to_pull_request() {
    let workflow = Workflow::built_in();
    assert_eq!(workflow.name, "build");
    let order = [
        "explore",
        "plan",
        "approve",
        "implement",
        "check",
        "validate",
        "publish",
    ];
    assert_eq!(names(workflow.nodes.iter().map(|node| &node.id)), order);
    let node = |name| workflow.node(&id(name)).expect("a node");
    assert_eq!(
        node("approve").kind,
        NodeKind::Gate(GateNode {
            artifact: ArtifactName::new("plan.md").expect("a name"),
            expires: Duration::from_hours(14 * 24),
        })
    );
    assert_eq!(
        node("implement").agent().map(|a| (a.role, a.split_by)),
        Some((Role::Implement, Some(SplitBy::Class)))
    );
    assert!(node("implement").is_writer() && !node("validate").is_writer());
    let repair = OnFail {
        repeat_from: id("implement"),
        rounds: 2,
        then: Then::Escalate,
    };
    assert_eq!(node("validate").on_fail, Some(repair));
    assert_eq!(
        node("check").kind,
        NodeKind::Check(CheckNode {
            commands: CheckCommands::PlanTests,
            timeout: None
        })
    );
    assert_eq!(node("publish").kind, NodeKind::Publish);
}

#[test]
fn up_and_downstream_are_transitive_and_leave_the_node_out() {
    let workflow = Workflow::built_in();
    assert_eq!(names(&workflow.downstream(&id("check"))), ["publish", "validate"]);
    assert_eq!(names(&workflow.upstream(&id("approve"))), ["explore", "plan"]);
    assert!(workflow.upstream(&id("explore")).is_empty());
    assert!(workflow.downstream(&id("publish")).is_empty());
    assert!(workflow.downstream(&id("nobody")).is_empty());
    let plan = ArtifactName::new("plan.md").expect("a name");
    assert_eq!(
        workflow.producer(&plan).map(|node| node.id.as_str()),
        Some("plan")
    );
    assert!(
        workflow
            .producer(&ArtifactName::new("notes.md").expect("a name"))
            .is_none()
    );
}

#[test]
fn a_frozen_workflow_reads_back_equal() {
    let everything = "
name: all
description: Uses everything.
nodes:
  end: {cancel: 'Too big: {{ plan.output.summary }}', needs: [plan], when: \"$plan.output.size == 'large' || $INPUTS.dry == true\"}
  plan: {role: plan, writes: plan.md, tools: read-only, prompt: 'Mind {{ issue.title }}', idle: 90s, wall: 2h, attempts: 4}
  build:
    role: implement
    needs: plan
    reads: [plan.md]
    writes: [implementation.md]
    split_by: class
    loop: {until: $build.output.undone == 0, max_iterations: 5}
  lint: {run: [cargo fmt --check, cargo clippy], needs: [build], writes: [lint-checks.md], timeout: 10m,
         on_fail: {repeat_from: build}}
  test: {run: plan.tests, needs: [build], writes: [checks.md]}
  ask: {gate: implementation.md, needs: [lint, test], trigger: none_failed_min_one_success}
  publish: {publish: pull_request, needs: [ask]}
";
    let workflow = read(everything).expect("a workflow");
    let order = ["plan", "end", "build", "lint", "test", "ask", "publish"];
    assert_eq!(
        names(workflow.nodes.iter().map(|node| &node.id)),
        order,
        "topological, else as in the file"
    );
    for workflow in [workflow, Workflow::built_in()] {
        let json = serde_json::to_string(&workflow).expect("serializes");
        assert_eq!(
            serde_json::from_str::<Workflow>(&json).expect("reads back"),
            workflow
        );
    }
}

#[test]
fn the_frozen_form_of_a_node_stays_what_it_is() {
    let source = "name: x\nnodes:\n  a: {role: plan, writes: [plan.md], tools: read-only, wall: 30m}\n  g: {gate: plan.md, needs: [a]}\n";
    let json = serde_json::to_value(read(source).expect("a workflow")).expect("serializes");
    let wanted = serde_json::json!({"name": "x", "nodes": [
        {"id": "a", "kind": {"agent": {"role": "plan", "tools": "read-only", "wall": 1_800_000}},
         "trigger": "all_success", "writes": ["plan.md"]},
        {"id": "g", "kind": {"gate": {"artifact": "plan.md", "expires": 1_209_600_000_u64}},
         "needs": ["a"], "trigger": "all_success"},
    ]});
    assert_eq!(json, wanted);
}

#[test]
fn defaults_are_those_that_the_documentation_names() {
    let source =
        "name: x\nnodes:\n  a: {role: implement}\n  c: {run: make, needs: [a], on_fail: {repeat_from: a}}\n";
    let workflow = read(source).expect("a workflow");
    let [a, c] = workflow.nodes.as_slice() else {
        panic!("two nodes")
    };
    assert_eq!(a.agent().map(|agent| agent.tools), Some(Tools::All));
    assert_eq!(a.trigger, TriggerRule::AllSuccess);
    assert_eq!(
        c.on_fail,
        Some(OnFail {
            repeat_from: id("a"),
            rounds: 1,
            then: Then::Ask
        })
    );
    let commands = CheckCommands::Listed(vec!["make".to_owned()]);
    assert_eq!(
        c.kind,
        NodeKind::Check(CheckNode {
            commands,
            timeout: None
        })
    );
}

#[test]
fn readers_may_run_side_by_side_and_writers_in_a_row() {
    let source = "
name: x
nodes:
  a: {role: implement, writes: [implementation.md]}
  security: {role: validate, needs: [a], writes: [validation.md], tools: read-only}
  style: {role: validate, needs: [a], writes: [notes.md], tools: read-only}
  polish: {role: design, needs: [security, style]}
  publish: {publish: pull_request, needs: [polish]}
";
    assert!(read(source).is_ok());
}

#[test]
fn sizes_are_capped() {
    let mut many = "name: x\nnodes:\n".to_owned();
    for n in 0..201 {
        let _ = writeln!(
            many,
            "  n{n}: {{role: explore, tools: read-only, writes: [a{n}.md]}}"
        );
    }
    let told = |source: &str| {
        read(source)
            .expect_err("too big")
            .iter()
            .map(Diagnostic::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(&many),
        ["x.yml:2:1: a workflow may have at most 200 nodes, this has 201"]
    );
    let long = format!("name: x\n# {}\n", "x".repeat(256 * 1024));
    assert_eq!(
        told(&long),
        ["x.yml:1:1: a workflow file may be at most 256 KiB long"]
    );
}

#[test]
fn two_hundred_nodes_in_a_row_are_fine() {
    let mut row = "name: x\nnodes:\n  n0: {role: implement}\n".to_owned();
    for n in 1..200 {
        let _ = writeln!(row, "  n{n}: {{role: implement, needs: [n{}]}}", n - 1);
    }
    let workflow = read(&row).expect("a workflow");
    assert_eq!(workflow.downstream(&id("n0")).len(), 199);
    assert_eq!(workflow.upstream(&id("n199")).len(), 199);
}

#[test]
fn hostile_yaml_ends_in_an_error() {
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nname: x\n";
    let deep = format!("name: x\nnodes: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut blocks = String::new();
    for n in 0..2_000 {
        let _ = writeln!(blocks, "{}a:", " ".repeat(n % 500));
    }
    let maps = format!("name: x\nnodes: {}", "{a: ".repeat(50_000));
    let keys = format!("name: x\nnodes:\n{}", "  ? [a]\n".repeat(10_000));
    for source in [
        bomb,
        &deep,
        &blocks,
        &maps,
        &keys,
        "\u{0}",
        "---",
        "%YAML 9.9\n---\n",
        "? {a: b}\n: c\n",
        "'",
    ] {
        assert!(read(source).is_err());
    }
}

#[test]
fn a_hundred_problems_are_enough() {
    let source = format!(
        "name: x\nnodes:\n  a: {{role: plan, needs: [{}]}}\n",
        "b, ".repeat(50_000)
    );
    assert_eq!(read(&source).expect_err("many").len(), 100);
}

#[test]
fn windows_files_read_like_others() {
    let source = "\u{feff}name: x\r\nnodes:\r\n  a: {role: implement}\r\n  b: {role: plan, needs: [c]}\r\n";
    let told = read(source).expect_err("an unknown need");
    assert_eq!(
        told.iter().map(Diagnostic::to_string).collect::<Vec<_>>(),
        ["x.yml:4:27: `b` needs `c`, which does not exist (it can be `a`)"]
    );
    assert!(read(&source.replace("[c]", "[a]")).is_ok());
    let told = read("\u{feff}name: Bad\n").expect_err("a bad name");
    assert_eq!((told[1].line, told[1].column), (1, 7), "the mark is no column");
}

#[test]
fn of_a_long_value_only_the_beginning_is_shown() {
    let steps: Vec<String> = (1..100).map(|n| format!("  - {{id: n{n}}}\n")).collect();
    let told = read(&format!("name: x\nnodes:\n{}", steps.concat())).expect_err("a list is no mapping");
    let shown = format!("{:?}", miette::Report::new(told[0].clone()));
    assert!(shown.contains("- {id: n1}"), "{shown}");
    assert!(!shown.contains("n50"), "{shown}");
}

#[test]
fn a_diagnostic_points_into_its_source() {
    let source = "name: ä\nnodes:\n  a: {role: implement, when: \"$b.output.x == 'ö'\"}\n";
    let told = read(source).expect_err("two problems");
    let places: Vec<&str> = told
        .iter()
        .map(|d| &source[d.offset..d.offset + d.length])
        .collect();
    assert_eq!(places, ["ä", "$b.output.x == 'ö'"]);
    let shown = format!("{:?}", miette::Report::new(told[1].clone()));
    assert!(shown.contains("3 │   a: {role: implement, when:"), "{shown}");
    let json = serde_json::to_value(&told[0]).expect("serializes");
    assert_eq!(
        (&json["file"], &json["line"], &json["column"]),
        (&"x.yml".into(), &1.into(), &7.into())
    );
}

#[test]
fn the_graph_is_drawn() {
    let wanted = "\
flowchart TD
    n0[\"explore<br/>explore\"]
    n1[\"plan<br/>plan\"]
    n2{\"approve<br/>plan.md\"}
    n3[\"implement<br/>implement\"]
    n4[[\"check<br/>tests of the plan\"]]
    n5[\"validate<br/>validate\"]
    n6([\"publish<br/>pull request\"])
    n0 --> n1
    n1 --> n2
    n2 --> n3
    n3 --> n4
    n4 --> n5
    n5 -.->|on fail| n3
    n5 --> n6
";
    assert_eq!(mermaid(&Workflow::built_in()), wanted);
}

/// Pieces of workflow files, sound and broken.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}: ",
        "\\{role: (plan|implement|x), needs: \\[[a-d]\\], (reads|writes): \\[plan.md\\]\\}\n",
        "\n {0,6}",
        "name: x\nnodes:\n",
        "  [a-d]: \\{(run|gate|publish|cancel|role): [a-z.]{1,8}, when: [$]a.output.x == 1\\}\n",
        "[\\[\\]{}'\":&*!|>?,#%-]",
        "\\PC{0,5}",
    ]
}

proptest! {
    #[test]
    fn every_text_is_a_workflow_or_a_list_of_problems(pieces in prop::collection::vec(piece(), 0..30)) {
        let source = pieces.concat();
        match read(&source) {
            Ok(workflow) => prop_assert!(!workflow.nodes.is_empty()),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    prop_assert!(problem.line >= 1 && problem.column >= 1);
                    prop_assert!(problem.offset + problem.length <= source.len(), "{}", problem);
                    let shown = format!("{:?}", miette::Report::new(problem));
                    prop_assert!(!shown.is_empty());
                }
            }
        }
    }

    #[test]
    fn whatever_the_order_in_the_file_nodes_stand_after_what_they_need(
        edges in prop::collection::vec((0_usize..12, 0_usize..12), 0..40),
        order in Just((0_usize..12).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut source = "name: x\nnodes:\n".to_owned();
        for node in order {
            // Only needs of lower numbers, so that there is no circle.
            let mut needs: Vec<String> =
                edges.iter().filter(|(a, b)| *a == node && b < a).map(|(_, b)| format!("n{b}")).collect();
            needs.sort();
            needs.dedup();
            let _ = writeln!(
                source, "  n{node}: {{role: explore, tools: read-only, writes: [a{node}.md], needs: [{}]}}", needs.join(", ")
            );
        }
        let workflow = read(&source).expect("a workflow");
        for (position, node) in workflow.nodes.iter().enumerate() {
            let before: Vec<&NodeId> = workflow.nodes[..position].iter().map(|node| &node.id).collect();
            prop_assert!(node.needs.iter().all(|need| before.contains(&need)));
            let upstream = workflow.upstream(&node.id);
            for other in &workflow.nodes {
                prop_assert_eq!(upstream.contains(&other.id), workflow.downstream(&other.id).contains(&node.id));
            }
        }
    }
}
