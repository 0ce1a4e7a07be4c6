//! Payloads as GitHub sends them, and payloads as it might send them one day.

use super::*;
use crate::github::lane;
use crate::model::{AppId, CommentId, CommitId, InstallationId, RepositoryId, Timestamp, UserId};

/// An `issues.labeled` of about 25 KB, with the fields that GitHub sends.
fn labeled() -> String {
    let text = "A paragraph with \"quotes\", a\ttab, an umlaut ü and {braces} [brackets].\n".repeat(260);
    let user = |login: &str, id: u64, kind: &str| {
        serde_json::json!({
            "login": login, "id": id, "node_id": "MDQ6VXNlcjE=", "gravatar_id": "", "type": kind,
            "avatar_url": format!("https://avatars.example/u/{id}?v=4"), "site_admin": false,
            "url": format!("https://api.github.com/users/{login}"),
            "repos_url": format!("https://api.github.com/users/{login}/repos"), "user_view_type": "public",
        })
    };
    let label = |name: &str| serde_json::json!({ "id": 208_045_946u64, "name": name, "color": "ededed", "default": false, "description": null });
    let urls: serde_json::Map<String, serde_json::Value> = (0..60)
        .map(|n| {
            (
                format!("x{n}_url"),
                serde_json::json!(format!("https://api.github.com/repos/octo/widgets/x{n}{{/x}}")),
            )
        })
        .collect();
    let mut repository = serde_json::json!({
        "id": 9_007_199_254_740_993u64, "full_name": "octo/widgets", "default_branch": "trunk", "private": true,
        "owner": user("octo", 1, "Organization"), "license": null, "topics": [],
    });
    repository.as_object_mut().expect("an object").extend(urls);
    serde_json::json!({
        "action": "labeled",
        "issue": {
            "id": 3, "number": 12, "title": "Prices are \u{1F600} wrong", "state": "open", "state_reason": null,
            "labels": [label("bug"), label("agent:build")], "user": user("mona", 21, "User"), "body": text,
            "performed_via_github_app": { "id": 77, "slug": "importer" }, "updated_at": "2026-11-02T10:00:00Z",
            "reactions": { "+1": 0, "-1": 0 }, "assignees": [], "milestone": null, "author_association": "NONE",
        },
        "label": label("agent:build"),
        "repository": repository,
        "organization": { "login": "octo", "id": 1 },
        "installation": { "id": 5_000_000_001u64, "node_id": "x" },
        "sender": user("hubot", 22, "User"),
    })
    .to_string()
}

fn read(event: &str, body: &str) -> Facts {
    facts(event, body.as_bytes()).expect("it is a JSON object")
}

#[test]
fn a_label_is_read_with_all_that_a_decision_needs() {
    let body = labeled();
    assert!((20_000..30_000).contains(&body.len()), "{}", body.len());
    let facts = read("issues", &body);
    assert_eq!(facts.action.as_deref(), Some("labeled"));
    assert_eq!(
        facts.label.as_ref().map(|it| it.name.as_str()),
        Some("agent:build")
    );
    assert_eq!(facts.installation, Some(InstallationId(5_000_000_001)));
    let repository = facts.repository.as_ref().expect("it has one");
    assert_eq!(
        repository.id,
        RepositoryId(9_007_199_254_740_993),
        "ids have 64 bits"
    );
    assert_eq!(repository.default_branch.as_deref(), Some("trunk"));
    assert_eq!(repository.private, Some(true));
    let issue = facts.issue.as_ref().expect("it has one");
    assert_eq!(issue.title.as_deref(), Some("Prices are 😀 wrong"));
    assert_eq!(issue.labels, ["bug", "agent:build"]);
    assert!(!issue.is_pull_request);
    assert_eq!(issue.updated_at, Timestamp::parse("2026-11-02T10:00:00Z"));
    let sender = facts.sender.as_ref().expect("it has one");
    assert_eq!(
        (sender.login.as_deref(), sender.id, sender.is_bot),
        (Some("hubot"), UserId(22), false)
    );
    assert_eq!(
        facts.via_app, None,
        "the App that opened the issue did not label it"
    );
    assert_eq!(lane(&facts), "9007199254740993#12");
}

