//! Pushing: the lease, the remote's refusals, and what a commit may not bring.

use super::*;
use crate::git::{Error, Expected, Offence, Push, Pushed, Rules, policy};

/// A mirror of a bare `remote`, a snapshot to push, and another commit that a person pushed.
async fn scene() -> (Ground, Mirror, CommitId, CommitId) {
    let ground = Ground::with_readme().await;
    ground.run(
        &ground.at(""),
        &["clone", "--quiet", "--bare", "origin", "remote"],
    );
    ground.run(
        &ground.origin(),
        &["remote", "add", "origin", ground.at("remote").to_str().unwrap()],
    );
    let mirror = Mirror::open(
        &ground.git,
        &ground.at("mirror"),
        ground.at("remote").to_str().unwrap(),
    )
    .await
    .unwrap();
    mirror.fetch(None).await.unwrap();
    let worktree = mirror.worktree(&ground.at("work"), &ground.head()).await.unwrap();
    write(&worktree.path, "work.txt", "work\n");
    let first = snapshot(&worktree).await.commit;
    write(&worktree.path, "work.txt", "more work\n");
    let second = snapshot(&worktree).await.commit;
    (ground, mirror, first, second)
}

fn order(commit: &CommitId, expected: Expected) -> Push {
    Push {
        branch: branch("footplate/1-x"),
        commit: commit.clone(),
        expected,
    }
}

