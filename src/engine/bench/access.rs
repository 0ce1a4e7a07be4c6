//! What stands between the bench's children and the world: the meter towards models, the sandbox towards
//! everything else.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::folders::name_of;
use crate::agent::Harness;
use crate::agent::sandbox::{self, Confined, Confinement, Door, Egress, Resources, Sandbox, Tier};
use crate::config::{self, KeyHeader, Settings};
use crate::engine::book::Page;
use crate::engine::purses::{Purses, Stake};
use crate::git::Mirror;
use crate::ledger::{Account, Billing, Price, charge};
use crate::meter::{self, KeyScheme, Lease, Meter, OnWrongModel, Pin, Ticket, Upstream};
use crate::model::{AttemptKey, MicroUsd, Timestamp, TokenUsage};
use crate::route::Candidate;
use crate::run::LimitsMs;

/// The ways out of the bench.
pub struct Access {
    /// The gateway to models.
    pub meter: Meter,
    /// Who serves them, and with which keys.
    pub settings: Arc<Settings>,
    /// What confines children.
    pub sandbox: Arc<Sandbox>,
    /// What children may read besides their own things: programs and toolchains.
    pub readable: Vec<PathBuf>,
    /// The proxy for agents, where any host is allowed to them.
    pub agents: Option<Egress>,
    /// The proxy for set-up commands, where any host is allowed to them.
    pub setup: Option<Egress>,
    /// What attempts under way may still spend.
    pub purses: Purses,
    /// Where the sockets lie; gone with this.
    pub sockets: tempfile::TempDir,
}

/// An attempt's way to its model.
pub(super) struct Passage {
    pub(super) ticket: Ticket,
    pub(super) stake: Stake,
    pub(super) upstream: config::Upstream,
}

impl Access {
    /// The sandbox's tier.
    pub fn tier(&self) -> Tier {
        self.sandbox.tier()
    }

    /// Opens the meter for an attempt, whose reading is also kept in the file `note`; nothing where the candidate
    /// leaves provider and model to its harness.
    ///
    /// # Errors
    /// A sentence for people: the candidate cannot be connected with its provider.
    pub(super) fn passage(
        &self,
        page: &Page,
        key: &AttemptKey,
        candidate: &Candidate,
        harness: &Harness,
        limits: &LimitsMs,
        (now, note): (Timestamp, PathBuf),
    ) -> Result<Option<Passage>, String> {
        if candidate.provider.is_none() {
            return Ok(None);
        }
        let upstream = config::resolve(&self.settings, candidate, harness.dialects())
            .map_err(|error| format!("{error}."))?;
        let mut to = Upstream::network(
            upstream.name.clone(),
            upstream.dialect,
            upstream.base_url.clone(),
            upstream.key.clone(),
        )
        .map_err(|error| format!("{error}."))?;
        to = to.key_in(scheme(upstream.key_header));
        let name = candidate.to_string();
        let policy = &page.frozen.policy;
        let (price, billing) = (policy.prices.get(&name).cloned(), billing(page, &name));
        let exact = policy.guard.exact_model;
        let stake = self.purses.stake(page, now);
        let ticket = self.meter.open(Lease {
            model: candidate.model.clone(),
            // Some harnesses ask for another model than they were told.
            pin: Pin::Rewrite,
            on_wrong_model: if exact {
                OnWrongModel::Fail
            } else {
                OnWrongModel::Note
            },
            limits: meter::Limits {
                first_byte: Duration::from_millis(limits.first_byte),
                stream_idle: Duration::from_millis(limits.stream_idle),
                requests: limits.requests,
                ..meter::Limits::default()
            },
            price: Some(Arc::new(move |_: &str, usage: TokenUsage| {
                cost(price.as_ref(), billing, usage)
            })),
            purses: stake.purses(),
            note: Some(note),
            record: self
                .settings
                .recordings
                .as_ref()
                .map(|folder| recording(folder, key)),
            ..Lease::new(key.clone(), to)
        });
        Ok(Some(Passage {
            ticket,
            stake,
            upstream,
        }))
    }

    /// The sandbox of an attempt or a check; nothing where children are not confined.
    pub(super) fn confined(&self, mirror: &Mirror, room: &Room<'_>) -> Option<Confined> {
        if !self.tier().confines() {
            return None;
        }
        let mut readable = self.readable.clone();
        readable.extend(room.files.iter().cloned());
        let port = self.meter.address().port();
        let meter = self.meter.socket().filter(|_| room.model);
        Some(Confined {
            sandbox: Arc::clone(&self.sandbox),
            confinement: Confinement {
                writable: Vec::new(),
                git: Some(sandbox::Git {
                    directory: mirror.path().to_owned(),
                    link: room.worktree.join(".git"),
                }),
                readable,
                meter: meter.map(|socket| Door {
                    port,
                    socket: socket.to_owned(),
                }),
                egress: room.egress.map(|egress| egress.door().clone()),
                resources: Resources::default(),
                ..Confinement::new(room.worktree.to_owned(), room.home.to_owned())
            },
        })
    }
}

/// What one child needs.
pub(super) struct Room<'a> {
    pub(super) worktree: &'a Path,
    pub(super) home: &'a Path,
    /// Files outside of both that it must read.
    pub(super) files: Vec<PathBuf>,
    /// Whether it asks a model.
    pub(super) model: bool,
    /// The proxy that it may use.
    pub(super) egress: Option<&'a Egress>,
}

/// What a candidate's tokens are paid with.
pub(super) fn billing(page: &Page, candidate: &str) -> Billing {
    page.frozen
        .policy
        .billing
        .get(candidate)
        .copied()
        .unwrap_or_default()
}

/// What a single request cost, or will cost at most.
fn cost(price: Option<&Price>, billing: Billing, usage: TokenUsage) -> Option<MicroUsd> {
    match billing {
        Billing::Tokens => price?.cost(&usage, Some(usage.prompt())),
        Billing::Window | Billing::Own => Some(MicroUsd::ZERO),
    }
}

/// Puts the money into an attempt's account.
pub(super) fn settle(page: &Page, candidate: &Candidate, account: &mut Account) {
    let name = candidate.to_string();
    let policy = &page.frozen.policy;
    if candidate.provider.is_none() && account.wire.is_none() {
        // Who was asked is the harness's affair; what it says is all that is known.
        return;
    }
    charge(account, policy.prices.get(&name), billing(page, &name));
}

/// Where the exchanges of an attempt are kept.
fn recording(folder: &Path, key: &AttemptKey) -> PathBuf {
    folder.join(key.run.as_str()).join(name_of(key))
}

fn scheme(header: KeyHeader) -> KeyScheme {
    match header {
        KeyHeader::XApiKey => KeyScheme::ApiKey,
        KeyHeader::Bearer => KeyScheme::Bearer,
        KeyHeader::XGoogApiKey => KeyScheme::GoogApiKey,
    }
}
