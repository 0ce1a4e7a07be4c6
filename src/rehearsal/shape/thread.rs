//! Issues, comments and issue events as JSON.

use serde_json::{Value, json};

use super::super::world::{Comment, LoggedEvent, Repository, Thread, World};
use super::{maybe, moment, rollup};

impl World {
    /// An issue, or a pull request seen as one.
    pub(in super::super) fn issue_json(&self, repository: &Repository, thread: &Thread) -> Value {
        let api = self.repository_api(repository);
        let url = format!("{api}/issues/{}", thread.number);
        let kind = if thread.pull.is_some() { "pull" } else { "issues" };
        let page = format!("{}/{kind}/{}", self.repository_page(repository), thread.number);
        let node = if let Some(pull) = &thread.pull {
            format!("PR_{}", pull.id)
        } else {
            format!("I_{}", thread.id)
        };
        let mut issue = json!({
            "url": url,
            "repository_url": api,
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "html_url": page,
            "id": thread.id,
            "node_id": node,
            "number": thread.number,
            "title": thread.title,
            "user": self.user_json(thread.author),
            "labels": self.labels_json(repository, thread),
            "state": if thread.open { "open" } else { "closed" },
            "locked": thread.locked,
            "assignee": thread.assignees.first().map_or(Value::Null, |id| self.user_json(*id)),
            "assignees": thread.assignees.iter().map(|id| self.user_json(*id)).collect::<Vec<_>>(),
            "milestone": null,
            "comments": thread.comments.len(),
            "created_at": moment(thread.created_at),
            "updated_at": moment(thread.updated_at),
            "closed_at": maybe(thread.closed_at),
            "author_association": self.association(repository, thread.author),
            "active_lock_reason": null,
        });
        issue["body"] = json!(thread.body);
        issue["closed_by"] = thread.closed_by.map_or(Value::Null, |id| self.user_json(id));
        issue["reactions"] = rollup(&url, &thread.reactions);
        issue["timeline_url"] = json!(format!("{url}/timeline"));
        issue["performed_via_github_app"] = self.via_json(thread.app);
        issue["state_reason"] = json!(thread.state_reason);
        if let Some(pull) = &thread.pull {
            issue["draft"] = json!(pull.draft);
            issue["pull_request"] = json!({
                "url": format!("{api}/pulls/{}", thread.number),
                "html_url": page,
                "diff_url": format!("{page}.diff"),
                "patch_url": format!("{page}.patch"),
                "merged_at": maybe(pull.merged_at),
            });
        }
        issue
    }

    /// The labels on a thread.
    pub(in super::super) fn labels_json(&self, repository: &Repository, thread: &Thread) -> Vec<Value> {
        let find = |id: &u64| repository.labels.iter().find(|l| l.id == *id);
        thread
            .labels
            .iter()
            .filter_map(find)
            .map(|l| self.label_json(repository, l))
            .collect()
    }

    /// A comment.
    pub(in super::super) fn comment_json(
        &self,
        repository: &Repository,
        thread: &Thread,
        comment: &Comment,
    ) -> Value {
        let api = self.repository_api(repository);
        let kind = if thread.pull.is_some() { "pull" } else { "issues" };
        let page = self.repository_page(repository);
        let url = format!("{api}/issues/comments/{}", comment.id);
        json!({
            "url": url,
            "html_url": format!("{page}/{kind}/{}#issuecomment-{}", thread.number, comment.id),
            "issue_url": format!("{api}/issues/{}", thread.number),
            "id": comment.id,
            "node_id": format!("IC_{}", comment.id),
            "user": self.user_json(comment.author),
            "created_at": moment(comment.created_at),
            "updated_at": moment(comment.updated_at),
            "author_association": self.association(repository, comment.author),
            "body": comment.body,
            "reactions": rollup(&url, &comment.reactions),
            "performed_via_github_app": self.via_json(comment.app),
        })
    }

    /// An entry of an issue's event list.
    pub(in super::super) fn event_json(&self, repository: &Repository, event: &LoggedEvent) -> Value {
        let mut json = json!({
            "id": event.id,
            "node_id": format!("EV_{}", event.id),
            "url": format!("{}/issues/events/{}", self.repository_api(repository), event.id),
            "actor": self.user_json(event.actor),
            "event": event.event,
            "commit_id": null,
            "commit_url": null,
            "created_at": moment(event.created_at),
            "performed_via_github_app": null,
        });
        if let (Some(target), Some(extra)) = (json.as_object_mut(), event.extra.as_object()) {
            target.extend(extra.clone());
        }
        json
    }
}
