//! The line put together for a single run: book, bench, publisher, executor and driver, and nothing that serves.

use std::sync::Arc;

use tokio::sync::watch;

use super::keep::Keep;
use super::machine;
use super::prepare::Job;
use crate::agent::{Marker, kill_leftovers};
use crate::cli::exit::Failure;
use crate::command::Command;
use crate::config::Settings;
use crate::engine::{
    self, Adopted, Bench, Book, Creation, Crew, Driver, Equipment, Hold, InProcess, LocalOrder, Page,
    Processed, Reading, Reception, operator,
};
use crate::git::Mirror;
use crate::model::{RunId, SystemClock};
use crate::publish::{Context, Local};
use crate::run::{Input, Observed, Order, outstanding};
use crate::store::{Database, InboxKind, InboxRow, Journal, MAX_FAILURES};

type Work = Crew<Database, SystemClock, Local, Bench<Database, SystemClock, Adopted>>;

/// How many rows of the inbox are read at once.
const READ_AHEAD: usize = 64;

/// What can be new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// An attempt began, or an action ended.
    Progress,
    /// Something new may be in the inbox.
    Arrival,
}

/// Everything that one run needs.
pub(super) struct Line {
    run: RunId,
    store: Database,
    mirror: Mirror,
    folders: engine::Folders,
    driver: Driver<Database, SystemClock, InProcess<Database, SystemClock, Work>, Orders>,
    arrivals: watch::Receiver<u64>,
    /// Everything here is about one run; reading its log again after each pause would be for nothing.
    _hold: Hold,
    /// The last row of the inbox that was looked at. Rows of other runs are left to those who drive them.
    seen: i64,
}

impl Line {
    /// Puts the line together and begins the run, or goes on with it.
    pub(super) async fn start(settings: &Settings, keep: &Keep, job: Job) -> Result<Self, Failure> {
        let store = keep.store().clone();
        let run = job.run().clone();
        let book = Arc::new(Book::new(store.clone(), SystemClock));
        let marker = Marker::of_server(&keep.of_run(&run));
        if job.resumed {
            let (_, survivors) = kill_leftovers(&marker).await;
            if survivors > 0 {
                return Err(machine(anyhow::anyhow!(
                    "{survivors} processes of this run are still there and cannot be killed"
                )));
            }
        }
        let mirror = job.adopted.mirror;
        let bench = Bench::new(
            Equipment {
                folders: keep.folders(),
                depot: Arc::new(Adopted(mirror.clone())),
                harnesses: job.harnesses,
                access: Some(job.gear.access),
                marker,
                journal: store.clone(),
                places: usize::try_from(settings.limits.concurrent_attempts).unwrap_or(1),
                path: settings.path.clone(),
                env: settings.pass_env.clone(),
            },
            SystemClock,
        );
        let crew = Crew::new(Arc::clone(&book), Local::new(mirror.clone()), bench);
        let executor = InProcess::new(Arc::clone(&book), crew);
        let mut line = Self {
            arrivals: store.wakeups(),
            _hold: book.hold(&run),
            driver: Driver::new(book, executor, Orders),
            folders: keep.folders(),
            seen: i64::MIN,
            mirror,
            store,
            run,
        };
        // What an earlier process of this run finished must be known before anything counts as lost; where the
        // run is new, this skips what others left.
        line.take_in().await?;
        if job.resumed {
            let bench = line.driver.executor().hands().workshop();
            bench.salvage(line.driver.book(), Some(&line.run)).await?;
            line.driver.tell(&line.run, &Input::Recover, None).await?;
        } else if let Creation::Taken(other) = line.driver.start(job.created, &job.frozen, None).await? {
            return Err(machine(anyhow::anyhow!("run {other} exists already; try again")));
        }
        Ok(line)
    }

    pub(super) fn store(&self) -> &Database {
        &self.store
    }

    pub(super) fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    pub(super) fn folders(&self) -> &engine::Folders {
        &self.folders
    }

