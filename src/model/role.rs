//! What an agent node does.

use std::fmt;

/// The part that an agent node plays. A route gives each role its candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads the repository and says where the work will be.
    Explore,
    /// Writes the plan.
    Plan,
    /// Writes code.
    Implement,
    /// Writes what people look at.
    Design,
    /// Judges the result against the plan.
    Validate,
    /// Compares results, for benchmarks and evals.
    Judge,
}

impl Role {
    /// All roles, in the order in which a run meets them.
    pub const ALL: [Self; 6] = [
        Self::Explore,
        Self::Plan,
        Self::Implement,
        Self::Design,
        Self::Validate,
        Self::Judge,
    ];

    /// The role's name as configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Explore => "explore",
            Self::Plan => "plan",
            Self::Implement => "implement",
            Self::Design => "design",
            Self::Validate => "validate",
            Self::Judge => "judge",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = super::InvalidId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| {
                super::InvalidId::new(
                    "role",
                    text,
                    "the roles are explore, plan, implement, design, validate and judge",
                )
            })
    }
}
