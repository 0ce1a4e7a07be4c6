//! Files and folders by path.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use git2::{ObjectType, Oid};
use serde_json::{Value, json};

use super::super::objects::{self, NewCommit};
use super::super::problem::Problem;
use super::{Call, Reply};

pub(super) fn show(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let path = call.parameter("path").trim_matches('/').to_owned();
    let repository = call.repo()?;
    let name = call.query("ref").unwrap_or(&repository.default_branch);
    let name = name.trim_start_matches("refs/heads/");
    let commit = objects::resolve(&repository.dir, name)
        .ok_or_else(|| Problem::new(404, format!("No commit found for the ref {name}")))?;
    let git = git2::Repository::open_bare(&repository.dir)?;
    let root = git.find_commit(Oid::from_str(&commit)?)?.tree()?;
    let api = call.world.repository_api(repository);
    let page = call.world.repository_page(repository);
    let describe = |path: &str, kind: &str, sha: Oid, size: usize| {
        let url = format!("{api}/contents/{path}?ref={name}");
        let html = format!("{page}/blob/{name}/{path}");
        let git_url = format!(
            "{api}/git/{}/{sha}",
            if kind == "dir" { "trees" } else { "blobs" }
        );
        json!({
            "name": path.rsplit('/').next().unwrap_or(path),
            "path": path,
            "sha": sha.to_string(),
            "size": size,
            "url": url,
            "html_url": html,
            "git_url": git_url,
            "download_url": if kind == "file" { json!(format!("{page}/raw/{name}/{path}")) } else { Value::Null },
            "type": kind,
            "_links": {"self": url, "git": git_url, "html": html},
        })
    };
    let tree = if path.is_empty() {
        root
    } else {
        let entry = root
            .get_path(std::path::Path::new(&path))
            .map_err(|_| Problem::not_found())?;
        match entry.kind() {
            Some(ObjectType::Tree) => git.find_tree(entry.id())?,
            Some(ObjectType::Blob) => {
                let blob = git.find_blob(entry.id())?;
                if call.incoming.header("accept").is_some_and(|a| a.contains("raw")) {
                    return Ok(Reply::bytes(blob.content().to_vec()));
                }
                let mut json = describe(&path, "file", entry.id(), blob.size());
                json["encoding"] = json!("base64");
                json["content"] = json!(lines(&STANDARD.encode(blob.content())));
                return Ok(Reply::ok(json));
            }
            _ => return Ok(Reply::ok(describe(&path, "submodule", entry.id(), 0))),
        }
    };
    let mut list = Vec::new();
    for entry in &tree {
        let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
        let full = if path.is_empty() {
            name
        } else {
            format!("{path}/{name}")
        };
        let (kind, size) = match entry.kind() {
            Some(ObjectType::Tree) => ("dir", 0),
            Some(ObjectType::Blob) => ("file", git.find_blob(entry.id())?.size()),
            _ => ("submodule", 0),
        };
        list.push(describe(&full, kind, entry.id(), size));
    }
    // Folders come whole, without pages.
    Ok(Reply::ok(Value::Array(list)))
}

/// Base 64 in lines of 60 characters, as GitHub sends it.
pub(super) fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 60 + 1);
    for chunk in text.as_bytes().chunks(60) {
        out.push_str(std::str::from_utf8(chunk).unwrap_or_default());
        out.push('\n');
    }
    out
}

pub(super) fn put(call: &mut Call<'_>) -> Result<Reply, Problem> {
    let actor = call.actor()?;
    let path = call.parameter("path").to_owned();
    let message = call.required("message")?;
    let content: String = call.required("content")?.split_whitespace().collect();
    let bytes = STANDARD
        .decode(content)
        .map_err(|_| Problem::new(422, "content is not valid Base64"))?;
    let repository = call.repo()?;
    let dir = repository.dir.clone();
    let branch = call
        .text("branch")?
        .unwrap_or_else(|| repository.default_branch.clone());
    let tip = objects::branch_tip(&dir, &branch)
        .ok_or_else(|| Problem::new(404, format!("Branch {branch} not found")))?;
    let old = objects::read_file(&dir, &tip, &path);
    let old_sha = old
        .map(|old| Oid::hash_object(ObjectType::Blob, &old))
        .transpose()?;
    if let Some(old) = old_sha {
        match call.text("sha")? {
            None => return Err(Problem::new(422, "Invalid request.\n\n\"sha\" wasn't supplied.")),
            Some(sha) if sha != old.to_string() => {
                return Err(Problem::new(409, format!("{path} does not match {sha}")));
            }
            Some(_) => {}
        }
    }
    super::git_data::guard(call, &format!("refs/heads/{branch}"), std::slice::from_ref(&path))?;
    let tree = objects::tree_with(&dir, Some(&tip), &[(path, Some(bytes))])?;
    let signer = call.world.signer(actor);
    let commit = objects::commit(
        &dir,
        &NewCommit {
            tree: &tree,
            parents: &[tip],
            message: &message,
            author: &signer,
            committer: &signer,
        },
    )?;
    call.world.move_ref(
        call.repository,
        actor,
        &format!("refs/heads/{branch}"),
        Some(&commit),
    )?;
    let json = call.world.git_commit_json(call.repo()?, &commit);
    let body = json!({"content": null, "commit": json});
    Ok(if old_sha.is_some() {
        Reply::ok(body)
    } else {
        Reply::created(body)
    })
}
