//! What we say: data to Markdown, escaped and clipped to GitHub's limits.
//!
//! [`view`] holds the plain data that somebody who knows the run's state fills in; [`status()`], [`plan()`],
//! [`pull_body`], [`held()`] and [`reply()`] turn it into what is posted, each with the [`Marker`] by which it is
//! found again; `…_text` yields the same Markdown for a terminal or a file.
//! Whatever came from a model or a stranger goes through [`escape`] on its way, here and nowhere else, and
//! [`Page`] makes the result fit.
//!
//! Posting, finding and collapsing comments is left to those who talk to GitHub.

mod clip;
pub mod escape;
mod figure;
mod held;
mod marker;
mod mermaid;
mod plan;
mod pull;
mod reply;
mod spending;
mod status;
mod table;
#[cfg(test)]
mod tests;
pub mod view;

pub use clip::{Keep, Limit, Page, cut};
pub use held::{held, held_text};
pub use marker::{Marker, MarkerKey, MarkerKind};
pub use mermaid::graph;
pub use plan::{plan, plan_text};
pub use pull::{pull_body, pull_title, report_text};
pub use reply::{ReplyKind, reply, reply_text};
pub use status::{status, status_text};

/// A link of ours; an address that is not plain `http` or `https` leaves only its title.
fn link(title: &str, url: &str) -> String {
    let plain = (url.starts_with("https://") || url.starts_with("http://"))
        && url
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"()<>[]`|\\\"".contains(&b));
    let title = escape::inline(title);
    if plain { format!("[{title}]({url})") } else { title }
}
