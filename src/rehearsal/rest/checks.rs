//! Check runs and statuses.

use serde_json::{Value, json};

use super::super::objects;
use super::super::problem::Problem;
use super::super::world::{CheckRun, Status};
use super::{Call, Reply};
use crate::model::Timestamp;

/// The longest summary or text of a check run's output, in characters.
const LONGEST_OUTPUT: usize = 65_535;

/// Checks what both creating and updating may carry.
fn lint(call: &Call<'_>) -> Result<(), Problem> {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().chars().count();
    if let Some(output) = call.body.get("output").filter(|o| o.is_object()) {
        if text(output, "title") == 0 || output["summary"].as_str().is_none() {
            return Err(Problem::schema(
                "For 'properties/output', \"title\" or \"summary\" wasn't supplied.",
            ));
        }
        for field in ["summary", "text"] {
            if text(output, field) > LONGEST_OUTPUT {
                return Err(Problem::custom(
                    "CheckRun",
                    field,
                    format!("{field} exceeds a maximum bytesize of {LONGEST_OUTPUT}"),
                ));
            }
        }
        if output["annotations"].as_array().is_some_and(|a| a.len() > 50) {
            return Err(Problem::schema(
                "For 'properties/annotations', No more than 50 items are allowed.",
            ));
        }
    }
    let actions = call
        .body
        .get("actions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if actions.len() > 3 {
        return Err(Problem::schema(
            "For 'properties/actions', No more than 3 items are allowed.",
        ));
    }
    for action in &actions {
        for (field, most) in [("label", 20), ("description", 40), ("identifier", 20)] {
            let length = text(action, field);
            if length == 0 || length > most {
                return Err(Problem::schema(format!(
                    "For 'properties/{field}', it wants 1 to {most} characters."
                )));
            }
        }
    }
    Ok(())
}

