//! What the kernel says of processes under `/proc`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::time::Duration;

/// An environment of real use is a few KiB; the kernel allows some MiB, which an agent might fill.
const MAX_ENVIRONMENT: u64 = 8 * 1024 * 1024;
/// A process between two programs has no environment for some microseconds, on a busy machine some milliseconds.
const BETWEEN_PROGRAMS: Duration = Duration::from_millis(1);
/// How often it is looked at again. Then something else is wrong with it, and it counts as having none.
const PATIENCE: u32 = 200;

/// `PF_KTHREAD` in the flags of a process.
const PART_OF_THE_KERNEL: u64 = 0x0020_0000;

/// The part of `/proc/PID/stat` that matters here (proc_pid_stat(5)).
pub(super) struct Stat {
    pub(super) parent: i32,
    pub(super) group: i32,
    /// Whether an environment that reads as empty is so: it was cleared, or this is a part of the kernel.
    settled: bool,
}

impl Stat {
    /// Reads it; `None` if the process is gone or only waits to be reaped.
    pub(super) fn of(pid: i32) -> Option<Self> {
        let mut buffer = [0; 1024];
        let length = File::open(format!("/proc/{pid}/stat"))
            .ok()?
            .read(&mut buffer)
            .ok()?;
        Self::parse(&buffer[..length])
    }

    fn parse(line: &[u8]) -> Option<Self> {
        // The name in parentheses may itself hold spaces and parentheses.
        let end = line.iter().rposition(|&byte| byte == b')')?;
        // The first of them is the third field of the line.
        let mut fields = std::str::from_utf8(&line[end + 1..])
            .ok()?
            .split_ascii_whitespace();
        let state = fields.next()?;
        if matches!(state, "Z" | "X" | "x") {
            return None;
        }
        let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let kernel = fields.nth(3).and_then(|flags| flags.parse().ok());
        let kernel = kernel.is_some_and(|flags: u64| flags & PART_OF_THE_KERNEL != 0);
        // The environment's first address and that behind its last one. A process that starts another program has
        // none from when it gave up the old one's memory until the new one's is set up.
        let (env_start, env_end) = (fields.nth(40), fields.next());
        Some(Self {
            parent,
            group,
            settled: kernel || (env_start == env_end && env_end != Some("0")),
        })
    }
}

/// Whether an id is a process's and not only a thread's; threads can be opened in `/proc`, but are not listed.
pub(super) fn is_process(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let group = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    group.is_some_and(|group| group.trim().parse() == Ok(pid))
}

/// This process and its ancestors, which are never touched whatever they carry.
pub(super) fn ourselves() -> BTreeSet<i32> {
    let mut spared = BTreeSet::from([1]);
    let mut pid = std::process::id().cast_signed();
    while pid > 1 && spared.insert(pid) {
        pid = Stat::of(pid).map_or(0, |stat| stat.parent);
    }
    spared
}

/// The id that was given out last (the last field of `/proc/loadavg`, proc_loadavg(5)).
pub(super) fn last_process() -> Option<i32> {
    let mut buffer = [0; 128];
    let length = File::open("/proc/loadavg").ok()?.read(&mut buffer).ok()?;
    std::str::from_utf8(&buffer[..length])
        .ok()?
        .split_ascii_whitespace()
        .last()?
        .parse()
        .ok()
}

/// The ids of all processes that this one can see.
pub(super) fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Reads a process's environment; leaves nothing where it may not be read.
///
/// A process that is just starting another program is waited for: its mark is on its way.
pub(super) fn read_environment(pid: i32, into: &mut Vec<u8>) {
    for _ in 0..PATIENCE {
        into.clear();
        let Ok(file) = File::open(format!("/proc/{pid}/environ")) else {
            return;
        };
        if file.take(MAX_ENVIRONMENT).read_to_end(into).is_err() {
            into.clear();
            return;
        }
        if !into.is_empty() || Stat::of(pid).is_none_or(|stat| stat.settled) {
            return;
        }
        std::thread::sleep(BETWEEN_PROGRAMS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of `/proc/PID/stat` with these flags and this environment.
    fn line(state: &str, flags: u64, env: (u64, u64)) -> String {
        let zeros = |count| vec!["0"; count].join(" ");
        let (start, end) = env;
        format!(
            "77 (a) b)) {state} 5 76 76 0 -1 {flags} {} {start} {end} 0\n",
            zeros(40)
        )
    }

    #[test]
    fn an_empty_environment_is_believed_only_of_a_process_that_has_a_program() {
        let settled = |flags, env| Stat::parse(line("R", flags, env).as_bytes()).map(|stat| stat.settled);
        assert_eq!(settled(4_194_304, (0, 0)), Some(false), "between two programs");
        assert_eq!(
            settled(4_194_304, (4096, 8192)),
            Some(false),
            "not empty any more"
        );
        assert_eq!(settled(4_194_304, (4096, 4096)), Some(true), "cleared");
        assert_eq!(
            settled(PART_OF_THE_KERNEL, (0, 0)),
            Some(true),
            "a part of the kernel"
        );
        let stat = Stat::parse(line("S", 0, (1, 2)).as_bytes()).expect("it lives");
        assert_eq!((stat.parent, stat.group), (5, 76));
        assert!(Stat::parse(line("Z", 0, (0, 0)).as_bytes()).is_none());
        // Where a kernel says less, there is nothing to wait for.
        assert!(Stat::parse(b"77 (a) R 5 76").is_some_and(|stat| stat.settled));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test's own children")]
    fn a_process_that_always_starts_the_next_program_is_known_by_its_mark_at_any_moment() {
        let again = "exec sh -c \"$0\" \"$0\"";
        let mut child = std::process::Command::new("sh")
            .args(["-c", again, again])
            .env_clear()
            .env("FOOTPLATE_RUN", "0123456789abcdef")
            .spawn()
            .expect("there is a shell");
        let mut environment = Vec::new();
        let known = (0..2_000).all(|_| {
            read_environment(child.id().cast_signed(), &mut environment);
            let mut variables = environment.split(|&byte| byte == 0);
            variables.any(|variable| variable == b"FOOTPLATE_RUN=0123456789abcdef")
        });
        child.kill().expect("it is there");
        child.wait().expect("it is ours");
        assert!(known, "{:?}", String::from_utf8_lossy(&environment));
    }
}
