//! What a snapshot holds, for everything that makes staging hard.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::git::{ChangeKind, EntryKind, SnapshotFinding};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

#[tokio::test]
async fn an_untouched_worktree_changes_nothing() {
    let ground = Ground::with_readme().await;
    let worktree = ground.worktree().await;
    let snapshot = snapshot(&worktree).await;
    assert!(!snapshot.changed);
    assert_eq!(snapshot.commit, snapshot.parent);
    assert_eq!(snapshot.findings, []);
}

#[tokio::test]
async fn new_changed_and_removed_files_are_recorded_and_ignored_ones_are_not() {
    let ground = Ground::new().await;
    ground.file(".gitignore", "*.log\n");
    ground.file("a.txt", "a\n");
    ground.file("b.txt", "b\n");
    ground.commit("first");
    let worktree = ground.worktree().await;
    write(&worktree.path, "a.txt", "a2\n");
    std::fs::remove_file(worktree.path.join("b.txt")).unwrap();
    write(&worktree.path, "deep/c.txt", "c\n");
    write(&worktree.path, "noise.log", "noise\n");
    write(&worktree.path, ".footplate/plan.md", "plan\n");
    let snapshot = snapshot(&worktree).await;
    assert_eq!(
        changed(&worktree, &snapshot).await,
        ["Modified a.txt", "Deleted b.txt", "Added deep/c.txt"]
    );
    assert_eq!(
        ground.run(&worktree.path, &["status", "--porcelain"]),
        "",
        "the agent's view is clean"
    );
}

