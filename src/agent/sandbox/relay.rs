//! Between a port of 127.0.0.1 and a Unix socket, in both directions.
//!
//! Inside a namespace whose network is empty, the relay (a process of our own program) leads from the port that the
//! child knows to the socket that is mounted there. Outside, a [`Bridge`] leads from such a socket to a port, for a
//! meter that listens on TCP only.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The hidden subcommand that relays: `relay start|serve SOCKET`, with the listening port as standard input.
pub const RELAY: &str = "relay";

/// Runs the subcommand, given all words of the command line.
pub fn relay_main(words: impl Iterator<Item = OsString>) -> ExitCode {
    let mut words = words.collect::<Vec<_>>().into_iter();
    let before: Vec<OsString> = words.by_ref().take_while(|word| word != RELAY).collect();
    let done = match (words.next(), words.next()) {
        (Some(word), Some(socket)) if word == "start" => start(&before, &socket),
        (Some(word), Some(socket)) if word == "serve" => serve(Path::new(&socket)),
        _ => Err(std::io::ErrorKind::InvalidInput.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Starts the one that serves and does not wait for it: whoever ends its life is the namespace.
#[expect(
    clippy::disallowed_methods,
    reason = "the relay belongs to the child's namespace and dies with it"
)]
fn start(before: &[OsString], socket: &OsString) -> std::io::Result<()> {
    let own = std::env::current_exe()?;
    std::process::Command::new(own)
        .args(before.iter().skip(1))
        .args([RELAY, "serve"])
        .arg(socket)
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(())
}

fn serve(socket: &Path) -> std::io::Result<()> {
    let listener = std::io::stdin().as_fd().try_clone_to_owned()?;
    let listener = std::net::TcpListener::from(listener);
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let mut connections = JoinSet::new();
        loop {
            let (near, _) = listener.accept().await?;
            let socket = socket.to_owned();
            while connections.try_join_next().is_some() {}
            connections.spawn(async move {
                if let Ok(far) = UnixStream::connect(socket).await {
                    join(near, far).await;
                }
            });
        }
    })
}

async fn join(mut port: TcpStream, mut socket: UnixStream) {
    // Streams come in small pieces, and each is waited for.
    let _ = port.set_nodelay(true);
    // A connection that breaks is its two ends' affair.
    let _ = tokio::io::copy_bidirectional(&mut port, &mut socket).await;
}

/// Leads from a Unix socket to a port of this machine, until it is dropped.
#[derive(Debug)]
pub struct Bridge {
    socket: PathBuf,
    _end: DropGuard,
}

impl Bridge {
    /// Listens on a socket at this path, which must not exist and be shorter than 108 bytes.
    ///
    /// # Errors
    /// The path cannot be listened on.
    pub fn open(socket: PathBuf, port: u16) -> std::io::Result<Self> {
        let listener = UnixListener::bind(&socket)?;
        let end = CancellationToken::new();
        let ended = end.clone();
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let near = tokio::select! {
                    () = ended.cancelled() => return,
                    near = listener.accept() => near,
                };
                while connections.try_join_next().is_some() {}
                if let Ok((near, _)) = near {
                    connections.spawn(async move {
                        if let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                            join(far, near).await;
                        }
                    });
                }
            }
        });
        Ok(Self {
            socket,
            _end: end.drop_guard(),
        })
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}
