//! The API refuses what GitHub refuses.

use std::time::Duration;

use serde_json::json;

use super::client::Bench;
use crate::rehearsal::world::RepositoryRole;
use crate::rehearsal::{OrganizationSetup, RepositorySetup, Setup, sample};

const ISSUES: &str = "/repos/octo/widgets/issues";
const PULLS: &str = "/repos/octo/widgets/pulls";

#[tokio::test]
async fn unknown_expired_and_revoked_tokens_are_401() {
    let bench = Bench::start().await;
    assert_eq!(
        bench.send("GET", ISSUES, Some("ghs_unknown"), None).await.status,
        401
    );
    assert_eq!(bench.send("GET", ISSUES, None, None).await.status, 401);
    let token = bench.token().await;
    assert_eq!(bench.send("GET", ISSUES, Some(&token), None).await.status, 200);
    bench.clock.pass(Duration::from_mins(59));
    assert_eq!(bench.send("GET", ISSUES, Some(&token), None).await.status, 200);
    bench.clock.pass(Duration::from_mins(1));
    let expired = bench.send("GET", ISSUES, Some(&token), None).await;
    assert_eq!(
        (expired.status, expired.body["message"].as_str()),
        (401, Some("Bad credentials"))
    );
    let token = bench.token().await;
    assert_eq!(
        bench
            .send("DELETE", "/installation/token", Some(&token), None)
            .await
            .status,
        204
    );
    assert_eq!(bench.send("GET", ISSUES, Some(&token), None).await.status, 401);
}

