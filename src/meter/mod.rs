//! The gateway on loopback through which every model request of every harness goes: keys in, tokens and limits out.
//!
//! An attempt gets a [`Ticket`] for its [`Lease`]: a base URL with a token in its path, and a dummy key.
//! Whatever comes in under that token is answered here or sent to the lease's provider with the real key ([`Meter`]).
//! On its way out a request is read as far as counting and limits need it (`ask`), and what names the machine is
//! taken off (`headers`); it is paid for in advance from [`Purse`]s, sent, and repeated where the provider asks for
//! patience (`dispatch`, `breaker`, `pause`).
//! On its way back the answer is passed on byte for byte (`passing`) while somebody listens (`listen`): tokens by
//! kind, the model that answered, and what went wrong end up in the ticket's [`crate::ledger::Reading`] (`desk`).
//! A reading is also noted in a file as it grows, for when this process dies (`note`).
//! Exchanges can be kept in a folder and played back from it (`record`, `replay`).
//!
//! What a fault means for an attempt, which candidate comes next and what a token costs is for others to say.

mod ask;
mod breaker;
mod desk;
mod dispatch;
mod endpoint;
mod error;
mod gateway;
mod headers;
mod lease;
mod listen;
mod names;
mod note;
mod passing;
mod pause;
mod purse;
mod record;
mod refusal;
mod replay;
mod settings;
mod ticket;
mod windows;
mod wire;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use gateway::Meter;
pub use lease::{KeyScheme, Lease, Limits, OnWrongModel, Pin, Price, Source, Upstream};
pub use note::Remains;
pub use purse::{Broke, Purse, Reservation};
pub use replay::Replay;
pub use settings::Settings;
pub use ticket::Ticket;
pub use windows::Window;
