//! What happens after a failure: a table from class to reaction, and the candidates' standing that follows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::frozen::Guard;
use super::report::{Failure, Verdict};
use super::state::Node;
use crate::model::Timestamp;

/// What happens after a failed attempt. Every further attempt begins on a clean tree, whatever the reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// The same candidate again at once; after the policy's number of failures the next one.
    Again,
    /// The same after a pause that grows with every failure.
    Pause,
    /// The next candidate of the route at once: this one would fail again.
    Next,
    /// The candidate rests until its provider takes requests again; meanwhile others of the route take over,
    /// and where there is none the run waits. It does not count as a failure.
    Wait,
    /// A person is asked.
    Ask,
}

impl Reaction {
    /// All of them, the mildest first.
    pub const ALL: [Self; 5] = [Self::Again, Self::Pause, Self::Next, Self::Wait, Self::Ask];

    /// The name that configuration uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Pause => "pause",
            Self::Next => "next",
            Self::Wait => "wait",
            Self::Ask => "ask",
        }
    }

    /// The reaction of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reaction| reaction.as_str() == name)
    }

    /// The reaction to a class where nobody decided otherwise.
    ///
    /// What chance may have caused is tried again; what a second try cannot change goes to the next candidate;
    /// what money or people must settle is asked.
    pub fn to(class: Failure) -> Self {
        match class {
            Failure::Hang
            | Failure::EditFailed
            | Failure::MalformedCall
            | Failure::Empty
            | Failure::Truncated
            | Failure::MissingArtifact
            | Failure::NoChange
            | Failure::Tampered
            | Failure::Conflict
            | Failure::OutOfScope => Self::Again,
            Failure::Crash | Failure::Unavailable | Failure::Machine => Self::Pause,
            Failure::Auth | Failure::Refused | Failure::WrongModel => Self::Next,
            Failure::RateLimited => Self::Wait,
            Failure::Budget => Self::Ask,
        }
    }
}

/// How often a candidate may rest at a node before its provider counts as failing.
const MOST_RESTS: u32 = 20;
/// The first rest where the provider does not say how long, doubled for each further one.
const FIRST_REST: Duration = Duration::from_mins(1);
/// The longest rest that is guessed. Rests that a provider names may be longer: weekly windows exist.
const LONGEST_REST: Duration = Duration::from_mins(30);

/// How the candidates of a node stand after its attempts of this generation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// The candidate of each attempt that counts as a failure, in order.
    pub(super) failed: Vec<usize>,
    /// Candidates that need not be asked again.
    pub(super) spent: BTreeSet<usize>,
    /// Candidates that rest, and until when.
    pub(super) resting: BTreeMap<usize, Timestamp>,
}

impl Standing {
    /// The standing after the attempts of the node's newest generation.
    pub(super) fn of(node: &Node, guard: &Guard) -> Self {
        let mut standing = Self::default();
        let (mut returned, mut rests) = (BTreeMap::<usize, u32>::new(), BTreeMap::<usize, u32>::new());
        for attempt in node.current() {
            let index = attempt.candidate.as_ref().map_or(0, |(index, _)| *index);
            let Some(report) = &attempt.report else { continue };
            match &report.verdict {
                // No candidate's fault: git found it, and now the first one mends it.
                Verdict::Failed {
                    class: Failure::Conflict,
                    ..
                } => {}
                Verdict::Failed { class, .. } => match guard.reaction(*class) {
                    Reaction::Wait => {
                        let rests = rests.entry(index).or_default();
                        *rests += 1;
                        let until = report
                            .until
                            .unwrap_or_else(|| report.ended.plus(guessed_rest(*rests)));
                        standing.resting.insert(index, until);
                        if *rests > MOST_RESTS {
                            standing.fail(index, true);
                        }
                    }
                    Reaction::Again | Reaction::Pause => standing.fail(index, false),
                    Reaction::Next | Reaction::Ask => standing.fail(index, true),
                },
                Verdict::Returned { .. } => {
                    let count = returned.entry(index).or_default();
                    *count += 1;
                    if *count > guard.lint_returns {
                        standing.fail(index, false);
                    }
                }
                _ => {}
            }
        }
        standing
    }

