//! Every problem that a workflow file can have, with its exact place, message and help.

use super::read;

#[test]
fn every_problem_is_told_with_its_place_and_a_way_out() {
    for (what, source, wanted) in PROBLEMS {
        let problems = read(source).map(|_| ()).expect_err(what);
        let told: Vec<String> = problems
            .iter()
            .map(|d| d.to_string().trim_start_matches("x.yml:").to_owned())
            .collect();
        assert_eq!(told, *wanted, "{what}:\n{source}");
    }
}

/// What is wrong, the file, and what is told.
const PROBLEMS: &[(&str, &str, &[&str])] = &[
    (
        "a file without anything",
        "",
        &["1:1: a workflow wants a mapping, not nothing (begin with `name:` and `nodes:`)"],
    ),
    (
        "a list",
        "- a
- b
",
        &["1:1: a workflow wants a mapping, not a list (begin with `name:` and `nodes:`)"],
    ),
    (
        "broken YAML",
        "name: x
nodes: {a: [
",
        &["2:12: this is not YAML: unclosed bracket '['"],
    ),
    (
        "a tab",
        "name: x\nnodes:\n\ta: {}\n",
        &["3:2: this is not YAML: tabs disallowed within this context (block indentation)"],
    ),
    (
        "no name",
        "nodes:
  a: {role: implement}
",
        &["1:1: the workflow has no name (add `name: …` at the top)"],
    ),
    (
        "a name that is no word",
        "name: My Flow
nodes:
  a: {role: implement}
",
        &["1:7: the name of a workflow is a word such as `build`; it must begin with a lower-case letter"],
    ),
    (
        "an unknown key at the top",
        "name: x
node:
  a: {role: implement}
",
        &[
            "1:1: the workflow has no nodes (add `nodes:` with a mapping from ids to nodes)",
            "2:1: unknown key `node` (did you mean `nodes`?)",
        ],
    ),
    (
        "no nodes",
        "name: x
nodes: {}
",
        &["2:8: the workflow has no nodes"],
    ),
    (
        "nothing below nodes",
        "name: x
nodes:
",
        &["2:6: `nodes` wants a mapping, not nothing (write `nodes:` and below it `id: {…}` for each)"],
    ),
    (
        "a node without a mapping",
        "name: x
nodes:
  a:
",
        &[
            "3:3: the node `a` wants a mapping, not nothing (write for example `{role: plan, needs: [explore]}`)",
        ],
    ),
    (
        "a node without a kind",
        "name: x
nodes:
  a: {needs: []}
",
        &["3:3: `a` does not say what it is (give it one of `role`, `run`, `gate`, `publish`, `cancel`)"],
    ),
    (
        "a node of two kinds",
        "name: x
nodes:
  a: {role: plan, run: 'true'}
",
        &["3:19: `a` is several things at once: `role` and `run` (make a node of each)"],
    ),
    (
        "a role that is nothing like one",
        "name: x
nodes:
  a: {role: wizard}
",
        &[
            "3:13: unknown role `wizard` (it can be `explore`, `plan`, `implement`, `design`, `validate`, `judge`)",
        ],
    ),
    (
        "an anchor",
        "name: &n x
nodes:
  a: {role: implement}
",
        &["1:10: anchors, aliases and tags are not used here; write the value plainly"],
    ),
    (
        "a tag",
        "name: !!str x
nodes: {}
",
        &["1:13: anchors, aliases and tags are not used here; write the value plainly"],
    ),
];
