//! What a supervised child costs the supervisor: memory while a thousand of them are silent, and how long it takes
//! to end them all.
//!
//! The floor holds the same processes with the same three streams, and neither watches nor reads them.
//!
//! `cargo bench --bench supervision`, `-- --children N`.

mod measure;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use footplate::agent::{Agent, CommandHarness, Limits, Marker, Order, Stop, Variables};
use footplate::model::{AttemptKey, Role, Timestamp};
use measure::process::output_of_self;
use measure::{Figures, Table, option, say, usage, word};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The most KiB a child.
const GOAL: f64 = 24.0;
/// Children at a time.
const CHILDREN: u64 = 1000;
/// Rounds of each, in turns. Every round is a process of its own, since memory once used stays with a process.
const ROUNDS: u64 = 3;
/// How long everything may take before it is given up; no child outlives it.
const PATIENCE: Duration = Duration::from_mins(5);

fn main() -> Result<()> {
    let children = option("children", CHILDREN);
    match word("part").as_deref() {
        Some("supervised") => runtime()?.block_on(supervised(children)),
        Some("floor") => runtime()?.block_on(floor(children)),
        _ => compare(children),
    }
}

fn compare(children: u64) -> Result<()> {
    let parts = ["supervised", "floor"];
    let mut figures: [[Figures; 3]; 2] = Default::default();
    for _ in 0..option("rounds", ROUNDS) {
        for (part, figures) in parts.iter().zip(&mut figures) {
            let words = ["--part", part, "--children", &children.to_string()].map(str::to_owned);
            let said = output_of_self(&words)?;
            let said: Vec<f64> = said
                .split_ascii_whitespace()
                .map(str::parse)
                .collect::<Result<_, _>>()?;
            ensure!(said.len() == figures.len(), "{part} said {said:?}");
            for (figures, figure) in figures.iter_mut().zip(said) {
                figures.add(figure);
            }
        }
    }
    let [supervised, floor] = figures;
    let mut table = Table::new(
        format!("{children} children that sleep, with three streams each"),
        &["", "supervised", "floor: held, not watched", "goal"],
    );
    let goal = format!("at most {GOAL}");
    let rows = [
        ("memory a child, KiB", goal.as_str()),
        ("CPU a child in all, its own included, ms", ""),
        ("wall to end all and reap them, ms", ""),
    ];
    for (n, (name, goal)) in rows.into_iter().enumerate() {
        table.row(vec![
            name.to_owned(),
            supervised[n].show(),
            floor[n].show(),
            goal.to_owned(),
        ]);
    }
    table.print();
    say("\nMemory is what the process has resident, all together, above what it had before the first child.");
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    // Three descriptors each, and one more for how it ends.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

async fn supervised(children: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let harness = CommandHarness {
        name: "sleeper".to_owned(),
        argv: vec!["sleep".to_owned(), PATIENCE.as_secs().to_string()],
        variables: Variables::new(),
    };
    let cancel = CancellationToken::new();
    let _end = cancel.clone().drop_guard();
    let mut running = JoinSet::new();
    let before = Now::take()?;
    for n in 0..children {
        let order = order(folder.path(), n)?;
        let (harness, cancel) = (harness.clone(), cancel.clone());
        running.spawn(async move { harness.run(&order, cancel, &()).await });
    }
    wait_for(children).await?;
    let started = Now::take()?;
    cancel.cancel();
    let all = async {
        while let Some(ended) = running.join_next().await {
            let ended = ended??;
            ensure!(
                ended.stopped == Some(Stop::Cancelled),
                "it stopped by {:?}",
                ended.stopped
            );
            ensure!(ended.killed.survivors == 0, "one survived");
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, all).await??;
    report(children, &before, &started, &Now::take()?);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark starts what it measures")]
async fn floor(children: u64) -> Result<()> {
    let before = Now::take()?;
    let mut running = Vec::new();
    for _ in 0..children {
        let child = tokio::process::Command::new("sleep")
            .arg(PATIENCE.as_secs().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        running.push(child);
    }
    wait_for(children).await?;
    let started = Now::take()?;
    for child in &mut running {
        child.start_kill()?;
    }
    for child in &mut running {
        child.wait().await?;
    }
    report(children, &before, &started, &Now::take()?);
    Ok(())
}

/// Waits until so many children of ours are what they were started to be.
async fn wait_for(children: u64) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    let own = std::process::id();
    loop {
        // Whatever is still to be started is started meanwhile.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let listed = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"))?;
        let sleeping = listed.split_ascii_whitespace().filter(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep")
        });
        let count = sleeping.count();
        if count as u64 >= children {
            return Ok(());
        }
        ensure!(Instant::now() < until, "only {count} children are there");
    }
}

/// What this process has used.
struct Now {
    at: Instant,
    cpu: Duration,
    kib: f64,
}

impl Now {
    fn take() -> Result<Self> {
        let kib = usage::memory_of(std::process::id(), "VmRSS")? * 1024.0;
        Ok(Self {
            at: Instant::now(),
            cpu: usage::own_cpu()? + usage::children_cpu()?,
            kib,
        })
    }
}

fn report(children: u64, before: &Now, started: &Now, ended: &Now) {
    #[expect(clippy::cast_precision_loss, reason = "a count of children")]
    let count = children as f64;
    say(&format!(
        "{} {} {}",
        (started.kib - before.kib) / count,
        ended.cpu.saturating_sub(before.cpu).as_secs_f64() * 1e3 / count,
        (ended.at - started.at).as_secs_f64() * 1e3,
    ));
}

fn order(root: &Path, n: u64) -> Result<Order> {
    let key: AttemptKey = format!("01jd0000000000000000000000/implement/1/{}", n + 1)
        .parse()
        .context("a key")?;
    let tree = root.join(format!("{n}/tree"));
    std::fs::create_dir_all(&tree)?;
    Ok(Order {
        key,
        role: Role::Implement,
        server: Marker::of_server(root),
        artifacts: tree.join(".footplate"),
        worktree: tree,
        brief: root.join("brief.md"),
        home: root.join(format!("{n}/home")),
        model: None,
        model_url: None,
        dialect: None,
        effort: None,
        model_key: None,
        read_only: false,
        confined: true,
        sandbox: None,
        limits: Limits::silent(PATIENCE),
        path: None,
        env: BTreeMap::new(),
        started: Timestamp(0),
    })
}