    fn fail(&mut self, index: usize, spent: bool) {
        self.failed.push(index);
        if spent {
            self.spent.insert(index);
        }
    }

    /// The failures as a route counts them, with those candidates out of the running that are spent or, if
    /// `also_resting`, rest beyond `now`.
    pub(super) fn counted(&self, failures: u32, now: Option<Timestamp>) -> Vec<usize> {
        let out = |index: &usize| {
            self.spent.contains(index)
                || now.is_some_and(|now| self.resting.get(index).is_some_and(|until| *until > now))
        };
        let candidates: BTreeSet<usize> = self.spent.iter().chain(self.resting.keys()).copied().collect();
        let mut counted = self.failed.clone();
        for index in candidates.into_iter().filter(out) {
            counted.extend(std::iter::repeat_n(index, failures.max(1) as usize));
        }
        counted
    }
}

fn guessed_rest(rests: u32) -> Duration {
    FIRST_REST
        .saturating_mul(1 << rests.saturating_sub(1).min(10))
        .min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AttemptKey, CommitId, NodeId, RunId};
    use crate::run::{Attempt, Report};

    fn attempt(n: u32, candidate: usize, class: Failure, until: Option<i64>) -> Attempt {
        let key = AttemptKey {
            run: RunId::new("01jd0000000000000000abcdef").unwrap(),
            node: NodeId::new("implement").unwrap(),
            generation: 1,
            n,
        };
        let verdict = Verdict::Failed {
            class,
            why: "It failed.".to_owned(),
        };
        let mut report = Report::bare(key, verdict, Timestamp(1_000));
        report.until = until.map(Timestamp);
        Attempt {
            generation: 1,
            n,
            candidate: Some((candidate, format!("c{candidate}"))),
            start: CommitId::new("0".repeat(40)).unwrap(),
            iteration: 1,
            scheduled: Timestamp(0),
            began: Some(Timestamp(0)),
            report: Some(report),
        }
    }

    fn node(attempts: Vec<Attempt>) -> Node {
        Node {
            attempts,
            ..Node::default()
        }
    }

    #[test]
    fn chance_counts_certainty_spends_and_a_full_window_rests() {
        let node = node(vec![
            attempt(1, 0, Failure::Hang, None),
            attempt(2, 0, Failure::RateLimited, Some(90_000)),
            attempt(3, 1, Failure::Auth, None),
        ]);
        let standing = Standing::of(&node, &Guard::default());
        assert_eq!(standing.failed, [0, 1]);
        assert_eq!(standing.spent, [1].into());
        assert_eq!(standing.resting, [(0, Timestamp(90_000))].into());
        assert_eq!(standing.counted(2, Some(Timestamp(80_000))), [0, 1, 0, 0, 1, 1]);
        assert_eq!(
            standing.counted(2, Some(Timestamp(90_000))),
            [0, 1, 1, 1],
            "rested enough"
        );
        assert_eq!(standing.counted(2, None), [0, 1, 1, 1]);
    }

    #[test]
    fn a_rest_without_an_end_grows_and_ends_as_a_failure() {
        let rests = |count: u32| {
            node(
                (1..=count)
                    .map(|n| attempt(n, 0, Failure::RateLimited, None))
                    .collect(),
            )
        };
        let until = |count| Standing::of(&rests(count), &Guard::default()).resting[&0];
        assert_eq!(until(1), Timestamp(61_000));
        assert_eq!(until(2), Timestamp(121_000));
        assert_eq!(until(9), Timestamp(1_801_000), "half an hour at most");
        let worn_out = Standing::of(&rests(MOST_RESTS + 1), &Guard::default());
        assert_eq!(worn_out.spent, [0].into());
    }

    #[test]
    fn the_operator_decides_otherwise() {
        let mut guard = Guard::default();
        guard.on.insert(Failure::RateLimited, Reaction::Next);
        let standing = Standing::of(&node(vec![attempt(1, 0, Failure::RateLimited, None)]), &guard);
        assert_eq!(standing.spent, [0].into());
        assert!(standing.resting.is_empty());
    }
}
