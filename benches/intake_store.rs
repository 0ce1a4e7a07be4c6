//! Accepting deliveries durably, and reading ten thousand open runs, each beside a floor.
//!
//! `cargo bench --bench intake_store`. Prints deliveries a second and CPU (user and system) for each; quote the
//! CPU and the ratio, wall time moves with the machine's load. Nothing is switched off: bodies are packed,
//! synchronous is FULL, every caller is answered after the commit.

#![expect(clippy::print_stdout, reason = "a benchmark's output is what it prints")]
#![expect(clippy::cast_precision_loss, reason = "counts here stay far below 2^52")]

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use footplate::model::{
    DeliveryId, IssueNumber, RepositoryId, RepositoryName, RunId, SystemClock, Timestamp,
};
use footplate::store::{Append, Database, Journal, NewDelivery, RunRow};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tokio::time::Instant;

/// Connections of the load generator, as in the comparison with other servers.
const CALLERS: usize = 32;
/// Deliveries of one round.
const DELIVERIES: usize = 20_000;
/// Bytes of a body, about those of an `issues` event.
const BODY: usize = 25_000;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        for round in 1..=3 {
            println!("round {round}");
            floor().await.context("the floor")?;
            intake().await.context("the intake")?;
        }
        opening().await.context("the opening")?;
        recovery().await.context("the recovery")?;
        appends().await.context("the appends")
    })
}

/// What SQLite itself takes for the same rows: groups of 32 in one statement, packed before, one caller.
async fn floor() -> Result<()> {
    use sqlx::{Connection, Executor};
    let folder = tempfile::tempdir()?;
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("floor.db").display());
    let mut connection = sqlx::AnyConnection::connect(&url).await?;
    connection
        .execute(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
             CREATE TABLE t (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, event TEXT, number BIGINT, body BLOB)",
        )
        .await?;
    let rows: Vec<String> = (0..CALLERS)
        .map(|row| {
            format!(
                "(${},${},${},${})",
                row * 4 + 1,
                row * 4 + 2,
                row * 4 + 3,
                row * 4 + 4
            )
        })
        .collect();
    let statement = format!(
        "INSERT INTO t (id, event, number, body) VALUES {}",
        rows.join(",")
    );
    let body = lz4_flex::block::compress(&body());
    let meter = Meter::start()?;
    for group in 0..DELIVERIES / CALLERS {
        let ids: Vec<String> = (0..CALLERS)
            .map(|n| format!("{:030}", group * CALLERS + n))
            .collect();
        let mut query = sqlx::query(&statement);
        for id in &ids {
            query = query
                .bind(id.as_str())
                .bind("issues")
                .bind(7_i64)
                .bind(body.as_slice());
        }
        query.execute(&mut connection).await?;
    }
    meter.print("  floor: groups of 32, packed before", DELIVERIES)
}

