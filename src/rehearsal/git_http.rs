//! Git over smart HTTP on the real bare repositories.
//!
//! Fetches go through git's own `http-backend`. Pushes are received here, because GitHub's refusals
//! (protected branches, workflow files, large files) are told ref by ref in its own words.

mod pkt;
mod receive;

use std::path::Path;
use std::process::Stdio;

use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine as _;
use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;

use super::faults::{self, Fault};
use super::hub::Hub;
use super::problem::Problem;
use super::rest::Caller;
use super::tokens::{check_token, grants, reach};
use super::wire::{Incoming, Outcome};
use super::world::{Actor, World};

/// Whether a path is one of git's.
pub(super) fn concerns(path: &str) -> bool {
    split(path).is_some()
}

/// `owner/name` and the service's part of a path; the `.git` may be left out.
fn split(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix('/')?;
    for tail in ["info/refs", "git-upload-pack", "git-receive-pack"] {
        if let Some(name) = rest.strip_suffix(tail).and_then(|r| r.strip_suffix('/')) {
            let name = name.strip_suffix(".git").unwrap_or(name);
            return (name.matches('/').count() == 1).then_some((name, tail));
        }
    }
    None
}

/// Answers a request of git.
pub(super) async fn answer(hub: &Hub, incoming: &Incoming) -> Outcome {
    let Some((name, tail)) = split(&incoming.path) else {
        return Outcome::Reset;
    };
    let query = incoming.query.clone().unwrap_or_default();
    let pushes = tail == "git-receive-pack" || query.contains("service=git-receive-pack");
    let service = if pushes {
        "git:receive-pack"
    } else {
        "git:upload-pack"
    };
    let fault = hub.act_quietly(|w| w.faults.strike(&incoming.method, Some(service), &incoming.path));
    match fault {
        Some(Fault::Hang) => return Outcome::Hang,
        Some(Fault::Reset) => return Outcome::Reset,
        Some(Fault::Status(status) | Fault::HtmlPage(status)) => {
            return Outcome::Answer(text(status, &faults::html_page(status)));
        }
        Some(Fault::ExpireToken) => hub.act(|w| {
            let now = w.now();
            if let Some(secret) = secret(incoming)
                && let Some(token) = w.tokens.iter_mut().find(|t| t.secret == secret)
            {
                token.expires_at = now;
            }
        }),
        _ => {}
    }
    let answer = serve(hub, incoming, name, tail, pushes).await;
    let status = answer.status().as_u16();
    hub.act(|w| {
        w.git_requests
            .push(format!("{} {name} {service} -> {status}", incoming.method));
    });
    match fault {
        Some(Fault::DoneBut(status)) => Outcome::Answer(text(status, &faults::html_page(status))),
        Some(Fault::DoneButReset | Fault::TruncatedJson) => Outcome::Reset,
        _ => Outcome::Answer(answer),
    }
}

async fn serve(hub: &Hub, incoming: &Incoming, name: &str, tail: &str, pushes: bool) -> Response<Bytes> {
    let door = match hub.read(|world| open(world, incoming, name, pushes)) {
        Ok(door) => door,
        Err(problem) => return refusal(&problem),
    };
    match (pushes, incoming.method.as_str(), tail) {
        (false, "GET", "info/refs") | (false, "POST", "git-upload-pack") => {
            backend(&door.dir, tail, incoming)
                .await
                .unwrap_or_else(|e| text(500, &format!("git: {e}\n")))
        }
        (true, "GET", "info/refs") => receive::advertise(&door.dir),
        (true, "POST", "git-receive-pack") => receive::receive(hub, &door, incoming).await,
        _ => text(404, "Not Found\n"),
    }
}

/// What a permitted request of git works on.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) repository: u64,
    pub(super) dir: std::path::PathBuf,
    pub(super) actor: Option<Actor>,
    /// Whether the token may change workflow files.
    pub(super) workflows: bool,
}

