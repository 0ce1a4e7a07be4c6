//! How figures are written.

use std::time::Duration;

use super::view::{CheckResult, Cost, NodeView, TestCounts};
use crate::model::{MicroUsd, TokenUsage};

/// A span of time for people: `0.4 s`, `42 s`, `3 min 05 s`, `2 h 10 min`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{}.{} s", seconds, time.subsec_millis() / 100),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Token counts for people: `12.3k in, 456 out`.
pub(super) fn tokens(usage: Option<TokenUsage>) -> String {
    let Some(usage) = usage else {
        return "unknown".to_owned();
    };
    let input = usage
        .input
        .saturating_add(usage.cache_read)
        .saturating_add(usage.cache_write);
    format!("{} in, {} out", count(input), count(usage.output))
}

pub(super) fn count(tokens: u64) -> String {
    match tokens {
        0..1_000 => tokens.to_string(),
        1_000..1_000_000 => format!("{}.{}k", tokens / 1_000, tokens % 1_000 / 100),
        _ => format!("{}.{}M", tokens / 1_000_000, tokens % 1_000_000 / 100_000),
    }
}

/// Money for people; what is not known is said, never shown as nothing.
pub(super) fn cost(cost: Cost) -> String {
    match cost {
        Cost {
            known: Some(sum),
            incomplete: false,
        } => sum.to_string(),
        Cost {
            known: Some(sum),
            incomplete: true,
        } => format!("{sum} + unknown"),
        Cost {
            known: None,
            incomplete: true,
        } => "unknown".to_owned(),
        Cost {
            known: None,
            incomplete: false,
        } => "—".to_owned(),
    }
}

/// The sum over nodes.
pub(super) fn total_cost(nodes: &[NodeView]) -> Cost {
    let known: Vec<MicroUsd> = nodes.iter().filter_map(|node| node.cost.known).collect();
    Cost {
        known: (!known.is_empty()).then(|| known.into_iter().sum()),
        incomplete: nodes.iter().any(|node| node.cost.incomplete),
    }
}

/// How a command ended, for a table cell.
pub(super) fn check_result(result: Option<CheckResult>) -> String {
    let Some(result) = result else {
        return "not run".to_owned();
    };
    let exit = result
        .exit
        .map_or_else(|| "did not finish".to_owned(), |code| format!("exit {code}"));
    match result.tests {
        Some(TestCounts {
            passed: 0,
            failed: 0,
            skipped: 0,
        }) => format!("{exit}, no tests ran"),
        Some(TestCounts {
            passed,
            failed,
            skipped: 0,
        }) => format!("{exit}, {passed} passed, {failed} failed"),
        Some(TestCounts {
            passed,
            failed,
            skipped,
        }) => {
            format!("{exit}, {passed} passed, {failed} failed, {skipped} skipped")
        }
        None => format!("{exit}, tests not counted"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well_and_unknown_is_not_zero() {
        let times = [400, 42_000, 185_000, 7_800_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(times, ["0.4 s", "42 s", "3 min 05 s", "2 h 10 min"]);
        assert_eq!(tokens(None), "unknown");
        let usage = TokenUsage {
            input: 300,
            cache_read: 12_000,
            cache_write: 0,
            output: 2_500_000,
            ..TokenUsage::default()
        };
        assert_eq!(tokens(Some(usage)), "12.3k in, 2.5M out");
        let sum = Some(MicroUsd(17_960));
        assert_eq!(
            cost(Cost {
                known: sum,
                incomplete: false
            }),
            "$0.0180"
        );
        assert_eq!(
            cost(Cost {
                known: sum,
                incomplete: true
            }),
            "$0.0180 + unknown"
        );
        assert_eq!(
            cost(Cost {
                known: None,
                incomplete: true
            }),
            "unknown"
        );
        assert_eq!(cost(Cost::default()), "—");
        assert_eq!(check_result(None), "not run");
        let none = CheckResult {
            exit: Some(0),
            tests: Some(TestCounts::default()),
        };
        assert_eq!(check_result(Some(none)), "exit 0, no tests ran");
    }
}
