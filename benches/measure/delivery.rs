//! A webhook call as GitHub makes them: an `issues.labeled` of 25,000 bytes with a valid signature.

use std::fmt::Write as _;

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// The secret that signs deliveries here.
pub(crate) const SECRET: &str = "of-no-worth-elsewhere";

/// Bytes of a body: those of GitHub's own examples are 9 to 19 KB for `issues`, 21 to 27 KB for `pull_request`.
pub(crate) const BYTES: usize = 25_000;

/// The body of a delivery that says that an issue got a label which nobody listens to.
pub(crate) fn body(issue: u64) -> Vec<u8> {
    let empty = payload(issue, "").to_string().len();
    payload(issue, &prose(BYTES - empty)).to_string().into_bytes()
}

/// The id of a delivery, of the kind that GitHub's documentation shows: a UUID of version 1, in whose first digits
/// stands the time in steps of 100 ns. Deliveries come 0.25 ms apart here.
pub(crate) fn id(number: u32) -> String {
    format!("{:08x}-cc78-11f1-81ab-4c9367dc0958", number.wrapping_mul(2500))
}

/// The value of `X-Hub-Signature-256`.
pub(crate) fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// The head of the call up to the delivery's id, and what comes after it.
pub(crate) fn head(body: &[u8]) -> (String, String) {
    let before = "POST /webhook HTTP/1.1\r\nhost: localhost\r\nuser-agent: GitHub-Hookshot/044aadd\r\n\
                  accept: */*\r\ncontent-type: application/json\r\nx-github-event: issues\r\nx-github-delivery: "
        .to_owned();
    let after = format!(
        "\r\nx-github-hook-id: 42\r\nx-github-hook-installation-target-type: integration\r\n\
         x-github-hook-installation-target-id: 12345\r\nx-hub-signature-256: {}\r\ncontent-length: {}\r\n\r\n",
        signature(body),
        body.len()
    );
    (before, after)
}

fn payload(issue: u64, text: &str) -> Value {
    let api = "https://api.github.com/repos/octo-org/widgets";
    json!({
        "action": "labeled",
        "issue": {
            "url": format!("{api}/issues/{issue}"),
            "repository_url": api,
            "labels_url": format!("{api}/issues/{issue}/labels{{/name}}"),
            "comments_url": format!("{api}/issues/{issue}/comments"),
            "events_url": format!("{api}/issues/{issue}/events"),
            "html_url": format!("https://github.com/octo-org/widgets/issues/{issue}"),
            "id": 2_401_000_000 + issue,
            "node_id": "I_kwDOLsO3nc6PHwOc",
            "number": issue,
            "title": "price_half rounds up where it should round down",
            "user": person("octocat", 583_231),
            "labels": [label("bug"), label("needs triage"), label("documentation")],
            "state": "open",
            "locked": false,
            "assignee": null,
            "assignees": [],
            "milestone": null,
            "comments": 3,
            "created_at": "2026-11-02T08:12:01Z",
            "updated_at": "2026-11-23T02:40:17Z",
            "closed_at": null,
            "author_association": "CONTRIBUTOR",
            "active_lock_reason": null,
            "body": text,
            "reactions": {"url": format!("{api}/issues/{issue}/reactions"), "total_count": 0, "+1": 0, "-1": 0},
            "timeline_url": format!("{api}/issues/{issue}/timeline"),
            "performed_via_github_app": null,
            "state_reason": null,
        },
        "label": label("documentation"),
        "repository": repository(api),
        "organization": {
            "login": "octo-org",
            "id": 6_811_672,
            "node_id": "MDEyOk9yZ2FuaXphdGlvbjY4MTE2NzI=",
            "url": "https://api.github.com/orgs/octo-org",
            "repos_url": "https://api.github.com/orgs/octo-org/repos",
            "description": "Widgets of all kinds",
        },
        "sender": person("hubot", 583_232),
        "installation": {"id": 51_234_567, "node_id": "MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9uNTEyMzQ1Njc="},
    })
}

