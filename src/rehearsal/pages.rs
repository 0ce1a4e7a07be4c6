//! Pages for people: what they would see on GitHub, in plain HTML without anything from elsewhere.

use std::fmt::Write as _;

use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use pulldown_cmark::{CowStr, Event, Options, Parser, html};

use super::hub::Hub;
use super::objects;
use super::wire::{Incoming, Outcome};
use super::world::{Comment, Repository, Thread, World};

const STYLE: &str = include_str!("pages.css");

/// Answers a request that is neither API nor git.
pub(super) fn answer(hub: &Hub, incoming: &Incoming) -> Outcome {
    let parts: Vec<&str> = incoming.path.split('/').filter(|p| !p.is_empty()).collect();
    if incoming.method == "POST" {
        return Outcome::Answer(manifest(hub, incoming, &parts));
    }
    let page = hub.read(|world| page(world, &parts));
    Outcome::Answer(match page {
        Some((title, body)) => document(200, &title, &body),
        None => document(
            404,
            "Not found",
            "<h1>Not found</h1><p><a href=\"/\">All repositories</a></p>",
        ),
    })
}

/// GitHub's page that registers an App from a manifest; the person behind it always agrees.
fn manifest(hub: &Hub, incoming: &Incoming, parts: &[&str]) -> Response<Bytes> {
    let wanted = matches!(
        parts,
        ["settings", "apps", "new"] | ["organizations", _, "settings", "apps", "new"]
    );
    let field = url::form_urlencoded::parse(&incoming.body).find(|(name, _)| name == "manifest");
    let manifest = field.and_then(|(_, text)| serde_json::from_str::<serde_json::Value>(&text).ok());
    let (true, Some(manifest)) = (wanted, manifest) else {
        return document(400, "Bad request", "<h1>There is no manifest in this form</h1>");
    };
    let target = manifest["redirect_url"]
        .as_str()
        .and_then(|u| url::Url::parse(u).ok());
    let Some(mut target) = target else {
        return document(422, "Bad manifest", "<h1>redirect_url is missing</h1>");
    };
    let state = incoming.query.as_deref().and_then(|q| {
        url::form_urlencoded::parse(q.as_bytes())
            .find(|(n, _)| n == "state")
            .map(|(_, v)| v.into_owned())
    });
    target
        .query_pairs_mut()
        .append_pair("code", &hub.register_manifest(manifest.clone()));
    if let Some(state) = state {
        target.query_pairs_mut().append_pair("state", &state);
    }
    let mut response = document(302, "Moved", "");
    if let Ok(location) = HeaderValue::from_str(target.as_str()) {
        response.headers_mut().insert("location", location);
    }
    response
}

fn document(status: u16, title: &str, body: &str) -> Response<Bytes> {
    let text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><style>{STYLE}</style></head>\n<body>\n<main>{body}</main>\n\
         <footer>A stand-in for GitHub on this machine. Nothing here leaves it.</footer></body></html>\n",
        escape(title)
    );
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        // What agents and strangers wrote must not run or load anything.
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'",
        ),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn page(world: &World, parts: &[&str]) -> Option<(String, String)> {
    if parts.is_empty() {
        return Some(("GitHub stand-in".to_owned(), front(world)));
    }
    let [owner, name, rest @ ..] = parts else {
        return None;
    };
    let repository = world.repository(&format!("{owner}/{name}"))?;
    match rest {
        [] | ["issues" | "pulls"] => Some((repository.full_name(), list(repository))),
        ["issues" | "pull", number] => {
            let thread = repository.threads.get(&number.parse().ok()?)?;
            Some((
                format!("{} #{}", thread.title, thread.number),
                conversation(world, repository, thread),
            ))
        }
        ["pull", number, "files"] => {
            let thread = repository.threads.get(&number.parse().ok()?)?;
            thread.pull.as_ref()?;
            Some((format!("Files of #{number}"), files(repository, thread)))
        }
        _ => None,
    }
}

