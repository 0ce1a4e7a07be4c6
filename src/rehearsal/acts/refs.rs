//! Branches and tags that are created, moved or deleted, by push or by API.

use serde_json::{Value, json};

use super::super::objects;
use super::super::problem::Problem;
use super::super::world::{Actor, World};

/// What git and GitHub write for "no commit".
pub(in super::super) const ZERO: &str = "0000000000000000000000000000000000000000";

impl World {
    /// Moves a ref and does what follows: `push`, `create` or `delete`, and pull requests that move along.
    ///
    /// `to` is `None` to delete.
    pub(in super::super) fn move_ref(
        &mut self,
        repository_id: u64,
        actor: Actor,
        name: &str,
        to: Option<&str>,
    ) -> Result<(), Problem> {
        let dir = self.repo(repository_id)?.dir.clone();
        let before = objects::ref_target(&dir, name);
        if before.as_deref() == to {
            return Ok(());
        }
        let known: Vec<String> = objects::refs_below(&dir, "refs/heads/")?
            .into_iter()
            .map(|(_, t)| t)
            .collect();
        let commits = match to {
            Some(tip) if name.starts_with("refs/heads/") => objects::new_commits(&dir, tip, &known)?,
            _ => Vec::new(),
        };
        objects::set_ref(&dir, name, to)?;
        let now = self.now();
        self.repo_mut(repository_id)?.pushed_at = now;
        self.emit_push(repository_id, actor, name, before.as_deref(), to, &commits)?;
        let kind = if name.starts_with("refs/tags/") {
            "tag"
        } else {
            "branch"
        };
        let short = name
            .trim_start_matches("refs/heads/")
            .trim_start_matches("refs/tags/");
        let ref_payload = json!({"ref": short, "ref_type": kind, "pusher_type": "user"});
        if before.is_none() {
            let mut payload = ref_payload;
            payload["master_branch"] = json!(self.repo(repository_id)?.default_branch);
            payload["description"] = Value::Null;
            self.emit(repository_id, "create", None, actor, payload);
        } else if to.is_none() {
            self.emit(repository_id, "delete", None, actor, ref_payload);
        }
        if kind == "branch" {
            self.follow_branch(repository_id, actor, short, before.as_deref(), to)?;
        }
        Ok(())
    }

    fn emit_push(
        &mut self,
        repository_id: u64,
        actor: Actor,
        name: &str,
        before: Option<&str>,
        after: Option<&str>,
        commits: &[String],
    ) -> Result<(), Problem> {
        let repository = self.repo(repository_id)?;
        let forced = match (before, after) {
            (Some(old), Some(new)) => !objects::is_ancestor(&repository.dir, old, new),
            _ => false,
        };
        let listed: Vec<Value> = commits
            .iter()
            .filter_map(|sha| self.pushed_commit_json(repository, sha))
            .collect();
        let head = after.and_then(|sha| self.pushed_commit_json(repository, sha));
        let page = self.repository_page(repository);
        let (old, new) = (before.unwrap_or(ZERO), after.unwrap_or(ZERO));
        let pusher = self.accounts.get(&actor.account).map(|a| a.login.clone());
        let payload = json!({
            "ref": name,
            "before": old,
            "after": new,
            "created": before.is_none(),
            "deleted": after.is_none(),
            "forced": forced,
            "base_ref": null,
            "compare": format!("{page}/compare/{}...{}", &old[..12], &new[..12]),
            "commits": listed,
            "head_commit": head,
            "pusher": {"name": pusher, "email": null},
        });
        self.emit(repository_id, "push", None, actor, payload);
        Ok(())
    }

    /// Pull requests follow their head branch; they end when it is deleted or merged by a push.
    fn follow_branch(
        &mut self,
        repository_id: u64,
        actor: Actor,
        branch: &str,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<(), Problem> {
        let repository = self.repo(repository_id)?;
        let dir = repository.dir.clone();
        let open: Vec<u64> = repository.pulls().filter(|t| t.open).map(|t| t.number).collect();
        let now = self.now();
        for number in open {
            let thread = self.thread_mut(repository_id, number)?;
            let Some(pull) = &mut thread.pull else { continue };
            if pull.head_ref == branch {
                let Some(sha) = after else {
                    self.set_open(repository_id, number, actor, false, None)?;
                    continue;
                };
                sha.clone_into(&mut pull.head_sha);
                thread.updated_at = now;
                objects::set_ref(&dir, &format!("refs/pull/{number}/head"), Some(sha))?;
                let change = json!({"before": before.unwrap_or(ZERO), "after": sha});
                self.emit_thread(repository_id, number, "synchronize", actor, change)?;
            } else if pull.base_ref == branch
                && let Some(sha) = after
                && objects::is_ancestor(&dir, &pull.head_sha, sha)
            {
                pull.merged_at = Some(now);
                pull.merged_by = Some(actor.account);
                pull.merge_commit = Some(sha.to_owned());
                self.set_open(repository_id, number, actor, false, None)?;
            }
        }
        Ok(())
    }
}

/// A random id in the form of a GUID, as `X-GitHub-Delivery` carries it.
pub(in super::super) fn guid() -> String {
    let hex = format!("{:032x}", ulid::Ulid::new().0);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
