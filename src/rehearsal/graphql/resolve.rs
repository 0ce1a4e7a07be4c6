//! The fields that are known, and what they answer.

use serde_json::{Map, Value, json};

use super::super::rest::{Call, Caller};
use super::super::tokens::{grants, reach};
use super::super::world::{Comment, Edit, Repository, Thread, World};
use super::syntax::Field;
use crate::model::Timestamp;

/// Why a field has no value.
pub(super) enum Refusal {
    /// GitHub's schema, or this stand-in, has no such field.
    Unknown(String),
    /// The thing does not exist, or the caller may not know.
    NotFound(String),
    /// The caller may not.
    Forbidden,
}

/// The reasons for collapsing a comment.
const CLASSIFIERS: &[&str] = &[
    "SPAM",
    "ABUSE",
    "OFF_TOPIC",
    "OUTDATED",
    "DUPLICATE",
    "RESOLVED",
    "LOW_QUALITY",
];

/// Answers one field at the top.
pub(super) fn root(
    call: &mut Call<'_>,
    mutation: bool,
    field: &Field,
    variables: &Value,
) -> Result<Value, Refusal> {
    let text = |name: &str| {
        field
            .argument(name, variables)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    match (mutation, field.name.as_str()) {
        (false, "viewer") => {
            let Caller::Installation { actor, .. } = &call.caller else {
                return Err(Refusal::Forbidden);
            };
            project(&actor_json(call.world, actor.account), field, variables)
        }
        (false, "rateLimit") => {
            let limit = call.world.limits.requests_per_hour;
            let value = json!({"limit": limit, "remaining": limit, "cost": 1, "used": 0});
            project(&value, field, variables)
        }
        (false, "repository") => {
            let name = format!("{}/{}", text("owner"), text("name"));
            let id = call.world.repository(&name).map(|r| r.id);
            let id = visible(call, id, "read").map_err(|refusal| match refusal {
                Refusal::NotFound(_) => Refusal::NotFound(format!(
                    "Could not resolve to a Repository with the name '{name}'."
                )),
                other => other,
            })?;
            let value = repository_json(call.world, &call.world.repositories[&id]);
            project(&value, field, variables)
        }
        (false, "node") => {
            let value = node(call, &text("id"))?;
            project(&value, field, variables)
        }
        (false, "nodes") => {
            let ids = field.argument("ids", variables);
            let ids: Vec<&str> = ids
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let found = ids
                .iter()
                .map(|id| node(call, id).and_then(|n| project(&n, field, variables)));
            found.collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        (true, "minimizeComment" | "unminimizeComment") => {
            let input = field.argument("input", variables);
            let id = input["subjectId"].as_str().unwrap_or_default();
            let classifier = input["classifier"].as_str().unwrap_or_default();
            let minimize = field.name == "minimizeComment";
            if minimize && !CLASSIFIERS.contains(&classifier) {
                return Err(Refusal::Unknown(format!(
                    "{classifier:?} is not a ReportedContentClassifiers"
                )));
            }
            let comment = comment_id(id).ok_or_else(|| unresolved(id))?;
            let repository = call.world.comment(comment).ok_or_else(|| unresolved(id))?.0.id;
            visible(call, Some(repository), "write")?;
            if let Ok(found) = call.world.comment_mut(comment) {
                found.minimized = minimize.then(|| classifier.to_owned());
            }
            let value = json!({
                "clientMutationId": input["clientMutationId"],
                "minimizedComment": node(call, id)?,
                "unminimizedComment": node(call, id)?,
            });
            project(&value, field, variables)
        }
        (true, "markPullRequestReadyForReview" | "convertPullRequestToDraft") => {
            let input = field.argument("input", variables);
            let id = input["pullRequestId"].as_str().unwrap_or_default();
            let (repository, number) = pull_by_node(call.world, id).ok_or_else(|| unresolved(id))?;
            visible(call, Some(repository), "write")?;
            let Caller::Installation { actor, .. } = call.caller.clone() else {
                return Err(Refusal::Forbidden);
            };
            let draft = field.name == "convertPullRequestToDraft";
            call.world
                .set_draft(repository, number, actor, draft)
                .map_err(|_| unresolved(id))?;
            let value = json!({
                "clientMutationId": input["clientMutationId"],
                "pullRequest": node(call, id)?,
            });
            project(&value, field, variables)
        }
        (_, other) => Err(Refusal::Unknown(format!(
            "Field '{other}' doesn't exist on type '{}'",
            if mutation { "Mutation" } else { "Query" }
        ))),
    }
}

fn unresolved(id: &str) -> Refusal {
    Refusal::NotFound(format!(
        "Could not resolve to a node with the global id of '{id}'"
    ))
}

/// Checks that the caller may read or write issues and pull requests of a repository.
fn visible(call: &Call<'_>, repository: Option<u64>, level: &str) -> Result<u64, Refusal> {
    let Caller::Installation { id, token, .. } = &call.caller else {
        return Err(Refusal::Forbidden);
    };
    let found = reach(call.world, *id, *token, repository, level == "read").map_err(|p| {
        if p.status == 404 {
            unresolved("")
        } else {
            Refusal::Forbidden
        }
    })?;
    let permissions = &call.world.tokens[*token].permissions;
    let may = ["issues", "pull_requests"]
        .iter()
        .any(|name| grants(permissions, &format!("{name}={level}")));
    if may { Ok(found) } else { Err(Refusal::Forbidden) }
}

fn comment_id(node: &str) -> Option<u64> {
    node.strip_prefix("IC_")?.parse().ok()
}

fn pull_by_node(world: &World, node: &str) -> Option<(u64, u64)> {
    let id: u64 = node.strip_prefix("PR_")?.parse().ok()?;
    world.repositories.values().find_map(|r| {
        let thread = r.pulls().find(|t| t.pull.as_ref().is_some_and(|p| p.id == id))?;
        Some((r.id, thread.number))
    })
}

fn node(call: &Call<'_>, id: &str) -> Result<Value, Refusal> {
    let world = &*call.world;
    let issue: Option<u64> = id.strip_prefix("I_").and_then(|i| i.parse().ok());
    let found = if let Some(comment) = comment_id(id) {
        world
            .comment(comment)
            .map(|(r, t, c)| (r.id, comment_json(world, r, t, c)))
    } else if let Some((repository, number)) = pull_by_node(world, id) {
        let repository = &world.repositories[&repository];
        Some((
            repository.id,
            thread_json(world, repository, &repository.threads[&number]),
        ))
    } else if let Some(issue) = issue {
        world.repositories.values().find_map(|r| {
            let thread = r.threads.values().find(|t| t.id == issue)?;
            Some((r.id, thread_json(world, r, thread)))
        })
    } else {
        None
    };
    let (repository, value) = found.ok_or_else(|| unresolved(id))?;
    visible(call, Some(repository), "read")?;
    Ok(value)
}

/// GraphQL's view of an account: bots have no `[bot]` in their login.
fn actor_json(world: &World, id: u64) -> Value {
    let Some(account) = world.accounts.get(&id) else {
        return Value::Null;
    };
    json!({
        "__typename": account.kind.word(),
        "id": world.user_json(id)["node_id"],
        "login": account.login.trim_end_matches("[bot]"),
        "databaseId": id,
        "url": world.user_json(id)["html_url"],
    })
}

fn repository_json(world: &World, repository: &Repository) -> Value {
    let threads = repository.threads.values();
    let (pulls, issues): (Vec<&Thread>, Vec<&Thread>) = threads.partition(|t| t.pull.is_some());
    let list = |found: &[&Thread]| {
        found
            .iter()
            .map(|t| thread_json(world, repository, t))
            .collect::<Vec<_>>()
    };
    json!({
        "__typename": "Repository",
        "id": format!("R_{}", repository.id),
        "databaseId": repository.id,
        "name": repository.name,
        "nameWithOwner": repository.full_name(),
        "isArchived": repository.archived,
        "isPrivate": repository.private,
        "defaultBranchRef": {"name": repository.default_branch},
        "issue": list(&issues),
        "pullRequest": list(&pulls),
        "issueOrPullRequest": list(&repository.threads.values().collect::<Vec<_>>()),
    })
}

fn thread_json(world: &World, repository: &Repository, thread: &Thread) -> Value {
    let rest = world.issue_json(repository, thread);
    let comments = thread
        .comments
        .iter()
        .map(|c| comment_json(world, repository, thread, c));
    let state = match &thread.pull {
        Some(pull) if pull.merged_at.is_some() => "MERGED",
        _ if thread.open => "OPEN",
        _ => "CLOSED",
    };
    let mut value = json!({
        "__typename": if thread.pull.is_some() { "PullRequest" } else { "Issue" },
        "id": rest["node_id"],
        "databaseId": thread.id,
        "number": thread.number,
        "title": thread.title,
        "body": thread.body.clone().unwrap_or_default(),
        "state": state,
        "url": rest["html_url"],
        "locked": thread.locked,
        "author": actor_json(world, thread.author),
        "authorAssociation": rest["author_association"],
        "createdAt": rest["created_at"],
        "updatedAt": rest["updated_at"],
        "closedAt": rest["closed_at"],
        "labels": connection(&world.labels_json(repository, thread)),
        "comments": connection(&comments.collect::<Vec<_>>()),
    });
    put_edits(&mut value, world, &thread.edits);
    if let Some(pull) = &thread.pull {
        value["isDraft"] = json!(pull.draft);
        value["merged"] = json!(pull.merged_at.is_some());
        value["headRefName"] = json!(pull.head_ref);
        value["headRefOid"] = json!(pull.head_sha);
        value["baseRefName"] = json!(pull.base_ref);
    }
    value
}

fn comment_json(world: &World, repository: &Repository, thread: &Thread, comment: &Comment) -> Value {
    let rest = world.comment_json(repository, thread, comment);
    let mut value = json!({
        "__typename": "IssueComment",
        "id": rest["node_id"],
        "databaseId": comment.id,
        "fullDatabaseId": comment.id.to_string(),
        "body": comment.body,
        "author": actor_json(world, comment.author),
        "authorAssociation": rest["author_association"],
        "createdAt": rest["created_at"],
        "updatedAt": rest["updated_at"],
        "isMinimized": comment.minimized.is_some(),
        "minimizedReason": comment.minimized.as_ref().map(|r| r.to_lowercase().replace('_', "-")),
        "url": rest["html_url"],
    });
    put_edits(&mut value, world, &comment.edits);
    value
}

fn put_edits(value: &mut Value, world: &World, edits: &[Edit]) {
    let moment = |at: Timestamp| json!(at.to_string());
    value["lastEditedAt"] = edits.last().map_or(Value::Null, |e| moment(e.at));
    value["includesCreatedEdit"] = json!(!edits.is_empty());
    value["editor"] = edits.last().map_or(Value::Null, |e| actor_json(world, e.editor));
    let list = edits.iter().rev().map(|e| {
        json!({"editedAt": moment(e.at), "createdAt": moment(e.at), "editor": actor_json(world, e.editor)})
    });
    value["userContentEdits"] = connection(&list.collect::<Vec<_>>());
}

/// A list that clients page through; cut by [`project`], which knows the arguments.
fn connection(nodes: &[Value]) -> Value {
    json!({"totalCount": nodes.len(), "nodes": nodes})
}

/// Takes from a value what a field asks of it.
fn project(value: &Value, field: &Field, variables: &Value) -> Result<Value, Refusal> {
    let value = pick(value, field, variables)?;
    match &value {
        Value::Array(items) => items.iter().map(|i| inner(i, field, variables)).collect(),
        Value::Object(_) => inner(&value, field, variables),
        other => Ok(other.clone()),
    }
}

fn inner(value: &Value, field: &Field, variables: &Value) -> Result<Value, Refusal> {
    let Value::Object(map) = value else {
        return Ok(value.clone());
    };
    let kind = map.get("__typename").and_then(Value::as_str);
    let mut out = Map::new();
    for wanted in &field.fields {
        let other_kind = wanted.on.as_deref().is_some_and(|on| {
            kind.is_some_and(|k| k != on) && !matches!(on, "Node" | "Comment" | "Actor" | "Minimizable")
        });
        if other_kind {
            continue;
        }
        let found = map.get(&wanted.name).ok_or_else(|| {
            Refusal::Unknown(format!(
                "Field '{}' doesn't exist on type '{}'",
                wanted.name,
                kind.unwrap_or(&field.name)
            ))
        })?;
        out.insert(wanted.alias.clone(), project(found, wanted, variables)?);
    }
    Ok(Value::Object(out))
}

/// Applies the arguments that choose among many: a number, or a page of a connection.
fn pick(value: &Value, field: &Field, variables: &Value) -> Result<Value, Refusal> {
    if let (Value::Array(items), Some(number)) = (value, field.argument("number", variables).as_u64()) {
        let found = items.iter().find(|i| i["number"].as_u64() == Some(number));
        return found.cloned().ok_or_else(|| {
            Refusal::NotFound(format!(
                "Could not resolve to an issue or pull request with the number of {number}."
            ))
        });
    }
    let Some(nodes) = value
        .get("nodes")
        .and_then(Value::as_array)
        .filter(|_| value.get("totalCount").is_some())
    else {
        return Ok(value.clone());
    };
    let count = |name: &str| {
        field
            .argument(name, variables)
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
    };
    let cursor = |name: &str| {
        let text = field.argument(name, variables);
        text.as_str()
            .and_then(|c| c.strip_prefix('c'))
            .and_then(|c| c.parse::<usize>().ok())
    };
    if count("first").is_none() && count("last").is_none() {
        return Err(Refusal::Unknown(format!(
            "You must provide a `first` or `last` value to properly paginate the `{}` connection.",
            field.name
        )));
    }
    let mut from = cursor("after").map_or(0, |c| c + 1).min(nodes.len());
    let mut to = cursor("before").unwrap_or(nodes.len()).clamp(from, nodes.len());
    if let Some(first) = count("first") {
        to = to.min(from + first.min(100));
    }
    if let Some(last) = count("last") {
        from = from.max(to.saturating_sub(last.min(100)));
    }
    let shown = &nodes[from..to];
    let edges: Vec<Value> = shown
        .iter()
        .enumerate()
        .map(|(i, n)| json!({"cursor": format!("c{}", from + i), "node": n}))
        .collect();
    Ok(json!({
        "totalCount": nodes.len(),
        "nodes": shown,
        "edges": edges,
        "pageInfo": {
            "hasNextPage": to < nodes.len(),
            "hasPreviousPage": from > 0,
            "startCursor": (from < to).then(|| format!("c{from}")),
            "endCursor": (from < to).then(|| format!("c{}", to - 1)),
        },
    }))
}
