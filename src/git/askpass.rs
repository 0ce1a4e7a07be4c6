//! How git gets a token: it asks our own program, which asks us over a socket that only it may use.
//!
//! Git runs the program named by `GIT_ASKPASS` with one argument, the question. That program is ours; it
//! finds the socket's path in its environment, sends the question and prints the answer. The socket lies in
//! a private folder that lives as long as one call of git, and it answers only processes that this call
//! started, only about the remote's own host, and only a few times. So the token is in no argument, no URL,
//! no environment and no file.

use std::ffi::OsString;
use std::future::Future;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::error::Error;
use super::program::Git;

/// Names the environment variable that carries the socket's path.
const SOCKET_VARIABLE: &str = "FOOTPLATE_ASKPASS_SOCKET";
/// The user name that GitHub wants beside an installation token.
const USER: &str = "x-access-token";
/// How many questions one call of git may ask. It asks for a name and a token; a second round allows for a
/// reconnect, and a bad token must not make it ask forever.
const MAX_QUESTIONS: u32 = 4;
/// The longest question that is read: git's fixed words and a host.
const MAX_QUESTION_BYTES: u64 = 4096;
/// How long a process that was let in may take to state its question.
const QUESTION_TIME: Duration = Duration::from_secs(10);

/// Where the token for one remote comes from, asked when git wants it and not before.
#[derive(Clone)]
pub struct Credentials {
    source: Arc<dyn Fn() -> BoxFuture<'static, Result<SecretString, String>> + Send + Sync>,
}

impl Credentials {
    /// Takes a source of tokens; its error is one sentence for people.
    pub fn new<F, T>(source: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<SecretString, String>> + Send + 'static,
    {
        Self {
            source: Arc::new(move || Box::pin(source())),
        }
    }

    /// Always gives the same token.
    pub fn fixed(token: SecretString) -> Self {
        Self::new(move || std::future::ready(Ok(token.clone())))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Tells whether this process was started by git to ask for credentials.
///
/// The program's `main` looks here before it reads its arguments, and hands over to [`askpass_main`].
#[expect(
    clippy::disallowed_methods,
    reason = "this variable is how git's question finds its way back to us"
)]
pub fn askpass_wanted() -> bool {
    std::env::var_os(SOCKET_VARIABLE).is_some()
}

/// Passes git's question, the last argument, to the process that started git, and prints its answer.
///
/// # Errors
/// The socket is missing or the question is not answered; git then goes on without credentials.
#[expect(
    clippy::disallowed_methods,
    reason = "this variable is how git's question finds its way back to us"
)]
pub fn askpass_main() -> std::io::Result<()> {
    let socket = std::env::var_os(SOCKET_VARIABLE)
        .ok_or_else(|| std::io::Error::other("this program is asked by git, not by people"))?;
    let question = std::env::args_os().next_back().unwrap_or_default();
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.write_all(question.as_encoded_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.is_empty() {
        return Err(std::io::Error::other("there is no answer to this question"));
    }
    writeln!(std::io::stdout(), "{answer}")
}

/// The answering side, for one call of git.
pub(super) struct Session {
    folder: tempfile::TempDir,
    listener: UnixListener,
    program: PathBuf,
    remote: url::Url,
    credentials: Credentials,
    refusal: Mutex<Option<String>>,
}

impl Session {
    /// Opens a socket for questions about `remote`; `None` where git has no way or no reason to ask.
    pub(super) fn open(
        git: &Git,
        remote: &str,
        credentials: Option<&Credentials>,
    ) -> Result<Option<Self>, Error> {
        let (Some(credentials), Some(program)) = (credentials, &git.settings().askpass) else {
            return Ok(None);
        };
        let Ok(remote) = url::Url::parse(remote) else {
            return Ok(None);
        };
        let folder = tempfile::Builder::new()
            .prefix("footplate-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|source| Error::Io {
                path: PathBuf::from("the folder for temporary files"),
                source,
            })?;
        let path = folder.path().join("askpass");
        let listener = UnixListener::bind(&path).map_err(Error::io(&path))?;
        Ok(Some(Self {
            folder,
            listener,
            program: program.clone(),
            remote,
            credentials: credentials.clone(),
            refusal: Mutex::default(),
        }))
    }

    /// What git must find in its environment.
    pub(super) fn environment(&self) -> [(OsString, OsString); 2] {
        [
            ("GIT_ASKPASS".into(), self.program.clone().into_os_string()),
            (
                SOCKET_VARIABLE.into(),
                self.folder.path().join("askpass").into_os_string(),
            ),
        ]
    }

    /// Why the source gave no token, if that happened.
    pub(super) fn refusal(&self) -> Option<String> {
        self.refusal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Answers questions of the process `git` and its descendants, until it is dropped.
    pub(super) async fn serve(&self, git: u32) {
        let mut left = MAX_QUESTIONS;
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else {
                // Out of descriptors, perhaps: the next question may fare better.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            if left == 0 || !is_ours(&stream, git) {
                tracing::warn!(left, "a question for credentials was turned away");
                continue;
            }
            left -= 1;
            let mut question = Vec::new();
            let mut limited = (&mut stream).take(MAX_QUESTION_BYTES);
            let asked = limited.read_to_end(&mut question);
            if !matches!(tokio::time::timeout(QUESTION_TIME, asked).await, Ok(Ok(_))) {
                continue;
            }
            if let Some(answer) = self.answer(&String::from_utf8_lossy(&question)).await {
                let _ = stream.write_all(answer.expose_secret().as_bytes()).await;
            }
            let _ = stream.shutdown().await;
        }
    }

    async fn answer(&self, question: &str) -> Option<SecretString> {
        let (kind, about) = question.split_once(" for '")?;
        let about = url::Url::parse(about.rsplit_once('\'')?.0).ok()?;
        let same = about.scheme() == self.remote.scheme()
            && about.host_str() == self.remote.host_str()
            && about.port_or_known_default() == self.remote.port_or_known_default();
        if !same {
            tracing::warn!(host = ?about.host_str(), "git was led to another host and got no token");
            return None;
        }
        match kind {
            "Username" => Some(SecretString::from(USER)),
            "Password" => match (self.credentials.source)().await {
                Ok(token) => Some(token),
                Err(why) => {
                    *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                    None
                }
            },
            _ => None,
        }
    }
}

/// Tells whether the other end runs as our user and was started, however indirectly, by the process `git`.
fn is_ours(stream: &UnixStream, git: u32) -> bool {
    let Ok(peer) = stream.peer_cred() else {
        return false;
    };
    let Some(pid) = peer.pid().and_then(|pid| u32::try_from(pid).ok()) else {
        return false;
    };
    peer.uid() == nix::unistd::geteuid().as_raw() && descends(pid, git)
}

fn descends(mut pid: u32, ancestor: u32) -> bool {
    // Git, its remote helper, the program that asks: three steps. More than a few is nobody of ours.
    for _ in 0..16 {
        if pid == ancestor {
            return true;
        }
        match parent(pid) {
            Some(parent) if parent > 1 => pid = parent,
            _ => return false,
        }
    }
    false
}

fn parent(pid: u32) -> Option<u32> {
    // `pid (name) state parent …`, where the name may hold anything, parentheses included: proc(5).
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
