//! The label that shows a run's state in lists of issues.

use crate::run::Phase;

/// The labels' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Starts a run; taken away once it is accepted.
    pub trigger: String,
    /// The run has not begun yet.
    pub queued: String,
    /// A step is at work.
    pub working: String,
    /// The run waits for a person or a moment.
    pub waiting: String,
    /// The pull request is open.
    pub review: String,
    /// The run is finished.
    pub done: String,
    /// The run could not do its work.
    pub failed: String,
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            trigger: "agent:build".to_owned(),
            queued: "agent:queued".to_owned(),
            working: "agent:working".to_owned(),
            waiting: "agent:waiting".to_owned(),
            review: "agent:review".to_owned(),
            done: "agent:done".to_owned(),
            failed: "agent:failed".to_owned(),
        }
    }
}

/// A label as it is made where the repository has none of its name.
pub(super) struct Look<'a> {
    pub(super) name: &'a str,
    /// Six hexadecimal digits, as GitHub wants them.
    pub(super) color: &'static str,
    pub(super) description: &'static str,
}

impl Labels {
    /// The label for a phase; a cancelled run leaves none.
    pub(super) fn of(&self, phase: &Phase) -> Option<Look<'_>> {
        let (name, color, description) = match phase {
            Phase::Queued => (&self.queued, "d4c5f9", "Footplate will begin soon"),
            Phase::Working => (&self.working, "1d76db", "Footplate is at work"),
            Phase::Waiting(_) => (
                &self.waiting,
                "fbca04",
                "Footplate waits; its comment says for what",
            ),
            Phase::InReview => (&self.review, "0e8a16", "Footplate's pull request is open"),
            Phase::Merged | Phase::Closed => (&self.done, "c2e0c6", "Footplate has finished"),
            Phase::Failed => (
                &self.failed,
                "b60205",
                "Footplate could not do this; its comment says why",
            ),
            Phase::Cancelled => return None,
        };
        Some(Look {
            name,
            color,
            description,
        })
    }

    /// All labels that say a state.
    pub(super) fn states(&self) -> [&str; 6] {
        [
            &self.queued,
            &self.working,
            &self.waiting,
            &self.review,
            &self.done,
            &self.failed,
        ]
    }
}
