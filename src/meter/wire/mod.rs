//! The connections to providers: HTTP/1.1 as far as a gateway needs it, with the bytes of an answer in few and large pieces.
//!
//! A client for everybody hands an answer from one task to another, piece by piece as the provider cut it, and a model's
//! answer is cut into pieces of a hundred bytes: that costs fifty times what copying the bytes does. Here the task that
//! serves the harness reads the connection itself ([`Body`]), takes the framing off whatever is there (`chunks`), and
//! passes it on in one piece. Heads are parsed by `httparse`, connections opened by hyper's connectors (`exchange`) and
//! kept for the next request (`pool`).

mod body;
mod chunks;
mod exchange;
mod pool;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use hyper::service::Service;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::body::Body;
use self::pool::{Home, Pool};

/// A connection to a provider.
type Line = TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>;

/// Opens encrypted connections.
type Encrypted = TowerToHyperService<HttpsConnector<HttpConnector>>;

/// The way to all providers.
#[derive(Debug)]
pub(super) struct Wire {
    plain: TowerToHyperService<HttpConnector>,
    /// Made when it is first wanted: the system's root certificates are read for it.
    encrypted: OnceLock<Result<Encrypted, String>>,
    connect: Duration,
    pool: Arc<Pool>,
}

/// The head of an answer, and what follows.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) flow: Flow,
}

/// The body of an answer, piece by piece.
#[derive(Debug)]
pub(super) enum Flow {
    /// From a connection.
    Live(Box<Body>),
    /// From a recording.
    Played { pieces: VecDeque<Bytes>, whole: bool },
}

/// Says that a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off")]
pub(super) struct Broken;

impl Flow {
    /// The next piece that is not empty.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        match self {
            Self::Live(body) => body.poll_piece(cx),
            Self::Played { pieces, whole } => Poll::Ready(match pieces.pop_front() {
                Some(piece) => Some(Ok(piece)),
                None if *whole => None,
                None => {
                    *whole = true;
                    Some(Err(Broken))
                }
            }),
        }
    }

    /// Whether it is known that no further piece comes, because all that was promised came.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Live(body) => body.is_over(),
            Self::Played { .. } => false,
        }
    }

    /// Waits for the next piece.
    pub(super) async fn piece(&mut self) -> Option<Result<Bytes, Broken>> {
        poll_fn(|cx| self.poll_piece(cx)).await
    }
}

impl Wire {
    /// Connections that are kept are closed by a task of `tasks`, and when `stop` is cancelled.
    pub(super) fn new(connect: Duration, tasks: TaskTracker, stop: CancellationToken) -> Self {
        Self {
            plain: TowerToHyperService::new(connector(connect)),
            encrypted: OnceLock::new(),
            connect,
            pool: Arc::new(Pool::new(tasks, stop)),
        }
    }

    /// Sends a request and waits for the head of the answer; the caller has the deadline.
    ///
    /// # Errors
    /// There was no connection, or it broke. The text names hosts and system errors, never headers.
    pub(super) async fn send(
        &self,
        method: &Method,
        address: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Answer, String> {
        let home = Home::of(&self.pool, address).ok_or("the provider's address is wrong")?;
        let line = match home.line() {
            Some(line) => line,
            None => self.open(address).await?,
        };
        let head = exchange::head(method, address, headers, body.len());
        exchange::exchange(line, home, head, body).await
    }

    async fn open(&self, address: &Uri) -> Result<Line, String> {
        let stream = if address.scheme_str() == Some("https") {
            let connector = self.encrypted.get_or_init(|| encrypted(self.connect));
            let connecting = connector.as_ref().map_err(Clone::clone)?.call(address.clone());
            connecting.await.map_err(|error| chain(error.as_ref()))?
        } else {
            let connecting = self.plain.call(address.clone());
            MaybeHttpsStream::Http(connecting.await.map_err(|error| chain(&error))?)
        };
        Ok(TokioIo::new(stream))
    }
}

fn connector(connect: Duration) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(connect));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp
}

fn encrypted(connect: Duration) -> Result<Encrypted, String> {
    let tls = HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(|error| format!("the system's root certificates cannot be read: {error}"))?
        .https_only()
        .enable_http1()
        .wrap_connector(connector(connect));
    Ok(TowerToHyperService::new(tls))
}

/// The messages from outside in.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
