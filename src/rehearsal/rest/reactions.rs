//! Reactions to issues, pull requests and comments.

use super::super::acts::reactions::Target;
use super::super::problem::Problem;
use super::issues::{issue_number, may_touch};
use super::{Call, Reply};

fn target(call: &Call<'_>) -> Result<Target, Problem> {
    if !call.template.contains("{comment_id}") {
        return Ok(Target::Thread(call.repository, issue_number(call)?));
    }
    let id = call.number("comment_id")?;
    let (repository, thread, _) = call.world.comment(id).ok_or_else(Problem::not_found)?;
    if repository.id != call.repository {
        return Err(Problem::not_found());
    }
    may_touch(call, thread.number)?;
    Ok(Target::Comment(id))
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let target = target(call)?;
    let wanted = call.query("content").map(str::to_owned);
    let mut found = call.world.reactions_mut(target)?.clone();
    found.retain(|r| wanted.as_ref().is_none_or(|w| *w == r.content));
    Ok(Reply::list(
        found.iter().map(|r| call.world.reaction_json(r)).collect(),
    ))
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (target, actor, content) = (target(call)?, call.actor()?, call.required("content")?);
    let (reaction, new) = call.world.react(target, actor, &content)?;
    let json = call.world.reaction_json(&reaction);
    Ok(if new {
        Reply::created(json)
    } else {
        Reply::ok(json)
    })
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (target, actor, id) = (target(call)?, call.actor()?, call.number("reaction_id")?);
    let reactions = call.world.reactions_mut(target)?;
    let found = reactions
        .iter()
        .position(|r| r.id == id)
        .ok_or_else(Problem::not_found)?;
    if reactions[found].user != actor.account {
        return Err(Problem::new(
            403,
            "You are not authorized to delete this reaction",
        ));
    }
    reactions.remove(found);
    Ok(Reply::empty(204))
}
