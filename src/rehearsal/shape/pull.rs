//! Pull requests, reviews and comments on lines as JSON.

use serde_json::{Value, json};

use super::super::objects;
use super::super::world::{Pull, Repository, Review, ReviewComment, Thread, World};
use super::{maybe, moment, rollup};

impl World {
    /// A pull request in a list or a webhook of reviews.
    pub(in super::super) fn pull_json(&self, repository: &Repository, thread: &Thread, pull: &Pull) -> Value {
        let api = self.repository_api(repository);
        let url = format!("{api}/pulls/{}", thread.number);
        let issue = format!("{api}/issues/{}", thread.number);
        let page = format!("{}/pull/{}", self.repository_page(repository), thread.number);
        let users = |ids: &[u64]| ids.iter().map(|id| self.user_json(*id)).collect::<Vec<_>>();
        let mut json = json!({
            "url": url,
            "id": pull.id,
            "node_id": format!("PR_{}", pull.id),
            "html_url": page,
            "diff_url": format!("{page}.diff"),
            "patch_url": format!("{page}.patch"),
            "issue_url": issue,
            "number": thread.number,
            "state": if thread.open { "open" } else { "closed" },
            "locked": thread.locked,
            "title": thread.title,
            "user": self.user_json(thread.author),
            "body": thread.body,
            "created_at": moment(thread.created_at),
            "updated_at": moment(thread.updated_at),
            "closed_at": maybe(thread.closed_at),
            "merged_at": maybe(pull.merged_at),
            "merge_commit_sha": pull.merge_commit,
            "assignee": thread.assignees.first().map_or(Value::Null, |id| self.user_json(*id)),
            "assignees": users(&thread.assignees),
        });
        json["requested_reviewers"] = json!(users(&pull.requested_reviewers));
        json["requested_teams"] = json!([]);
        json["labels"] = json!(self.labels_json(repository, thread));
        json["milestone"] = Value::Null;
        json["draft"] = json!(pull.draft);
        json["commits_url"] = json!(format!("{url}/commits"));
        json["review_comments_url"] = json!(format!("{url}/comments"));
        json["review_comment_url"] = json!(format!("{api}/pulls/comments{{/number}}"));
        json["comments_url"] = json!(format!("{issue}/comments"));
        json["statuses_url"] = json!(format!("{api}/statuses/{}", pull.head_sha));
        json["head"] = self.side(repository, &pull.head_ref, &pull.head_sha);
        json["base"] = self.side(repository, &pull.base_ref, &pull.base_sha);
        let link = |href: String| json!({"href": href});
        json["_links"] = json!({
            "self": link(url.clone()),
            "html": link(page),
            "issue": link(issue.clone()),
            "comments": link(format!("{issue}/comments")),
            "review_comments": link(format!("{url}/comments")),
            "review_comment": link(format!("{api}/pulls/comments{{/number}}")),
            "commits": link(format!("{url}/commits")),
            "statuses": link(format!("{api}/statuses/{}", pull.head_sha)),
        });
        json["author_association"] = json!(self.association(repository, thread.author));
        json["auto_merge"] = Value::Null;
        json["active_lock_reason"] = Value::Null;
        json
    }

    /// A pull request on its own, with what its commits add up to.
    pub(in super::super) fn pull_full(&self, repository: &Repository, thread: &Thread, pull: &Pull) -> Value {
        let mut json = self.pull_json(repository, thread, pull);
        let change = objects::compare(&repository.dir, &pull.base_sha, &pull.head_sha).ok();
        let files = change.as_ref().map(|c| c.files.as_slice()).unwrap_or_default();
        json["merged"] = json!(pull.merged_at.is_some());
        let mergeable = thread.open.then(|| {
            let base = objects::branch_tip(&repository.dir, &pull.base_ref)?;
            Some(
                objects::merged_tree(&repository.dir, &base, &pull.head_sha)
                    .ok()?
                    .is_some(),
            )
        });
        let mergeable = mergeable.flatten();
        json["mergeable"] = json!(mergeable);
        json["rebaseable"] = json!(mergeable);
        json["mergeable_state"] = json!(match mergeable {
            Some(true) if pull.draft => "draft",
            Some(true) => "clean",
            Some(false) => "dirty",
            None => "unknown",
        });
        json["merged_by"] = pull.merged_by.map_or(Value::Null, |id| self.user_json(id));
        json["comments"] = json!(thread.comments.len());
        json["review_comments"] = json!(pull.review_comments.len());
        json["maintainer_can_modify"] = json!(false);
        json["commits"] = json!(change.as_ref().map_or(0, |c| c.ahead.len()));
        json["additions"] = json!(files.iter().map(|f| f.additions).sum::<usize>());
        json["deletions"] = json!(files.iter().map(|f| f.deletions).sum::<usize>());
        json["changed_files"] = json!(files.len());
        json
    }

    fn side(&self, repository: &Repository, branch: &str, sha: &str) -> Value {
        json!({
            "label": format!("{}:{branch}", repository.owner),
            "ref": branch,
            "sha": sha,
            "user": self.user_json(repository.owner_id),
            "repo": self.repository_json(repository),
        })
    }

    /// A review.
    pub(in super::super) fn review_json(
        &self,
        repository: &Repository,
        thread: &Thread,
        review: &Review,
    ) -> Value {
        let page = format!("{}/pull/{}", self.repository_page(repository), thread.number);
        let html = format!("{page}#pullrequestreview-{}", review.id);
        let pull = format!("{}/pulls/{}", self.repository_api(repository), thread.number);
        json!({
            "id": review.id,
            "node_id": format!("PRR_{}", review.id),
            "user": self.user_json(review.author),
            "body": review.body,
            "state": review.state.word(),
            "html_url": html,
            "pull_request_url": pull,
            "author_association": self.association(repository, review.author),
            "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
            "submitted_at": moment(review.submitted_at),
            "commit_id": review.commit,
        })
    }

    /// A comment on a line.
    pub(in super::super) fn review_comment_json(
        &self,
        repository: &Repository,
        thread: &Thread,
        comment: &ReviewComment,
    ) -> Value {
        let api = self.repository_api(repository);
        let url = format!("{api}/pulls/comments/{}", comment.id);
        let pull = format!("{api}/pulls/{}", thread.number);
        let html = format!(
            "{}/pull/{}#discussion_r{}",
            self.repository_page(repository),
            thread.number,
            comment.id
        );
        let mut json = json!({
            "url": url,
            "pull_request_review_id": comment.review,
            "id": comment.id,
            "node_id": format!("PRRC_{}", comment.id),
            "diff_hunk": "",
            "path": comment.path,
            "commit_id": comment.commit,
            "original_commit_id": comment.commit,
            "user": self.user_json(comment.author),
            "body": comment.body,
            "created_at": moment(comment.created_at),
            "updated_at": moment(comment.updated_at),
            "html_url": html,
            "pull_request_url": pull,
            "author_association": self.association(repository, comment.author),
            "_links": {"self": {"href": url}, "html": {"href": html}, "pull_request": {"href": pull}},
            "reactions": rollup(&url, &[]),
            "line": comment.line,
            "original_line": comment.line,
            "side": "RIGHT",
            "start_line": null,
            "original_start_line": null,
            "start_side": null,
            "subject_type": "line",
            "position": 1,
            "original_position": 1,
        });
        if let Some(parent) = comment.in_reply_to {
            json["in_reply_to_id"] = json!(parent);
        }
        json
    }
}
