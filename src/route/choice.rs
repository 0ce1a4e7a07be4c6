//! Which candidate of a route is next, and which one a person means.

use serde::{Deserialize, Serialize};

use super::Candidate;
use crate::suggest;

/// How a route deals with failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The failures of a candidate at a node before the next one takes over; 0 counts as 1.
    pub failures: u32,
}

impl Default for Policy {
    /// Two: one failure may be chance, two of the same model on the same task rarely are.
    fn default() -> Self {
        Self { failures: 2 }
    }
}

/// Says why a person's words do not name one candidate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// Several candidates fit.
    #[error("`{wanted}` could be {}", list(.candidates, "or"))]
    Ambiguous {
        /// What was asked for, cut to 80 characters.
        wanted: String,
        /// The full names of those that fit.
        candidates: Vec<String>,
    },
    /// No candidate fits.
    #[error("the route has no `{wanted}`; {}", match .meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("it has {}", list(.candidates, "and")),
    })]
    Unknown {
        /// What was asked for, cut to 80 characters.
        wanted: String,
        /// What was perhaps meant.
        meant: Option<String>,
        /// The full names of all candidates.
        candidates: Vec<String>,
    },
    /// The route is empty.
    #[error("the route has no candidates")]
    Empty,
}

/// The index of the candidate for the next attempt; `None` when the route is exhausted.
///
/// `failed` holds the candidate's index for each failed attempt of this node's generation that counts;
/// `start` is where the route begins this time (after an escalation or a person's choice).
pub fn choose(candidates: &[Candidate], failed: &[usize], start: usize, policy: &Policy) -> Option<usize> {
    let most = usize::try_from(policy.failures.max(1)).unwrap_or(usize::MAX);
    (start..candidates.len()).find(|candidate| failed.iter().filter(|f| *f == candidate).count() < most)
}

/// The index of the candidate that a person means by its full name, `provider/model`, model or harness.
///
/// The most exact way of naming decides: a model's name wins over a harness of the same name.
///
/// # Errors
/// No candidate fits, or several do; the error says which.
pub fn find(candidates: &[Candidate], wanted: &str) -> Result<usize, NotFound> {
    let asked = wanted.trim().to_lowercase();
    let shown: String = wanted
        .trim()
        .chars()
        .filter(|c| !c.is_control() && *c != '`')
        .take(80)
        .collect();
    let full = |index: usize| candidates[index].to_string();
    for way in Way::ALL {
        // A candidate that is listed twice is one choice, not two.
        let repeated = |index: usize| candidates[..index].contains(&candidates[index]);
        let fitting: Vec<usize> = (0..candidates.len())
            .filter(|index| {
                way.name(&candidates[*index]).as_deref() == Some(asked.as_str()) && !repeated(*index)
            })
            .collect();
        match fitting.as_slice() {
            [] => {}
            [only] => return Ok(*only),
            several => {
                let candidates = several.iter().map(|index| full(*index)).collect();
                return Err(NotFound::Ambiguous {
                    wanted: shown,
                    candidates,
                });
            }
        }
    }
    if candidates.is_empty() {
        return Err(NotFound::Empty);
    }
    let names: Vec<String> = candidates
        .iter()
        .flat_map(|candidate| Way::ALL.into_iter().filter_map(|way| way.name(candidate)))
        .collect();
    let meant = suggest::closest(&shown.to_lowercase(), names.iter().map(String::as_str)).map(str::to_owned);
    Err(NotFound::Unknown {
        wanted: shown,
        meant,
        candidates: (0..candidates.len()).map(full).collect(),
    })
}

/// A way to name a candidate.
#[derive(Debug, Clone, Copy)]
enum Way {
    Full,
    WithoutEffort,
    Target,
    Model,
    /// The model's name without its maker's.
    Family,
    Harness,
}

impl Way {
    /// All ways, the most exact first.
    const ALL: [Self; 6] = [
        Self::Full,
        Self::WithoutEffort,
        Self::Target,
        Self::Model,
        Self::Family,
        Self::Harness,
    ];

    /// The candidate's name in lower case.
    fn name(self, candidate: &Candidate) -> Option<String> {
        let name = match self {
            Self::Full => Some(candidate.to_string()),
            Self::WithoutEffort => Some(
                Candidate {
                    effort: None,
                    ..candidate.clone()
                }
                .to_string(),
            ),
            Self::Target => candidate.target(),
            Self::Model => candidate.model.clone(),
            Self::Family => candidate
                .model
                .as_deref()
                .and_then(|m| m.rsplit('/').next())
                .map(str::to_owned),
            Self::Harness => Some(candidate.harness.clone()),
        };
        name.map(|name| name.to_lowercase())
    }
}

