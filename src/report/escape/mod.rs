//! Makes text that came from a model or a stranger safe to post under Footplate's name.
//!
//! [`escape`] takes whole Markdown texts, [`inline`] short ones for a line or a table cell, [`code`] names and
//! commands, [`fenced`] output. All of them first remove what people cannot see ([`visible`]).
//! Whether a secret stands in a text is not looked at here; the publisher scans what it posts.

mod block;
mod fence;
mod hazard;
mod inline;
mod invisible;
mod reference;
#[cfg(test)]
mod tests;

pub use block::escape;
pub(super) use fence::closing_line;
pub use fence::fenced;
pub(super) use hazard::hazards;
pub use inline::{code, code_cell, inline, inline_up_to};
pub use invisible::{is_invisible, visible};
pub(super) use reference::is_live;

use pulldown_cmark::Options;

/// The Markdown that GitHub reads. Math is left out: what stands between dollar signs is treated as text.
fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM
}