fn front(world: &World) -> String {
    let mut out = "<h1>Repositories</h1><ul>".to_owned();
    for repository in world.repositories.values() {
        let name = escape(&repository.full_name());
        // Writing to a String cannot fail.
        let _ = write!(out, "<li><a href=\"/{name}\">{name}</a></li>");
    }
    out + "</ul>"
}

fn list(repository: &Repository) -> String {
    let mut out = format!(
        "<h1>{}</h1><ul class=\"threads\">",
        escape(&repository.full_name())
    );
    for thread in repository.threads.values().rev() {
        let _ = write!(
            out,
            "<li>{} <a href=\"{}\">{}</a> <small>#{}</small>{}</li>",
            badge(thread),
            path(repository, thread),
            escape(&thread.title),
            thread.number,
            labels(repository, thread)
        );
    }
    out + "</ul>"
}

fn path(repository: &Repository, thread: &Thread) -> String {
    let kind = if thread.pull.is_some() { "pull" } else { "issues" };
    format!("/{}/{kind}/{}", escape(&repository.full_name()), thread.number)
}

fn badge(thread: &Thread) -> String {
    let (class, word) = match &thread.pull {
        Some(pull) if pull.merged_at.is_some() => ("merged", "Merged"),
        _ if !thread.open => ("closed", "Closed"),
        Some(pull) if pull.draft => ("draft", "Draft"),
        _ => ("open", "Open"),
    };
    format!("<span class=\"badge {class}\">{word}</span>")
}

fn labels(repository: &Repository, thread: &Thread) -> String {
    let mut out = String::new();
    for label in repository.labels_of(thread) {
        let _ = write!(out, " <span class=\"label\">{}</span>", escape(label));
    }
    out
}

fn conversation(world: &World, repository: &Repository, thread: &Thread) -> String {
    let name = escape(&repository.full_name());
    let mut out = format!(
        "<p><a href=\"/{name}\">{name}</a></p><h1>{} <small>#{}</small></h1><p>{}{}</p>",
        escape(&thread.title),
        thread.number,
        badge(thread),
        labels(repository, thread)
    );
    if let Some(pull) = &thread.pull {
        let _ = write!(
            out,
            "<p><code>{}</code> into <code>{}</code>, <a href=\"{}/files\">files</a></p>",
            escape(&pull.head_ref),
            escape(&pull.base_ref),
            path(repository, thread)
        );
    }
    let opening = thread.body.as_deref().unwrap_or("_No description provided._");
    let edited = !thread.edits.is_empty();
    out += &block(
        world,
        "description",
        thread.author,
        &thread.created_at.to_string(),
        edited,
        opening,
    );
    for comment in &thread.comments {
        out += &said(world, comment);
    }
    let reviews = thread.pull.iter().flat_map(|p| &p.reviews);
    for review in reviews {
        let text = format!("**{}**\n\n{}", review.state.word(), review.body);
        let id = format!("pullrequestreview-{}", review.id);
        out += &block(
            world,
            &id,
            review.author,
            &review.submitted_at.to_string(),
            false,
            &text,
        );
    }
    out
}

fn said(world: &World, comment: &Comment) -> String {
    let id = format!("issuecomment-{}", comment.id);
    let edited = !comment.edits.is_empty();
    let block = block(
        world,
        &id,
        comment.author,
        &comment.created_at.to_string(),
        edited,
        &comment.body,
    );
    match &comment.minimized {
        Some(reason) => format!(
            "<details class=\"minimized\"><summary>This comment was marked as {}.</summary>{block}</details>",
            escape(&reason.to_lowercase())
        ),
        None => block,
    }
}

fn block(world: &World, id: &str, author: u64, at: &str, edited: bool, text: &str) -> String {
    let login = world.accounts.get(&author).map_or("ghost", |a| a.login.as_str());
    let (name, bot) = match login.strip_suffix("[bot]") {
        Some(name) => (name, " <span class=\"label\">bot</span>"),
        None => (login, ""),
    };
    let edited = if edited { " · edited" } else { "" };
    format!(
        "<article id=\"{}\"><header><strong>{}</strong>{bot} <small>{}{edited}</small></header>\
         <div class=\"text\">{}</div></article>",
        escape(id),
        escape(name),
        escape(at),
        render(text)
    )
}

