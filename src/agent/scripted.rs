//! The child's side of the scripted harness: plays one attempt's steps as a real process.
#![expect(
    clippy::disallowed_methods,
    reason = "this is a child process: it is told its orders by variables, and starts children itself"
)]

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::Marker;
use super::marker;
use super::script::{Script, Step};

/// Says that the script itself cannot be played: `EX_CONFIG` of sysexits(3).
const BAD_SCRIPT: u8 = 78;

/// Plays the script named by the last argument, in the environment that the `command` harness sets.
///
/// `argv` is this process's whole command line; the process may replace itself by one of the same line.
/// Call it before anything else, above all before there are other threads.
pub fn scripted_main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::from(run(&argv.into_iter().collect::<Vec<_>>()))
}

/// Plays, and says with which code to end.
pub(super) fn run(argv: &[OsString]) -> u8 {
    play(argv).unwrap_or_else(|stuck| {
        let _ = writeln!(io::stderr(), "the script can't be played: {stuck}");
        BAD_SCRIPT
    })
}

/// Why the script stops; only ever printed.
type Stuck = Box<dyn std::error::Error>;

fn play(argv: &[OsString]) -> Result<u8, Stuck> {
    let path = argv.last().ok_or("its path is missing")?;
    let script = Script::load(Path::new(path))?;
    let (node, role) = (variable("FOOTPLATE_NODE")?, variable("FOOTPLATE_ROLE")?);
    let mark = variable(marker::VARIABLE)?;
    let generation = Marker::attempt_in(mark.as_bytes()).map_or(1, |key| key.generation);
    let attempt = variable("FOOTPLATE_ATTEMPT")?.parse()?;
    let steps = script
        .steps(&node, &role, generation, attempt)
        .ok_or_else(|| format!("nothing is written for {node} ({role}), attempt {generation}/{attempt}"))?;
    if steps.contains(&Step::IgnoreTerm) && !term_is_ignored() {
        return Err(ignore_term(argv).into());
    }
    let player = Player {
        artifacts: PathBuf::from(variable("FOOTPLATE_ARTIFACTS")?),
    };
    for step in steps {
        if let Some(code) = player.step(step).map_err(|stuck| format!("{step:?}: {stuck}"))? {
            return Ok(code);
        }
    }
    Ok(0)
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set; only the scripted harness starts this"))
}

/// Whether TERM is ignored: bit 14 of `SigIgn` in `/proc/self/status` (proc_pid_status(5)).
fn term_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << 14) != 0)
}

/// Starts this process over with TERM ignored, which a shell can do without unsafe code and `exec` keeps.
fn ignore_term(argv: &[OsString]) -> io::Error {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    Command::new("sh")
        .args(["-c", "trap '' TERM; exec \"$@\"", "sh"])
        .arg(program)
        .args(&argv[1..])
        .exec()
}

struct Player {
    artifacts: PathBuf,
}

impl Player {
    /// Does one step; the exit code if it was the last.
    fn step(&self, step: &Step) -> Result<Option<u8>, Stuck> {
        match step {
            Step::Text(text) => event(&serde_json::json!({"type": "text", "text": text}))?,
            Step::Output(line) => print(format!("{line}\n").as_bytes())?,
            Step::Usage(usage) => {
                let mut line = serde_json::to_value(usage)?;
                line["type"] = "usage".into();
                event(&line)?;
            }
            Step::Write(write) => write_file(&write.file, &write.content)?,
            Step::Edit(edit) => {
                let text = std::fs::read_to_string(&edit.file).unwrap_or_default();
                if text.contains(&edit.find) {
                    std::fs::write(&edit.file, text.replacen(&edit.find, &edit.replace, 1))?;
                } else {
                    edit_failed(&edit.file.to_string_lossy())?;
                }
            }
            Step::Patch(patch) => {
                if !applies(patch)? {
                    edit_failed("a patch")?;
                }
            }
            Step::Artifact(artifact) => write_file(&self.artifacts.join(&artifact.name), &artifact.content)?,
            Step::LinkArtifact(link) => {
                let at = self.artifacts.join(&link.name);
                let _ = std::fs::remove_file(&at);
                symlink(&link.target, at)?;
            }
            Step::FailedEdits(count) => {
                for n in 1..=*count {
                    edit_failed(&format!("file-{n}"))?;
                }
            }
            Step::Shell(command) => {
                Command::new("sh")
                    .args(["-c", command])
                    .stdin(Stdio::null())
                    .status()?;
            }
            Step::WaitFor(file) => {
                while !file.exists() {
                    sleep(Duration::from_millis(5));
                }
            }
            Step::SleepMs(time) => sleep(Duration::from_millis(*time)),
            Step::Grandchild(command) => grandchild(command)?,
            // Done before the first step.
            Step::IgnoreTerm => {}
            Step::ReplaceGit => replace_git()?,
            Step::Hang => loop {
                sleep(Duration::from_hours(1));
            },
            Step::BlankFlood => loop {
                print(&[b'\n'; 64])?;
                sleep(Duration::from_millis(1));
            },
            Step::Flood => {
                let line = b"all work and no play makes a dull agent\n".repeat(800);
                loop {
                    print(&line)?;
                }
            }
            Step::Crash => {
                print(br#"{"type":"text","text":"I was just about to"#)?;
                nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL)?;
            }
            Step::Exit(code) => return Ok(Some(*code)),
        }
        Ok(None)
    }
}

/// Writes to standard output itself, so that what is written is in the pipe before the next step.
fn print(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

fn event(event: &serde_json::Value) -> io::Result<()> {
    print(format!("{event}\n").as_bytes())
}

fn edit_failed(file: &str) -> io::Result<()> {
    event(&serde_json::json!({"type": "edit_failed", "file": file}))
}

fn write_file(file: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, content)
}

fn applies(patch: &str) -> io::Result<bool> {
    let mut git = Command::new("git")
        .args(["apply", "--whitespace=nowarn", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = git.stdin.take() {
        // A patch that git refuses early breaks the pipe; its exit code tells.
        let _ = stdin.write_all(patch.as_bytes());
    }
    Ok(git.wait()?.success())
}

/// Starts a shell in a group of its own, which starts the real one in the background and is gone. Where
/// there is a `setsid` it gets a session of its own as well, as the tools of real agents do.
fn grandchild(command: &str) -> io::Result<()> {
    let command = if command.trim().is_empty() {
        "sleep 3600"
    } else {
        command
    };
    let detach = "if command -v setsid >/dev/null; then setsid sh -c \"$1\" & else sh -c \"$1\" & fi";
    Command::new("sh")
        .args(["-c", detach, "sh", command])
        .stdin(Stdio::null())
        .process_group(0)
        .status()?;
    Ok(())
}

fn replace_git() -> io::Result<()> {
    let git = Path::new(".git");
    if git.is_dir() {
        std::fs::remove_dir_all(git)?;
    } else if git.symlink_metadata().is_ok() {
        std::fs::remove_file(git)?;
    }
    std::fs::write(git, "gitdir: /nonexistent/elsewhere\n")
}
