//! Issues, and the issue side of pull requests: opening, editing, closing, labels, assignees.

use serde_json::{Value, json};

use super::super::problem::Problem;
use super::super::world::{Actor, Edit, Label, LoggedEvent, Thread, World};
use super::{check_body, check_title};

/// An issue to be opened.
#[derive(Debug, Default)]
pub(in super::super) struct NewThread {
    pub(in super::super) title: String,
    pub(in super::super) body: Option<String>,
    pub(in super::super) labels: Vec<String>,
    pub(in super::super) assignees: Vec<u64>,
}

impl World {
    /// Opens an issue: `issues.opened`, then `issues.labeled` for each label.
    pub(in super::super) fn open_issue(
        &mut self,
        repository: u64,
        actor: Actor,
        new: &NewThread,
    ) -> Result<u64, Problem> {
        check_title("Issue", &new.title)?;
        check_body("Issue", new.body.as_deref().unwrap_or_default())?;
        let number = self.new_thread(repository, actor, &new.title, new.body.clone())?;
        self.thread_mut(repository, number)?
            .assignees
            .clone_from(&new.assignees);
        let labels = new
            .labels
            .iter()
            .map(|l| self.ensure_label(repository, l))
            .collect::<Result<Vec<_>, _>>()?;
        self.thread_mut(repository, number)?.labels.clone_from(&labels);
        self.emit_thread(repository, number, "opened", actor, json!({}))?;
        for id in labels {
            self.note_label(repository, number, actor, id, "labeled")?;
        }
        Ok(number)
    }

    /// Takes the next number for an issue or a pull request.
    pub(super) fn new_thread(
        &mut self,
        repository: u64,
        actor: Actor,
        title: &str,
        body: Option<String>,
    ) -> Result<u64, Problem> {
        let (id, now) = (self.fresh_id(), self.now());
        let repository = self.repo_mut(repository)?;
        let number = repository.threads.keys().next_back().copied().unwrap_or(0) + 1;
        let thread = Thread {
            id,
            number,
            title: title.to_owned(),
            body,
            author: actor.account,
            app: actor.app,
            open: true,
            state_reason: None,
            locked: false,
            labels: Vec::new(),
            assignees: Vec::new(),
            comments: Vec::new(),
            reactions: Vec::new(),
            events: Vec::new(),
            edits: Vec::new(),
            created_at: now,
            updated_at: now,
            closed_at: None,
            closed_by: None,
            pull: None,
        };
        repository.threads.insert(number, thread);
        Ok(number)
    }

    /// Sends `issues` or, for a pull request, `pull_request` with this action.
    pub(in super::super) fn emit_thread(
        &mut self,
        repository_id: u64,
        number: u64,
        action: &str,
        actor: Actor,
        extra: Value,
    ) -> Result<(), Problem> {
        let repository = self.repo(repository_id)?;
        let thread = self.thread(repository_id, number)?;
        let mut payload = extra;
        let event = if let Some(pull) = &thread.pull {
            payload["number"] = json!(number);
            payload["pull_request"] = self.pull_full(repository, thread, pull);
            "pull_request"
        } else {
            payload["issue"] = self.issue_json(repository, thread);
            "issues"
        };
        self.emit(repository_id, event, Some(action), actor, payload);
        Ok(())
    }

