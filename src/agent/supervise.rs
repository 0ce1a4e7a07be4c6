//! One child process from start to nothing left.
//!
//! A single task does it all: it reads both streams, keeps the clocks, and stops the tree.
//! Buffers exist only while there is something to read, so that a silent child costs next to nothing.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::environment::Environment;
use super::lines::{Line, Lines};
use super::sandbox::{Confined, Group, Wrapped};
use super::tree::{Leash, Target};
use super::{Error, Exit, Killed, Limits, Marker, Stop};

/// One read. Pipes hold 64 KiB; half of that keeps the allocation off the large-object path.
const CHUNK: usize = 32 * 1024;
/// Reads in a row before the clocks get a look.
const TURNS: usize = 8;
/// What was written before the exit is in the pipe already; a healthy tree closes it at once.
const DRAIN: Duration = Duration::from_millis(250);
/// Once every process is dead the pipe must end; this only guards against what could not be killed.
const LAST_DRAIN: Duration = Duration::from_secs(2);
/// Some agents say their last word and never exit; healthy ones need less than this.
const LINGER: Duration = Duration::from_secs(5);
/// KILL cannot be refused; this only guards against a process stuck in the kernel.
const REAP: Duration = Duration::from_secs(10);

/// What to start.
pub(super) struct Launch<'a> {
    /// The program and its arguments.
    pub(super) argv: &'a [String],
    /// The working directory.
    pub(super) folder: &'a Path,
    /// All variables.
    pub(super) environment: &'a Environment,
    /// The mark, which is also in the environment.
    pub(super) marker: Marker,
    /// What standard input reads from; nothing where unset.
    pub(super) stdin: Option<&'a Path>,
    /// When to give up.
    pub(super) limits: Limits,
    /// Whether standard error goes where standard output goes.
    pub(super) merged: bool,
    /// What confines it, if anything does.
    pub(super) sandbox: Option<&'a Confined>,
}

/// How it went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    pub(super) exit: Exit,
    pub(super) stopped: Option<Stop>,
    /// Whether it was killed because it did not exit after its last word.
    pub(super) lingered: bool,
    pub(super) killed: Killed,
    pub(super) wall: Duration,
}

