//! What can happen in the world, by whomever: each act changes the data and sends the webhooks GitHub sends.
//!
//! Acts check what GitHub checks about content (lengths, missing branches, duplicates); who may act is
//! decided before, by `rest` for Apps and by `verbs` for people.

mod comments;
mod emit;
mod installations;
mod pulls;
pub(super) mod reactions;
pub(super) mod refs;
pub(super) mod reviews;
mod threads;

pub use pulls::CloseOrder;
pub(super) use pulls::NewPull;
pub(super) use refs::guid;
pub(super) use threads::{NewThread, check_label};

use super::problem::Problem;
use super::world::{Repository, Thread, World};

/// The longest text of an issue, a pull request or a comment, in characters.
pub(super) const LONGEST_BODY: usize = 65_536;
/// The longest title, in characters.
pub(super) const LONGEST_TITLE: usize = 256;

impl World {
    /// A repository that the caller knows to exist.
    pub(super) fn repo(&self, id: u64) -> Result<&Repository, Problem> {
        self.repositories.get(&id).ok_or_else(Problem::not_found)
    }

    pub(super) fn repo_mut(&mut self, id: u64) -> Result<&mut Repository, Problem> {
        self.repositories.get_mut(&id).ok_or_else(Problem::not_found)
    }

    /// An issue or a pull request.
    pub(super) fn thread(&self, repository: u64, number: u64) -> Result<&Thread, Problem> {
        self.repo(repository)?
            .threads
            .get(&number)
            .ok_or_else(Problem::not_found)
    }

    pub(super) fn thread_mut(&mut self, repository: u64, number: u64) -> Result<&mut Thread, Problem> {
        self.repo_mut(repository)?
            .threads
            .get_mut(&number)
            .ok_or_else(Problem::not_found)
    }
}

/// Refuses a text that is too long for GitHub.
pub(super) fn check_body(resource: &str, body: &str) -> Result<(), Problem> {
    if body.chars().count() > LONGEST_BODY {
        return Err(Problem::custom(
            resource,
            "body",
            format!("body is too long (maximum is {LONGEST_BODY} characters)"),
        ));
    }
    Ok(())
}

/// Refuses a title that is empty or too long for GitHub.
pub(super) fn check_title(resource: &str, title: &str) -> Result<(), Problem> {
    if title.trim().is_empty() {
        return Err(Problem::invalid(resource, "title", "missing_field"));
    }
    if title.chars().count() > LONGEST_TITLE {
        return Err(Problem::custom(
            resource,
            "title",
            format!("title is too long (maximum is {LONGEST_TITLE} characters)"),
        ));
    }
    Ok(())
}
