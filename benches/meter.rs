//! What the meter costs: CPU for each megabyte that streams through it beside a plain copy of bytes, what it adds to
//! the first byte, and the memory of many streams at once.
//!
//! The provider and the harnesses are in this process; the meter, or the copy, is a process of its own, so that the
//! kernel's figures are its alone.

mod measure;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use footplate::meter::{Lease, Meter, Settings, Upstream};
use footplate::model::{Dialect, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use measure::process::Pinned;
use measure::{Figures, Table, option, say, usage};

/// Streams at once where memory is measured.
const STREAMS: usize = 200;

/// What is asked.
const ASK: &str = r#"{"model":"claude-opus-5-5","stream":true,"max_tokens":1000,"messages":[]}"#;

#[expect(clippy::print_stdout, reason = "the parent reads where its child listens")]
fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let role = words.iter().position(|word| word == "--role");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let Some(at) = role else {
            return compare().await;
        };
        let [role, upstream, note] = &words[at + 1..at + 4] else {
            bail!("a role wants an upstream and a file");
        };
        if role == "meter" {
            let base = format!("http://{upstream}").parse()?;
            let meter = Meter::start(Settings::default(), Arc::new(SystemClock)).await?;
            let mut lease = Lease::new(
                "01jd0000000000000000000000/implement/1/1".parse()?,
                Upstream::network("local", Dialect::Anthropic, base, None)?,
            );
            lease.limits.requests = u32::MAX;
            let ticket = meter.open(lease);
            std::fs::write(note, ticket.path())?;
            println!("listens on http://{}", meter.address());
            std::future::pending::<()>().await;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("listens on http://{}", listener.local_addr()?);
        loop {
            let (mut near, _) = listener.accept().await?;
            let mut far = TcpStream::connect(upstream).await?;
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    })
}

/// Measures the meter and the copy in turns.
async fn compare() -> Result<()> {
    let rounds = option("rounds", 5);
    let megabytes = option("megabytes", 64);
    let folder = tempfile::tempdir()?;
    let events = usize::try_from(megabytes * 1024 * 1024)? / event().len();
    let upstream = provider(events).await?;
    let (mut meter, mut copy) = (Figures::default(), Figures::default());
    let (mut direct, mut through, mut memory) = (Figures::default(), Figures::default(), Figures::default());
    for _ in 0..rounds {
        for (role, figures) in [("meter", &mut meter), ("copy", &mut copy)] {
            let (child, address, path) = start(role, upstream, folder.path())?;
            drain(address, &path).await?;
            let before = usage::cpu_of(child.pid())?;
            let bytes = drain(address, &path).await?;
            let spent = usage::cpu_of(child.pid())? - before;
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            figures.add(spent.as_secs_f64() * 1e3 / (bytes as f64 / 1_048_576.0));
            if role == "meter" {
                for _ in 0..50 {
                    direct.add_ms(first_byte(upstream, "").await?);
                    through.add_ms(first_byte(address, &path).await?);
                }
            }
            child.stop()?;
        }
        let (child, address, path) = start("meter", upstream, folder.path())?;
        memory.add(streams(address, &path, &child).await?);
        child.stop()?;
    }
    let mut table = Table::new("The meter", &["figure", "meter", "beside"]);
    table.row(vec![
        "CPU for each MB streamed (ms)".to_owned(),
        meter.show(),
        format!("plain copy {}", copy.show()),
    ]);
    table.row(vec![
        "the same, of the copy's".to_owned(),
        format!("{:.2}", meter.median() / copy.median()),
        String::new(),
    ]);
    table.row(vec![
        "first byte (ms)".to_owned(),
        through.show(),
        format!("direct {}", direct.show()),
    ]);
    table.row(vec![
        format!("resident with {STREAMS} streams (MiB)"),
        memory.show(),
        String::new(),
    ]);
    table.print();
    say("goals: at most twice the copy's CPU, 1 ms more to the first byte, 40 MiB");
    Ok(())
}

fn start(role: &str, upstream: SocketAddr, folder: &Path) -> Result<(Pinned, SocketAddr, String)> {
    let note = folder.join("path");
    let words = ["--role", role, &upstream.to_string(), &note.display().to_string()].map(str::to_owned);
    let mut child = Pinned::start(&std::env::current_exe()?, &words, &[], None)?;
    let address = child.address()?;
    let path = if role == "meter" {
        std::fs::read_to_string(note)?
    } else {
        String::new()
    };
    Ok((child, address, path))
}

/// An event as Anthropic sends most of them.
fn event() -> String {
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\
     \"text\":\"some twenty characters\"}}\n\n"
        .to_owned()
}

/// A provider that streams as fast as it is read; below `/slow` it stays open after the first events.
async fn provider(events: usize) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move { serve(stream, events).await });
        }
    });
    Ok(address)
}

async fn serve(mut stream: TcpStream, events: usize) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    while !head.ends_with(ASK.as_bytes()) {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let slow = memchr::memmem::find(&head, b"x-slow").is_some();
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n")
        .await?;
    let event = event();
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    if slow {
        stream.write_all(chunk.repeat(50).as_bytes()).await?;
        sleep(Duration::from_mins(1)).await;
    }
    // Sixteen events to a write: a provider's bursts.
    let burst = chunk.repeat(16);
    for _ in 0..events / 16 {
        stream.write_all(burst.as_bytes()).await?;
    }
    stream.write_all(b"0\r\n\r\n").await?;
    Ok(())
}

async fn ask(address: SocketAddr, path: &str, more: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "POST {path}/v1/messages HTTP/1.1\r\nhost: x\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n{ASK}",
        ASK.len()
    );
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

/// Reads one stream to its end, and says how many bytes it had.
async fn drain(address: SocketAddr, path: &str) -> Result<u64> {
    let mut stream = ask(address, path, "").await?;
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(bytes),
            read => bytes += read as u64,
        }
    }
}

async fn first_byte(address: SocketAddr, path: &str) -> Result<Duration> {
    let began = Instant::now();
    let mut stream = ask(address, path, "x-slow: 1\r\n").await?;
    stream.read_u8().await?;
    Ok(began.elapsed())
}

/// The memory of the meter while all streams are open and have passed something on.
async fn streams(address: SocketAddr, path: &str, child: &Pinned) -> Result<f64> {
    let mut opening = JoinSet::new();
    for _ in 0..STREAMS {
        let path = path.to_owned();
        opening.spawn(async move {
            let mut stream = ask(address, &path, "x-slow: 1\r\n").await?;
            let mut some = [0; 4096];
            stream.read_exact(&mut some).await?;
            Ok::<_, anyhow::Error>(stream)
        });
    }
    let mut open = Vec::new();
    while let Some(stream) = opening.join_next().await {
        open.push(stream?.context("a stream")?);
    }
    let memory = usage::memory_of(child.pid(), "VmRSS");
    drop(open);
    memory
}
