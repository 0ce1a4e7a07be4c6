//! What the engine costs: above the programs it starts, for each node and for each run; and how near it comes to
//! the critical path.
//!
//! `cargo bench --bench nodes [-- --rounds 5]`
//!
//! `footplate run` with a workflow of N checks (`true`), one after the other, on a real repository with real worktrees
//! and durable settings, each run a process of its own. The floor is a program that starts the same programs in the same way, with the
//! arguments that a recording of the run shows: git, bubblewrap where it is installed, and the shells of the checks.
//! Both are told as CPU of the process and all that it started. A second floor does the same work with the product's own worktrees and checks,
//! but without log, decisions and scheduling, which tells the engine proper from its hands.

mod measure;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use footplate::agent::sandbox::{self, Confined, Confinement, OwnProgram, Wanted};
use footplate::agent::{CheckOrder, Limits, Marker, Sandboxes, run_checks};
use footplate::git::{self, Git, adopt_local};
use footplate::model::{AttemptKey, NodeId, RunId, SystemClock};
use footplate::run::{EndedHow, Event, Recorded};
use footplate::store::{Database, Journal, ListRuns};
use measure::process::Recording;
use measure::{Figures, Table, option, process, say, usage, world};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Nodes of the long run.
const NODES: u64 = 50;

/// Goals: milliseconds of CPU a node and a run, makespan as a multiple of the critical path.
const GOALS: (f64, f64, f64) = (0.3, 15.0, 1.05);

