//! How git gets its token, and how a call of git ends.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::git::askpass::{SOCKET_VARIABLE, Session, ask};
use crate::git::{Credentials, Deadlines, Error};

const TOKEN: &str = "s3cret";
/// `x-access-token:s3cret` in base 64, as RFC 7617 wants it.
const HEADER: &str = "authorization: basic eC1hY2Nlc3MtdG9rZW46czNjcmV0";
/// Where the helper below leaves its answer; set by the script that stands for our own program.
const ANSWER_VARIABLE: &str = "FOOTPLATE_TEST_ANSWER";

/// Not a test of its own: the script of [`asking_ground`] starts this very program to ask git's question.
#[test]
fn the_helper_that_git_starts() {
    let Some(file) = std::env::var_os(ANSWER_VARIABLE) else {
        return;
    };
    let socket = std::env::var_os(SOCKET_VARIABLE).unwrap();
    let question = std::env::var_os("FOOTPLATE_TEST_QUESTION").unwrap();
    let answer = ask(Path::new(&socket), question.as_bytes()).unwrap();
    std::fs::write(file, answer).unwrap();
}

/// Ground whose git asks through a script that runs the real client.
async fn asking_ground() -> Ground {
    let mut ground = Ground::new().await;
    let program = ground.at("askpass");
    let this = std::env::current_exe().unwrap();
    let text = format!(
        "#!/bin/sh\nanswer=$(mktemp)\n\
         {ANSWER_VARIABLE}=\"$answer\" FOOTPLATE_TEST_QUESTION=\"$1\" '{}' --exact \
         git::tests::questions::the_helper_that_git_starts >/dev/null 2>&1\n\
         code=$?; cat \"$answer\"; rm \"$answer\"; exit $code\n",
        this.display()
    );
    script(&program, &text);
    let settings = Settings {
        search_path: std::env::var_os("PATH"),
        askpass: Some(program),
        ..Settings::default()
    };
    ground.git = Git::find(settings).await.unwrap();
    ground
}

/// A web server that answers every request the same way and keeps what it was asked.
struct Server {
    address: String,
    heard: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// `answer` gets the head of a request in lower case and gives the status line and headers.
    async fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/a/b.git", listener.local_addr().unwrap());
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let ears = heard.clone();
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                let mut chunk = [0; 4096];
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut chunk).await {
                        Ok(n) if n > 0 => head.extend_from_slice(&chunk[..n]),
                        _ => break,
                    }
                }
                let head = String::from_utf8_lossy(&head).to_lowercase();
                let text = format!(
                    "HTTP/1.1 {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                    answer(&head)
                );
                ears.lock().unwrap().push(head);
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { address, heard, task }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const UNAUTHORIZED: &str = "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"";

