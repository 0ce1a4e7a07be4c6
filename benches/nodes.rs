//! What the engine costs: above the programs it starts, for each node and for each run; and how near it comes to
//! the critical path.
//!
//! `cargo bench --bench nodes [-- --rounds 5]`
//!
//! A run of N checks (`true`), one after the other, on a real repository with real worktrees and durable settings,
//! each run a process of its own. The floor is a program that starts the same programs in the same way, with the
//! arguments that a recording of the run shows: git, and the shells of the checks. Both are told as CPU of the
//! process and all that it started. A second floor does the same work with the product's own worktrees and checks,
//! but without log, decisions and scheduling, which tells the engine proper from its hands.

mod measure;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use footplate::agent::{CheckOrder, Limits, Marker, run_checks};
use footplate::engine::{Adopted, Bench, Book, Crew, Driver, Equipment, Folders, InProcess, Pump};
use footplate::git::{self, Git, adopt_local};
use footplate::model::{AttemptKey, NodeId, RunId, SystemClock};
use footplate::run::{EndedHow, Event, Recorded};
use footplate::store::{Database, Journal};
use measure::process::Recording;
use measure::{Figures, Table, option, process, say, usage, world};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Nodes of the long run.
const NODES: u64 = 50;

/// Goals: milliseconds of CPU a node and a run, makespan as a multiple of the critical path.
const GOALS: (f64, f64, f64) = (0.3, 15.0, 1.05);

