//! The engine: the driver around the pure core, and the hands that carry out its actions.
//!
//! - [`Book`] reads a run's log, decides, and appends what was decided;
//! - [`Driver`] hands the inbox's rows to runs, and reconciles what should be in flight with what is;
//! - [`Executor`] carries actions out, [`InProcess`] as tasks of this process;
//! - [`Crew`] are the hands: the workshop for attempts, the publisher for everything visible.
//!
//! Nothing here decides what a run should do next; that is [`crate::run`].

mod book;
mod driver;
mod error;
mod executor;
mod frozen_store;
mod hands;
mod reconcile;
mod workshop;

pub use book::{Book, Creation, Outcome, Page, Told};
pub use driver::{Driver, Processed, Reading, Reception};
pub use error::Error;
pub use executor::{Executor, Hands, InProcess};
pub use frozen_store::addresses;
pub use hands::Crew;
pub use reconcile::reconcile;
pub use workshop::{Slot, Workshop};
