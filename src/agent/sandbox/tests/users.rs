//! What holds for a server that is an ordinary user. Where the tests run as root, they become nobody for it.

#![expect(
    clippy::disallowed_methods,
    reason = "these tests start themselves once more, as somebody else"
)]

use std::process::{Command, Output, Stdio};

use super::super::shield;
use super::{DEFAULT_PATH, environment, this_program};

/// The usual id of the user `nobody`.
const NOBODY: &str = "65534";
/// Tells the second start of a test from the first.
const AGAIN: &str = "FOOTPLATE_TEST_AS_USER";

/// Runs tests of this program once more, as an ordinary user; `None` if this is that run.
fn as_user(filter: &[&str]) -> Option<Output> {
    if std::env::var_os(AGAIN).is_some() {
        assert!(!nix::unistd::geteuid().is_root(), "this run must not be root's");
        return None;
    }
    let program = this_program();
    let mut command = if nix::unistd::geteuid().is_root() {
        let setpriv = environment::find("setpriv", DEFAULT_PATH)
            .expect("a test that is root needs `setpriv` (package util-linux) to become nobody");
        let mut command = Command::new(setpriv);
        command
            .args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}")])
            .args(["--clear-groups", "--"])
            .arg(&program);
        command
    } else {
        Command::new(&program)
    };
    let output = command
        .args(filter)
        .current_dir("/")
        .env_clear()
        .envs([("PATH", DEFAULT_PATH), (AGAIN, "1"), ("TMPDIR", "/tmp")])
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    Some(output)
}

fn assert_passed(output: &Output, what: &str) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains(what),
        "as an ordinary user (who must be able to read {}):\n{said}\n{}",
        this_program().display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn an_ordinary_user_is_confined_as_root_is() {
    let parent = "agent::sandbox::tests::";
    // One after another: limits on processes are by user there.
    if let Some(output) = as_user(&[parent, "--skip", "::users::", "--test-threads=1"]) {
        assert_passed(&output, " passed");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!said.contains("running 0 tests"), "{said}");
    }
}

#[test]
fn a_shielded_process_cannot_be_read_by_others_of_its_user() {
    let own = "agent::sandbox::tests::users::a_shielded_process_cannot_be_read_by_others_of_its_user";
    if let Some(output) = as_user(&["--exact", own]) {
        return assert_passed(&output, "1 passed");
    }
    let of_mine = format!("/proc/{}/environ", std::process::id());
    let readable = || {
        let cat = Command::new("cat").arg(&of_mine).output().expect("it starts");
        String::from_utf8_lossy(&cat.stdout).contains(AGAIN)
    };
    assert!(readable(), "before, a process of the same user reads it");
    shield().expect("it can");
    assert!(!readable(), "and afterwards none does");
}
