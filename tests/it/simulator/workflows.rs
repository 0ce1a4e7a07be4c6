//! What runs freeze: the built-in workflow, and small graphs that chance draws.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use footplate::contract::declared_fields;
use footplate::model::{BranchName, MicroUsd, Role};
use footplate::run::{Frozen, Guard, Policy};
use footplate::workflow::{Workflow, parse};

use super::chance::Chance;

/// Draws what the runs of a seed freeze.
pub(super) fn frozen(chance: &mut Chance) -> Frozen {
    let workflow = if chance.per_mille(600) {
        Workflow::built_in()
    } else {
        drawn(chance)
    };
    let candidates = |names: &[&str]| {
        names
            .iter()
            .map(|name| name.parse().expect("a candidate"))
            .collect()
    };
    let routes = Role::ALL
        .into_iter()
        .map(|role| (role, candidates(&["a:x/one", "b:y/two"])))
        .collect();
    let policy = Policy {
        routes,
        classes: footplate::run::Classes::default(),
        guard: Guard {
            failures: 1 + u32::from(chance.per_mille(500)),
            ..Guard::default()
        },
        candidate_limits: BTreeMap::new(),
        run_usd: chance.per_mille(100).then_some(MicroUsd(20_000)),
        budget: footplate::ledger::Budget::default(),
        prices: BTreeMap::new(),
        billing: BTreeMap::new(),
        setup: Vec::new(),
        tests: Vec::new(),
        protected: Vec::new(),
        sandbox: "none".to_owned(),
        default_branch: BranchName::new("main").ok(),
    };
    Frozen { workflow, policy }
}

/// A graph of readers side by side, perhaps a plan with a gate, writers in a row, judges, and an end.
fn drawn(chance: &mut Chance) -> Workflow {
    let rules = [
        "all_success",
        "one_success",
        "none_failed_min_one_success",
        "all_done",
    ];
    let mut text = "name: drawn\nnodes:\n".to_owned();
    let mut line = |line: String| writeln!(text, "  {line}").expect("a string takes everything");
    line("explore: {role: explore, writes: [exploration.md], tools: read-only}".to_owned());
    let readers = chance.below(4);
    let mut before = vec!["explore".to_owned()];
    for n in 0..readers {
        let need = chance.pick(&before).clone();
        let when = if chance.per_mille(300) {
            ", when: \"$explore.output.files == 1\""
        } else {
            ""
        };
        line(
            format!(
                "r{n}: {{role: explore, needs: [explore, {need}], writes: [r{n}.md], tools: read-only{when}}}"
            )
            .replace("[explore, explore]", "[explore]"),
        );
        before.push(format!("r{n}"));
    }
    let all = before.join(", ");
    let mut last = if chance.per_mille(700) {
        let rule = if readers > 0 {
            *chance.pick(&rules)
        } else {
            "all_success"
        };
        line(format!(
            "plan: {{role: plan, needs: [{all}], reads: [exploration.md], writes: [plan.md], tools: read-only, trigger: {rule}}}"
        ));
        line("approve: {gate: plan.md, needs: [plan], expires: 7d}".to_owned());
        if chance.per_mille(250) {
            line("stop: {cancel: 'Too many: {{ plan.output.summary }}', needs: [plan], when: \"$explore.output.files > 1\"}".to_owned());
        }
        line(
            "work: {role: implement, needs: [approve], reads: [plan.md], writes: [implementation.md]}"
                .to_owned(),
        );
        "work".to_owned()
    } else {
        line(format!(
            "work: {{role: implement, needs: [{all}], writes: [implementation.md], trigger: all_done, loop: {{until: \"$work.output.undone == 0\", max_iterations: 3}}}}"
        ));
        "work".to_owned()
    };
    if chance.per_mille(400) {
        line(format!(
            "polish: {{role: design, needs: [{last}], writes: [notes.md]}}"
        ));
        "polish".clone_into(&mut last);
    }
    let mut ends = vec![last.clone()];
    for name in ["security", "style"] {
        if chance.per_mille(500) {
            let then = chance.pick(&["escalate", "fail", "ask"]);
            let again = if chance.per_mille(600) {
                format!(", on_fail: {{repeat_from: work, rounds: 1, then: {then}}}")
            } else {
                String::new()
            };
            line(format!(
                "{name}: {{role: validate, needs: [{last}], writes: [{name}-validation.md], tools: read-only{again}}}"
            ));
            ends.push(name.to_owned());
        }
    }
    if chance.per_mille(850) {
        let rule = chance.pick(&rules);
        line(format!(
            "publish: {{publish: pull_request, needs: [{}], trigger: {rule}}}",
            ends.join(", ")
        ));
    }
    parse(&text, "drawn.yml", &declared_fields).unwrap_or_else(|problems| panic!("{text}\n{problems:?}"))
}