/// Attempts at once in the random graph: as many as it has nodes.
const PLACES: usize = 60;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be had");
    let words: Vec<String> = std::env::args().collect();
    let done = match words.iter().position(|word| word == "--child") {
        Some(at) => runtime.block_on(child(&words[at + 1..])),
        None => parent(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Everything that a round uses.
struct Stage {
    folder: tempfile::TempDir,
    repository: PathBuf,
    recording: Recording,
}

fn parent() -> Result<()> {
    let rounds = option("rounds", 5);
    let folder = tempfile::tempdir()?;
    let repository = folder.path().join("repository");
    make_repository(&repository)?;
    let recording = Recording::new(folder.path(), &program("git")?)?;
    let mut stage = Stage {
        folder,
        repository,
        recording,
    };
    let first = stage.record(1)?;
    let second = stage.record(2)?;
    // What the second node of two starts beyond what one node alone does.
    let each = &second[first.len()..];
    say(&format!(
        "A run of one node calls git {} times; each further node {} times.",
        first.len(),
        each.len()
    ));

    let (mut one, mut many) = (Figures::default(), Figures::default());
    let (mut floor_one, mut floor_many) = (Figures::default(), Figures::default());
    let (mut wall_one, mut wall_floor) = (Figures::default(), Figures::default());
    let (mut engine, mut fixed) = (Figures::default(), Figures::default());
    let mut alone = Figures::default();
    let (mut own, mut makespan, mut raw) = (Figures::default(), Figures::default(), Figures::default());
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let more = (NODES - 1) as f64;
    for round in 1..=rounds {
        say(&format!("round {round} of {rounds}"));
        let (cpu_one, time_one, _) = stage.run(&sequence(1))?;
        let (floor_cpu_one, floor_time_one) = stage.floor(&first, each, 0)?;
        let (hands_one, hands_many) = (stage.hands(1)?, stage.hands(NODES)?);
        let (cpu_many, _, own_many) = stage.run(&sequence(NODES))?;
        let (floor_cpu_many, _) = stage.floor(&first, each, NODES - 1)?;
        one.add(cpu_one);
        many.add(cpu_many);
        floor_one.add(floor_cpu_one);
        floor_many.add(floor_cpu_many);
        wall_one.add(time_one);
        wall_floor.add(floor_time_one);
        engine.add(((cpu_many - cpu_one) - (floor_cpu_many - floor_cpu_one)) / more);
        fixed.add(cpu_one - floor_cpu_one);
        own.add(own_many / more);
        alone.add(((cpu_many - cpu_one) - (hands_many - hands_one)) / more);
        let (source, critical) = graph(round);
        let (span, through) = stage.span(&source)?;
        makespan.add(span / through);
        raw.add(span / critical);
    }

    let mut table = Table::new(
        "The engine: median (least–most) of the rounds",
        &["", "Footplate", "floor", "above the floor", "goal"],
    );
    let (node_goal, run_goal, span_goal) = GOALS;
    table.row(vec![
        format!("CPU of a run of {NODES} nodes, ms"),
        many.show(),
        floor_many.show(),
        String::new(),
        String::new(),
    ]);
    table.row(vec![
        "CPU of each further node, ms".to_owned(),
        format!("{:.2}", (many.median() - one.median()) / more),
        format!("{:.2}", (floor_many.median() - floor_one.median()) / more),
        engine.show(),
        format!("at most {node_goal}"),
    ]);
    table.row(vec![
        "… of which in this process, ms".to_owned(),
        own.show(),
        String::new(),
        String::new(),
        String::new(),
    ]);
    table.row(vec![
        "… of which beyond worktrees and checks, ms".to_owned(),
        String::new(),
        String::new(),
        alone.show(),
        String::new(),
    ]);
    table.row(vec![
        "CPU of a run of one node, ms".to_owned(),
        one.show(),
        floor_one.show(),
        fixed.show(),
        format!("at most {run_goal}"),
    ]);
    table.row(vec![
        "wall of a run of one node, ms".to_owned(),
        wall_one.show(),
        wall_floor.show(),
        String::new(),
        String::new(),
    ]);
    table.row(vec![
        "makespan of a random graph / critical path".to_owned(),
        makespan.show(),
        "1".to_owned(),
        String::new(),
        format!("at most {span_goal}"),
    ]);
    table.row(vec![
        "… with the sleeps alone as nodes' lengths".to_owned(),
        raw.show(),
        "1".to_owned(),
        String::new(),
        String::new(),
    ]);
    table.print();
    Ok(())
}

impl Stage {
    /// Runs a workflow in a process of its own: CPU and wall in ms, and the CPU of that process alone.
    fn run(&self, source: &str) -> Result<(f64, f64, f64)> {
        let (said, cpu, wall) = self.child(source, &program("git")?)?;
        let own: f64 = word(&said, 0)?;
        Ok((cpu, wall, own))
    }

    /// CPU of the hands alone, for so many nodes.
    fn hands(&self, nodes: u64) -> Result<f64> {
        let data = tempfile::tempdir_in(self.folder.path())?;
        let (nodes, git) = (nodes.to_string(), program("git")?);
        let arguments = [
            "hands",
            path(data.path())?,
            path(&self.repository)?,
            &nodes,
            path(&git)?,
        ];
        let (_, cpu, _) = measured("--child", &arguments)?;
        Ok(cpu)
    }

    /// Makespan of a workflow, and its critical path through how long the nodes really took, in ms.
    fn span(&self, source: &str) -> Result<(f64, f64)> {
        let (said, ..) = self.child(source, &program("git")?)?;
        Ok((word(&said, 1)?, word(&said, 2)?))
    }

    fn child(&self, source: &str, git: &Path) -> Result<(String, f64, f64)> {
        let data = tempfile::tempdir_in(self.folder.path())?;
        let file = data.path().join("bench.yml");
        std::fs::write(&file, source)?;
        let arguments = [
            "run",
            path(data.path())?,
            path(&self.repository)?,
            path(&file)?,
            path(git)?,
        ];
        measured("--child", &arguments)
    }

    /// The calls of git that a run of so many nodes makes, in their order.
    fn record(&mut self, nodes: u64) -> Result<Vec<PathBuf>> {
        let calls = self.recording.begin(&format!("of-{nodes}"))?;
        let data = self.folder.path().join(format!("recorded-{nodes}"));
        std::fs::create_dir_all(&data)?;
        let file = data.join("bench.yml");
        std::fs::write(&file, sequence(nodes))?;
        let arguments = [
            "run",
            path(&data)?,
            path(&self.repository)?,
            path(&file)?,
            path(&self.recording.program)?,
        ];
        measured("--child", &arguments)?;
        let mut found: Vec<PathBuf> = std::fs::read_dir(&calls)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        found.sort();
        Ok(found)
    }

    /// Starts what was recorded, the last part as often as said, in a process of its own.
    fn floor(&self, first: &[PathBuf], each: &[PathBuf], further: u64) -> Result<(f64, f64)> {
        let data = tempfile::tempdir_in(self.folder.path())?;
        // The mirror as it was before anything was fetched.
        let mirror = "mirrors/repository";
        copy(
            &self.folder.path().join("recorded-1").join(mirror),
            &data.path().join(mirror),
        )?;
        let _ = std::fs::remove_dir_all(data.path().join(mirror).join("refs/remotes"));
        let list = |calls: &[PathBuf]| -> Result<String> {
            let names: Result<Vec<&str>> = calls.iter().map(|call| path(call)).collect();
            Ok(names?.join(":"))
        };
        let (first, each) = (list(first)?, list(each)?);
        let git = program("git")?;
        let (recorded, further) = (path(self.folder.path())?, further.to_string());
        let arguments = [
            "floor",
            path(data.path())?,
            recorded,
            &first,
            &each,
            &further,
            path(&git)?,
        ];
        let (_, cpu, wall) = measured("--child", &arguments)?;
        Ok((cpu, wall))
    }
}

/// Starts this program again: what it says, CPU of it and all that it started, and wall, both in ms.
fn measured(flag: &str, arguments: &[&str]) -> Result<(String, f64, f64)> {
    let words: Vec<String> = std::iter::once(&flag)
        .chain(arguments)
        .map(|&word| word.to_owned())
        .collect();
    let (before, began) = (usage::children_cpu()?, Instant::now());
    let said = process::output_of_self(&words)?;
    let wall = began.elapsed();
    let cpu = usage::children_cpu()?.saturating_sub(before);
    Ok((said, cpu.as_secs_f64() * 1e3, wall.as_secs_f64() * 1e3))
}

async fn child(words: &[String]) -> Result<()> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", data, repository, workflow, git, ..] => {
            run(
                Path::new(data),
                Path::new(repository),
                Path::new(workflow),
                Path::new(git),
            )
            .await
        }
        ["hands", data, repository, nodes, git, ..] => {
            hands(
                Path::new(data),
                Path::new(repository),
                nodes.parse()?,
                Path::new(git),
            )
            .await
        }
        ["floor", data, recorded, first, each, further, git, ..] => {
            process::replay(data, recorded, first, each, further.parse()?, git).await
        }
        _ => bail!("not understood: {words:?}"),
    }
}