fn person(login: &str, id: u64) -> Value {
    let api = format!("https://api.github.com/users/{login}");
    let mut person = json!({
        "login": login,
        "id": id,
        "node_id": "MDQ6VXNlcjU4MzIzMQ==",
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        "gravatar_id": "",
        "url": api,
        "html_url": format!("https://github.com/{login}"),
        "type": "User",
        "site_admin": false,
    });
    for kind in [
        "followers",
        "following",
        "gists",
        "starred",
        "subscriptions",
        "orgs",
        "repos",
        "events",
    ] {
        person[format!("{kind}_url")] = format!("{api}/{kind}{{/other}}").into();
    }
    person
}

fn label(name: &str) -> Value {
    json!({
        "id": 6_500_000_001_u64,
        "node_id": "LA_kwDOLsO3nc8AAAABg2yzAQ",
        "url": format!("https://api.github.com/repos/octo-org/widgets/labels/{}", name.replace(' ', "%20")),
        "name": name,
        "color": "0075ca",
        "default": true,
        "description": "Improvements or additions",
    })
}

fn repository(api: &str) -> Value {
    let mut repository = json!({
        "id": 784_578_461,
        "node_id": "R_kgDOLsO3nQ",
        "name": "widgets",
        "full_name": "octo-org/widgets",
        "private": false,
        "owner": person("octo-org", 6_811_672),
        "html_url": "https://github.com/octo-org/widgets",
        "description": "Widgets of all kinds, with prices",
        "fork": false,
        "url": api,
        "created_at": "2024-04-10T06:41:07Z",
        "updated_at": "2026-11-20T11:02:51Z",
        "pushed_at": "2026-11-22T18:20:00Z",
        "size": 10_412,
        "stargazers_count": 812,
        "language": "Python",
        "topics": ["widgets", "prices"],
        "visibility": "public",
        "open_issues": 27,
        "default_branch": "main",
        "custom_properties": {},
    });
    for kind in [
        "forks",
        "keys",
        "collaborators",
        "teams",
        "hooks",
        "issue_events",
        "events",
        "assignees",
        "branches",
        "tags",
        "blobs",
        "git_tags",
        "git_refs",
        "trees",
        "statuses",
        "languages",
        "stargazers",
        "contributors",
        "subscribers",
        "subscription",
        "commits",
        "git_commits",
        "comments",
        "issue_comment",
        "contents",
        "compare",
        "merges",
        "archive",
        "downloads",
        "issues",
        "pulls",
        "milestones",
        "notifications",
        "labels",
        "releases",
        "deployments",
    ] {
        repository[format!("{kind}_url")] = format!("{api}/{kind}{{/sha}}").into();
    }
    repository
}

/// What somebody may write into an issue, of an exact length once it is JSON: words, code, lists, line ends.
fn prose(bytes: usize) -> String {
    let words = [
        "the",
        "price",
        "of",
        "a",
        "widget",
        "is",
        "rounded",
        "where",
        "it",
        "should",
        "not",
        "be",
        "and",
        "then",
        "`price_half`",
        "returns",
        "one",
        "cent",
        "too",
        "many",
        "see",
        "widgets.py",
        "def",
        "assertEqual",
        "expected",
        "but",
        "got",
        "traceback",
        "in",
        "line",
    ];
    let (mut text, mut state, mut length) = (String::new(), 42_u64, 0);
    while length + 24 < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let pick = usize::try_from(state >> 40).unwrap_or_default();
        let before = text.len();
        // One word in eight is a number that nothing else resembles, one in twelve ends its line.
        if pick % 8 == 0 {
            write!(text, "{pick:x} ").expect("writing to a String cannot fail");
        } else {
            write!(text, "{} ", words[pick % words.len()]).expect("writing to a String cannot fail");
        }
        length += text.len() - before;
        if pick % 12 == 0 {
            text.push_str("\r\n");
            // Each is escaped.
            length += 4;
        }
    }
    text.extend(std::iter::repeat_n('.', bytes - length));
    text
}
