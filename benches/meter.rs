//! What the meter costs: CPU for each megabyte that streams through it, and for each event that comes alone, beside a
//! plain copy of bytes; what it adds to the first byte; and the memory of many streams at once.
//!
//! The provider and the harnesses are in this process; the meter, the copy, and for information a proxy that speaks
//! HTTP and reads nothing, are processes of their own, so that the kernel's figures are theirs alone.

mod measure;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use footplate::meter::{Lease, Meter, Settings, Upstream};
use footplate::model::{Dialect, SystemClock};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};
use url::Url;

use measure::process::Pinned;
use measure::{Figures, Table, option, say, usage};

/// Streams at once where memory is measured.
const STREAMS: usize = 200;

/// What is asked.
const ASK: &str = r#"{"model":"claude-opus-5-5","stream":true,"max_tokens":1000,"messages":[]}"#;

/// A stream of one kind of events, after others that prepare it.
struct Kind {
    name: &'static str,
    dialect: Dialect,
    door: &'static str,
    before: &'static str,
    event: &'static str,
}

/// What models' streams are made of, in the form in which their vendors write it. The first one is compared.
const KINDS: [Kind; 6] = [
    Kind {
        name: "words (Messages)",
        dialect: Dialect::Anthropic,
        door: "/v1/messages",
        before: "",
        event: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\
                \"text\":\"some twenty characters\"}}\n\n",
    },
    Kind {
        name: "thoughts (Messages)",
        dialect: Dialect::Anthropic,
        door: "/v1/messages",
        before: "",
        event: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\
                \"thinking\":\"some twenty characters\"}}\n\n",
    },
    Kind {
        name: "a call's arguments (Messages)",
        dialect: Dialect::Anthropic,
        door: "/v1/messages",
        before: "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
                 \"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"write\",\"input\":{}}}\n\n",
        event: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\
                \"type\":\"input_json_delta\",\"partial_json\":\"    let a = \\\"b\\\";\\n\"}}\n\n",
    },
    Kind {
        name: "words (Chat Completions)",
        dialect: Dialect::Openai,
        door: "/v1/chat/completions",
        before: "",
        event: "data: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\
                \"model\":\"kimi-k2.6\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"some twenty characters\"},\
                \"finish_reason\":null}]}\n\n",
    },
    Kind {
        name: "words (Responses)",
        dialect: Dialect::Openai,
        door: "/v1/responses",
        before: "",
        event: "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":100,\
                \"item_id\":\"msg_0123456789abcdef\",\"output_index\":0,\"content_index\":0,\"delta\":\"some twenty characters\",\
                \"logprobs\":[]}\n\n",
    },
    Kind {
        name: "words (Gemini)",
        dialect: Dialect::Gemini,
        door: "/v1beta/models/gemini-3.5-flash:streamGenerateContent?alt=sse",
        before: "",
        event: "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Parts of this dialect are longer than those of the \
                others: a few come in a second, with some twenty words in each, and they tell the usage so far.\"}],\
                \"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":1100,\"candidatesTokenCount\":50,\
                \"totalTokenCount\":1150},\"modelVersion\":\"gemini-3.5-flash\"}\n\n",
    },
];

/// Streams at once, and events on each, where they come one by one.
const PACED: (usize, usize) = (50, 500);

/// The pause between two events that come one by one: a fast model says a hundred a second.
const PAUSE: Duration = Duration::from_millis(10);

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
        match role.as_str() {
            "meter" => meter(upstream, note).await,
            "proxy" => proxy(upstream.parse()?).await,
            _ => copy(upstream).await,
        }
    })
}

/// The meter itself, between harnesses and the provider in the parent.
async fn meter(upstream: &str, note: &str) -> Result<()> {
    let base = Url::parse(&format!("http://{upstream}"))?;
    let meter = Meter::start(Settings::default(), Arc::new(SystemClock)).await?;
    let mut tickets = Vec::new();
    let mut paths = String::new();
    for kind in &KINDS {
        let mut lease = Lease::new(
            "01jd0000000000000000000000/implement/1/1".parse()?,
            Upstream::network("local", kind.dialect, base.clone(), None)?,
        );
        lease.limits.requests = u32::MAX;
        lease.note = Some(Path::new(note).with_extension(tickets.len().to_string()));
        let ticket = meter.open(lease);
        paths.extend([ticket.path(), "\n".to_owned()]);
        tickets.push(ticket);
    }
    std::fs::write(note, paths)?;
    listens(meter.address());
    std::future::pending().await
}

