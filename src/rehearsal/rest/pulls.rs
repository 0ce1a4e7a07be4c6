//! Pull requests, their reviews and the comments on their lines.

use serde_json::{Value, json};

use super::super::acts::reviews::NewLine;
use super::super::acts::{CloseOrder, NewPull};
use super::super::objects;
use super::super::problem::Problem;
use super::super::world::{Pull, Repository, ReviewState, Thread};
use super::{Call, Reply};

/// The pull request of the path.
fn find<'w>(call: &'w Call<'_>) -> Result<(&'w Repository, &'w Thread, &'w Pull), Problem> {
    let number = call.number("pull_number")?;
    let thread = call.world.thread(call.repository, number)?;
    let pull = thread.pull.as_ref().ok_or_else(Problem::not_found)?;
    Ok((call.repo()?, thread, pull))
}

pub(super) fn list(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let repository = call.repo()?;
    let state = call.query("state").unwrap_or("open");
    let fits = |thread: &&Thread, pull: &Pull| {
        (state == "all" || thread.open == (state == "open"))
            && call.query("base").is_none_or(|base| base == pull.base_ref)
            // GitHub ignores a head without an owner, which has surprised many a client.
            && call.query("head").and_then(|h| h.split_once(':')).is_none_or(|(owner, branch)| {
                owner.eq_ignore_ascii_case(&repository.owner) && branch == pull.head_ref
            })
    };
    let mut found: Vec<(&Thread, &Pull)> = repository
        .pulls()
        .filter_map(|t| Some((t, t.pull.as_ref()?)))
        .filter(|(t, p)| fits(t, p))
        .collect();
    if call.query("sort") == Some("updated") {
        found.sort_by_key(|(t, _)| (t.updated_at, t.number));
    }
    let ascending = match call.query("direction") {
        Some(direction) => direction == "asc",
        None => matches!(call.query("sort"), Some("updated" | "popularity")),
    };
    if !ascending {
        found.reverse();
    }
    Ok(Reply::list(
        found
            .iter()
            .map(|(t, p)| call.world.pull_json(repository, t, p))
            .collect(),
    ))
}

pub(super) fn of_commit(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let sha = call.parameter("commit_sha");
    let repository = call.repo()?;
    let found = repository
        .pulls()
        .filter_map(|t| Some((t, t.pull.as_ref()?)))
        .filter(|(_, p)| {
            objects::compare(&repository.dir, &p.base_sha, &p.head_sha)
                .is_ok_and(|c| c.ahead.iter().any(|a| a == sha))
        });
    Ok(Reply::list(
        found
            .map(|(t, p)| call.world.pull_json(repository, t, p))
            .collect(),
    ))
}

pub(super) fn create(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let actor = call.actor()?;
    let new = NewPull {
        title: call.required("title")?,
        body: call.text("body")?,
        head: call.required("head")?,
        base: call.required("base")?,
        draft: call.flag("draft")?.unwrap_or(false),
    };
    let number = call.world.open_pull(call.repository, actor, &new)?;
    full(call, number).map(Reply::created)
}

fn full(call: &Call<'_>, number: u64) -> Result<Value, Problem> {
    let thread = call.world.thread(call.repository, number)?;
    let pull = thread.pull.as_ref().ok_or_else(Problem::not_found)?;
    Ok(call.world.pull_full(call.repo()?, thread, pull))
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let number = find(call)?.1.number;
    full(call, number).map(Reply::ok)
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (number, actor) = (find(call)?.1.number, call.actor()?);
    let (title, base) = (call.text("title")?, call.text("base")?);
    let body = if call.body.get("body").is_some() {
        Some(call.text("body")?)
    } else {
        None
    };
    let state = call.text("state")?;
    let id = call.repository;
    call.world.edit_thread(
        id,
        number,
        actor,
        title.as_deref(),
        body.as_ref().map(|b| b.as_deref()),
    )?;
    if let Some(base) = base {
        call.world.retarget(id, number, actor, &base)?;
    }
    match state.as_deref() {
        None => {}
        Some("open") => call.world.set_open(id, number, actor, true, None)?,
        Some("closed") => call.world.set_open(id, number, actor, false, None)?,
        Some(_) => return Err(Problem::invalid("PullRequest", "state", "invalid")),
    }
    full(call, number).map(Reply::ok)
}

pub(super) fn files(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (repository, _, pull) = find(call)?;
    let change = objects::compare(&repository.dir, &pull.base_sha, &pull.head_sha)?;
    let files = change
        .files
        .iter()
        .map(|f| call.world.file_json(repository, &pull.head_sha, f));
    Ok(Reply::list(files.collect()))
}

pub(super) fn commits(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (repository, _, pull) = find(call)?;
    let change = objects::compare(&repository.dir, &pull.base_sha, &pull.head_sha)?;
    let commits = change
        .ahead
        .iter()
        .filter_map(|sha| call.world.commit_json(repository, sha));
    Ok(Reply::list(commits.collect()))
}

pub(super) fn is_merged(call: &mut Call<'_>) -> Result<Reply, Problem> {
    if find(call)?.2.merged_at.is_some() {
        Ok(Reply::empty(204))
    } else {
        Err(Problem::not_found())
    }
}

