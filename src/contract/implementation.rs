//! `implementation.md`: what was done.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Plan;
use super::front::Front;

/// What the implementer says it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Implementation {
    /// The plan's steps, as far as they are mentioned.
    pub steps: Vec<StepDone>,
    /// Where it differs from the plan, one line each.
    pub deviations: Vec<String>,
    /// The prose after the front block.
    pub body: String,
}

/// Whether a step was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepDone {
    /// The step's id in the plan.
    pub id: u32,
    /// Whether it was done.
    pub done: bool,
}

impl Implementation {
    /// The plan's steps that are not said to be done, in the plan's order.
    pub fn unfinished(&self, plan: &Plan) -> Vec<u32> {
        let done = |id: u32| self.steps.iter().any(|step| step.id == id && step.done);
        plan.steps
            .iter()
            .map(|step| step.id)
            .filter(|id| !done(*id))
            .collect()
    }

    pub(super) fn read(front: &mut Front) -> Option<Self> {
        let body = front.body.clone();
        let mut fields = front.fields(&["steps", "deviations"]);
        let steps = fields.each("steps", &["id", "done"], |step| {
            let (id, done) = (step.number("id"), step.truth("done"));
            Some(StepDone { id: id?, done: done? })
        });
        if fields.is_empty("steps") {
            fields.find(
                "steps",
                "`steps` is empty or missing; list each step of the plan as in [{id: 1, done: true}].",
            );
        }
        let mut seen = BTreeSet::new();
        for (line, step) in &steps {
            if !seen.insert(step.id) {
                fields.find_at(*line, format!("Step {} is listed twice.", step.id));
            }
        }
        let deviations = fields
            .texts("deviations")
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        Some(Self {
            steps: steps.into_iter().map(|(_, step)| step).collect(),
            deviations,
            body,
        })
    }
}
