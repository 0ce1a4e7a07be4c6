//! Commits made from what they are to hold, always to the same id.

use git2::Signature;

use super::error::Error;
use super::mirror::{Mirror, commit_id, find_commit};
use crate::model::{CommitId, Timestamp};

/// Who wrote or made a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    name: String,
    email: String,
}

/// Says why a name and an address can't stand in a commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} <{email:?}> can't stand in a commit: each wants a visible character")]
pub struct InvalidPerson {
    name: String,
    email: String,
}

impl Person {
    /// Takes a name and an address, without the characters that mean something in a commit's header.
    ///
    /// # Errors
    /// Nothing is left of one of them.
    pub fn new(name: &str, email: &str) -> Result<Self, InvalidPerson> {
        let clean = |text: &str| {
            let kept: String = text
                .chars()
                .filter(|c| !c.is_control() && !"<>".contains(*c))
                .collect();
            // Git strips these from both ends when it reads a header, so they would not survive.
            kept.trim_matches(|c: char| c.is_whitespace() || ".,:;\"'\\".contains(c))
                .to_owned()
        };
        let person = Self {
            name: clean(name),
            email: clean(email),
        };
        if person.name.is_empty() || person.email.is_empty() {
            return Err(InvalidPerson {
                name: name.to_owned(),
                email: email.to_owned(),
            });
        }
        Ok(person)
    }

    /// Ourselves, for snapshots that stay in the mirror.
    pub(super) fn footplate() -> Self {
        // RFC 2606 keeps `.invalid` free, so this is nobody's address.
        Self {
            name: "Footplate".to_owned(),
            email: "footplate@footplate.invalid".to_owned(),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address.
    pub fn email(&self) -> &str {
        &self.email
    }
}

/// A commit to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOrder {
    /// The commit whose tree it takes over, byte for byte.
    pub tree_of: CommitId,
    /// The commits that it stands on.
    pub parents: Vec<CommitId>,
    /// Who wrote it.
    pub author: Person,
    /// Who made it.
    pub committer: Person,
    /// What it says, trailers included; taken as it is.
    pub message: String,
    /// When, for author and committer; full seconds count.
    pub at: Timestamp,
}

impl Mirror {
    /// Makes a commit. The same order gives the same id, so that doing it twice is harmless.
    ///
    /// No ref points to it yet: [`Mirror::hold`] it. Until then it is safe from tidying for two weeks.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`] where the tree's commit or a parent is missing, or a failing disk.
    pub async fn commit(&self, order: CommitOrder) -> Result<CommitId, Error> {
        self.in_repository(move |repository| {
            let tree = find_commit(repository, &order.tree_of)?
                .tree()
                .map_err(Error::library("read a tree"))?;
            let parents = order
                .parents
                .iter()
                .map(|id| find_commit(repository, id))
                .collect::<Result<Vec<_>, _>>()?;
            write(repository, &order, &tree, &parents)
        })
        .await
    }
}

pub(super) fn write(
    repository: &git2::Repository,
    order: &CommitOrder,
    tree: &git2::Tree<'_>,
    parents: &[git2::Commit<'_>],
) -> Result<CommitId, Error> {
    let time = git2::Time::new(order.at.0.div_euclid(1000).max(0), 0);
    let sign = |person: &Person| {
        Signature::new(&person.name, &person.email, &time).map_err(Error::library("sign a commit"))
    };
    let (author, committer) = (sign(&order.author)?, sign(&order.committer)?);
    // A NUL would end the message for some readers and not for others.
    let message = order.message.replace('\0', "\u{fffd}");
    let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
    let id = repository
        .commit(None, &author, &committer, &message, tree, &parents)
        .map_err(Error::library("write a commit"))?;
    super::durable::sync_object(repository.path(), id)?;
    commit_id(id)
}
