//! What people do in a story: each verb acts as one person, is allowed what that person's role allows, and
//! sends the webhooks that GitHub would send.

use serde_json::json;

use crate::model::CommentId;

use super::acts::reviews::NewLine;
use super::acts::{CloseOrder, NewPull, NewThread};
use super::hub::Hub;
use super::objects::{self, NewCommit};
use super::problem::Problem;
use super::world::{Actor, RepositoryRole, ReviewState, World};

/// Why a person could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The world has no such account.
    #[error("there is no account {0:?}")]
    Nobody(String),
    /// The world has no repository, or none of this name.
    #[error("there is no repository {0:?}")]
    NoRepository(String),
    /// GitHub would not show that person the button.
    #[error("{login} is {role}, and this wants {wanted}")]
    Role {
        /// Who.
        login: String,
        /// What that person may do.
        role: &'static str,
        /// What it takes.
        wanted: &'static str,
    },
    /// GitHub would refuse it from anybody.
    #[error("GitHub refuses it: {0}")]
    Problem(#[from] Problem),
}

impl Hub {
    /// Opens an issue; returns its number.
    ///
    /// # Errors
    /// The person may not see the repository, or the text is too long.
    pub fn open_issue(&self, user: &str, title: &str, body: &str) -> Result<u64, Refused> {
        self.open_issue_by_form(user, title, body, &[])
    }

    /// Opens an issue through a form that puts labels on, which works for outsiders too.
    ///
    /// # Errors
    /// As [`Hub::open_issue`].
    pub fn open_issue_by_form(
        &self,
        user: &str,
        title: &str,
        body: &str,
        labels: &[&str],
    ) -> Result<u64, Refused> {
        self.there(user, |world, id, actor| {
            wants(world, id, actor, RepositoryRole::Read)?;
            let new = NewThread {
                title: title.to_owned(),
                body: Some(body.to_owned()).filter(|b| !b.is_empty()),
                labels: labels.iter().map(|l| (*l).to_owned()).collect(),
                assignees: Vec::new(),
            };
            Ok(world.open_issue(id, actor, &new)?)
        })
    }

    /// Puts a label on.
    ///
    /// # Errors
    /// The person has not at least the triage role.
    pub fn label(&self, user: &str, issue: u64, label: &str) -> Result<(), Refused> {
        self.there(user, |world, id, actor| {
            wants(world, id, actor, RepositoryRole::Triage)?;
            Ok(world.add_labels(id, issue, actor, &[label.to_owned()])?)
        })
    }

    /// Takes a label off.
    ///
    /// # Errors
    /// The person has not at least the triage role, or the label is not on.
    pub fn unlabel(&self, user: &str, issue: u64, label: &str) -> Result<(), Refused> {
        self.there(user, |world, id, actor| {
            wants(world, id, actor, RepositoryRole::Triage)?;
            Ok(world.remove_label(id, issue, actor, label)?)
        })
    }

    /// Writes a comment in an issue or a pull request.
    ///
    /// # Errors
    /// The person may not see the repository, or the thread is locked to that person.
    pub fn comment(&self, user: &str, issue: u64, body: &str) -> Result<CommentId, Refused> {
        self.there(user, |world, id, actor| {
            let locked = world.thread(id, issue)?.locked;
            wants(
                world,
                id,
                actor,
                if locked {
                    RepositoryRole::Triage
                } else {
                    RepositoryRole::Read
                },
            )?;
            Ok(CommentId(world.add_comment(id, issue, actor, body)?))
        })
    }

    /// Changes a comment.
    ///
    /// # Errors
    /// The person is neither its author nor may write.
    pub fn edit_comment(&self, user: &str, comment: CommentId, body: &str) -> Result<(), Refused> {
        self.change(user, |world, actor| {
            may_change_comment(world, actor, comment.0)?;
            Ok(world.change_comment(comment.0, actor, body)?)
        })
    }

    /// Deletes a comment.
    ///
    /// # Errors
    /// The person is neither its author nor may write.
    pub fn delete_comment(&self, user: &str, comment: CommentId) -> Result<(), Refused> {
        self.change(user, |world, actor| {
            may_change_comment(world, actor, comment.0)?;
            Ok(world.remove_comment(comment.0, actor)?)
        })
    }

