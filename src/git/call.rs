//! One call of the git program: its arguments, its cleared environment, its deadline and its end.

#![expect(clippy::disallowed_methods, reason = "this module may start the git program")]

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::askpass::Session;
use super::error::Error;
use super::program::Git;

/// How much of git's standard output is kept: names of all files of the largest trees, and no more.
const MAX_STDOUT_BYTES: usize = 256 << 20;
/// How much of git's standard error is kept; the rest is read and dropped.
const MAX_STDERR_BYTES: usize = 256 << 10;
/// Configuration that every call carries. The command line outranks every file, so what a repository or an
/// agent configures does not matter here.
const FIXED: &[&str] = &[
    // Nothing is executed on behalf of a repository.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.sshCommand=/bin/false",
    "core.gitProxy=",
    "core.askPass=",
    "core.editor=/bin/false",
    "core.pager=cat",
    "credential.helper=",
    "gpg.program=/bin/false",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "commit.gpgSign=false",
    "push.gpgSign=false",
    // Nothing runs after we believe that git has ended.
    "gc.auto=0",
    "gc.autoDetach=false",
    "gc.worktreePruneExpire=never",
    "maintenance.auto=false",
    // What people set for themselves does not change what is staged.
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "core.eol=lf",
    "core.fileMode=true",
    "core.symlinks=true",
    "core.ignoreCase=false",
    "core.precomposeUnicode=false",
    "core.splitIndex=false",
    "core.untrackedCache=false",
    "core.quotePath=false",
    "index.sparse=false",
    "diff.ignoreSubmodules=none",
    "advice.addEmbeddedRepo=false",
    "worktree.guessRemote=false",
    "worktree.useRelativePaths=false",
    // A repository may belong to another user than the server: we name every git directory ourselves.
    "safe.directory=*",
    // A snapshot that the log knows must survive a power cut; one flush per call, not one per file.
    "core.fsync=committed,loose-object",
    "core.fsyncMethod=batch",
    // A connection on which nothing moves for a minute is dead.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "transfer.credentialsInUrl=die",
];

/// One call of git, being put together.
pub(super) struct Call<'a> {
    git: &'a Git,
    what: &'static str,
    configuration: Vec<String>,
    git_dir: Option<PathBuf>,
    work_tree: Option<PathBuf>,
    index: Option<PathBuf>,
    arguments: Vec<OsString>,
    input: Vec<u8>,
    deadline: Duration,
    session: Option<&'a Session>,
}

/// What git said and how it ended.
#[derive(Debug)]
pub(super) struct Output {
    /// The exit code; `None` after a signal.
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

impl Output {
    pub(super) fn succeeded(&self) -> bool {
        self.code == Some(0)
    }
}

impl<'a> Call<'a> {
    /// A call that names no repository. `what` is the subcommand, for messages.
    pub(super) fn bare(git: &'a Git, what: &'static str) -> Self {
        Self {
            git,
            what,
            configuration: Vec::new(),
            git_dir: None,
            work_tree: None,
            index: None,
            arguments: Vec::new(),
            input: Vec::new(),
            deadline: git.settings().deadlines.local,
            session: None,
        }
    }

    /// A call of the subcommand `what` on the repository at `git_dir`.
    pub(super) fn on(git: &'a Git, git_dir: &Path, what: &'static str) -> Self {
        let mut call = Self::bare(git, what).arg(what);
        call.git_dir = Some(git_dir.to_owned());
        call
    }

    pub(super) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(super) fn args<I: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = I>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Adds `key=value`, valid for this call alone.
    pub(super) fn with(mut self, setting: impl Into<String>) -> Self {
        self.configuration.push(setting.into());
        self
    }

    pub(super) fn work_tree(mut self, path: &Path) -> Self {
        self.work_tree = Some(path.to_owned());
        self
    }

    pub(super) fn index(mut self, path: &Path) -> Self {
        self.index = Some(path.to_owned());
        self
    }

    pub(super) fn input(mut self, bytes: Vec<u8>) -> Self {
        self.input = bytes;
        self
    }

    /// Marks a call that talks to a remote.
    pub(super) fn network(mut self, session: Option<&'a Session>) -> Self {
        self.deadline = self.git.settings().deadlines.network;
        self.session = session;
        self
    }

    /// Runs git and wants exit code 0.
    pub(super) async fn succeed(self) -> Result<Output, Error> {
        let what = self.what;
        let output = self.run().await?;
        if output.succeeded() {
            Ok(output)
        } else {
            Err(failed(what, &output))
        }
    }