    pub(super) fn publisher(&self) -> &Local {
        self.driver.executor().hands().publisher()
    }

    /// The run as it stands.
    pub(super) async fn page(&self) -> Result<Page, Failure> {
        let page = self.driver.book().look(&self.run).await?;
        page.ok_or_else(|| machine(anyhow::anyhow!("run {} has gone from the store", self.run)))
    }

    /// The run with the texts that it names.
    pub(super) async fn context(&self, page: &Page) -> Result<Context, Failure> {
        Ok(self.driver.executor().hands().context(page).await?)
    }

    /// Waits until something has happened, or something new may be in the inbox.
    pub(super) async fn news(&mut self) -> News {
        tokio::select! {
            () = self.driver.book().changed() => News::Progress,
            // The sender lives as long as the store, which outlives us.
            _ = self.arrivals.changed() => News::Arrival,
        }
    }

    /// Sees to what follows from news.
    pub(super) async fn follow(&mut self, news: News) -> Result<(), Failure> {
        match news {
            News::Progress => Ok(self.driver.attend(&self.run).await?),
            News::Arrival => self.take_in().await,
        }
    }

    /// Hands what has arrived for this run to the driver.
    pub(super) async fn take_in(&mut self) -> Result<(), Failure> {
        loop {
            let rows = self.store.pending(self.seen, READ_AHEAD).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            let last = last.seq;
            for row in rows.iter().filter(|row| row.lane == self.run.as_str()) {
                self.process(row).await?;
            }
            self.seen = last;
            if rows.len() < READ_AHEAD {
                return Ok(());
            }
        }
    }

    async fn process(&self, row: &InboxRow) -> Result<(), Failure> {
        loop {
            match self.driver.process(row).await? {
                Processed::Done => return Ok(()),
                Processed::Failed { failures } if failures < MAX_FAILURES => {
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
                Processed::Failed { .. } => {
                    let why = format!("what came of `{}` could not be taken into the log", row.key);
                    return Err(machine(anyhow::anyhow!(why)));
                }
            }
        }
    }

    /// Looks whether time has changed anything.
    pub(super) async fn wake(&self) -> Result<(), Failure> {
        self.driver.tell(&self.run, &Input::Wake, None).await?;
        Ok(())
    }

    /// Gives the run a command of the person at this machine.
    pub(super) async fn order(&self, command: Command, text: Option<&str>) -> Result<(), Failure> {
        let text = match text {
            Some(text) => Some(self.store.put(text.as_bytes()).await?),
            None => None,
        };
        let order = Order {
            text,
            ..local(command)
        };
        self.driver
            .tell(&self.run, &Input::Command(Box::new(order)), None)
            .await?;
        Ok(())
    }

    /// Stops whatever is under way, and takes in what came of it.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        self.driver.executor().shut_down().await;
        self.take_in().await
    }

    /// Whether everything is said and done.
    pub(super) fn is_over(page: &Page) -> bool {
        page.run.ended.is_some() && outstanding(&page.frozen, &page.run).is_empty()
    }
}

/// A command of the person at this machine.
pub(super) fn local(command: Command) -> Order {
    Order {
        command,
        by: operator(),
        comment: None,
        reply_to: None,
        text: None,
        observed: Observed::default(),
    }
}

/// The reception of a local run: besides outcomes there are only orders of `footplate runs`.
struct Orders;

impl Reception for Orders {
    async fn read(&self, row: &InboxRow) -> Result<Vec<Reading>, engine::Error> {
        if row.kind != InboxKind::Order {
            return Ok(vec![Reading::Nothing("nothing for a local run".to_owned())]);
        }
        Ok(vec![match serde_json::from_slice::<LocalOrder>(&row.body) {
            Ok(order) => Reading::Tell(
                order.run,
                Box::new(Input::Command(Box::new(local(order.command)))),
            ),
            Err(error) => Reading::Nothing(format!("unreadable order: {error}")),
        }])
    }
}
