//! The fencing token of an attempt.

use std::fmt;

use super::{InvalidId, NodeId, RunId};

/// Identifies one try of one node by one candidate. A result counts only while its key is the newest.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptKey {
    /// The run.
    pub run: RunId,
    /// The node.
    pub node: NodeId,
    /// The node's generation, from 1; raised by replan, retry and repair.
    pub generation: u32,
    /// The number of the attempt within the generation, from 1.
    pub n: u32,
}

impl fmt::Display for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.run, self.node, self.generation, self.n)
    }
}

impl fmt::Debug for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.node, self.generation, self.n)
    }
}

impl std::str::FromStr for AttemptKey {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let wrong = || InvalidId::new("attempt key", text, "it wants `run/node/generation/n`");
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or_else(wrong);
        let (run, node, generation, n) = (next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(Self {
            run: RunId::new(run)?,
            node: NodeId::new(node)?,
            generation: generation.parse().map_err(|_| wrong())?,
            n: n.parse().map_err(|_| wrong())?,
        })
    }
}
