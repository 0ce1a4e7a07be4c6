//! Opening and closing the database.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Executor};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::model::{Clock, ContentHash, RunId, Timestamp};

use super::intake::{self, Intake};
use super::settling::Settling;
use super::transaction::Transaction;
use super::{
    Append, Appended, CostOf, CostSum, Error, FindRun, InboxRow, Journal, ListRuns, NewOutcome, RunRow,
    Settle,
};

/// Connections that only read. The driver, the dashboard and the command line seldom read at the same time,
/// and each connection has a thread and a page cache of its own.
const READERS: u32 = 4;

/// How long a caller waits for a connection before it is told that the database is not available.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// A reading connection that nobody used for so long gives its thread and memory back.
const READER_IDLE: Duration = Duration::from_mins(1);

/// Settings of the one writing connection.
///
/// `synchronous=FULL` makes a commit in WAL mode survive a power failure, which `NORMAL` does not
/// (<https://www.sqlite.org/pragma.html#pragma_synchronous>). The busy timeout (10 s) waits for another process,
/// such as `footplate runs cancel` beside a server.
/// A page is 8 KiB instead of 4: a delivery fills one and a little of another, and each page is two calls of the
/// system when it is committed and two more at a checkpoint. A database keeps the size that it was made with.
/// A checkpoint every 2,000 pages (16 MB): it happens within a commit, so it should be rare.
/// After one the WAL keeps at most 64 MB on disk.
///
/// Switching to WAL rewrites the first page of a new database; `NORMAL` flushes that twice less than `FULL`.
const WRITER: &str = "PRAGMA busy_timeout = 10000; PRAGMA page_size = 8192; PRAGMA synchronous = NORMAL; \
                      PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                      PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 67108864;";

/// Settings of the reading connections: they cannot write, even by mistake.
const READER: &str = "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON;";

/// The changes of the schema, in order. One that was released is never edited.
const SQLITE_MIGRATIONS: &[(i64, &str, &str)] =
    &[(1, "journal", include_str!("migrations/sqlite/0001_journal.sql"))];

/// An open store. Clones share it.
///
/// It has one connection that writes and a few that read, so that no two writers of one process ever wait for
/// SQLite's lock, and a reader never waits at all. It owns the task that accepts deliveries.
#[derive(Debug, Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    writer: AnyPool,
    readers: AnyPool,
    clock: Arc<dyn Clock>,
    arrivals: watch::Sender<u64>,
    intake: Intake,
    settling: Settling,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("closed", &self.writer.is_closed())
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    /// Lets the accepting task finish what it has; it holds the writing connection open until then.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Database {
    /// Opens the database at an address such as `sqlite:/var/lib/footplate/footplate.db`, makes what is missing
    /// and brings the schema up to date.
    ///
    /// Missing parent folders are made for this user alone (0700), and so is the file (0600): it holds what
    /// issues, repositories and models said. The clock dates what carries no date of its own.
    ///
    /// # Errors
    /// The address is none that can be used, the file cannot be made, or the database is newer than this program.
    pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let path = sqlite_path(url)?;
        let made = path.clone();
        tokio::task::spawn_blocking(move || make_private_file(&made))
            .await
            .map_err(|_| Error::Invalid("making the database's file was interrupted"))??;

        let options = AnyConnectOptions::from_str(&sqlite_url(&path))
            .map_err(|error| Error::Address {
                url: url.to_owned(),
                why: error.to_string(),
            })?
            // Statements are long, many and the same; what is worth a line is said by those who ask.
            .disable_statement_logging();
        let writer = pool(WRITER, 1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        // What migrations write stands in the log before everything that is accepted later, and is flushed with the
        // first of that; if the power fails before, they are simply run again.
        writer.execute("PRAGMA synchronous = NORMAL").await?;
        migrate(&writer).await?;
        writer.execute("PRAGMA synchronous = FULL").await?;
        let readers = pool(READER, READERS)
            .idle_timeout(READER_IDLE)
            .connect_lazy_with(options);

        let arrivals = watch::Sender::new(0);
        let stop = CancellationToken::new();
        let (intake, task) = intake::start(writer.clone(), arrivals.clone(), stop.clone());
        let task = Mutex::new(Some(task));
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                readers,
                clock,
                arrivals,
                intake,
                settling: Settling::default(),
                stop,
                task,
            }),
        })
    }

    /// The door through which deliveries come in.
    pub fn intake(&self) -> Intake {
        self.inner.intake.clone()
    }

    /// Tells when something new is in the inbox: the value changes after the commit.
    ///
    /// What another process put there is not seen; [`Journal::pending`](super::Journal::pending) finds it.
    pub fn wakeups(&self) -> watch::Receiver<u64> {
        self.inner.arrivals.subscribe()
    }

    /// Writes out what was accepted, moves the write-ahead log into the database and closes all connections.
    /// Later calls are answered with [`Error::Closed`]. Closing again is harmless.
    ///
    /// # Errors
    /// The write-ahead log could not be moved. Nothing is lost: the next opening reads it.
    pub async fn close(&self) -> Result<(), Error> {
        self.inner.stop.cancel();
        let task = self
            .inner
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            // An error means the task panicked; whoever waited for it has been told by then.
            drop(task.await);
        }
        self.inner.readers.close().await;
        if self.inner.writer.is_closed() {
            return Ok(());
        }
        let moved = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&self.inner.writer)
            .await;
        self.inner.writer.close().await;
        moved?;
        Ok(())
    }

    /// The rows that wait to be taken off the list.
    pub(super) fn settling(&self) -> &Settling {
        &self.inner.settling
    }

    /// Where reads go.
    pub(super) fn readers(&self) -> &AnyPool {
        &self.inner.readers
    }

    /// Begins a transaction on the one writing connection.
    pub(super) async fn begin(&self) -> Result<Transaction, Error> {
        Transaction::begin(&self.inner.writer).await
    }

    /// The writing connection, for single statements, which are transactions by themselves.
    pub(super) fn writer(&self) -> &AnyPool {
        &self.inner.writer
    }

    /// Tells the waiting driver that the inbox has something new.
    pub(super) fn announce(&self) {
        self.inner.arrivals.send_modify(|count| *count += 1);
    }

    /// The present moment, for rows whose caller brings none.
    pub(super) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