/// Bytes from one connection to another.
async fn copy(upstream: &str) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    listens(listener.local_addr()?);
    loop {
        let (mut near, _) = listener.accept().await?;
        let mut far = TcpStream::connect(upstream).await?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
    }
}

/// Requests and answers passed on by hyper's server and client as they come, unread.
async fn proxy(upstream: SocketAddr) -> Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    listens(listener.local_addr()?);
    loop {
        let (near, _) = listener.accept().await?;
        near.set_nodelay(true)?;
        let client = client.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let client = client.clone();
            async move {
                let address = format!("http://{upstream}{}", request.uri().path());
                *request.uri_mut() = address.parse()?;
                anyhow::Ok(client.request(request).await?)
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(near), service));
    }
}

#[expect(clippy::print_stdout, reason = "the parent reads where its child listens")]
fn listens(address: SocketAddr) {
    println!("listens on http://{address}");
}

/// What was measured of one program.
#[derive(Default)]
struct Row {
    /// CPU milliseconds a megabyte, as fast as it goes.
    bulk: Figures,
    /// CPU microseconds an event, one by one.
    paced: Figures,
    /// Milliseconds to the first byte.
    first: Figures,
    /// MiB with many streams.
    memory: Figures,
}

/// Measures all programs in turns.
async fn compare() -> Result<()> {
    let rounds = option("rounds", 5);
    let megabytes = option("megabytes", 256);
    let folder = tempfile::tempdir()?;
    let size = megabytes * 1024 * 1024;
    let upstream = provider().await?;
    let mut direct = Figures::default();
    let roles = ["meter", "copy", "proxy"];
    let mut rows = roles.map(|_| Row::default());
    let mut others = KINDS.map(|_| Figures::default());
    for _ in 0..rounds {
        for (role, row) in roles.into_iter().zip(&mut rows) {
            // The slowest is measured for information only.
            let size = if role == "proxy" { size / 8 } else { size };
            let (child, address, doors) = start(role, upstream, folder.path())?;
            let door = doors[0].as_str();
            bulk(address, door, 0, size / 16, &child).await?;
            row.bulk.add(bulk(address, door, 0, size, &child).await?);
            row.paced.add(paced(address, door, &child).await?);
            for _ in 0..50 {
                direct.add_ms(first_byte(upstream, KINDS[0].door).await?);
                row.first.add_ms(first_byte(address, door).await?);
            }
            if role == "meter" {
                for (kind, figures) in others.iter_mut().enumerate().skip(1) {
                    figures.add(bulk(address, &doors[kind], kind, size / 8, &child).await?);
                }
            }
            child.stop()?;
            let (child, address, doors) = start(role, upstream, folder.path())?;
            row.memory.add(streams(address, &doors[0], &child).await?);
            child.stop()?;
        }
    }
    let [meter, copy, proxy] = &rows;
    let mut table = Table::new(
        "The meter",
        &["figure", "meter", "plain copy", "HTTP proxy", "meter / copy"],
    );
    let mut row = |name: String, of: fn(&Row) -> &Figures| {
        table.row(vec![
            name,
            of(meter).show(),
            of(copy).show(),
            of(proxy).show(),
            format!("{:.2}", of(meter).median() / of(copy).median()),
        ]);
    };
    row(
        format!(
            "CPU for each MB of {}, sixteen events to a write (ms)",
            KINDS[0].name
        ),
        |row| &row.bulk,
    );
    row(
        format!("CPU for each event, {} streams of 100 a second (µs)", PACED.0),
        |row| &row.paced,
    );
    row("first byte (ms)".to_owned(), |row| &row.first);
    row(format!("resident with {STREAMS} streams (MiB)"), |row| {
        &row.memory
    });
    for (kind, figures) in KINDS.iter().zip(&others).skip(1) {
        table.row(vec![
            format!("CPU for each MB of {} (ms)", kind.name),
            figures.show(),
            String::new(),
            String::new(),
            format!("{:.2}", figures.median() / copy.bulk.median()),
        ]);
    }
    table.print();
    say(&format!(
        "first byte without anything between: {} ms",
        direct.show()
    ));
    say("goals: at most twice the copy's CPU, 1 ms more to the first byte, 40 MiB");
    Ok(())
}