    /// Changes title or text of an issue or a pull request.
    ///
    /// # Errors
    /// The person is neither its author nor may write.
    pub fn edit_issue(
        &self,
        user: &str,
        issue: u64,
        title: Option<&str>,
        body: Option<&str>,
    ) -> Result<(), Refused> {
        self.there(user, |world, id, actor| {
            if world.thread(id, issue)?.author != actor.account {
                wants(world, id, actor, RepositoryRole::Write)?;
            }
            Ok(world.edit_thread(id, issue, actor, title, body.map(Some))?)
        })
    }

    /// Closes an issue.
    ///
    /// # Errors
    /// The person is neither its author nor has the triage role.
    pub fn close_issue(&self, user: &str, issue: u64) -> Result<(), Refused> {
        self.set_open(user, issue, false)
    }

    /// Reopens an issue or a pull request.
    ///
    /// # Errors
    /// The person is neither its author nor has the triage role.
    pub fn reopen(&self, user: &str, issue: u64) -> Result<(), Refused> {
        self.set_open(user, issue, true)
    }

    /// Closes a pull request without merging it.
    ///
    /// # Errors
    /// The person is neither its author nor has the triage role.
    pub fn close_pull(&self, user: &str, pull: u64) -> Result<(), Refused> {
        self.set_open(user, pull, false)
    }

    /// Merges a pull request, marking it ready first where it is a draft; returns the merge commit.
    ///
    /// # Errors
    /// The person may not write, or it cannot be merged.
    pub fn merge_pull(&self, user: &str, pull: u64, order: CloseOrder) -> Result<String, Refused> {
        self.there(user, |world, id, actor| {
            wants(world, id, actor, RepositoryRole::Write)?;
            world.set_draft(id, pull, actor, false)?;
            Ok(world.merge(id, pull, actor, order)?)
        })
    }

    /// Marks a draft as ready for review.
    ///
    /// # Errors
    /// The person may not write.
    pub fn ready(&self, user: &str, pull: u64) -> Result<(), Refused> {
        self.there(user, |world, id, actor| {
            wants(world, id, actor, RepositoryRole::Write)?;
            Ok(world.set_draft(id, pull, actor, false)?)
        })
    }

