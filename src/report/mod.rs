//! What we say: data to Markdown, escaped and clipped to GitHub's limits.

mod clip;
pub mod escape;
mod marker;

pub use clip::{Keep, Limit, Page, cut};
pub use marker::{Marker, MarkerKey, MarkerKind};