impl Journal for Database {
    async fn pending(&self, after: i64, limit: usize) -> Result<Vec<InboxRow>, Error> {
        self.read_pending(after, limit).await
    }

    async fn load(&self, run: &RunId) -> Result<Option<Vec<String>>, Error> {
        self.read_events(run).await
    }

    async fn load_many(&self, runs: &[RunId]) -> Result<Vec<(RunId, Vec<String>)>, Error> {
        self.read_many(runs).await
    }

    async fn append(&self, append: Append) -> Result<Appended, Error> {
        self.write_append(&append).await
    }

    async fn settle(&self, seq: i64, how: Settle) -> Result<(), Error> {
        self.settle_row(seq, how).await
    }

    async fn fail(&self, seq: i64, error: &str) -> Result<u32, Error> {
        self.count_failure(seq, error).await
    }

    async fn deliver(&self, outcome: NewOutcome) -> Result<bool, Error> {
        self.deliver_one(&outcome).await
    }

    async fn open_runs(&self) -> Result<Vec<RunRow>, Error> {
        self.read_open().await
    }

    async fn runs_with_work(&self) -> Result<Vec<RunId>, Error> {
        self.read_working().await
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<RunId>, Error> {
        self.read_due(now).await
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, Error> {
        self.read_next_wake().await
    }

    async fn find(&self, by: FindRun) -> Result<Option<RunRow>, Error> {
        self.find_row(&by).await
    }

    async fn list(&self, filter: ListRuns) -> Result<Vec<RunRow>, Error> {
        self.list_rows(&filter).await
    }

    async fn cost(&self, of: CostOf) -> Result<CostSum, Error> {
        self.sum_cost(&of).await
    }

    async fn put(&self, content: &[u8]) -> Result<ContentHash, Error> {
        self.put_content(content).await
    }

    async fn get(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, Error> {
        self.get_content(hash).await
    }
}

/// A pool whose connections all begin with the same settings.
fn pool(settings: &'static str, size: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // The database is a file or a neighbor: asking each time whether it is there doubles the round trips.
        .test_before_acquire(false)
        .after_connect(move |connection: &mut AnyConnection, _| {
            Box::pin(async move { connection.execute(settings).await.map(drop) })
        })
}

/// Brings the schema up to date.
async fn migrate(writer: &AnyPool) -> Result<(), Error> {
    let known = SQLITE_MIGRATIONS
        .iter()
        .map(|(version, ..)| *version)
        .max()
        .unwrap_or(0);
    let mut migrator = Migrator::DEFAULT;
    migrator.migrations = SQLITE_MIGRATIONS
        .iter()
        .map(|&(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into(), false)
        })
        .collect::<Vec<_>>()
        .into();
    // SQLite has no lock for migrations. Of two processes that open a new database at once one finds the tables
    // made by the other; when it looks again, it finds that there is nothing left to do.
    if migrator.run(writer).await.is_ok() {
        return Ok(());
    }
    migrator.run(writer).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) if found > known => Error::NewerSchema { found, known },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => Error::corrupt("the database's schema", other),
    })
}

/// The file that a `sqlite:` address names.
fn sqlite_path(url: &str) -> Result<PathBuf, Error> {
    let refuse = |why: &str| Error::Address {
        url: without_password(url),
        why: why.to_owned(),
    };
    let Some(rest) = url.strip_prefix("sqlite:") else {
        return Err(refuse(
            "it must begin with `sqlite:`, such as `sqlite:/var/lib/footplate/footplate.db`",
        ));
    };
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err(refuse("it names no file"));
    }
    if path.starts_with(":memory:") {
        return Err(refuse("a database in memory would lose what was accepted"));
    }
    if path.contains('?') {
        return Err(refuse("options are not supported, Footplate sets what it needs"));
    }
    Ok(PathBuf::from(path))
}

/// The address in the form that is not misread: every byte that has a meaning in addresses is escaped.
fn sqlite_url(path: &Path) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut url = String::from("sqlite:");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    url
}

/// Hides what may stand before the `@` of an address.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://…@{place}"),
        _ => url.to_owned(),
    }
}

/// Makes the file and the folders above it, readable by this user alone. SQLite gives the files beside it
/// (`-wal`, `-shm`) the same permissions.
fn make_private_file(path: &Path) -> Result<(), Error> {
    let wrong = |path: &Path| {
        let path = path.display().to_string();
        move |source| Error::File { path, source }
    };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(wrong(parent))?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(wrong(path))?;
    file.set_permissions(Permissions::from_mode(0o600))
        .map_err(wrong(path))
}
