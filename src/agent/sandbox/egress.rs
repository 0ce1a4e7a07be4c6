//! The proxy through which children reach named hosts, and nothing else.
//!
//! It speaks HTTP's `CONNECT` and plain HTTP, on a Unix socket for children with a network of their own and on a
//! port for the others. A name is resolved here, once, and the connection goes to the address that was looked at, so
//! that a name cannot be bent to this machine or its network. What travels in a tunnel is not looked at.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::allow::is_public;
use super::proxy::{self, Request};
use super::{AllowList, Door};

/// A request's head; those of package managers are below 2 KiB.
const MAX_HEAD: usize = 16 * 1024;
/// From the connection to the end of the head; it comes at once.
const HEAD: Duration = Duration::from_secs(10);
/// For resolving a name, and again for connecting.
const REACH: Duration = Duration::from_secs(20);
/// A package manager opens some dozens; more would be a way to use up our descriptors.
const CONNECTIONS: usize = 256;
/// Distinct findings that are kept, so that a child cannot fill our memory with names.
const FINDINGS: usize = 100;
/// The port that children with a network of their own see; nothing else listens there.
const PORT: u16 = 3128;

/// Where a proxy listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// On a Unix socket at this path, which must not exist and be shorter than 108 bytes.
    Socket(PathBuf),
    /// On a free port of 127.0.0.1.
    Port,
}

/// Why a connection was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The host and port are not on the list.
    NotAllowed,
    /// The host is written as an address.
    Address,
    /// The name leads to this machine, its network or a metadata service.
    Internal,
    /// It is not a request that a proxy understands.
    Malformed,
    /// The name leads nowhere, or the host does not answer.
    Unreachable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAllowed => "the host is not on the list of allowed hosts",
            Self::Address => "hosts are reached by name only",
            Self::Internal => "the name leads to an internal address",
            Self::Malformed => "the request is not one of a proxy",
            Self::Unreachable => "the host could not be reached",
        })
    }
}

/// Something that a child tried and was refused, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Why.
    pub refusal: Refusal,
    /// The host and port, as far as they could be read; the child's words, of valid host characters.
    pub target: String,
    /// How often.
    pub times: u64,
}

/// A running proxy. Dropping it ends it and all its connections.
#[derive(Debug)]
pub struct Egress {
    door: Door,
    seen: Arc<Seen>,
    _end: DropGuard,
}

impl Egress {
    /// Starts one, on the current runtime. `pinned` names hosts whose address the operator vouches for, such as an
    /// internal mirror: they are not resolved, and may be internal; they must be on the list all the same.
    ///
    /// # Errors
    /// It cannot listen there.
    pub async fn start(
        listen: Listen,
        allowed: AllowList,
        pinned: BTreeMap<String, IpAddr>,
    ) -> std::io::Result<Self> {
        let seen = Arc::new(Seen::default());
        let end = CancellationToken::new();
        let rules = Arc::new(Rules {
            allowed,
            pinned,
            seen: seen.clone(),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        });
        let door = match listen {
            Listen::Socket(socket) => {
                let listener = UnixListener::bind(&socket)?;
                tokio::spawn(serve(Doorway::Socket(listener), rules, end.clone()));
                Door { port: PORT, socket }
            }
            Listen::Port => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                let port = listener.local_addr()?.port();
                tokio::spawn(serve(Doorway::Port(listener), rules, end.clone()));
                Door {
                    port,
                    socket: PathBuf::new(),
                }
            }
        };
        Ok(Self {
            door,
            seen,
            _end: end.drop_guard(),
        })
    }

    /// The way to it, for [`super::Confinement::egress`].
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// What was refused so far.
    pub fn findings(&self) -> Vec<Finding> {
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter()
            .map(|((refusal, target), &times)| Finding {
                refusal: *refusal,
                target: target.clone(),
                times,
            })
            .collect()
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        if self.door.socket != Path::new("") {
            let _ = std::fs::remove_file(&self.door.socket);
        }
    }
}

#[derive(Debug, Default)]
struct Seen(Mutex<BTreeMap<(Refusal, String), u64>>);

