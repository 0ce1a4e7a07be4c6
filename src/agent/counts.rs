//! How many tests ran, read from what the common runners print.
//!
//! Every runner has a line or two that only it writes; each is recognized by its whole shape, so that prose
//! about tests counts for nothing. Where several runners ran in one command, their counts are added.
//! A runner that prints no counts (plain `go test`, a quiet `gradle test`) yields none: unknown is not zero.

use serde::{Deserialize, Serialize};

/// Summary lines are short; anything longer is a log.
const LONGEST: usize = 400;

/// How many tests passed, failed and were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCounts {
    /// Passed, among them failures that were expected.
    pub passed: u64,
    /// Failed or broke.
    pub failed: u64,
    /// Skipped, ignored, pending or to do.
    pub skipped: u64,
}

impl TestCounts {
    const fn new(passed: u64, failed: u64, skipped: u64) -> Self {
        Self {
            passed,
            failed,
            skipped,
        }
    }

    /// Of runners that state a total: whatever is not in the other two passed.
    fn of_total(total: u64, failed: u64, skipped: u64) -> Self {
        Self::new(
            total.saturating_sub(failed).saturating_sub(skipped),
            failed,
            skipped,
        )
    }
}

impl std::ops::AddAssign for TestCounts {
    fn add_assign(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }
}

/// Reads the counts from a command's whole output; `None` where it does not tell.
pub fn counts(output: &str) -> Option<TestCounts> {
    let mut counter = Counter::default();
    output.lines().for_each(|line| counter.line(line));
    counter.finish()
}

/// Reads counts from output as it comes, line by line, without terminal sequences.
#[derive(Debug, Default)]
pub struct Counter {
    /// Summaries that were complete.
    sum: Option<TestCounts>,
    /// unittest: "Ran 4 tests", until the result line says how many of them failed.
    ran: Option<u64>,
    /// Runners that write one count a line: mocha, bun, the JUnit console, old .NET, node's TAP.
    spread: Spread,
    /// Maven: lines per class, used only if no summary follows; and the summaries.
    classes: Option<TestCounts>,
    modules: Option<TestCounts>,
    /// Go: whether it is verbose, what ran, and whether all packages said that they have no tests.
    go: Go,
    /// Perl's prove: failures of single files, until the total.
    prove_failed: u64,
}

#[derive(Debug, Default)]
struct Spread {
    mocha: Option<TestCounts>,
    bun: Option<TestCounts>,
    junit: Option<TestCounts>,
    dotnet: Option<TestCounts>,
    node: Option<TestCounts>,
}

#[derive(Debug, Default)]
struct Go {
    verbose: bool,
    tests: TestCounts,
    untested: bool,
    tested: bool,
}

impl Counter {
    /// Takes a line of output.
    pub fn line(&mut self, line: &str) {
        if line.len() > LONGEST {
            return;
        }
        let line = line.trim_end();
        let text = line.trim_start();
        let first = text.as_bytes().first().copied().unwrap_or(b' ');
        let read = self.unittest(text)
            || self.go(line)
            || self.maven(text)
            || self.spread(text)
            || self.prove(text)
            || first == b'#';
        if read {
            return;
        }
        if let Some(counts) = summary(text) {
            *self.sum.get_or_insert_default() += counts;
        }
    }

    /// The sum of all that was read.
    pub fn finish(self) -> Option<TestCounts> {
        let spread = self.spread;
        let go = match self.go {
            Go {
                verbose: true, tests, ..
            } => Some(tests),
            Go {
                untested: true,
                tested: false,
                ..
            } => Some(TestCounts::default()),
            Go { .. } => None,
        };
        let known = [
            self.sum,
            self.modules.or(self.classes),
            go,
            spread.mocha,
            spread.bun,
            spread.junit,
            spread.dotnet,
            spread.node,
        ];
        known
            .into_iter()
            .flatten()
            .fold(None, |sum: Option<TestCounts>, counts| {
                let mut sum = sum.unwrap_or_default();
                sum += counts;
                Some(sum)
            })
    }

    fn add(&mut self, counts: TestCounts) {
        *self.sum.get_or_insert_default() += counts;
    }