#[tokio::test]
async fn a_jwt_must_be_signed_by_the_key_and_live_at_most_ten_minutes() {
    let bench = Bench::start().await;
    let status = async |jwt: String| bench.send("GET", "/app", Some(&jwt), None).await.status;
    assert_eq!(status(bench.jwt(-60, 540)).await, 200);
    assert_eq!(status(bench.jwt(-60, 600)).await, 200);
    assert_eq!(
        status(bench.jwt(-60, 601)).await,
        401,
        "exp too far in the future"
    );
    assert_eq!(status(bench.jwt(-60, 0)).await, 401, "expired");
    assert_eq!(status(bench.jwt(5, 540)).await, 401, "iat in the future");
    let mut parts: Vec<String> = bench.jwt(-60, 540).split('.').map(str::to_owned).collect();
    parts[2] = bench.jwt(-61, 540).split('.').nth(2).unwrap().to_owned();
    assert_eq!(status(parts.join(".")).await, 401, "another signature");
    let token = bench.token().await;
    assert_eq!(status(token).await, 401, "an installation token is no JWT");
    assert_eq!(
        bench
            .send("GET", ISSUES, Some(&bench.jwt(-60, 540)), None)
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_request_without_user_agent_is_403_and_an_unknown_route_a_violation() {
    let bench = Bench::start().await;
    let bare = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/meta", bench.standin.api_url());
    assert_eq!(bare.get(&url).send().await.unwrap().status(), 403);
    let token = bench.token().await;
    assert_eq!(
        bench
            .send("GET", "/repos/octo/widgets/nonsense", Some(&token), None)
            .await
            .status,
        404
    );
    assert_eq!(bench.send("PUT", ISSUES, Some(&token), None).await.status, 404);
    let what: Vec<String> = bench
        .standin
        .violations()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        what,
        [
            "GET /meta: it has no User-Agent",
            "GET /repos/octo/widgets/nonsense: the stand-in knows no such route",
            "PUT /repos/octo/widgets/issues: the stand-in knows no such route",
        ]
    );
}

#[tokio::test]
async fn tokens_are_limited_to_their_permissions_and_repositories() {
    let mut setup = Setup::of(sample::repository());
    setup
        .repositories
        .push(RepositorySetup::with_files("octo/other", &[("a", "b")]).private());
    let bench = Bench::with(setup).await;
    let reader = bench.token_with(json!({"permissions": {"issues": "read"}})).await;
    let new = Some(json!({"title": "x"}));
    let refused = bench.send("POST", ISSUES, Some(&reader), new.clone()).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.body["message"], "Resource not accessible by integration");
    assert_eq!(refused.header("x-accepted-github-permissions"), "issues=write");
    assert_eq!(bench.send("GET", ISSUES, Some(&reader), None).await.status, 200);
    let narrow = bench.token_with(json!({"repositories": ["widgets"]})).await;
    assert_eq!(
        bench
            .send("GET", "/repos/octo/other", Some(&narrow), None)
            .await
            .status,
        404
    );
    let listed = bench
        .send("GET", "/installation/repositories", Some(&narrow), None)
        .await;
    assert_eq!(listed.body["total_count"], 1);
    let path = format!("/app/installations/{}/access_tokens", bench.installation());
    let jwt = bench.jwt(-60, 540);
    for greedy in [
        json!({"permissions": {"administration": "write"}}),
        json!({"permissions": {"statuses": "write"}}),
        json!({"repositories": ["nowhere"]}),
        json!({"repository_ids": [1]}),
    ] {
        assert_eq!(
            bench.send("POST", &path, Some(&jwt), Some(greedy)).await.status,
            422
        );
    }
    // Permission for pull requests does not open issues.
    let issue = bench.standin.open_issue("octo", "An issue", "").unwrap();
    let pulls = bench
        .token_with(json!({"permissions": {"pull_requests": "write"}}))
        .await;
    let path = format!("{ISSUES}/{issue}/comments");
    assert_eq!(
        bench
            .send("POST", &path, Some(&pulls), Some(json!({"body": "hi"})))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn a_suspended_installation_gets_403_and_an_uninstalled_one_no_token() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench.standin.suspend_installation();
    assert_eq!(bench.send("GET", ISSUES, Some(&token), None).await.status, 403);
    bench.standin.unsuspend_installation();
    assert_eq!(bench.send("GET", ISSUES, Some(&token), None).await.status, 200);
    let path = format!("/app/installations/{}/access_tokens", bench.installation());
    bench.standin.uninstall();
    assert_eq!(bench.send("GET", ISSUES, Some(&token), None).await.status, 401);
    assert_eq!(
        bench
            .send("POST", &path, Some(&bench.jwt(-60, 540)), None)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_permission_of_a_person_is_said_in_githubs_words() {
    let mut setup = Setup::of(sample::repository());
    setup.organizations.push(OrganizationSetup {
        login: "acme".to_owned(),
        members: vec![("mia".to_owned(), RepositoryRole::Write)],
    });
    setup.repositories.push(
        RepositorySetup::with_files("acme/secret", &[("a", "b")])
            .private()
            .role("mara", RepositoryRole::Maintain),
    );
    let bench = Bench::with(setup).await;
    let ask = async |repository: &str, user: &str| {
        let owner = repository.split('/').next().unwrap();
        let installation = bench.standin.read(|w| {
            let owner = w.account(owner).unwrap().id;
            w.installations
                .values()
                .find(|i| i.account_id == owner)
                .unwrap()
                .id
        });
        let path = format!("/app/installations/{installation}/access_tokens");
        let token = bench
            .send("POST", &path, Some(&bench.jwt(-60, 540)), None)
            .await
            .body["token"]
            .clone();
        let path = format!("/repos/{repository}/collaborators/{user}/permission");
        let answer = bench.send("GET", &path, token.as_str(), None).await;
        let text = |field: &str| answer.body[field].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", answer.status, text("permission"), text("role_name"))
    };
    assert_eq!(ask("octo/widgets", "octo").await, "200 admin admin");
    assert_eq!(ask("octo/widgets", "wanda").await, "200 write write");
    assert_eq!(ask("octo/widgets", "tristan").await, "200 read triage");
    assert_eq!(ask("octo/widgets", "outsider").await, "200 read read");
    assert_eq!(ask("acme/secret", "outsider").await, "200 none none");
    assert_eq!(ask("acme/secret", "mia").await, "200 write write");
    assert_eq!(ask("acme/secret", "mara").await, "200 write maintain");
    assert_eq!(ask("octo/widgets", "nobody").await, "404 - -");
}

#[tokio::test]
async fn an_app_writes_as_its_bot() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let answer = bench
        .send(
            "POST",
            ISSUES,
            Some(&token),
            Some(json!({"title": "x", "labels": ["bug"]})),
        )
        .await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["user"]["login"], "footplate[bot]");
    assert_eq!(answer.body["user"]["type"], "Bot");
    assert_eq!(answer.body["performed_via_github_app"]["id"], 12345);
    assert!(answer.body["labels"][0]["id"].is_u64());
    let user = bench
        .send("GET", "/users/footplate%5Bbot%5D", Some(&token), None)
        .await;
    assert_eq!(user.body["id"], answer.body["user"]["id"]);
}

#[tokio::test]
async fn malformed_and_overlong_content_is_refused_with_reasons() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let issue = bench.standin.open_issue("octo", "An issue", "text").unwrap();
    let comments = format!("{ISSUES}/{issue}/comments");
    let long = bench
        .send(
            "POST",
            &comments,
            Some(&token),
            Some(json!({"body": "é".repeat(65_537)})),
        )
        .await;
    assert_eq!(
        (long.status, long.body["errors"][0]["code"].as_str()),
        (422, Some("custom"))
    );
    let fits = bench
        .send(
            "POST",
            &comments,
            Some(&token),
            Some(json!({"body": "é".repeat(65_536)})),
        )
        .await;
    assert_eq!(fits.status, 201);
    assert_eq!(
        bench
            .send("POST", &comments, Some(&token), Some(json!({})))
            .await
            .status,
        422
    );
    assert_eq!(
        bench
            .send("POST", &comments, Some(&token), Some(json!({"body": 1})))
            .await
            .status,
        422
    );
    let cut = bench
        .http
        .post(format!("{}{comments}", bench.standin.api_url()))
        .bearer_auth(&token)
        .body("{\"bo");
    assert_eq!(cut.send().await.unwrap().status(), 400);
    assert_eq!(bench.standin.violations().len(), 1);
    let long_title = Some(json!({"title": "x".repeat(257)}));
    assert_eq!(
        bench.send("POST", ISSUES, Some(&token), long_title).await.status,
        422
    );
    assert_eq!(
        bench
            .send("GET", &format!("{ISSUES}/99"), Some(&token), None)
            .await
            .status,
        404
    );
    let taken = bench
        .send(
            "POST",
            "/repos/octo/widgets/labels",
            Some(&token),
            Some(json!({"name": "BUG", "color": "ff0000"})),
        )
        .await;
    assert_eq!(taken.body["errors"][0]["code"], "already_exists");
}