/// Where the output goes, line by line.
pub(super) trait Sink: Send {
    /// A line of standard output, or of both streams where they are merged.
    fn stdout(&mut self, line: Line<'_>);
    /// A line of standard error.
    fn stderr(&mut self, line: Line<'_>);
    /// How many signs of life there were; `None` where everything that is not blank is one.
    fn signs(&self) -> Option<u64> {
        None
    }
    /// Whether silence means work.
    fn is_busy(&self) -> bool {
        false
    }
    /// Whether the last word was said.
    fn is_done(&self) -> bool {
        false
    }
}

/// Runs a child process to its end, and its whole tree with it.
///
/// # Errors
/// It could not be started.
pub(super) async fn supervise(
    launch: Launch<'_>,
    cancel: &CancellationToken,
    sink: &mut dyn Sink,
) -> Result<Course, Error> {
    let started = Instant::now();
    if cancel.is_cancelled() {
        // As if it had been stopped at once, but without a chance to write anything before.
        let (exit, killed) = (Exit::Signal(Signal::SIGTERM as i32), Killed::default());
        return Ok(Course {
            exit,
            stopped: Some(Stop::Cancelled),
            lingered: false,
            killed,
            wall: Duration::ZERO,
        });
    }
    // Outlives the processes in it: it can be removed only when it is empty.
    let (wrapped, cgroup) = wrap(&launch)?;
    let (mut child, mut streams) = start(&launch, wrapped.as_ref())?;
    let group = child.id().map(|id| Pid::from_raw(id.cast_signed()));
    let target = Target {
        marker: launch.marker,
        group,
        started: Some(started),
        keeper: wrapped.is_some_and(|wrapped| wrapped.keeper),
    };
    let leash = Leash::on(target.clone());
    let mut killed = Killed::default();

    let first = watch(&mut child, &mut streams, sink, started, &launch.limits, cancel).await;
    let (mut exit, stopped, lingered) = match first {
        Watched::Exited(exit) => (Some(exit), None, false),
        Watched::Stopped(_) | Watched::Lingered => {
            killed.term = true;
            target.terminate().await;
            let until = Instant::now() + launch.limits.grace;
            let exit = streams.read_until_exit(&mut child, sink, until).await;
            match first {
                Watched::Stopped(stop) => (exit, Some(stop), false),
                _ => (exit, None, true),
            }
        }
    };
    if exit.is_none() {
        killed.kill = true;
    } else {
        streams.drain(sink, DRAIN).await;
    }
    // A program that is still there is killed with the rest; while it lives it counts as one of them.
    let rest = target.exterminate().await;
    killed.survivors = rest.survivors;
    let others = rest
        .killed
        .keys()
        .filter(|&&pid| group.is_none_or(|group| group.as_raw() != pid))
        .count();
    killed.leftovers = u32::try_from(others).unwrap_or(u32::MAX);
    if exit.is_none() {
        exit = timeout(REAP, child.wait())
            .await
            .ok()
            .and_then(Result::ok)
            .map(Exit::from);
    }
    if let Some(cgroup) = cgroup {
        killed.survivors = killed.survivors.max(cgroup.end().await);
    }
    streams.drain(sink, LAST_DRAIN).await;
    streams.finish(sink);
    leash.release();
    Ok(Course {
        exit: exit.unwrap_or(Exit::Signal(9)),
        stopped,
        lingered,
        killed,
        wall: started.elapsed(),
    })
}

/// Turns the command line into a confined one, where the launch says so.
fn wrap(launch: &Launch<'_>) -> Result<(Option<Wrapped>, Option<Group>), Error> {
    let Some(Confined { sandbox, confinement }) = launch.sandbox else {
        return Ok((None, None));
    };
    let name = launch.argv.first().map_or("", String::as_str);
    let program = launch.environment.find(name)?;
    let group = sandbox.group(confinement);
    let entrance = group.as_ref().map(Group::entrance);
    let wrapped = sandbox.wrap_in(
        entrance.as_deref(),
        confinement,
        &program,
        launch.argv,
        launch.folder,
    );
    let wrapped = wrapped.map_err(|source| Error::Start {
        program: name.to_owned(),
        source,
    })?;
    Ok((Some(wrapped), group))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the module starts processes"
)]
fn start(launch: &Launch<'_>, wrapped: Option<&Wrapped>) -> Result<(Child, Streams), Error> {
    let name = launch.argv.first().map_or("", String::as_str);
    let program = launch.environment.find(name)?;
    if !launch.folder.is_dir() {
        return Err(Error::Folder {
            what: "the working directory",
            path: launch.folder.to_owned(),
            source: io::ErrorKind::NotADirectory.into(),
        });
    }
    let failed = |source| Error::Start {
        program: name.to_owned(),
        source,
    };
    let stdin = match launch.stdin {
        None => Stdio::null(),
        Some(file) => std::fs::File::open(file)
            .map_err(|source| Error::Folder {
                what: "the brief",
                path: file.to_owned(),
                source,
            })?
            .into(),
    };
    let (stdout, stdout_writer) = io::pipe().map_err(failed)?;
    let (stderr, stderr_writer) = if launch.merged {
        (None, stdout_writer.try_clone().map_err(failed)?)
    } else {
        let (reader, writer) = io::pipe().map_err(failed)?;
        (Some(reader), writer)
    };
    let mut command = if let Some(wrapped) = wrapped {
        let mut command = tokio::process::Command::new(&wrapped.argv[0]);
        command.args(&wrapped.argv[1..]);
        command
    } else {
        let mut command = tokio::process::Command::new(program);
        command.arg0(name).args(&launch.argv[1..]);
        command
    };
    command
        .current_dir(launch.folder)
        .env_clear()
        .envs(launch.environment.variables())
        .envs(wrapped.iter().flat_map(|wrapped| &wrapped.env))
        .stdin(stdin)
        .stdout(Stdio::from(stdout_writer))
        .stderr(Stdio::from(stderr_writer))
        .process_group(0)
        .kill_on_drop(true);
    let streams = Streams {
        stdout: Stream::new(stdout.into()).map_err(failed)?,
        stderr: stderr
            .map(|reader| Stream::new(reader.into()))
            .transpose()
            .map_err(failed)?,
        bytes: 0,
    };
    let child = command.spawn().map_err(failed)?;
    // `command` is dropped here, and with it our copies of the pipes' writing ends.
    Ok((child, streams))
}

#[derive(Clone, Copy)]
enum Watched {
    Exited(Exit),
    Stopped(Stop),
    /// It said its last word and did not exit.
    Lingered,
}

/// Reads until the program exits or must be stopped.
async fn watch(
    child: &mut Child,
    streams: &mut Streams,
    sink: &mut dyn Sink,
    started: Instant,
    limits: &Limits,
    cancel: &CancellationToken,
) -> Watched {
    let wall = started + limits.wall;
    let mut silent = Stop::FirstEvent;
    let mut silence = started + limits.first_event;
    let mut last_sign = started;
    let mut linger = None;
    let timer = sleep_until(silence.min(wall));
    tokio::pin!(timer);
    loop {
        tokio::select! {
            biased;
            status = child.wait() => return Watched::Exited(status.map_or(Exit::Signal(0), Exit::from)),
            () = cancel.cancelled() => return Watched::Stopped(Stop::Cancelled),
            () = &mut timer => {
                let now = Instant::now();
                if let Some(end) = linger {
                    if now >= end {
                        return Watched::Lingered;
                    }
                    timer.as_mut().reset(end);
                    continue;
                }
                if now >= wall {
                    return Watched::Stopped(Stop::Wall);
                }
                if now >= silence {
                    // A tool at work is silent; it has a limit of its own.
                    silence = if sink.is_busy() { last_sign + limits.tool.max(limits.idle) } else { silence };
                    if now >= silence {
                        return Watched::Stopped(silent);
                    }
                }
                timer.as_mut().reset(silence.min(wall));
            }
            alive = streams.read(sink) => {
                if linger.is_none() && sink.is_done() {
                    // From here on neither silence nor time counts: the work is done.
                    let end = Instant::now() + LINGER;
                    linger = Some(end);
                    timer.as_mut().reset(end);
                }
                if alive && linger.is_none() {
                    silent = Stop::Idle;
                    last_sign = Instant::now();
                    silence = last_sign + limits.idle;
                    // The timer may now be late, which it finds out when it fires, or early, if the first
                    // event was given longer than later ones.
                    if timer.deadline() > silence.min(wall) {
                        timer.as_mut().reset(silence.min(wall));
                    }
                }
                if streams.bytes > limits.output {
                    return Watched::Stopped(Stop::OutputFlood);
                }
            }
        }
    }
}

/// The reading ends of a child's output.
struct Streams {
    stdout: Stream,
    /// None where standard error is merged into standard output.
    stderr: Option<Stream>,
    /// Read so far, both together.
    bytes: u64,
}

impl Streams {
    /// Waits for output and passes it on; says whether any of it was not blank. Pends once both have ended.
    async fn read(&mut self, sink: &mut dyn Sink) -> bool {
        let error_open = self.stderr.as_ref().is_some_and(Stream::is_open);
        let before = sink.signs();
        let read = tokio::select! {
            () = self.stdout.ready(), if self.stdout.is_open() => self.stdout.pass(&mut |line| sink.stdout(line)),
            () = ready(self.stderr.as_ref()), if error_open => match &mut self.stderr {
                Some(stderr) => stderr.pass(&mut |line| sink.stderr(line)),
                None => Passed::default(),
            },
            else => std::future::pending().await,
        };
        self.bytes = self.bytes.saturating_add(read.bytes);
        match (before, sink.signs()) {
            (Some(before), Some(after)) => after != before,
            _ => read.alive,
        }
    }

