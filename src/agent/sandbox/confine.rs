//! What our own program does as the last thing before it becomes the child.
//!
//! It runs in a process of its own with a single thread, so that limits and filters hold for all that follows.
//! Order matters: the cgroup first, so that everything counts; the relay before the limits, since it is ours;
//! files are fenced before system calls are refused, because the fence needs some of them.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ExitCode, Stdio};

use nix::sys::resource::{Resource, setrlimit};
use serde::{Deserialize, Serialize};

use super::fence::Fence;
use super::syscalls::Profile;
use super::{OwnProgram, RELAY, Resources};

/// The hidden subcommand that becomes a confined child: `confine PLAN -- COMMAND…`.
pub const CONFINE: &str = "confine";

/// What the shell says when a program cannot be found; ours when the sandbox could not be set up, too.
const CANNOT: u8 = 127;

/// Everything that is done to the process. Holds no secrets: it is an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Our own program, as it can be started here.
    pub(super) own: OwnProgram,
    /// The file of the command's program.
    pub(super) program: PathBuf,
    /// The cgroup's file that lets this process in.
    pub(super) group: Option<PathBuf>,
    /// What to relay.
    pub(super) relays: Vec<Relayed>,
    /// Landlock's rules.
    pub(super) fence: Option<Fence>,
    /// The system calls to refuse.
    pub(super) profile: Option<Profile>,
    /// What it may use up.
    pub(super) resources: Resources,
}

/// A port to listen on and the socket that it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Relayed {
    pub(super) port: u16,
    pub(super) socket: PathBuf,
}

/// Runs the subcommand, given all words of the command line. Comes back only if it fails.
pub fn confine_main(words: impl Iterator<Item = OsString>) -> ExitCode {
    let mut words = words.skip_while(|word| word != CONFINE).skip(1);
    let failure = match words.next() {
        Some(plan) => become_child(&plan, &words.skip(1).collect::<Vec<_>>()),
        None => "there is no plan".to_owned(),
    };
    tell(&failure);
    ExitCode::from(CANNOT)
}

#[expect(
    clippy::print_stderr,
    reason = "this process is a child, and its output is all it can say"
)]
fn tell(failure: &str) {
    eprintln!("footplate: the sandbox could not be set up: {failure}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "this process becomes the child that the module supervises"
)]
fn become_child(plan: &OsStr, argv: &[OsString]) -> String {
    let plan: Plan = match plan.to_str().map(serde_json::from_str) {
        Some(Ok(plan)) => plan,
        Some(Err(error)) => return format!("its plan is not readable: {error}"),
        None => return "its plan is not text".to_owned(),
    };
    let Some((name, arguments)) = argv.split_first() else {
        return "there is no command".to_owned();
    };
    if let Err(failure) = prepare(&plan) {
        return failure;
    }
    let error = std::process::Command::new(&plan.program)
        .arg0(name)
        .args(arguments)
        .exec();
    format!("{} could not be started: {error}", plan.program.display())
}

fn prepare(plan: &Plan) -> Result<(), String> {
    if let Some(group) = &plan.group {
        std::fs::write(group, "0").map_err(|error| format!("{}: {error}", group.display()))?;
    }
    let failed = |relayed: &Relayed, error| format!("the relay of port {}: {error}", relayed.port);
    let mut relays = Vec::new();
    for relayed in &plan.relays {
        let starting = relay(&plan.own, relayed).map_err(|error| failed(relayed, error))?;
        relays.push((relayed, starting));
    }
    limit(&plan.resources).map_err(|error| format!("limits: {error}"))?;
    if let Some(fence) = &plan.fence {
        fence.raise().map_err(|error| format!("Landlock: {error}"))?;
    }
    if let Some(profile) = plan.profile {
        profile
            .apply()
            .map_err(|error| format!("system calls: {error}"))?;
    }
    // They have had all this time to start.
    for (relayed, mut starting) in relays {
        let status = starting.wait().map_err(|error| failed(relayed, error))?;
        if !status.success() {
            let error = std::io::Error::other(format!("it ended with {status}"));
            return Err(failed(relayed, error));
        }
    }
    Ok(())
}

/// Listens, so that the child can connect from its first moment on, and has the relay do the rest.
#[expect(
    clippy::disallowed_methods,
    reason = "the relay belongs to the child's namespace and dies with it"
)]
fn relay(own: &OwnProgram, relayed: &Relayed) -> std::io::Result<Child> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, relayed.port))?;
    // It starts the one that serves and ends, so that the child does not have a child that it knows nothing of.
    std::process::Command::new(&own.file)
        .args(&own.arguments)
        .args([RELAY, "start"])
        .arg(&relayed.socket)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .spawn()
}

fn limit(resources: &Resources) -> nix::Result<()> {
    let limits = [
        (Resource::RLIMIT_DATA, resources.memory),
        (Resource::RLIMIT_NPROC, resources.processes),
        (Resource::RLIMIT_FSIZE, resources.file_size),
        (Resource::RLIMIT_NOFILE, resources.open_files),
        (Resource::RLIMIT_CPU, resources.cpu_seconds),
        // A core dump is a copy of memory in a file.
        (Resource::RLIMIT_CORE, Some(0)),
    ];
    for (resource, limit) in limits {
        if let Some(limit) = limit {
            // Never above what holds already, which only root may raise.
            let (_, hard) = nix::sys::resource::getrlimit(resource)?;
            let limit = limit.min(hard);
            setrlimit(resource, limit, limit)?;
        }
    }
    Ok(())
}