pub(super) fn merge(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (number, actor) = (find(call)?.1.number, call.actor()?);
    let head = find(call)?.2.head_sha.clone();
    if call.text("sha")?.is_some_and(|sha| sha != head) {
        return Err(Problem::new(
            409,
            "Head branch was modified. Review and try the merge again.",
        ));
    }
    let sha = call
        .world
        .merge(call.repository, number, actor, CloseOrder::default())?;
    Ok(Reply::ok(
        json!({"sha": sha, "merged": true, "message": "Pull Request successfully merged"}),
    ))
}

pub(super) fn reviews(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (repository, thread, pull) = find(call)?;
    Ok(Reply::list(
        pull.reviews
            .iter()
            .map(|r| call.world.review_json(repository, thread, r))
            .collect(),
    ))
}

pub(super) fn review(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (number, actor) = (find(call)?.1.number, call.actor()?);
    let state = match call.text("event")?.as_deref() {
        None => ReviewState::Pending,
        Some("COMMENT") => ReviewState::Commented,
        Some("APPROVE") => ReviewState::Approved,
        Some("REQUEST_CHANGES") => ReviewState::ChangesRequested,
        Some(_) => return Err(Problem::invalid("PullRequestReview", "event", "invalid")),
    };
    let body = call.text("body")?.unwrap_or_default();
    let mut lines = Vec::new();
    for comment in call
        .body
        .get("comments")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        lines.push(NewLine {
            path: comment["path"].as_str().unwrap_or_default().to_owned(),
            line: comment["line"]
                .as_u64()
                .or_else(|| comment["position"].as_u64())
                .unwrap_or(1),
            body: comment["body"].as_str().unwrap_or_default().to_owned(),
            in_reply_to: None,
        });
    }
    let id = call
        .world
        .add_review(call.repository, number, actor, state, &body, &lines)?;
    let (repository, thread, pull) = find(call)?;
    let review = pull
        .reviews
        .iter()
        .find(|r| r.id == id)
        .ok_or_else(Problem::not_found)?;
    Ok(Reply::ok(call.world.review_json(repository, thread, review)))
}

fn lines_where(call: &Call<'_>, review: Option<u64>) -> Result<Reply, Problem> {
    let (repository, thread, pull) = find(call)?;
    let found = pull
        .review_comments
        .iter()
        .filter(|c| review.is_none_or(|r| r == c.review));
    Ok(Reply::list(
        found
            .map(|c| call.world.review_comment_json(repository, thread, c))
            .collect(),
    ))
}

pub(super) fn lines(call: &mut Call<'_>) -> Result<Reply, Problem> {
    lines_where(call, None)
}

pub(super) fn lines_of_review(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let review = call.number("review_id")?;
    lines_where(call, Some(review))
}

pub(super) fn add_line(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let line = NewLine {
        body: call.required("body")?,
        path: call.required("path")?,
        line: call.body.get("line").and_then(Value::as_u64).unwrap_or(1),
        in_reply_to: call.body.get("in_reply_to").and_then(Value::as_u64),
    };
    say_line(call, &line)
}

pub(super) fn answer_line(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let parent = call.number("comment_id")?;
    let pull = find(call)?.2;
    let parent = pull
        .review_comments
        .iter()
        .find(|c| c.id == parent)
        .ok_or_else(Problem::not_found)?;
    let line = NewLine {
        body: call.required("body")?,
        path: parent.path.clone(),
        line: parent.line,
        in_reply_to: Some(parent.id),
    };
    say_line(call, &line)
}

fn say_line(call: &mut Call<'_>, line: &NewLine) -> Result<Reply, Problem> {
    let (number, actor) = (find(call)?.1.number, call.actor()?);
    let id = call.world.add_line(call.repository, number, actor, line)?;
    let (repository, thread, pull) = find(call)?;
    let comment = pull
        .review_comments
        .iter()
        .find(|c| c.id == id)
        .ok_or_else(Problem::not_found)?;
    Ok(Reply::created(
        call.world.review_comment_json(repository, thread, comment),
    ))
}

pub(super) fn request_review(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let number = find(call)?.1.number;
    let accounts = call.accounts("reviewers", "PullRequest")?;
    let repository = call.repo()?;
    let author = call.world.thread(call.repository, number)?.author;
    if accounts.contains(&author) {
        return Err(Problem::new(
            422,
            "Review cannot be requested from pull request author.",
        ));
    }
    let outsider = accounts
        .iter()
        .any(|a| call.world.association(repository, *a) == "NONE");
    if outsider {
        return Err(Problem::new(
            422,
            "Reviews may only be requested from collaborators. One or more of the users or teams you specified \
             is not a collaborator of the repository.",
        ));
    }
    let thread = call.world.thread_mut(call.repository, number)?;
    if let Some(pull) = &mut thread.pull {
        for account in accounts {
            if !pull.requested_reviewers.contains(&account) {
                pull.requested_reviewers.push(account);
            }
        }
    }
    full(call, number).map(Reply::created)
}
