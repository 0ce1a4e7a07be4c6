//! Runners whose summary is one line.

use super::TestCounts;
use super::tokens::{Token, after, before, count, tokens};

/// The counts in a line, if it is a summary of one of the runners below.
pub(super) fn summary(text: &str) -> Option<TestCounts> {
    pytest(text)
        .or_else(|| cargo(text))
        .or_else(|| nextest(text))
        .or_else(|| jest(text))
        .or_else(|| vitest(text))
        .or_else(|| ruby(text))
        .or_else(|| phpunit(text))
        .or_else(|| ctest(text))
        .or_else(|| dotnet(text))
        .or_else(|| deno(text))
        .or_else(|| gradle(text))
}

/// `==== 1 failed, 3 passed, 2 skipped, 1 warning in 0.12s (0:00:12) ====`, also without the bars.
fn pytest(text: &str) -> Option<TestCounts> {
    let body = text.trim_matches(['=', ' ']);
    let (counted, time) = body.rsplit_once(" in ")?;
    if !time
        .split(' ')
        .next()?
        .strip_suffix('s')?
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'.')
    {
        return None;
    }
    if counted == "no tests ran" {
        return Some(TestCounts::default());
    }
    let mut counts = TestCounts::default();
    for part in counted.split(", ") {
        let (number, what) = part.split_once(' ')?;
        let number = count(number)?;
        match what {
            "passed" | "xfailed" | "xpassed" => counts.passed += number,
            "failed" | "error" | "errors" => counts.failed += number,
            "skipped" => counts.skipped += number,
            "deselected" | "warning" | "warnings" | "rerun" | "subtests passed" => {}
            _ => return None,
        }
    }
    Some(counts)
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`, one a binary.
fn cargo(text: &str) -> Option<TestCounts> {
    let tokens = tokens(text.strip_prefix("test result: ")?);
    Some(TestCounts::new(
        before(&tokens, "passed")?,
        before(&tokens, "failed")?,
        before(&tokens, "ignored")?,
    ))
}

/// `Summary [   0.012s] 3 tests run: 3 passed (1 slow), 1 skipped`.
fn nextest(text: &str) -> Option<TestCounts> {
    let (_, rest) = text.strip_prefix("Summary [")?.split_once("] ")?;
    let (run, counted) = rest.split_once(" run: ")?;
    if !run.ends_with("test") && !run.ends_with("tests") {
        return None;
    }
    let counted = tokens(counted);
    let failed = ["failed", "timed"]
        .iter()
        .filter_map(|word| before(&counted, word))
        .sum::<u64>();
    Some(TestCounts::new(
        before(&counted, "passed")?,
        failed,
        before(&counted, "skipped").unwrap_or(0),
    ))
}

/// `Tests:       1 failed, 1 skipped, 1 todo, 3 passed, 6 total`.
fn jest(text: &str) -> Option<TestCounts> {
    let tokens = tokens(text.strip_prefix("Tests: ")?);
    before(&tokens, "total")?;
    let number = |word| before(&tokens, word).unwrap_or(0);
    Some(TestCounts::new(
        number("passed"),
        number("failed"),
        number("skipped") + number("todo"),
    ))
}

/// `Tests  1 failed | 3 passed | 1 skipped (5)`, or `Tests  no tests`.
fn vitest(text: &str) -> Option<TestCounts> {
    let rest = text.strip_prefix("Tests  ")?.trim_start();
    if rest == "no tests" {
        return Some(TestCounts::default());
    }
    let (counted, total) = rest.rsplit_once(" (")?;
    count(total.strip_suffix(')')?)?;
    let tokens = tokens(counted);
    let number = |word| before(&tokens, word).unwrap_or(0);
    Some(TestCounts::new(
        number("passed"),
        number("failed"),
        number("skipped") + number("todo"),
    ))
}

/// RSpec: `4 examples, 1 failure, 1 pending`; minitest: `4 runs, 5 assertions, 1 failures, 0 errors, 1 skips`;
/// test-unit: `4 tests, 5 assertions, 1 failures, 0 errors, 1 pendings, 0 omissions, …`;
/// ExUnit and bats: `1 doctest, 4 tests, 1 failure, 1 skipped`.
fn ruby(text: &str) -> Option<TestCounts> {
    let mut total = None;
    let (mut failed, mut skipped, mut has_failures) = (0, 0, false);
    for part in text.split(", ") {
        let (number, what) = part.split_once(' ')?;
        let number = count(number)?;
        match what {
            "example" | "examples" | "run" | "runs" | "test" | "tests" | "doctest" | "doctests"
            | "property" | "properties" => {
                *total.get_or_insert(0) += number;
            }
            "failure" | "failures" => {
                has_failures = true;
                failed += number;
            }
            "error"
            | "errors"
            | "error occurred outside of examples"
            | "errors occurred outside of examples" => {
                failed += number;
            }
            "pending" | "pendings" | "skips" | "skipped" | "omissions" | "excluded" => skipped += number,
            "assertions" | "notifications" => {}
            _ => return None,
        }
    }
    has_failures.then(|| total.map(|total| TestCounts::of_total(total, failed, skipped)))?
}

/// `OK (4 tests, 5 assertions)`, `Tests: 4, Assertions: 5, Errors: 1, Failures: 1, Skipped: 1.`, and nothing:
/// `No tests executed!`. JUnit 4's `OK (4 tests)` is the same.
fn phpunit(text: &str) -> Option<TestCounts> {
    if text == "No tests executed!" {
        return Some(TestCounts::default());
    }
    if let Some(rest) = text.strip_prefix("OK (") {
        return match tokens(rest.strip_suffix(')')?)[..] {
            [Token::Number(passed), Token::Word("test" | "tests")]
            | [
                Token::Number(passed),
                Token::Word("test" | "tests"),
                _,
                Token::Word("assertion" | "assertions"),
            ] => Some(TestCounts::new(passed, 0, 0)),
            _ => None,
        };
    }
    let tokens = tokens(text.strip_prefix("Tests: ")?);
    let [Token::Number(total), Token::Word("Assertions"), ..] = tokens[..] else {
        return None;
    };
    let number = |word| after(&tokens, word).unwrap_or(0);
    Some(TestCounts::of_total(
        total,
        number("Failures") + number("Errors"),
        number("Skipped") + number("Incomplete"),
    ))
}

/// `80% tests passed, 1 tests failed out of 5`, or `No tests were found!!!`.
fn ctest(text: &str) -> Option<TestCounts> {
    if text == "No tests were found!!!" {
        return Some(TestCounts::default());
    }
    let (_, rest) = text.split_once("% tests passed, ")?;
    let [
        Token::Number(failed),
        _,
        _,
        Token::Word("out"),
        Token::Word("of"),
        Token::Number(total),
    ] = tokens(rest)[..]
    else {
        return None;
    };
    Some(TestCounts::of_total(total, failed, 0))
}

/// `Passed!  - Failed:     0, Passed:     4, Skipped:     0, Total:     4, …` and
/// `Test summary: total: 4, failed: 0, succeeded: 4, skipped: 0, duration: 1.2s`.
fn dotnet(text: &str) -> Option<TestCounts> {
    let (rest, words) = if let Some(rest) = text.strip_prefix("Test summary: ") {
        (rest, ["succeeded", "failed", "skipped"])
    } else {
        let (verdict, rest) = text.split_once("! ")?;
        if !matches!(verdict, "Passed" | "Failed" | "Skipped") {
            return None;
        }
        (rest, ["Passed", "Failed", "Skipped"])
    };
    let tokens = tokens(rest);
    let [passed, failed, skipped] = words.map(|word| after(&tokens, word));
    Some(TestCounts::new(passed?, failed?, skipped?))
}

/// `ok | 4 passed (2 steps) | 0 failed | 1 ignored (12ms)`.
fn deno(text: &str) -> Option<TestCounts> {
    let rest = text
        .strip_prefix("ok | ")
        .or_else(|| text.strip_prefix("FAILED | "))?;
    let tokens = tokens(rest);
    Some(TestCounts::new(
        before(&tokens, "passed")?,
        before(&tokens, "failed")?,
        before(&tokens, "ignored").unwrap_or(0),
    ))
}

/// `5 tests completed, 1 failed, 1 skipped`, which Gradle writes only when a test failed.
fn gradle(text: &str) -> Option<TestCounts> {
    let tokens = tokens(text);
    let [
        Token::Number(total),
        Token::Word("test" | "tests"),
        Token::Word("completed"),
        Token::Number(failed),
        Token::Word("failed"),
        ..,
    ] = tokens[..]
    else {
        return None;
    };
    Some(TestCounts::of_total(
        total,
        failed,
        before(&tokens, "skipped").unwrap_or(0),
    ))
}
