//! Starting the programs that are measured.

#![expect(clippy::disallowed_methods, reason = "a benchmark starts what it measures")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

/// A program that runs on one core of its own.
pub(crate) struct Pinned {
    child: Child,
    /// When it was started.
    pub(crate) began: Instant,
}

/// Whether this machine can pin processes to cores.
pub(crate) fn can_pin() -> bool {
    Command::new("taskset")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Pins this process to a core; the threads and processes that it starts from now on stay there too.
pub(crate) fn pin_self(core: usize) -> Result<()> {
    let pid = std::process::id().to_string();
    let done = Command::new("taskset")
        .args(["-cp", &core.to_string(), &pid])
        .stdout(Stdio::null())
        .status()?;
    if !done.success() {
        bail!("taskset refuses core {core}");
    }
    Ok(())
}

impl Pinned {
    /// Starts a program on a core, with these variables and no others besides the search path. This process is on the
    /// next core afterwards.
    pub(crate) fn start(
        program: &Path,
        arguments: &[String],
        environment: &[(&str, String)],
        core: Option<usize>,
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        if let Some(path) = footplate::config::environment("PATH") {
            command.env("PATH", path);
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // A child begins on the core of its parent, so that nothing stands between it and its start.
        if let Some(core) = core {
            pin_self(core)?;
        }
        let began = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        if let Some(core) = core {
            pin_self(core + 1)?;
        }
        Ok(Self { child, began })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says where it listens.
    pub(crate) fn address(&mut self) -> Result<SocketAddr> {
        let stdout = self.child.stdout.take().context("its output was read before")?;
        let mut lines = BufReader::new(stdout).lines();
        for line in &mut lines {
            let line = line?;
            if let Some((_, address)) = line.split_once("listens on http://") {
                // Whatever else it says is read and dropped, so that it never waits for a reader.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(address.trim().parse()?);
            }
        }
        bail!("it ended without saying where it listens")
    }

    /// Asks it to end and waits for that.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.pid())?), Signal::SIGTERM)?;
        let patience = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait()?.is_none() {
            if Instant::now() > patience {
                self.child.kill()?;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a program with a search path and no other variables, and yields what it says.
pub(crate) fn output_of(program: &Path, arguments: &[&str], search: &str) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", search)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        bail!("{} {arguments:?} failed: {said}", program.display());
    }
    Ok(said)
}

/// Starts this program once more with other arguments and yields what it says.
pub(crate) fn output_of_self(arguments: &[String]) -> Result<String> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        bail!("{arguments:?} failed: {said}");
    }
    Ok(said)
}

/// Starts this program once more under callgrind and yields how many instructions it took.
pub(crate) fn instructions_of_self(arguments: &[String]) -> Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("valgrind is not installed")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .with_context(|| format!("callgrind says nothing: {said}"))?;
    Ok(line.1.trim().parse()?)
}

/// Programs that take down how they are called, and then are the programs that they stand for.
pub(crate) struct Recording {
    /// Where they are, for the search path.
    pub(crate) bin: PathBuf,
    folder: PathBuf,
}

impl Recording {
    /// Stands in for these programs, each with the name by which it is looked for.
    pub(crate) fn new(folder: &Path, programs: &[PathBuf]) -> Result<Self> {
        let folder = folder.join("recording");
        let bin = folder.join("bin");
        std::fs::create_dir_all(&bin)?;
        for real in programs {
            let program = bin.join(real.file_name().context("a program has a name")?);
            // Program, arguments, environment and folder, each ended by NUL. The number has four digits, so that names
            // sort.
            let script = format!(
                "#!/bin/sh\n\
                 calls=$(cat '{0}/calls')\n\
                 n=$(ls \"$calls\" | wc -l)\n\
                 call=$calls/$(printf '%04d' \"$n\")\n\
                 mkdir \"$call\"\n\
                 printf '%s\\0' '{1}' > \"$call/program\"\n\
                 printf '%s\\0' \"$PWD\" > \"$call/folder\"\n\
                 env -0 > \"$call/environment\"\n\
                 printf '%s\\0' \"$@\" > \"$call/arguments\"\n\
                 exec '{1}' \"$@\"\n",
                folder.display(),
                real.display()
            );
            std::fs::write(&program, script)?;
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { bin, folder })
    }

    /// From now on calls are taken down in a folder of this name.
    pub(crate) fn begin(&self, name: &str) -> Result<PathBuf> {
        let calls = self.folder.join(name);
        std::fs::create_dir_all(&calls)?;
        std::fs::write(self.folder.join("calls"), calls.display().to_string())?;
        Ok(calls)
    }
}

/// Whether a recorded call began a sandbox.
pub(crate) fn confines(call: &Path) -> bool {
    std::fs::read_to_string(call.join("program")).is_ok_and(|program| program.contains("bwrap"))
}

/// A call as it was taken down.
struct Call {
    program: String,
    folder: String,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Call {
    fn read(at: &Path) -> Result<Self> {
        let words = |name: &str| -> Result<Vec<String>> {
            let text = std::fs::read_to_string(at.join(name))?;
            Ok(text.split_terminator('\0').map(str::to_owned).collect())
        };
        Ok(Self {
            program: words("program")?.concat(),
            folder: words("folder")?.concat(),
            environment: words("environment")?
                .iter()
                .filter_map(|entry| entry.split_once('='))
                .filter(|(name, _)| !matches!(*name, "PWD" | "OLDPWD" | "_" | "SHLVL"))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            arguments: words("arguments")?,
        })
    }

    /// Makes the call with other names in all its paths, and reads what it says.
    async fn make(&self, names: &[(&str, &str)]) -> Result<()> {
        let changed = |text: &str| {
            names
                .iter()
                .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
        };
        let mut command = tokio::process::Command::new(&self.program);
        command.env_clear();
        for (name, value) in &self.environment {
            command.env(name, changed(value));
        }
        let arguments: Vec<String> = self.arguments.iter().map(|argument| changed(argument)).collect();
        // What a sandbox lets in for writing is there, as it was.
        for at in (0..arguments.len()).filter(|&at| arguments[at] == "--bind") {
            std::fs::create_dir_all(&arguments[at + 1])?;
        }
        command.args(arguments);
        let folder = PathBuf::from(changed(&self.folder));
        std::fs::create_dir_all(&folder)?;
        let output = command.current_dir(folder).stdin(Stdio::null()).output().await?;
        if !output.status.success() {
            bail!(
                "{:?} failed: {}",
                self.arguments,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }
}

/// Makes recorded calls again, in another data folder: the first ones once, then `each` as often as said under
/// names of their own; and, where checks are not confined, a shell that does nothing for each, of which the first ones
/// had two.
pub(crate) async fn replay(data: &str, recorded: &str, first: &str, each: &str, further: u64) -> Result<()> {
    let read = |list: &str| -> Result<Vec<Call>> {
        let calls = list.split(':').filter(|call| !call.is_empty());
        calls.map(|call| Call::read(Path::new(call))).collect()
    };
    let (first, each) = (read(first)?, read(each)?);
    let confined = each.iter().any(|call| call.program.contains("bwrap"));
    let (of_one, of_two) = (format!("{recorded}/recorded-1"), format!("{recorded}/recorded-2"));
    for call in &first {
        call.make(&[(&of_one, data)]).await?;
    }
    for _ in 0..if confined { 0 } else { 2 } {
        shell().await?;
    }
    for n in 0..further {
        let name = format!("check-f{n}");
        for call in &each {
            call.make(&[(&of_two, data), ("check-n2", &name)]).await?;
        }
        if !confined {
            shell().await?;
        }
    }
    Ok(())
}

async fn shell() -> Result<()> {
    let output = tokio::process::Command::new("sh")
        .args(["-c", "true"])
        .stdin(Stdio::null())
        .output()
        .await?;
    if !output.status.success() {
        bail!("the shell failed");
    }
    Ok(())
}
