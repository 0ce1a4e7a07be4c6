//! A GitHub on loopback for the client's tests. It checks every request as GitHub would, sells tokens for
//! valid JWTs only, and answers the rest as the test says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::{AppKey, Client, Manners, Repository, Settings};
use crate::model::{AppId, Clock, InstallationId, RepositoryId, RepositoryName, Timestamp};

/// What the stand-in does with a request.
pub(super) enum Reply {
    Json(u16, Value),
    With(u16, Vec<(&'static str, String)>, String),
    /// Sends the beginning of an answer and breaks off.
    BreakOff,
    /// Never answers.
    Hang,
}

/// A request that passed the checks.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    pub(super) token: String,
    pub(super) body: Value,
}

type Script = Box<dyn FnMut(&Seen) -> Reply + Send>;

struct Inner {
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
    mints: Mutex<Vec<Value>>,
    /// Live tokens.
    tokens: Mutex<BTreeMap<String, u64>>,
    refuse_all: Mutex<bool>,
    mint_reply: Mutex<Option<(u16, Value)>>,
    faults: Mutex<Vec<String>>,
    clock: TestClock,
    writing: AtomicI64,
}

pub(super) struct Standin {
    pub(super) client: Client,
    pub(super) clock: TestClock,
    pub(super) origin: String,
    inner: Arc<Inner>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
pub(super) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(super) fn advance_minutes(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub(super) fn repository() -> Repository {
    Repository {
        installation: InstallationId(42),
        id: RepositoryId(7),
        name: RepositoryName::new("octo/widgets").expect("a name"),
    }
}

/// Manners without pauses.
pub(super) fn quick() -> Manners {
    Manners {
        write_gap: std::time::Duration::ZERO,
        read_backoff: std::time::Duration::ZERO,
        ..Manners::default()
    }
}

impl Standin {
    pub(super) async fn start(script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        Self::start_at("", quick(), script).await
    }

    /// `base` is the path of the API: empty, or `/api/v3`.
    pub(super) async fn start_at(
        base: &str,
        manners: Manners,
        script: impl FnMut(&Seen) -> Reply + Send + 'static,
    ) -> Self {
        let start = Timestamp::parse("2026-11-02T10:00:00Z").expect("a time");
        let clock = TestClock(Arc::new(AtomicI64::new(start.0)));
        let inner = Arc::new(Inner {
            script: Mutex::new(Box::new(script)),
            seen: Mutex::default(),
            mints: Mutex::default(),
            tokens: Mutex::default(),
            refuse_all: Mutex::default(),
            mint_reply: Mutex::default(),
            faults: Mutex::default(),
            clock: clock.clone(),
            writing: AtomicI64::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("it is bound"));
        let app = Router::new().fallback(handle).with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("the stand-in serves");
        });
        let key = SecretString::from(include_str!("../testdata/test-key.pkcs1.pem"));
        let settings = Settings {
            api_url: format!("{origin}{base}").parse().expect("a URL"),
            app: AppId(12345),
            key: AppKey::from_pem(&key).expect("a key"),
            manners,
        };
        let client = Client::new(settings, Arc::new(clock.clone())).expect("a client");
        Self {
            client,
            clock,
            origin,
            inner,
            server,
        }
    }

    /// The requests so far, without those for tokens.
    pub(super) fn seen(&self) -> Vec<Seen> {
        locked(&self.inner.seen).clone()
    }

    /// `METHOD path` of the requests so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.seen()
            .iter()
            .map(|it| format!("{} {}", it.method, it.path))
            .collect()
    }

    /// The bodies of the requests for tokens.
    pub(super) fn mints(&self) -> Vec<Value> {
        locked(&self.inner.mints).clone()
    }

    /// Revokes every token sold so far.
    pub(super) fn revoke_all(&self) {
        locked(&self.inner.tokens).clear();
    }

    /// Refuses all tokens from now on, also new ones.
    pub(super) fn refuse_all(&self) {
        *locked(&self.inner.refuse_all) = true;
    }