fn open(world: &World, incoming: &Incoming, name: &str, pushes: bool) -> Result<Door, Problem> {
    let anonymous = || {
        let mut problem = Problem::new(401, "Repository not found.");
        problem
            .headers
            .push(("www-authenticate", "Basic realm=\"GitHub\"".to_owned()));
        problem
    };
    let missing = || Problem::new(404, "Repository not found.");
    let caller = match secret(incoming) {
        None if incoming.headers.contains_key("authorization") => return Err(anonymous()),
        None => Caller::Anonymous,
        Some(secret) => {
            check_token(world, &secret).map_err(|p| if p.status == 401 { anonymous() } else { p })?
        }
    };
    let Some(repository) = world.repository(name) else {
        let former = world
            .repositories
            .values()
            .find(|r| r.former_names.iter().any(|f| f == name));
        let Some(moved) = former else {
            return Err(if matches!(caller, Caller::Anonymous) {
                anonymous()
            } else {
                missing()
            });
        };
        let mut problem = Problem::new(301, "Moved Permanently");
        let tail = incoming.path.rsplit_once(name).map_or("", |(_, tail)| tail);
        let query = incoming
            .query
            .as_ref()
            .map(|q| format!("?{q}"))
            .unwrap_or_default();
        problem.headers.push((
            "location",
            format!("{}/{}{tail}{query}", world.base, moved.full_name()),
        ));
        return Err(problem);
    };
    let mut door = Door {
        repository: repository.id,
        dir: repository.dir.clone(),
        actor: None,
        workflows: false,
    };
    let Caller::Installation { id, actor, token } = caller else {
        return if pushes || repository.private {
            Err(anonymous())
        } else {
            Ok(door)
        };
    };
    door.actor = Some(actor);
    let permissions = &world.tokens[token].permissions;
    let reached = reach(world, id, token, Some(repository.id), !pushes);
    if reached.as_ref().is_err_and(|p| p.status == 404) {
        return Err(missing());
    }
    let login = world
        .accounts
        .get(&actor.account)
        .map_or("ghost", |a| a.login.as_str());
    let denied = || {
        Problem::new(
            403,
            format!("Permission to {}.git denied to {login}.", repository.full_name()),
        )
    };
    if pushes && (reached.is_err() || !grants(permissions, "contents=write")) {
        return Err(denied());
    }
    if pushes && repository.archived {
        return Err(Problem::new(
            403,
            "This repository was archived so it is read-only.",
        ));
    }
    if repository.private && !grants(permissions, "contents=read") {
        return Err(denied());
    }
    door.workflows = grants(permissions, "workflows=write");
    Ok(door)
}

/// The password of Basic authentication, or a bearer's token.
fn secret(incoming: &Incoming) -> Option<String> {
    if let Some(bearer) = super::tokens::bearer(&incoming.headers) {
        return Some(bearer.to_owned());
    }
    let encoded = incoming.header("authorization")?.strip_prefix("Basic ")?;
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded.trim())
        .ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(if matches!(password, "" | "x-oauth-basic") {
        user.to_owned()
    } else {
        password.to_owned()
    })
}

fn refusal(problem: &Problem) -> Response<Bytes> {
    let mut response = text(problem.status, &format!("{}\n", problem.message));
    for (name, value) in &problem.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    response
}

pub(super) fn text(status: u16, body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert("content-type", plain);
    response
}

/// A git command on a bare repository that minds no configuration of the machine or of the user.
#[expect(
    clippy::disallowed_methods,
    reason = "the stand-in serves git by running git, as GitHub does"
)]
pub(super) fn git(dir: &Path) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("git");
    command
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("LC_ALL", "C")
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for variable in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_NAMESPACE",
    ] {
        command.env_remove(variable);
    }
    command.args(["-c", "safe.directory=*", "-c", "gc.auto=0"]);
    command
}

/// Runs a command with these bytes as its input.
pub(super) async fn run(
    mut command: tokio::process::Command,
    input: Bytes,
) -> std::io::Result<std::process::Output> {
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // A command that stops reading early says why on stderr.
            let _ = stdin.write_all(&input).await;
        }
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), feed);
    output
}

/// Serves a fetch through `git http-backend`, which speaks CGI.
async fn backend(dir: &Path, tail: &str, incoming: &Incoming) -> std::io::Result<Response<Bytes>> {
    let mut command = git(dir);
    command
        .arg("http-backend")
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROJECT_ROOT", dir)
        .env("PATH_INFO", format!("/{tail}"))
        .env("REQUEST_METHOD", &incoming.method)
        .env("QUERY_STRING", incoming.query.as_deref().unwrap_or_default())
        .env("CONTENT_LENGTH", incoming.body.len().to_string())
        .env("REMOTE_ADDR", "127.0.0.1");
    for (variable, header) in [
        ("CONTENT_TYPE", "content-type"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
        ("HTTP_GIT_PROTOCOL", "git-protocol"),
        ("GIT_PROTOCOL", "git-protocol"),
    ] {
        if let Some(value) = incoming.header(header) {
            command.env(variable, value);
        }
    }
    let output = run(command, incoming.body.clone()).await?;
    let stdout = Bytes::from(output.stdout);
    let Some(end) = stdout.windows(4).position(|w| w == b"\r\n\r\n") else {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(std::io::Error::other(format!(
            "http-backend gave no answer: {said}"
        )));
    };
    let mut response = Response::new(stdout.slice(end + 4..));
    for line in String::from_utf8_lossy(&stdout[..end]).lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value
                .split(' ')
                .next()
                .and_then(|c| c.parse().ok())
                .unwrap_or(500);
            *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
        } else if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}