    /// Runs git to its end, whatever its exit code.
    pub(super) async fn run(self) -> Result<Output, Error> {
        let (what, deadline) = (self.what, self.deadline);
        let program = self.git.program().to_owned();
        let mut command = self.command();
        let broken = |source| Error::Io {
            path: program,
            source,
        };
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(source) => return Err(broken(source)),
        };
        let Some(id) = child.id() else {
            return Err(Error::Failed {
                what,
                message: "it ended before it began".to_owned(),
            });
        };
        let mut group = Group::of(id);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let input = self.input;
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // Git may end without reading everything; its exit code tells.
                let _ = stdin.write_all(&input).await;
                let _ = stdin.shutdown().await;
            }
        };
        let work = async {
            let (status, (), stdout, stderr) = tokio::join!(
                child.wait(),
                feed,
                drain(stdout, MAX_STDOUT_BYTES),
                drain(stderr, MAX_STDERR_BYTES)
            );
            (status, stdout, stderr)
        };
        let answering = async {
            match self.session {
                Some(session) => session.serve(id).await,
                None => std::future::pending().await,
            }
        };
        let (status, stdout, stderr) = tokio::select! {
            done = work => done,
            () = answering => unreachable_session(),
            () = tokio::time::sleep(deadline) => return Err(Error::Late { what, after: deadline }),
        };
        group.ended();
        let status = status.map_err(broken)?;
        if stdout.len() > MAX_STDOUT_BYTES {
            return Err(Error::TooLarge {
                what: format!("the answer of git {what}"),
                limit: MAX_STDOUT_BYTES as u64,
            });
        }
        let mut stderr = stderr;
        stderr.truncate(MAX_STDERR_BYTES);
        Ok(Output {
            code: status.code(),
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }

    fn command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(self.git.program());
        command.env_clear();
        let folder = self.git.program().parent().unwrap_or(Path::new("/usr/bin"));
        let mut path = folder.as_os_str().to_owned();
        path.push(":/usr/local/bin:/usr/bin:/bin");
        command
            .env("PATH", path)
            // Not a folder: neither `~/.gitconfig` nor `~/.netrc` can be read.
            .env("HOME", "/dev/null")
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_ASKPASS", "/bin/false")
            .envs(
                self.git
                    .settings()
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            );
        if let Some(session) = self.session {
            command.envs(session.environment());
        }
        if let Some(index) = &self.index {
            command.env("GIT_INDEX_FILE", index);
        }
        for setting in FIXED
            .iter()
            .copied()
            .chain(self.configuration.iter().map(String::as_str))
        {
            command.arg("-c").arg(setting);
        }
        if let Some(git_dir) = &self.git_dir {
            command.arg(joined("--git-dir=", git_dir));
        }
        if let Some(work_tree) = &self.work_tree {
            command
                .arg(joined("--work-tree=", work_tree))
                .current_dir(work_tree);
        } else if let Some(git_dir) = &self.git_dir {
            command.current_dir(git_dir);
        } else {
            command.current_dir("/");
        }
        command
            .args(&self.arguments)
            .stdin(if self.input.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// The error of a call that ended with another code than 0, in git's own words.
pub(super) fn failed(what: &'static str, output: &Output) -> Error {
    let message = output.stderr.trim();
    let message = match (message.is_empty(), output.code) {
        (false, _) => message.chars().take(2000).collect(),
        (true, Some(code)) => format!("exit code {code}, without a word"),
        (true, None) => "it was killed by a signal".to_owned(),
    };
    Error::Failed { what, message }
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut whole = OsString::from(option);
    whole.push(path);
    whole
}

fn unreachable_session() -> ! {
    unreachable!("a session answers until it is dropped")
}

async fn drain(from: Option<impl AsyncRead + Unpin>, limit: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut from) = from else { return kept };
    let mut chunk = vec![0; 32 << 10];
    loop {
        match from.read(&mut chunk).await {
            Ok(0) | Err(_) => return kept,
            // One byte beyond the limit tells that there was more.
            Ok(n) => kept.extend_from_slice(&chunk[..n.min((limit + 1).saturating_sub(kept.len()))]),
        }
    }
}

/// The process group of one call, killed unless it has ended: on a passed deadline, and when the caller
/// loses interest and drops the future.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: u32) -> Self {
        Self(i32::try_from(leader).ok().map(Pid::from_raw))
    }

    fn ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended by itself just now.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}
