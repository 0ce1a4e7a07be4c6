//! `footplate serve` as a child process.
#![expect(
    clippy::disallowed_methods,
    reason = "a story starts the real program, as a service manager would"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// How long a start or an end may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// Kept open: a server without standard output would die of it.
    _lines: Lines<BufReader<ChildStdout>>,
    /// Where it listens, such as `127.0.0.1:40123`.
    pub(crate) address: String,
}

impl Server {
    /// Starts the program with a settings file and waits until it listens; what it logs is added to a file.
    pub(crate) async fn start(settings: &Path, log: &Path) -> Self {
        let errors = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log can be written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_footplate"))
            .arg("--config")
            .arg(settings)
            .args(["serve", "--log", "info"])
            .env_clear()
            .env("PATH", path())
            // What nobody lets through must not be seen by an agent.
            .env("FOOTPLATE_STORY_SECRET", "hidden")
            .current_dir(folder(settings))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let mut lines = BufReader::new(stdout).lines();
        let first = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let Ok(Ok(Some(first))) = first else {
            panic!("the server did not start: {first:?}\n{}", read(log));
        };
        let address = first
            .strip_prefix("footplate listens on http://")
            .unwrap_or_else(|| panic!("the server says something else first: {first}"))
            .to_owned();
        Self {
            child,
            _lines: lines,
            address,
        }
    }

    /// Ends it as a power failure would.
    pub(crate) async fn kill_9(mut self) {
        self.child.kill().await.expect("a child of ours can be killed");
    }

    /// Ends it politely; returns its exit code.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().expect("it was not waited for yet").cast_signed();
        let pid = nix::unistd::Pid::from_raw(pid);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("it is still there");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.expect("the server ends when it is asked to");
        ended.expect("a child of ours can be waited for").code()
    }
}

/// Runs a subcommand of the program to its end; returns whether it succeeded, and all it printed.
pub(crate) async fn run(settings: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_footplate"))
        .arg("--config")
        .arg(settings)
        .args(arguments)
        .env_clear()
        .env("PATH", path())
        .current_dir(folder(settings))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await;
    let output = output.expect("it ends").expect("the program starts");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// A log's text, or why there is none.
pub(crate) fn read(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_else(|error| error.to_string())
}

fn folder(settings: &Path) -> PathBuf {
    settings.parent().unwrap_or(Path::new("/")).to_owned()
}

/// The search path, with the real agent programs before everything else.
fn path() -> std::ffi::OsString {
    let agents = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/agents/bin");
    let mut path = agents.into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").expect("there is a search path"));
    path
}
