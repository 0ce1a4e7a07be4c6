//! Git objects and refs: what an App uses that commits through the API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use git2::{ObjectType, Oid};
use serde_json::{Value, json};

use super::super::objects::{self, NewCommit, Signer};
use super::super::problem::Problem;
use super::super::tokens::grants;
use super::super::world::Repository;
use super::{Call, Caller, Reply};
use crate::model::Timestamp;

fn ref_json(call: &Call<'_>, repository: &Repository, name: &str, sha: &str) -> Value {
    let api = call.world.repository_api(repository);
    json!({
        "ref": name,
        "node_id": format!("REF_{sha}"),
        "url": format!("{api}/git/{name}"),
        "object": {"sha": sha, "type": "commit", "url": format!("{api}/git/commits/{sha}")},
    })
}

pub(super) fn reference(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let name = format!("refs/{}", call.parameter("ref"));
    let repository = call.repo()?;
    let sha = objects::ref_target(&repository.dir, &name).ok_or_else(Problem::not_found)?;
    Ok(Reply::ok(ref_json(call, repository, &name, &sha)))
}

pub(super) fn matching(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let prefix = format!("refs/{}", call.parameter("ref"));
    let repository = call.repo()?;
    let found = objects::refs_below(&repository.dir, &prefix)?;
    Ok(Reply::list(
        found
            .iter()
            .map(|(name, sha)| ref_json(call, repository, name, sha))
            .collect(),
    ))
}

pub(super) fn create_reference(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (actor, name, sha) = (call.actor()?, call.required("ref")?, call.required("sha")?);
    if !name.starts_with("refs/") || name.split('/').count() < 3 || !git2::Reference::is_valid_name(&name) {
        return Err(Problem::new(422, "Reference name is not valid"));
    }
    let dir = call.repo()?.dir.clone();
    if objects::kind(&dir, &sha) != Some(ObjectType::Commit) {
        return Err(Problem::new(422, "Object does not exist"));
    }
    if objects::ref_target(&dir, &name).is_some() {
        return Err(Problem::new(422, "Reference already exists"));
    }
    guard_new(call, &name, None, &sha)?;
    call.world.move_ref(call.repository, actor, &name, Some(&sha))?;
    Ok(Reply::created(ref_json(call, call.repo()?, &name, &sha)))
}

pub(super) fn update_reference(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let (actor, sha) = (call.actor()?, call.required("sha")?);
    let name = format!("refs/{}", call.parameter("ref"));
    let force = call.flag("force")?.unwrap_or(false);
    let dir = call.repo()?.dir.clone();
    let old =
        objects::ref_target(&dir, &name).ok_or_else(|| Problem::new(422, "Reference does not exist"))?;
    if objects::kind(&dir, &sha) != Some(ObjectType::Commit) {
        return Err(Problem::new(422, "Object does not exist"));
    }
    if !force && !objects::is_ancestor(&dir, &old, &sha) {
        return Err(Problem::new(422, "Update is not a fast forward"));
    }
    guard_new(call, &name, Some(&old), &sha)?;
    call.world.move_ref(call.repository, actor, &name, Some(&sha))?;
    Ok(Reply::ok(ref_json(call, call.repo()?, &name, &sha)))
}

pub(super) fn delete_reference(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let actor = call.actor()?;
    let name = format!("refs/{}", call.parameter("ref"));
    if objects::ref_target(&call.repo()?.dir, &name).is_none() {
        return Err(Problem::new(422, "Reference does not exist"));
    }
    guard(call, &name, &[])?;
    call.world.move_ref(call.repository, actor, &name, None)?;
    Ok(Reply::empty(204))
}

fn guard_new(call: &Call<'_>, name: &str, old: Option<&str>, new: &str) -> Result<(), Problem> {
    let dir = &call.repo()?.dir;
    // What a new branch brings counts from where it left the default branch.
    let from = match old {
        Some(old) => Some(old.to_owned()),
        None => objects::branch_tip(dir, &call.repo()?.default_branch)
            .and_then(|tip| objects::compare(dir, &tip, new).ok())
            .map(|c| c.merge_base),
    };
    let paths = objects::touched_paths(dir, from.as_deref(), new)?;
    guard(call, name, &paths)
}

