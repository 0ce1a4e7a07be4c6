//! Comments in issues and pull requests.

use serde_json::Value;

use super::super::problem::Problem;
use super::super::world::Comment;
use super::issues::{issue_number, may_touch};
use super::{Call, Reply};
use crate::model::Timestamp;

/// The comment of the path, in the repository of the path.
fn comment(call: &Call<'_>) -> Result<u64, Problem> {
    let id = call.number("comment_id")?;
    let (repository, thread, _) = call.world.comment(id).ok_or_else(Problem::not_found)?;
    if repository.id != call.repository {
        return Err(Problem::not_found());
    }
    may_touch(call, thread.number)?;
    Ok(id)
}

fn one(call: &Call<'_>, id: u64) -> Result<Value, Problem> {
    let (repository, thread, comment) = call.world.comment(id).ok_or_else(Problem::not_found)?;
    Ok(call.world.comment_json(repository, thread, comment))
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let id = comment(call)?;
    one(call, id).map(Reply::ok)
}

/// Whether a comment was touched since the moment that the query names.
fn since(call: &Call<'_>) -> impl Fn(&&Comment) -> bool {
    let since = call.query("since").and_then(Timestamp::parse);
    move |comment| since.is_none_or(|since| comment.updated_at >= since)
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let number = issue_number(call)?;
    let repository = call.repo()?;
    let thread = call.world.thread(call.repository, number)?;
    let found = thread.comments.iter().filter(since(call));
    // Always in order of birth: GitHub ignores `sort` and `direction` here.
    Ok(Reply::list(
        found
            .map(|c| call.world.comment_json(repository, thread, c))
            .collect(),
    ))
}

pub(super) fn all(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let repository = call.repo()?;
    let since = since(call);
    let mut found: Vec<_> = repository
        .threads
        .values()
        .flat_map(|t| t.comments.iter().map(move |c| (t, c)))
        .filter(|(_, c)| since(c))
        .collect();
    match call.query("sort") {
        Some("updated") => found.sort_by_key(|(_, c)| (c.updated_at, c.id)),
        _ => found.sort_by_key(|(_, c)| c.id),
    }
    if call.query("direction") == Some("desc") {
        found.reverse();
    }
    Ok(Reply::list(
        found
            .into_iter()
            .map(|(t, c)| call.world.comment_json(repository, t, c))
            .collect(),
    ))
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (number, actor, body) = (issue_number(call)?, call.actor()?, call.required("body")?);
    if call.world.thread(call.repository, number)?.locked {
        return Err(Problem::new(
            403,
            "Unable to create comment because issue is locked.",
        ));
    }
    let id = call.world.add_comment(call.repository, number, actor, &body)?;
    one(call, id).map(Reply::created)
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (id, actor, body) = (comment(call)?, call.actor()?, call.required("body")?);
    call.world.change_comment(id, actor, &body)?;
    one(call, id).map(Reply::ok)
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (id, actor) = (comment(call)?, call.actor()?);
    call.world.remove_comment(id, actor)?;
    Ok(Reply::empty(204))
}
