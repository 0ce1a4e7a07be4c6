//! A repository's commands, run as real processes.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::testing::{World, key};
use super::*;

#[test]
fn only_launchers_say_that_a_tool_is_missing() {
    for line in [
        "sh: 1: cargo-nextest: not found",
        "/bin/sh: line 1: pytest: command not found",
        "/usr/bin/python3: No module named pytest",
        "npm error Missing script: \"test\"",
    ] {
        assert!(says_missing(line), "{line}");
    }
    for line in [
        "widget not found",
        "ModuleNotFoundError: No module named 'widgets'",
        "404: not found",
    ] {
        assert!(!says_missing(line), "{line}");
    }
}

fn order(world: &World, setup: &[&str], commands: &[&str]) -> CheckOrder {
    let list = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    CheckOrder {
        sandboxes: Sandboxes::default(),
        key: key(1, 1),
        server: world.order.server.clone(),
        checkout: world.order.worktree.clone(),
        setup: list(setup),
        commands: list(commands),
        limits: Limits::silent(Duration::from_mins(1)),
        home: world.order.home.clone(),
        path: None,
        env: BTreeMap::new(),
    }
}

async fn run(order: &CheckOrder) -> CheckRun {
    run_checks(order, &CancellationToken::new())
        .await
        .expect("a shell")
}

#[tokio::test]
async fn tests_of_a_repository_run_at_its_root_and_are_counted() {
    let world = World::new();
    let test = "import unittest, widgets\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(widgets.A, 1)\n    @unittest.skip('later')\n    def test_b(self): pass\n";
    std::fs::write(world.order.worktree.join("test_a.py"), test).expect("written");
    let order = order(
        &world,
        &["echo 'A = 1' > widgets.py"],
        &[
            "python3 -m unittest test_a",
            "echo 'A = 2000' > widgets.py; python3 -m unittest test_a",
            "true",
            "python3 -m unittest discover -s .footplate",
        ],
    );
    let run = run(&order).await;
    assert_eq!(run.setup.len(), 1);
    let seen: Vec<_> = run.commands.iter().map(|c| (c.outcome(), c.tests)).collect();
    let some = |passed, failed, skipped| {
        Some(TestCounts {
            passed,
            failed,
            skipped,
        })
    };
    assert_eq!(
        seen,
        [
            (Outcome::Passed, some(1, 0, 1)),
            (Outcome::Failed, some(0, 1, 1)),
            (Outcome::PassedUncounted, None),
            (Outcome::NoTests, some(0, 0, 0)),
        ],
        "{run:#?}"
    );
    assert!(run.commands[1].tail.contains("AssertionError"));
}

#[tokio::test]
async fn a_missing_tool_shows_nothing() {
    let world = World::new();
    let commands = [
        "no-such-runner --all",
        "no-such-runner | cat",
        "python3 -m no_such_module",
        "exit 1",
        "echo 'page: not found'; exit 1",
    ];
    let run = run(&order(&world, &[], &commands)).await;
    let seen: Vec<_> = run.commands.iter().map(CommandRun::outcome).collect();
    assert_eq!(
        seen,
        [
            Outcome::ToolMissing,
            Outcome::ToolMissing,
            Outcome::ToolMissing,
            Outcome::Failed,
            Outcome::Failed
        ]
    );
    assert!(!Outcome::ToolMissing.is_verified() && !Outcome::NoTests.is_verified());
}

#[tokio::test]
async fn a_failed_set_up_ends_it_all() {
    let world = World::new();
    let run = run(&order(&world, &["true", "echo broken; false", "true"], &["true"])).await;
    assert_eq!((run.setup.len(), run.commands.len()), (2, 0));
    assert_eq!(
        (run.setup[1].code(), run.setup[1].tail.as_str()),
        (Some(1), "broken")
    );
}

#[tokio::test]
async fn a_server_that_a_test_leaves_running_is_killed_before_the_next_command() {
    let world = World::new();
    let start = "(trap '' TERM; echo $$ > pid.new; sh -c 'echo $PPID' > pid; while :; do sleep 0.1; done) & while [ ! -s pid ]; do sleep 0.01; done";
    let run = run(&order(
        &world,
        &[],
        &[
            start,
            "grep '^State:[[:space:]]*[^Z[:space:]]' /proc/$(cat pid)/status",
        ],
    ))
    .await;
    assert!(run.commands[0].killed.leftovers >= 1, "{run:#?}");
    assert_eq!(run.commands[1].outcome(), Outcome::Failed);
}

#[tokio::test]
async fn a_test_that_hangs_is_stopped_at_the_wall() {
    let world = World::new();
    let mut order = order(&world, &[], &["echo begun; sleep 3600", "true"]);
    order.limits = Limits::silent(Duration::from_millis(700));
    let run = run(&order).await;
    assert_eq!(run.commands[0].outcome(), Outcome::Stopped);
    assert_eq!(run.commands[0].tail, "begun");
    assert_eq!(run.commands[1].outcome(), Outcome::PassedUncounted);
}

#[tokio::test]
async fn cancelled_checks_run_no_further() {
    let world = World::new();
    let cancel = CancellationToken::new();
    cancel.cancel();
    let run = run_checks(&order(&world, &["sleep 3600"], &["true"]), &cancel)
        .await
        .expect("a shell");
    assert_eq!(
        (run.setup[0].outcome(), run.commands.len()),
        (Outcome::Cancelled, 0)
    );
}