fn list(names: &[String], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [init @ .., end] => format!("{} {last} {end}", init.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(names: &[&str]) -> Vec<Candidate> {
        names
            .iter()
            .map(|name| name.parse().expect("a candidate"))
            .collect()
    }

    #[test]
    fn the_next_candidate_comes_after_the_policys_number_of_failures() {
        let three = route(&["a", "b", "c"]);
        let two = Policy::default();
        let one = Policy { failures: 1 };
        let table: [(&[usize], usize, &Policy, Option<usize>); 11] = [
            (&[], 0, &two, Some(0)),
            (&[0], 0, &two, Some(0)),
            (&[0, 0], 0, &two, Some(1)),
            (&[0, 0, 1], 0, &two, Some(1)),
            (&[0, 0, 1, 1], 0, &two, Some(2)),
            (&[0, 0, 1, 1, 2, 2], 0, &two, None),
            (&[], 1, &two, Some(1)),
            (&[0], 1, &two, Some(1)),
            (&[2], 2, &one, None),
            (&[], 3, &two, None),
            (&[0], 0, &Policy { failures: 0 }, Some(1)),
        ];
        for (failed, start, policy, wanted) in table {
            assert_eq!(
                choose(&three, failed, start, policy),
                wanted,
                "{failed:?} from {start}"
            );
        }
        assert_eq!(choose(&[], &[], 0, &two), None);
    }

    #[test]
    fn a_person_names_a_candidate_by_whatever_is_unique() {
        let candidates = route(&[
            "claude:moonshot/kimi-k2.6",
            "gemini:google/gemini-3.5-flash",
            "opencode:openrouter/moonshotai/kimi-k2-turbo",
            "claude:anthropic/opus@high",
            "claude:anthropic/opus@low",
        ]);
        let table = [
            ("claude:moonshot/kimi-k2.6", 0),
            ("moonshot/kimi-k2.6", 0),
            ("Kimi-K2.6", 0),
            (" gemini ", 1),
            ("gemini-3.5-flash", 1),
            ("kimi-k2-turbo", 2),
            ("moonshotai/kimi-k2-turbo", 2),
            ("claude:anthropic/opus@low", 4),
        ];
        for (wanted, index) in table {
            assert_eq!(find(&candidates, wanted), Ok(index), "{wanted}");
        }
    }

    #[test]
    fn a_name_that_fits_none_or_several_is_answered_with_what_there_is() {
        let candidates = route(&[
            "claude:moonshot/kimi-k2.6",
            "claude:anthropic/opus@high",
            "gemini",
        ]);
        let table = [
            (
                "claude",
                "`claude` could be `claude:moonshot/kimi-k2.6` or `claude:anthropic/opus@high`",
            ),
            (
                "kimi-k26",
                "the route has no `kimi-k26`; did you mean `kimi-k2.6`?",
            ),
            (
                "gpt-9",
                "the route has no `gpt-9`; it has `claude:moonshot/kimi-k2.6`, `claude:anthropic/opus@high` and `gemini`",
            ),
        ];
        for (wanted, message) in table {
            assert_eq!(find(&candidates, wanted).expect_err(wanted).to_string(), message);
        }
        assert_eq!(find(&[], "x"), Err(NotFound::Empty));
        assert_eq!(find(&route(&["a", "b", "a"]), "a"), Ok(0));
    }

    proptest! {
        #[test]
        fn a_route_is_walked_forwards_and_each_candidate_gets_its_chances(
            size in 0_usize..6, failures in 1_u32..4, start in 0_usize..7,
        ) {
            let candidates = route(&["a", "b", "c", "d", "e", "f"][..size]);
            let policy = Policy { failures };
            let mut failed = Vec::new();
            while let Some(next) = choose(&candidates, &failed, start, &policy) {
                prop_assert!(next >= failed.last().copied().unwrap_or(start));
                failed.push(next);
            }
            let chances = size.saturating_sub(start) * usize::try_from(failures).unwrap_or(0);
            prop_assert_eq!(failed.len(), chances);
        }

        #[test]
        fn whatever_is_asked_for_there_is_an_answer(wanted in "\\PC{0,60}") {
            let candidates = route(&["claude:moonshot/kimi-k2.6", "gemini"]);
            if let Ok(index) = find(&candidates, &wanted) {
                prop_assert!(index < candidates.len());
            }
        }
    }
}
