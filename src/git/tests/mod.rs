//! Table tests over real repositories in temporary folders, with the real git program.

#![expect(
    clippy::disallowed_methods,
    reason = "tests play the people and the agents who start git"
)]

mod merges;
mod mirrors;
mod places;
mod pushes;
mod questions;
mod stages;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Git, Mirror, Settings, Snapshot, Worktree};
use crate::model::{BranchName, CommitId, Timestamp};

/// A moment for everything that must not depend on the clock.
pub(super) const NOW: Timestamp = Timestamp(1_790_000_000_000);

/// Some ground to build repositories on, gone with the value.
pub(super) struct Ground {
    folder: tempfile::TempDir,
    pub(super) git: Git,
}

impl Ground {
    /// Ground with a repository `origin` on branch `main`, still without a commit.
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            search_path: std::env::var_os("PATH"),
            ..Settings::default()
        };
        let git = Git::find(settings)
            .await
            .expect("these tests want a git program on the PATH");
        let ground = Self { folder, git };
        std::fs::create_dir(ground.origin()).unwrap();
        ground.run(&ground.origin(), &["init", "--quiet", "-b", "main"]);
        ground
    }

    /// Ground whose `origin` has one commit with `readme.txt`.
    pub(super) async fn with_readme() -> Self {
        let ground = Self::new().await;
        ground.file("readme.txt", "hello\n");
        ground.commit("first");
        ground
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub(super) fn origin(&self) -> PathBuf {
        self.at("origin")
    }

    /// Runs the person's git in a folder; it must succeed.
    #[expect(clippy::unused_self, reason = "the ground is what it is run on")]
    pub(super) fn run(&self, folder: &Path, args: &[&str]) -> String {
        let output = person_s_git(folder, args).output().unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Writes a file into `origin`, folders included.
    pub(super) fn file(&self, name: impl AsRef<OsStr>, content: impl AsRef<[u8]>) {
        write(&self.origin(), name, content);
    }

    /// Commits all of `origin`.
    pub(super) fn commit(&self, message: &str) -> CommitId {
        self.run(&self.origin(), &["add", "--all", "--force"]);
        self.run(
            &self.origin(),
            &["commit", "--quiet", "--allow-empty", "-m", message],
        );
        self.head()
    }

    pub(super) fn head(&self) -> CommitId {
        CommitId::new(self.run(&self.origin(), &["rev-parse", "HEAD"])).unwrap()
    }

    pub(super) async fn mirror(&self) -> Mirror {
        let mirror = Mirror::open(&self.git, &self.at("mirror"), self.origin().to_str().unwrap())
            .await
            .unwrap();
        mirror.fetch(None).await.unwrap();
        mirror
    }

    /// The mirror as another process opens it, which has it until both values are dropped.
    pub(super) async fn mirror_of_another_process(&self) -> (Git, Mirror) {
        let git = Git::find(Settings::default()).await.unwrap();
        let mirror = Mirror::open(&git, &self.at("mirror"), self.origin().to_str().unwrap())
            .await
            .unwrap();
        (git, mirror)
    }

    /// A worktree of a fresh mirror, at the newest commit of `origin`.
    pub(super) async fn worktree(&self) -> Worktree {
        self.mirror()
            .await
            .worktree(&self.at("work"), &self.head())
            .await
            .unwrap()
    }

    /// What a commit of the mirror holds at a path.
    pub(super) fn content(&self, commit: &CommitId, path: &str) -> Vec<u8> {
        let output = person_s_git(
            &self.at("mirror"),
            &["cat-file", "blob", &format!("{commit}:{path}")],
        )
        .output()
        .unwrap();
        assert!(
            output.status.success(),
            "{path}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }
}

pub(super) fn person_s_git(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .args([
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.org",
            "-c",
            "core.autocrlf=false",
        ])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::null());
    command
}

/// Writes a file below a folder, folders between included.
pub(super) fn write(root: &Path, name: impl AsRef<OsStr>, content: impl AsRef<[u8]>) {
    let path = root.join(name.as_ref());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Writes an executable script.
///
/// Another process writes it: while a thread of ours has the file open, a child that another thread is
/// starting holds it open too, and then nobody can execute it.
pub(super) fn script(at: &Path, text: &str) {
    use std::io::Write;
    std::fs::create_dir_all(at.parent().unwrap()).unwrap();
    let mut writer = Command::new("sh")
        .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(at)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}

/// A script that leaves a mark and passes on what it is given.
pub(super) fn trap(at: &Path, mark: &Path) {
    script(at, &format!("#!/bin/sh\ntouch '{}'\ncat\n", mark.display()));
}

pub(super) fn branch(name: &str) -> BranchName {
    BranchName::new(name).unwrap()
}

pub(super) fn bytes(name: &[u8]) -> OsString {
    OsString::from_vec(name.to_vec())
}

pub(super) async fn snapshot(worktree: &Worktree) -> Snapshot {
    worktree.snapshot("work", NOW).await.unwrap()
}

/// The paths that a snapshot changed against its parent, escaped.
pub(super) async fn changed(worktree: &Worktree, snapshot: &Snapshot) -> Vec<String> {
    let changes = worktree
        .mirror()
        .changes(&snapshot.parent, &snapshot.commit)
        .await
        .unwrap();
    changes
        .iter()
        .map(|change| format!("{:?} {}", change.kind, change.path))
        .collect()
}

/// Everything in a folder but `.git`, as sorted relative paths.
pub(super) fn listing(root: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if folder == root && entry.file_name() == ".git" {
                continue;
            }
            into.push(
                String::from_utf8_lossy(path.strip_prefix(root).unwrap().as_os_str().as_bytes()).into_owned(),
            );
            if entry.file_type().unwrap().is_dir() {
                walk(root, &path, into);
            }
        }
    }
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found.sort();
    found
}
