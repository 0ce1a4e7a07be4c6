//! What a story does as fate instead of as a person: roles, installations, tokens, webhooks, faults.

use std::collections::BTreeMap;

use serde_json::Value;

use super::faults::{Fault, FaultRule};
use super::hub::Hub;
use super::problem::Problem;
use super::world::{AccountKind, Actor, RepositoryRole, Webhook, World};

impl Hub {
    /// Gives a person another role in the first repository.
    pub fn set_role(&self, user: &str, role: RepositoryRole) {
        self.act(|world| {
            let account = world.ensure_account(user, AccountKind::User);
            let first = world.first_repository().id;
            if let Some(repository) = world.repositories.get_mut(&first) {
                repository.roles.insert(account, role);
            }
        });
    }

    /// Suspends the App's installation on the first repository's owner.
    pub fn suspend_installation(&self) {
        self.with_installation(|world, id, owner| world.set_suspended(id, owner, true));
    }

    /// Wakes a suspended installation.
    pub fn unsuspend_installation(&self) {
        self.with_installation(|world, id, owner| world.set_suspended(id, owner, false));
    }

    /// Removes the App from the first repository's owner.
    pub fn uninstall(&self) {
        self.with_installation(World::uninstall);
    }

    /// Takes the first repository out of the installation, or puts it back.
    pub fn set_installed(&self, installed: bool) {
        self.with_installation(|world, id, owner| {
            let repository = world.first_repository().id;
            world.set_installed(id, repository, owner, installed)
        });
    }

    fn with_installation(&self, act: impl FnOnce(&mut World, u64, Actor) -> Result<(), Problem>) {
        self.act(|world| {
            let owner = world.first_repository().owner_id;
            let id = world
                .installations
                .values()
                .find(|i| i.account_id == owner)
                .map(|i| i.id);
            if let Some(id) = id {
                // There is no such installation only if the story removed it before.
                let _ = act(world, id, Actor::person(owner));
            }
        });
    }

    /// Sets where the App's webhooks go, and sends it a ping.
    pub fn set_webhook(&self, url: &str, secret: &str) {
        self.act(|world| {
            let first = world.apps.keys().next().copied();
            if let Some(app) = first.and_then(|id| world.apps.get_mut(&id)) {
                let id = app.id;
                app.webhook = Some(Webhook {
                    url: url.to_owned(),
                    secret: secret.to_owned(),
                });
                world.ping(id);
            }
        });
    }

    /// Sends any payload as an event; returns the GUID of the delivery.
    pub fn send_event(&self, event: &str, payload: &Value) -> String {
        self.act(|world| {
            let app = world.apps.keys().next().copied().unwrap_or(0);
            let action = payload.get("action").and_then(Value::as_str);
            let id = world.enqueue(app, event, action, None, None, payload);
            world
                .deliveries
                .iter()
                .find(|d| d.id == id)
                .map(|d| d.guid.clone())
                .unwrap_or_default()
        })
    }

    /// Ends the life of every token now.
    pub fn expire_tokens(&self) {
        self.act(|world| {
            let now = world.now();
            for token in &mut world.tokens {
                token.expires_at = token.expires_at.min(now);
            }
        });
    }

    /// Changes what the App may do in all its installations; living tokens keep what they have.
    pub fn set_permissions(&self, permissions: &[(&str, &str)]) {
        let permissions: BTreeMap<String, String> = permissions
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        self.act(|world| {
            for installation in world.installations.values_mut() {
                installation.permissions.clone_from(&permissions);
            }
        });
    }

    /// Lets requests go wrong by a rule.
    pub fn fault(&self, rule: FaultRule) {
        self.act(|world| world.faults.add(rule));
    }

    /// Lets requests go wrong by chance: `per_mille` of them, the same ones for the same seed and requests.
    pub fn chaos(&self, seed: u64, per_mille: u64, kinds: Vec<Fault>) {
        self.act(|world| world.faults.chaos(seed, per_mille, kinds));
    }

    /// Ends all faults.
    pub fn no_faults(&self) {
        self.act(|world| world.faults.clear());
    }

    /// Registers a manifest as GitHub's page does; returns the code for its conversion.
    pub fn register_manifest(&self, manifest: Value) -> String {
        self.act(|world| {
            let code = super::acts::guid().replace('-', "");
            world.manifests.insert(code.clone(), manifest);
            code
        })
    }
}
