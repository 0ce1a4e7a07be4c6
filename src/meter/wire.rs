//! The connections to providers.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// How long an unused connection is kept: harnesses ask again within seconds.
const IDLE: Duration = Duration::from_mins(1);

/// A client for encrypted connections.
type Encrypted = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The clients for plain and for encrypted connections.
#[derive(Debug)]
pub(super) struct Wire {
    plain: Client<HttpConnector, Full<Bytes>>,
    /// Made when it is first wanted: the system's root certificates are read for it.
    encrypted: OnceLock<Result<Encrypted, String>>,
    connect: Duration,
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
    Live(Incoming),
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
            Self::Live(incoming) => loop {
                match ready!(Pin::new(&mut *incoming).poll_frame(cx)) {
                    None => return Poll::Ready(None),
                    Some(Err(_)) => return Poll::Ready(Some(Err(Broken))),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(piece) if !piece.is_empty() => return Poll::Ready(Some(Ok(piece))),
                        // Trailers say nothing that anybody reads.
                        _ => {}
                    },
                }
            },
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

    /// Whether it is known that no further piece comes, because as many bytes came as were promised.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Live(incoming) => incoming.is_end_stream(),
            Self::Played { .. } => false,
        }
    }

    /// Waits for the next piece.
    pub(super) async fn piece(&mut self) -> Option<Result<Bytes, Broken>> {
        poll_fn(|cx| self.poll_piece(cx)).await
    }
}

impl Wire {
    pub(super) fn new(connect: Duration) -> Self {
        Self {
            plain: builder().build(connector(connect)),
            encrypted: OnceLock::new(),
            connect,
        }
    }

    /// Sends a request and waits for the head of the answer; the caller has the deadline.
    ///
    /// # Errors
    /// There was no connection, or it broke. The text names hosts and system errors, never headers.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let encrypted = request.uri().scheme_str() == Some("https");
        let sending = if encrypted {
            let client = self.encrypted.get_or_init(|| encrypted_client(self.connect));
            client.as_ref().map_err(Clone::clone)?.request(request)
        } else {
            self.plain.request(request)
        };
        let (head, body) = sending.await.map_err(|error| chain(&error))?.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            flow: Flow::Live(body),
        })
    }
}

fn builder() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .set_host(true);
    builder
}

fn connector(connect: Duration) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(connect));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp
}

fn encrypted_client(connect: Duration) -> Result<Encrypted, String> {
    let tls = HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(|error| format!("the system's root certificates cannot be read: {error}"))?
        .https_only()
        .enable_http1()
        .wrap_connector(connector(connect));
    Ok(builder().build(tls))
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
