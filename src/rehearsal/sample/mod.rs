//! A small sample to play with: a repository, an issue, and a scripted agent that does the right thing.

use super::setup::{RepositorySetup, Setup};
use super::world::RepositoryRole;

/// The repository's name.
pub const REPOSITORY: &str = "octo/widgets";
/// The person who owns it, opens the issue and approves the plan.
pub const OWNER: &str = "octo";
/// The issue's title.
pub const ISSUE_TITLE: &str = "Add price_half, rounding down";
/// The issue's text.
pub const ISSUE_BODY: &str = include_str!("issue.md");
/// What the scripted agent does in each role, for the `scripted` harness (YAML).
pub const SCRIPT: &str = include_str!("script.yml");
/// The files of the repository, as path and text.
pub const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("widgets/README.md")),
    ("src/widgets.py", include_str!("widgets/widgets.py.txt")),
    (
        "tests/test_widgets.py",
        include_str!("widgets/test_widgets.py.txt"),
    ),
];

/// The sample as a repository of a world: public, with one writer, one triager and one reader beside its owner.
pub fn repository() -> RepositorySetup {
    RepositorySetup::with_files(REPOSITORY, FILES)
        .role("wanda", RepositoryRole::Write)
        .role("tristan", RepositoryRole::Triage)
        .role("rhea", RepositoryRole::Read)
}

impl Setup {
    /// A world with the sample repository.
    pub fn sample() -> Self {
        Self::of(repository())
    }
}