/// One local run, put together as the program does it.
async fn run(data: &Path, repository: &Path, workflow: &Path, program: &Path) -> Result<()> {
    let url = format!("sqlite:{}", data.join("footplate.db").display());
    let store = Database::open(&url, Arc::new(SystemClock)).await?;
    let git = Git::find(git::Settings {
        program: Some(program.to_owned()),
        ..git::Settings::default()
    })
    .await?;
    let adopted = adopt_local(&git, repository, &data.join("mirrors/repository")).await?;
    let frozen = world::frozen(Some(&std::fs::read_to_string(workflow)?))?;
    let id = RunId::new("01k9z0000000000000000zzzzz")?;
    let created = world::created(&frozen, id.clone(), adopted.head)?;

    let book = Arc::new(Book::new(store.clone(), SystemClock));
    let equipment = Equipment {
        folders: Folders::new(data),
        depot: Arc::new(Adopted(adopted.mirror)),
        harnesses: BTreeMap::new(),
        marker: Marker::of_server(data),
        journal: store.clone(),
        places: PLACES,
        path: footplate::config::environment("PATH"),
        env: BTreeMap::new(),
    };
    let crew = Crew::new(
        Arc::clone(&book),
        world::Silent,
        Bench::new(equipment, SystemClock),
    );
    let executor = InProcess::new(Arc::clone(&book), crew);
    let driver = Arc::new(Driver::new(Arc::clone(&book), executor, world::Nobody));
    driver.recover().await?;
    let began = Instant::now();
    driver.start(created, &frozen, None).await?;
    let stop = CancellationToken::new();
    let pump = tokio::spawn(Pump::new(Arc::clone(&driver), store.wakeups()).run(stop.clone()));
    let mut changes = store.wakeups();
    let how = loop {
        let page = book.look(&id).await?.context("the run exists")?;
        if let Some(ended) = &page.run.ended {
            break ended.0;
        }
        let _ = tokio::time::timeout(Duration::from_millis(100), changes.changed()).await;
    };
    let makespan = began.elapsed();
    stop.cancel();
    pump.await??;
    driver.executor().shut_down().await;
    let log = store.load(&id).await?.context("the run has a log")?;
    store.close().await?;
    if how != EndedHow::Closed {
        bail!("the run ended as {how:?}");
    }
    let critical = critical_path(&frozen.workflow, &log)?;
    say(&format!(
        "{} {} {}",
        usage::own_cpu()?.as_secs_f64() * 1e3,
        makespan.as_secs_f64() * 1e3,
        critical
    ));
    Ok(())
}

/// The hands without the engine: the product's own worktrees and checks for so many nodes and one baseline, with no
/// log, no decisions and no scheduling.
async fn hands(data: &Path, repository: &Path, nodes: u64, program: &Path) -> Result<()> {
    let git = Git::find(git::Settings {
        program: Some(program.to_owned()),
        ..git::Settings::default()
    })
    .await?;
    let adopted = adopt_local(&git, repository, &data.join("mirrors/repository")).await?;
    let server = Marker::of_server(data);
    for n in 0..=nodes {
        let at = data.join(format!("runs/01k9z/check-h{n}"));
        let worktree = adopted.mirror.worktree(&at, &adopted.head).await?;
        let order = CheckOrder {
            key: AttemptKey {
                run: RunId::new("01k9z0000000000000000zzzzz")?,
                node: NodeId::new(format!("h{n}"))?,
                generation: 1,
                n: 1,
            },
            server: server.clone(),
            checkout: worktree.path.clone(),
            setup: Vec::new(),
            commands: vec!["true".to_owned()],
            limits: Limits::silent(Duration::from_mins(1)),
            home: data.join("home"),
            path: footplate::config::environment("PATH"),
            env: BTreeMap::new(),
        };
        run_checks(&order, &CancellationToken::new()).await?;
        adopted.mirror.remove_worktree(&at).await?;
    }
    say("done");
    Ok(())
}

