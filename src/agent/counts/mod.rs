//! How many tests ran, read from what the common runners print.
//!
//! Every runner has a line or two that only it writes; each is recognized by its whole shape, so that prose
//! about tests counts for nothing. Where several runners ran in one command, their counts are added.
//! A runner that prints no counts (plain `go test`, a quiet `gradle test`) yields none: unknown is not zero.

mod summary;
mod tokens;

use serde::{Deserialize, Serialize};

use summary::summary;
use tokens::{Token, after, count, tokens};

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

#[cfg(test)]
mod tests;
