//! What real runners print, cut to the lines around their counts.

use super::*;

#[track_caller]
fn check(output: &str, wanted: impl Into<Option<(u64, u64, u64)>>) {
    let wanted = wanted
        .into()
        .map(|(passed, failed, skipped)| TestCounts::new(passed, failed, skipped));
    assert_eq!(counts(output), wanted, "{output}");
}

#[test]
fn python_unittest_is_read() {
    let dots = "....\n----------------------------------------------------------------------\n";
    check(&format!("{dots}Ran 4 tests in 0.001s\n\nOK\n"), (4, 0, 0));
    check(
        &format!("{dots}Ran 1 test in 0.000s\n\nOK (skipped=1)\n"),
        (0, 0, 1),
    );
    check(
        &format!(
            "{dots}Ran 9 tests in 0.002s\n\nFAILED (failures=1, errors=2, skipped=1, expected failures=1)\n"
        ),
        (5, 3, 1),
    );
    check(&format!("{dots}Ran 0 tests in 0.000s\n\nOK\n"), (0, 0, 0));
    check(
        &format!("{dots}Ran 0 tests in 0.000s\n\nNO TESTS RAN\n"),
        (0, 0, 0),
    );
    check(
        &format!("{dots}Ran 2 tests in 0.1s\n\nOK\n{dots}Ran 3 tests in 0.1s\n\nFAILED (errors=1)\n"),
        (4, 1, 0),
    );
    // Killed before the result: unknown.
    check(&format!("{dots}Ran 4 tests in 0.001s\n"), None);
}

#[test]
fn pytest_is_read() {
    check(
        "collected 3 items\n\ntests/test_a.py ...   [100%]\n\n============ 3 passed in 0.01s ============\n",
        (3, 0, 0),
    );
    check(
        "=== 1 failed, 3 passed, 2 skipped, 1 xfailed, 1 warning in 72.12s (0:01:12) ===",
        (4, 1, 2),
    );
    check("===== 2 passed, 1 deselected, 1 error in 0.50s =====", (2, 1, 0));
    check("3 passed in 0.01s", (3, 0, 0));
    check(
        "============================ no tests ran in 0.00s ============================",
        (0, 0, 0),
    );
}

#[test]
fn cargo_and_nextest_are_read() {
    check(
        "running 3 tests\ntest a ... ok\n\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
         running 2 tests\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.10s\n\n\
         error: test failed, to rerun pass `--lib`\n",
        (3, 1, 1),
    );
    check(
        "     Summary [   0.012s] 3 tests run: 3 passed, 1 skipped\n",
        (3, 0, 1),
    );
    check(
        "     Summary [  12.312s] 5/10 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 0 skipped",
        (3, 2, 0),
    );
    check(
        "     Summary [   0.000s] 0 tests run: 0 passed, 0 skipped",
        (0, 0, 0),
    );
}

#[test]
fn go_is_counted_when_verbose_and_unknown_otherwise() {
    check(
        "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n=== RUN   TestB/sub\n--- FAIL: TestB (0.00s)\n    --- FAIL: TestB/sub (0.00s)\n\
         === RUN   TestC\n    c_test.go:5: later\n--- SKIP: TestC (0.00s)\nFAIL\nFAIL\texample.com/x\t0.002s\n",
        (1, 1, 1),
    );
    check(
        "ok  \texample.com/x\t0.003s\n?   \texample.com/y\t[no test files]\n",
        None,
    );
    check(
        "--- FAIL: TestB (0.00s)\n    b_test.go:3: no\nFAIL\nFAIL\texample.com/x\t0.002s\nFAIL\n",
        None,
    );
    check("?   \texample.com/y\t[no test files]\n", (0, 0, 0));
    check("ok  \texample.com/x\t0.003s [no tests to run]\n", (0, 0, 0));
    check(
        "testing: warning: no tests to run\nPASS\nok  \texample.com/x\t0.003s [no tests to run]\n",
        (0, 0, 0),
    );
}

#[test]
fn javascript_runners_are_read() {
    check(
        "Test Suites: 1 failed, 1 passed, 2 total\nTests:       1 failed, 1 skipped, 1 todo, 3 passed, 6 total\nSnapshots:   0 total\n",
        (3, 1, 2),
    );
    check(
        " Test Files  1 failed | 1 passed (2)\n      Tests  1 failed | 3 passed | 1 skipped (5)\n   Start at  10:00:00\n",
        (3, 1, 1),
    );
    check(" Test Files  no tests\n      Tests  no tests\n", (0, 0, 0));
    check(
        "  widgets\n    ✔ adds\n\n  3 passing (12ms)\n  2 pending\n  1 failing\n\n  1) widgets\n",
        (3, 1, 2),
    );
    check("  0 passing (1ms)\n", (0, 0, 0));
    check(
        "TAP version 13\nok 1 - a\n1..4\n# tests 4\n# suites 0\n# pass 2\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n# duration_ms 50\n",
        (2, 1, 1),
    );
    check(
        "✔ a (1ms)\nℹ tests 4\nℹ suites 0\nℹ pass 4\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\nℹ duration_ms 50.1\n",
        (4, 0, 0),
    );
    check(
        "ok | 4 passed (2 steps) | 0 failed | 1 ignored (12ms)\n",
        (4, 0, 1),
    );
    check(
        "bun test v1.3.0\n\n 3 pass\n 1 skip\n 1 fail\n 5 expect() calls\nRan 5 tests across 1 files. [20.00ms]\n",
        (3, 1, 1),
    );
}

