//! Runs that are broken off: by Ctrl-C, from another terminal, by a crash.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use super::scene::{AGENT, Scene};
use crate::command_line::program::{Said, said};

/// Generous: what is waited for takes milliseconds.
const DEADLINE: Duration = Duration::from_mins(1);

/// A run whose implementer never ends, and a pipe that everything it started holds open.
struct Stuck {
    scene: Scene,
    child: Child,
    pipe: BufReader<File>,
}

impl Stuck {
    fn new() -> Self {
        let scene = Scene::new();
        let pipe = scene.place.path().join("pipe");
        mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe can be made");
        let path = pipe.display();
        // The file `free` lets a later implementer work.
        let script = format!(
            "if [ $FOOTPLATE_ROLE = implement ] && [ ! -e {here}/free ]; then\n  exec 9>{path}\n  trap '' TERM\n  (trap '' \
             TERM; sleep 1000) &\n  echo stuck >&9\n  sleep 1000\n  exit 1\nfi\n{AGENT}",
            here = scene.place.path().display()
        );
        scene.agent("agent.sh", &script);
        scene.place.write("footplate.yml", "guard: {grace: 200ms}\n");
        let child = scene
            .place
            .footplate(&[
                "run", "--repo", "repo", "--issue", "issue.md", "--yes", "--", "sh", "agent.sh",
            ])
            // The agent tells us that it is there through a pipe outside of its worktree.
            .env("FOOTPLATE_SANDBOX", "none")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut pipe = BufReader::new(within(move || File::open(pipe).expect("the pipe opens")));
        let mut line = String::new();
        pipe.read_line(&mut line)
            .expect("the agent says that it is there");
        assert_eq!(line, "stuck\n");
        Self { scene, child, pipe }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("it is running");
    }

    /// Waits for the end, and until nothing holds the pipe open any more.
    fn end(self) -> (Scene, Said) {
        let Self {
            scene,
            child,
            mut pipe,
        } = self;
        let output = within(move || child.wait_with_output().expect("it ends"));
        let rest = within(move || {
            let mut rest = String::new();
            pipe.read_to_string(&mut rest).expect("the pipe can be read");
            rest
        });
        assert_eq!(rest, "");
        (scene, said(output))
    }
}

/// Does something that blocks, under a deadline.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(DEADLINE).expect("it happens in time")
}

#[test]
fn an_interrupt_cancels_the_run_and_kills_what_the_agent_started() {
    let stuck = Stuck::new();
    stuck.signal(Signal::SIGINT);
    let (scene, said) = stuck.end();
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(said.out.starts_with("### Footplate: cancelled"), "{}", said.out);
    assert!(scene.new_branches().is_empty());
    let shown = scene.place.run(&["runs", "show", &scene.last_run()]);
    assert!(shown.out.contains("cancelled"), "{}", shown.out);
}

#[test]
fn a_run_at_work_is_cancelled_from_another_terminal() {
    let stuck = Stuck::new();
    let run = stuck.scene.last_run();
    let other = stuck
        .scene
        .place
        .run(&["run", "--resume", &run, "--", "sh", "agent.sh"]);
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.err.contains("another process is at work"), "{}", other.err);
    let asked = stuck.scene.place.run(&["runs", "cancel", &run]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    let (scene, said) = stuck.end();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.starts_with("### Footplate: cancelled"), "{}", said.out);
    assert!(scene.new_branches().is_empty());
}

#[test]
fn a_run_goes_on_after_a_crash_and_what_was_left_is_killed_first() {
    let mut stuck = Stuck::new();
    stuck.signal(Signal::SIGKILL);
    stuck.child.wait().expect("it ends");
    let Stuck { scene, pipe, .. } = stuck;
    scene.place.write("free", "");
    let run = scene.last_run();
    let output = scene
        .place
        .footplate(&["run", "--resume", &run, "--yes", "--", "sh", "agent.sh"])
        .env("FOOTPLATE_SANDBOX", "none")
        .output()
        .expect("the program starts");
    let said = said(output);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.err
            .contains("✗ implement (command): lost with an earlier process"),
        "{}",
        said.err
    );
    assert_eq!(scene.new_branches().len(), 1);
    let rest = within(move || {
        let mut rest = String::new();
        { pipe }.read_to_string(&mut rest).expect("the pipe can be read");
        rest
    });
    assert_eq!(rest, "");
}
