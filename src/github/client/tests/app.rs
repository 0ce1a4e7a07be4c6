//! The calls about the App itself.

use serde_json::json;

use super::super::standin::{Reply, Standin};
use crate::model::{InstallationId, RepositoryName, Timestamp, UserId};

#[tokio::test]
async fn the_app_learns_who_it_is() {
    let standin = Standin::start(|seen| match seen.path.as_str() {
        "/app" => Reply::Json(
            200,
            json!({ "id": 12345, "slug": "foot", "name": "Foot", "html_url": "https://x" }),
        ),
        "/users/foot%5Bbot%5D" => Reply::Json(200, json!({ "id": 88, "login": "foot[bot]", "type": "Bot" })),
        "/repos/octo/widgets/installation" => Reply::Json(
            200,
            json!({ "id": 42, "account": { "login": "octo" }, "suspended_at": null }),
        ),
        _ => Reply::Json(404, json!({})),
    })
    .await;
    let bot = standin.client.bot(InstallationId(42)).await.expect("a bot");
    assert_eq!((bot.id, bot.login.as_str()), (UserId(88), "foot[bot]"));
    assert_eq!(standin.mints(), [json!({})], "a token for the whole installation");
    let name = RepositoryName::new("octo/widgets").expect("a name");
    let installation = standin
        .client
        .installation_of(&name)
        .await
        .expect("it is installed");
    assert_eq!(
        (installation.id, installation.suspended),
        (InstallationId(42), false)
    );
    assert!(
        standin
            .client
            .installation(InstallationId(1))
            .await
            .expect_err("gone")
            .is_not_found()
    );
}

#[tokio::test]
async fn missed_deliveries_are_listed_back_to_a_moment_and_asked_for_again() {
    let item = |id: u64, at: &str, code: u64| json!({ "id": id, "guid": format!("guid-{id}"), "delivered_at": at, "status_code": code, "event": "issues" });
    let standin = Standin::start(move |seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/app/hook/deliveries?per_page=100") => Reply::With(
            200,
            vec![(
                "link",
                "<https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_2%3D>; rel=\"next\""
                    .into(),
            )],
            json!([
                item(9, "2026-11-02T09:59:00Z", 202),
                item(8, "2026-11-02T09:58:00Z", 502)
            ])
            .to_string(),
        ),
        ("GET", "/app/hook/deliveries?per_page=100&cursor=v1_2%3D") => Reply::With(
            200,
            vec![(
                "link",
                "<https://x/app/hook/deliveries?cursor=v1_3>; rel=\"next\"".into(),
            )],
            json!([
                item(7, "2026-11-02T09:00:00Z", 0),
                item(6, "2026-11-01T09:00:00Z", 0)
            ])
            .to_string(),
        ),
        ("POST", "/app/hook/deliveries/8/attempts") => Reply::Json(202, json!({})),
        _ => Reply::Json(404, json!({})),
    })
    .await;
    let since = Timestamp::parse("2026-11-02T08:00:00Z").expect("a time");
    let missed = standin.client.hook_deliveries(since).await.expect("a list");
    let told: Vec<(u64, bool)> = missed.iter().map(|it| (it.id, it.succeeded)).collect();
    assert_eq!(told, [(9, true), (8, false), (7, false)]);
    standin.client.redeliver(8).await.expect("asked for");
    assert_eq!(standin.seen().len(), 3, "the third page is older than asked for");
}
