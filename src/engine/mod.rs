//! The engine: the driver around the pure core, and the hands that carry out its actions.

mod book;
mod driver;
mod error;
mod executor;
mod frozen_store;
mod reconcile;

pub use book::{Book, Creation, Outcome, Page, Told};
pub use driver::{Driver, Processed, Reading, Reception};
pub use error::Error;
pub use executor::{Executor, Hands, InProcess};
pub use frozen_store::addresses;
pub use reconcile::reconcile;