#[test]
fn the_jvm_and_dotnet_are_read() {
    check(
        "[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.05 s -- in a.FooTest\n\
         [ERROR] Tests run: 3, Failures: 1, Errors: 1, Skipped: 0, Time elapsed: 0.02 s <<< FAILURE! -- in a.BarTest\n\
         [INFO] Results:\n[ERROR] Tests run: 5, Failures: 1, Errors: 1, Skipped: 1\n",
        (2, 2, 1),
    );
    check(
        "Tests run: 2, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.05 sec\n",
        (2, 0, 0),
    );
    check("OK (3 tests)\n", (3, 0, 0));
    check("Tests run: 3,  Failures: 1\n", (2, 1, 0));
    check(
        "[         3 tests found           ]\n[         1 tests skipped         ]\n[         2 tests started         ]\n[         1 tests successful      ]\n[         1 tests failed          ]\n",
        (1, 1, 1),
    );
    check(
        "5 tests completed, 1 failed, 1 skipped\n\n> Task :test FAILED\n",
        (3, 1, 1),
    );
    check("BUILD SUCCESSFUL in 2s\n3 actionable tasks: 3 executed\n", None);
    check(
        "Passed!  - Failed:     0, Passed:     4, Skipped:     1, Total:     5, Duration: 20 ms - X.dll (net8.0)\n",
        (4, 0, 1),
    );
    check(
        "Test summary: total: 4, failed: 1, succeeded: 3, skipped: 0, duration: 1.2s\n",
        (3, 1, 0),
    );
    check(
        "Test Run Failed.\nTotal tests: 4\n     Passed: 3\n     Failed: 1\n Total time: 0.5 Seconds\n",
        (3, 1, 0),
    );
}

#[test]
fn ruby_php_perl_elixir_and_cmake_are_read() {
    check(
        "Finished in 0.01 seconds\n4 examples, 1 failure, 1 pending\n",
        (2, 1, 1),
    );
    check(
        "0 examples, 0 failures, 1 error occurred outside of examples\n",
        (0, 1, 0),
    );
    check("4 runs, 5 assertions, 1 failures, 0 errors, 1 skips\n", (2, 1, 1));
    check(
        "4 tests, 5 assertions, 1 failures, 1 errors, 0 pendings, 0 omissions, 0 notifications\n50% passed\n",
        (2, 2, 0),
    );
    check("1 doctest, 4 tests, 1 failure, 1 skipped\n", (3, 1, 1));
    check("OK (4 tests, 5 assertions)\n", (4, 0, 0));
    check(
        "FAILURES!\nTests: 5, Assertions: 5, Errors: 1, Failures: 1, Skipped: 1.\n",
        (2, 2, 1),
    );
    check("No tests executed!\n", (0, 0, 0));
    check(
        "t/a.t .. ok\nt/b.t .. \nFailed 1/4 subtests \nFiles=2, Tests=9,  0 wallclock secs ( 0.01 usr)\nResult: FAIL\n",
        (8, 1, 0),
    );
    check(
        "Files=0, Tests=0,  0 wallclock secs ( 0.00 usr)\nResult: NOTESTS\n",
        (0, 0, 0),
    );
    check(
        "80% tests passed, 1 tests failed out of 5\n\nTotal Test time (real) =   0.01 sec\n",
        (4, 1, 0),
    );
    check("No tests were found!!!\n", (0, 0, 0));
}

#[test]
fn prose_and_other_tools_count_for_nothing() {
    for text in [
        "",
        "All 4 tests passed, great!",
        "I ran 4 tests",
        "3 files changed, 4 insertions(+)",
        "warning: 3 errors, 2 warnings",
        "Finished `dev` profile in 3.50s",
        "Tests: see the README",
        "OK (done)",
        "# pass the salt",
        "Passed: 4",
        "1 failing",
        "Downloaded 3 crates in 2.1s",
    ] {
        check(text, None);
    }
}

#[test]
fn runners_in_one_command_are_added() {
    check(
        "===== 2 passed in 0.1s =====\ntest result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n",
        (5, 0, 0),
    );
}

#[test]
fn absurd_numbers_neither_overflow_nor_count() {
    check(
        "18446744073709551615 passed in 0.1s\n18446744073709551615 passed in 0.1s",
        None,
    );
    let line = "4294967295 passed, 4294967295 failed in 0.1s\n";
    check(&line.repeat(3), (3 * 4_294_967_295, 3 * 4_294_967_295, 0));
    check("Ran 4294967296 tests in 0.1s\n\nOK", None);
    check("2 runs, 3 failures, 4294967295 errors", (0, 4_294_967_298, 0));
}
