//! Taking up ten thousand open runs after a crash, beside the floor of reading them.
//!
//! `cargo bench --bench recovery [-- --rounds 5 --runs 10000]`
//!
//! The store is filled once: `working` runs, each with an attempt that is scheduled and a status to be posted (two
//! of them with an attempt under way, which is then logged as lost), and `waiting` runs, each at a gate.
//! Every measurement is a process of its own that opens the store, recovers through the product's own driver and
//! book, and ends when everything outstanding has been handed to the executor.

mod measure;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use footplate::engine::{Book, Done, Driver, Error, Executor, Hands, InProcess, Page, Told};
use footplate::model::{Artifact, ArtifactName, CommitId, IssueNumber, RunId, SystemClock, Timestamp};
use footplate::run::{Action, ActionKey, Input, Report, Verdict, outstanding};
use footplate::store::{Append, Database, FindRun, Journal};
use measure::{Figures, Table, option, process, say, usage, world};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Goals: milliseconds until everything is rescheduled, MiB that ten thousand waiting runs add.
const GOALS: (f64, f64) = (500.0, 12.0);

/// Attempts that were under way when the process died: the places of a server.
const UNDER_WAY: u64 = 2;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime can be had");
    let words: Vec<String> = std::env::args().collect();
    let done = match words.iter().position(|word| word == "--child") {
        Some(at) => runtime.block_on(child(&words[at + 1], Path::new(&words[at + 2]))),
        None => runtime.block_on(parent()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn parent() -> Result<()> {
    let (rounds, runs) = (option("rounds", 5), option("runs", 10_000));
    let folder = tempfile::tempdir()?;
    let (working, waiting) = (folder.path().join("working.db"), folder.path().join("waiting.db"));
    say(&format!("filling two stores with {runs} runs each"));
    fill(&working, runs, true)
        .await
        .context("filling the store with working runs")?;
    fill(&waiting, runs, false)
        .await
        .context("filling the store with waiting runs")?;
    let empty = folder.path().join("empty.db");
    fill(&empty, 0, true).await?;

    let kinds = [
        ("floor", &working),
        ("driver", &working),
        ("driver", &waiting),
        ("driver", &empty),
    ];
    let mut figures: [[Figures; 4]; 4] = Default::default();
    for round in 0..rounds {
        say(&format!("round {} of {rounds}", round + 1));
        for ((kind, file), figures) in kinds.iter().zip(&mut figures) {
            // What a crash left is the same every time.
            let copy = folder.path().join("copy.db");
            std::fs::copy(file, &copy)?;
            let (kind, copy_text) = ((*kind).to_owned(), copy.display().to_string());
            let said = process::output_of_self(&["--child".to_owned(), kind, copy_text])?;
            for (figure, text) in figures.iter_mut().zip(said.split_ascii_whitespace()) {
                figure.add(text.parse()?);
            }
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(folder.path().join(format!("copy.db{suffix}")));
            }
        }
    }
    let title = format!("Recovering {runs} open runs: median (least–most) of the rounds");
    let mut table = Table::new(
        title,
        &[
            "",
            "wall, ms",
            "CPU, ms",
            "resident, MiB",
            "handed to the executor",
        ],
    );
    let names = [
        "floor: rows and events read",
        "working runs",
        "waiting runs",
        "no runs",
    ];
    for (name, [wall, cpu, memory, started]) in names.iter().zip(&figures) {
        let cells = [
            wall.show(),
            cpu.show(),
            memory.show(),
            format!("{:.0}", started.median()),
        ];
        table.row(std::iter::once((*name).to_owned()).chain(cells).collect());
    }
    table.print();
    let (time, growth) = GOALS;
    say(&format!(
        "\nUntil everything is rescheduled: {:.0} ms, {:.1} times the floor; the goal is {time} ms.\n\
         Waiting runs add {:.1} MiB; the goal is {growth} MiB.",
        figures[1][0].median(),
        figures[1][0].median() / figures[0][0].median(),
        figures[2][2].median() - figures[3][2].median(),
    ));
    Ok(())
}

/// Opens the store, recovers, and says: wall ms, CPU ms, MiB resident, actions handed to the executor.
async fn child(kind: &str, file: &Path) -> Result<()> {
    let (began, before) = (Instant::now(), usage::own_cpu()?);
    let started = match kind {
        "floor" => read_all(file).await?,
        "driver" => recover(file).await?,
        other => bail!("nothing is called {other}"),
    };
    let cpu = usage::own_cpu()?.saturating_sub(before);
    let memory = usage::memory_of(std::process::id(), "VmRSS")?;
    say(&format!(
        "{} {} {memory} {started}",
        began.elapsed().as_secs_f64() * 1e3,
        cpu.as_secs_f64() * 1e3
    ));
    Ok(())
}

async fn recover(file: &Path) -> Result<u64> {
    let store = open(file).await?;
    let book = Arc::new(Book::new(store, SystemClock));
    let executor = Counting {
        inner: InProcess::new(Arc::clone(&book), Idle),
        started: AtomicU64::new(0),
    };
    let driver = Driver::new(book, executor, world::Nobody);
    let unreadable = driver.recover().await?;
    if let Some((run, error)) = unreadable.first() {
        bail!("{} runs cannot be read; {run}: {error}", unreadable.len());
    }
    Ok(driver.executor().started.load(Ordering::Relaxed))
}

/// What must be read in any case, by SQLite alone.
async fn read_all(file: &Path) -> Result<u64> {
    use sqlx::{Connection as _, Row as _};
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(&format!("sqlite:{}", file.display())).await?;
    let rows = sqlx::query("SELECT * FROM runs WHERE has_work = 1")
        .fetch_all(&mut connection)
        .await?;
    let events = sqlx::query("SELECT run, n, event FROM events ORDER BY run, n")
        .fetch_all(&mut connection)
        .await?;
    let mut bytes = 0;
    for event in &events {
        bytes += event.try_get::<&str, _>(2)?.len();
    }
    std::hint::black_box((rows.len(), bytes));
    Ok(0)
}

/// Fills a store with copies of one run, as the product's own book wrote it.
async fn fill(file: &Path, runs: u64, working: bool) -> Result<()> {
    // Where there is a file system in memory, ten thousand flushes cost nothing.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)?
    } else {
        tempfile::tempdir()?
    };
    let quick = folder.path().join("store.db");
    let store = open(&quick).await?;
    let template = RunId::new("01k9z0000000000000000zzzzz")?;
    if runs > 0 {
        let scheduled = example(&store, &template, working, false).await?;
        let begun = if working {
            let other = RunId::new("01k9z0000000000000000yyyyy")?;
            example(&store, &other, working, true).await?
        } else {
            scheduled.clone()
        };
        for n in 0..runs.saturating_sub(if working { 2 } else { 1 }) {
            let copied = if n + 1 < UNDER_WAY { &begun } else { &scheduled };
            store.append(copied.copy(n)?).await?;
        }
    }
    store.close().await?;
    std::fs::copy(&quick, file)?;
    Ok(())
}

