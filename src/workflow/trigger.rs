//! Trigger rules: what must have become of the needed nodes for a node to run.

use serde::{Deserialize, Serialize};

/// What must have become of the needed nodes. A node is looked at only once all of them are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRule {
    /// All of them succeeded.
    #[default]
    AllSuccess,
    /// At least one succeeded.
    OneSuccess,
    /// None failed, and at least one succeeded.
    NoneFailedMinOneSuccess,
    /// All of them are settled, whatever came of them.
    AllDone,
}

/// What became of a needed node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// It ran and succeeded.
    Succeeded,
    /// It ran and failed for good.
    Failed,
    /// It did not run: its condition was false or its trigger rule did not hold.
    Skipped,
}

/// What becomes of a node whose needed nodes are all settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// It runs, if its condition holds as well.
    Run,
    /// It is skipped.
    Skip,
}

impl TriggerRule {
    /// All rules, in the order in which people should meet them.
    pub const ALL: [Self; 4] = [
        Self::AllSuccess,
        Self::OneSuccess,
        Self::NoneFailedMinOneSuccess,
        Self::AllDone,
    ];

    /// The rule's name as a workflow file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllSuccess => "all_success",
            Self::OneSuccess => "one_success",
            Self::NoneFailedMinOneSuccess => "none_failed_min_one_success",
            Self::AllDone => "all_done",
        }
    }

    /// Decides from the settled needed nodes; a node that needs none always runs.
    pub fn decide(self, upstream: &[Settled]) -> Trigger {
        let any = |wanted: Settled| upstream.contains(&wanted);
        let holds = upstream.is_empty()
            || match self {
                Self::AllSuccess => !any(Settled::Failed) && !any(Settled::Skipped),
                Self::OneSuccess => any(Settled::Succeeded),
                Self::NoneFailedMinOneSuccess => !any(Settled::Failed) && any(Settled::Succeeded),
                Self::AllDone => true,
            };
        if holds { Trigger::Run } else { Trigger::Skip }
    }
}

#[cfg(test)]
mod tests {
    use super::{Settled::*, Trigger, TriggerRule::*};

    #[test]
    fn each_rule_decides_as_its_name_says() {
        let table = [
            // upstream, all_success, one_success, none_failed_min_one_success, all_done
            (vec![], [true, true, true, true]),
            (vec![Succeeded], [true, true, true, true]),
            (vec![Succeeded, Succeeded], [true, true, true, true]),
            (vec![Succeeded, Failed], [false, true, false, true]),
            (vec![Succeeded, Skipped], [false, true, true, true]),
            (vec![Skipped], [false, false, false, true]),
            (vec![Failed], [false, false, false, true]),
            (vec![Failed, Skipped], [false, false, false, true]),
            (vec![Succeeded, Failed, Skipped], [false, true, false, true]),
        ];
        for (upstream, wanted) in table {
            let got = [AllSuccess, OneSuccess, NoneFailedMinOneSuccess, AllDone]
                .map(|rule| rule.decide(&upstream) == Trigger::Run);
            assert_eq!(got, wanted, "{upstream:?}");
        }
    }
}