    /// Commits files to a branch, made from the default branch where it is missing; `None` as content deletes.
    /// Returns the commit.
    ///
    /// # Errors
    /// The person may not write.
    pub fn push_commit(
        &self,
        user: &str,
        branch: &str,
        files: &[(&str, Option<&str>)],
    ) -> Result<String, Refused> {
        self.there(user, |world, id, actor| {
            wants(world, id, actor, RepositoryRole::Write)?;
            let repository = world.repo(id)?;
            let dir = repository.dir.clone();
            let parent = objects::branch_tip(&dir, branch)
                .or_else(|| objects::branch_tip(&dir, &repository.default_branch));
            let files: Vec<_> = files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), text.map(|t| t.as_bytes().to_vec())))
                .collect();
            let tree = objects::tree_with(&dir, parent.as_deref(), &files).map_err(Problem::from)?;
            let signer = world.signer(actor);
            let message = format!("{user}: change {} files\n", files.len());
            let parents: Vec<String> = parent.into_iter().collect();
            let new = NewCommit {
                tree: &tree,
                parents: &parents,
                message: &message,
                author: &signer,
                committer: &signer,
            };
            let commit = objects::commit(&dir, &new).map_err(Problem::from)?;
            world.move_ref(id, actor, &format!("refs/heads/{branch}"), Some(&commit))?;
            Ok(commit)
        })
    }

    /// Points a branch at another commit, forward or not, or deletes it.
    ///
    /// # Errors
    /// The person may not write.
    pub fn force_push(&self, user: &str, branch: &str, to: Option<&str>) -> Result<(), Refused> {
        self.there(user, |world, id, actor| {
            wants(world, id, actor, RepositoryRole::Write)?;
            Ok(world.move_ref(id, actor, &format!("refs/heads/{branch}"), to)?)
        })
    }

    /// Opens a pull request from a branch of the repository.
    ///
    /// # Errors
    /// The person may not write, or GitHub refuses it.
    pub fn open_pull(
        &self,
        user: &str,
        head: &str,
        base: &str,
        title: &str,
        body: &str,
    ) -> Result<u64, Refused> {
        self.there(user, |world, id, actor| {
            wants(world, id, actor, RepositoryRole::Write)?;
            let new = NewPull {
                title: title.to_owned(),
                body: Some(body.to_owned()),
                head: head.to_owned(),
                base: base.to_owned(),
                draft: false,
            };
            Ok(world.open_pull(id, actor, &new)?)
        })
    }

    /// Reviews a pull request; `lines` are path, line and text of comments on lines.
    ///
    /// # Errors
    /// The person may not see it, or approves his own.
    pub fn review(
        &self,
        user: &str,
        pull: u64,
        state: ReviewState,
        body: &str,
        lines: &[(&str, u64, &str)],
    ) -> Result<u64, Refused> {
        self.there(user, |world, id, actor| {
            wants(world, id, actor, RepositoryRole::Read)?;
            let lines: Vec<NewLine> = lines
                .iter()
                .map(|(path, line, body)| NewLine {
                    path: (*path).to_owned(),
                    line: *line,
                    body: (*body).to_owned(),
                    in_reply_to: None,
                })
                .collect();
            Ok(world.add_review(id, pull, actor, state, body, &lines)?)
        })
    }

    /// Renames the repository; the old name redirects.
    ///
    /// # Errors
    /// The person is no administrator.
    pub fn rename_repository(&self, user: &str, name: &str) -> Result<(), Refused> {
        self.there(user, |world, id, actor| {
            wants(world, id, actor, RepositoryRole::Admin)?;
            Ok(world.rename(id, actor, name)?)
        })
    }

    /// Locks a thread to collaborators, or unlocks it.
    ///
    /// # Errors
    /// The person may not write.
    pub fn set_locked(&self, user: &str, issue: u64, locked: bool) -> Result<(), Refused> {
        self.there(user, |world, id, actor| {
            wants(world, id, actor, RepositoryRole::Write)?;
            world.thread_mut(id, issue)?.locked = locked;
            let action = if locked { "locked" } else { "unlocked" };
            Ok(world.emit_thread(id, issue, action, actor, json!({}))?)
        })
    }

    fn set_open(&self, user: &str, issue: u64, open: bool) -> Result<(), Refused> {
        self.there(user, |world, id, actor| {
            if world.thread(id, issue)?.author != actor.account {
                wants(world, id, actor, RepositoryRole::Triage)?;
            }
            Ok(world.set_open(id, issue, actor, open, Some("completed"))?)
        })
    }

    /// Does something in the repository that this handle speaks of.
    fn there<T>(
        &self,
        user: &str,
        act: impl FnOnce(&mut World, u64, Actor) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        self.change(user, |world, actor| {
            let found = match self.repository() {
                Some(name) => world.repository(name),
                None => world.repositories.values().next(),
            };
            let missing = || Refused::NoRepository(self.repository().unwrap_or_default().to_owned());
            let id = found.ok_or_else(missing)?.id;
            act(world, id, actor)
        })
    }

    fn change<T>(
        &self,
        user: &str,
        act: impl FnOnce(&mut World, Actor) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        self.act(|world| {
            let account = world
                .account(user)
                .ok_or_else(|| Refused::Nobody(user.to_owned()))?
                .id;
            act(world, Actor::person(account))
        })
    }
}

/// Refuses a person whose role is too low.
fn wants(world: &World, repository: u64, actor: Actor, wanted: RepositoryRole) -> Result<(), Refused> {
    let role = world.role_of(world.repo(repository)?, actor.account);
    if role >= wanted {
        return Ok(());
    }
    let login = world
        .accounts
        .get(&actor.account)
        .map(|a| a.login.clone())
        .unwrap_or_default();
    Err(Refused::Role {
        login,
        role: role.role_name(),
        wanted: wanted.role_name(),
    })
}

fn may_change_comment(world: &World, actor: Actor, comment: u64) -> Result<(), Refused> {
    let (repository, _, comment) = world.comment(comment).ok_or_else(Problem::not_found)?;
    if comment.author == actor.account {
        return Ok(());
    }
    wants(world, repository.id, actor, RepositoryRole::Write)
}