/// What callers of the store see.
async fn intake() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = open(&folder).await?;
    let body = body();
    let meter = Meter::start()?;
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (intake, body) = (store.intake(), body.clone());
            tokio::spawn(async move {
                for n in 0..DELIVERIES / CALLERS {
                    let delivery = NewDelivery {
                        id: DeliveryId::new(format!("{:030}", caller * DELIVERIES + n))?,
                        event: "issues".to_owned(),
                        action: "labeled".to_owned(),
                        lane: "1296269/1347".to_owned(),
                        facts: "{\"issue\":1347,\"label\":\"agent:build\",\"sender\":\"octocat\"}".to_owned(),
                        body: body.clone(),
                        received: Timestamp(1),
                    };
                    intake.accept(delivery).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    meter.print("  intake: 32 callers", DELIVERIES)?;
    store.close().await?;
    Ok(())
}

/// A new database, and one that is there, ready to accept.
async fn opening() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for what in ["opening: a new database", "opening: one that is there"] {
        let meter = Meter::start()?;
        let store = open(&folder).await?;
        meter.print(what, 1)?;
        store.close().await?;
    }
    Ok(())
}

/// Ten thousand open runs of six events each, read at the start of a process.
async fn recovery() -> Result<()> {
    const RUNS: usize = 10_000;
    let folder = tempfile::tempdir()?;
    let store = open(&folder).await?;
    for n in 0..RUNS {
        store.append(creation(n, 6)?).await?;
    }
    drop(store);
    let meter = Meter::start()?;
    let store = open(&folder).await?;
    let rows = store.open_runs().await?;
    meter.print("recovery: open and read 10,000 rows", rows.len())?;
    let meter = Meter::start()?;
    let runs: Vec<RunId> = rows.into_iter().map(|row| row.run).collect();
    let events: usize = store
        .load_many(&runs)
        .await?
        .iter()
        .map(|(_, events)| events.len())
        .sum();
    meter.print("recovery: read their 60,000 events", events)?;
    store.close().await?;
    Ok(())
}

/// Decisions one after the other, two events each.
async fn appends() -> Result<()> {
    const APPENDS: usize = 2_000;
    let folder = tempfile::tempdir()?;
    let store = open(&folder).await?;
    let meter = Meter::start()?;
    for n in 0..APPENDS {
        store.append(creation(n, 2)?).await?;
    }
    meter.print("appends of two events, one after the other", APPENDS)?;
    store.close().await?;
    Ok(())
}

async fn open(folder: &tempfile::TempDir) -> Result<Database> {
    let url = format!("sqlite:{}", folder.path().join("footplate.db").display());
    Ok(Database::open(&url, Arc::new(SystemClock)).await?)
}

fn creation(n: usize, events: u64) -> Result<Append> {
    let run = RunId::new(format!("{n:026}"))?;
    let event = format!(
        "{{\"kind\":\"attempt-ended\",\"node\":\"implement\",\"text\":\"{}\"}}",
        "x".repeat(300)
    );
    Ok(Append {
        run: run.clone(),
        expected_len: 0,
        events: (0..events).map(|_| event.clone()).collect(),
        row: RunRow {
            run,
            repository: RepositoryId(1),
            repository_name: RepositoryName::new("octo/widgets")?,
            issue: Some(IssueNumber(n as u64)),
            pull: None,
            title: "Add price_half".to_owned(),
            workflow: "build".to_owned(),
            state: "working".to_owned(),
            active: true,
            ended: false,
            len: events,
            next_wake: None,
            has_work: true,
            created: Timestamp(1),
            updated: Timestamp(1),
            cost: None,
        },
        consumes: None,
        note: None,
        outcomes: Vec::new(),
        contents: Vec::new(),
        at: Timestamp(1),
    })
}

/// JSON of words and numbers that lz4 shrinks to about a third, as it does with GitHub's payloads.
fn body() -> Bytes {
    let mut text = String::from("{\"action\":\"labeled\",\"issue\":{\"number\":1347,\"body\":\"");
    let mut state = 42_u64;
    while text.len() < BODY - 3 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let word = [
            "https://api.github.com/repos/",
            "labels",
            "node_id",
            "false",
            "price_half ",
        ][usize::try_from(state >> 61).unwrap_or(0) % 5];
        text.push_str(word);
        let number = state >> 40;
        write!(text, "{number:x}\\\",\\\"").expect("writing to a String cannot fail");
    }
    text.truncate(BODY - 3);
    text.push_str("\"}}");
    text.into()
}

/// Wall time and CPU since its start.
struct Meter {
    wall: Instant,
    cpu: Duration,
}

impl Meter {
    fn start() -> Result<Self> {
        Ok(Self {
            wall: Instant::now(),
            cpu: cpu()?,
        })
    }

    fn print(self, what: &str, count: usize) -> Result<()> {
        let (wall, cpu) = (self.wall.elapsed(), cpu()?.saturating_sub(self.cpu));
        let each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        println!(
            "{what}: {:.0}/s, CPU {:.1} us each, wall {:.0} ms in all",
            count as f64 / wall.as_secs_f64(),
            each(cpu),
            wall.as_secs_f64() * 1e3
        );
        Ok(())
    }
}

/// User and system time of this process.
fn cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(micros)?))
}
