//! The port: every request is read whole, sent to the API, git or the pages, and answered as told.
//!
//! Connections can be cut from inside, which is how faults reset them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::serve::{IncomingStream, Listener};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use super::{git_http, pages, rest};

/// The largest request body: beyond the largest file that a push may carry, which must be refused politely.
const LARGEST_BODY: usize = 512 * 1024 * 1024;

/// How long requests under way may take to end when the stand-in stops.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How a request ends.
pub(super) enum Outcome {
    /// With an answer.
    Answer(Response<Bytes>),
    /// Never, until the stand-in stops.
    Hang,
    /// With a cut connection.
    Reset,
}

/// A request, read whole.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) method: String,
    /// The path, percent-encoded as it arrived.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Incoming {
    /// A header's text; `None` where it is missing or not text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Serves until the stand-in stops.
pub(super) async fn serve(listener: TcpListener, hub: Hub) {
    let stop = hub.stopping().clone();
    let app = Router::new().fallback(handle).with_state(hub);
    serve_until(listener, app, stop, LAST_ANSWERS).await;
}

/// Serves an app whose connections can be cut, until it is told to stop; answers under way then have that long.
pub(super) async fn serve_until(
    listener: TcpListener,
    app: Router,
    stop: CancellationToken,
    last_answers: Duration,
) {
    let service = app.into_make_service_with_connect_info::<Cut>();
    let server =
        axum::serve(Cuttable(listener), service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let patience = async {
        stop.cancelled().await;
        tokio::time::sleep(last_answers).await;
    };
    tokio::select! {
        _ = server.into_future() => {}
        () = patience => {}
    }
}

async fn handle(
    State(hub): State<Hub>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large or was cut off",
        );
    };
    let incoming = Incoming {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        body,
    };
    let stop = hub.stopping().clone();
    let outcome = if incoming.path.starts_with("/api/") {
        let hub = hub.clone();
        // Answers compare trees and merge commits, which blocks.
        tokio::task::spawn_blocking(move || rest::answer(&hub, &incoming)).await
    } else if git_http::concerns(&incoming.path) {
        Ok(git_http::answer(&hub, &incoming).await)
    } else {
        let hub = hub.clone();
        tokio::task::spawn_blocking(move || pages::answer(&hub, &incoming)).await
    };
    match outcome {
        Ok(Outcome::Answer(answer)) => answer.map(Body::from),
        Ok(Outcome::Hang) => {
            stop.cancelled().await;
            cut.now()
        }
        Ok(Outcome::Reset) => cut.now(),
        Err(error) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("the stand-in failed: {error}"),
        ),
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response
}

/// A switch that cuts one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Cut(Arc<AtomicBool>);

impl Cut {
    /// Cuts the connection: whatever is answered never leaves.
    pub(super) fn now(&self) -> Response<Body> {
        self.0.store(true, Ordering::SeqCst);
        Response::new(Body::empty())
    }
}

impl Connected<IncomingStream<'_, Cuttable>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        stream.io().cut.clone()
    }
}

pub(super) struct Cuttable(pub(super) TcpListener);

impl Listener for Cuttable {
    type Io = Line;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Line, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Answers are small and awaited.
        let _ = stream.set_nodelay(true);
        (
            Line {
                stream,
                cut: Cut::default(),
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

/// A connection that can be cut.
pub(super) struct Line {
    stream: TcpStream,
    cut: Cut,
}

impl Line {
    fn check(&self) -> io::Result<()> {
        if self.cut.0.load(Ordering::SeqCst) {
            // The peer shall see a reset, not an orderly end.
            let _ = self.stream.set_zero_linger();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
