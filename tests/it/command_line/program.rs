//! The real program in a place of its own: an empty home, a cleared environment, nothing of the machine but its
//! search path.

#![expect(
    clippy::disallowed_methods,
    reason = "these tests start the program as people do"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A home and a folder to stand in.
pub(crate) struct Place {
    folder: TempDir,
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("home")).expect("a home");
        Self { folder }
    }

    /// The folder that commands are given in.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file there.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// The program with arguments, ready to be started.
    pub(crate) fn footplate(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_footplate"));
        command.args(arguments);
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(self.footplate(arguments).output().expect("the program starts"))
    }

    /// Runs git, which has to succeed, and returns what it prints.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut git = self.command("git");
        git.env("GIT_CONFIG_NOSYSTEM", "1").args(arguments);
        let output = git.output().expect("git is installed: these tests need it");
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("git prints UTF-8 here")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("a search path"))
            .env("HOME", self.path().join("home"))
            .stdin(Stdio::null());
        command
    }
}

pub(crate) fn said(output: Output) -> Said {
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
        err: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
    }
}
