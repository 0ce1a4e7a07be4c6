//! Worktrees: reuse, damage, traps, many at once.

use std::os::unix::fs::symlink;

use super::*;
use crate::git::{Error, Tampered};

#[tokio::test]
async fn a_worktree_that_is_there_already_is_cleaned_and_reused() {
    let ground = Ground::with_readme().await;
    let first = ground.head();
    ground.file("second.txt", "2\n");
    ground.commit("second");
    let worktree = ground.worktree().await;
    let git_dir = worktree.git_dir().to_owned();
    write(&worktree.path, "readme.txt", "changed\n");
    write(&worktree.path, "new/deep/file", "new\n");
    write(&worktree.path, ".gitignore", "*\n");
    write(&worktree.path, ".footplate/plan.md", "plan\n");
    write(&git_dir, "index.lock", "");
    write(&git_dir, "footplate.index.lock", "");
    write(&git_dir, "rebase-merge/head-name", "x");
    let again = worktree.mirror().worktree(&worktree.path, &first).await.unwrap();
    assert_eq!(again.git_dir(), git_dir);
    assert_eq!(listing(&again.path), ["readme.txt"]);
    assert_eq!(std::fs::read(again.path.join("readme.txt")).unwrap(), b"hello\n");
    assert_eq!(
        ground.run(&again.path, &["status", "--porcelain", "--ignored"]),
        ""
    );
    assert_eq!(ground.run(&again.path, &["rev-parse", "HEAD"]), first.as_str());
}

#[tokio::test]
async fn a_worktree_is_found_again_by_another_process() {
    let ground = Ground::with_readme().await;
    let worktree = ground.worktree().await;
    write(&worktree.path, "left.txt", "left\n");
    let git = Git::find(Settings::default()).await.unwrap();
    let mirror = Mirror::open(&git, &ground.at("mirror"), ground.origin().to_str().unwrap())
        .await
        .unwrap();
    let again = mirror.worktree(&ground.at("work"), &ground.head()).await.unwrap();
    assert_eq!(again.git_dir(), worktree.git_dir());
    assert_eq!(listing(&again.path), ["readme.txt"]);
}