#[tokio::test]
async fn a_first_push_makes_the_branch_and_a_later_one_moves_it() {
    let (ground, mirror, first, second) = scene().await;
    let name = branch("footplate/1-x");
    assert_eq!(mirror.remote_head(&name, None).await.unwrap(), None);
    assert_eq!(
        mirror.push(&order(&first, Expected::Absent), None).await.unwrap(),
        Pushed::Done
    );
    assert_eq!(
        mirror.push(&order(&first, Expected::Absent), None).await.unwrap(),
        Pushed::AlreadyThere
    );
    assert_eq!(
        mirror.remote_head(&name, None).await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(mirror.head_of(&name).await.unwrap(), Some(first.clone()));
    assert_eq!(
        mirror
            .push(&order(&second, Expected::At(first.clone())), None)
            .await
            .unwrap(),
        Pushed::Done
    );
    // Back again: a replan starts over from the base, which is no fast-forward.
    assert_eq!(
        mirror
            .push(&order(&first, Expected::At(second)), None)
            .await
            .unwrap(),
        Pushed::Done
    );
    assert_eq!(
        ground.run(&ground.at("remote"), &["rev-parse", "footplate/1-x"]),
        first.as_str()
    );
}

#[tokio::test]
async fn a_person_s_commit_is_never_overwritten() {
    let (ground, mirror, first, second) = scene().await;
    mirror.push(&order(&first, Expected::Absent), None).await.unwrap();
    ground.run(&ground.origin(), &["fetch", "--quiet", "origin"]);
    ground.run(
        &ground.origin(),
        &[
            "checkout",
            "--quiet",
            "-b",
            "footplate/1-x",
            "origin/footplate/1-x",
        ],
    );
    ground.file("person.txt", "mine\n");
    let theirs = ground.commit("a person's");
    ground.run(&ground.origin(), &["push", "--quiet", "origin", "footplate/1-x"]);
    let moved = Pushed::Moved {
        found: Some(theirs.clone()),
    };
    assert_eq!(
        mirror
            .push(&order(&second, Expected::At(first.clone())), None)
            .await
            .unwrap(),
        moved
    );
    assert_eq!(
        mirror
            .push(&order(&second, Expected::Absent), None)
            .await
            .unwrap(),
        moved
    );
    // Also when our own mirror has seen the person's commit in the meantime.
    mirror.fetch(None).await.unwrap();
    assert_eq!(
        mirror
            .push(&order(&second, Expected::At(first)), None)
            .await
            .unwrap(),
        moved
    );
    assert_eq!(
        ground.run(&ground.at("remote"), &["rev-parse", "footplate/1-x"]),
        theirs.as_str()
    );
}

#[tokio::test]
async fn a_branch_that_was_deleted_is_not_made_again_unasked() {
    let (ground, mirror, first, second) = scene().await;
    mirror.push(&order(&first, Expected::Absent), None).await.unwrap();
    ground.run(&ground.at("remote"), &["branch", "-D", "footplate/1-x"]);
    let gone = mirror
        .push(&order(&second, Expected::At(first)), None)
        .await
        .unwrap();
    assert_eq!(gone, Pushed::Moved { found: None });
}

#[tokio::test]
async fn a_refusal_of_the_remote_is_told_in_its_own_words() {
    use std::os::unix::fs::PermissionsExt;
    let (ground, mirror, first, _) = scene().await;
    let hook = ground.at("remote/hooks/pre-receive");
    std::fs::write(
        &hook,
        "#!/bin/sh\necho 'GH006: Protected branch update failed.' >&2\nexit 1\n",
    )
    .unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let refused = mirror.push(&order(&first, Expected::Absent), None).await.unwrap();
    assert_eq!(
        refused,
        Pushed::Refused {
            message: "GH006: Protected branch update failed.\npre-receive hook declined".to_owned()
        }
    );
    assert_eq!(
        mirror.remote_head(&branch("footplate/1-x"), None).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn two_pushes_at_once_leave_one_winner_and_one_who_knows() {
    let (_ground, mirror, first, second) = scene().await;
    let (one, other) = (order(&first, Expected::Absent), order(&second, Expected::Absent));
    let (one, other) = tokio::join!(mirror.push(&one, None), mirror.push(&other, None));
    let (one, other) = (one.unwrap(), other.unwrap());
    let lost = |end: &Pushed| matches!(end, Pushed::Moved { found: Some(_) });
    assert!(
        (one == Pushed::Done && lost(&other)) || (other == Pushed::Done && lost(&one)),
        "{one:?} and {other:?}"
    );
}

#[tokio::test]
async fn an_unreachable_remote_is_a_passing_trouble() {
    let (ground, _, first, _) = scene().await;
    // A port that was free a moment ago, with nobody behind it.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let address = format!("http://127.0.0.1:{port}/a/b.git");
    let mirror = Mirror::open(&ground.git, &ground.at("mirror"), &address)
        .await
        .unwrap();
    for error in [
        mirror.fetch(None).await.unwrap_err(),
        mirror
            .push(&order(&first, Expected::Absent), None)
            .await
            .unwrap_err(),
        mirror.remote_head(&branch("main"), None).await.unwrap_err(),
    ] {
        assert!(
            matches!(error, Error::Unreachable { .. }) && error.is_transient(),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn every_forbidden_change_is_named_in_a_sentence() {
    let ground = Ground::with_readme().await;
    let pinned = ground.head();
    ground.file("old-link-target.txt", "x\n");
    ground.commit("second");
    let worktree = ground.worktree().await;
    let link =
        |name: &str, target: &str| std::os::unix::fs::symlink(target, worktree.path.join(name)).unwrap();
    write(&worktree.path, "src/ok.txt", "fine\n");
    write(&worktree.path, "other.txt", "outside\n");
    write(&worktree.path, ".GitHub/Workflows/ci.yml", "on: push\n");
    write(&worktree.path, "src/CODEOWNERS", "* @me\n");
    write(&worktree.path, bytes(b"src/latin\xe9.txt"), "x\n");
    write(&worktree.path, ".gitmodules", "");
    link("src/absolute", "/etc/passwd");
    link("src/up", "../../outside");
    link("src/winding", "ok.txt/../../..");
    link("src/fine", "../readme.txt");
    link("src/git", "../.git/config");
    let recorded = snapshot(&worktree).await;
    // A submodule, and a file of ours, that no snapshot would hold: made with git's own tools.
    ground.run(&worktree.path, &["read-tree", recorded.commit.as_str()]);
    ground.run(
        &worktree.path,
        &[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{pinned},src/module"),
        ],
    );
    let blob = ground.run(&worktree.path, &["hash-object", "-w", "readme.txt"]);
    ground.run(
        &worktree.path,
        &[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("100644,{blob},.footplate/plan.md"),
        ],
    );
    let tree = ground.run(&worktree.path, &["write-tree"]);
    let commit = ground.run(&worktree.path, &["commit-tree", &tree, "-m", "planted"]);
    let commit = CommitId::new(commit).unwrap();
    let changes = worktree
        .mirror()
        .changes(&recorded.parent, &commit)
        .await
        .unwrap();
    let rules = Rules {
        scope: |path: &str| path.starts_with("src/") || path.starts_with('.'),
        protected: |path: &str| path.ends_with("CODEOWNERS"),
        workflows: false,
    };
    let told: Vec<String> = policy(&changes, &rules).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            ".GitHub/Workflows/ci.yml changes what continuous integration runs; a person must do that.",
            ".footplate/plan.md lies in the folder for artifacts, which is no part of the work.",
            ".gitmodules lists submodules; a person must change that.",
            "other.txt is not among the plan's files.",
            "src/CODEOWNERS is protected and may not change.",
            "src/absolute is a link to /etc/passwd, which leads out of the repository or may do so.",
            "src/git is or leads into a git directory.",
            "src/latin\\xe9.txt has a name that is not UTF-8, which no plan can allow.",
            "src/module is a submodule; Footplate does not add or move those.",
            "src/up is a link to ../../outside, which leads out of the repository or may do so.",
            "src/winding is a link to ok.txt/../../.., which leads out of the repository or may do so.",
        ]
    );
}

#[test]
fn a_file_beyond_github_s_limit_is_named_with_its_size() {
    use crate::git::{Change, ChangeKind, Entry, EntryKind, TreePath};
    let change = Change {
        path: TreePath::new("src/huge.bin"),
        kind: ChangeKind::Added,
        old: None,
        new: Some(Entry {
            kind: EntryKind::File,
            bytes: (100 << 20) + 1,
        }),
        additions: 0,
        deletions: 0,
        binary: true,
    };
    let rules = Rules {
        scope: |_: &str| true,
        protected: |_: &str| false,
        workflows: false,
    };
    let found = policy(&[change], &rules);
    assert_eq!(found.len(), 1);
    assert!(matches!(found[0].offence, Offence::TooLarge { .. }));
    assert_eq!(
        found[0].to_string(),
        "src/huge.bin has 101 MB; GitHub takes at most 100 MB per file."
    );
}
