//! What happens to installations and repositories as wholes.

use serde_json::json;

use super::super::problem::Problem;
use super::super::shape::repository_brief;
use super::super::world::{Actor, World};

impl World {
    /// Suspends an installation or wakes it again; its tokens fail while it sleeps.
    pub(in super::super) fn set_suspended(
        &mut self,
        installation: u64,
        actor: Actor,
        suspended: bool,
    ) -> Result<(), Problem> {
        let now = self.now();
        let found = self
            .installations
            .get_mut(&installation)
            .ok_or_else(Problem::not_found)?;
        if found.suspended_at.is_some() == suspended {
            return Ok(());
        }
        found.suspended_at = suspended.then_some(now);
        let action = if suspended { "suspend" } else { "unsuspend" };
        self.emit_installation(
            installation,
            "installation",
            action,
            actor,
            json!({"requester": null}),
        );
        Ok(())
    }

    /// Uninstalls: tokens die, `installation.deleted`.
    pub(in super::super) fn uninstall(&mut self, installation: u64, actor: Actor) -> Result<(), Problem> {
        let repositories = self.repositories_of(installation);
        self.emit_installation(
            installation,
            "installation",
            "deleted",
            actor,
            json!({"repositories": repositories, "requester": null}),
        );
        self.installations
            .remove(&installation)
            .ok_or_else(Problem::not_found)?;
        Ok(())
    }

    /// Takes a repository out of an installation or puts it in: `installation_repositories`.
    pub(in super::super) fn set_installed(
        &mut self,
        installation: u64,
        repository: u64,
        actor: Actor,
        installed: bool,
    ) -> Result<(), Problem> {
        let owner = self.repo(repository)?.owner_id;
        let all: Vec<u64> = self
            .repositories
            .values()
            .filter(|r| r.owner_id == owner)
            .map(|r| r.id)
            .collect();
        let found = self
            .installations
            .get_mut(&installation)
            .ok_or_else(Problem::not_found)?;
        let chosen = found.selected.get_or_insert(all);
        chosen.retain(|id| *id != repository);
        if installed {
            chosen.push(repository);
        }
        let brief = json!([repository_brief(self.repo(repository)?)]);
        let (added, removed) = if installed {
            (brief, json!([]))
        } else {
            (json!([]), brief)
        };
        let action = if installed { "added" } else { "removed" };
        let extra = json!({
            "repository_selection": "selected",
            "repositories_added": added,
            "repositories_removed": removed,
            "requester": null,
        });
        self.emit_installation(installation, "installation_repositories", action, actor, extra);
        Ok(())
    }

    /// Renames a repository; the old name redirects.
    pub(in super::super) fn rename(
        &mut self,
        repository: u64,
        actor: Actor,
        name: &str,
    ) -> Result<(), Problem> {
        let found = self.repo_mut(repository)?;
        let former = found.full_name();
        let before = std::mem::replace(&mut found.name, name.to_owned());
        found.former_names.push(former);
        let changes = json!({"changes": {"repository": {"name": {"from": before}}}});
        self.emit(repository, "repository", Some("renamed"), actor, changes);
        Ok(())
    }

    fn repositories_of(&self, installation: u64) -> serde_json::Value {
        let Some(found) = self.installations.get(&installation) else {
            return json!([]);
        };
        let inside =
            |r: &&super::super::world::Repository| r.owner_id == found.account_id && found.covers(r.id);
        self.repositories
            .values()
            .filter(inside)
            .map(repository_brief)
            .collect()
    }
}
