//! Repositories, roles, branches, commits and comparisons.

use serde_json::{Value, json};

use super::super::objects;
use super::super::problem::Problem;
use super::super::world::{AccountKind, RepositoryRole};
use super::{Call, Reply};

pub(super) fn show(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let mut repository = call.world.repository_json(call.repo()?);
    repository["network_count"] = json!(0);
    repository["subscribers_count"] = json!(0);
    Ok(Reply::ok(repository))
}

/// The role of a user. Outsiders get `read` or `none` with 200; only unknown logins get 404.
pub(super) fn permission(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let login = call.parameter("username");
    let account = call
        .world
        .account(login)
        .ok_or_else(|| Problem::new(404, format!("{login} is not a user")))?;
    let repository = call.repo()?;
    let role = call.world.role_of(repository, account.id);
    let mut user = call.world.user_json(account.id);
    user["permissions"] = rights(role);
    user["role_name"] = json!(role.role_name());
    Ok(Reply::ok(json!({
        "permission": role.permission(),
        "role_name": role.role_name(),
        "user": user,
    })))
}

fn rights(role: RepositoryRole) -> Value {
    json!({
        "admin": role >= RepositoryRole::Admin,
        "maintain": role >= RepositoryRole::Maintain,
        "push": role >= RepositoryRole::Write,
        "triage": role >= RepositoryRole::Triage,
        "pull": role >= RepositoryRole::Read,
    })
}

/// Accounts with a role of their own; those who may only read a public repository are none.
fn collaborators_of(call: &Call<'_>) -> Result<Vec<(u64, RepositoryRole)>, Problem> {
    let repository = call.repo()?;
    let owner = call.world.accounts.get(&repository.owner_id);
    let people = call.world.accounts.values().filter(|a| {
        a.kind == AccountKind::User
            && (a.id == repository.owner_id
                || repository
                    .roles
                    .get(&a.id)
                    .is_some_and(|r| *r > RepositoryRole::None)
                || owner.is_some_and(|o| o.members.contains_key(&a.id)))
    });
    Ok(people
        .map(|a| (a.id, call.world.role_of(repository, a.id)))
        .collect())
}

pub(super) fn collaborators(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let found = collaborators_of(call)?;
    let list = found.into_iter().map(|(id, role)| {
        let mut user = call.world.user_json(id);
        user["permissions"] = rights(role);
        user["role_name"] = json!(role.role_name());
        user
    });
    Ok(Reply::list(list.collect()))
}

pub(super) fn is_collaborator(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let account = call
        .world
        .account(call.parameter("username"))
        .ok_or_else(Problem::not_found)?
        .id;
    if collaborators_of(call)?.iter().any(|(id, _)| *id == account) {
        Ok(Reply::empty(204))
    } else {
        Err(Problem::not_found())
    }
}

pub(super) fn branches(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let repository = call.repo()?;
    let api = call.world.repository_api(repository);
    let list = objects::refs_below(&repository.dir, "refs/heads/")?
        .into_iter()
        .map(|(name, sha)| {
            let name = name.trim_start_matches("refs/heads/");
            json!({
                "name": name,
                "commit": {"sha": sha, "url": format!("{api}/commits/{sha}")},
                "protected": repository.protected.iter().any(|p| p == name),
            })
        });
    Ok(Reply::list(list.collect()))
}

pub(super) fn branch(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let name = call.parameter("branch").to_owned();
    let repository = call.repo()?;
    let missing = || Problem::new(404, "Branch not found");
    let sha = objects::branch_tip(&repository.dir, &name).ok_or_else(missing)?;
    let commit = call.world.commit_json(repository, &sha).ok_or_else(missing)?;
    let api = call.world.repository_api(repository);
    let protected = repository.protected.contains(&name);
    Ok(Reply::ok(json!({
        "name": name,
        "commit": commit,
        "_links": {
            "self": format!("{api}/branches/{name}"),
            "html": format!("{}/tree/{name}", call.world.repository_page(repository)),
        },
        "protected": protected,
        "protection": {"enabled": protected},
        "protection_url": format!("{api}/branches/{name}/protection"),
    })))
}

pub(super) fn commit(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let name = call.parameter("ref").to_owned();
    let repository = call.repo()?;
    let missing = || Problem::new(422, format!("No commit found for SHA: {name}"));
    let sha = objects::resolve(&repository.dir, &name).ok_or_else(missing)?;
    if call.incoming.header("accept").is_some_and(|a| a.contains(".sha")) {
        return Ok(Reply::bytes(sha.into_bytes()));
    }
    let mut commit = call.world.commit_json(repository, &sha).ok_or_else(missing)?;
    let files = objects::commit_files(&repository.dir, &sha)?;
    let (plus, minus): (usize, usize) = (
        files.iter().map(|f| f.additions).sum(),
        files.iter().map(|f| f.deletions).sum(),
    );
    commit["stats"] = json!({"additions": plus, "deletions": minus, "total": plus + minus});
    commit["files"] = files
        .iter()
        .map(|f| call.world.file_json(repository, &sha, f))
        .collect();
    Ok(Reply::ok(commit))
}

pub(super) fn commits(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let repository = call.repo()?;
    let from = call.query("sha").unwrap_or(&repository.default_branch);
    let sha = objects::resolve(&repository.dir, from).ok_or_else(Problem::not_found)?;
    let mut list = objects::new_commits(&repository.dir, &sha, &[])?;
    list.reverse();
    Ok(Reply::list(
        list.iter()
            .filter_map(|sha| call.world.commit_json(repository, sha))
            .collect(),
    ))
}

pub(super) fn compare(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let basehead = call.parameter("basehead");
    let (base, head) = basehead.split_once("...").ok_or_else(Problem::not_found)?;
    let repository = call.repo()?;
    let find = |name: &str| objects::resolve(&repository.dir, name).ok_or_else(Problem::not_found);
    let (base, head) = (find(base)?, find(head)?);
    let change = objects::compare(&repository.dir, &base, &head).map_err(|_| Problem::not_found())?;
    let world = &*call.world;
    let page = format!("{}/compare/{base}...{head}", world.repository_page(repository));
    let status = match (change.ahead.len(), change.behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    Ok(Reply::ok(json!({
        "url": format!("{}/compare/{base}...{head}", world.repository_api(repository)),
        "html_url": page,
        "permalink_url": page,
        "diff_url": format!("{page}.diff"),
        "patch_url": format!("{page}.patch"),
        "base_commit": world.commit_json(repository, &base),
        "merge_base_commit": world.commit_json(repository, &change.merge_base),
        "status": status,
        "ahead_by": change.ahead.len(),
        "behind_by": change.behind,
        "total_commits": change.ahead.len(),
        "commits": change.ahead.iter().filter_map(|s| world.commit_json(repository, s)).collect::<Vec<_>>(),
        "files": change.files.iter().map(|f| world.file_json(repository, &head, f)).collect::<Vec<_>>(),
    })))
}
