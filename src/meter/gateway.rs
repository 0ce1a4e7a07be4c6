//! The listener on loopback, and the way of a request through the meter.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::breaker::Breaker;
use super::desk::{Desk, Underway};
use super::dispatch::{Order, Outcome, dispatch};
use super::endpoint::Endpoint;
use super::lease::{Lease, Source};
use super::listen::Listener;
use super::passing::{Booking, Passing};
use super::purse::{Purse, Reservation};
use super::record::{Recorder, Take};
use super::refusal::Refusal;
use super::windows::Window;
use super::wire::Wire;
use super::{Error, Settings, Ticket, ask, headers};
use crate::model::{Clock, Dialect, MicroUsd, Timestamp};
use crate::room::{NoRoom, Room, Share};

/// How long a connection may stay without a request: longer than harnesses keep one for their next.
const IDLE_CONNECTION: Duration = Duration::from_mins(5);

/// How much of an answer waits for the harness to read it; a head of a request may have as much.
const LARGEST_PART: usize = 64 * 1024;

/// How many tokens of ended tickets are remembered, so that stragglers read 403 and not 404.
const REMEMBERED: usize = 1024;

/// The gateway. Handles are cheap to clone; the last one that goes stops it, `stop` waits for that.
#[derive(Debug, Clone)]
pub struct Meter {
    shared: Arc<Shared>,
    _stop: Arc<tokio_util::sync::DropGuard>,
}

/// What all requests share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) address: SocketAddr,
    pub(super) wire: Wire,
    clock: Arc<dyn Clock>,
    desks: Mutex<Desks>,
    breakers: Mutex<HashMap<String, Arc<Breaker>>>,
    windows: Mutex<HashMap<String, Vec<Window>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Desks {
    open: HashMap<String, Arc<Desk>>,
    closed: VecDeque<String>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

type Reply = Response<Either<Full<Bytes>, Passing>>;

impl Meter {
    /// Begins to listen.
    ///
    /// # Errors
    /// The address or the socket cannot be had.
    pub async fn start(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let listen = |why| Error::Listen {
            address: settings.listen.to_string(),
            why,
        };
        let tcp = TcpListener::bind(settings.listen).await.map_err(listen)?;
        let address = tcp.local_addr().map_err(listen)?;
        let unix = settings.socket.as_deref().map(bind_socket).transpose()?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let shared = Arc::new(Shared {
            wire: Wire::new(settings.connect_deadline, tasks.clone(), stop.clone()),
            address,
            clock,
            desks: Mutex::default(),
            breakers: Mutex::default(),
            windows: Mutex::default(),
            stop: stop.clone(),
            tasks,
            settings,
        });
        let places = Arc::new(Semaphore::new(shared.settings.connections));
        shared.tasks.spawn(accept(
            Arc::clone(&shared),
            Arc::clone(&places),
            async move || {
                let (stream, _) = tcp.accept().await?;
                stream.set_nodelay(true)?;
                Ok(stream)
            },
        ));
        if let Some(unix) = unix {
            shared
                .tasks
                .spawn(accept(Arc::clone(&shared), places, async move || {
                    Ok(unix.accept().await?.0)
                }));
        }
        Ok(Self {
            shared,
            _stop: Arc::new(stop.drop_guard()),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The socket for harnesses without a network.
    pub fn socket(&self) -> Option<&Path> {
        self.shared.settings.socket.as_deref()
    }

    /// Lets an attempt ask.
    pub fn open(&self, lease: Lease) -> Ticket {
        // Two times eighty bits of chance.
        let token = format!(
            "{:020x}{:020x}",
            ulid::Ulid::new().random(),
            ulid::Ulid::new().random()
        );
        let key = lease.upstream.key.as_ref().map(|(_, key)| key.clone());
        let recorder = lease
            .record
            .clone()
            .map(|folder| Recorder::new(folder, key, self.shared.tasks.clone()));
        let desk = Arc::new(Desk::new(
            lease,
            recorder,
            Room::of(self.shared.settings.held_bytes),
        ));
        self.shared.desks().open.insert(token.clone(), Arc::clone(&desk));
        Ticket {
            shared: Arc::clone(&self.shared),
            desk,
            token,
        }
    }

    /// The provider's limit windows as it last told them, to whichever attempt.
    pub fn windows(&self, provider: &str) -> Vec<Window> {
        let windows = self.shared.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.get(provider).cloned().unwrap_or_default()
    }

    /// Stops listening, breaks off what is under way, and waits until all recordings are written.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        if let Some(socket) = self.socket() {
            let _ = tokio::fs::remove_file(socket).await;
        }
    }
}

impl Shared {
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn breaker(&self, provider: &str) -> Arc<Breaker> {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            breakers
                .entry(provider.to_owned())
                .or_insert_with(|| Arc::new(Breaker::new(self.settings.failures, self.settings.rest))),
        )
    }

    pub(super) fn note_windows(&self, provider: &str, found: Vec<Window>) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let known = windows.entry(provider.to_owned()).or_default();
        known.retain(|old| !found.iter().any(|new| new.name == old.name));
        known.extend(found);
    }

    pub(super) fn close(&self, token: &str) {
        let mut desks = self.desks();
        if desks.open.remove(token).is_some() {
            desks.closed.push_back(token.to_owned());
            if desks.closed.len() > REMEMBERED {
                desks.closed.pop_front();
            }
        }
    }

    fn desks(&self) -> MutexGuard<'_, Desks> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a socket's place, also one that a meter that is gone left behind.
fn bind_socket(path: &Path) -> Result<UnixListener, Error> {
    let listen = |why| Error::Listen {
        address: path.display().to_string(),
        why,
    };
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(Error::InTheWay(path.to_owned())),
        Ok(_) => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(Error::InTheWay(path.to_owned()));
            }
            std::fs::remove_file(path).map_err(listen)?;
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(listen)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(listen)?;
    Ok(listener)
}