#[tokio::test]
async fn snapshots_follow_one_another_and_have_the_same_id_for_the_same_work() {
    let ground = Ground::with_readme().await;
    let mirror = ground.mirror().await;
    let mut ids = Vec::new();
    for place in ["one", "two"] {
        let worktree = mirror.worktree(&ground.at(place), &ground.head()).await.unwrap();
        write(&worktree.path, "x.txt", "1\n");
        let first = snapshot(&worktree).await;
        write(&worktree.path, "x.txt", "2\n");
        let second = snapshot(&worktree).await;
        assert_eq!(second.parent, first.commit);
        ids.push((first.commit, second.commit));
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_pointer_to_a_large_file_stays_a_pointer() {
    let ground = Ground::new().await;
    ground.file(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    ground.file("big.bin", POINTER);
    ground.file("other.bin", POINTER);
    ground.commit("first");
    let worktree = ground.worktree().await;
    assert_eq!(
        std::fs::read_to_string(worktree.path.join("big.bin")).unwrap(),
        POINTER
    );
    write(&worktree.path, "other.bin", POINTER.replace("12345", "777"));
    let snapshot = snapshot(&worktree).await;
    assert_eq!(changed(&worktree, &snapshot).await, ["Modified other.bin"]);
    assert_eq!(ground.content(&snapshot.commit, "big.bin"), POINTER.as_bytes());
}

#[tokio::test]
async fn utf_16_files_are_checked_out_and_recorded_in_git_s_own_way() {
    let ground = Ground::new().await;
    let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    ground.file(
        ".gitattributes",
        "*.rc text working-tree-encoding=UTF-16LE eol=lf\n",
    );
    ground.file("app.rc", utf16("grüße\n"));
    ground.commit("first");
    let worktree = ground.worktree().await;
    assert_eq!(
        std::fs::read(worktree.path.join("app.rc")).unwrap(),
        utf16("grüße\n")
    );
    write(&worktree.path, "app.rc", utf16("grüße 2\n"));
    let snapshot = snapshot(&worktree).await;
    assert_eq!(ground.content(&snapshot.commit, "app.rc"), "grüße 2\n".as_bytes());
}

#[tokio::test]
async fn a_file_that_breaks_its_promised_encoding_is_a_finding_and_the_rest_is_recorded() {
    let ground = Ground::new().await;
    ground.file(".gitattributes", "*.rc text working-tree-encoding=UTF-16\n");
    ground.file("readme.txt", "hello\n");
    ground.commit("first");
    let worktree = ground.worktree().await;
    write(&worktree.path, "it's odd.rc", "no byte order mark\n");
    write(&worktree.path, "readme.txt", "hello again\n");
    let snapshot = snapshot(&worktree).await;
    assert_eq!(changed(&worktree, &snapshot).await, ["Modified readme.txt"]);
    assert!(
        matches!(&snapshot.findings[..], [SnapshotFinding::NotStaged { path, .. }] if path.as_str() == Some("it's odd.rc")),
        "{:?}",
        snapshot.findings
    );
}

#[tokio::test]
async fn line_ends_follow_the_attributes_and_nothing_else() {
    let ground = Ground::new().await;
    ground.file(".gitattributes", "*.bat text eol=crlf\n*.txt text\n");
    ground.file("run.bat", "echo 1\r\n");
    ground.file("note.txt", "one\n");
    ground.file("raw.dat", "one\r\n");
    ground.commit("first");
    let worktree = ground.worktree().await;
    assert_eq!(
        std::fs::read(worktree.path.join("run.bat")).unwrap(),
        b"echo 1\r\n"
    );
    assert!(!snapshot(&worktree).await.changed);
    write(&worktree.path, "run.bat", "echo 2\r\n");
    write(&worktree.path, "note.txt", "two\r\n");
    write(&worktree.path, "raw.dat", "two\r\n");
    let snapshot = snapshot(&worktree).await;
    assert_eq!(ground.content(&snapshot.commit, "run.bat"), b"echo 2\n");
    assert_eq!(ground.content(&snapshot.commit, "note.txt"), b"two\n");
    assert_eq!(ground.content(&snapshot.commit, "raw.dat"), b"two\r\n");
}

#[tokio::test]
async fn the_executable_bit_is_recorded() {
    let ground = Ground::new().await;
    ground.file("run.sh", "#!/bin/sh\n");
    ground.commit("first");
    let worktree = ground.worktree().await;
    std::fs::set_permissions(
        worktree.path.join("run.sh"),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let snapshot = snapshot(&worktree).await;
    let changes = worktree
        .mirror()
        .changes(&snapshot.parent, &snapshot.commit)
        .await
        .unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].kind, ChangeKind::Modified);
    assert_eq!(changes[0].old.as_ref().unwrap().kind, EntryKind::File);
    assert_eq!(changes[0].new.as_ref().unwrap().kind, EntryKind::Executable);
}

#[tokio::test]
async fn links_are_recorded_as_links_and_never_followed() {
    let ground = Ground::with_readme().await;
    write(&ground.at("outside"), "secret.txt", "secret\n");
    let worktree = ground.worktree().await;
    symlink(ground.at("outside"), worktree.path.join("folder")).unwrap();
    std::fs::remove_file(worktree.path.join("readme.txt")).unwrap();
    symlink("folder/secret.txt", worktree.path.join("readme.txt")).unwrap();
    let snapshot = snapshot(&worktree).await;
    assert_eq!(
        changed(&worktree, &snapshot).await,
        ["Added folder", "TypeChanged readme.txt"]
    );
    let changes = worktree
        .mirror()
        .changes(&snapshot.parent, &snapshot.commit)
        .await
        .unwrap();
    assert_eq!(
        changes[1].new.as_ref().unwrap().kind,
        EntryKind::Link(b"folder/secret.txt".to_vec())
    );
    worktree.reset(&snapshot.parent).await.unwrap();
    assert_eq!(listing(&worktree.path), ["readme.txt"]);
    assert_eq!(
        std::fs::read_to_string(ground.at("outside").join("secret.txt")).unwrap(),
        "secret\n"
    );
}

#[tokio::test]
async fn a_submodule_stays_at_its_commit_whatever_is_put_into_its_folder() {
    let ground = Ground::with_readme().await;
    let pinned = ground.head();
    ground.file(
        ".gitmodules",
        "[submodule \"lib\"]\n\tpath = lib\n\turl = https://example.org/lib\n",
    );
    ground.run(
        &ground.origin(),
        &[
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("160000,{pinned},lib"),
        ],
    );
    ground.run(&ground.origin(), &["add", ".gitmodules"]);
    ground.run(&ground.origin(), &["commit", "--quiet", "-m", "submodule"]);
    let worktree = ground.worktree().await;
    ground.run(&worktree.path.join("lib"), &["init", "--quiet"]);
    write(&worktree.path, "lib/new.txt", "new\n");
    ground.run(&worktree.path.join("lib"), &["add", "."]);
    ground.run(&worktree.path.join("lib"), &["commit", "--quiet", "-m", "inside"]);
    write(&worktree.path, "readme.txt", "changed\n");
    let snapshot = snapshot(&worktree).await;
    assert_eq!(changed(&worktree, &snapshot).await, ["Modified readme.txt"]);
    worktree.reset(&snapshot.parent).await.unwrap();
    assert_eq!(listing(&worktree.path), [".gitmodules", "lib", "readme.txt"]);
}

#[tokio::test]
async fn a_nested_repository_is_a_finding_and_is_never_staged() {
    let ground = Ground::new().await;
    ground.file(".gitignore", "vendor/\n");
    ground.file("src/tracked.txt", "1\n");
    ground.commit("first");
    let worktree = ground.worktree().await;
    for place in ["nested", "vendor/package", "src"] {
        write(&worktree.path, format!("{place}/inner.txt"), "inner\n");
        ground.run(&worktree.path.join(place), &["init", "--quiet"]);
        ground.run(&worktree.path.join(place), &["add", "inner.txt"]);
        ground.run(&worktree.path.join(place), &["commit", "--quiet", "-m", "inner"]);
    }
    std::fs::create_dir(worktree.path.join("bare")).unwrap();
    ground.run(&worktree.path.join("bare"), &["init", "--quiet", "--bare"]);
    write(&worktree.path, "outer.txt", "outer\n");
    let snapshot = snapshot(&worktree).await;
    assert_eq!(changed(&worktree, &snapshot).await, ["Added outer.txt"]);
    let findings: Vec<String> = snapshot.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        findings,
        [
            "bare is a repository of its own; nothing in it was taken over.",
            "nested is a repository of its own; nothing in it was taken over.",
            "src is a repository of its own; nothing in it was taken over.",
        ]
    );
    worktree.reset(&snapshot.parent).await.unwrap();
    assert_eq!(listing(&worktree.path), [".gitignore", "src", "src/tracked.txt"]);
}

#[tokio::test]
async fn a_sparse_cone_loses_nothing_outside_and_takes_what_is_made_there() {
    let ground = Ground::new().await;
    for name in ["root.txt", "in/a.txt", "in/deep/b.txt", "out/c.txt", "out/d.txt"] {
        ground.file(name, "1\n");
    }
    ground.commit("first");
    let mirror = ground.mirror().await;
    let worktree = mirror
        .sparse_worktree(&ground.at("work"), &ground.head(), &["in/deep"])
        .await
        .unwrap();
    assert_eq!(
        listing(&worktree.path),
        ["in", "in/a.txt", "in/deep", "in/deep/b.txt", "root.txt"]
    );
    assert!(!snapshot(&worktree).await.changed);
    write(&worktree.path, "in/deep/b.txt", "2\n");
    write(&worktree.path, "out/new.txt", "2\n");
    write(&worktree.path, "out/c.txt", "2\n");
    let first = snapshot(&worktree).await;
    assert_eq!(
        changed(&worktree, &first).await,
        [
            "Modified in/deep/b.txt",
            "Modified out/c.txt",
            "Added out/new.txt"
        ]
    );
    worktree.reset(&first.parent).await.unwrap();
    assert_eq!(
        listing(&worktree.path),
        ["in", "in/a.txt", "in/deep", "in/deep/b.txt", "root.txt"]
    );
    assert!(!snapshot(&worktree).await.changed);
}

#[tokio::test]
async fn tracked_files_are_recorded_although_they_are_ignored() {
    let ground = Ground::new().await;
    ground.file(".gitignore", "build/\n*.gen\n");
    ground.file("build/kept.txt", "1\n");
    ground.file("x.gen", "1\n");
    ground.file("y.gen", "1\n");
    ground.commit("first");
    let worktree = ground.worktree().await;
    write(&worktree.path, "build/kept.txt", "2\n");
    write(&worktree.path, "build/new.txt", "2\n");
    write(&worktree.path, "x.gen", "2\n");
    std::fs::remove_file(worktree.path.join("y.gen")).unwrap();
    let snapshot = snapshot(&worktree).await;
    assert_eq!(
        changed(&worktree, &snapshot).await,
        ["Modified build/kept.txt", "Modified x.gen", "Deleted y.gen"]
    );
}

#[tokio::test]
async fn a_repository_s_own_files_in_the_artifact_folder_stay_as_they_were() {
    let ground = Ground::new().await;
    ground.file(".footplate/theirs.md", "theirs\n");
    ground.file(".footplate/plan.md", "theirs\n");
    ground.file("readme.txt", "hello\n");
    ground.commit("first");
    let worktree = ground.worktree().await;
    write(&worktree.path, ".footplate/plan.md", "ours\n");
    write(&worktree.path, ".footplate/new.md", "ours\n");
    std::fs::remove_file(worktree.path.join(".footplate/theirs.md")).unwrap();
    assert!(!snapshot(&worktree).await.changed);
    write(&worktree.path, "readme.txt", "changed\n");
    let snapshot = snapshot(&worktree).await;
    assert_eq!(changed(&worktree, &snapshot).await, ["Modified readme.txt"]);
    assert_eq!(
        ground.content(&snapshot.commit, ".footplate/plan.md"),
        b"theirs\n"
    );
    worktree.reset(&snapshot.commit).await.unwrap();
    assert_eq!(
        listing(&worktree.path),
        [
            ".footplate",
            ".footplate/plan.md",
            ".footplate/theirs.md",
            "readme.txt"
        ]
    );
}

#[tokio::test]
async fn names_of_any_bytes_are_recorded_and_shown_escaped() {
    let ground = Ground::new().await;
    let names: [&[u8]; 7] = [
        b"with space.txt",
        b"line\nbreak",
        b"latin\xe9",
        b"quo\"te'",
        b"-rf",
        b":(top)x",
        b"a*[b]?",
    ];
    for name in names {
        ground.file(bytes(name), "1\n");
    }
    ground.commit("first");
    let worktree = ground.worktree().await;
    for name in names {
        assert_eq!(std::fs::read(worktree.path.join(bytes(name))).unwrap(), b"1\n");
        write(&worktree.path, bytes(name), "2\n");
        let mut new = b"new/".to_vec();
        new.extend_from_slice(name);
        write(&worktree.path, bytes(&new), "2\n");
    }
    let snapshot = snapshot(&worktree).await;
    assert_eq!(snapshot.findings, []);
    let changes = changed(&worktree, &snapshot).await;
    assert_eq!(changes.len(), 14, "{changes:?}");
    assert!(
        changes.contains(&"Modified line\\nbreak".to_owned()),
        "{changes:?}"
    );
    assert!(
        changes.contains(&"Added new/latin\\xe9".to_owned()),
        "{changes:?}"
    );
}

#[tokio::test]
async fn pipes_sockets_and_unusable_names_are_findings() {
    let ground = Ground::new().await;
    ground.file(".gitignore", "ignored\n");
    ground.file("readme.txt", "hello\n");
    ground.commit("first");
    let worktree = ground.worktree().await;
    nix::unistd::mkfifo(&worktree.path.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    nix::unistd::mkfifo(&worktree.path.join("ignored"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(worktree.path.join("socket")).unwrap();
    write(&worktree.path, "GIT~1", "looks like .git to some systems\n");
    write(&worktree.path, "fine.txt", "fine\n");
    let snapshot = snapshot(&worktree).await;
    assert_eq!(changed(&worktree, &snapshot).await, ["Added fine.txt"]);
    let findings: Vec<String> = snapshot.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        findings,
        [
            "pipe is a named pipe and was left out.",
            "socket is a socket and was left out.",
            "GIT~1 was left out: git does not take a file of this name or kind.",
        ]
    );
}

#[tokio::test]
async fn a_tracked_file_that_became_a_pipe_is_a_finding_and_stays_in_the_tree() {
    let ground = Ground::with_readme().await;
    let worktree = ground.worktree().await;
    std::fs::remove_file(worktree.path.join("readme.txt")).unwrap();
    nix::unistd::mkfifo(&worktree.path.join("readme.txt"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let snapshot = snapshot(&worktree).await;
    assert!(!snapshot.changed);
    assert_eq!(snapshot.findings.len(), 1);
    worktree.reset(&snapshot.commit).await.unwrap();
    assert_eq!(
        std::fs::read(worktree.path.join("readme.txt")).unwrap(),
        b"hello\n"
    );
}

#[tokio::test]
async fn what_an_agent_marks_as_unchanged_in_its_own_index_is_recorded_all_the_same() {
    let ground = Ground::with_readme().await;
    let worktree = ground.worktree().await;
    ground.run(
        &worktree.path,
        &["update-index", "--assume-unchanged", "readme.txt"],
    );
    write(&worktree.path, "readme.txt", "hidden\n");
    let snapshot = snapshot(&worktree).await;
    assert_eq!(changed(&worktree, &snapshot).await, ["Modified readme.txt"]);
}

#[tokio::test]
async fn commits_that_an_agent_made_are_part_of_the_work_and_move_no_ref_of_ours() {
    let ground = Ground::with_readme().await;
    let worktree = ground.worktree().await;
    let start = ground.head();
    worktree.mirror().hold("run/1", &start).await.unwrap();
    ground.run(&worktree.path, &["symbolic-ref", "HEAD", "refs/footplate/run/1"]);
    write(&worktree.path, "readme.txt", "committed\n");
    ground.run(&worktree.path, &["checkout", "--quiet", "--detach"]);
    ground.run(&worktree.path, &["commit", "--quiet", "-am", "mine"]);
    ground.run(&worktree.path, &["symbolic-ref", "HEAD", "refs/footplate/run/1"]);
    let snapshot = snapshot(&worktree).await;
    assert_eq!(snapshot.parent, start);
    assert_eq!(changed(&worktree, &snapshot).await, ["Modified readme.txt"]);
    ground.run(&worktree.path, &["symbolic-ref", "HEAD", "refs/footplate/run/1"]);
    worktree.reset(&snapshot.commit).await.unwrap();
    assert_eq!(worktree.mirror().held("run/1").await.unwrap(), Some(start));
}

#[tokio::test]
async fn what_can_t_be_read_is_a_finding_and_the_rest_is_recorded() {
    let ground = Ground::new().await;
    ground.file("kept.txt", "1\n");
    ground.file("closed/tracked.txt", "1\n");
    ground.commit("first");
    let worktree = ground.worktree().await;
    write(&worktree.path, "kept.txt", "2\n");
    write(&worktree.path, "secret.txt", "secret\n");
    let close = |name: &str| {
        std::fs::set_permissions(worktree.path.join(name), std::fs::Permissions::from_mode(0o000)).unwrap();
    };
    close("secret.txt");
    close("closed");
    let recorded = snapshot(&worktree).await;
    let findings: Vec<String> = recorded.findings.iter().map(ToString::to_string).collect();
    if nix::unistd::geteuid().is_root() {
        // Nothing is closed to this user.
        assert_eq!(
            changed(&worktree, &recorded).await,
            ["Modified kept.txt", "Added secret.txt"]
        );
        assert!(findings.is_empty(), "{findings:?}");
    } else {
        assert_eq!(changed(&worktree, &recorded).await, ["Modified kept.txt"]);
        assert_eq!(
            findings,
            [
                "closed can't be read and was left out.",
                "secret.txt can't be read and was left out."
            ]
        );
    }
    worktree.reset(&recorded.parent).await.unwrap();
    assert_eq!(
        listing(&worktree.path),
        ["closed", "closed/tracked.txt", "kept.txt"]
    );
}
