//! The REST API: one table of routes, each with the permission it needs, and the path every request takes.
//!
//! What the table does not know is a violation: a test that causes one fails.

mod apps;
mod call;
mod checks;
mod comments;
mod contents;
mod git_data;
mod issues;
mod labels;
mod pulls;
mod reactions;
mod reply;
mod repositories;
mod route;
mod users;

use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde_json::Value;

pub(super) use call::{Call, Caller};
pub(super) use reply::Reply;

use super::faults::{self, Fault};
use super::hub::Hub;
use super::limits;
use super::problem::Problem;
use super::tokens;
use super::wire::{Incoming, Outcome};
use super::world::{Recorded, Violation, World};

pub(super) use route::{Needs, Route};

/// Answers a request below `/api/`.
pub(super) fn answer(hub: &Hub, incoming: &Incoming) -> Outcome {
    hub.act(|world| answer_in(world, incoming))
}

/// A request as the table sees it.
struct Asked<'a> {
    incoming: &'a Incoming,
    /// The path below the API's root, redirects by id resolved.
    path: String,
    query: Vec<(String, String)>,
    body: Result<Value, Problem>,
}

fn answer_in(world: &mut World, incoming: &Incoming) -> Outcome {
    let path = match incoming.path.as_str() {
        "/api/graphql" => "/graphql".to_owned(),
        // Under the REST root there is no GraphQL.
        "/api/v3/graphql" => "/api/v3/graphql".to_owned(),
        other => other.strip_prefix("/api/v3").unwrap_or(other).to_owned(),
    };
    let query: Vec<(String, String)> = incoming
        .query
        .as_deref()
        .map(|q| url::form_urlencoded::parse(q.as_bytes()).into_owned().collect())
        .unwrap_or_default();
    let path = canonical(world, &path);
    let body = parse_body(&incoming.body);
    let matched = route::find(&incoming.method, &path);
    let template = matched.as_ref().map(|(route, _)| route.template);
    let fault = world.faults.strike(&incoming.method, template, &path);
    if let Some(what) = misconduct(incoming, matched.is_some(), &body) {
        let request = format!("{} {path}", incoming.method);
        world.violations.push(Violation { request, what });
    }
    let asked = Asked {
        incoming,
        path,
        query,
        body,
    };
    let outcome = struck(world, &asked, matched, fault.as_ref());
    record(world, &asked, template, &outcome);
    outcome
}