/// Takes connections until the meter stops.
async fn accept<S, F>(shared: Arc<Shared>, places: Arc<Semaphore>, next: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: AsyncFn() -> std::io::Result<S>,
{
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            () = shared.stop.cancelled() => return,
            stream = next() => stream,
        };
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                // Out of descriptors, most likely: others must end before it gets better.
                tracing::warn!(%error, "the meter cannot take a connection");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let serving = Arc::clone(&shared);
        shared.tasks.spawn(async move {
            let service = service_fn(|request| {
                let shared = Arc::clone(&serving);
                async move { Ok::<_, Infallible>(answer(&shared, request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE_CONNECTION)
                .max_buf_size(LARGEST_PART)
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = serving.stop.cancelled() => {}
                ended = connection => if let Err(error) = ended {
                    tracing::trace!(%error, "a connection of a harness broke off");
                },
            }
            drop(place);
        });
    }
}

/// Answers one request.
async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Reply {
    let Some((token, rest)) = token_of(request.uri().path()) else {
        return nothing_here();
    };
    let desk = {
        let desks = shared.desks();
        match desks.open.get(token) {
            Some(desk) => Arc::clone(desk),
            None if desks.closed.iter().any(|closed| closed == token) => {
                return refuse(
                    &Refusal::forbidden("this attempt has ended"),
                    Dialect::Anthropic,
                    None,
                );
            }
            None => return nothing_here(),
        }
    };
    let dialect = desk.lease.upstream.dialect;
    match Endpoint::find(dialect, request.method(), rest) {
        Some(endpoint) => match pass(shared, &desk, endpoint, request).await {
            Ok(reply) => reply,
            Err(refusal) => refuse(&refusal, dialect, None),
        },
        None => refuse(
            &Refusal::new(StatusCode::NOT_FOUND, "there is no such door for models here"),
            dialect,
            None,
        ),
    }
}

/// Passes a request on, and its answer back.
async fn pass(
    shared: &Arc<Shared>,
    desk: &Arc<Desk>,
    mut endpoint: Endpoint,
    request: Request<Incoming>,
) -> Result<Reply, Refusal> {
    let began = Instant::now();
    let lease = &desk.lease;
    let dialect = lease.upstream.dialect;
    let asks_a_model = endpoint.asks_a_model();
    let n = desk.admit(asks_a_model)?;
    let (head, body) = request.into_parts();
    if head
        .headers
        .get(http::header::CONTENT_ENCODING)
        .is_some_and(|coding| coding != "identity")
    {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "requests must not be compressed",
        ));
    }
    let mut held = desk.room.share();
    let mut body = whole_body(&shared.settings, &head.headers, body, &mut held).await?;
    let mut model = String::new();
    let mut reservation = None;
    if asks_a_model {
        let ask = ask::read(&mut endpoint, body, |asked| desk.choose(asked))?;
        reservation = Some(desk.reserve(&ask)?);
        model = ask.model;
        body = ask.body;
    }
    let query = headers::query(head.uri.query());
    let address = match &lease.upstream.source {
        Source::Network(base) => endpoint.address(base, dialect, query.as_deref()),
        Source::Recording(_) => endpoint.address(&nowhere(), dialect, query.as_deref()),
    };
    let path = path_of(&endpoint.address(&nowhere(), dialect, query.as_deref()));
    let outgoing = headers::outgoing(&head.headers, lease.upstream.key.as_ref());
    let mut take = desk
        .recorder
        .as_ref()
        .filter(|_| asks_a_model)
        .map(|recorder| recorder.begin(n, &head.method, path.clone(), &outgoing, body.clone()));
    let order = Order {
        method: head.method,
        address: match lease.upstream.source {
            Source::Network(_) => address.into(),
            Source::Recording(_) => path,
        },
        headers: outgoing,
        body,
        asks_a_model,
    };
    let mut underway = Underway::new(
        Arc::clone(desk),
        reservation.map_or_else(nothing_aside, Ok)?,
        asks_a_model,
    );
    let outcome = dispatch(shared, desk, &order, &mut underway).await;
    // What is passed on may last for many minutes; what was asked is not needed any more.
    drop((order, held));
    Ok(match outcome {
        Outcome::Refused(refusal) => refuse(&refusal, dialect, take),
        Outcome::Declined {
            status,
            headers,
            body,
        } => whole(status, headers, body, take),
        Outcome::Answered {
            status,
            headers,
            first,
            flow,
        } => {
            if asks_a_model {
                desk.first_byte(n, began.elapsed());
            }
            if let Some(take) = &mut take {
                take.head(status, &headers);
            }
            let (reservation, open) = underway.answered();
            let booking = Booking {
                desk: Arc::clone(desk),
                model,
                reservation,
                open,
                listener: asks_a_model.then(|| Listener::new(&endpoint)),
                take,
            };
            let passing = Passing::new(first, flow, lease.limits.stream_idle, booking);
            reply(status, headers, Either::Right(passing))
        }
    })
}