    fn is_open(&self) -> bool {
        self.stdout.is_open() || self.stderr.as_ref().is_some_and(Stream::is_open)
    }

    /// Reads on while the program has time to end; `None` if it did not.
    async fn read_until_exit(
        &mut self,
        child: &mut Child,
        sink: &mut dyn Sink,
        until: Instant,
    ) -> Option<Exit> {
        let exit = async {
            loop {
                tokio::select! {
                    biased;
                    status = child.wait() => return status.map_or(Exit::Signal(0), Exit::from),
                    _ = self.read(sink) => {}
                }
            }
        };
        timeout_at(until, exit).await.ok()
    }

    /// Reads what is left, until both streams end or the time is over.
    async fn drain(&mut self, sink: &mut dyn Sink, limit: Duration) {
        let rest = async {
            while self.is_open() {
                self.read(sink).await;
                // Reads that never wait would otherwise keep the time from passing.
                tokio::task::yield_now().await;
            }
        };
        let _ = timeout(limit, rest).await;
    }

    /// Passes on lines without an end.
    fn finish(&mut self, sink: &mut dyn Sink) {
        self.stdout.lines.finish(|line| sink.stdout(line));
        if let Some(stderr) = &mut self.stderr {
            stderr.lines.finish(|line| sink.stderr(line));
        }
    }
}

async fn ready(stream: Option<&Stream>) {
    match stream {
        Some(stream) => stream.ready().await,
        None => std::future::pending().await,
    }
}

/// One stream.
struct Stream {
    /// None after its end.
    pipe: Option<Receiver>,
    lines: Lines,
}

/// What one turn of reading brought.
#[derive(Default)]
struct Passed {
    bytes: u64,
    alive: bool,
}

impl Stream {
    fn new(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            pipe: Some(Receiver::from_owned_fd(fd)?),
            lines: Lines::default(),
        })
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    async fn ready(&self) {
        if let Some(pipe) = &self.pipe {
            // An error shows again when reading.
            let _ = pipe.readable().await;
        }
    }

    /// Reads without waiting, for a few turns at most.
    fn pass(&mut self, line: &mut dyn FnMut(Line<'_>)) -> Passed {
        let mut passed = Passed::default();
        let Some(pipe) = &self.pipe else { return passed };
        let mut buffer: Vec<u8> = Vec::with_capacity(CHUNK);
        for _ in 0..TURNS {
            buffer.clear();
            match pipe.try_read_buf(&mut buffer) {
                Ok(0) => {
                    self.pipe = None;
                    break;
                }
                Ok(length) => {
                    passed.bytes += length as u64;
                    passed.alive |= !buffer.trim_ascii_start().is_empty();
                    self.lines.feed(&buffer, &mut *line);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.pipe = None;
                    break;
                }
            }
        }
        passed
    }
}
