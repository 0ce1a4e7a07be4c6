//! The processes of a server's agents, found by the mark that each of them carries.

use std::path::Path;

use footplate::agent::Marker;

/// A process of an agent or a check, or of a child of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marked {
    /// Its process id.
    pub(crate) pid: i32,
    /// Its command line, for people.
    pub(crate) line: String,
}

/// The living processes that carry the mark of the server that works in this folder.
pub(crate) fn marked(data: &Path) -> Vec<Marked> {
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let own = format!("FOOTPLATE_RUN={}", Marker::of_server(&data));
    let mark = format!("{own}/");
    let entries = std::fs::read_dir("/proc").expect("there is a /proc");
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let environment = environment(&entry.path())?;
            let carries = environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == own.as_bytes() || variable.starts_with(mark.as_bytes()));
            if !carries || is_dead(&entry.path()) {
                return None;
            }
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            Some(Marked { pid, line })
        })
        .collect()
}

/// A process's environment. That of a process which is just starting another program reads as empty until the program
/// is in place, which can take a while on a busy machine; so does a cleared one, forever.
fn environment(process: &Path) -> Option<Vec<u8>> {
    for _ in 0..50 {
        let environment = std::fs::read(process.join("environ")).ok()?;
        // Parts of the kernel have no program at all.
        if !environment.is_empty() || std::fs::read_link(process.join("exe")).is_err() {
            return Some(environment);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Some(Vec::new())
}

/// Whether a process only waits to be reaped.
fn is_dead(process: &Path) -> bool {
    let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().next());
    matches!(state, None | Some("Z" | "X"))
}

/// Kills one process at once; that it is gone already is fine.
pub(crate) fn kill(pid: i32) {
    use nix::sys::signal::Signal;
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
}