/// Attempts at once in the random graph: as many as it has nodes.
const PLACES: usize = 60;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be had");
    let words: Vec<String> = std::env::args().collect();
    let done = match words.iter().position(|word| word == "--child") {
        Some(at) => runtime.block_on(child(&words[at + 1..])),
        None => parent(&runtime),
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

fn parent(runtime: &Runtime) -> Result<()> {
    let rounds = option("rounds", 5);
    let folder = tempfile::tempdir()?;
    let repository = folder.path().join("repository");
    make_repository(&repository)?;
    let programs = [Ok(program("git")?), program("bwrap")];
    let recording = Recording::new(folder.path(), &programs.into_iter().flatten().collect::<Vec<_>>())?;
    let mut stage = Stage {
        folder,
        repository,
        recording,
    };
    let first = stage.record(1)?;
    let second = stage.record(2)?;
    // What the second node of two starts beyond what one node alone does.
    let each = &second[first.len()..];
    let counted = |calls: &[PathBuf]| {
        let sandboxes = calls.iter().filter(|call| process::confines(call)).count();
        format!("git {} times, sandboxes {sandboxes}", calls.len() - sandboxes)
    };
    say(&format!(
        "A run of one node starts {}; each further node {}.",
        counted(&first),
        counted(each)
    ));

    let (mut one, mut many) = (Figures::default(), Figures::default());
    let (mut floor_one, mut floor_many) = (Figures::default(), Figures::default());
    let (mut wall_one, mut wall_floor) = (Figures::default(), Figures::default());
    let (mut engine, mut fixed) = (Figures::default(), Figures::default());
    let mut alone = Figures::default();
    let (mut makespan, mut raw) = (Figures::default(), Figures::default());
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let more = (NODES - 1) as f64;
    for round in 1..=rounds {
        say(&format!("round {round} of {rounds}"));
        let (cpu_one, time_one) = stage.run(&sequence(1))?;
        let (floor_cpu_one, floor_time_one) = stage.floor(&first, each, 0)?;
        let (hands_one, hands_many) = (stage.hands(1)?, stage.hands(NODES)?);
        let (cpu_many, _) = stage.run(&sequence(NODES))?;
        let (floor_cpu_many, _) = stage.floor(&first, each, NODES - 1)?;
        one.add(cpu_one);
        many.add(cpu_many);
        floor_one.add(floor_cpu_one);
        floor_many.add(floor_cpu_many);
        wall_one.add(time_one);
        wall_floor.add(floor_time_one);
        engine.add(((cpu_many - cpu_one) - (floor_cpu_many - floor_cpu_one)) / more);
        fixed.add(cpu_one - floor_cpu_one);
        alone.add(((cpu_many - cpu_one) - (hands_many - hands_one)) / more);
        let (source, critical) = graph(round);
        let (span, through) = stage.span(runtime, &source)?;
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
    /// Runs a workflow: CPU of the program and all that it started, and wall, both in ms.
    fn run(&self, source: &str) -> Result<(f64, f64)> {
        let data = tempfile::tempdir_in(self.folder.path())?;
        self.program(data.path(), source, None)
    }

    /// Runs a workflow with data in a folder, with the programs that stand first in `bin`, if that is given.
    fn program(&self, data: &Path, source: &str, bin: Option<&Path>) -> Result<(f64, f64)> {
        let [settings, workflow, issue] =
            ["footplate.yml", "bench.yml", "issue.md"].map(|name| data.join(name));
        std::fs::write(&workflow, source)?;
        std::fs::write(&issue, "Nothing to do\n\nIt is measured.\n")?;
        std::fs::write(
            &settings,
            format!("data_dir: data\nlimits: {{concurrent_attempts: {PLACES}}}\n"),
        )?;
        let search = footplate::config::environment("PATH").unwrap_or_default();
        let search = match bin {
            Some(folder) => format!("{}:{search}", path(folder)?),
            None => search,
        };
        let arguments = [
            "run",
            "--quiet",
            "--config",
            path(&settings)?,
            "--repo",
            path(&self.repository)?,
            "--issue",
            path(&issue)?,
            "--workflow",
            path(&workflow)?,
        ];
        let (_, cpu, wall) =
            measured(|| process::output_of(Path::new(env!("CARGO_BIN_EXE_footplate")), &arguments, &search))?;
        Ok((cpu, wall))
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
        let (_, cpu, _) = again(&arguments)?;
        Ok(cpu)
    }

    /// Makespan of a workflow, and its critical path through how long the nodes really took, in ms.
    fn span(&self, runtime: &Runtime, source: &str) -> Result<(f64, f64)> {
        let data = tempfile::tempdir_in(self.folder.path())?;
        self.program(data.path(), source, None)?;
        runtime.block_on(span(&data.path().join("data/local/footplate.db"), source))
    }

    /// The calls of git that a run of so many nodes makes, in their order.
    fn record(&mut self, nodes: u64) -> Result<Vec<PathBuf>> {
        let calls = self.recording.begin(&format!("of-{nodes}"))?;
        let data = self.folder.path().join(format!("recorded-{nodes}"));
        std::fs::create_dir_all(&data)?;
        self.program(&data, &sequence(nodes), Some(&self.recording.bin))?;
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
        let mirrors = data.path().join("data/local/mirrors");
        copy(
            &self.folder.path().join("recorded-1/data/local/mirrors"),
            &mirrors,
        )?;
        for mirror in std::fs::read_dir(&mirrors)? {
            let _ = std::fs::remove_dir_all(mirror?.path().join("refs/remotes"));
        }
        let list = |calls: &[PathBuf]| -> Result<String> {
            let names: Result<Vec<&str>> = calls.iter().map(|call| path(call)).collect();
            Ok(names?.join(":"))
        };
        let (first, each) = (list(first)?, list(each)?);
        let (recorded, further) = (path(self.folder.path())?, further.to_string());
        let arguments = ["floor", path(data.path())?, recorded, &first, &each, &further];
        let (_, cpu, wall) = again(&arguments)?;
        Ok((cpu, wall))
    }
}

/// Starts this program again: what it says, CPU of it and all that it started, and wall, both in ms.
fn again(arguments: &[&str]) -> Result<(String, f64, f64)> {
    let words = std::iter::once(&"--child").chain(arguments);
    let words: Vec<String> = words.map(|&word| word.to_owned()).collect();
    measured(|| process::output_of_self(&words))
}

/// Starts something: what it says, CPU of it and all that it started, and wall, both in ms.
fn measured(start: impl FnOnce() -> Result<String>) -> Result<(String, f64, f64)> {
    let (before, began) = (usage::children_cpu()?, Instant::now());
    let said = start()?;
    let wall = began.elapsed();
    let cpu = usage::children_cpu()?.saturating_sub(before);
    Ok((said, cpu.as_secs_f64() * 1e3, wall.as_secs_f64() * 1e3))
}

async fn child(words: &[String]) -> Result<()> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["hands", data, repository, nodes, git, ..] => {
            hands(
                Path::new(data),
                Path::new(repository),
                nodes.parse()?,
                Path::new(git),
            )
            .await
        }
        ["floor", data, recorded, first, each, further, ..] => {
            process::replay(data, recorded, first, each, further.parse()?).await
        }
        _ => bail!("not understood: {words:?}"),
    }
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
    let search = footplate::config::environment("PATH").unwrap_or_default();
    let own = OwnProgram::new(PathBuf::from(env!("CARGO_BIN_EXE_footplate")));
    let sandbox = sandbox::probe(Wanted::Auto, &search, own).await.ok();
    let home = data.join("home");
    std::fs::create_dir_all(&home)?;
    for n in 0..=nodes {
        let at = data.join(format!("runs/01k9z/check-h{n}"));
        let worktree = adopted.mirror.worktree(&at, &adopted.head).await?;
        let commands = sandbox.as_ref().map(|probe| Confined {
            sandbox: Arc::clone(&probe.sandbox),
            confinement: Confinement {
                git: Some(sandbox::Git {
                    directory: adopted.mirror.path().to_owned(),
                    link: worktree.path.join(".git"),
                }),
                ..Confinement::new(worktree.path.clone(), home.clone())
            },
        });
        let order = CheckOrder {
            sandboxes: Sandboxes {
                setup: None,
                commands,
            },
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
            home: home.clone(),
            path: Some(search.clone()),
            env: BTreeMap::new(),
        };
        run_checks(&order, &CancellationToken::new()).await?;
        adopted.mirror.remove_worktree(&at).await?;
    }
    say("done");
    Ok(())
}

/// Makespan of the only run in a store, and the longest way through its graph, in ms.
async fn span(database: &Path, source: &str) -> Result<(f64, f64)> {
    let store = Database::open(&format!("sqlite:{}", path(database)?), Arc::new(SystemClock)).await?;
    let runs = store.list(ListRuns::default()).await?;
    let run = &runs.first().context("there is a run")?.run;
    let log: Vec<Recorded> = store
        .load(run)
        .await?
        .context("the run has a log")?
        .iter()
        .map(|line| Ok(Recorded::from_line(line)?))
        .collect::<Result<_>>()?;
    store.close().await?;
    let began = log.first().context("a log begins")?.at;
    let ended = log.iter().find_map(|line| match &line.event {
        Event::Ended {
            how: EndedHow::Closed,
            ..
        } => Some(line.at),
        _ => None,
    });
    let ended = ended.context("the run did not come to its end")?;
    let frozen = world::frozen(Some(source))?;
    Ok((
        ended.since(began).as_secs_f64() * 1e3,
        critical_path(&frozen.workflow, &log),
    ))
}

/// The longest way through the graph, with each node as long as its attempt took, in ms.
fn critical_path(workflow: &footplate::workflow::Workflow, log: &[Recorded]) -> f64 {
    let mut lengths = BTreeMap::new();
    for line in log {
        if let Event::AttemptEnded { report } = &line.event {
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
    ends.values().copied().fold(0.0, f64::max)
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