    /// Python's unittest: `Ran 4 tests in 0.001s`, then `OK (skipped=1)` or `FAILED (failures=1, errors=1)`.
    fn unittest(&mut self, text: &str) -> bool {
        if let Some(rest) = text.strip_prefix("Ran ")
            && let [
                Token::Number(ran),
                Token::Word("test" | "tests"),
                Token::Word("in"),
                ..,
            ] = tokens(rest)[..]
        {
            self.ran = Some(ran);
            return true;
        }
        let result = ["OK", "FAILED", "NO TESTS RAN"]
            .iter()
            .find_map(|word| text.strip_prefix(word));
        let (Some(ran), Some(rest)) = (self.ran, result) else {
            return false;
        };
        let bare = rest.is_empty();
        if !(bare || rest.starts_with(" (") && rest.ends_with(')')) {
            return false;
        }
        let (mut failed, mut skipped) = (0, 0);
        for part in rest.trim_matches([' ', '(', ')']).split(", ") {
            if let Some((what, number)) = part.split_once('=') {
                let number = count(number).unwrap_or(0);
                match what {
                    "failures" | "errors" | "unexpected successes" => failed += number,
                    "skipped" => skipped += number,
                    _ => {}
                }
            }
        }
        self.ran = None;
        self.add(TestCounts::of_total(ran, failed, skipped));
        true
    }

    /// `go test -v` writes a line per test; the plain one tells only which packages have none.
    fn go(&mut self, line: &str) -> bool {
        if line.starts_with("=== RUN ") {
            self.go.verbose = true;
        } else if line.starts_with("--- PASS: ") {
            self.go.tests.passed += 1;
        } else if line.starts_with("--- FAIL: ") {
            self.go.tests.failed += 1;
        } else if line.starts_with("--- SKIP: ") {
            self.go.tests.skipped += 1;
        } else if line.ends_with("[no test files]")
            || line.starts_with("ok  \t") && line.ends_with("[no tests to run]")
        {
            self.go.untested = true;
        } else if line.starts_with("ok  \t") || line.starts_with("FAIL\t") {
            self.go.tested = true;
        } else {
            return false;
        }
        true
    }

    /// Maven Surefire: `Tests run: 5, Failures: 0, Errors: 0, Skipped: 1`, per class with the time, per module
    /// without. JUnit 4 alone writes `Tests run: 5,  Failures: 1`, and `OK (5 tests)`.
    fn maven(&mut self, text: &str) -> bool {
        let body = ["[INFO] ", "[ERROR] ", "[WARNING] "]
            .iter()
            .find_map(|level| text.strip_prefix(level));
        let Some(rest) = body.unwrap_or(text).strip_prefix("Tests run: ") else {
            return false;
        };
        let tokens = tokens(rest);
        let [Token::Number(run), ..] = tokens[..] else {
            return false;
        };
        let failed = after(&tokens, "Failures").unwrap_or(0) + after(&tokens, "Errors").unwrap_or(0);
        let counts = TestCounts::of_total(run, failed, after(&tokens, "Skipped").unwrap_or(0));
        let sum = if rest.contains("Time elapsed") {
            &mut self.classes
        } else {
            &mut self.modules
        };
        *sum.get_or_insert_default() += counts;
        true
    }

    fn prove(&mut self, text: &str) -> bool {
        let tokens = || tokens(text);
        if text.starts_with("Failed ") && text.ends_with(" subtests") {
            if let [_, Token::Number(failed), Token::Number(_), ..] = tokens()[..] {
                self.prove_failed += failed;
            }
        } else if text.starts_with("Files=") && text.contains("wallclock") {
            let total = after(&tokens(), "Tests").unwrap_or(0);
            let failed = std::mem::take(&mut self.prove_failed);
            self.add(TestCounts::of_total(total, failed, 0));
        } else {
            return false;
        }
        true
    }

    fn spread(&mut self, text: &str) -> bool {
        self.spread.node(text)
            || self.spread.junit(text)
            || self.spread.dotnet(text)
            || self.spread.few_words(text)
    }
}

