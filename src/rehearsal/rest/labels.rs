//! Labels of the repository, and on issues and pull requests.

use serde_json::Value;

use super::super::acts::check_label;
use super::super::problem::Problem;
use super::issues::issue_number;
use super::{Call, Reply};

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let repository = call.repo()?;
    Ok(Reply::list(
        repository
            .labels
            .iter()
            .map(|l| call.world.label_json(repository, l))
            .collect(),
    ))
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let name = call.parameter("name").to_owned();
    one(call, &name).map(Reply::ok)
}

fn one(call: &Call<'_>, name: &str) -> Result<Value, Problem> {
    let repository = call.repo()?;
    let label = repository.label(name).ok_or_else(Problem::not_found)?;
    Ok(call.world.label_json(repository, label))
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let name = call.required("name")?;
    let color = call.text("color")?.unwrap_or_else(|| "ededed".to_owned());
    let description = call.text("description")?;
    call.world
        .create_label(call.repository, &name, &color, description)?;
    one(call, &name).map(Reply::created)
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let name = call.parameter("name").to_owned();
    let id = call.repo()?.label(&name).ok_or_else(Problem::not_found)?.id;
    let (new, color, description) = (
        call.text("new_name")?,
        call.text("color")?,
        call.text("description")?,
    );
    check_label(
        new.as_deref().unwrap_or(&name),
        color.as_deref().unwrap_or("ededed"),
        description.as_deref(),
    )?;
    let repository = call.world.repo_mut(call.repository)?;
    if let Some(label) = repository.labels.iter_mut().find(|l| l.id == id) {
        label.name = new.clone().unwrap_or_else(|| label.name.clone());
        label.color = color.unwrap_or_else(|| label.color.clone());
        label.description = description.or_else(|| label.description.clone());
    }
    one(call, new.as_deref().unwrap_or(&name)).map(Reply::ok)
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let name = call.parameter("name").to_owned();
    let id = call.repo()?.label(&name).ok_or_else(Problem::not_found)?.id;
    let repository = call.world.repo_mut(call.repository)?;
    repository.labels.retain(|l| l.id != id);
    for thread in repository.threads.values_mut() {
        thread.labels.retain(|l| *l != id);
    }
    Ok(Reply::empty(204))
}

pub(super) fn of_issue(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let number = issue_number(call)?;
    let thread = call.world.thread(call.repository, number)?;
    Ok(Reply::list(call.world.labels_json(call.repo()?, thread)))
}

/// The labels on an issue after a change; these answers are never cut into pages.
fn now_on(call: &Call<'_>, number: u64) -> Result<Reply, Problem> {
    let thread = call.world.thread(call.repository, number)?;
    Ok(Reply::ok(Value::Array(
        call.world.labels_json(call.repo()?, thread),
    )))
}

/// Names from `{"labels": […]}` or a bare list, each a text or an object with a name.
fn names(call: &Call<'_>) -> Result<Vec<String>, Problem> {
    let list = call.body.get("labels").unwrap_or(&call.body);
    let Value::Array(items) = list else {
        return Err(Problem::schema("\"labels\" wasn't supplied."));
    };
    let name = |item: &Value| item.as_str().or_else(|| item["name"].as_str()).map(str::to_owned);
    items
        .iter()
        .map(|item| name(item).ok_or_else(|| Problem::schema("For 'items', it is not a string.")))
        .collect()
}

pub(super) fn add(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (number, actor, names) = (issue_number(call)?, call.actor()?, names(call)?);
    call.world.add_labels(call.repository, number, actor, &names)?;
    now_on(call, number)
}

pub(super) fn set(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (number, names) = (issue_number(call)?, names(call)?);
    replace(call, number, &names)?;
    now_on(call, number)
}

/// Makes these the labels of an issue, taking off all others.
pub(super) fn replace(call: &mut Call<'_>, number: u64, names: &[String]) -> Result<(), Problem> {
    let actor = call.actor()?;
    let repository = call.repo()?;
    let on = repository.labels_of(call.world.thread(call.repository, number)?);
    let off: Vec<String> = on
        .into_iter()
        .filter(|old| !names.iter().any(|n| n.eq_ignore_ascii_case(old)))
        .map(str::to_owned)
        .collect();
    for name in off {
        call.world.remove_label(call.repository, number, actor, &name)?;
    }
    call.world.add_labels(call.repository, number, actor, names)
}

pub(super) fn remove(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (number, actor, name) = (
        issue_number(call)?,
        call.actor()?,
        call.parameter("name").to_owned(),
    );
    call.world.remove_label(call.repository, number, actor, &name)?;
    now_on(call, number)
}

pub(super) fn clear(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let number = issue_number(call)?;
    replace(call, number, &[])?;
    Ok(Reply::empty(204))
}
