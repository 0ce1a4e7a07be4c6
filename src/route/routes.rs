//! Routes: for each role an ordered list of candidates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Candidate;
use crate::model::Role;

/// The candidates of each role, the first choice first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Routes(pub BTreeMap<Role, Vec<Candidate>>);

impl Routes {
    /// The candidates of the role; empty where it has no route.
    pub fn of(&self, role: Role) -> &[Candidate] {
        self.0.get(&role).map(Vec::as_slice).unwrap_or_default()
    }
}
