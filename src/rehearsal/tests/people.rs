//! People may do what their role allows, and pages show what they did.

use super::client::Bench;
use crate::rehearsal::world::{RepositoryRole, ReviewState};
use crate::rehearsal::{CloseOrder, Refused};

#[tokio::test]
async fn a_role_that_is_too_low_is_refused() {
    let bench = Bench::start().await;
    let hub = &bench.standin;
    let issue = hub.open_issue("outsider", "Hello", "").unwrap();
    assert!(matches!(
        hub.label("outsider", issue, "bug"),
        Err(Refused::Role { .. })
    ));
    assert!(matches!(
        hub.label("rhea", issue, "bug"),
        Err(Refused::Role { .. })
    ));
    hub.set_role("rhea", RepositoryRole::Triage);
    hub.label("rhea", issue, "bug").unwrap();
    assert!(matches!(
        hub.push_commit("tristan", "x", &[("a", Some("b"))]),
        Err(Refused::Role { .. })
    ));
    assert!(matches!(
        hub.rename_repository("wanda", "y"),
        Err(Refused::Role { .. })
    ));
    assert!(matches!(
        hub.comment("nobody", issue, "hi"),
        Err(Refused::Nobody(_))
    ));
    hub.push_commit("wanda", "topic", &[("a", Some("b"))]).unwrap();
    let pull = hub.open_pull("wanda", "topic", "main", "A change", "").unwrap();
    let own = hub.review("wanda", pull, ReviewState::Approved, "", &[]);
    assert!(matches!(own, Err(Refused::Problem(p)) if p.status == 422));
    hub.push_commit("octo", "main", &[("a", Some("conflict"))])
        .unwrap();
    let conflict = hub.merge_pull("octo", pull, CloseOrder::default());
    assert!(matches!(conflict, Err(Refused::Problem(p)) if p.message == "Merge conflict"));
}

#[tokio::test]
async fn a_deleted_branch_closes_its_pull_request() {
    let bench = Bench::start().await;
    let hub = &bench.standin;
    hub.push_commit("wanda", "topic", &[("a", Some("b"))]).unwrap();
    let pull = hub.open_pull("wanda", "topic", "main", "A change", "").unwrap();
    hub.force_push("wanda", "topic", None).unwrap();
    assert!(!hub.read(|w| w.first_repository().threads[&pull].open));
}

#[tokio::test]
async fn pages_show_issue_and_pull_request() {
    let bench = Bench::start().await;
    let hub = &bench.standin;
    let issue = hub
        .open_issue("octo", "Hello <b>", "**Bold** <script>x</script>")
        .unwrap();
    hub.comment("wanda", issue, "```mermaid\ngraph LR\n```").unwrap();
    hub.push_commit("wanda", "topic", &[("a.txt", Some("added line\n"))])
        .unwrap();
    let pull = hub.open_pull("wanda", "topic", "main", "A change", "").unwrap();
    let get = async |path: String| {
        let answer = bench
            .http
            .get(format!("{}{path}", hub.url()))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, page) = get(format!("/octo/widgets/issues/{issue}")).await;
    assert_eq!(status, 200);
    assert!(
        page.contains("<strong>Bold</strong>") && page.contains("graph LR"),
        "{page}"
    );
    assert!(
        page.contains("Hello &lt;b&gt;") && !page.contains("<script"),
        "{page}"
    );
    let (_, page) = get(format!("/octo/widgets/pull/{pull}")).await;
    assert!(page.contains("A change"), "{page}");
    let (_, page) = get(format!("/octo/widgets/pull/{pull}/files")).await;
    assert!(page.contains("+added line"), "{page}");
    assert_eq!(get("/octo/widgets/issues/99".to_owned()).await.0, 404);
}
