//! Pull requests: opening, changing, merging.

use serde_json::json;

use super::super::objects::{self, NewCommit, Signer};
use super::super::problem::Problem;
use super::super::world::{Actor, Pull, World};
use super::{check_body, check_title};

/// A pull request to be opened.
#[derive(Debug)]
pub(in super::super) struct NewPull {
    pub(in super::super) title: String,
    pub(in super::super) body: Option<String>,
    pub(in super::super) head: String,
    pub(in super::super) base: String,
    pub(in super::super) draft: bool,
}

/// Which webhook of a merge goes first; GitHub promises neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CloseOrder {
    /// `pull_request.closed`, then `issues.closed`.
    #[default]
    PullRequestFirst,
    /// `issues.closed`, then `pull_request.closed`.
    IssueFirst,
}

impl World {
    /// Opens a pull request within a repository.
    ///
    /// # Errors
    /// 422 where a branch is missing, where there is nothing to merge, and where one is open already.
    pub(in super::super) fn open_pull(
        &mut self,
        repository_id: u64,
        actor: Actor,
        new: &NewPull,
    ) -> Result<u64, Problem> {
        const RESOURCE: &str = "PullRequest";
        check_title(RESOURCE, &new.title)?;
        check_body(RESOURCE, new.body.as_deref().unwrap_or_default())?;
        let repository = self.repo(repository_id)?;
        let head = match new.head.split_once(':') {
            Some((owner, branch)) if owner.eq_ignore_ascii_case(&repository.owner) => branch,
            Some(_) => return Err(Problem::invalid(RESOURCE, "head", "invalid")),
            None => &new.head,
        };
        let dir = repository.dir.clone();
        let base_sha = objects::branch_tip(&dir, &new.base)
            .ok_or_else(|| Problem::invalid(RESOURCE, "base", "invalid"))?;
        let head_sha =
            objects::branch_tip(&dir, head).ok_or_else(|| Problem::invalid(RESOURCE, "head", "invalid"))?;
        let change = objects::compare(&dir, &base_sha, &head_sha).map_err(|_| {
            sentence(&format!(
                "The {head} branch has no history in common with {}",
                new.base
            ))
        })?;
        if change.ahead.is_empty() {
            return Err(sentence(&format!("No commits between {} and {head}", new.base)));
        }
        let duplicate = repository.pulls().any(|t| {
            t.open
                && t.pull
                    .as_ref()
                    .is_some_and(|p| p.head_ref == head && p.base_ref == new.base)
        });
        if duplicate {
            return Err(sentence(&format!(
                "A pull request already exists for {}:{head}.",
                repository.owner
            )));
        }
        let pull = Pull {
            id: self.fresh_id(),
            head_ref: head.to_owned(),
            head_sha: head_sha.clone(),
            base_ref: new.base.clone(),
            base_sha,
            draft: new.draft,
            merged_at: None,
            merged_by: None,
            merge_commit: None,
            requested_reviewers: Vec::new(),
            reviews: Vec::new(),
            review_comments: Vec::new(),
        };
        let number = self.new_thread(repository_id, actor, &new.title, new.body.clone())?;
        self.thread_mut(repository_id, number)?.pull = Some(pull);
        objects::set_ref(&dir, &format!("refs/pull/{number}/head"), Some(&head_sha))?;
        self.emit_thread(repository_id, number, "opened", actor, json!({}))?;
        Ok(number)
    }

