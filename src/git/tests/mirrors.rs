//! Mirrors: what is fetched, what is kept, what is read, what differs.

use super::*;
use crate::git::{CommitOrder, Error, Person, adopt_local};

#[tokio::test]
async fn branches_come_and_go_with_the_remote() {
    let ground = Ground::with_readme().await;
    let first = ground.head();
    ground.run(&ground.origin(), &["branch", "topic"]);
    let mirror = ground.mirror().await;
    assert_eq!(
        mirror.head_of(&branch("main")).await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(
        mirror.head_of(&branch("topic")).await.unwrap(),
        Some(first.clone())
    );
    // A branch that takes the name of another's folder, and one that was rewritten.
    ground.run(&ground.origin(), &["branch", "-m", "topic", "topic/deeper"]);
    ground.run(
        &ground.origin(),
        &["commit", "--quiet", "--amend", "-m", "rewritten"],
    );
    mirror.fetch(None).await.unwrap();
    assert_eq!(
        mirror.head_of(&branch("main")).await.unwrap(),
        Some(ground.head())
    );
    assert_eq!(mirror.head_of(&branch("topic")).await.unwrap(), None);
    assert_eq!(
        mirror.head_of(&branch("topic/deeper")).await.unwrap(),
        Some(first)
    );
}

#[tokio::test]
async fn snapshots_survive_fetching_pruning_and_the_collection_of_garbage() {
    let ground = Ground::with_readme().await;
    let worktree = ground.worktree().await;
    let mirror = worktree.mirror().clone();
    write(&worktree.path, "x.txt", "kept by name\n");
    let named = snapshot(&worktree).await.commit;
    mirror.hold("run/1/implement", &named).await.unwrap();
    worktree.reset(&ground.head()).await.unwrap();
    write(&worktree.path, "x.txt", "kept by its worktree\n");
    let newest = snapshot(&worktree).await.commit;
    let lost = mirror
        .commit(CommitOrder {
            tree_of: named.clone(),
            parents: vec![],
            author: Person::new("Ada", "ada@example.org").unwrap(),
            committer: Person::new("Ada", "ada@example.org").unwrap(),
            message: "held by nothing".to_owned(),
            at: NOW,
        })
        .await
        .unwrap();
    // The remote's history is replaced, so that nothing of it keeps the snapshots alive.
    ground.run(&ground.origin(), &["checkout", "--quiet", "--orphan", "other"]);
    ground.run(&ground.origin(), &["commit", "--quiet", "-m", "new history"]);
    ground.run(&ground.origin(), &["branch", "-D", "main"]);
    mirror.fetch(None).await.unwrap();
    mirror.tidy().await.unwrap();
    ground.run(&ground.at("mirror"), &["gc", "--quiet", "--prune=now"]);
    assert!(mirror.contains(&named).await.unwrap());
    assert!(mirror.contains(&newest).await.unwrap());
    assert!(
        !mirror.contains(&lost).await.unwrap(),
        "the collection did nothing, so it proves nothing"
    );
    assert_eq!(mirror.held("run/1/implement").await.unwrap(), Some(named.clone()));
    worktree.reset(&named).await.unwrap();
    assert_eq!(
        std::fs::read(worktree.path.join("x.txt")).unwrap(),
        b"kept by name\n"
    );
    ground.run(&ground.at("mirror"), &["fsck", "--strict"]);
}

#[tokio::test]
async fn commits_are_held_and_released_by_name() {
    let ground = Ground::with_readme().await;
    let mirror = ground.mirror().await;
    mirror.hold("run/a/plan", &ground.head()).await.unwrap();
    mirror.hold("run/b/plan", &ground.head()).await.unwrap();
    assert_eq!(
        mirror.all_held("run/a/").await.unwrap(),
        [("run/a/plan".to_owned(), ground.head())]
    );
    mirror.release("run/a/plan").await.unwrap();
    mirror.release("run/a/plan").await.unwrap();
    assert_eq!(mirror.held("run/a/plan").await.unwrap(), None);
    assert!(matches!(
        mirror.hold("../heads/main", &ground.head()).await,
        Err(Error::BadRefName { .. })
    ));
}

#[tokio::test]
async fn a_mirror_follows_a_renamed_repository() {
    let ground = Ground::with_readme().await;
    ground.mirror().await;
    std::fs::rename(ground.origin(), ground.at("renamed")).unwrap();
    let renamed = ground.at("renamed");
    let mirror = Mirror::open(&ground.git, &ground.at("mirror"), renamed.to_str().unwrap())
        .await
        .unwrap();
    mirror.fetch(None).await.unwrap();
    assert_eq!(mirror.remote(), renamed.to_str().unwrap());
}

#[tokio::test]
async fn a_missing_repository_is_said_to_be_gone() {
    let ground = Ground::with_readme().await;
    let mirror = ground.mirror().await;
    std::fs::rename(ground.origin(), ground.at("elsewhere")).unwrap();
    let error = mirror.fetch(None).await.unwrap_err();
    assert!(matches!(error, Error::Gone { .. }), "{error:?}");
}

#[tokio::test]
async fn configuration_is_read_at_a_pinned_commit_and_links_are_not_followed() {
    let ground = Ground::new().await;
    ground.file(".github/footplate.yml", "setup: []\n");
    ground.file(".github/footplate/workflows/b.yml", "b");
    ground.file(".github/footplate/workflows/a.yml", "a");
    ground.file(".github/footplate/workflows/deep/c.yml", "c");
    ground.file("large.yml", vec![b'#'; 2 << 20]);
    std::os::unix::fs::symlink("footplate.yml", ground.origin().join(".github/link.yml")).unwrap();
    std::os::unix::fs::symlink(".github", ground.origin().join("folder")).unwrap();
    let pinned = ground.commit("first");
    ground.file(".github/footplate.yml", "changed\n");
    ground.commit("second");
    let mirror = ground.mirror().await;
    let read = |path: &'static str| mirror.read(&pinned, path);
    assert_eq!(
        read(".github/footplate.yml").await.unwrap().unwrap(),
        b"setup: []\n"
    );
    assert_eq!(read(".github/none.yml").await.unwrap(), None);
    assert_eq!(read("folder/footplate.yml").await.unwrap(), None);
    assert_eq!(read(".github/../.github/footplate.yml").await.unwrap(), None);
    assert!(matches!(
        read(".github/link.yml").await,
        Err(Error::NotAFile {
            what: "a symbolic link",
            ..
        })
    ));
    assert!(matches!(
        read(".github").await,
        Err(Error::NotAFile { what: "a folder", .. })
    ));
    assert!(matches!(read("large.yml").await, Err(Error::TooLarge { .. })));
    assert_eq!(
        mirror.list(&pinned, ".github/footplate/workflows").await.unwrap(),
        ["a.yml", "b.yml"]
    );
    assert_eq!(mirror.list(&pinned, ".github/").await.unwrap(), ["footplate.yml"]);
    assert_eq!(mirror.list(&pinned, "").await.unwrap(), ["large.yml"]);
    assert_eq!(mirror.list(&pinned, "none").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn histories_are_compared() {
    let ground = Ground::with_readme().await;
    let base = ground.head();
    ground.file("a.txt", "a\n");
    let left = ground.commit("left");
    ground.run(
        &ground.origin(),
        &["checkout", "--quiet", "-b", "right", base.as_str()],
    );
    ground.file("b.txt", "b\n");
    let right = ground.commit("right");
    let mirror = ground.mirror().await;
    assert_eq!(
        mirror.merge_base(&left, &right).await.unwrap(),
        Some(base.clone())
    );
    assert!(mirror.is_ancestor(&base, &left).await.unwrap());
    assert!(mirror.is_ancestor(&left, &left).await.unwrap());
    assert!(!mirror.is_ancestor(&left, &right).await.unwrap());
    let touched = mirror.touched_between(&left, &right).await.unwrap();
    assert_eq!(
        touched.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["a.txt", "b.txt"]
    );
    assert_eq!(mirror.parents(&right).await.unwrap(), [base]);
}

#[tokio::test]
async fn the_same_order_makes_the_same_commit_and_git_reads_it_back() {
    let ground = Ground::with_readme().await;
    let mirror = ground.mirror().await;
    let order = CommitOrder {
        tree_of: ground.head(),
        parents: vec![ground.head()],
        author: Person::new("Grace <Hopper>\n", "grace@example.org").unwrap(),
        committer: Person::new("footplate[bot]", "1+footplate[bot]@users.noreply.github.com").unwrap(),
        message: "Add a thing\n\nCo-authored-by: Ada <ada@example.org>\n".to_owned(),
        at: NOW,
    };
    let one = mirror.commit(order.clone()).await.unwrap();
    let two = mirror.commit(order.clone()).await.unwrap();
    assert_eq!(one, two);
    let later = CommitOrder {
        at: Timestamp(NOW.0 + 1000),
        ..order
    };
    assert_ne!(mirror.commit(later).await.unwrap(), one);
    let shown = ground.run(
        &ground.at("mirror"),
        &[
            "show",
            "-s",
            "--format=%an|%ae|%cn|%at|%(trailers:only)",
            one.as_str(),
        ],
    );
    assert_eq!(
        shown.trim(),
        "Grace Hopper|grace@example.org|footplate[bot]|1790000000|Co-authored-by: Ada <ada@example.org>"
    );
    assert!(Person::new(" <> ", "x@example.org").is_err());
}

#[tokio::test]
async fn a_patch_brings_another_checkout_to_the_same_tree() {
    let ground = Ground::new().await;
    ground.file("text.txt", "one\ntwo\nthree\n");
    ground.file("no-newline.txt", "one");
    ground.file("image.bin", [0, 1, 2, 3, 255]);
    ground.file("gone.txt", "gone\n");
    ground.file("becomes-link", "file\n");
    let start = ground.commit("first");
    let worktree = ground.worktree().await;
    write(&worktree.path, "text.txt", "one\n2\nthree\n");
    write(&worktree.path, "no-newline.txt", "two");
    write(&worktree.path, "image.bin", [0, 9, 9, 9, 255, 0]);
    write(&worktree.path, "with space/ü\n.txt", "new\n");
    write(&worktree.path, "empty.txt", "");
    std::fs::remove_file(worktree.path.join("gone.txt")).unwrap();
    std::fs::remove_file(worktree.path.join("becomes-link")).unwrap();
    std::os::unix::fs::symlink("text.txt", worktree.path.join("becomes-link")).unwrap();
    let recorded = snapshot(&worktree).await;
    let patch = worktree.mirror().patch(&start, &recorded.commit).await.unwrap();
    std::fs::write(ground.at("patch"), &patch).unwrap();
    ground.run(
        &ground.origin(),
        &["apply", "--index", ground.at("patch").to_str().unwrap()],
    );
    let applied = ground.run(&ground.origin(), &["write-tree"]);
    let wanted = ground.run(
        &ground.at("mirror"),
        &["rev-parse", &format!("{}^{{tree}}", recorded.commit)],
    );
    assert_eq!(applied, wanted, "{}", String::from_utf8_lossy(&patch));
}

#[tokio::test]
async fn changes_count_lines_and_know_binary_content() {
    let ground = Ground::new().await;
    ground.file("text.txt", "one\ntwo\n");
    ground.file("moved.txt", "a\nb\nc\nd\n");
    ground.file("image.bin", [0, 1, 2]);
    ground.commit("first");
    let worktree = ground.worktree().await;
    write(&worktree.path, "text.txt", "one\n2\n3\n");
    write(&worktree.path, "image.bin", [0, 1, 2, 3]);
    std::fs::rename(worktree.path.join("moved.txt"), worktree.path.join("there.txt")).unwrap();
    let recorded = snapshot(&worktree).await;
    let changes = worktree
        .mirror()
        .changes(&recorded.parent, &recorded.commit)
        .await
        .unwrap();
    let told: Vec<String> = changes
        .iter()
        .map(|c| {
            let size = |side: &Option<crate::git::Entry>| side.as_ref().map(|entry| entry.bytes);
            format!(
                "{:?} {} +{} -{} {} {:?} {:?}",
                c.kind,
                c.path,
                c.additions,
                c.deletions,
                c.binary,
                size(&c.old),
                size(&c.new)
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "Modified image.bin +0 -0 true Some(3) Some(4)",
            "Deleted moved.txt +0 -4 false Some(8) None",
            "Modified text.txt +2 -1 false Some(8) Some(8)",
            "Added there.txt +4 -0 false None Some(8)",
        ]
    );
}

#[tokio::test]
async fn a_local_repository_is_worked_on_without_touching_what_is_checked_out() {
    use crate::git::{Expected, Push, Pushed};
    let ground = Ground::with_readme().await;
    let mark = ground.at("mark");
    for hook in [
        "pre-receive",
        "update",
        "post-receive",
        "reference-transaction",
        "post-update",
    ] {
        trap(&ground.origin().join(".git/hooks").join(hook), &mark);
    }
    ground.file("readme.txt", "not committed\n");
    ground.file("folder/inside.txt", "untracked\n");
    let adopted = adopt_local(&ground.git, &ground.origin().join("folder"), &ground.at("mirror"))
        .await
        .unwrap();
    assert_eq!(adopted.head, ground.head());
    assert_eq!(adopted.branch, Some(branch("main")));
    assert_eq!(adopted.uncommitted, Some(true));
    let worktree = adopted
        .mirror
        .worktree(&ground.at("work"), &adopted.head)
        .await
        .unwrap();
    assert_eq!(
        std::fs::read(worktree.path.join("readme.txt")).unwrap(),
        b"hello\n"
    );
    write(&worktree.path, "result.txt", "result\n");
    let commit = snapshot(&worktree).await.commit;
    let push = Push {
        branch: branch("footplate/1-result"),
        commit: commit.clone(),
        expected: Expected::Absent,
    };
    assert_eq!(adopted.mirror.push(&push, None).await.unwrap(), Pushed::Done);
    assert_eq!(
        adopted.mirror.push(&push, None).await.unwrap(),
        Pushed::AlreadyThere
    );
    assert_eq!(
        ground.run(&ground.origin(), &["rev-parse", "footplate/1-result"]),
        commit.as_str()
    );
    assert_eq!(
        ground.run(&ground.origin(), &["symbolic-ref", "HEAD"]),
        "refs/heads/main"
    );
    assert_eq!(
        std::fs::read(ground.origin().join("readme.txt")).unwrap(),
        b"not committed\n"
    );
    assert!(!mark.exists(), "a hook of the local repository ran");
    ground.run(&ground.origin(), &["fsck", "--strict"]);
}

#[tokio::test]
async fn local_repositories_of_every_shape_are_adopted() {
    let ground = Ground::with_readme().await;
    let first = ground.head();
    ground.file("second.txt", "2\n");
    let second = ground.commit("second");
    ground.run(
        &ground.origin(),
        &[
            "worktree",
            "add",
            "--quiet",
            "-b",
            "side",
            ground.at("linked").to_str().unwrap(),
            first.as_str(),
        ],
    );
    let linked = adopt_local(&ground.git, &ground.at("linked"), &ground.at("m1"))
        .await
        .unwrap();
    assert_eq!(
        (linked.head, linked.branch, linked.uncommitted),
        (first.clone(), Some(branch("side")), Some(false))
    );
    ground.run(&ground.origin(), &["checkout", "--quiet", "--detach"]);
    ground.run(
        &ground.origin(),
        &["commit", "--quiet", "--allow-empty", "-m", "on no branch"],
    );
    let detached = adopt_local(&ground.git, &ground.origin(), &ground.at("m2"))
        .await
        .unwrap();
    assert_eq!((&detached.head, &detached.branch), (&ground.head(), &None));
    detached
        .mirror
        .worktree(&ground.at("w2"), &detached.head)
        .await
        .unwrap();
    let address = format!("file://{}", ground.origin().display());
    ground.run(
        &ground.at(""),
        &[
            "clone", "--quiet", "--depth", "1", "--branch", "main", &address, "shallow",
        ],
    );
    let shallow = adopt_local(&ground.git, &ground.at("shallow"), &ground.at("m3"))
        .await
        .unwrap();
    assert_eq!(shallow.head, second);
    shallow
        .mirror
        .worktree(&ground.at("w3"), &shallow.head)
        .await
        .unwrap();
    std::fs::create_dir(ground.at("empty")).unwrap();
    ground.run(&ground.at("empty"), &["init", "--quiet"]);
    let empty = adopt_local(&ground.git, &ground.at("empty"), &ground.at("m4")).await;
    assert!(matches!(empty, Err(Error::Empty { .. })), "{empty:?}");
    std::fs::create_dir(ground.at("plain")).unwrap();
    let plain = adopt_local(&ground.git, &ground.at("plain"), &ground.at("m5")).await;
    assert!(matches!(plain, Err(Error::Gone { .. })), "{plain:?}");
}

#[tokio::test]
async fn repositories_of_another_user_are_worked_on() {
    use crate::git::{Expected, Push, Pushed};
    let mut ground = Ground::with_readme().await;
    // Git's own switch for its tests: it takes every repository for somebody else's.
    let environment = vec![("GIT_TEST_ASSUME_DIFFERENT_OWNER".into(), "1".into())];
    let settings = Settings {
        search_path: std::env::var_os("PATH"),
        environment,
        ..Settings::default()
    };
    ground.git = Git::find(settings).await.unwrap();
    let refused = person_s_git(&ground.origin(), &["status"])
        .env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
        .output()
        .unwrap();
    assert!(
        !refused.status.success(),
        "the switch does nothing, so this test proves nothing"
    );
    let adopted = adopt_local(&ground.git, &ground.origin(), &ground.at("adopted"))
        .await
        .unwrap();
    for mirror in [adopted.mirror, ground.mirror().await] {
        let at = ground.at("work");
        let worktree = mirror.worktree(&at, &ground.head()).await.unwrap();
        write(&worktree.path, "x.txt", "x\n");
        let commit = snapshot(&worktree).await.commit;
        let push = Push {
            branch: branch("out"),
            commit,
            expected: Expected::Absent,
        };
        assert!(matches!(
            mirror.push(&push, None).await.unwrap(),
            Pushed::Done | Pushed::AlreadyThere
        ));
        mirror.remove_worktree(&at).await.unwrap();
    }
}

/// What a killed process leaves: locks of refs, of the list of packed ones, of fetching, and half a file of ours.
const REMAINS: [&str; 6] = [
    "refs/footplate/runs/1.lock",
    "refs/remotes/origin/main.lock",
    "packed-refs.lock",
    "shallow.lock",
    "gc.pid",
    ".footplate-x1y2z3",
];

#[tokio::test]
async fn locks_that_a_killed_process_left_are_removed_by_the_next_one() {
    let ground = Ground::with_readme().await;
    drop(ground.mirror_of_another_process().await);
    for name in REMAINS {
        write(&ground.at("mirror"), name, "");
    }
    // A file of the remote may be called so; as a ref it cannot.
    let kept = "refs/footplate/worktrees/lock";
    write(&ground.at("mirror"), kept, format!("{}\n", ground.head()));
    ground.file("more.txt", "more\n");
    ground.commit("more");
    let (_git, mirror) = ground.mirror_of_another_process().await;
    mirror.fetch(None).await.unwrap();
    assert_eq!(
        mirror.head_of(&branch("main")).await.unwrap(),
        Some(ground.head())
    );
    mirror.hold("runs/1", &ground.head()).await.unwrap();
    mirror.release("runs/1").await.unwrap();
    for name in REMAINS {
        assert!(!ground.at("mirror").join(name).exists(), "{name} is left");
    }
    assert!(ground.at("mirror").join(kept).exists());
}

#[tokio::test]
async fn locks_in_a_mirror_that_another_process_uses_are_left_alone() {
    let ground = Ground::with_readme().await;
    let _used = ground.mirror().await;
    for name in REMAINS {
        write(&ground.at("mirror"), name, "");
    }
    let _second = ground.mirror_of_another_process().await;
    for name in REMAINS {
        assert!(ground.at("mirror").join(name).exists(), "{name} was taken away");
    }
}
