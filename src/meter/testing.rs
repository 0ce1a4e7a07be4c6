//! A provider that does as it is told, over real HTTP, for the tests of the meter.
//!
//! It speaks on the bare connection, so that it can also do what no HTTP library would: fall silent, break off in the
//! midst of a piece, cut its answer at any byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// No test waits longer for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it came in.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the request is JSON")
    }
}

/// What the provider does.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) pieces: Vec<Vec<u8>>,
    pub(super) then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It ends the answer properly.
    End,
    /// It says nothing more, and keeps the connection.
    Silence,
    /// It closes the connection.
    Close,
    /// It never even began.
    Nothing,
    /// It closes the connection before it began.
    Hangup,
}

impl Script {
    /// An answer in one piece.
    pub(super) fn json(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            pieces: vec![body.as_bytes().to_vec()],
            then: Then::End,
        }
    }

    /// A stream, in pieces that respect no boundaries.
    pub(super) fn stream(text: &str) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "text/event-stream".to_owned())],
            pieces: text.as_bytes().chunks(37).map(<[u8]>::to_vec).collect(),
            then: Then::End,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Only the first half of the pieces, and then something else.
    pub(super) fn half(mut self, then: Then) -> Self {
        self.pieces.truncate(self.pieces.len() / 2);
        self.then = then;
        self
    }

    pub(super) fn only(then: Then) -> Self {
        Self {
            then,
            ..Self::json(200, "")
        }
    }
}

/// The provider.
pub(super) struct Provider {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

impl Provider {
    /// Answers the nth request, from 0, as the function says.
    pub(super) async fn start(play: impl Fn(usize, &Seen) -> Script + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("it has an address");
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let play = Arc::new(play);
        let mut tasks = JoinSet::new();
        let all = Arc::clone(&seen);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (play, all) = (Arc::clone(&play), Arc::clone(&all));
                connections.spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Some(request) = read(&mut stream).await {
                        let n = {
                            let mut all = all.lock().expect("nobody panics here");
                            all.push(request.clone());
                            all.len() - 1
                        };
                        if !speak(stream.get_mut(), &play(n, &request)).await {
                            return;
                        }
                    }
                });
            }
        });
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    pub(super) fn base(&self) -> url::Url {
        url::Url::parse(&format!("http://{}", self.address)).expect("a URL")
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("nobody panics here").clone()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    stream
        .read_line(&mut line)
        .await
        .ok()
        .filter(|&bytes| bytes > 0)?;
    let mut request = Seen {
        line: line.trim_end().to_owned(),
        ..Seen::default()
    };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => request
                .headers
                .push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let length = request
        .header("content-length")
        .and_then(|length| length.parse().ok());
    request.body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut request.body).await.ok()?;
    Some(request)
}

/// Whether the connection can be used again.
async fn speak(stream: &mut TcpStream, script: &Script) -> bool {
    match script.then {
        Then::Nothing => {
            let mut rest = [0; 1];
            let _ = stream.read(&mut rest).await;
            return false;
        }
        Then::Hangup => return false,
        _ => {}
    }
    let mut head = format!(
        "HTTP/1.1 {} Said\r\ntransfer-encoding: chunked\r\n",
        script.status
    );
    for (name, value) in &script.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    if stream.write_all(head.as_bytes()).await.is_err() {
        return false;
    }
    for piece in script.pieces.iter().filter(|piece| !piece.is_empty()) {
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        if stream.write_all(&chunk).await.is_err() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    match script.then {
        Then::End => stream.write_all(b"0\r\n\r\n").await.is_ok(),
        Then::Silence => {
            let mut rest = [0; 1];
            let _ = stream.read(&mut rest).await;
            false
        }
        _ => false,
    }
}

/// What a harness got.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: String,
    /// Whether the answer came to its end.
    pub(super) whole: bool,
}

impl Got {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Asks as a harness would.
pub(super) async fn post(url: &str, headers: &[(&'static str, &str)], body: &str) -> Got {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = http::Request::post(url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .body(Full::new(Bytes::from(body.to_owned())))
        .expect("a request");
    tokio::time::timeout(PATIENCE, async {
        let (head, mut body) = client
            .request(request)
            .await
            .expect("the meter answers")
            .into_parts();
        let (mut bytes, mut whole) = (Vec::new(), true);
        while let Some(frame) = body.frame().await {
            if let Ok(frame) = frame {
                bytes.extend_from_slice(frame.data_ref().expect("data"));
            } else {
                whole = false;
                break;
            }
        }
        Got {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8(bytes).expect("text"),
            whole,
        }
    })
    .await
    .expect("the meter answers in time")
}