fn apply(call: &Call<'_>, run: &mut CheckRun) -> Result<(), Problem> {
    let now = call.world.now();
    if let Some(name) = call.text("name")? {
        run.name = name;
    }
    if let Some(status) = call.text("status")? {
        if !matches!(status.as_str(), "queued" | "in_progress" | "completed") {
            return Err(Problem::invalid("CheckRun", "status", "invalid"));
        }
        run.status = status;
    }
    if let Some(conclusion) = call.text("conclusion")? {
        const KNOWN: &[&str] = &[
            "action_required",
            "cancelled",
            "failure",
            "neutral",
            "success",
            "skipped",
            "stale",
            "timed_out",
        ];
        if !KNOWN.contains(&conclusion.as_str()) {
            return Err(Problem::invalid("CheckRun", "conclusion", "invalid"));
        }
        run.conclusion = Some(conclusion);
        "completed".clone_into(&mut run.status);
    }
    if run.status == "completed" && run.conclusion.is_none() {
        return Err(Problem::schema("\"conclusion\" wasn't supplied."));
    }
    if run.status == "completed" && run.completed_at.is_none() {
        run.completed_at = call
            .text("completed_at")?
            .and_then(|t| Timestamp::parse(&t))
            .or(Some(now));
    }
    run.details_url = call.text("details_url")?.or_else(|| run.details_url.take());
    run.external_id = call.text("external_id")?.or_else(|| run.external_id.take());
    if let Some(output) = call.body.get("output").filter(|o| o.is_object()) {
        run.annotations
            .extend(output["annotations"].as_array().cloned().unwrap_or_default());
        run.output = output.clone();
    }
    if let Some(actions) = call.body.get("actions").and_then(Value::as_array) {
        run.actions.clone_from(actions);
    }
    Ok(())
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Reply, Problem> {
    lint(call)?;
    let (actor, name, sha) = (call.actor()?, call.required("name")?, call.required("head_sha")?);
    if objects::kind(&call.repo()?.dir, &sha) != Some(git2::ObjectType::Commit) {
        return Err(Problem::new(422, format!("No commit found for SHA: {sha}")));
    }
    let mut run = CheckRun {
        id: call.world.fresh_id(),
        app_id: actor.app.unwrap_or(0),
        head_sha: sha,
        name,
        status: "queued".to_owned(),
        conclusion: None,
        details_url: None,
        external_id: None,
        output: Value::Null,
        annotations: Vec::new(),
        actions: Vec::new(),
        started_at: call.world.now(),
        completed_at: None,
    };
    apply(call, &mut run)?;
    let id = run.id;
    call.world.repo_mut(call.repository)?.check_runs.push(run);
    tell(call, id, "created")?;
    one(call, id).map(Reply::created)
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Reply, Problem> {
    lint(call)?;
    let (actor, id) = (call.actor()?, call.number("check_run_id")?);
    let mut run = call
        .repo()?
        .check_runs
        .iter()
        .find(|r| r.id == id)
        .cloned()
        .ok_or_else(Problem::not_found)?;
    if actor.app != Some(run.app_id) {
        return Err(Problem::not_accessible("checks=write"));
    }
    let before = run.status.clone();
    apply(call, &mut run)?;
    let completed = run.status == "completed" && before != "completed";
    let repository = call.world.repo_mut(call.repository)?;
    if let Some(slot) = repository.check_runs.iter_mut().find(|r| r.id == id) {
        *slot = run;
    }
    if completed {
        tell(call, id, "completed")?;
    }
    one(call, id).map(Reply::ok)
}

fn tell(call: &mut Call<'_>, id: u64, action: &str) -> Result<(), Problem> {
    let (actor, json) = (call.actor()?, one(call, id)?);
    call.world.emit(
        call.repository,
        "check_run",
        Some(action),
        actor,
        json!({"check_run": json}),
    );
    Ok(())
}

fn one(call: &Call<'_>, id: u64) -> Result<Value, Problem> {
    let repository = call.repo()?;
    let run = repository
        .check_runs
        .iter()
        .find(|r| r.id == id)
        .ok_or_else(Problem::not_found)?;
    Ok(call.world.check_run_json(repository, run))
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let id = call.number("check_run_id")?;
    one(call, id).map(Reply::ok)
}

fn commit_of(call: &Call<'_>) -> Result<String, Problem> {
    let name = call.parameter("ref");
    objects::resolve(&call.repo()?.dir, name)
        .ok_or_else(|| Problem::new(422, format!("No commit found for SHA: {name}")))
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let sha = commit_of(call)?;
    let repository = call.repo()?;
    let runs = repository
        .check_runs
        .iter()
        .filter(|r| r.head_sha == sha && call.query("check_name").is_none_or(|name| name == r.name));
    let json = runs.map(|r| call.world.check_run_json(repository, r)).collect();
    Ok(Reply::counted("check_runs", json))
}

pub(super) fn set_status(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (actor, sha, state) = (
        call.actor()?,
        call.parameter("sha").to_owned(),
        call.required("state")?,
    );
    if !matches!(state.as_str(), "error" | "failure" | "pending" | "success") {
        return Err(Problem::invalid("Status", "state", "invalid"));
    }
    let description = call.text("description")?;
    if description.as_ref().is_some_and(|d| d.chars().count() > 140) {
        return Err(Problem::custom(
            "Status",
            "description",
            "description is too long (maximum is 140 characters)",
        ));
    }
    if objects::kind(&call.repo()?.dir, &sha) != Some(git2::ObjectType::Commit) {
        return Err(Problem::new(422, format!("No commit found for SHA: {sha}")));
    }
    let status = Status {
        id: call.world.fresh_id(),
        sha,
        state,
        context: call.text("context")?.unwrap_or_else(|| "default".to_owned()),
        description,
        target_url: call.text("target_url")?,
        creator: actor.account,
        created_at: call.world.now(),
    };
    let json = call.world.status_json(call.repo()?, &status);
    call.world.repo_mut(call.repository)?.statuses.push(status);
    Ok(Reply::created(json))
}

pub(super) fn statuses(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let sha = commit_of(call)?;
    let repository = call.repo()?;
    let found = repository.statuses.iter().rev().filter(|s| s.sha == sha);
    Ok(Reply::list(
        found.map(|s| call.world.status_json(repository, s)).collect(),
    ))
}

pub(super) fn combined(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let sha = commit_of(call)?;
    let repository = call.repo()?;
    let mut newest: Vec<&Status> = Vec::new();
    for status in repository.statuses.iter().rev().filter(|s| s.sha == sha) {
        if !newest.iter().any(|n| n.context == status.context) {
            newest.push(status);
        }
    }
    let has = |state: &[&str]| newest.iter().any(|s| state.contains(&s.state.as_str()));
    let state = if has(&["error", "failure"]) {
        "failure"
    } else if newest.is_empty() || has(&["pending"]) {
        "pending"
    } else {
        "success"
    };
    let api = call.world.repository_api(repository);
    Ok(Reply::ok(json!({
        "state": state,
        "statuses": newest.iter().map(|s| call.world.status_json(repository, s)).collect::<Vec<_>>(),
        "sha": sha,
        "total_count": newest.len(),
        "repository": call.world.repository_json(repository),
        "commit_url": format!("{api}/commits/{sha}"),
        "url": format!("{api}/commits/{sha}/status"),
    })))
}