/// Refuses writes to protected branches and, without the permission, to workflow files.
pub(super) fn guard(call: &Call<'_>, name: &str, paths: &[String]) -> Result<(), Problem> {
    let repository = call.repo()?;
    let branch = name.trim_start_matches("refs/heads/");
    if name.starts_with("refs/heads/") && repository.protected.iter().any(|p| p == branch) {
        return Err(Problem::new(
            422,
            "Repository rule violations found\n\nChanges must be made through a pull request.",
        ));
    }
    if let Caller::Installation { token, .. } = &call.caller
        && paths.iter().any(|p| p.starts_with(".github/workflows/"))
        && !grants(&call.world.tokens[*token].permissions, "workflows=write")
    {
        return Err(Problem::not_accessible("workflows=write"));
    }
    Ok(())
}

pub(super) fn create_blob(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let content = call.required("content")?;
    let bytes = match call.text("encoding")?.as_deref() {
        None | Some("utf-8") => content.into_bytes(),
        Some("base64") => STANDARD
            .decode(content.split_whitespace().collect::<String>())
            .map_err(|_| Problem::new(422, "content is not valid Base64"))?,
        Some(_) => return Err(Problem::invalid("Blob", "encoding", "invalid")),
    };
    let git = git2::Repository::open_bare(&call.repo()?.dir)?;
    let sha = git.blob(&bytes)?.to_string();
    let url = format!("{}/git/blobs/{sha}", call.world.repository_api(call.repo()?));
    Ok(Reply::created(json!({"sha": sha, "url": url})))
}

pub(super) fn blob(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let sha = call.parameter("file_sha").to_owned();
    let repository = call.repo()?;
    let git = git2::Repository::open_bare(&repository.dir)?;
    let id = Oid::from_str(&sha).map_err(|_| Problem::not_found())?;
    let blob = git.find_blob(id).map_err(|_| Problem::not_found())?;
    Ok(Reply::ok(json!({
        "sha": sha,
        "node_id": format!("B_{sha}"),
        "size": blob.size(),
        "url": format!("{}/git/blobs/{sha}", call.world.repository_api(repository)),
        "content": super::contents::lines(&STANDARD.encode(blob.content())),
        "encoding": "base64",
    })))
}

pub(super) fn create_tree(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let repository = call.repo()?;
    let git = git2::Repository::open_bare(&repository.dir)?;
    let mut index = git2::Index::new()?;
    if let Some(base) = call.text("base_tree")? {
        let id = Oid::from_str(&base).map_err(|_| Problem::new(422, "base_tree is not a valid tree oid"))?;
        let tree = git
            .find_object(id, None)
            .and_then(|o| o.peel_to_tree())
            .map_err(|_| Problem::new(422, "base_tree is not a valid tree oid"))?;
        index.read_tree(&tree)?;
    }
    let entries = call.body.get("tree").and_then(Value::as_array);
    for entry in entries.ok_or_else(|| Problem::schema("\"tree\" wasn't supplied."))? {
        let path = entry["path"]
            .as_str()
            .ok_or_else(|| Problem::new(422, "tree.path is missing"))?;
        let mode = entry["mode"].as_str().unwrap_or("100644");
        let mode = u32::from_str_radix(mode, 8)
            .ok()
            .filter(|m| [0o100_644, 0o100_755, 0o120_000, 0o160_000, 0o040_000].contains(m))
            .ok_or_else(|| Problem::new(422, "tree.mode contains an invalid mode value"))?;
        if entry.get("sha").is_some_and(Value::is_null) {
            index.remove_path(std::path::Path::new(path))?;
            continue;
        }
        let id = match (entry["sha"].as_str(), entry["content"].as_str()) {
            (Some(sha), None) => {
                let id = Oid::from_str(sha).map_err(|_| Problem::new(422, "tree.sha is not a valid sha"))?;
                if mode != 0o160_000 && git.find_object(id, None).is_err() {
                    return Err(Problem::new(422, format!("tree.sha {sha} is not a valid blob")));
                }
                id
            }
            (None, Some(content)) => git.blob(content.as_bytes())?,
            _ => return Err(Problem::new(422, "Must supply either tree.sha or tree.content")),
        };
        index.add(&git2::IndexEntry {
            ctime: git2::IndexTime::new(0, 0),
            mtime: git2::IndexTime::new(0, 0),
            dev: 0,
            ino: 0,
            mode,
            uid: 0,
            gid: 0,
            file_size: 0,
            id,
            flags: 0,
            flags_extended: 0,
            path: path.as_bytes().to_vec(),
        })?;
    }
    let sha = index.write_tree_to(&git)?;
    tree_json(call, &git, sha, false).map(Reply::created)
}

