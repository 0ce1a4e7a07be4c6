//! CPU of this program for reading what a harness prints: a pipe of 50 MB, split, parsed and summed up, beside two
//! floors of the same run that only split it into lines.
//!
//! `cargo bench --bench stream`

mod measure;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::BufRead;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use footplate::agent::{Agent, Cli, CliHarness, Limits, Marker, Order};
use footplate::model::{Role, Timestamp};
use measure::{Figures, Table, say, usage};

/// The most microseconds of CPU per line.
const GOAL: f64 = 1.3;
/// Bytes of one stream.
const BYTES: usize = 50_000_000;
/// Rounds of each, in turns.
const ROUNDS: usize = 5;

/// A harness, and the recording that is repeated: everything between its first line and its last.
const STREAMS: [(Cli, &str); 4] = [
    (
        Cli::Claude,
        include_str!("../src/agent/dialect/fixtures/claude-ok.jsonl"),
    ),
    (
        Cli::Codex,
        include_str!("../src/agent/dialect/fixtures/codex-ok.jsonl"),
    ),
    (
        Cli::Gemini,
        include_str!("../src/agent/dialect/fixtures/gemini-ok.jsonl"),
    ),
    (
        Cli::Qwen,
        include_str!("../src/agent/dialect/fixtures/qwen-ok.jsonl"),
    ),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut table = Table::new(
        "Reading a harness's stream of 50 MB, CPU in µs per line",
        &["", "bytes per line", "read", "floor: lines only", "goal"],
    );
    for (cli, recording) in STREAMS {
        let folder = tempfile::tempdir()?;
        let (file, lines) = repeat(folder.path(), recording)?;
        let program = program(folder.path(), &file)?;
        let (mut read, mut floor) = (Figures::default(), Figures::default());
        #[expect(clippy::cast_precision_loss, reason = "a count of lines")]
        let count = lines as f64;
        for round in 0..ROUNDS {
            let order = order(&folder.path().join(round.to_string()))?;
            let harness = CliHarness {
                program: program.to_string_lossy().into_owned(),
                ..CliHarness::new(cli)
            };
            let before = usage::own_cpu()?;
            let ended = harness
                .run(&order, tokio_util::sync::CancellationToken::new(), &())
                .await?;
            read.add(usage::own_cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / count);
            ensure!(
                ended.events == lines as u64,
                "{} of {lines} lines arrived",
                ended.events
            );
            ensure!(
                ended.terminal.is_some_and(|last| last.ok),
                "the last line was not understood"
            );

            let before = usage::own_cpu()?;
            ensure!(split(&program)? == lines, "the floor lost lines");
            floor.add(usage::own_cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / count);
        }
        table.row(vec![
            cli.as_str().to_owned(),
            (BYTES / lines).to_string(),
            read.show(),
            floor.show(),
            format!("at most {GOAL}"),
        ]);
    }
    table.print();
    say(
        "\nThe floor reads the same pipe in 32 KiB and counts lines. Starting and ending the process is in both.",
    );
    Ok(())
}

/// Writes a stream that is long enough: the first line, the middle again and again, the last line.
fn repeat(folder: &Path, recording: &str) -> Result<(PathBuf, usize)> {
    let lines: Vec<&str> = recording.lines().collect();
    let (first, rest) = lines.split_first().context("a first line")?;
    let (last, middle) = rest.split_last().context("a last line")?;
    let mut text = format!("{first}\n");
    let mut count = 2;
    while text.len() < BYTES {
        for line in middle {
            writeln!(text, "{line}")?;
        }
        count += middle.len();
    }
    writeln!(text, "{last}")?;
    let file = folder.join("stream");
    std::fs::write(&file, text)?;
    Ok((file, count))
}

/// A program that prints the file, whatever its arguments.
fn program(folder: &Path, file: &Path) -> Result<PathBuf> {
    let program = folder.join("harness");
    std::fs::write(&program, format!("#!/bin/sh\nexec cat '{}'\n", file.display()))?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

fn order(root: &Path) -> Result<Order> {
    let tree = root.join("tree");
    std::fs::create_dir_all(&tree)?;
    std::fs::write(root.join("brief.md"), "Do it.")?;
    Ok(Order {
        key: "01jd0000000000000000000000/implement/1/1".parse()?,
        role: Role::Implement,
        server: Marker::of_server(root),
        artifacts: tree.join(".footplate"),
        worktree: tree,
        brief: root.join("brief.md"),
        home: root.join("home"),
        model: None,
        model_url: None,
        dialect: None,
        effort: None,
        model_key: None,
        read_only: false,
        confined: true,
        sandbox: None,
        limits: Limits::silent(Duration::from_mins(10)),
        path: None,
        env: BTreeMap::new(),
        started: Timestamp(0),
    })
}

/// Reads the program's output and counts its lines.
#[expect(clippy::disallowed_methods, reason = "a benchmark starts what it measures")]
fn split(program: &Path) -> Result<usize> {
    let mut child = std::process::Command::new(program)
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut output = std::io::BufReader::with_capacity(32 * 1024, child.stdout.take().context("a pipe")?);
    let mut lines = 0;
    while output.skip_until(b'\n')? > 0 {
        lines += 1;
    }
    child.wait()?;
    Ok(lines)
}
