//! One ticket's own state: what it may still ask, and what was read so far.

use std::mem::discriminant;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::ask::Ask;
use super::lease::{Lease, OnWrongModel, Pin};
use super::listen::Heard;
use super::names::same;
use super::note::Note;
use super::purse::{Purse, Reservation};
use super::record::Recorder;
use super::refusal::Refusal;
use super::windows::Window;
use crate::ledger::{Reading, WindowShare, WireFault};
use crate::model::{MicroUsd, TokenUsage};
use crate::room::Room;

/// What stands behind a token.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) lease: Lease,
    pub(super) recorder: Option<Recorder>,
    /// For the bodies of requests.
    pub(super) room: Room,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reading: Reading,
    /// Requests that cost nothing.
    free: u32,
    /// Why nothing more may be asked.
    blocked: Option<Refusal>,
    /// Requests that went out and have no end yet.
    open: u32,
    note: Option<Note>,
}

impl State {
    fn note(&mut self) {
        if let Some(note) = &mut self.note {
            note.write(self.open, &self.reading);
        }
    }
}

impl Desk {
    pub(super) fn new(lease: Lease, recorder: Option<Recorder>, room: Room) -> Self {
        let note = lease.note.clone();
        let state = State {
            note: note.map(|path| Note::begin(path, &lease.attempt)),
            ..State::default()
        };
        Self {
            lease,
            recorder,
            room,
            state: Mutex::new(state),
        }
    }

    /// What was read so far.
    pub(super) fn reading(&self) -> Reading {
        self.state().reading.clone()
    }

    /// Lets a request in, and says which one it is, from 1.
    pub(super) fn admit(&self, asks_a_model: bool) -> Result<u32, Refusal> {
        let mut state = self.state();
        if let Some(refusal) = &state.blocked {
            return Err(refusal.clone());
        }
        let most = self.lease.limits.requests;
        let State { reading, free, .. } = &mut *state;
        let count = if asks_a_model { &mut reading.requests } else { free };
        if *count >= most {
            note(&mut reading.faults, WireFault::TooManyRequests);
            return Err(Refusal::forbidden(format!(
                "this attempt has made the {most} requests that it may make"
            )));
        }
        *count += 1;
        Ok(*count)
    }

    /// Decides which model is asked where `asked` was wanted; none where it may stay.
    pub(super) fn choose(&self, asked: &str) -> Result<Option<String>, Refusal> {
        let Some(model) = &self.lease.model else {
            return Ok(None);
        };
        if asked == model || self.lease.pin == Pin::Free {
            return Ok(None);
        }
        match self.lease.pin {
            Pin::Refuse if !same(model, asked, &self.lease.also) => Err(Refusal::forbidden(format!(
                "this attempt may ask {model}, not {asked}"
            ))),
            Pin::Rewrite if !same(model, asked, &self.lease.also) => Ok(Some(model.clone())),
            _ => Ok(None),
        }
    }

    /// Sets aside what a request may cost.
    pub(super) fn reserve(&self, ask: &Ask) -> Result<Reservation, Refusal> {
        let limited = self.lease.purses.iter().any(|purse| purse.limit().is_some());
        let most = self.most_cost(ask);
        if limited && most.is_none() {
            self.fault(WireFault::Budget);
            return Err(Refusal::forbidden(format!(
                "the price of {} is not known, and the budget is limited",
                ask.model
            )));
        }
        Purse::reserve_in(&self.lease.purses, most.unwrap_or(MicroUsd::ZERO)).map_err(|broke| {
            self.fault(WireFault::Budget);
            Refusal::forbidden(broke.to_string())
        })
    }

    /// The dearest that a request may become: its input may also be written to a cache, which some charge more for.
    fn most_cost(&self, ask: &Ask) -> Option<MicroUsd> {
        let price = self.lease.price.as_ref()?;
        let plain = TokenUsage {
            input: ask.most_input,
            output: ask.most_output,
            ..TokenUsage::default()
        };
        let written = TokenUsage {
            input: 0,
            cache_write: ask.most_input,
            ..plain
        };
        let plain = price.cost(&ask.model, plain)?;
        Some(
            price
                .cost(&ask.model, written)
                .map_or(plain, |written| written.max(plain)),
        )
    }

    /// A request goes out to the provider.
    pub(super) fn sent(&self) {
        self.state().reading.sent += 1;
    }