fn start(role: &str, upstream: SocketAddr, folder: &Path) -> Result<(Pinned, SocketAddr, Vec<String>)> {
    let note = folder.join("path");
    let words = ["--role", role, &upstream.to_string(), &note.display().to_string()].map(str::to_owned);
    let mut child = Pinned::start(&std::env::current_exe()?, &words, &[], None)?;
    let address = child.address()?;
    let paths = if role == "meter" {
        std::fs::read_to_string(note)?
    } else {
        "\n".repeat(KINDS.len())
    };
    let doors = paths
        .lines()
        .zip(&KINDS)
        .map(|(path, kind)| format!("{path}{}", kind.door));
    Ok((child, address, doors.collect()))
}

/// A provider that says as many events as it is asked for: as fast as they are read, or one by one; or that stays
/// open after the first.
async fn provider() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move { serve(stream).await });
        }
    });
    Ok(address)
}

async fn serve(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    // The meter puts something into some requests, at the beginning.
    while !head.ends_with(&ASK.as_bytes()[1..]) {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8(head)?;
    let number = |name: &str| -> Option<usize> {
        let (_, rest) = head.split_once(name)?;
        rest.lines().next()?.trim().parse().ok()
    };
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n")
        .await?;
    let kind = &KINDS[number("x-kind:").unwrap_or(0)];
    let chunk = format!("{:x}\r\n{}\r\n", kind.event.len(), kind.event);
    if !kind.before.is_empty() {
        let before = format!("{:x}\r\n{}\r\n", kind.before.len(), kind.before);
        stream.write_all(before.as_bytes()).await?;
    }
    if let Some(paced) = number("x-paced:") {
        let mut beat = interval(PAUSE);
        for _ in 0..paced {
            beat.tick().await;
            stream.write_all(chunk.as_bytes()).await?;
        }
    } else if let Some(events) = number("x-events:") {
        // Sixteen events to a write: a provider's bursts.
        let burst = chunk.repeat(16);
        for _ in 0..events / 16 {
            stream.write_all(burst.as_bytes()).await?;
        }
    } else {
        stream.write_all(chunk.repeat(50).as_bytes()).await?;
        sleep(Duration::from_mins(1)).await;
    }
    stream.write_all(b"0\r\n\r\n").await?;
    Ok(())
}

async fn ask(address: SocketAddr, path: &str, more: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n{ASK}",
        ASK.len()
    );
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

/// Reads one stream to its end, and says how many bytes it had.
async fn drain(address: SocketAddr, path: &str, more: &str) -> Result<u64> {
    let mut stream = ask(address, path, more).await?;
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(bytes),
            read => bytes += read as u64,
        }
    }
}

/// CPU milliseconds for each megabyte of a stream as fast as it goes.
async fn bulk(address: SocketAddr, path: &str, kind: usize, size: u64, child: &Pinned) -> Result<f64> {
    let events = size / KINDS[kind].event.len() as u64;
    let before = usage::cpu_of(child.pid())?;
    let bytes = drain(
        address,
        path,
        &format!("x-kind: {kind}\r\nx-events: {events}\r\n"),
    )
    .await?;
    let spent = usage::cpu_of(child.pid())?.saturating_sub(before);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok(spent.as_secs_f64() * 1e3 / (bytes as f64 / 1_048_576.0))
}

/// CPU microseconds for each event where many streams say them one by one.
async fn paced(address: SocketAddr, path: &str, child: &Pinned) -> Result<f64> {
    let (streams, events) = PACED;
    let before = usage::cpu_of(child.pid())?;
    let mut open = JoinSet::new();
    for _ in 0..streams {
        let path = path.to_owned();
        open.spawn(async move { drain(address, &path, &format!("x-paced: {events}\r\n")).await });
    }
    while let Some(drained) = open.join_next().await {
        drained??;
    }
    let spent = usage::cpu_of(child.pid())?.saturating_sub(before);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok(spent.as_secs_f64() * 1e6 / (streams * events) as f64)
}

async fn first_byte(address: SocketAddr, path: &str) -> Result<Duration> {
    let began = Instant::now();
    let mut stream = ask(address, path, "").await?;
    stream.read_u8().await?;
    Ok(began.elapsed())
}

/// The memory of the meter while all streams are open and have passed something on.
async fn streams(address: SocketAddr, path: &str, child: &Pinned) -> Result<f64> {
    let mut opening = JoinSet::new();
    for _ in 0..STREAMS {
        let path = path.to_owned();
        opening.spawn(async move {
            let mut stream = ask(address, &path, "").await?;
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
