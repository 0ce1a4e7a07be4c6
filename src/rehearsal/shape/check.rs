//! Check runs and statuses as JSON.

use serde_json::{Value, json};

use super::super::world::{CheckRun, Repository, Status, World};
use super::{maybe, moment};

impl World {
    /// A check run.
    pub(in super::super) fn check_run_json(&self, repository: &Repository, run: &CheckRun) -> Value {
        let url = format!("{}/check-runs/{}", self.repository_api(repository), run.id);
        let text = |field: &str| run.output.get(field).cloned().unwrap_or(Value::Null);
        json!({
            "id": run.id,
            "name": run.name,
            "node_id": format!("CR_{}", run.id),
            "head_sha": run.head_sha,
            "external_id": run.external_id,
            "url": url,
            "html_url": format!("{}/runs/{}", self.repository_page(repository), run.id),
            "details_url": run.details_url,
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": moment(run.started_at),
            "completed_at": maybe(run.completed_at),
            "output": {
                "title": text("title"),
                "summary": text("summary"),
                "text": text("text"),
                "annotations_count": run.annotations.len(),
                "annotations_url": format!("{url}/annotations"),
            },
            "check_suite": {"id": run.app_id},
            "app": self.via_json(Some(run.app_id)),
            "pull_requests": [],
        })
    }

    /// A status.
    pub(in super::super) fn status_json(&self, repository: &Repository, status: &Status) -> Value {
        json!({
            "url": format!("{}/statuses/{}", self.repository_api(repository), status.sha),
            "avatar_url": format!("{}/avatars/u/{}", self.base, status.creator),
            "id": status.id,
            "node_id": format!("SC_{}", status.id),
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": moment(status.created_at),
            "updated_at": moment(status.created_at),
            "creator": self.user_json(status.creator),
        })
    }
}
