//! Comments in issues and pull requests.

use serde_json::{Value, json};

use super::super::problem::Problem;
use super::super::world::{Actor, Comment, Edit, World};
use super::check_body;

impl World {
    /// Writes a comment: `issue_comment.created`, also in pull requests.
    pub(in super::super) fn add_comment(
        &mut self,
        repository: u64,
        number: u64,
        actor: Actor,
        body: &str,
    ) -> Result<u64, Problem> {
        if body.trim().is_empty() {
            return Err(Problem::custom("IssueComment", "body", "body cannot be blank"));
        }
        check_body("IssueComment", body)?;
        self.thread(repository, number)?;
        let (id, now) = (self.fresh_id(), self.now());
        let comment = Comment {
            id,
            author: actor.account,
            app: actor.app,
            body: body.to_owned(),
            created_at: now,
            updated_at: now,
            edits: Vec::new(),
            minimized: None,
            reactions: Vec::new(),
        };
        let thread = self.thread_mut(repository, number)?;
        thread.comments.push(comment);
        thread.updated_at = now;
        self.emit_comment(id, "created", actor, json!({}))?;
        Ok(id)
    }

    /// Changes a comment: `issue_comment.edited` with what it said before.
    pub(in super::super) fn change_comment(
        &mut self,
        id: u64,
        actor: Actor,
        body: &str,
    ) -> Result<(), Problem> {
        if body.trim().is_empty() {
            return Err(Problem::custom("IssueComment", "body", "body cannot be blank"));
        }
        check_body("IssueComment", body)?;
        let now = self.now();
        let comment = self.comment_mut(id)?;
        if comment.body == body {
            return Ok(());
        }
        let before = std::mem::replace(&mut comment.body, body.to_owned());
        comment.edits.push(Edit {
            at: now,
            editor: actor.account,
            before: before.clone(),
        });
        comment.updated_at = now;
        self.emit_comment(
            id,
            "edited",
            actor,
            json!({"changes": {"body": {"from": before}}}),
        )
    }

    /// Deletes a comment: `issue_comment.deleted`.
    pub(in super::super) fn remove_comment(&mut self, id: u64, actor: Actor) -> Result<(), Problem> {
        self.emit_comment(id, "deleted", actor, json!({}))?;
        for repository in self.repositories.values_mut() {
            for thread in repository.threads.values_mut() {
                thread.comments.retain(|c| c.id != id);
            }
        }
        Ok(())
    }

    /// A comment by id.
    pub(in super::super) fn comment_mut(&mut self, id: u64) -> Result<&mut Comment, Problem> {
        self.repositories
            .values_mut()
            .flat_map(|r| r.threads.values_mut())
            .flat_map(|t| t.comments.iter_mut())
            .find(|c| c.id == id)
            .ok_or_else(Problem::not_found)
    }

    fn emit_comment(&mut self, id: u64, action: &str, actor: Actor, extra: Value) -> Result<(), Problem> {
        let (repository, thread, comment) = self.comment(id).ok_or_else(Problem::not_found)?;
        let mut payload = extra;
        payload["issue"] = self.issue_json(repository, thread);
        payload["comment"] = self.comment_json(repository, thread, comment);
        let repository = repository.id;
        self.emit(repository, "issue_comment", Some(action), actor, payload);
        Ok(())
    }
}