impl Spread {
    /// node --test: `# pass 3` (TAP) or `ℹ pass 3` (spec).
    fn node(&mut self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix("# ").or_else(|| text.strip_prefix("ℹ ")) else {
            return false;
        };
        let Some((word, number)) = rest.split_once(' ') else {
            return false;
        };
        let Some(number) = count(number) else {
            return false;
        };
        match word {
            "pass" => self.node.get_or_insert_default().passed += number,
            "fail" | "cancelled" => self.node.get_or_insert_default().failed += number,
            "skipped" | "todo" => self.node.get_or_insert_default().skipped += number,
            _ => return false,
        }
        true
    }

    /// The JUnit console: `[         3 tests successful      ]`.
    fn junit(&mut self, text: &str) -> bool {
        let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) else {
            return false;
        };
        let [Token::Number(number), Token::Word("tests"), Token::Word(what)] = tokens(inner)[..] else {
            return false;
        };
        match what {
            "successful" => self.junit.get_or_insert_default().passed += number,
            "failed" | "aborted" => self.junit.get_or_insert_default().failed += number,
            "skipped" => self.junit.get_or_insert_default().skipped += number,
            _ => return false,
        }
        true
    }

    /// .NET before its one-line summaries: `Total tests: 4`, then `Passed: 3`, `Failed: 1`, `Skipped: 0`.
    fn dotnet(&mut self, text: &str) -> bool {
        let Some((what, number)) = text.split_once(':') else {
            return false;
        };
        let Some(number) = count(number.trim()) else {
            return false;
        };
        match (what, &mut self.dotnet) {
            ("Total tests", sum) => {
                sum.get_or_insert_default();
            }
            ("Passed", Some(sum)) => sum.passed += number,
            ("Failed", Some(sum)) => sum.failed += number,
            ("Skipped", Some(sum)) => sum.skipped += number,
            _ => return false,
        }
        true
    }

    /// mocha: `3 passing (12ms)`, `1 failing`, `2 pending`; bun: `3 pass`, `0 fail`, `1 skip`.
    fn few_words(&mut self, text: &str) -> bool {
        let (text, timed) = match text.split_once(" (") {
            Some((text, time)) if time.ends_with("s)") || time.ends_with("m)") => (text, true),
            Some(_) => return false,
            None => (text, false),
        };
        let [Token::Number(number), Token::Word(what)] = tokens(text)[..] else {
            return false;
        };
        match (what, timed) {
            ("passing", true) => self.mocha.get_or_insert_default().passed += number,
            ("failing", false) if self.mocha.is_some() => self.mocha.get_or_insert_default().failed += number,
            ("pending", false) if self.mocha.is_some() => {
                self.mocha.get_or_insert_default().skipped += number;
            }
            ("pass", false) => self.bun.get_or_insert_default().passed += number,
            ("fail", false) if self.bun.is_some() => self.bun.get_or_insert_default().failed += number,
            ("skip" | "todo", false) if self.bun.is_some() => {
                self.bun.get_or_insert_default().skipped += number;
            }
            _ => return false,
        }
        true
    }
}

/// Runners whose summary is one line.
fn summary(text: &str) -> Option<TestCounts> {
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

/// A word or a whole number; whatever is between them does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Number(u64),
    Word(&'a str),
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words
        .map(|word| count(word).map_or(Token::Word(word), Token::Number))
        .collect()
}

/// A number of tests. Larger ones than fit 32 bits are none, so that sums never overflow.
fn count(digits: &str) -> Option<u64> {
    digits.parse::<u32>().ok().map(u64::from)
}

/// The number right before a word.
fn before(tokens: &[Token<'_>], word: &str) -> Option<u64> {
    tokens.windows(2).find_map(|pair| match pair {
        [Token::Number(number), Token::Word(found)] if *found == word => Some(*number),
        _ => None,
    })
}

/// The number right after a word.
fn after(tokens: &[Token<'_>], word: &str) -> Option<u64> {
    tokens.windows(2).find_map(|pair| match pair {
        [Token::Word(found), Token::Number(number)] if *found == word => Some(*number),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