#[tokio::test]
async fn pull_requests_want_a_branch_with_commits_and_no_twin() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let open = async |head: &str| {
        let body =
            json!({"title": "A change", "head": head, "base": "main", "body": "Closes #1", "draft": true});
        bench.send("POST", PULLS, Some(&token), Some(body)).await
    };
    bench.standin.open_issue("octo", "An issue", "").unwrap();
    let missing = open("nowhere").await;
    assert_eq!(
        (missing.status, missing.body["errors"][0]["field"].as_str()),
        (422, Some("head"))
    );
    bench.standin.read(|w| w.first_repository().dir.clone());
    let main = bench
        .send(
            "GET",
            "/repos/octo/widgets/git/ref/heads/main",
            Some(&token),
            None,
        )
        .await;
    let sha = main.body["object"]["sha"].as_str().unwrap().to_owned();
    let same = json!({"ref": "refs/heads/same", "sha": sha});
    assert_eq!(
        bench
            .send("POST", "/repos/octo/widgets/git/refs", Some(&token), Some(same))
            .await
            .status,
        201
    );
    assert!(
        open("same")
            .await
            .text
            .contains("No commits between main and same")
    );
    bench
        .standin
        .push_commit("wanda", "topic", &[("new.txt", Some("one\ntwo\n"))])
        .unwrap();
    let opened = open("topic").await;
    assert_eq!(opened.status, 201, "{}", opened.text);
    assert_eq!(
        (
            &opened.body["additions"],
            &opened.body["changed_files"],
            &opened.body["commits"]
        ),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(opened.body["number"], 2);
    assert!(
        open("octo:topic")
            .await
            .text
            .contains("A pull request already exists for octo:topic")
    );
    let head = bench
        .standin
        .push_commit("wanda", "topic", &[("new.txt", None)])
        .unwrap();
    let now = bench.send("GET", &format!("{PULLS}/2"), Some(&token), None).await;
    assert_eq!(
        (&now.body["head"]["sha"], &now.body["changed_files"]),
        (&json!(head), &json!(0))
    );
    let as_issue = bench
        .send("GET", &format!("{ISSUES}/2"), Some(&token), None)
        .await;
    assert!(as_issue.body["pull_request"].is_object());
    let listed = bench
        .send("GET", &format!("{ISSUES}?state=all"), Some(&token), None)
        .await;
    assert_eq!(listed.body.as_array().unwrap().len(), 2);
    let found = bench
        .send(
            "GET",
            &format!("{PULLS}?head=octo:topic&state=all"),
            Some(&token),
            None,
        )
        .await;
    assert_eq!(found.body.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn lists_come_in_pages_with_links_and_etags_save_a_body() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    for n in 0..5 {
        bench
            .standin
            .open_issue("octo", &format!("Issue {n}"), "")
            .unwrap();
    }
    let first = bench
        .send("GET", &format!("{ISSUES}?per_page=2"), Some(&token), None)
        .await;
    assert_eq!(first.body.as_array().unwrap().len(), 2);
    assert!(
        first.header("link").contains("page=2>; rel=\"next\""),
        "{}",
        first.header("link")
    );
    let last = bench
        .send("GET", &format!("{ISSUES}?per_page=2&page=3"), Some(&token), None)
        .await;
    assert_eq!(last.body.as_array().unwrap().len(), 1);
    assert!(!last.header("link").contains("next"));
    let again = bench
        .http
        .get(format!("{}{ISSUES}?per_page=2", bench.standin.api_url()))
        .bearer_auth(&token)
        .header("if-none-match", first.header("etag"))
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
}

#[tokio::test]
async fn those_who_ask_too_much_are_slowed() {
    let mut setup = Setup::sample();
    setup.limits.content_per_minute = Some(2);
    setup.limits.requests_per_hour = 6;
    let bench = Bench::with(setup).await;
    let token = bench.token().await;
    let create = async || {
        bench
            .send("POST", ISSUES, Some(&token), Some(json!({"title": "x"})))
            .await
    };
    assert_eq!(create().await.status, 201);
    assert_eq!(create().await.header("x-ratelimit-remaining"), "4");
    let slow = create().await;
    assert_eq!((slow.status, slow.header("retry-after")), (403, "60"));
    bench.clock.pass(Duration::from_secs(61));
    assert_eq!(create().await.status, 201);
    for _ in 0..2 {
        assert_eq!(bench.send("GET", ISSUES, Some(&token), None).await.status, 200);
    }
    let spent = bench.send("GET", ISSUES, Some(&token), None).await;
    assert_eq!((spent.status, spent.header("x-ratelimit-remaining")), (403, "0"));
}

#[tokio::test]
async fn a_renamed_repository_redirects_and_the_redirect_works() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench.standin.rename_repository("octo", "gadgets").unwrap();
    let moved = bench.send("GET", ISSUES, Some(&token), None).await;
    assert_eq!(moved.status, 301);
    let target = moved.header("location").replace(&bench.standin.api_url(), "");
    assert!(target.starts_with("/repositories/"), "{target}");
    assert_eq!(bench.send("GET", &target, Some(&token), None).await.status, 200);
    assert!(bench.standin.violations().is_empty());
}