    /// Changes title or text: `edited` with what it was before.
    #[expect(
        clippy::option_option,
        reason = "a text can be left alone, removed or replaced"
    )]
    pub(in super::super) fn edit_thread(
        &mut self,
        repository: u64,
        number: u64,
        actor: Actor,
        title: Option<&str>,
        body: Option<Option<&str>>,
    ) -> Result<(), Problem> {
        let resource = if self.thread(repository, number)?.pull.is_some() {
            "PullRequest"
        } else {
            "Issue"
        };
        if let Some(title) = title {
            check_title(resource, title)?;
        }
        check_body(resource, body.flatten().unwrap_or_default())?;
        let now = self.now();
        let thread = self.thread_mut(repository, number)?;
        let mut changes = json!({});
        if let Some(title) = title.filter(|t| *t != thread.title) {
            changes["title"] = json!({"from": thread.title});
            title.clone_into(&mut thread.title);
        }
        if let Some(body) = body.filter(|b| *b != thread.body.as_deref()) {
            let before = thread.body.take().unwrap_or_default();
            changes["body"] = json!({"from": before});
            thread.edits.push(Edit {
                at: now,
                editor: actor.account,
                before,
            });
            thread.body = body.map(str::to_owned);
        }
        if changes.as_object().is_none_or(serde_json::Map::is_empty) {
            return Ok(());
        }
        thread.updated_at = now;
        if let Some(from) = changes.get("title").and_then(|t| t.get("from")) {
            let rename = json!({"rename": {"from": from, "to": self.thread(repository, number)?.title}});
            self.note(repository, number, actor, "renamed", rename)?;
        }
        self.emit_thread(repository, number, "edited", actor, json!({"changes": changes}))
    }

    /// Closes or reopens; nothing happens where it is so already.
    pub(in super::super) fn set_open(
        &mut self,
        repository: u64,
        number: u64,
        actor: Actor,
        open: bool,
        reason: Option<&str>,
    ) -> Result<(), Problem> {
        let now = self.now();
        let thread = self.thread_mut(repository, number)?;
        if thread.open == open {
            return Ok(());
        }
        if open && thread.pull.as_ref().is_some_and(|p| p.merged_at.is_some()) {
            return Err(Problem::invalid("PullRequest", "state", "invalid"));
        }
        thread.open = open;
        thread.updated_at = now;
        thread.closed_at = (!open).then_some(now);
        thread.closed_by = (!open).then_some(actor.account);
        if thread.pull.is_none() {
            let word = if open {
                "reopened"
            } else {
                reason.unwrap_or("completed")
            };
            thread.state_reason = Some(word.to_owned());
        }
        let action = if open { "reopened" } else { "closed" };
        self.note(repository, number, actor, action, json!({}))?;
        self.emit_thread(repository, number, action, actor, json!({}))
    }

    /// Puts labels on by name, creating unknown ones; those already there send nothing.
    pub(in super::super) fn add_labels(
        &mut self,
        repository: u64,
        number: u64,
        actor: Actor,
        names: &[String],
    ) -> Result<(), Problem> {
        self.thread(repository, number)?;
        for name in names {
            let id = self.ensure_label(repository, name)?;
            let now = self.now();
            let thread = self.thread_mut(repository, number)?;
            if thread.labels.contains(&id) {
                continue;
            }
            thread.labels.push(id);
            thread.updated_at = now;
            self.note_label(repository, number, actor, id, "labeled")?;
        }
        Ok(())
    }

    /// Takes a label off.
    ///
    /// # Errors
    /// 404 where it is not on, with GitHub's sentence.
    pub(in super::super) fn remove_label(
        &mut self,
        repository: u64,
        number: u64,
        actor: Actor,
        name: &str,
    ) -> Result<(), Problem> {
        let id = self.repo(repository)?.label(name).map(|l| l.id);
        let now = self.now();
        let thread = self.thread_mut(repository, number)?;
        let Some(id) = id.filter(|id| thread.labels.contains(id)) else {
            return Err(Problem::new(404, "Label does not exist"));
        };
        thread.labels.retain(|l| *l != id);
        thread.updated_at = now;
        self.note_label(repository, number, actor, id, "unlabeled")
    }

    /// Finds a label by name or creates it, as GitHub does for those who may write.
    pub(in super::super) fn ensure_label(&mut self, repository: u64, name: &str) -> Result<u64, Problem> {
        if let Some(label) = self.repo(repository)?.label(name) {
            return Ok(label.id);
        }
        self.create_label(repository, name, "ededed", None)
    }

    /// Creates a label.
    ///
    /// # Errors
    /// 422 for a name that is taken, empty or too long, and for a color that is none.
    pub(in super::super) fn create_label(
        &mut self,
        repository: u64,
        name: &str,
        color: &str,
        description: Option<String>,
    ) -> Result<u64, Problem> {
        check_label(name, color, description.as_deref())?;
        if self.repo(repository)?.label(name).is_some() {
            return Err(Problem::invalid("Label", "name", "already_exists"));
        }
        let id = self.fresh_id();
        let label = Label {
            id,
            name: name.to_owned(),
            color: color.to_lowercase(),
            description,
        };
        self.repo_mut(repository)?.labels.push(label);
        Ok(id)
    }

    fn note_label(
        &mut self,
        repository_id: u64,
        number: u64,
        actor: Actor,
        label: u64,
        action: &str,
    ) -> Result<(), Problem> {
        let repository = self.repo(repository_id)?;
        let Some(label) = repository.labels.iter().find(|l| l.id == label) else {
            return Ok(());
        };
        let brief = json!({"label": {"name": label.name, "color": label.color}});
        let full = self.label_json(repository, label);
        self.note(repository_id, number, actor, action, brief)?;
        self.emit_thread(repository_id, number, action, actor, json!({"label": full}))
    }

    /// Adds an entry to the event list of an issue.
    pub(super) fn note(
        &mut self,
        repository: u64,
        number: u64,
        actor: Actor,
        event: &str,
        extra: Value,
    ) -> Result<(), Problem> {
        let (id, now) = (self.fresh_id(), self.now());
        let entry = LoggedEvent {
            id,
            actor: actor.account,
            event: event.to_owned(),
            extra,
            created_at: now,
        };
        self.thread_mut(repository, number)?.events.push(entry);
        Ok(())
    }

    /// Assigns or unassigns accounts.
    pub(in super::super) fn set_assigned(
        &mut self,
        repository: u64,
        number: u64,
        actor: Actor,
        accounts: &[u64],
        assigned: bool,
    ) -> Result<(), Problem> {
        let now = self.now();
        for account in accounts {
            let thread = self.thread_mut(repository, number)?;
            if thread.assignees.contains(account) == assigned {
                continue;
            }
            if assigned {
                thread.assignees.push(*account);
            } else {
                thread.assignees.retain(|a| a != account);
            }
            thread.updated_at = now;
            let user = self.user_json(*account);
            let action = if assigned { "assigned" } else { "unassigned" };
            self.emit_thread(repository, number, action, actor, json!({"assignee": user}))?;
        }
        Ok(())
    }
}

/// Refuses a label that GitHub would refuse.
pub(in super::super) fn check_label(
    name: &str,
    color: &str,
    description: Option<&str>,
) -> Result<(), Problem> {
    if name.trim().is_empty() {
        return Err(Problem::invalid("Label", "name", "missing_field"));
    }
    if name.chars().count() > 50 {
        return Err(Problem::custom(
            "Label",
            "name",
            "name is too long (maximum is 50 characters)",
        ));
    }
    if color.len() != 6 || !color.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Problem::invalid("Label", "color", "invalid"));
    }
    if description.is_some_and(|d| d.chars().count() > 100) {
        return Err(Problem::custom(
            "Label",
            "description",
            "description is too long (maximum is 100 characters)",
        ));
    }
    Ok(())
}