#[tokio::test]
async fn a_dot_git_file_that_was_changed_is_noticed_and_the_worktree_is_made_anew() {
    type Deed = fn(&Ground, &Path);
    let deeds: [(&str, Deed); 6] = [
        ("removed", |_, dot_git| std::fs::remove_file(dot_git).unwrap()),
        ("rewritten", |ground, dot_git| {
            std::fs::write(
                dot_git,
                format!("gitdir: {}\n", ground.origin().join(".git").display()),
            )
            .unwrap();
        }),
        ("appended to", |_, dot_git| {
            let text = std::fs::read_to_string(dot_git).unwrap();
            std::fs::write(dot_git, text + "\n").unwrap();
        }),
        ("made a folder", |ground, dot_git| {
            std::fs::remove_file(dot_git).unwrap();
            ground.run(dot_git.parent().unwrap(), &["init", "--quiet"]);
        }),
        ("made a link", |ground, dot_git| {
            std::fs::rename(dot_git, ground.at("copy")).unwrap();
            symlink(ground.at("copy"), dot_git).unwrap();
        }),
        ("hidden with the whole folder behind a link", |ground, dot_git| {
            let work = dot_git.parent().unwrap();
            std::fs::rename(work, ground.at("moved")).unwrap();
            symlink(ground.at("moved"), work).unwrap();
        }),
    ];
    for (name, deed) in deeds {
        let ground = Ground::with_readme().await;
        let worktree = ground.worktree().await;
        assert_eq!(worktree.verify().await, Ok(()), "{name}");
        write(&worktree.path, "readme.txt", "changed\n");
        deed(&ground, &worktree.path.join(".git"));
        assert!(matches!(worktree.verify().await, Err(Tampered { .. })), "{name}");
        assert!(
            matches!(worktree.snapshot("work", NOW).await, Err(Error::Tampered(_))),
            "{name}"
        );
        assert!(
            matches!(worktree.reset(&ground.head()).await, Err(Error::Tampered(_))),
            "{name}"
        );
        let again = worktree
            .mirror()
            .worktree(&worktree.path, &ground.head())
            .await
            .unwrap();
        assert_eq!(again.verify().await, Ok(()), "{name}");
        assert_eq!(listing(&again.path), ["readme.txt"], "{name}");
        assert_eq!(
            std::fs::read(again.path.join("readme.txt")).unwrap(),
            b"hello\n",
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_git_directory_that_was_led_elsewhere_is_noticed() {
    let ground = Ground::with_readme().await;
    let worktree = ground.worktree().await;
    std::fs::write(
        worktree.git_dir().join("commondir"),
        ground.origin().join(".git").to_str().unwrap(),
    )
    .unwrap();
    assert!(worktree.verify().await.is_err());
    let again = worktree
        .mirror()
        .worktree(&worktree.path, &ground.head())
        .await
        .unwrap();
    assert_eq!(again.verify().await, Ok(()));
}

#[tokio::test]
async fn nothing_that_an_agent_plants_is_ever_executed() {
    let ground = Ground::new().await;
    ground.file("a.txt", "1\n");
    ground.file("b.big", "1\n");
    ground.file(".gitattributes", "*.big filter=lfs\n");
    ground.commit("first");
    let worktree = ground.worktree().await;
    let mirror = worktree.mirror().clone();
    let mark = ground.at("mark");
    let evil = ground.at("evil");
    trap(&evil, &mark);
    let hooks = [
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-push",
        "post-commit",
        "pre-auto-gc",
    ];
    let command = evil.display();
    let config = format!(
        "[core]\n\tfsmonitor = {command}\n\thooksPath = {hooks}\n\tsshCommand = {command}\n\taskPass = {command}\n\talternateRefsCommand = {command}\n\tpager = {command}\n\tattributesFile = {attributes}\n\
         [filter \"lfs\"]\n\tclean = {command}\n\tsmudge = {command}\n\tprocess = {command}\n\trequired = true\n\
         [filter \"evil\"]\n\tclean = {command}\n\tsmudge = {command}\n\
         [credential]\n\thelper = {command}\n\
         [remote \"origin\"]\n\tuploadpack = {command}\n\treceivepack = {command}\n\
         [gpg]\n\tprogram = {command}\n[diff]\n\texternal = {command}\n[extensions]\n\tworktreeConfig = true\n",
        hooks = ground.at("mirror/hooks").display(),
        attributes = ground.at("attributes").display(),
    );
    write(&ground.at(""), "attributes", "* filter=evil\n");
    let plant = || {
        for hook in hooks {
            trap(&ground.at("mirror/hooks").join(hook), &mark);
            trap(&worktree.git_dir().join("hooks").join(hook), &mark);
        }
        let kept = std::fs::read_to_string(ground.at("mirror/config")).unwrap();
        write(&ground.at("mirror"), "config", format!("{kept}{config}"));
        write(&ground.at("mirror"), "info/attributes", "* filter=evil\n");
        write(
            worktree.git_dir(),
            "config.worktree",
            format!("{config}[core]\n\tbare = false\n"),
        );
        write(worktree.git_dir(), "info/attributes", "* filter=evil\n");
        write(
            &worktree.path,
            ".gitattributes",
            "* filter=evil diff=evil\n*.big filter=lfs\n",
        );
        write(&worktree.path, ".gitconfig", &config);
        write(&worktree.path, ".git-hooks/pre-commit", "x");
        write(&worktree.path, ".lfsconfig", "[lfs]\n");
    };
    plant();
    write(&worktree.path, "a.txt", "2\n");
    write(&worktree.path, "b.big", "2\n");
    let recorded = snapshot(&worktree).await;
    assert_eq!(ground.content(&recorded.commit, "b.big"), b"2\n");
    plant();
    let push = crate::git::Push {
        branch: branch("out"),
        commit: recorded.commit.clone(),
        expected: crate::git::Expected::Absent,
    };
    assert_eq!(mirror.push(&push, None).await.unwrap(), crate::git::Pushed::Done);
    plant();
    mirror.fetch(None).await.unwrap();
    plant();
    mirror.tidy().await.unwrap();
    plant();
    worktree.reset(&recorded.commit).await.unwrap();
    plant();
    let other = mirror
        .worktree(&ground.at("other"), &recorded.commit)
        .await
        .unwrap();
    assert_eq!(std::fs::read(other.path.join("b.big")).unwrap(), b"2\n");
    assert!(!mark.exists(), "something of the agent's was executed");

    // The trap itself works: a person's git that believes the configuration falls into it.
    plant();
    let _ = person_s_git(&worktree.path, &["add", "a.txt", "b.big", ".gitattributes"])
        .output()
        .unwrap();
    assert!(mark.exists(), "the trap is no trap");
}

#[tokio::test]
async fn folders_without_rights_and_repositories_in_them_do_not_survive_a_reset() {
    use std::os::unix::fs::PermissionsExt;
    let ground = Ground::with_readme().await;
    let worktree = ground.worktree().await;
    write(&worktree.path, "cache/deep/file", "x\n");
    write(&worktree.path, "cache/repo/file", "x\n");
    ground.run(&worktree.path.join("cache/repo"), &["init", "--quiet"]);
    for folder in ["cache/deep", "cache"] {
        std::fs::set_permissions(worktree.path.join(folder), std::fs::Permissions::from_mode(0o500)).unwrap();
    }
    worktree.reset(&ground.head()).await.unwrap();
    assert_eq!(listing(&worktree.path), ["readme.txt"]);
}

#[tokio::test]
async fn folders_of_other_people_are_left_alone() {
    let ground = Ground::with_readme().await;
    let mirror = ground.mirror().await;
    write(&ground.at("work"), "precious.txt", "precious\n");
    let refused = mirror.worktree(&ground.at("work"), &ground.head()).await;
    assert!(matches!(refused, Err(Error::Occupied { .. })), "{refused:?}");
    let refused = mirror.remove_worktree(&ground.at("work")).await;
    assert!(matches!(refused, Err(Error::Occupied { .. })), "{refused:?}");
    assert_eq!(listing(&ground.at("work")), ["precious.txt"]);
    let refused = Mirror::open(&ground.git, &ground.at("work"), "/nowhere").await;
    assert!(matches!(refused, Err(Error::Occupied { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_removed_worktree_leaves_nothing_behind() {
    let ground = Ground::with_readme().await;
    let worktree = ground.worktree().await;
    write(&worktree.path, "x.txt", "x\n");
    snapshot(&worktree).await;
    let mirror = worktree.mirror().clone();
    assert_eq!(mirror.all_held("worktrees/").await.unwrap().len(), 1);
    mirror.remove_worktree(&worktree.path).await.unwrap();
    mirror.remove_worktree(&worktree.path).await.unwrap();
    assert!(!worktree.path.exists());
    assert!(!worktree.git_dir().exists());
    assert_eq!(mirror.all_held("").await.unwrap(), []);
}

#[tokio::test]
async fn a_worktree_whose_mirror_was_lost_is_made_anew() {
    let ground = Ground::with_readme().await;
    let worktree = ground.worktree().await;
    std::fs::remove_dir_all(ground.at("mirror")).unwrap();
    let mirror = ground.mirror().await;
    let again = mirror.worktree(&worktree.path, &ground.head()).await.unwrap();
    assert_eq!(again.verify().await, Ok(()));
    assert_eq!(listing(&again.path), ["readme.txt"]);
}

#[tokio::test]
async fn an_unknown_commit_is_said_to_be_unknown() {
    let ground = Ground::with_readme().await;
    let mirror = ground.mirror().await;
    let nowhere = CommitId::new("0123456789012345678901234567890123456789").unwrap();
    let refused = mirror.worktree(&ground.at("work"), &nowhere).await;
    assert!(matches!(refused, Err(Error::UnknownCommit(id)) if id == nowhere));
    assert!(!ground.at("work").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_worktrees_of_equal_names_are_made_beside_fetches_and_pruning() {
    let ground = Ground::new().await;
    for number in 0..40 {
        ground.file(
            format!("folder{}/file{number}.txt", number % 5),
            format!("{number}\n"),
        );
    }
    ground.commit("first");
    let start = ground.head();
    let mirror = ground.mirror().await;
    let busy = tokio::spawn({
        let (mirror, origin) = (mirror.clone(), ground.origin());
        async move {
            for number in 0..6 {
                let name = format!("topic{number}");
                let made = person_s_git(&origin, &["branch", "--force", &name])
                    .output()
                    .unwrap();
                assert!(made.status.success());
                mirror.fetch(None).await.unwrap();
                let gone = person_s_git(&origin, &["branch", "-D", &name]).output().unwrap();
                assert!(gone.status.success());
                mirror.tidy().await.unwrap();
            }
        }
    });
    let mut makers = tokio::task::JoinSet::new();
    for number in 0..16 {
        let (mirror, start) = (mirror.clone(), start.clone());
        let at = ground.at(&format!("runs/{number}/work"));
        makers.spawn(async move {
            let worktree = mirror.worktree(&at, &start).await.unwrap();
            write(&worktree.path, "mine.txt", format!("{number}\n"));
            let snapshot = worktree.snapshot("work", NOW).await.unwrap();
            mirror
                .hold(&format!("run/{number}"), &snapshot.commit)
                .await
                .unwrap();
            (number, worktree, snapshot)
        });
    }
    let mut git_dirs = std::collections::BTreeSet::new();
    while let Some(made) = makers.join_next().await {
        let (number, worktree, snapshot) = made.unwrap();
        assert_eq!(worktree.verify().await, Ok(()));
        assert_eq!(changed(&worktree, &snapshot).await, ["Added mine.txt"]);
        assert_eq!(
            mirror.held(&format!("run/{number}")).await.unwrap(),
            Some(snapshot.commit)
        );
        git_dirs.insert(worktree.git_dir().to_owned());
    }
    assert_eq!(git_dirs.len(), 16);
    busy.await.unwrap();
    ground.run(&ground.at("mirror"), &["fsck", "--strict"]);
}
