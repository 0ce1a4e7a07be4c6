//! The stand-in's world as plain data: who is there, what they own, what was said and sent.
//!
//! Nothing here answers a request or sends a webhook; `acts` changes the world as GitHub would,
//! `rest` and `verbs` decide who may ask for it, `shape` writes it as JSON.

mod account;
mod app;
mod delivery;
mod record;
mod repository;
mod thread;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use account::{Account, AccountKind, Actor, RepositoryRole};
pub use app::{App, Installation, Token, Webhook};
pub use delivery::{Attempt, Delivery};
pub use record::{Recorded, Violation};
pub use repository::{CheckRun, Label, Repository, Status};
pub use thread::{Comment, Edit, LoggedEvent, Pull, Reaction, Review, ReviewComment, ReviewState, Thread};

use crate::model::{Clock, Timestamp};

use super::faults::Faults;
use super::limits::{Limits, Spending};

/// Everything that the stand-in knows. Tests read it; only acts change it.
pub struct World {
    /// Where the time of every act comes from.
    pub clock: Arc<dyn Clock>,
    /// The stand-in's own address, `http://127.0.0.1:PORT`.
    pub base: String,
    /// Users, organizations and bots by id.
    pub accounts: BTreeMap<u64, Account>,
    /// GitHub Apps by id.
    pub apps: BTreeMap<u64, App>,
    /// Installations of Apps by id.
    pub installations: BTreeMap<u64, Installation>,
    /// Repositories by id.
    pub repositories: BTreeMap<u64, Repository>,
    /// Every installation token ever given out, with its fate.
    pub tokens: Vec<Token>,
    /// Every webhook delivery ever due, in the order of the events.
    pub deliveries: Vec<Delivery>,
    /// Ids of deliveries that wait to be sent.
    pub outbox: VecDeque<u64>,
    /// How many deliveries are on their way at this moment.
    pub in_flight: usize,
    /// Every request received on the API, in the order of arrival.
    pub requests: Vec<Recorded>,
    /// Every request of git, as `METHOD owner/name service -> status`.
    pub git_requests: Vec<String>,
    /// What no well-behaved client does: unknown routes, malformed requests.
    pub violations: Vec<Violation>,
    /// Manifests that wait for their conversion, by code.
    pub manifests: BTreeMap<String, serde_json::Value>,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// How much a client may ask.
    pub limits: Limits,
    /// How much clients have asked.
    pub spending: Spending,
    pub(super) next_id: u64,
}

impl World {
    /// The present moment of this world.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh id, larger than all before it; ids of all kinds share one sequence.
    pub(super) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The repository now called `owner/name`, whatever the case of the letters.
    pub fn repository(&self, full_name: &str) -> Option<&Repository> {
        self.repositories
            .values()
            .find(|r| r.full_name().eq_ignore_ascii_case(full_name))
    }

    /// The only repository of a world that has one; the first where there are several.
    ///
    /// # Panics
    /// The world was set up without a repository.
    pub fn first_repository(&self) -> &Repository {
        self.repositories
            .values()
            .next()
            .expect("a world is set up with at least one repository")
    }

    /// The account with this login, whatever the case of the letters.
    pub fn account(&self, login: &str) -> Option<&Account> {
        self.accounts
            .values()
            .find(|a| a.login.eq_ignore_ascii_case(login))
    }

    /// The installation of `app` that covers `repository`, suspended or not.
    pub fn installation_for(&self, app: u64, repository: u64) -> Option<&Installation> {
        let owner = self.repositories.get(&repository)?.owner_id;
        self.installations
            .values()
            .find(|i| i.app_id == app && i.account_id == owner && i.covers(repository))
    }

    /// An issue's or pull request's comment by id, with its repository and number.
    pub fn comment(&self, id: u64) -> Option<(&Repository, &Thread, &Comment)> {
        self.repositories.values().find_map(|repository| {
            repository.threads.values().find_map(|thread| {
                let comment = thread.comments.iter().find(|c| c.id == id)?;
                Some((repository, thread, comment))
            })
        })
    }

    /// The role that `account` has in `repository`, all sources taken together.
    pub fn role_of(&self, repository: &Repository, account: u64) -> RepositoryRole {
        if repository.owner_id == account {
            return RepositoryRole::Admin;
        }
        let explicit = repository
            .roles
            .get(&account)
            .copied()
            .unwrap_or(RepositoryRole::None);
        let member = self
            .accounts
            .get(&repository.owner_id)
            .and_then(|owner| owner.members.get(&account).copied())
            .unwrap_or(RepositoryRole::None);
        let anyone = if repository.private {
            RepositoryRole::None
        } else {
            RepositoryRole::Read
        };
        explicit.max(member).max(anyone)
    }

    /// The word GitHub uses for the relation of `account` to `repository`.
    ///
    /// Members of organizations show as members here; GitHub hides private members, which is one reason
    /// why nothing may be decided by this word.
    pub fn association(&self, repository: &Repository, account: u64) -> &'static str {
        if repository.owner_id == account {
            return "OWNER";
        }
        let owner = self.accounts.get(&repository.owner_id);
        if owner.is_some_and(|o| o.members.contains_key(&account)) {
            "MEMBER"
        } else if repository
            .roles
            .get(&account)
            .is_some_and(|r| *r > RepositoryRole::None)
        {
            "COLLABORATOR"
        } else {
            "NONE"
        }
    }
}