/// A run as it lies in the store.
#[derive(Clone)]
struct Example {
    append: Append,
}

impl Example {
    /// The same for another issue.
    fn copy(&self, n: u64) -> Result<Append> {
        let run = RunId::new(format!("01k9z1{n:020}"))?;
        let mut append = self.append.clone();
        let (before, number) = (append.row.issue.context("a run for an issue")?, 100 + n);
        for event in &mut append.events {
            *event = event.replace(append.run.as_str(), run.as_str());
        }
        let (before, after) = (format!("\"number\":{before}}}"), format!("\"number\":{number}}}"));
        if !append.events[0].contains(&before) {
            bail!(
                "the example's first event does not name its issue: {}",
                append.events[0]
            );
        }
        append.events[0] = append.events[0].replace(&before, &after);
        append.row.issue = Some(IssueNumber(number));
        append.row.run = run.clone();
        append.run = run;
        Ok(append)
    }
}

/// Lives through the first steps of a run, and reads back what that left.
async fn example(store: &Database, run: &RunId, working: bool, begun: bool) -> Result<Example> {
    let book = Book::new(store.clone(), SystemClock);
    let frozen = world::frozen(None)?;
    let mut created = world::created(&frozen, run.clone(), CommitId::new("1".repeat(40))?)?;
    created.attended = true;
    if let footplate::run::Origin::Issue { number, .. } = &mut created.origin {
        *number = IssueNumber(if begun { 2 } else { 1 });
    }
    book.create(created, &frozen, None).await?;
    finish(
        &book,
        run,
        "exploration.md",
        "---\nfootplate: exploration/1\nfiles: []\n---\n",
    )
    .await?;
    if working {
        if begun {
            let page = look(&book, run).await?;
            let Some(key) = attempt(&page) else {
                bail!("nothing to begin")
            };
            book.begin(&key).await?;
        }
    } else {
        let plan = finish(&book, run, "plan.md", "---\nfootplate: plan/1\n---\n").await?;
        let posted = Input::PlanPosted {
            plan,
            comment: world::COMMENT,
            body: plan,
        };
        tell(&book, run, &posted).await?;
        let revision = look(&book, run).await?.run.revision;
        let posted = Input::StatusPosted {
            comment: Some(world::COMMENT),
            revision,
        };
        tell(&book, run, &posted).await?;
        let page = look(&book, run).await?;
        let left = outstanding(&page.frozen, &page.run);
        if !left.is_empty() {
            bail!("the example should wait, but has work: {left:?}");
        }
    }
    let events = store.load(run).await?.context("the example is in the store")?;
    let row = store
        .find(FindRun::ById(run.to_string()))
        .await?
        .context("the example has a row")?;
    let append = Append {
        run: run.clone(),
        expected_len: 0,
        events,
        row,
        consumes: None,
        note: None,
        outcomes: Vec::new(),
        contents: Vec::new(),
        at: Timestamp(1_790_000_000_000),
    };
    Ok(Example { append })
}

