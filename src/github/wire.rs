//! One HTTP exchange with GitHub: headers, deadline, size, redirects. What an answer means is for `answer`.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Http, Error as HttpError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::SetupError;

/// The largest answer that is read; a full page of a hundred comments of the largest size stays below.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// How long a connection may take to open; GitHub's are open within a few hundred milliseconds.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// How often one exchange is redirected; a renamed repository costs one.
const MAX_REDIRECTS: usize = 3;

/// The REST version of 2022-11-28, which both GitHub and its enterprise servers understand.
const API_VERSION: &str = "2022-11-28";

/// A request as the API's documentation writes it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The path and query below the API's base, percent-encoded.
    pub(super) path: String,
    pub(super) body: Option<Bytes>,
}

/// Whatever came back, success or not.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether it came from another address than asked: the repository was renamed.
    pub(super) moved: bool,
}

/// Why nothing usable came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// The request never left.
    Unsent(String),
    /// The request may have been executed.
    Unknown(String),
    /// GitHub, or somebody in between, sends us elsewhere.
    Astray(String),
}

/// The line to one GitHub.
pub(super) struct Wire {
    http: Octocrab,
    base: Url,
    user_agent: HeaderValue,
    deadline: Duration,
}

impl Wire {
    /// Prepares the line. Nothing is sent yet.
    pub(super) fn new(base: &Url, user_agent: &str, deadline: Duration) -> Result<Self, SetupError> {
        let base = checked_base(base)?;
        let user_agent = HeaderValue::from_str(user_agent).map_err(|_| SetupError::UserAgent)?;
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_DEADLINE));
        tcp.set_nodelay(true);
        // octocrab brings the request and response types and the queue to the connection. Its own client is
        // not used: it repeats POSTs, follows redirects of POSTs as GETs and adds a second User-Agent.
        let mut pool = Http::builder(TokioExecutor::new());
        pool.pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_mins(1));
        let http = if base.scheme() == "http" {
            OctocrabBuilder::new_empty()
                .with_service(pool.build(tcp))
                .with_auth(AuthState::None)
                .build()
        } else {
            tcp.enforce_http(false);
            let tls = hyper_rustls::HttpsConnectorBuilder::new()
                .with_native_roots()
                .map_err(|error| SetupError::Roots(error.to_string()))?
                .https_only()
                .enable_http1()
                .wrap_connector(tcp);
            OctocrabBuilder::new_empty()
                .with_service(pool.build(tls))
                .with_auth(AuthState::None)
                .build()
        };
        let http = match http {
            Ok(http) => http,
            Err(never) => match never {},
        };
        Ok(Self {
            http,
            base,
            user_agent,
            deadline,
        })
    }

    /// The path at which GraphQL is asked: beside `/api/v3` on an enterprise server, below the base on GitHub.
    pub(super) fn graphql(&self) -> String {
        let origin = self.base.origin().ascii_serialization();
        match self.base.path().trim_end_matches('/').strip_suffix("/v3") {
            Some(stem) => format!("{origin}{stem}/graphql"),
            None => format!("{origin}{}/graphql", self.base.path().trim_end_matches('/')),
        }
    }

    /// The full address of a path below the base. A full address stays as it is.
    fn address(&self, path: &str) -> Result<Url, Lost> {
        let text = if path.starts_with('/') {
            format!("{}{path}", self.base.as_str().trim_end_matches('/'))
        } else {
            path.to_owned()
        };
        Url::parse(&text).map_err(|error| Lost::Unsent(format!("the address is wrong: {error}")))
    }

    /// Sends a request and reads the whole answer, within the deadline.
    pub(super) async fn exchange(&self, call: &Call, bearer: &SecretString) -> Result<Answer, Lost> {
        let all = async {
            let mut address = self.address(&call.path)?;
            for hop in 0..=MAX_REDIRECTS {
                let mut answer = self.once(call, &address, bearer).await?;
                answer.moved = hop > 0;
                if !is_redirect(answer.status) {
                    return Ok(answer);
                }
                address = self.next_address(&address, &answer.headers)?;
            }
            Err(Lost::Astray("GitHub redirects in a circle".to_owned()))
        };
        tokio::time::timeout(self.deadline, all)
            .await
            .unwrap_or_else(|_| {
                Err(Lost::Unknown(format!(
                    "no answer within {} s",
                    self.deadline.as_secs_f32()
                )))
            })
    }

    /// Where a redirect leads: to the same host only, because the token goes along.
    ///
    /// A redirected write has not been executed, so it is sent on with its method and body.
    fn next_address(&self, from: &Url, headers: &HeaderMap) -> Result<Url, Lost> {
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let next = location.and_then(|text| from.join(text).ok());
        match next {
            Some(next) if next.origin() == self.base.origin() => Ok(next),
            Some(next) => Err(Lost::Astray(format!(
                "GitHub redirects to another host: {}",
                next.host_str().unwrap_or("?")
            ))),
            None => Err(Lost::Astray("GitHub redirects without saying where".to_owned())),
        }
    }

    async fn once(&self, call: &Call, address: &Url, bearer: &SecretString) -> Result<Answer, Lost> {
        let unsent = |why: String| Lost::Unsent(why);
        let uri: Uri = address
            .as_str()
            .parse()
            .map_err(|error| unsent(format!("the address is wrong: {error}")))?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", bearer.expose_secret()))
            .map_err(|_| unsent("the token is not printable".to_owned()))?;
        authorization.set_sensitive(true);
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(uri)
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", API_VERSION)
            .header(USER_AGENT, self.user_agent.clone());
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(call.body.clone().unwrap_or_default())
            .map_err(|error| unsent(error.to_string()))?
            .map(octocrab::OctoBody::from);
        let response = self.http.send(request).await.map_err(|error| lost(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| Lost::Unknown(format!("the answer broke off: {}", chain(error.as_ref()))))?
            .to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            moved: false,
        })
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 307 | 308)
}

fn lost(error: &octocrab::Error) -> Lost {
    let mut source = error.source();
    while let Some(inner) = source {
        if inner
            .downcast_ref::<HttpError>()
            .is_some_and(HttpError::is_connect)
        {
            return Lost::Unsent(format!("no connection: {}", chain(inner)));
        }
        source = inner.source();
    }
    Lost::Unknown(
        error
            .source()
            .map_or_else(|| "the connection failed".to_owned(), chain),
    )
}

/// The messages from outside in. They name hosts and system errors, never headers.
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

/// Only https, or http to this very machine: a token must not cross a network in the clear.
fn checked_base(base: &Url) -> Result<Url, SetupError> {
    let loopback = match base.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match base.scheme() {
        "https" if base.host().is_some() => {}
        "http" if loopback => {}
        "http" => return Err(SetupError::PlainHttp(base.host_str().unwrap_or("?").to_owned())),
        _ => return Err(SetupError::Address),
    }
    if !base.username().is_empty()
        || base.password().is_some()
        || base.query().is_some()
        || base.fragment().is_some()
    {
        return Err(SetupError::Address);
    }
    Ok(base.clone())
}