pub(super) fn tree(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let name = call.parameter("tree_sha");
    let repository = call.repo()?;
    let git = git2::Repository::open_bare(&repository.dir)?;
    let id = match objects::resolve(&repository.dir, name) {
        Some(commit) => objects::tree_of(&repository.dir, &commit)?,
        None => name.to_owned(),
    };
    let id = Oid::from_str(&id).map_err(|_| Problem::not_found())?;
    let recursive = call.query("recursive").is_some();
    tree_json(call, &git, id, recursive).map(Reply::ok)
}

fn tree_json(call: &Call<'_>, git: &git2::Repository, id: Oid, recursive: bool) -> Result<Value, Problem> {
    let tree = git.find_tree(id).map_err(|_| Problem::not_found())?;
    let api = call.world.repository_api(call.repo()?);
    let mut entries = Vec::new();
    tree.walk(git2::TreeWalkMode::PreOrder, |parent, entry| {
        let name = String::from_utf8_lossy(entry.name_bytes());
        let (kind, plural) = match entry.kind() {
            Some(ObjectType::Tree) => ("tree", "trees"),
            Some(ObjectType::Commit) => ("commit", "commits"),
            _ => ("blob", "blobs"),
        };
        let mut json = json!({
            "path": format!("{parent}{name}"),
            "mode": format!("{:06o}", entry.filemode()),
            "type": kind,
            "sha": entry.id().to_string(),
            "url": format!("{api}/git/{plural}/{}", entry.id()),
        });
        if let Ok(blob) = git.find_blob(entry.id()) {
            json["size"] = json!(blob.size());
        }
        entries.push(json);
        if recursive {
            git2::TreeWalkResult::Ok
        } else {
            git2::TreeWalkResult::Skip
        }
    })?;
    Ok(json!({
        "sha": id.to_string(),
        "url": format!("{api}/git/trees/{id}"),
        "tree": entries,
        "truncated": false,
    }))
}

pub(super) fn create_commit(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let actor = call.actor()?;
    let (message, tree) = (call.required("message")?, call.required("tree")?);
    let parents = call.texts("parents")?.unwrap_or_default();
    let own = call.world.signer(actor);
    let signer = |field: &str, default: &Signer| -> Result<Signer, Problem> {
        let Some(given) = call.body.get(field).filter(|v| v.is_object()) else {
            return Ok(default.clone());
        };
        let text = |name: &str| given[name].as_str().map(str::to_owned);
        Ok(Signer {
            name: text("name").ok_or_else(|| Problem::invalid("Commit", "name", "missing_field"))?,
            email: text("email").ok_or_else(|| Problem::invalid("Commit", "email", "missing_field"))?,
            at: text("date")
                .and_then(|d| Timestamp::parse(&d))
                .unwrap_or(default.at),
        })
    };
    let author = signer("author", &own)?;
    let committer = signer("committer", &author)?;
    let dir = call.repo()?.dir.clone();
    let new = NewCommit {
        tree: &tree,
        parents: &parents,
        message: &message,
        author: &author,
        committer: &committer,
    };
    let sha = objects::commit(&dir, &new)
        .map_err(|_| Problem::new(422, "Tree SHA does not exist or a parent is missing"))?;
    let json = call
        .world
        .git_commit_json(call.repo()?, &sha)
        .ok_or_else(Problem::not_found)?;
    Ok(Reply::created(json))
}

pub(super) fn commit(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let sha = call.parameter("commit_sha");
    call.world
        .git_commit_json(call.repo()?, sha)
        .map(Reply::ok)
        .ok_or_else(Problem::not_found)
}
