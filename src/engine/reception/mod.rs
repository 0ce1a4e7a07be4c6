//! The reception: from what GitHub delivered, or a person ordered, to who is told what.
//!
//! Everything that a decision needs from outside is looked up here: who may give commands (asked of GitHub, for
//! every command, failing closed), whether the plan's comment is still as we posted it, whether the base moved.
//! A delivery says *that* something happened; where its order or age could mislead, GitHub is asked how things
//! are now.

mod courtesy;
mod deliveries;
mod observe;
mod orders;
mod start;

use std::sync::Arc;

use super::book::{Book, Page};
use super::driver::{Reading, Reception};
use super::error::Error;
use super::ground::Ground;
use crate::command::Permission;
use crate::github::{self, Forge, Repository, UserFacts};
use crate::model::{AppId, Clock, Login, MicroUsd};
use crate::store::{InboxKind, InboxRow, Journal};

pub(crate) use observe::canonical;
pub use orders::LocalOrder;
pub(crate) use orders::operator;
pub(crate) use start::{branch, run_id};

/// How the bot behaves towards people.
#[derive(Debug, Clone)]
pub struct Manners {
    /// Our App's id: what we wrote ourselves is never a command.
    pub app: AppId,
    /// The label that asks for a run: `agent:build`.
    pub trigger: String,
    /// Whether `/approve` works as well as `/footplate approve`.
    pub bare: bool,
    /// Apps whose deliveries count like a person's, by id.
    pub trusted_apps: Vec<AppId>,
    /// What the runs of one repository may cost in 24 hours, where there is a limit. It is looked at when a run
    /// is to begin.
    pub repository_day: Option<MicroUsd>,
}

/// The reception for issues on GitHub.
pub struct Desk<J, C, F, G> {
    book: Arc<Book<J, C>>,
    forge: Arc<F>,
    ground: Arc<G>,
    manners: Manners,
}

impl<J: Journal, C: Clock, F: Forge, G: Ground> Desk<J, C, F, G> {
    /// Opens the desk.
    pub fn new(book: Arc<Book<J, C>>, forge: Arc<F>, ground: Arc<G>, manners: Manners) -> Self {
        Self {
            book,
            forge,
            ground,
            manners,
        }
    }

    /// Asks GitHub what somebody may do. An account that GitHub does not know may do nothing; any other
    /// failure is reported, so that the question is asked again instead of being answered by chance.
    async fn permission(&self, repository: &Repository, login: &Login) -> Result<Permission, Error> {
        match self.forge.permission(repository, login).await {
            Ok(answer) => Ok(Permission::effective(
                &answer.permission,
                answer.role_name.as_deref(),
            )),
            Err(error) if error.is_passing() => Err(passing(error)),
            Err(_) => Ok(Permission::None),
        }
    }

    /// Whether a delivery's sender is a program that we must not listen to.
    fn is_deaf_to(&self, sender: &UserFacts, via: Option<AppId>) -> bool {
        match via {
            Some(app) if app == self.manners.app => true,
            Some(app) => !self.manners.trusted_apps.contains(&app),
            None => sender.is_bot,
        }
    }

    async fn page(&self, run: &crate::model::RunId) -> Result<Option<Page>, Error> {
        self.book.look(run).await
    }

    async fn keep(&self, text: &str) -> Result<Option<crate::model::ContentHash>, Error> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(self.book.journal().put(text.as_bytes()).await?))
    }
}

impl<J: Journal, C: Clock, F: Forge, G: Ground> Reception for Desk<J, C, F, G> {
    async fn read(&self, row: &InboxRow) -> Result<Vec<Reading>, Error> {
        match row.kind {
            InboxKind::Delivery => self.delivery(row).await,
            InboxKind::Order => Ok(orders::read(&row.body)),
            InboxKind::Outcome => Ok(vec![Reading::Nothing("an outcome is nothing to read".to_owned())]),
        }
    }
}

fn nothing(why: &str) -> Vec<Reading> {
    vec![Reading::Nothing(why.to_owned())]
}

/// A failure of GitHub as one of ours.
fn passing(error: github::Error) -> Error {
    match error {
        github::Error::Transient { after, why } => Error::Transient { why, after },
        other if other.is_passing() => Error::Transient {
            why: other.to_string(),
            after: None,
        },
        other => Error::Refused {
            why: format!("{other}."),
        },
    }
}
