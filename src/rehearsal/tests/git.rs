//! Git over HTTP with the real git: good, bad and expired tokens, and what may not be pushed.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::client::{Bench, git};
use crate::rehearsal::{Fault, FaultRule, sample};

/// A clone, in a folder that lives as long as the first part.
async fn clone(bench: &Bench, token: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (ok, said) = git(dir.path(), &["clone", "-q", &bench.remote(Some(token)), "work"]).await;
    assert!(ok, "{said}");
    let work = dir.path().join("work");
    (dir, work)
}

async fn commit(work: &std::path::Path, file: &str, text: &str) {
    let path = work.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    git(work, &["add", "-A"]).await;
    let (ok, said) = git(work, &["commit", "-qm", "change"]).await;
    assert!(ok, "{said}");
}

#[tokio::test]
async fn a_private_repository_opens_to_good_tokens_only() {
    let bench = Bench::private().await;
    let dir = tempfile::tempdir().unwrap();
    let token = bench.token().await;
    let try_clone = async |token: Option<&str>, name: &str| {
        git(dir.path(), &["clone", "-q", &bench.remote(token), name]).await
    };
    assert!(!try_clone(None, "a").await.0);
    let (ok, said) = try_clone(Some("ghs_bad"), "b").await;
    assert!(!ok && said.contains("Authentication failed"), "{said}");
    assert!(try_clone(Some(&token), "c").await.0);
    assert!(dir.path().join("c/src/widgets.py").exists());
    bench.clock.pass(Duration::from_hours(1));
    assert!(!try_clone(Some(&token), "d").await.0, "an expired token");
    let narrow = bench
        .token_with(json!({"permissions": {"issues": "write"}}))
        .await;
    let (ok, said) = try_clone(Some(&narrow), "e").await;
    assert!(!ok && said.contains("403"), "{said}");
}

#[tokio::test]
async fn a_public_repository_is_cloned_by_anybody_and_pushed_to_by_writers() {
    let bench = Bench::start().await;
    let dir = tempfile::tempdir().unwrap();
    let (ok, said) = git(dir.path(), &["clone", "-q", &bench.remote(None), "work"]).await;
    assert!(ok, "{said}");
    let work = dir.path().join("work");
    commit(&work, "new.txt", "hello\n").await;
    assert!(
        !git(&work, &["push", "-q", "origin", "HEAD:refs/heads/topic"])
            .await
            .0
    );
    let reader = bench
        .token_with(json!({"permissions": {"contents": "read"}}))
        .await;
    let (ok, said) = git(
        &work,
        &[
            "push",
            "-q",
            &bench.remote(Some(&reader)),
            "HEAD:refs/heads/topic",
        ],
    )
    .await;
    assert!(
        !ok && said.contains("Permission to octo/widgets.git denied to footplate[bot]"),
        "{said}"
    );
    let token = bench.token().await;
    let (ok, said) = git(
        &work,
        &["push", "-q", &bench.remote(Some(&token)), "HEAD:refs/heads/topic"],
    )
    .await;
    assert!(ok, "{said}");
    let file = bench
        .send(
            "GET",
            "/repos/octo/widgets/contents/new.txt?ref=topic",
            Some(&token),
            None,
        )
        .await;
    assert_eq!(file.body["content"], "aGVsbG8K\n");
}

#[tokio::test]
async fn what_the_api_commits_git_fetches() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let (_dir, work) = clone(&bench, &token).await;
    let sha = bench
        .standin
        .push_commit("wanda", "topic", &[("x/y.txt", Some("z"))])
        .unwrap();
    let (ok, said) = git(&work, &["fetch", "-q", "origin"]).await;
    assert!(ok, "{said}");
    let (_, found) = git(&work, &["rev-parse", "origin/topic"]).await;
    assert_eq!(found.trim(), sha);
}

#[tokio::test]
async fn a_stale_lease_and_a_non_fast_forward_are_refused() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let (_dir, work) = clone(&bench, &token).await;
    commit(&work, "a.txt", "mine\n").await;
    let ours = "HEAD:refs/heads/topic";
    assert!(
        git(
            &work,
            &[
                "push",
                "-q",
                "--force-with-lease=refs/heads/topic:",
                "origin",
                ours
            ]
        )
        .await
        .0
    );
    bench
        .standin
        .push_commit("wanda", "topic", &[("b.txt", Some("hers\n"))])
        .unwrap();
    commit(&work, "a.txt", "mine again\n").await;
    let (ok, said) = git(&work, &["push", "origin", ours]).await;
    assert!(!ok && said.contains("rejected"), "{said}");
    let (_, old) = git(&work, &["rev-parse", "HEAD~1"]).await;
    let lease = format!("--force-with-lease=refs/heads/topic:{}", old.trim());
    let (ok, said) = git(&work, &["push", &lease, "origin", ours]).await;
    assert!(!ok && said.contains("stale info"), "{said}");
    let log = bench
        .standin
        .read(|w| w.git_requests.last().cloned().unwrap_or_default());
    assert!(log.contains("git:receive-pack"), "{log}");
}

#[tokio::test]
async fn protected_branches_workflows_and_large_files_are_refused_in_githubs_words() {
    let mut repository = sample::repository();
    repository.protected.push("main".to_owned());
    let bench = Bench::of(repository).await;
    let token = bench.token().await;
    let (_dir, work) = clone(&bench, &token).await;
    commit(&work, "a.txt", "x\n").await;
    let (ok, said) = git(&work, &["push", "origin", "HEAD:refs/heads/main"]).await;
    assert!(
        !ok && said.contains("GH006") && said.contains("protected branch hook declined"),
        "{said}"
    );
    let (ok, said) = git(&work, &["push", "origin", "HEAD:refs/pull/1/head"]).await;
    assert!(!ok && said.contains("deny updating a hidden ref"), "{said}");
    commit(&work, ".github/workflows/ci.yml", "on: push\n").await;
    let (ok, said) = git(&work, &["push", "origin", "HEAD:refs/heads/ci"]).await;
    assert!(!ok && said.contains("without `workflows` permission"), "{said}");
    git(&work, &["reset", "-q", "--hard", "origin/main"]).await;
    // Zeros: large on disk, small on the wire.
    let large = std::fs::File::create(work.join("big.bin")).unwrap();
    large.set_len(101 * 1024 * 1024).unwrap();
    git(&work, &["add", "-A"]).await;
    git(&work, &["commit", "-qm", "big"]).await;
    let (ok, said) = git(&work, &["push", "origin", "HEAD:refs/heads/big"]).await;
    assert!(
        !ok && said.contains("GH001") && said.contains("big.bin is 101.00 MB"),
        "{said}"
    );
    let refs = bench
        .send(
            "GET",
            "/repos/octo/widgets/git/matching-refs/heads/",
            Some(&token),
            None,
        )
        .await;
    assert_eq!(refs.body.as_array().unwrap().len(), 1, "only main: {}", refs.text);
}

#[tokio::test]
async fn a_push_that_was_done_but_answered_502_is_there() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let (_dir, work) = clone(&bench, &token).await;
    commit(&work, "a.txt", "x\n").await;
    bench
        .standin
        .fault(FaultRule::once("POST", "git:receive-pack", Fault::DoneBut(502)));
    let (ok, said) = git(&work, &["push", "origin", "HEAD:refs/heads/topic"]).await;
    assert!(!ok, "{said}");
    let branch = bench
        .send("GET", "/repos/octo/widgets/branches/topic", Some(&token), None)
        .await;
    assert_eq!(branch.status, 200);
}
