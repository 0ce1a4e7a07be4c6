//! The engine: the driver around the pure core, and the hands that carry out its actions.
//!
//! - [`Book`] reads a run's log, decides, and appends what was decided;
//! - [`Driver`] hands the inbox's rows to runs, and reconciles what should be in flight with what is;
//! - [`Executor`] carries actions out, [`InProcess`] as tasks of this process;
//! - [`Crew`] are the hands: the workshop for attempts, the publisher for everything visible;
//! - [`Bench`] is the workshop of this machine: worktrees, briefs, agents, checks, snapshots;
//! - [`Desk`] makes sense of deliveries and orders, and looks up what a decision needs;
//! - [`Pump`] keeps it all going: rows as they come, wake-ups as they fall due.
//!
//! Nothing here decides what a run should do next; that is [`crate::run`].

mod bench;
mod book;
mod driver;
mod error;
mod estate;
mod executor;
mod frozen_store;
mod ground;
mod hands;
mod policy;
mod pump;
mod purses;
mod reception;
mod reconcile;
mod workshop;

pub use bench::{Access, Adopted, Bench, Depot, Equipment, Folders};
pub use book::{Book, Creation, Hold, Outcome, Page, Told};
pub use driver::{Driver, Processed, Reading, Reception};
pub use error::Error;
pub use estate::{Estate, frozen};
pub use executor::{Done, Executor, Hands, InProcess};
pub use frozen_store::addresses;
pub use ground::{Drift, Footing, Ground};
pub use hands::Crew;
pub use policy::policy;
pub use pump::Pump;
pub use purses::{Purses, Stake};
pub use reception::{Desk, LocalOrder, Manners};
pub(crate) use reception::{branch, canonical, operator, run_id};
pub use reconcile::reconcile;
pub use workshop::{Slot, Work, Workshop};