/// Does what the fault says before, instead of and after the answer.
fn struck(
    world: &mut World,
    asked: &Asked<'_>,
    matched: Option<(&'static Route, Vec<String>)>,
    fault: Option<&Fault>,
) -> Outcome {
    let refuse = |problem: &Problem| Outcome::Answer(Reply::problem(problem).finish(&HeaderMap::new(), &[]));
    match fault {
        None => Outcome::Answer(respond(world, asked, matched)),
        Some(Fault::Hang) => Outcome::Hang,
        Some(Fault::Reset) => Outcome::Reset,
        Some(&Fault::Status(status)) => Outcome::Answer(
            Reply::status(status, faults::server_error(status)).finish(&HeaderMap::new(), &[]),
        ),
        Some(&Fault::HtmlPage(status)) => Outcome::Answer(html(status)),
        Some(&Fault::SecondaryLimit(retry_after)) => refuse(&limits::secondary_limit(retry_after)),
        Some(Fault::PrimaryLimit) => {
            let mut problem = limits::primary_limit("installation");
            let reset = world.now().0.div_euclid(1000) + 60;
            problem
                .headers
                .push(("x-ratelimit-limit", world.limits.requests_per_hour.to_string()));
            problem.headers.push(("x-ratelimit-remaining", "0".to_owned()));
            problem.headers.push(("x-ratelimit-reset", reset.to_string()));
            refuse(&problem)
        }
        Some(Fault::ExpireToken) => {
            let now = world.now();
            if let Some(token) = tokens::bearer(&asked.incoming.headers)
                && let Some(found) = world.tokens.iter_mut().find(|t| t.secret == token)
            {
                found.expires_at = now;
            }
            Outcome::Answer(respond(world, asked, matched))
        }
        Some(Fault::TruncatedJson) => {
            let whole = respond(world, asked, matched);
            let half = whole.body().len() / 2;
            let (parts, body) = whole.into_parts();
            Outcome::Answer(Response::from_parts(parts, body.slice(..half)))
        }
        Some(&Fault::DoneBut(status)) => {
            respond(world, asked, matched);
            Outcome::Answer(html(status))
        }
        Some(Fault::DoneButReset) => {
            respond(world, asked, matched);
            Outcome::Reset
        }
    }
}

fn html(status: u16) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(faults::html_page(status)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(
        "content-type",
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

/// The way of a request when nothing goes wrong on purpose.
fn respond(
    world: &mut World,
    asked: &Asked<'_>,
    matched: Option<(&'static Route, Vec<String>)>,
) -> Response<Bytes> {
    let headers = &asked.incoming.headers;
    let mut extra = Vec::new();
    let reply = handle(world, asked, matched, &mut extra).unwrap_or_else(|problem| Reply::problem(&problem));
    let page = format!("{}{}", world.api(), asked.path);
    reply.paged(&page, &asked.query).finish(headers, &extra)
}

fn handle(
    world: &mut World,
    asked: &Asked<'_>,
    matched: Option<(&'static Route, Vec<String>)>,
    extra: &mut Vec<(&'static str, String)>,
) -> Result<Reply, Problem> {
    let incoming = asked.incoming;
    if incoming
        .header("user-agent")
        .is_none_or(|ua| ua.trim().is_empty())
    {
        return Err(Problem::new(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header \
             (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required).",
        ));
    }
    if let Some(version) = incoming.header("x-github-api-version")
        && !matches!(version, "2022-11-28" | "2026-03-10")
    {
        return Err(Problem::new(
            400,
            format!("The API version {version} is not supported."),
        ));
    }
    let Some((route, parameters)) = matched else {
        return Err(redirect(world, &asked.path).unwrap_or_else(Problem::not_found));
    };
    let caller = tokens::authenticate(world, &incoming.headers, matches!(route.needs, Needs::App))?;
    let holder = caller.holder();
    let counted = route.template != "/rate_limit";
    let (limits, now) = (world.limits.clone(), world.now());
    let meter = world.spending.book(&limits, &holder, now, counted);
    let remaining = meter.limit.saturating_sub(meter.used);
    extra.push(("x-ratelimit-limit", meter.limit.to_string()));
    extra.push(("x-ratelimit-remaining", remaining.to_string()));
    extra.push(("x-ratelimit-used", meter.used.to_string()));
    extra.push(("x-ratelimit-reset", meter.reset.0.div_euclid(1000).to_string()));
    extra.push(("x-ratelimit-resource", "core".to_owned()));
    if meter.used > meter.limit {
        return Err(limits::primary_limit(&holder));
    }
    let repository = tokens::permit(world, &caller, route, &asked.path, &parameters).map_err(|problem| {
        redirect(world, &asked.path)
            .filter(|_| problem.status == 404)
            .unwrap_or(problem)
    })?;
    let body = asked.body.clone()?;
    if route.creates_content {
        world.spending.book_content(&limits, &holder, now)?;
    }
    let mut call = Call {
        world,
        caller,
        repository,
        template: route.template,
        parameters,
        query: &asked.query,
        body,
        incoming,
    };
    (route.run)(&mut call)
}

/// `/repositories/ID/…` as `/repos/OWNER/NAME/…`: where redirects of renamed repositories lead.
fn canonical(world: &World, path: &str) -> String {
    let by_id = || {
        let rest = path.strip_prefix("/repositories/")?;
        let (id, tail) = rest
            .split_once('/')
            .map_or((rest, String::new()), |(id, t)| (id, format!("/{t}")));
        let repository = world.repositories.get(&id.parse().ok()?)?;
        Some(format!("/repos/{}{tail}", repository.full_name()))
    };
    by_id().unwrap_or_else(|| path.to_owned())
}

/// The redirect of a repository's former name.
fn redirect(world: &World, path: &str) -> Option<Problem> {
    let rest = path.strip_prefix("/repos/")?;
    let mut parts = rest.splitn(3, '/');
    let name = format!("{}/{}", parts.next()?, parts.next()?);
    if world.repository(&name).is_some() {
        return None;
    }
    let former = |r: &&super::world::Repository| r.former_names.iter().any(|f| f.eq_ignore_ascii_case(&name));
    let repository = world.repositories.values().find(former)?;
    let tail = parts.next().map(|t| format!("/{t}")).unwrap_or_default();
    let mut problem = Problem::new(301, "Moved Permanently");
    problem.headers.push((
        "location",
        format!("{}/repositories/{}{tail}", world.api(), repository.id),
    ));
    Some(problem)
}

fn parse_body(bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    match serde_json::from_slice(bytes) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => Ok(value),
        Ok(_) => Err(Problem::new(400, "Body should be a JSON object")),
        Err(_) => Err(Problem::new(400, "Problems parsing JSON")),
    }
}

fn misconduct(incoming: &Incoming, known: bool, body: &Result<Value, Problem>) -> Option<String> {
    if !known {
        return Some("the stand-in knows no such route".to_owned());
    }
    if incoming.header("user-agent").is_none() {
        return Some("it has no User-Agent".to_owned());
    }
    if let Err(problem) = body {
        return Some(problem.message.clone());
    }
    if matches!(incoming.method.as_str(), "GET" | "HEAD") && !incoming.body.is_empty() {
        return Some("a request that reads carries a body".to_owned());
    }
    None
}

fn record(world: &mut World, asked: &Asked<'_>, route: Option<&'static str>, outcome: &Outcome) {
    let incoming = asked.incoming;
    let headers = incoming.headers.iter().map(|(name, value)| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        // Secrets stay out of what a failing test prints.
        let shown = if name == "authorization" {
            text.split(' ').next().unwrap_or_default().to_owned()
        } else {
            text
        };
        (name.as_str().to_owned(), shown)
    });
    let (status, answer) = match outcome {
        Outcome::Answer(response) => (
            response.status().as_u16(),
            serde_json::from_slice(response.body()).ok(),
        ),
        Outcome::Hang | Outcome::Reset => (0, None),
    };
    world.requests.push(Recorded {
        method: incoming.method.clone(),
        path: asked.path.clone(),
        query: asked.query.clone(),
        headers: headers.collect(),
        body: serde_json::from_slice(&incoming.body).ok(),
        route,
        status,
        answer,
    });
}