/// Lets the attempt that is wanted begin and succeed with an artifact.
async fn finish(
    book: &Book<Database, SystemClock>,
    run: &RunId,
    name: &str,
    text: &str,
) -> Result<footplate::model::ContentHash> {
    let page = look(book, run).await?;
    let key = attempt(&page).context("no attempt is wanted")?;
    book.begin(&key).await?;
    let hash = book.journal().put(text.as_bytes()).await?;
    let mut report = Report::bare(key, Verdict::Succeeded, Timestamp(1_790_000_000_000));
    report.artifacts.push(Artifact {
        name: ArtifactName::new(name)?,
        hash,
    });
    tell(book, run, &Input::AttemptEnded(Box::new(report))).await?;
    Ok(hash)
}

fn attempt(page: &Page) -> Option<footplate::model::AttemptKey> {
    outstanding(&page.frozen, &page.run)
        .into_iter()
        .find_map(|action| match action {
            Action::Attempt(key) => Some(key),
            _ => None,
        })
}

async fn look(book: &Book<Database, SystemClock>, run: &RunId) -> Result<Page> {
    book.look(run).await?.context("the run exists")
}

async fn tell(book: &Book<Database, SystemClock>, run: &RunId, input: &Input) -> Result<Told> {
    book.tell(run, input, None).await?.context("the run exists")
}

async fn open(file: &Path) -> Result<Database> {
    Ok(Database::open(&format!("sqlite:{}", file.display()), Arc::new(SystemClock)).await?)
}

/// Counts what it is handed.
struct Counting<E> {
    inner: E,
    started: AtomicU64,
}

impl<E: Executor> Executor for Counting<E> {
    fn start(&self, action: Action) {
        self.started.fetch_add(1, Ordering::Relaxed);
        self.inner.start(action);
    }

    fn stop(&self, key: &ActionKey) {
        self.inner.stop(key);
    }

    fn under_way(&self, run: &RunId) -> Vec<ActionKey> {
        self.inner.under_way(run)
    }
}

/// Takes everything on and finishes nothing, as slow models do.
struct Idle;

impl Hands for Idle {
    async fn perform(&self, _: &Action, stop: &CancellationToken) -> Result<Option<Done>, Error> {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_hours(1)) => {}
        }
        Ok(None)
    }
}