impl Seen {
    fn note(&self, refusal: Refusal, target: String) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.len() < FINDINGS || seen.contains_key(&(refusal, target.clone()));
        // What is one too many is counted without its name.
        let target = if known { target } else { String::new() };
        *seen.entry((refusal, target)).or_default() += 1;
    }
}

struct Rules {
    allowed: AllowList,
    pinned: BTreeMap<String, IpAddr>,
    seen: Arc<Seen>,
    places: Arc<Semaphore>,
}

/// A stream of either kind.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Duplex for T {}

/// Accepts clients until the end; their tasks end with this one.
async fn serve(door: Doorway, rules: Arc<Rules>, end: CancellationToken) {
    let mut clients = JoinSet::new();
    loop {
        let place = tokio::select! {
            () = end.cancelled() => return,
            place = rules.places.clone().acquire_owned() => place,
        };
        let Ok(place) = place else { return };
        while clients.try_join_next().is_some() {}
        let next = tokio::select! {
            () = end.cancelled() => return,
            next = door.accept() => next,
        };
        match next {
            Ok(client) => {
                let rules = rules.clone();
                clients.spawn(async move {
                    attend(client, &rules).await;
                    drop(place);
                });
            }
            // Out of descriptors, most likely: others end soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

enum Doorway {
    Socket(UnixListener),
    Port(TcpListener),
}

impl Doorway {
    async fn accept(&self) -> std::io::Result<Box<dyn Duplex>> {
        Ok(match self {
            Self::Socket(listener) => Box::new(listener.accept().await?.0),
            Self::Port(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

/// Serves one client. An error on its side or the host's ends the connection, and that is all.
async fn attend(mut client: Box<dyn Duplex>, rules: &Rules) {
    let Ok(Some((head, rest))) = timeout(HEAD, read_head(&mut client)).await else {
        rules.seen.note(Refusal::Malformed, String::new());
        return;
    };
    match admit(&head, rules).await {
        Ok((request, mut host)) => {
            let begun = match &request.forward {
                Some(forward) => host.write_all(forward).await,
                None => {
                    client
                        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                        .await
                }
            };
            if begun.is_ok() && host.write_all(&rest).await.is_ok() {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut host).await;
            }
        }
        Err((refusal, target)) => {
            rules.seen.note(refusal, target);
            let status = match refusal {
                Refusal::Malformed => "400 Bad Request",
                Refusal::Unreachable => "502 Bad Gateway",
                _ => "403 Forbidden",
            };
            let text = format!("footplate: {refusal}\n");
            let length = text.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
            );
            let _ = client.write_all(answer.as_bytes()).await;
            let _ = client.shutdown().await;
        }
    }
}

/// Reads up to the empty line; gives what came after it too. `None` where there is no end of the head.
async fn read_head(client: &mut Box<dyn Duplex>) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::with_capacity(1024);
    loop {
        if client.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
        if let Some(at) = memchr::memmem::find(&head, b"\r\n\r\n") {
            let rest = head.split_off(at + 4);
            return Some((head, rest));
        }
        if head.len() > MAX_HEAD {
            return None;
        }
    }
}

/// Checks a request and connects to its host.
async fn admit(head: &[u8], rules: &Rules) -> Result<(Request, TcpStream), (Refusal, String)> {
    let request = proxy::parse(head)?;
    let target = || format!("{}:{}", request.host, request.port);
    if !rules.allowed.allows(&request.host, request.port) {
        return Err((Refusal::NotAllowed, target()));
    }
    let unreachable = || (Refusal::Unreachable, target());
    let addresses: Vec<SocketAddr> = if let Some(&address) = rules.pinned.get(&request.host) {
        vec![(address, request.port).into()]
    } else {
        let found = timeout(
            REACH,
            tokio::net::lookup_host((request.host.as_str(), request.port)),
        )
        .await;
        let found: Vec<_> = found.ok().and_then(Result::ok).ok_or_else(unreachable)?.collect();
        // One internal address among them is one too many: the next connection might get that one.
        if found.iter().any(|address| !is_public(address.ip())) {
            return Err((Refusal::Internal, target()));
        }
        found
    };
    let host = timeout(REACH, TcpStream::connect(addresses.as_slice())).await;
    let host = host.ok().and_then(Result::ok).ok_or_else(unreachable)?;
    let _ = host.set_nodelay(true);
    Ok((request, host))
}
