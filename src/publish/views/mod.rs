//! What a run looks like to people: its state and its texts, mapped to the views of [`crate::report`].
//!
//! Nothing here is Markdown, and nothing is escaped: that is the renderers' work. What is not known is left
//! out as unknown, never as zero.

mod node;
mod plan;
mod pull;
mod reply;
mod status;

pub use plan::plan_view;
pub use pull::pull_view;
pub use status::status_view;

pub(super) use plan::plan;
pub(super) use pull::pull;
pub(super) use reply::reply;
pub(super) use status::status;

use super::Context;
use super::documents::Place;
use crate::model::CommentId;
use crate::run::Origin;

/// The web address of a comment on the run's issue.
///
/// The API's answers hold it too, but only ids are kept.
fn comment_url(context: &Context, web: &str, comment: CommentId) -> Option<String> {
    let place = Place::of(&context.run)?;
    let web = web.trim_end_matches('/');
    let (name, issue) = (&place.repository.name, place.issue);
    Some(format!("{web}/{name}/issues/{issue}#issuecomment-{comment}"))
}

/// What people should know about the conditions under which the agents worked.
fn conditions(context: &Context) -> Vec<String> {
    let tier = &context.frozen.policy.sandbox;
    if tier != "none" {
        return vec![format!("Agents and checks work in a sandbox ({tier}).")];
    }
    let whose = match &context.run.created.origin {
        Origin::Issue { .. } => "the server's rights",
        Origin::Local { .. } => "the rights of the person who began the run",
    };
    vec![format!("Agents run with {whose}: there is no sandbox.")]
}
