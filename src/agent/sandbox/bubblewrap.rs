//! The command line of bubblewrap: a file system with only what is listed, and namespaces of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::host::Root;
use super::{Confinement, Host};

/// Where our own program is mounted inside.
pub(super) const OWN: &str = "/run/footplate/program";

/// Bytes of `/tmp` and of `/dev/shm`, which live in memory. Builds use `TMPDIR`, which is on the disk.
const MEMORY_FOLDER: &str = "536870912";

/// Where the socket of a door is mounted inside.
pub(super) fn door(at: usize) -> PathBuf {
    format!("/run/footplate/door.{at}").into()
}

/// The arguments, up to and without the `--` before the command.
pub(super) fn arguments(
    host: &Host,
    confinement: &Confinement,
    program: &Path,
    folder: &Path,
) -> Vec<OsString> {
    let mut words = Words::default();
    // User, mount, PID, network, IPC, UTS and, where there are any, cgroup namespaces.
    words.flag("--unshare-all");
    // The child dies with bubblewrap, and bubblewrap with the server.
    words.flag("--die-with-parent");
    // Without a session of its own it could type into the operator's terminal.
    words.flag("--new-session");
    words.all(["--cap-drop", "ALL", "--hostname", "footplate"]);
    for root in &host.roots {
        match root {
            Root::Bound(path) => words.pair("--ro-bind-try", path, path),
            Root::Link(path, target) => words.pair("--symlink", target, path),
        }
    }
    // What root may change there without any capability (`/proc/sys`, `sysrq-trigger`) is the machine's.
    words.all(["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]);
    words.all(["--size", MEMORY_FOLDER, "--tmpfs", "/dev/shm"]);
    words.all(["--perms", "1777", "--size", MEMORY_FOLDER, "--tmpfs", "/tmp"]);
    words.all(["--symlink", "/tmp", "/var/tmp"]);
    words.pair("--ro-bind", &host.own.file, OWN);
    for (at, way) in confinement.doors().enumerate() {
        words.pair("--ro-bind", &way.socket, door(at));
    }

    // What is mounted later lies on top. A path to be read may hold one to be written, and the other way round
    // only the repository's own files are meant.
    let mut readable: Vec<&Path> = confinement.readable.iter().map(PathBuf::as_path).collect();
    readable.extend(
        program
            .parent()
            .filter(|parent| !parent.starts_with("/usr") && in_no_root(host, parent)),
    );
    readable.sort_unstable();
    for path in readable {
        words.pair("--ro-bind-try", path, path);
    }
    if let Some(git) = &confinement.git {
        words.pair("--ro-bind", &git.directory, &git.directory);
    }
    words.pair("--bind", &confinement.worktree, &confinement.worktree);
    words.pair("--bind", &confinement.home, &confinement.home);
    for path in &confinement.writable {
        words.pair("--bind", path, path);
    }
    if let Some(git) = &confinement.git {
        words.pair("--ro-bind", &git.link, &git.link);
    }
    words.flag("--chdir");
    words.flag(folder);
    words.0
}

/// Whether a folder is not one of the system's that are there already.
fn in_no_root(host: &Host, folder: &Path) -> bool {
    folder != Path::new("/")
        && !host.roots.iter().any(|root| match root {
            Root::Bound(path) | Root::Link(path, _) => folder.starts_with(path),
        })
}

#[derive(Default)]
struct Words(Vec<OsString>);

impl Words {
    fn flag(&mut self, word: impl Into<OsString>) {
        self.0.push(word.into());
    }

    fn all<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(OsString::from));
    }

    fn pair(&mut self, flag: &str, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        self.0
            .extend([flag.into(), from.as_ref().into(), to.as_ref().into()]);
    }
}