/// The longest way through the graph, with each node as long as its attempt took, in ms.
fn critical_path(workflow: &footplate::workflow::Workflow, log: &[String]) -> Result<f64> {
    let mut lengths = BTreeMap::new();
    for line in log {
        if let Event::AttemptEnded { report } = Recorded::from_line(line)?.event {
            let took = report.ended.since(report.started).as_secs_f64() * 1e3;
            lengths.insert(report.key.node.clone(), took);
        }
    }
    // The nodes of a workflow stand behind those that they need.
    let mut ends: BTreeMap<_, f64> = BTreeMap::new();
    for node in &workflow.nodes {
        let start = node
            .needs
            .iter()
            .filter_map(|need| ends.get(need))
            .copied()
            .fold(0.0, f64::max);
        ends.insert(
            node.id.clone(),
            start + lengths.get(&node.id).copied().unwrap_or_default(),
        );
    }
    Ok(ends.values().copied().fold(0.0, f64::max))
}

/// Checks one after the other.
fn sequence(nodes: u64) -> String {
    let mut text = "name: bench\nnodes:\n".to_owned();
    for n in 1..=nodes {
        let needs = if n == 1 {
            String::new()
        } else {
            format!(", needs: [n{}]", n - 1)
        };
        text.extend([format!(
            "  n{n}: {{run: ['true'], writes: [n{n}-checks.md]{needs}}}\n"
        )]);
    }
    text
}

/// A random graph of sixty nodes that sleep for 50 to 500 ms, and its critical path in ms. All checks are one
/// command, which reads off its checkout's name how long to sleep; the baseline sleeps for no time.
fn graph(seed: u64) -> (String, f64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % below
    };
    let mut text = "name: bench\nnodes:\n".to_owned();
    let mut names: Vec<String> = Vec::new();
    let mut ends: Vec<f64> = Vec::new();
    for n in 0..60_usize {
        let mut needs: Vec<usize> = (0..random(3))
            .filter(|_| n > 0)
            .map(|_| n - 1 - random(n.min(12)))
            .collect();
        needs.sort_unstable();
        needs.dedup();
        let sleep = 50 + random(451);
        let start = needs.iter().map(|&need| ends[need]).fold(0.0, f64::max);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        ends.push(start + sleep as f64);
        let needs: Vec<&str> = needs.iter().map(|&need| names[need].as_str()).collect();
        let name = format!("n{n}-{sleep}");
        text.extend([format!(
            "  {name}: {{run: ['sh pause'], writes: [n{n}-checks.md], needs: [{}]}}\n",
            needs.join(", ")
        )]);
        names.push(name);
    }
    (text, ends.into_iter().fold(0.0, f64::max))
}

/// A small repository of one commit.
fn make_repository(at: &Path) -> Result<()> {
    let repository = git2::Repository::init(at)?;
    for (name, text) in [
        ("README.md", "# Widgets\n"),
        // In the checkout of a node `n3-120` it sleeps for 120 ms.
        (
            "pause",
            "case $PWD in */check-*) ms=00${PWD##*-}; sleep 0.${ms#\"${ms%???}\"} ;; esac\n",
        ),
        ("src/widgets.py", "def price(widget):\n    return widget.cents\n"),
    ] {
        let file = at.join(name);
        std::fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
        std::fs::write(file, text)?;
    }
    let mut index = repository.index()?;
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None)?;
    let tree = repository.find_tree(index.write_tree()?)?;
    index.write()?;
    let person = git2::Signature::now("Ada", "ada@example.com")?;
    repository.commit(Some("HEAD"), &person, &person, "First commit\n", &tree, &[])?;
    Ok(())
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            std::fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// Where a program is.
fn program(name: &str) -> Result<PathBuf> {
    let path = footplate::config::environment("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .with_context(|| format!("{name} is not installed"))
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is text")
}

fn word(said: &str, place: usize) -> Result<f64> {
    let word = said.split_ascii_whitespace().nth(place);
    Ok(word.with_context(|| format!("not understood: {said}"))?.parse()?)
}