fn counting(token: &'static str) -> (Credentials, Arc<Mutex<u32>>) {
    let asked: Arc<Mutex<u32>> = Arc::default();
    let counter = asked.clone();
    let credentials = Credentials::new(move || {
        *counter.lock().unwrap() += 1;
        std::future::ready(Ok(SecretString::from(token)))
    });
    (credentials, asked)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git_gets_the_token_when_the_remote_asks_for_it_and_keeps_it_nowhere() {
    let ground = asking_ground().await;
    let server = Server::start(|head| {
        if head.contains(&HEADER.to_lowercase()) {
            "404 Not Found".to_owned()
        } else {
            UNAUTHORIZED.to_owned()
        }
    })
    .await;
    let mirror = Mirror::open(&ground.git, &ground.at("mirror"), &server.address)
        .await
        .unwrap();
    let (credentials, asked) = counting(TOKEN);
    // The remote is convinced and then says that there is nothing: the token has arrived.
    let error = mirror.fetch(Some(&credentials)).await.unwrap_err();
    assert!(matches!(error, Error::Gone { .. }), "{error:?}");
    assert_eq!(*asked.lock().unwrap(), 1);
    assert!(!server.heard()[0].contains("authorization:"), "nobody asked yet");
    for name in listing(&ground.at("mirror")) {
        if let Ok(content) = std::fs::read(ground.at("mirror").join(&name)) {
            assert!(!String::from_utf8_lossy(&content).contains(TOKEN), "{name}");
        }
    }
    assert!(!format!("{credentials:?} {error:?} {mirror:?}").contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_token_is_refused_after_a_bounded_number_of_questions() {
    let ground = asking_ground().await;
    let server = Server::start(|_| UNAUTHORIZED.to_owned()).await;
    let mirror = Mirror::open(&ground.git, &ground.at("mirror"), &server.address)
        .await
        .unwrap();
    let (credentials, asked) = counting("bad");
    let error = mirror.fetch(Some(&credentials)).await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    assert!(*asked.lock().unwrap() <= 2);
    let error = mirror.fetch(None).await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_without_a_token_says_why() {
    let ground = asking_ground().await;
    let server = Server::start(|_| UNAUTHORIZED.to_owned()).await;
    let mirror = Mirror::open(&ground.git, &ground.at("mirror"), &server.address)
        .await
        .unwrap();
    let credentials =
        Credentials::new(|| std::future::ready(Err("the App is not installed on a/b any more".to_owned())));
    let error = mirror.fetch(Some(&credentials)).await.unwrap_err();
    assert!(
        matches!(&error, Error::Denied { message } if message == "the App is not installed on a/b any more"),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_another_host_does_not_take_the_token_along() {
    let ground = asking_ground().await;
    let thief = Server::start(|_| UNAUTHORIZED.to_owned()).await;
    let target = thief.address.clone();
    let server = Server::start(move |head| {
        let query = head
            .split_whitespace()
            .nth(1)
            .and_then(|path| path.split_once("/a/b.git"))
            .map_or("", |(_, q)| q);
        format!("302 Found\r\nLocation: {target}{query}")
    })
    .await;
    let mirror = Mirror::open(&ground.git, &ground.at("mirror"), &server.address)
        .await
        .unwrap();
    let (credentials, asked) = counting(TOKEN);
    assert!(mirror.fetch(Some(&credentials)).await.is_err());
    assert!(
        !thief.heard().is_empty(),
        "git followed the redirect, so the thief could ask"
    );
    assert!(thief.heard().iter().all(|head| !head.contains("authorization:")));
    assert_eq!(*asked.lock().unwrap(), 0);
}

fn session(ground: &Ground) -> Session {
    let credentials = Credentials::fixed(SecretString::from(TOKEN));
    Session::open(&ground.git, "https://github.example/a/b.git", Some(&credentials))
        .unwrap()
        .unwrap()
}

async fn put(session: &Session, question: &'static str) -> Option<String> {
    let socket = PathBuf::from(&session.environment()[1].1);
    tokio::task::spawn_blocking(move || ask(&socket, question.as_bytes()).ok())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_git_started_is_answered() {
    let ground = asking_ground().await;
    let session = session(&ground);
    let folder = PathBuf::from(&session.environment()[1].1)
        .parent()
        .unwrap()
        .to_owned();
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&folder).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    let question = "Password for 'https://x-access-token@github.example': ";
    // A process of ours, but not one that this test's process descends from.
    let mut stranger = Command::new("sleep").arg("120").spawn().unwrap();
    let answer = tokio::select! {
        answer = put(&session, question) => answer,
        () = session.serve(stranger.id()) => unreachable!(),
    };
    assert_eq!(answer, None);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    let answer = tokio::select! {
        answer = put(&session, question) => answer,
        () = session.serve(std::process::id()) => unreachable!(),
    };
    assert_eq!(answer.as_deref(), Some(TOKEN));
    drop(session);
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_about_other_places_and_too_many_of_them_are_not_answered() {
    let ground = asking_ground().await;
    let session = session(&ground);
    let asking = async {
        let mut answers = Vec::new();
        for question in [
            "Username for 'https://github.example': ",
            "Password for 'https://x-access-token@github.example.org': ",
            "Password for 'http://x-access-token@github.example': ",
            "Password for 'https://x-access-token@github.example': ",
            "Password for 'https://x-access-token@github.example': ",
        ] {
            answers.push(put(&session, question).await);
        }
        answers
    };
    let answers = tokio::select! {
        answers = asking => answers,
        () = session.serve(std::process::id()) => unreachable!(),
    };
    assert_eq!(
        answers,
        [
            Some("x-access-token".to_owned()),
            None,
            None,
            Some(TOKEN.to_owned()),
            None
        ]
    );
}

/// A git that tells its version and otherwise hangs, with a child that holds the pipe `alive` open.
async fn hanging_git(ground: &Ground, local: Duration) -> Git {
    let alive = ground.at("alive");
    nix::unistd::mkfifo(&alive, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let program = ground.at("bin/git");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *--version) echo git version 2.47.0; exit;; esac\n\
         trap '' TERM\nsleep 120 >'{}' &\nwait\n",
        alive.display()
    );
    script(&program, &text);
    let deadlines = Deadlines {
        local,
        ..Deadlines::default()
    };
    Git::find(Settings {
        program: Some(program),
        deadlines,
        ..Settings::default()
    })
    .await
    .unwrap()
}

/// Returns when every process that holds the pipe is dead, and says whether there was one.
async fn all_dead(pipe: PathBuf) {
    let reading = tokio::task::spawn_blocking(move || {
        let mut rest = Vec::new();
        std::fs::File::open(pipe).unwrap().read_to_end(&mut rest).unwrap();
    });
    tokio::time::timeout(Duration::from_mins(1), reading)
        .await
        .expect("a child of git lives on")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_git_that_hangs_is_killed_with_its_children() {
    let ground = Ground::with_readme().await;
    let git = hanging_git(&ground, Duration::from_secs(3)).await;
    let mirror = Mirror::open(&git, &ground.at("mirror"), ground.origin().to_str().unwrap())
        .await
        .unwrap();
    let dead = tokio::spawn(all_dead(ground.at("alive")));
    let error = mirror.tidy().await.unwrap_err();
    assert!(
        matches!(error, Error::Late { what: "gc", .. }) && error.is_transient(),
        "{error:?}"
    );
    dead.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_waits_for_any_more_is_killed_with_its_children() {
    let ground = Ground::with_readme().await;
    let git = hanging_git(&ground, Duration::from_mins(10)).await;
    let mirror = Mirror::open(&git, &ground.at("mirror"), ground.origin().to_str().unwrap())
        .await
        .unwrap();
    let pipe = ground.at("alive");
    let started = tokio::task::spawn_blocking(move || std::fs::File::open(pipe).unwrap());
    let mut pipe = tokio::select! {
        _ = mirror.tidy() => panic!("it hangs"),
        // The child has opened its end, so it runs; now the call is dropped.
        pipe = started => pipe.unwrap(),
    };
    let reading = tokio::task::spawn_blocking(move || pipe.read_to_end(&mut Vec::new()).unwrap());
    tokio::time::timeout(Duration::from_mins(1), reading)
        .await
        .expect("a child of git lives on")
        .unwrap();
}