fn files(repository: &Repository, thread: &Thread) -> String {
    let mut out = format!(
        "<p><a href=\"{}\">Back to #{}</a></p><h1>Files</h1>",
        path(repository, thread),
        thread.number
    );
    let Some(pull) = &thread.pull else { return out };
    let change = objects::compare(&repository.dir, &pull.base_sha, &pull.head_sha);
    for file in change.map(|c| c.files).unwrap_or_default() {
        let _ = write!(
            out,
            "<article><header><strong>{}</strong> <small>+{} −{}</small></header><pre class=\"diff\">",
            escape(&file.path),
            file.additions,
            file.deletions
        );
        for line in file.patch.as_deref().unwrap_or_default().lines() {
            let class = match line.bytes().next() {
                Some(b'+') => "plus",
                Some(b'-') => "minus",
                Some(b'@') => "hunk",
                _ => "same",
            };
            let _ = writeln!(out, "<span class=\"{class}\">{}</span>", escape(line));
        }
        out += "</pre></article>";
    }
    out
}

/// Markdown as HTML: raw HTML is shown as text, but hidden comments and `<details>` work as on GitHub; images
/// and links to scripts are taken out.
fn render(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = Parser::new_ext(text, options).filter_map(|event| match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Some(raw_html(&raw)),
        Event::Start(pulldown_cmark::Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => {
            let safe = ["http:", "https:", "#", "/", "mailto:"]
                .iter()
                .any(|p| dest_url.starts_with(p));
            let dest_url = if safe { dest_url } else { CowStr::from("#") };
            Some(Event::Start(pulldown_cmark::Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }))
        }
        // An image from elsewhere tells its owner who reads; its text remains.
        Event::Start(pulldown_cmark::Tag::Image { .. }) | Event::End(pulldown_cmark::TagEnd::Image) => None,
        other => Some(other),
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    out
}

/// A few harmless tags work, comments vanish, and all the rest is shown as it was written.
fn raw_html(raw: &str) -> Event<'static> {
    const HARMLESS: &[&str] = &[
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
        "<sub>",
        "</sub>",
        "<br>",
        "<details open>",
    ];
    let mut out = String::new();
    let mut rest = raw;
    while !rest.is_empty() {
        if rest.starts_with("<!--") {
            // An unclosed comment hides the rest, as on GitHub.
            rest = rest.find("-->").map_or("", |end| &rest[end + 3..]);
        } else if let Some(tag) = HARMLESS.iter().find(|tag| rest.starts_with(**tag)) {
            out += tag;
            rest = &rest[tag.len()..];
        } else {
            let length = rest.chars().next().map_or(0, char::len_utf8);
            out += &escape(&rest[..length]);
            rest = &rest[length..];
        }
    }
    Event::Html(CowStr::from(out))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn what_people_wrote_cannot_run_or_load_anything() {
        let html = render(
            "<script>alert(1)</script>\n\n![x](http://evil/x.png) [y](javascript:alert(1)) <b onclick=x>z</b>",
        );
        assert!(
            !html.contains("<script") && !html.contains("<img") && !html.contains("javascript:"),
            "{html}"
        );
        assert!(
            html.contains("&lt;script&gt;") && html.contains("&lt;b onclick=x&gt;"),
            "{html}"
        );
    }

    #[test]
    fn markers_vanish_details_fold_and_mermaid_is_shown_as_code() {
        let html = render(
            "<!-- footplate:run=1 -->\n<details><summary>More</summary>\n\ntext\n\n</details>\n\n```mermaid\ngraph LR\n```",
        );
        assert!(!html.contains("footplate:run"), "{html}");
        assert!(html.contains("<details><summary>More</summary>"), "{html}");
        assert!(
            html.contains("<code class=\"language-mermaid\">graph LR"),
            "{html}"
        );
    }
}