    /// Points an open pull request at another base branch.
    pub(in super::super) fn retarget(
        &mut self,
        repository_id: u64,
        number: u64,
        actor: Actor,
        base: &str,
    ) -> Result<(), Problem> {
        let dir = self.repo(repository_id)?.dir.clone();
        let tip = objects::branch_tip(&dir, base)
            .ok_or_else(|| Problem::invalid("PullRequest", "base", "invalid"))?;
        let now = self.now();
        let thread = self.thread_mut(repository_id, number)?;
        let pull = thread.pull.as_mut().ok_or_else(Problem::not_found)?;
        if pull.base_ref == base {
            return Ok(());
        }
        let from = json!({"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}});
        base.clone_into(&mut pull.base_ref);
        pull.base_sha = tip;
        thread.updated_at = now;
        self.emit_thread(
            repository_id,
            number,
            "edited",
            actor,
            json!({"changes": {"base": from}}),
        )
    }

    /// Marks a pull request as draft or as ready.
    pub(in super::super) fn set_draft(
        &mut self,
        repository_id: u64,
        number: u64,
        actor: Actor,
        draft: bool,
    ) -> Result<(), Problem> {
        let pull = self
            .thread_mut(repository_id, number)?
            .pull
            .as_mut()
            .ok_or_else(Problem::not_found)?;
        if pull.draft == draft {
            return Ok(());
        }
        pull.draft = draft;
        let action = if draft {
            "converted_to_draft"
        } else {
            "ready_for_review"
        };
        self.emit_thread(repository_id, number, action, actor, json!({}))
    }

    /// Merges with a merge commit: `push`, `pull_request.closed`, and `issues.closed` for each issue that the
    /// text closes; returns the commit.
    ///
    /// # Errors
    /// 405 where it cannot be merged: closed, draft, conflicts.
    pub(in super::super) fn merge(
        &mut self,
        repository_id: u64,
        number: u64,
        actor: Actor,
        order: CloseOrder,
    ) -> Result<String, Problem> {
        let repository = self.repo(repository_id)?;
        let thread = self.thread(repository_id, number)?;
        let pull = thread.pull.as_ref().ok_or_else(Problem::not_found)?;
        if !thread.open || pull.draft {
            return Err(Problem::new(405, "Pull Request is not mergeable"));
        }
        let dir = repository.dir.clone();
        let base = objects::branch_tip(&dir, &pull.base_ref).ok_or_else(Problem::not_found)?;
        let Some(tree) = objects::merged_tree(&dir, &base, &pull.head_sha)? else {
            return Err(Problem::new(405, "Merge conflict"));
        };
        let signer = self.signer(actor);
        let message = format!(
            "Merge pull request #{number} from {}/{}\n\n{}",
            repository.owner, pull.head_ref, thread.title
        );
        let commit = objects::commit(
            &dir,
            &NewCommit {
                tree: &tree,
                parents: &[base, pull.head_sha.clone()],
                message: &message,
                author: &signer,
                committer: &signer,
            },
        )?;
        let base_ref = pull.base_ref.clone();
        let closes = if base_ref == repository.default_branch {
            let text = thread.body.clone().unwrap_or_default();
            closed_by_keyword(&text, &repository.full_name())
        } else {
            Vec::new()
        };
        // Merged first, so that following the base branch does not find it open.
        let now = self.now();
        let thread = self.thread_mut(repository_id, number)?;
        if let Some(pull) = &mut thread.pull {
            pull.merged_at = Some(now);
            pull.merged_by = Some(actor.account);
            pull.merge_commit = Some(commit.clone());
        }
        thread.open = false;
        thread.updated_at = now;
        thread.closed_at = Some(now);
        thread.closed_by = Some(actor.account);
        self.move_ref(
            repository_id,
            actor,
            &format!("refs/heads/{base_ref}"),
            Some(&commit),
        )?;
        self.note(
            repository_id,
            number,
            actor,
            "merged",
            json!({"commit_id": commit}),
        )?;
        self.note(repository_id, number, actor, "closed", json!({}))?;
        if order == CloseOrder::PullRequestFirst {
            self.emit_thread(repository_id, number, "closed", actor, json!({}))?;
        }
        for issue in closes {
            if self.thread(repository_id, issue).is_ok() {
                self.set_open(repository_id, issue, actor, false, Some("completed"))?;
            }
        }
        if order == CloseOrder::IssueFirst {
            self.emit_thread(repository_id, number, "closed", actor, json!({}))?;
        }
        Ok(commit)
    }

    /// Name and address that an account commits with.
    pub(in super::super) fn signer(&self, actor: Actor) -> Signer {
        let login = self
            .accounts
            .get(&actor.account)
            .map_or("ghost", |a| a.login.as_str());
        Signer {
            name: login.to_owned(),
            email: format!("{}+{login}@users.noreply.github.com", actor.account),
            at: self.now(),
        }
    }
}

/// A 422 that says one sentence, as pull requests do.
fn sentence(message: &str) -> Problem {
    let mut problem = Problem::new(422, "Validation Failed");
    problem
        .errors
        .push(json!({"resource": "PullRequest", "code": "custom", "message": message}));
    problem
}

/// The issues that a text closes by keyword, such as `Closes #12` or `fixes: owner/name#12`.
fn closed_by_keyword(text: &str, full_name: &str) -> Vec<u64> {
    const KEYWORDS: &[&str] = &[
        "close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved",
    ];
    let mut found = Vec::new();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let word = word
            .trim_start_matches(['(', '*', '_'])
            .trim_end_matches(':')
            .to_lowercase();
        if !KEYWORDS.contains(&word.as_str()) {
            continue;
        }
        let Some(target) = words.peek() else { break };
        let reference = target.strip_prefix(full_name).unwrap_or(target);
        let digits: String = reference
            .strip_prefix('#')
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        if let Ok(number) = digits.parse() {
            found.push(number);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::closed_by_keyword;

    #[test]
    fn closing_keywords_are_read_as_github_reads_them() {
        assert_eq!(
            closed_by_keyword("Closes #12. Also fixes: o/r#3, see #4", "o/r"),
            [12, 3]
        );
        assert_eq!(
            closed_by_keyword("closes#1 disclose #2 fix x/y#3", "o/r"),
            [0_u64; 0]
        );
    }
}
