//! A plan, for the comment in which it asks for approval.

use super::{node, status::expiry};
use crate::contract::{Plan, Step};
use crate::model::ArtifactName;
use crate::publish::{Context, Error};
use crate::report;
use crate::report::view::{PlanView, Previous, StepView};
use crate::run::PlanState;

/// Renders the plan's comment with its marker.
pub(in crate::publish) fn plan(context: &Context, state: &PlanState) -> Result<String, Error> {
    let view = plan_view(context, state).ok_or_else(|| Error::Refused {
        why: "The plan's text is not kept any more.".to_owned(),
    })?;
    Ok(report::plan(&view))
}

/// Maps a plan that was put to a person; `None` where its text is not kept any more.
pub fn plan_view(context: &Context, state: &PlanState) -> Option<PlanView> {
    let run = &context.run;
    let plan = context.plan_at(&state.hash)?;
    let previous = state
        .previous
        .and_then(|hash| context.text(&hash))
        .zip(context.text(&state.hash))
        .map(|(old, new)| Previous {
            old: old.to_owned(),
            new: new.to_owned(),
        });
    let requester = &run.created.requester.login;
    let is_bot = requester.as_str().ends_with("[bot]");
    Some(PlanView {
        run: run.created.run.clone(),
        revision: state.revision,
        hash: state.hash,
        summary: plan.summary.clone(),
        size: plan.size.as_str().to_owned(),
        files: plan.files.clone(),
        steps: plan.steps.iter().map(step).collect(),
        tests: plan.tests.clone(),
        criteria: plan.criteria.clone(),
        risks: plan.risks.clone(),
        questions: plan.questions.clone(),
        body: plan.body.clone(),
        previous,
        author: planner(context),
        cost: node::cost(context),
        base: Some((run.created.base.clone(), run.base_commit.clone())),
        expires: expiry(context),
        plan_only: run.created.plan_only,
        notify: Vec::from_iter((!is_bot).then(|| requester.clone())),
    })
}

/// The candidate that wrote the newest plan.
fn planner(context: &Context) -> Option<String> {
    let name = ArtifactName::new("plan.md").ok()?;
    let producer = context.frozen.workflow.producer(&name)?;
    node::author(context.run.node(&producer.id)?)
}

pub(super) fn step(step: &Step) -> StepView {
    StepView {
        id: step.id.to_string(),
        title: step.title.clone(),
        class: step.class.as_str().to_owned(),
        files: step.files.clone(),
        needs: step.needs.iter().map(ToString::to_string).collect(),
    }
}

/// The plan narrowed to the files of one step, for telling which changes belong to it.
pub(super) fn narrowed(plan: &Plan, step: &Step) -> Plan {
    let mut narrowed = plan.clone();
    narrowed.files.clone_from(&step.files);
    narrowed
}
