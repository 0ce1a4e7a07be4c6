//! Real child processes for this module's tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::model::{AttemptKey, Role, Timestamp};

/// A worktree, a home and a mark of one's own.
pub(super) struct World {
    pub(super) root: tempfile::TempDir,
    pub(super) order: Order,
}

impl World {
    /// An attempt that waits long for everything.
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let order = order(root.path());
        std::fs::create_dir(&order.worktree).expect("a worktree");
        std::fs::write(&order.brief, "Do it.").expect("a brief");
        place(&order.artifacts, &[]).expect("an artifact folder");
        Self { root, order }
    }
    /// The text of a file in the worktree.
    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.order.worktree.join(name))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(super) async fn shell(&self, script: &str) -> Ended {
        self.run(&sh(script)).await
    }

    pub(super) async fn run(&self, harness: &impl Agent) -> Ended {
        harness
            .run(&self.order, CancellationToken::new(), &())
            .await
            .expect("it starts")
    }

    /// A harness that plays this script by way of this very test program.
    pub(super) fn scripted(&self, script: &str) -> Harness {
        let path = self.root.path().join("script.yml");
        std::fs::write(&path, script).expect("a script");
        Harness::Scripted(ScriptedHarness {
            program: this_program(),
            arguments: ["--exact", "--nocapture", "--quiet", CHILD]
                .map(str::to_owned)
                .to_vec(),
            script: path,
        })
    }
}

/// An attempt in a world of this root that waits long for everything.
pub(super) fn order(root: &Path) -> Order {
    let path = |name: &str| root.join(name);
    Order {
        key: key(1, 1),
        role: Role::Implement,
        server: Marker::of_server(root),
        worktree: path("tree"),
        brief: path("brief.md"),
        artifacts: path("tree/.footplate"),
        home: path("home"),
        model: None,
        model_url: None,
        dialect: None,
        effort: None,
        model_key: None,
        read_only: false,
        confined: false,
        sandbox: None,
        limits: Limits {
            first_event: Duration::from_mins(1),
            idle: Duration::from_mins(1),
            tool: Duration::from_mins(1),
            wall: Duration::from_mins(1),
            grace: Duration::from_secs(20),
            output: Limits::OUTPUT,
        },
        path: None,
        env: BTreeMap::new(),
        started: Timestamp(1_000),
    }
}

/// The test in which a child process of ours becomes a scripted agent.
const CHILD: &str = "agent::testing::becomes_a_scripted_agent_when_started_as_one";

pub(super) fn this_program() -> PathBuf {
    std::env::current_exe().expect("this program")
}

pub(super) fn key(generation: u32, n: u32) -> AttemptKey {
    format!("01jd0000000000000000000000/implement/{generation}/{n}")
        .parse()
        .expect("a valid key")
}

pub(super) fn sh(script: &str) -> CommandHarness {
    CommandHarness {
        name: "sh".to_owned(),
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        variables: Variables::new(),
    }
}

pub(super) fn python(script: &str) -> CommandHarness {
    CommandHarness {
        name: "python".to_owned(),
        argv: ["python3", "-c", script].map(str::to_owned).to_vec(),
        variables: Variables::new(),
    }
}

/// Whether a process is there and not a zombie.
pub(super) fn lives(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'))
    })
}

#[test]
#[expect(
    clippy::exit,
    reason = "a child process ends as the script says, not as a test"
)]
fn becomes_a_scripted_agent_when_started_as_one() {
    let argv: Vec<_> = std::env::args_os().collect();
    if argv
        .last()
        .is_some_and(|last| last.to_string_lossy().ends_with("script.yml"))
    {
        std::process::exit(scripted::run(&argv).into());
    }
}

/// The test in which a child process of ours becomes a server with one agent.
const SERVER: &str = "agent::testing::becomes_a_server_when_started_as_one";

/// Starts a server that runs this agent in the world of `root`, until it is killed.
#[expect(
    clippy::disallowed_methods,
    reason = "the test plays the operator who starts a server"
)]
pub(super) fn serve(root: &Path, agent: &str) -> std::process::Child {
    let file = root.join("agent.served");
    std::fs::write(&file, agent).expect("written");
    let mut command = std::process::Command::new(this_program());
    command
        .args(["--exact", "--quiet", "--nocapture", SERVER])
        .arg(file);
    command
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it starts")
}

#[tokio::test]
async fn becomes_a_server_when_started_as_one() {
    let file = PathBuf::from(std::env::args_os().next_back().expect("a program has a name"));
    if file.extension().is_some_and(|kind| kind == "served") {
        let agent = std::fs::read_to_string(&file).expect("an agent");
        let order = order(file.parent().expect("it lies in the world"));
        sh(&agent)
            .run(&order, CancellationToken::new(), &())
            .await
            .expect("it starts");
    }
}
