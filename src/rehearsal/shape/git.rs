//! Commits, branches and changed files as JSON.

use git2::Oid;
use serde_json::{Value, json};

use super::super::objects::ChangedFile;
use super::super::world::{Repository, World};
use super::moment;
use crate::model::Timestamp;

impl World {
    /// A commit as the Git Data API shows it.
    pub(in super::super) fn git_commit_json(&self, repository: &Repository, sha: &str) -> Option<Value> {
        let git = git2::Repository::open_bare(&repository.dir).ok()?;
        let commit = git.find_commit(Oid::from_str(sha).ok()?).ok()?;
        let api = self.repository_api(repository);
        let signer = |who: &git2::Signature<'_>| {
            json!({
                "name": String::from_utf8_lossy(who.name_bytes()),
                "email": String::from_utf8_lossy(who.email_bytes()),
                "date": moment(Timestamp(who.when().seconds() * 1000)),
            })
        };
        let page = self.repository_page(repository);
        let parents: Vec<Value> = commit
            .parent_ids()
            .map(|id| {
                json!({
                    "sha": id.to_string(),
                    "url": format!("{api}/git/commits/{id}"),
                    "html_url": format!("{page}/commit/{id}"),
                })
            })
            .collect();
        Some(json!({
            "sha": sha,
            "node_id": format!("C_{sha}"),
            "url": format!("{api}/git/commits/{sha}"),
            "html_url": format!("{page}/commit/{sha}"),
            "author": signer(&commit.author()),
            "committer": signer(&commit.committer()),
            "message": String::from_utf8_lossy(commit.message_bytes()),
            "tree": {"sha": commit.tree_id().to_string(), "url": format!("{api}/git/trees/{}", commit.tree_id())},
            "parents": parents,
            "verification": {
                "verified": false, "reason": "unsigned", "signature": null, "payload": null,
                "verified_at": null,
            },
        }))
    }

    /// A commit as the commit lists show it, with the accounts behind the addresses.
    pub(in super::super) fn commit_json(&self, repository: &Repository, sha: &str) -> Option<Value> {
        let git = self.git_commit_json(repository, sha)?;
        let api = self.repository_api(repository);
        let account = |role: &str| {
            let email = git[role]["email"].as_str().unwrap_or_default();
            self.account_by_email(email)
                .map_or(Value::Null, |id| self.user_json(id))
        };
        Some(json!({
            "sha": sha,
            "node_id": git["node_id"],
            "url": format!("{api}/commits/{sha}"),
            "html_url": git["html_url"],
            "comments_url": format!("{api}/commits/{sha}/comments"),
            "commit": {
                "author": git["author"],
                "committer": git["committer"],
                "message": git["message"],
                "tree": git["tree"],
                "url": git["url"],
                "comment_count": 0,
                "verification": git["verification"],
            },
            "author": account("author"),
            "committer": account("committer"),
            "parents": git["parents"],
        }))
    }

    /// A commit as webhooks of pushes list it.
    pub(in super::super) fn pushed_commit_json(&self, repository: &Repository, sha: &str) -> Option<Value> {
        let git = self.git_commit_json(repository, sha)?;
        let files = super::super::objects::commit_files(&repository.dir, sha).unwrap_or_default();
        let with = |wanted: &[&str]| {
            files
                .iter()
                .filter(|f| wanted.contains(&f.status))
                .map(|f| f.path.clone())
                .collect::<Vec<_>>()
        };
        Some(json!({
            "id": sha,
            "tree_id": git["tree"]["sha"],
            "distinct": true,
            "message": git["message"],
            "timestamp": git["committer"]["date"],
            "url": git["html_url"],
            "author": {"name": git["author"]["name"], "email": git["author"]["email"]},
            "committer": {"name": git["committer"]["name"], "email": git["committer"]["email"]},
            "added": with(&["added", "renamed", "copied"]),
            "removed": with(&["removed"]),
            "modified": with(&["modified"]),
        }))
    }

    /// A changed file of a pull request, a commit or a comparison.
    pub(in super::super) fn file_json(
        &self,
        repository: &Repository,
        commit: &str,
        file: &ChangedFile,
    ) -> Value {
        let page = self.repository_page(repository);
        let api = self.repository_api(repository);
        let mut json = json!({
            "sha": file.blob,
            "filename": file.path,
            "status": file.status,
            "additions": file.additions,
            "deletions": file.deletions,
            "changes": file.additions + file.deletions,
            "blob_url": format!("{page}/blob/{commit}/{}", file.path),
            "raw_url": format!("{page}/raw/{commit}/{}", file.path),
            "contents_url": format!("{api}/contents/{}?ref={commit}", file.path),
        });
        if let Some(patch) = file.patch.as_ref().filter(|p| !p.is_empty()) {
            json["patch"] = json!(patch);
        }
        if let Some(previous) = &file.previous {
            json["previous_filename"] = json!(previous);
        }
        json
    }

    /// The account behind an address of the form `ID+LOGIN@users.noreply…` or `LOGIN@example.com`.
    fn account_by_email(&self, email: &str) -> Option<u64> {
        let local = email.split('@').next()?;
        let login = local.split_once('+').map_or(local, |(_, login)| login);
        self.account(login).map(|a| a.id)
    }
}
