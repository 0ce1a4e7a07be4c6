//! What an attempt gets in place of a key.

use std::sync::Arc;

use secrecy::SecretString;

use super::desk::Desk;
use super::gateway::Shared;
use crate::ledger::Reading;

/// Leave to ask within a lease, until it is closed or dropped.
#[derive(Debug)]
pub struct Ticket {
    pub(super) shared: Arc<Shared>,
    pub(super) desk: Arc<Desk>,
    pub(super) token: String,
}

impl Ticket {
    /// The base URL for a harness that shares the network, without a version: `http://127.0.0.1:PORT/a/TOKEN`.
    ///
    /// Harnesses that want a version in their base URL get `/v1` appended; both ways lead to the same door.
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.shared.address, self.path())
    }

    /// The path below which this ticket's requests are answered, at whatever address the harness reaches the meter.
    pub fn path(&self) -> String {
        format!("/a/{}", self.token)
    }

    /// A key of no worth, because harnesses want one.
    pub fn key(&self) -> SecretString {
        SecretString::from("footplate-holds-the-key")
    }

    /// What was read so far.
    pub fn reading(&self) -> Reading {
        self.desk.reading()
    }

    /// Ends the ticket: whoever still asks with its token gets 403. An answer that is under way may go on, and what it
    /// used is no longer in this reading; the harness should be gone before.
    pub fn close(self) -> Reading {
        self.desk.reading()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.close(&self.token);
    }
}
