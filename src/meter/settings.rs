//! Where a meter listens and what bounds it as a whole.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How a meter is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address for harnesses that share the network: loopback only; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A Unix socket for harnesses that have no network of their own. It is made readable by the server's user only.
    pub socket: Option<PathBuf>,
    /// How many connections may be open; further ones wait to be accepted.
    pub connections: usize,
    /// The largest request body in bytes. First requests of harnesses have 31 to 88 KB; later ones carry images.
    pub body_bytes: usize,
    /// How many bytes the bodies of one ticket's requests may take together, from their arrival to the beginning of
    /// their answers.
    pub held_bytes: usize,
    /// How long a request's body may take to arrive.
    pub body_deadline: Duration,
    /// How long a connection to a provider may take to open.
    pub connect_deadline: Duration,
    /// The first pause before a repetition where the provider names none; it doubles with each try, and is drawn
    /// between half and all of it.
    pub first_pause: Duration,
    /// The longest such pause.
    pub longest_pause: Duration,
    /// After how many failures in a row a provider is left alone.
    pub failures: u32,
    /// How long it is then left alone, where it did not say itself.
    pub rest: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            socket: None,
            connections: 1024,
            body_bytes: 64 * 1024 * 1024,
            held_bytes: 128 * 1024 * 1024,
            body_deadline: Duration::from_mins(2),
            connect_deadline: Duration::from_secs(10),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            failures: 5,
            rest: Duration::from_secs(30),
        }
    }
}