    /// From here on a request may cost something that nobody has counted yet.
    fn opens(self: &Arc<Self>) -> Open {
        let mut state = self.state();
        state.open += 1;
        state.note();
        Open(Arc::clone(self))
    }

    /// The first byte of an answer came; only that of the first request is noted.
    pub(super) fn first_byte(&self, request: u32, after: Duration) {
        if request == 1 {
            let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            self.state().reading.first_byte_ms.get_or_insert(ms);
        }
    }

    /// The windows as an answer told them.
    pub(super) fn windows(&self, windows: &[Window]) {
        let shares = &mut self.state().reading.windows;
        for window in windows {
            match shares.iter_mut().find(|share| share.name == window.name) {
                Some(share) => {
                    share.before = share.before.or(window.used);
                    share.after = window.used.or(share.after);
                    share.resets = window.resets.or(share.resets);
                }
                None => shares.push(WindowShare {
                    name: window.name.clone(),
                    before: window.used,
                    after: window.used,
                    resets: window.resets,
                }),
            }
        }
    }

    /// Notes that something went wrong.
    pub(super) fn fault(&self, fault: WireFault) {
        note(&mut self.state().reading.faults, fault);
    }

    /// Notes that a request went out and nobody knows what it used: all that was set aside counts as spent.
    pub(super) fn unanswered(&self, reservation: Reservation) {
        self.state().reading.unread += 1;
        reservation.settle(None);
    }

    /// Books an answer.
    pub(super) fn book(&self, asked: &str, heard: Heard, reservation: Option<Reservation>) {
        let served = heard.model.as_deref();
        let cost = heard.usage.and_then(|usage| {
            let price = self.lease.price.as_ref()?;
            served
                .and_then(|served| price.cost(served, usage))
                .or_else(|| price.cost(asked, usage))
        });
        if let Some(reservation) = reservation {
            reservation.settle(cost);
        }
        let mut state = self.state();
        match heard.usage {
            Some(usage) => {
                state.reading.usage += usage;
                state.reading.longest_prompt = state.reading.longest_prompt.max(Some(usage.prompt()));
                let name = served.unwrap_or(asked).to_owned();
                *state.reading.models.entry(name).or_default() += usage;
            }
            None => state.reading.unread += 1,
        }
        for fault in heard.faults {
            note(&mut state.reading.faults, fault);
        }
        if let Some(served) = served
            && !same(asked, served, &self.lease.also)
        {
            let fault = WireFault::WrongModel {
                served: served.to_owned(),
            };
            note(&mut state.reading.faults, fault);
            if self.lease.on_wrong_model == OnWrongModel::Fail {
                state.blocked = Some(Refusal::forbidden(format!(
                    "{asked} was asked, and {served} answered"
                )));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that has no end yet. Drop it when what is known of it is booked.
#[derive(Debug)]
pub(super) struct Open(Arc<Desk>);

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.open = state.open.saturating_sub(1);
        state.note();
    }
}

/// Money and bookkeeping of a request that is under way. Dropped before an answer began, it counts as unanswered if it
/// was sent.
#[derive(Debug)]
pub(super) struct Underway {
    desk: Arc<Desk>,
    reservation: Option<Reservation>,
    /// What asks no model costs nothing.
    costs: bool,
    /// While it is out.
    open: Option<Open>,
    sent: bool,
}

impl Underway {
    pub(super) fn new(desk: Arc<Desk>, reservation: Reservation, costs: bool) -> Self {
        Self {
            desk,
            reservation: Some(reservation),
            costs,
            open: None,
            sent: false,
        }
    }

    /// It goes out now.
    pub(super) fn sent(&mut self) {
        self.desk.sent();
        self.sent = true;
        if self.costs && self.open.is_none() {
            self.open = Some(self.desk.opens());
        }
    }

    /// It came back with nothing that costs.
    pub(super) fn refused(&mut self) {
        self.sent = false;
        self.open = None;
    }

    /// An answer begins, which has to be paid.
    pub(super) fn answered(mut self) -> (Option<Reservation>, Option<Open>) {
        self.sent = false;
        (self.reservation.take(), self.open.take())
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if self.sent
            && let Some(reservation) = self.reservation.take()
        {
            self.desk.unanswered(reservation);
        }
    }
}

/// Of each kind the newest, in the order in which they were last seen.
fn note(faults: &mut Vec<WireFault>, fault: WireFault) {
    faults.retain(|other| discriminant(other) != discriminant(&fault));
    faults.push(fault);
}
