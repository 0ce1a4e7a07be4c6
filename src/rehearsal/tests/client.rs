//! A plain client, a receiver of webhooks, and a runner of git.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::model::{Clock, Timestamp};
use crate::rehearsal::{Hub, RepositorySetup, Setup, StandIn, THROWAWAY_KEY, sample};

/// How long anything awaited may take on a busy machine.
pub(super) const SOON: Duration = Duration::from_mins(1);

/// A clock that only tests move.
#[derive(Debug, Clone)]
pub(super) struct Hand(Arc<Mutex<i64>>);

impl Hand {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(1_790_000_000_000)))
    }

    pub(super) fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += i64::try_from(time.as_millis()).unwrap();
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(*self.0.lock().unwrap())
    }
}

/// A stand-in with the sample repository, a clock in hand and a client.
pub(super) struct Bench {
    pub(super) standin: StandIn,
    pub(super) clock: Hand,
    pub(super) http: reqwest::Client,
}

impl Bench {
    pub(super) async fn start() -> Self {
        Self::with(Setup::sample()).await
    }

    pub(super) async fn private() -> Self {
        Self::with(Setup::of(sample::repository().private())).await
    }

    pub(super) async fn of(repository: RepositorySetup) -> Self {
        Self::with(Setup::of(repository)).await
    }

    pub(super) async fn with(mut setup: Setup) -> Self {
        let clock = Hand::new();
        setup.clock = Arc::new(clock.clone());
        let standin = StandIn::start(setup).await.expect("the stand-in starts");
        let http = reqwest::Client::builder()
            .no_proxy()
            .user_agent("test")
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { standin, clock, http }
    }

    /// A JWT with these times relative to now, in seconds.
    pub(super) fn jwt(&self, iat: i64, exp: i64) -> String {
        let now = self.clock.now().0 / 1000;
        let claims = json!({"iat": now + iat, "exp": now + exp, "iss": "12345"});
        let key = EncodingKey::from_rsa_pem(THROWAWAY_KEY.as_bytes()).unwrap();
        encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap()
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.standin.api_url()));
        if let Some(bearer) = bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        if let Some(body) = body {
            request = request
                .body(body.to_string())
                .header("content-type", "application/json");
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        Answer {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    /// The id of the only installation.
    pub(super) fn installation(&self) -> u64 {
        self.standin
            .read(|w| *w.installations.keys().next().expect("the App is installed"))
    }

    /// An installation token with all permissions.
    pub(super) async fn token(&self) -> String {
        self.token_with(json!({})).await
    }

    pub(super) async fn token_with(&self, wanted: Value) -> String {
        let path = format!("/app/installations/{}/access_tokens", self.installation());
        let answer = self
            .send("POST", &path, Some(&self.jwt(-60, 540)), Some(wanted))
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body["token"].as_str().unwrap().to_owned()
    }

    /// `http://x-access-token:TOKEN@HOST/octo/widgets.git`, which tests may do and the product must not.
    pub(super) fn remote(&self, token: Option<&str>) -> String {
        let host = self.standin.url().replace("http://", "");
        let user = token.map(|t| format!("x-access-token:{t}@")).unwrap_or_default();
        format!("http://{user}{host}/octo/widgets.git")
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

/// One webhook as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Hook {
    pub(super) fn header(&self, name: &str) -> String {
        self.headers
            .get(name)
            .map_or("", |v| v.to_str().unwrap())
            .to_owned()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// `event.action`.
    pub(super) fn name(&self) -> String {
        let action = self.json()["action"]
            .as_str()
            .map(|a| format!(".{a}"))
            .unwrap_or_default();
        format!("{}{action}", self.header("x-github-event"))
    }
}

/// A receiver that keeps what arrives and answers with a status.
pub(super) struct Receiver {
    seen: Arc<Mutex<Vec<Hook>>>,
    status: Arc<Mutex<u16>>,
    task: tokio::task::JoinHandle<()>,
}

type Kept = (Arc<Mutex<Vec<Hook>>>, Arc<Mutex<u16>>);

impl Receiver {
    pub(super) async fn start(hub: &Hub) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhook", listener.local_addr().unwrap());
        let (seen, status) = (Arc::default(), Arc::new(Mutex::new(202)));
        let kept: Kept = (Arc::clone(&seen), Arc::clone(&status));
        let app = Router::new().fallback(keep).with_state(kept);
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        hub.set_webhook(&url, "secret");
        hub.settled(SOON).await.unwrap();
        Self { seen, status, task }
    }

    pub(super) fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    pub(super) fn hooks(&self) -> Vec<Hook> {
        self.seen.lock().unwrap().clone()
    }

    /// What arrived since the ping, as `event.action`.
    pub(super) fn names(&self) -> Vec<String> {
        self.hooks()
            .iter()
            .map(Hook::name)
            .filter(|n| n != "ping")
            .collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(State((seen, status)): State<Kept>, headers: HeaderMap, body: Bytes) -> StatusCode {
    seen.lock().unwrap().push(Hook { headers, body });
    StatusCode::from_u16(*status.lock().unwrap()).unwrap()
}

/// Runs git away from the machine's and the user's configuration; returns whether it succeeded, and its words.
#[expect(
    clippy::disallowed_methods,
    reason = "the stand-in is tried with the real git"
)]
pub(super) async fn git(dir: &Path, arguments: &[&str]) -> (bool, String) {
    let output = tokio::process::Command::new("git")
        .args([
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@example.com",
            "-c",
            "credential.helper=",
        ])
        .args(arguments)
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "false")
        .env("LC_ALL", "C")
        .output()
        .await
        .expect("these tests want git in PATH");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}
