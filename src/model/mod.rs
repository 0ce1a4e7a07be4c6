//! The words that every floor shares: ids, digests, money, token counts, time and artifacts.
//!
//! Everything here is plain data with checked constructors.
//! What the data *means* for a run is decided in [`crate::run`]; how it is kept, in [`crate::store`].

mod artifact;
mod attempt;
mod dialect;
mod digest;
mod id;
mod money;
mod role;
mod time;
mod usage;

pub use artifact::{Artifact, ArtifactName};
pub use attempt::AttemptKey;
pub use dialect::Dialect;
pub use digest::ContentHash;
pub use id::{
    AppId, BranchName, CommentId, CommitId, DeliveryId, InstallationId, InvalidId, IssueNumber, Login,
    NodeId, PullNumber, RepositoryId, RepositoryName, RunId, UserId,
};
pub use money::MicroUsd;
pub use role::Role;
pub use time::{Clock, SystemClock, Timestamp};
pub use usage::TokenUsage;