#[test]
fn facts_survive_being_stored() {
    let facts = read("issues", &labeled());
    let stored = serde_json::to_string(&facts).expect("they are plain data");
    assert!(stored.len() < 2_000, "{} bytes", stored.len());
    assert_eq!(serde_json::from_str::<Facts>(&stored).expect("it is ours"), facts);
    assert_eq!(
        serde_json::from_str::<Facts>("{}").expect("older records lack newer fields"),
        Facts::default()
    );
}

#[test]
fn the_text_of_the_issue_is_the_payloads_own() {
    let text = issue_text(labeled().as_bytes())
        .expect("JSON")
        .expect("it has an issue");
    assert!(text.body.starts_with("A paragraph with \"quotes\", a\ttab"));
    let other = IssueText {
        body: format!("{} ", text.body),
        ..text.clone()
    };
    assert_ne!(text.hash(), other.hash());
    let moved = |title: &str, body: &str| {
        IssueText {
            title: title.into(),
            body: body.into(),
        }
        .hash()
    };
    assert_ne!(
        moved("a\nb", "c"),
        moved("a", "b\nc"),
        "what moves between title and body is noticed"
    );
    assert_eq!(issue_text(br#"{"zen":"x"}"#), Ok(None));
    let null = issue_text(br#"{"issue":{"title":"t","body":null}}"#)
        .expect("JSON")
        .expect("an issue");
    assert_eq!(null.body, "");
}

#[test]
fn a_comment_says_who_wrote_it_and_through_which_app() {
    let body = r#"{"action":"edited","changes":{"body":{"from":"- [ ] approve"}},
        "issue":{"number":5,"pull_request":{"url":"x"},"performed_via_github_app":{"id":1}},
        "comment":{"id":99,"body":"- [x] approve","user":{"id":4,"login":"footplate[bot]","type":"Bot"},
            "performed_via_github_app":{"id":12345},"created_at":"2026-11-02T10:00:00Z","updated_at":"2026-11-02T10:05:00+00:00"},
        "repository":{"id":7},"sender":{"id":9,"login":"mona","type":"User"}}"#;
    let facts = read("issue_comment", body);
    let comment = facts.comment.as_ref().expect("it has one");
    assert_eq!(
        (comment.id, comment.body.as_str()),
        (CommentId(99), "- [x] approve")
    );
    assert!(comment.user.as_ref().is_some_and(|user| user.is_bot));
    assert!(comment.created_at < comment.updated_at);
    assert_eq!(facts.body_before.as_deref(), Some("- [ ] approve"));
    assert_eq!(facts.via_app, Some(AppId(12345)));
    assert!(facts.issue.as_ref().is_some_and(|issue| issue.is_pull_request));
}

#[test]
fn pull_requests_reviews_and_pushes_are_read() {
    let sha = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
    let pull = format!(
        r#"{{"action":"closed","pull_request":{{"number":8,"state":"closed","merged":true,"merged_by":{{"id":1,"login":"m"}},
        "head":{{"ref":"footplate/1-x","sha":"{sha}","repo":null}},"base":{{"ref":"main","sha":"{sha}"}}}},"repository":{{"id":7}}}}"#
    );
    let facts = read("pull_request", &pull);
    let pull = facts.pull_request.as_ref().expect("it has one");
    assert!(pull.merged && pull.head_repository.is_none());
    assert_eq!(pull.head_commit.as_ref().map(CommitId::as_str), Some(sha));
    assert_eq!(pull.base_ref.as_deref(), Some("main"));
    assert_eq!(lane(&facts), "7#8");

    let review = r#"{"action":"submitted","review":{"id":3,"state":"CHANGES_REQUESTED","body":null,"user":null,"commit_id":null}}"#;
    let review = read("pull_request_review", review).review.expect("it has one");
    assert_eq!(
        (review.state.as_deref(), review.body.as_str()),
        (Some("changes_requested"), "")
    );

    let zeros = "0".repeat(40);
    let push = format!(
        r#"{{"ref":"refs/heads/main","before":"{sha}","after":"{zeros}","forced":true,"repository":{{"id":7,"created_at":1}}}}"#
    );
    let facts = read("push", &push);
    let push = facts.push.as_ref().expect("it has one");
    assert_eq!(
        (push.after.clone(), push.forced),
        (None, true),
        "a deleted branch ends at no commit"
    );
    assert_eq!(lane(&facts), "7");
    let removed = read(
        "installation_repositories",
        r#"{"repositories_removed":[{"id":7},{"id":8}]}"#,
    )
    .removed;
    assert_eq!(removed, [RepositoryId(7), RepositoryId(8)]);
    assert_eq!(read("create", r#"{"ref":"main","ref_type":"branch"}"#).push, None);
}

#[test]
fn unknown_actions_fields_and_events_and_deleted_users_are_no_obstacle() {
    let typed = r#"{"action":"typed","issue":{"number":1,"user":null,"type":{"name":"Bug"}},"sender":null,"label":null,"x":[1]}"#;
    let facts = read("issues", typed);
    assert_eq!(facts.action.as_deref(), Some("typed"));
    assert_eq!((facts.sender, facts.label, facts.unreadable), (None, None, None));
    assert_eq!(facts.issue.expect("it has one").user, None);
    assert_eq!(read("never_seen_before", "{}").event, "never_seen_before");
    assert_eq!(
        lane(&read("ping", r#"{"zen":"Keep it logically awesome."}"#)),
        "-"
    );
    let user = read("x", r#"{"sender":{"id":1,"login":"dependabot[bot]"}}"#)
        .sender
        .expect("it has one");
    assert!(user.is_bot, "the suffix is enough to be a bot");
}

#[test]
fn an_object_of_another_shape_is_kept_as_a_delivery_with_what_could_be_read() {
    let facts = read(
        "issues",
        r#"{"action":"labeled","label":"agent:build","repository":{"id":7}}"#,
    );
    assert!(
        facts
            .unreadable
            .as_deref()
            .is_some_and(|why| why.contains("label") || why.contains("string"))
    );
    assert_eq!(facts.label, None);
    assert_eq!(lane(&facts), "7");
    assert!(read("issues", r#"{"action":5}"#).unreadable.is_some());
    let cut = r#"{"label":"agent:build","repository":{"id":7"#;
    assert_eq!(
        super::facts("issues", cut.as_bytes()),
        Err(Rejection::NotJson),
        "the rest is checked too"
    );
}

#[test]
fn what_is_no_json_object_is_refused() {
    let whole = labeled();
    for cut in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
        let mut end = cut;
        while !whole.is_char_boundary(end) {
            end -= 1;
        }
        assert_eq!(
            facts("issues", &whole.as_bytes()[..end]),
            Err(Rejection::NotJson),
            "cut at {end}"
        );
    }
    for other in ["", "null", "[]", "\"x\"", "7", "{} {}", "{}x"] {
        assert_eq!(
            facts("issues", other.as_bytes()),
            Err(Rejection::NotJson),
            "{other:?}"
        );
    }
    assert_eq!(facts("issues", b"{\"action\":\"\xff\"}"), Err(Rejection::NotUtf8));
}

#[test]
fn absurd_nesting_is_refused_wherever_it_stands_and_brackets_in_texts_are_not_nesting() {
    let deep = |depth: usize| format!(r#"{{"skipped":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(facts("x", deep(100).as_bytes()).is_ok());
    for depth in [128, 100_000] {
        assert_eq!(
            facts("x", deep(depth).as_bytes()),
            Err(Rejection::TooDeep),
            "{depth}"
        );
    }
    assert_eq!(
        facts("x", "[".repeat(100_000).as_bytes()),
        Err(Rejection::TooDeep)
    );
    assert_eq!(
        facts("x", "{\"a\":".repeat(100_000).as_bytes()),
        Err(Rejection::TooDeep)
    );
    let text = format!(
        r#"{{"comment":{{"id":1,"body":"{}\\\" {}"}}}}"#,
        "[{".repeat(500),
        "[".repeat(500)
    );
    assert!(facts("x", text.as_bytes()).is_ok());
}
