//! Issues, and pull requests seen as issues.

use serde_json::Value;

use super::super::acts::NewThread;
use super::super::problem::Problem;
use super::super::tokens::grants;
use super::super::world::Thread;
use super::{Call, Caller, Reply, labels};

/// The number of the path, where the token may touch that sort of thread.
///
/// Routes of issues take the permission for issues or for pull requests; which of both counts is decided by
/// what stands under the number.
pub(super) fn issue_number(call: &Call<'_>) -> Result<u64, Problem> {
    let number = call.number("issue_number")?;
    may_touch(call, number)?;
    Ok(number)
}

/// Checks the token's permission against what stands under a number.
pub(super) fn may_touch(call: &Call<'_>, number: u64) -> Result<(), Problem> {
    let thread = call.world.thread(call.repository, number)?;
    let Caller::Installation { token, .. } = &call.caller else {
        return Ok(());
    };
    let permissions = &call.world.tokens[*token].permissions;
    let level = if call.incoming.method == "GET" {
        "read"
    } else {
        "write"
    };
    let issues = grants(permissions, &format!("issues={level}"));
    let pulls = thread.pull.is_some() && grants(permissions, &format!("pull_requests={level}"));
    if issues || pulls {
        Ok(())
    } else {
        Err(Problem::not_accessible(&format!("issues={level}")))
    }
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let repository = call.repo()?;
    let state = call.query("state").unwrap_or("open");
    if !matches!(state, "open" | "closed" | "all") {
        return Err(Problem::invalid("Issue", "state", "invalid"));
    }
    let wanted: Vec<&str> = call
        .query("labels")
        .map(|l| l.split(',').collect())
        .unwrap_or_default();
    let creator = call
        .query("creator")
        .and_then(|login| call.world.account(login))
        .map(|a| a.id);
    let fits = |thread: &&Thread| {
        let labels = repository.labels_of(thread);
        (state == "all" || thread.open == (state == "open"))
            && wanted
                .iter()
                .all(|w| labels.iter().any(|l| l.eq_ignore_ascii_case(w)))
            && (call.query("creator").is_none() || creator == Some(thread.author))
    };
    let mut found: Vec<&Thread> = repository.threads.values().filter(fits).collect();
    match call.query("sort") {
        Some("updated") => found.sort_by_key(|t| (t.updated_at, t.number)),
        Some("comments") => found.sort_by_key(|t| (t.comments.len(), t.number)),
        _ => {}
    }
    if call.query("direction") != Some("asc") {
        found.reverse();
    }
    Ok(Reply::list(
        found
            .into_iter()
            .map(|t| call.world.issue_json(repository, t))
            .collect(),
    ))
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let new = NewThread {
        title: call.required("title")?,
        body: call.text("body")?,
        labels: call.texts("labels")?.unwrap_or_default(),
        assignees: call.accounts("assignees", "Issue")?,
    };
    let actor = call.actor()?;
    let number = call.world.open_issue(call.repository, actor, &new)?;
    one(call, number).map(Reply::created)
}

fn one(call: &Call<'_>, number: u64) -> Result<Value, Problem> {
    Ok(call
        .world
        .issue_json(call.repo()?, call.world.thread(call.repository, number)?))
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let number = issue_number(call)?;
    one(call, number).map(Reply::ok)
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (number, actor) = (issue_number(call)?, call.actor()?);
    let title = call.text("title")?;
    let body = if call.body.get("body").is_some() {
        Some(call.text("body")?)
    } else {
        None
    };
    let open = match call.text("state")?.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(Problem::invalid("Issue", "state", "invalid")),
    };
    let reason = call.text("state_reason")?;
    if reason
        .as_deref()
        .is_some_and(|r| !matches!(r, "completed" | "not_planned" | "duplicate" | "reopened"))
    {
        return Err(Problem::invalid("Issue", "state_reason", "invalid"));
    }
    call.world.edit_thread(
        call.repository,
        number,
        actor,
        title.as_deref(),
        body.as_ref().map(|b| b.as_deref()),
    )?;
    if let Some(names) = call.texts("labels")? {
        labels::replace(call, number, &names)?;
    }
    if let Some(open) = open {
        call.world
            .set_open(call.repository, number, actor, open, reason.as_deref())?;
    }
    one(call, number).map(Reply::ok)
}

pub(super) fn events(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let number = issue_number(call)?;
    let repository = call.repo()?;
    let thread = call.world.thread(call.repository, number)?;
    Ok(Reply::list(
        thread
            .events
            .iter()
            .map(|e| call.world.event_json(repository, e))
            .collect(),
    ))
}

pub(super) fn assign(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let number = issue_number(call)?;
    set_assigned(call, number, true)?;
    one(call, number).map(Reply::created)
}

pub(super) fn unassign(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let number = issue_number(call)?;
    set_assigned(call, number, false)?;
    one(call, number).map(Reply::ok)
}

fn set_assigned(call: &mut Call<'_>, number: u64, assigned: bool) -> Result<(), Problem> {
    let (actor, accounts) = (call.actor()?, call.accounts("assignees", "Issue")?);
    call.world
        .set_assigned(call.repository, number, actor, &accounts, assigned)
}
