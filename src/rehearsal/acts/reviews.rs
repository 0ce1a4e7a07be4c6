//! Reviews and comments on lines.

use serde_json::json;

use super::super::problem::Problem;
use super::super::world::{Actor, Review, ReviewComment, ReviewState, World};
use super::check_body;

/// A comment on a line, to be written.
#[derive(Debug, Clone)]
pub(in super::super) struct NewLine {
    pub(in super::super) path: String,
    pub(in super::super) line: u64,
    pub(in super::super) body: String,
    pub(in super::super) in_reply_to: Option<u64>,
}

impl World {
    /// Sends a review: `pull_request_review.submitted`, then a `pull_request_review_comment.created` a line.
    ///
    /// # Errors
    /// 422 for a review without text where it needs one, and for the verdict of the author on his own.
    pub(in super::super) fn add_review(
        &mut self,
        repository_id: u64,
        number: u64,
        actor: Actor,
        state: ReviewState,
        body: &str,
        lines: &[NewLine],
    ) -> Result<u64, Problem> {
        check_body("PullRequestReview", body)?;
        let thread = self.thread(repository_id, number)?;
        let pull = thread.pull.as_ref().ok_or_else(Problem::not_found)?;
        let verdict = matches!(state, ReviewState::Approved | ReviewState::ChangesRequested);
        if verdict && thread.author == actor.account {
            let what = if state == ReviewState::Approved {
                "approve"
            } else {
                "request changes on"
            };
            let mut problem = Problem::new(422, "Unprocessable Entity");
            problem
                .errors
                .push(json!(format!("Can not {what} your own pull request")));
            return Err(problem);
        }
        if state != ReviewState::Approved && body.trim().is_empty() && lines.is_empty() {
            return Err(Problem::custom(
                "PullRequestReview",
                "body",
                "body can't be blank",
            ));
        }
        let commit = pull.head_sha.clone();
        let (id, now) = (self.fresh_id(), self.now());
        let review = Review {
            id,
            author: actor.account,
            state,
            body: body.to_owned(),
            commit: commit.clone(),
            submitted_at: now,
        };
        let thread = self.thread_mut(repository_id, number)?;
        thread.updated_at = now;
        if let Some(pull) = &mut thread.pull {
            pull.reviews.push(review);
            pull.requested_reviewers.retain(|a| *a != actor.account);
        }
        let mut comments = Vec::new();
        for line in lines {
            comments.push(self.put_line(repository_id, number, actor, id, &commit, line)?);
        }
        let repository = self.repo(repository_id)?;
        let thread = self.thread(repository_id, number)?;
        let pull = thread.pull.as_ref().ok_or_else(Problem::not_found)?;
        let review = pull
            .reviews
            .iter()
            .find(|r| r.id == id)
            .ok_or_else(Problem::not_found)?;
        let mut json = self.review_json(repository, thread, review);
        json["state"] = json!(state.word().to_lowercase());
        let payload = json!({"review": json, "pull_request": self.pull_json(repository, thread, pull)});
        self.emit(
            repository_id,
            "pull_request_review",
            Some("submitted"),
            actor,
            payload,
        );
        for comment in comments {
            self.emit_line(repository_id, number, actor, comment, "created")?;
        }
        Ok(id)
    }

    /// Writes a single comment on a line, or an answer to one.
    pub(in super::super) fn add_line(
        &mut self,
        repository_id: u64,
        number: u64,
        actor: Actor,
        line: &NewLine,
    ) -> Result<u64, Problem> {
        check_body("PullRequestReviewComment", &line.body)?;
        if line.body.trim().is_empty() {
            return Err(Problem::invalid(
                "PullRequestReviewComment",
                "body",
                "missing_field",
            ));
        }
        let thread = self.thread(repository_id, number)?;
        let commit = thread
            .pull
            .as_ref()
            .ok_or_else(Problem::not_found)?
            .head_sha
            .clone();
        let review = self.fresh_id();
        let id = self.put_line(repository_id, number, actor, review, &commit, line)?;
        self.emit_line(repository_id, number, actor, id, "created")?;
        Ok(id)
    }

    fn put_line(
        &mut self,
        repository_id: u64,
        number: u64,
        actor: Actor,
        review: u64,
        commit: &str,
        line: &NewLine,
    ) -> Result<u64, Problem> {
        let (id, now) = (self.fresh_id(), self.now());
        let comment = ReviewComment {
            id,
            review,
            in_reply_to: line.in_reply_to,
            author: actor.account,
            body: line.body.clone(),
            path: line.path.clone(),
            line: line.line,
            commit: commit.to_owned(),
            created_at: now,
            updated_at: now,
        };
        let pull = self
            .thread_mut(repository_id, number)?
            .pull
            .as_mut()
            .ok_or_else(Problem::not_found)?;
        pull.review_comments.push(comment);
        Ok(id)
    }

    fn emit_line(
        &mut self,
        repository_id: u64,
        number: u64,
        actor: Actor,
        comment: u64,
        action: &str,
    ) -> Result<(), Problem> {
        let repository = self.repo(repository_id)?;
        let thread = self.thread(repository_id, number)?;
        let pull = thread.pull.as_ref().ok_or_else(Problem::not_found)?;
        let comment = pull
            .review_comments
            .iter()
            .find(|c| c.id == comment)
            .ok_or_else(Problem::not_found)?;
        let payload = json!({
            "comment": self.review_comment_json(repository, thread, comment),
            "pull_request": self.pull_json(repository, thread, pull),
        });
        self.emit(
            repository_id,
            "pull_request_review_comment",
            Some(action),
            actor,
            payload,
        );
        Ok(())
    }
}
