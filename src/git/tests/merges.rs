//! Two lines of work put together.

use super::*;
use crate::git::{Error, TreePath};

/// Two snapshots on the same base, each with one file written.
async fn two(one: (&str, &str), other: (&str, &str)) -> (Ground, Mirror, CommitId, CommitId) {
    let ground = Ground::with_readme().await;
    let mirror = ground.mirror().await;
    let base = ground.head();
    let mut commits = Vec::new();
    for (place, (name, content)) in [("one", one), ("other", other)] {
        let worktree = mirror.worktree(&ground.at(place), &base).await.unwrap();
        write(&worktree.path, name, content);
        commits.push(snapshot(&worktree).await.commit);
    }
    let other = commits.pop().unwrap();
    (ground, mirror, commits.pop().unwrap(), other)
}

#[tokio::test]
async fn work_on_different_files_goes_together_and_the_same_way_each_time() {
    let (ground, mirror, one, other) = two(("a.txt", "a\n"), ("b.txt", "b\n")).await;
    let merged = mirror.merge(&one, &other, "together", NOW).await.unwrap();
    assert!(merged.conflicts.is_empty());
    assert_eq!(merged, mirror.merge(&one, &other, "together", NOW).await.unwrap());
    for (name, content) in [("a.txt", "a\n"), ("b.txt", "b\n")] {
        let found = mirror.read(&merged.commit, name).await.unwrap();
        assert_eq!(found.as_deref(), Some(content.as_bytes()));
    }
    assert_eq!(mirror.parents(&merged.commit).await.unwrap(), [one]);
    drop(ground);
}

#[tokio::test]
async fn a_conflict_names_the_file_and_leaves_gits_marks_in_it() {
    let (ground, mirror, one, other) = two(("a.txt", "mine\n"), ("a.txt", "theirs\n")).await;
    let merged = mirror.merge(&one, &other, "together", NOW).await.unwrap();
    assert_eq!(merged.conflicts, [TreePath::new(*b"a.txt")]);
    let text = mirror.read(&merged.commit, "a.txt").await.unwrap().unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("<<<<<<<") && text.contains("mine") && text.contains("theirs"),
        "{text}"
    );
    drop(ground);
}

#[tokio::test]
async fn a_merge_driver_that_work_names_is_not_run() {
    let driver = "*.txt merge=planted\n";
    let (ground, mirror, one, other) = two((".gitattributes", driver), ("b.txt", "b\n")).await;
    let mark = ground.at("planted");
    let command = format!("merge.planted.driver=touch {}", mark.display());
    let (key, value) = command.split_once('=').unwrap();
    ground.run(mirror.path(), &["config", key, value]);
    let _ = mirror.merge(&one, &other, "together", NOW).await;
    assert!(!mark.exists());
}

#[tokio::test]
async fn a_commit_that_is_not_there_is_said_to_be_missing() {
    let (_ground, mirror, one, _) = two(("a.txt", "a\n"), ("b.txt", "b\n")).await;
    let nowhere = CommitId::new("1".repeat(40)).unwrap();
    let refused = mirror.merge(&one, &nowhere, "together", NOW).await;
    assert!(matches!(refused, Err(Error::UnknownCommit(_))), "{refused:?}");
}