    /// Answers requests for tokens with this from now on.
    pub(super) fn sell_nothing(&self, status: u16, body: Value) {
        *locked(&self.inner.mint_reply) = Some((status, body));
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        self.server.abort();
        if !std::thread::panicking() {
            let faults = locked(&self.inner.faults);
            assert!(faults.is_empty(), "GitHub would have refused: {faults:?}");
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds this")
}

async fn handle(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let method = head.method.to_string();
    let path = head
        .uri
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let fault = |what: &str| locked(&inner.faults).push(format!("{method} {path}: {what}"));
    let one = |name: &str| {
        let values: Vec<_> = head.headers.get_all(name).iter().collect();
        match values.as_slice() {
            [one] => one.to_str().unwrap_or_default().to_owned(),
            _ => String::new(),
        }
    };
    if !one("user-agent").starts_with("footplate/") {
        fault("it wants one User-Agent that names the App");
    }
    if one("accept") != "application/vnd.github+json" {
        fault("it wants GitHub's media type");
    }
    if one("x-github-api-version") != "2022-11-28" {
        fault("it wants a version");
    }
    let bytes = to_bytes(body, 1 << 20).await.expect("a body");
    let body: Value = match (bytes.is_empty(), serde_json::from_slice(&bytes)) {
        (true, _) => Value::Null,
        (false, Ok(body)) if one("content-type") == "application/json" => body,
        _ => {
            fault("a body is JSON and says so");
            Value::Null
        }
    };
    if method == "GET" && !body.is_null() {
        fault("a GET has no body");
    }
    let Some(token) = one("authorization").strip_prefix("Bearer ").map(str::to_owned) else {
        fault("no bearer");
        return json_reply(401, &json!({ "message": "Requires authentication" }));
    };
    let as_app = token.matches('.').count() == 2;
    if as_app && !is_good_jwt(&token, inner.clock.now()) {
        fault("the JWT is not valid");
    }
    if path.ends_with("/access_tokens") {
        if !as_app || method != "POST" {
            fault("tokens are sold to the App, by POST");
        }
        let number = {
            let mut mints = locked(&inner.mints);
            mints.push(body);
            mints.len()
        };
        if let Some((status, body)) = &*locked(&inner.mint_reply) {
            return json_reply(*status, body);
        }
        let sold = format!("ghs_{number}");
        locked(&inner.tokens).insert(sold.clone(), 1);
        let expires = inner
            .clock
            .now()
            .plus(std::time::Duration::from_hours(1))
            .to_string();
        return json_reply(201, &json!({ "token": sold, "expires_at": expires }));
    }
    let app_routes = path.contains("/app/") || path.ends_with("/app") || path.ends_with("/installation");
    if as_app != app_routes {
        fault("the App speaks for itself on its own routes only");
    }
    let seen = Seen {
        method: method.clone(),
        path: path.clone(),
        token: token.clone(),
        body,
    };
    locked(&inner.seen).push(seen.clone());
    if !as_app && (!locked(&inner.tokens).contains_key(&token) || *locked(&inner.refuse_all)) {
        return json_reply(401, &json!({ "message": "Bad credentials" }));
    }
    let writes = method != "GET";
    if writes && inner.writing.fetch_add(1, Ordering::SeqCst) != 0 {
        fault("two writes at once");
    }
    tokio::task::yield_now().await;
    let reply = (locked(&inner.script))(&seen);
    if writes {
        inner.writing.fetch_sub(1, Ordering::SeqCst);
    }
    match reply {
        Reply::Json(status, value) => json_reply(status, &value),
        Reply::With(status, headers, text) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(text)).expect("a response")
        }
        Reply::BreakOff => {
            let parts = [
                Ok("{\"id\":".to_owned()),
                Err(std::io::Error::other("broken off")),
            ];
            Response::builder()
                .status(201)
                .body(Body::from_stream(stream::iter(parts)))
                .expect("a response")
        }
        Reply::Hang => std::future::pending().await,
    }
}

fn json_reply(status: u16, body: &Value) -> Response {
    Response::builder()
        .status(status)
        .body(Body::from(body.to_string()))
        .expect("a response")
}

fn is_good_jwt(jwt: &str, now: Timestamp) -> bool {
    let mut rules = Validation::new(Algorithm::RS256);
    rules.validate_exp = false;
    let key = include_bytes!("../testdata/test-key.public.pem");
    let key = DecodingKey::from_rsa_pem(key).expect("the public half");
    let Ok(claims) = jsonwebtoken::decode::<Value>(jwt, &key, &rules) else {
        return false;
    };
    let second = now.0 / 1000;
    let number = |name: &str| claims.claims[name].as_i64().unwrap_or(0);
    number("iat") < second
        && (second..=second + 600).contains(&number("exp"))
        && claims.claims["iss"] == "12345"
}
