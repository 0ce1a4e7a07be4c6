mod any;
mod front;
mod plan;
mod verdict;

use super::*;
use crate::model::{ArtifactName, CommitId};
use proptest::prelude::*;

const PLAN: &str = "\
---
footplate: plan/1
summary: Add price_half, rounding down.
files: [src/widgets.py, tests/test_widgets.py]   # globs; nothing else may change
steps:
  - {id: 1, title: Add price_half, class: logic, files: [src/widgets.py]}
  - {id: 2, title: Cover it, class: tests, files: [tests/test_widgets.py], needs: [1]}
tests: [python3 -m unittest discover -s tests]
criteria: [price_half rounds down to whole cents]
risks: []
questions: []
size: small
---
# Plan
Why and how, for people.
";

const VALIDATION: &str = "\
---
footplate: validation/1
verdict: pass
criteria: [{criterion: 1, met: true, evidence: \"checks.md, command 1: 4 tests passed\"}]
findings: [{severity: minor, file: src/widgets.py, line: 18, text: Name the rounding rule in the docstring.}]
---
Why.
";

const IMPLEMENTATION: &str = "\
---
footplate: implementation/1
steps: [{id: 1, done: true}, {id: 2, done: true}]
deviations: []
---
What was done.
";

const EXPLORATION: &str = "\
---
footplate: exploration/1
files: [src/widgets.py]
notes: []
---
What there is.
";

const CHECKS: &str = "\
---
footplate: checks/1          # written by Footplate
commit: 3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a
commands:
  - {run: python3 -m unittest discover -s tests, exit: 0, seconds: 0.4, tests: {passed: 4, failed: 0, skipped: 0}, base: {exit: 0, tests: {passed: 3, failed: 0, skipped: 0}}}
verified: true
---
Output tails.
";

fn name(text: &str) -> ArtifactName {
    ArtifactName::new(text).expect("a name")
}

fn plan(text: &str) -> Plan {
    match parse(&name("plan.md"), text) {
        Ok(Document::Plan(plan)) => plan,
        other => panic!("{other:?}"),
    }
}

fn validation(text: &str) -> Validation {
    match parse(&name("validation.md"), text) {
        Ok(Document::Validation(validation)) => validation,
        other => panic!("{other:?}"),
    }
}

fn checks(text: &str) -> Checks {
    match parse(&name("checks.md"), text) {
        Ok(Document::Checks(checks)) => checks,
        other => panic!("{other:?}"),
    }
}

fn told(artifact: &str, text: &str) -> Vec<String> {
    match parse(&name(artifact), text) {
        Ok(document) => panic!("nothing was found in {document:?}"),
        Err(findings) => findings.iter().map(Finding::to_string).collect(),
    }
}
