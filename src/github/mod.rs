//! GitHub: the webhook door, App authentication and the API client.
//!
//! Three things cross this border.
//! A webhook comes in through the [`Door`], which turns raw bytes into a [`Delivery`] only when their
//! signature is right; [`Facts`] is what Footplate reads from one, leniently, because GitHub adds fields
//! and actions without notice.
//! Calls go out through [`Forge`], the list of everything Footplate may ask of GitHub about a repository;
//! [`Client`] is the real one, the simulator brings its own.
//! Credentials stay inside: [`AppKey`] signs short-lived JWTs, which buy installation tokens limited to a
//! single repository.
//!
//! What a delivery *means* is decided in [`crate::command`] and [`crate::run`]; what is said, in
//! [`crate::report`]; whether a write is wise, in [`crate::publish`].

// In: the webhook door.
mod door;
mod facts;
mod payload;
// Out: what may be asked, and what can go wrong.
mod error;
mod forge;
// The client, from the calls down to the wire.
mod app;
mod calls;
mod client;
mod request;
mod settings;
mod view;
// Below: credentials, manners, one exchange, its meaning.
mod answer;
mod key;
mod pace;
mod tokens;
mod wire;
// Set-up.
mod manifest;

pub use app::{AppInfo, HookDelivery, Installation};
pub use client::{Client, GitAccess};
pub use door::{Delivery, Door, MAX_BODY_BYTES, Rejection};
pub use error::{Error, Result};
pub use facts::{
    CommentFacts, Facts, IssueFacts, IssueText, LabelFacts, PullFacts, PushFacts, RepositoryFacts,
    ReviewFacts, UserFacts, lane,
};
pub use forge::{
    Comment, Forge, Issue, IssueState, NewPull, Permission, Pull, PullChange, Reactable, Reaction,
    Repository, RepositoryInfo, ReviewComment, User,
};
pub use key::{AppKey, KeyError};
pub use manifest::{Manifest, ManifestError, ManifestUrls};
pub use pace::{Manners, Rate};
pub use settings::{Settings, SetupError};
