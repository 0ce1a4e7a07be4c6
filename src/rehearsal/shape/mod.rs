//! The world as GitHub's JSON: the same shapes in answers and in webhooks.

mod account;
mod app;
mod check;
mod delivery;
mod git;
mod pull;
mod repository;
mod thread;

pub(super) use delivery::{delivery_detail, delivery_row};
pub(super) use repository::repository_brief;

use serde_json::{Value, json};

use crate::model::Timestamp;

use super::world::{Reaction, World};

/// A moment as GitHub writes it, to the second.
pub(super) fn moment(at: Timestamp) -> Value {
    Value::String(at.to_string())
}

/// A moment that may not have come.
pub(super) fn maybe(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, moment)
}

impl World {
    /// The root of the REST API.
    pub(super) fn api(&self) -> String {
        format!("{}/api/v3", self.base)
    }

    /// One reaction.
    pub(super) fn reaction_json(&self, reaction: &Reaction) -> Value {
        json!({
            "id": reaction.id,
            "node_id": format!("REA_{}", reaction.id),
            "user": self.user_json(reaction.user),
            "content": reaction.content,
            "created_at": moment(reaction.created_at),
        })
    }
}

/// The counts of reactions that stand beside every text.
fn rollup(url: &str, reactions: &[Reaction]) -> Value {
    let count = |content: &str| reactions.iter().filter(|r| r.content == content).count();
    json!({
        "url": format!("{url}/reactions"),
        "total_count": reactions.len(),
        "+1": count("+1"),
        "-1": count("-1"),
        "laugh": count("laugh"),
        "hooray": count("hooray"),
        "confused": count("confused"),
        "heart": count("heart"),
        "rocket": count("rocket"),
        "eyes": count("eyes"),
    })
}
