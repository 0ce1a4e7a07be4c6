//! Apps and installations as JSON.

use serde_json::{Value, json};

use super::super::world::{App, Installation, World};
use super::{maybe, moment};

impl World {
    /// An App as it describes itself.
    pub(in super::super) fn app_json(&self, app: &App) -> Value {
        json!({
            "id": app.id,
            "slug": app.slug,
            "node_id": format!("A_{}", app.id),
            "client_id": app.client_id,
            "owner": self.user_json(app.owner_id),
            "name": app.name,
            "description": "",
            "external_url": "https://example.com/",
            "html_url": format!("{}/apps/{}", self.base, app.slug),
            "created_at": moment(app.created_at),
            "updated_at": moment(app.created_at),
            "permissions": app.permissions,
            "events": app.events,
            "installations_count": self.installations.values().filter(|i| i.app_id == app.id).count(),
        })
    }

    /// What stands under `performed_via_github_app`.
    pub(in super::super) fn via_json(&self, app: Option<u64>) -> Value {
        app.and_then(|id| self.apps.get(&id))
            .map_or(Value::Null, |app| self.app_json(app))
    }

    /// An installation.
    pub(in super::super) fn installation_json(&self, installation: &Installation) -> Value {
        let app = self.apps.get(&installation.app_id);
        let kind = self
            .accounts
            .get(&installation.account_id)
            .map_or("User", |a| a.kind.word());
        let page = format!("{}/settings/installations/{}", self.base, installation.id);
        json!({
            "id": installation.id,
            "client_id": app.map(|a| a.client_id.clone()),
            "account": self.user_json(installation.account_id),
            "repository_selection": if installation.selected.is_some() { "selected" } else { "all" },
            "access_tokens_url": format!("{}/app/installations/{}/access_tokens", self.api(), installation.id),
            "repositories_url": format!("{}/installation/repositories", self.api()),
            "html_url": page,
            "app_id": installation.app_id,
            "app_slug": app.map(|a| a.slug.clone()),
            "target_id": installation.account_id,
            "target_type": kind,
            "permissions": installation.permissions,
            "events": app.map(|a| a.events.clone()),
            "created_at": moment(installation.created_at),
            "updated_at": moment(installation.suspended_at.unwrap_or(installation.created_at)),
            "single_file_name": null,
            "has_multiple_single_files": false,
            "single_file_paths": [],
            "suspended_by": installation.suspended_at.map(|_| self.user_json(installation.account_id)),
            "suspended_at": maybe(installation.suspended_at),
        })
    }
}