#[tokio::test]
async fn a_manifest_becomes_an_app_once() {
    let bench = Bench::start().await;
    let manifest = json!({
        "name": "Signal Box", "url": "https://example.com", "redirect_url": "http://127.0.0.1:9/back",
        "hook_attributes": {"url": "http://127.0.0.1:9/webhook", "active": false},
        "default_permissions": {"issues": "write"}, "default_events": ["issues"],
    });
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("manifest", &manifest.to_string())
        .finish();
    let page = format!("{}/settings/apps/new?state=s1", bench.standin.url());
    let answer = bench
        .http
        .post(page)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    let back = url::Url::parse(&back).unwrap();
    let query: std::collections::BTreeMap<_, _> = back.query_pairs().into_owned().collect();
    assert_eq!(query["state"], "s1");
    let path = format!("/app-manifests/{}/conversions", query["code"]);
    let app = bench.send("POST", &path, None, None).await;
    assert_eq!((app.status, app.body["slug"].as_str()), (201, Some("signal-box")));
    assert!(
        app.body["pem"]
            .as_str()
            .unwrap()
            .starts_with("-----BEGIN RSA PRIVATE KEY")
    );
    assert_eq!(bench.send("POST", &path, None, None).await.status, 404);
}

#[tokio::test]
async fn graphql_collapses_comments_and_knows_when_they_were_edited() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let issue = bench.standin.open_issue("octo", "An issue", "").unwrap();
    let comment = bench.standin.comment("octo", issue, "first").unwrap();
    bench.clock.pass(Duration::from_secs(5));
    bench.standin.edit_comment("octo", comment, "second").unwrap();
    let node = format!("IC_{comment}");
    let ask = async |query: &str, variables: serde_json::Value| {
        let url = format!("{}/api/graphql", bench.standin.url());
        let body = json!({"query": query, "variables": variables}).to_string();
        let answer = bench
            .http
            .post(url)
            .bearer_auth(&token)
            .body(body)
            .send()
            .await
            .unwrap();
        serde_json::from_str::<serde_json::Value>(&answer.text().await.unwrap()).unwrap()
    };
    let done = ask(
        "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) \
         { minimizedComment { isMinimized minimizedReason } } }",
        json!({"id": node}),
    )
    .await;
    assert_eq!(
        done["data"]["minimizeComment"]["minimizedComment"]["minimizedReason"],
        "outdated"
    );
    let edited = ask(
        "query Q($o: String!, $r: String!, $n: Int!) { repository(owner: $o, name: $r) { issue(number: $n) { \
         comments(first: 10) { nodes { ... on IssueComment { databaseId lastEditedAt author { login } } } \
         pageInfo { hasNextPage endCursor } } } } }",
        json!({"o": "octo", "r": "widgets", "n": issue}),
    )
    .await;
    let first = &edited["data"]["repository"]["issue"]["comments"]["nodes"][0];
    assert_eq!(first["databaseId"], comment.0);
    assert!(first["lastEditedAt"].is_string(), "{edited}");
    let wrong = ask("{ viewer { shoeSize } }", json!({})).await;
    assert!(
        wrong["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("shoeSize")
    );
    assert_eq!(bench.standin.violations().len(), 1);
}
