//! From an event to the webhook deliveries it is due.

use serde_json::{Map, Value, json};

use super::super::world::{Actor, Delivery, World};
use super::guid;

/// Events every App gets without subscribing.
const ALWAYS: &[&str] = &[
    "installation",
    "installation_repositories",
    "installation_target",
    "github_app_authorization",
    "ping",
];

impl World {
    /// Sends an event in a repository to every App that is installed there and subscribes to it.
    pub(in super::super) fn emit(
        &mut self,
        repository_id: u64,
        event: &str,
        action: Option<&str>,
        actor: Actor,
        extra: Value,
    ) {
        let Some(repository) = self.repositories.get(&repository_id) else {
            return;
        };
        let mut common = Map::new();
        if let Some(action) = action {
            common.insert("action".to_owned(), json!(action));
        }
        if let Value::Object(extra) = extra {
            common.extend(extra);
        }
        if let Some(Value::Object(issue)) = common.get_mut("issue") {
            // Only the API says who closed an issue.
            issue.remove("closed_by");
        }
        let mut shown = self.repository_json(repository);
        if event == "push" {
            // Pushes are older than the rest: their moments are numbers, their owners have names.
            shown["created_at"] = json!(repository.created_at.0.div_euclid(1000));
            shown["pushed_at"] = json!(repository.pushed_at.0.div_euclid(1000));
            shown["owner"]["name"] = json!(repository.owner);
            shown["owner"]["email"] = Value::Null;
        }
        common.insert("repository".to_owned(), shown);
        if self.owned_by_organization(repository) {
            common.insert(
                "organization".to_owned(),
                self.organization_json(repository.owner_id),
            );
        }
        common.insert("sender".to_owned(), self.user_json(actor.account));
        let due: Vec<(u64, u64)> = self
            .apps
            .values()
            .filter(|app| app.webhook.is_some() && app.events.iter().any(|e| e == event))
            .filter_map(|app| {
                let installation = self.installation_for(app.id, repository_id)?;
                installation
                    .suspended_at
                    .is_none()
                    .then_some((app.id, installation.id))
            })
            .collect();
        for (app, installation) in due {
            let mut payload = common.clone();
            payload.insert(
                "installation".to_owned(),
                json!({"id": installation, "node_id": format!("MDI_{installation}")}),
            );
            self.enqueue(
                app,
                event,
                action,
                Some(installation),
                Some(repository_id),
                &Value::Object(payload),
            );
        }
    }

    /// Sends an event about an installation itself to its App.
    pub(in super::super) fn emit_installation(
        &mut self,
        installation_id: u64,
        event: &str,
        action: &str,
        actor: Actor,
        extra: Value,
    ) {
        debug_assert!(
            ALWAYS.contains(&event),
            "{event} is not an event of installations"
        );
        let Some(installation) = self.installations.get(&installation_id) else {
            return;
        };
        let app = installation.app_id;
        if self.apps.get(&app).is_none_or(|a| a.webhook.is_none()) {
            return;
        }
        let mut payload = json!({
            "action": action,
            "installation": self.installation_json(installation),
            "sender": self.user_json(actor.account),
        });
        if let (Some(payload), Value::Object(extra)) = (payload.as_object_mut(), extra) {
            payload.extend(extra);
        }
        self.enqueue(app, event, Some(action), Some(installation_id), None, &payload);
    }

    /// Sends the greeting that GitHub sends when a webhook is set up.
    pub(in super::super) fn ping(&mut self, app_id: u64) {
        let Some(app) = self.apps.get(&app_id) else { return };
        let payload = json!({
            "zen": "Keep it logically awesome.",
            "hook_id": app.hook_id,
            "hook": {
                "type": "App", "id": app.hook_id, "name": "web", "active": true, "app_id": app_id,
                "created_at": app.created_at.to_string(), "updated_at": app.created_at.to_string(),
                "deliveries_url": format!("{}/app/hook/deliveries", self.api()),
                "events": app.events,
                "config": {
                    "content_type": "json", "insecure_ssl": "0", "secret": "********",
                    "url": app.webhook.as_ref().map(|w| w.url.clone()),
                },
            },
        });
        self.enqueue(app_id, "ping", None, None, None, &payload);
    }

    /// Puts a delivery of any content into the queue, for payloads that GitHub might send one day.
    pub(in super::super) fn enqueue(
        &mut self,
        app_id: u64,
        event: &str,
        action: Option<&str>,
        installation_id: Option<u64>,
        repository_id: Option<u64>,
        payload: &Value,
    ) -> u64 {
        let id = self.fresh_id();
        let delivery = Delivery {
            id,
            guid: guid(),
            app_id,
            event: event.to_owned(),
            action: action.map(str::to_owned),
            installation_id,
            repository_id,
            body: payload.to_string().into(),
            created_at: self.now(),
            attempts: Vec::new(),
            dropped: false,
        };
        self.deliveries.push(delivery);
        self.outbox.push_back(id);
        id
    }
}
