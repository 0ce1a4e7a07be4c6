//! The client against a strict stand-in on loopback.

mod answers;
mod app;
mod calls;
mod limits;
mod renamed;
mod setup;
mod tokens;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::{AppKey, Manners, Settings};
use super::standin::{Reply, Seen};
use crate::model::{AppId, BranchName};

pub(super) const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

pub(super) fn issue_json(number: u64) -> Value {
    json!({
        "number": number, "title": "T", "body": null, "state": "open", "labels": [{"name": "bug"}],
        "user": null, "updated_at": "2026-11-02T10:00:00Z", "html_url": "https://x/1",
    })
}

pub(super) fn comment_json(id: u64) -> Value {
    json!({
        "id": id, "node_id": format!("IC_{id}"), "body": "hello", "html_url": "https://x/c",
        "user": {"id": 4, "login": "footplate[bot]", "type": "Bot"}, "performed_via_github_app": {"id": 12345},
        "created_at": "2026-11-02T10:00:00Z", "updated_at": "2026-11-02T10:00:00Z",
    })
}

pub(super) fn pull_json(number: u64, head: &str) -> Value {
    json!({
        "number": number, "node_id": "PR_1", "title": "T", "body": "B", "state": "closed", "draft": false,
        "merged_at": "2026-11-02T10:00:00Z", "merge_commit_sha": SHA, "html_url": "https://x/p",
        "head": {"ref": head, "sha": SHA, "repo": {"id": 7}}, "base": {"ref": "main", "sha": SHA, "repo": {"id": 7}},
        "user": {"id": 4, "login": "footplate[bot]", "type": "Bot"},
    })
}

pub(super) fn branch(name: &str) -> BranchName {
    BranchName::new(name).expect("a branch")
}

/// Answers with each reply in turn, and with the last one for ever.
pub(super) fn in_turn(replies: Vec<Reply>) -> impl FnMut(&Seen) -> Reply + Send {
    let mut left = replies.into_iter();
    move |_| {
        left.next()
            .unwrap_or_else(|| Reply::Json(500, json!({ "message": "the script is at its end" })))
    }
}

pub(super) fn html(status: u16) -> Reply {
    Reply::With(
        status,
        vec![("content-type", "text/html".into())],
        "<html><h1>Unicorn!</h1></html>".into(),
    )
}

pub(super) fn settings(api_url: &str) -> Settings {
    let key = SecretString::from(include_str!("../testdata/test-key.pkcs8.pem"));
    Settings {
        api_url: api_url.parse().expect("a URL"),
        app: AppId(12345),
        key: AppKey::from_pem(&key).expect("a key"),
        manners: Manners::default(),
    }
}
