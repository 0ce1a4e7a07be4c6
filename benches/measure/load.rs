//! The load generator: connections that stay open and send one delivery after the other.
//!
//! Bodies and signatures are made before, so that a delivery costs the generator little more than the copying.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::delivery;

/// What the connections saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Deliveries that were answered with 202.
    pub(crate) accepted: u64,
    /// How long each took, in no order.
    pub(crate) latencies: Vec<Duration>,
}

impl Seen {
    /// The time that so many of a hundred deliveries took at most.
    pub(crate) fn percentile(&mut self, of_hundred: usize) -> Duration {
        self.latencies.sort_unstable();
        let place = self.latencies.len() * of_hundred / 100;
        self.latencies
            .get(place.min(self.latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

/// One open connection with its delivery.
pub(crate) struct Connection {
    stream: TcpStream,
    before: String,
    after: String,
    body: Vec<u8>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr, issue: u64) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let body = delivery::body(issue);
        let (before, after) = delivery::head(&body);
        Ok(Self {
            stream,
            before,
            after,
            body,
            request: Vec::with_capacity(delivery::BYTES + 1024),
            answer: vec![0; 4096],
        })
    }

    /// Sends the delivery under an id and waits for its 202.
    pub(crate) async fn deliver(&mut self, id: &str) -> Result<()> {
        self.request.clear();
        for part in [
            self.before.as_bytes(),
            id.as_bytes(),
            self.after.as_bytes(),
            &self.body,
        ] {
            self.request.extend_from_slice(part);
        }
        self.stream.write_all(&self.request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.answer[filled..]).await?;
            if read == 0 {
                bail!("the connection was closed");
            }
            filled += read;
            if is_complete(&self.answer[..filled])? {
                break;
            }
        }
        if !self.answer.starts_with(b"HTTP/1.1 20") {
            bail!(
                "not accepted: {}",
                String::from_utf8_lossy(&self.answer[..filled])
            );
        }
        Ok(())
    }
}

fn is_complete(answer: &[u8]) -> Result<bool> {
    let text = std::str::from_utf8(answer)?;
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Ok(false);
    };
    let lower = head.to_ascii_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        return Ok(body.ends_with("0\r\n\r\n"));
    }
    let length: usize = match lower.split_once("content-length: ") {
        Some((_, rest)) => rest.lines().next().context("no length")?.trim().parse()?,
        None => 0,
    };
    Ok(body.len() >= length)
}

/// Sends deliveries over so many connections for so long, each under an id of its own.
pub(crate) async fn run(address: SocketAddr, connections: u64, time: Duration) -> Result<Seen> {
    let count = Arc::new(AtomicU32::new(1));
    let mut ready = Vec::new();
    for n in 0..connections {
        ready.push(Connection::open(address, 1000 + n).await?);
    }
    let end = Instant::now() + time;
    let tasks: Vec<_> = ready
        .into_iter()
        .map(|mut connection| {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut seen = Seen::default();
                while Instant::now() < end {
                    let id = delivery::id(count.fetch_add(1, Ordering::Relaxed));
                    let sent = Instant::now();
                    connection.deliver(&id).await?;
                    seen.latencies.push(sent.elapsed());
                    seen.accepted += 1;
                }
                anyhow::Ok(seen)
            })
        })
        .collect();
    let mut all = Seen::default();
    for task in tasks {
        let seen = task.await??;
        all.accepted += seen.accepted;
        all.latencies.extend(seen.latencies);
    }
    Ok(all)
}