/// The token and what follows it: `/a/TOKEN/v1/messages`.
fn token_of(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/a/")?;
    let end = rest.find('/').unwrap_or(rest.len());
    Some(rest.split_at(end))
}

/// Reads a request's body, within its limits.
async fn whole_body(
    settings: &Settings,
    headers: &HeaderMap,
    mut body: Incoming,
    held: &mut Share,
) -> Result<Bytes, Refusal> {
    let too_large = || {
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a request may have {} bytes at most", settings.body_bytes),
        )
    };
    let length = headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > settings.body_bytes) {
        return Err(too_large());
    }
    let reading = async {
        // Room is made for what a first request has; a length that is only promised gets none.
        let mut whole = BytesMut::with_capacity(length.unwrap_or(0).min(128 * 1024));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::wrong("the request broke off"))?;
            if let Some(piece) = frame.data_ref() {
                if whole.len() + piece.len() > settings.body_bytes {
                    return Err(too_large());
                }
                held.grow(piece.len()).map_err(|NoRoom| {
                    Refusal::new(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        format!(
                            "the requests of one attempt may hold {} bytes together",
                            settings.held_bytes
                        ),
                    )
                })?;
                whole.extend_from_slice(piece);
            }
        }
        Ok(whole.freeze())
    };
    timeout(settings.body_deadline, reading)
        .await
        .unwrap_or_else(|_| {
            Err(Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                "the request came too slowly",
            ))
        })
}

fn nothing_aside() -> Result<Reservation, Refusal> {
    Purse::reserve_in(&[], MicroUsd::ZERO).map_err(|broke| Refusal::forbidden(broke.to_string()))
}

/// A base for the paths of recordings.
fn nowhere() -> url::Url {
    url::Url::parse("http://recording.invalid").expect("it is a URL")
}

fn path_of(address: &url::Url) -> String {
    match address.query() {
        Some(query) => format!("{}?{query}", address.path()),
        None => address.path().to_owned(),
    }
}

/// The same for a wrong token and for no token, so that nothing can be learned.
fn nothing_here() -> Reply {
    let body = Bytes::from_static(b"{\"error\":{\"message\":\"not found\",\"type\":\"not_found_error\"}}");
    let mut headers = HeaderMap::new();
    headers.insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    reply(StatusCode::NOT_FOUND, headers, Either::Left(Full::new(body)))
}

fn refuse(refusal: &Refusal, dialect: Dialect, take: Option<Take>) -> Reply {
    let (headers, body) = refusal.parts(dialect);
    whole(refusal.status(dialect), headers, body, take)
}

fn whole(status: StatusCode, headers: HeaderMap, body: Bytes, take: Option<Take>) -> Reply {
    if let Some(mut take) = take {
        take.head(status, &headers);
        take.piece(body.clone());
        take.end(true);
    }
    reply(status, headers, Either::Left(Full::new(body)))
}

fn reply(status: StatusCode, headers: HeaderMap, body: Either<Full<Bytes>, Passing>) -> Reply {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
