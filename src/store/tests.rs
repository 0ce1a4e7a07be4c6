//! Tests of the store, on real files.

mod accepting;
mod deciding;
mod keeping;
mod opening;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;

use super::{Append, Database, InboxKind, NewDelivery, NewOutcome, RunRow};
use crate::model::{Clock, DeliveryId, IssueNumber, RepositoryId, RepositoryName, RunId, Timestamp};

/// A store in a folder of its own, and its clock.
struct World {
    folder: tempfile::TempDir,
    clock: Arc<Hands>,
    store: Database,
}

/// A clock that stands still until it is set.
#[derive(Default)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hands::default());
        let store = Database::open(&url(&folder), Arc::clone(&clock) as Arc<dyn Clock>)
            .await
            .unwrap();
        Self { folder, clock, store }
    }

    /// Opens the same file again, without closing the first store: as after a crash.
    async fn reopened(&self) -> Database {
        Database::open(&url(&self.folder), Arc::clone(&self.clock) as Arc<dyn Clock>)
            .await
            .unwrap()
    }

    /// A connection beside the store, to damage what it keeps.
    async fn vandal(&self, sql: &str) {
        use sqlx::Connection;
        let mut connection = sqlx::AnyConnection::connect(&url(&self.folder)).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

fn url(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", folder.path().join("data/footplate.db").display())
}

/// The run with this number.
fn run(n: u32) -> RunId {
    RunId::new(format!("01h{n:023}")).unwrap()
}

/// A row of an active run on an issue, with work and no wake-up time.
fn row(n: u32, issue: u64, len: u64) -> RunRow {
    RunRow {
        run: run(n),
        repository: RepositoryId(7),
        repository_name: RepositoryName::new("octo/widgets").unwrap(),
        issue: Some(IssueNumber(issue)),
        pull: None,
        title: "Add price_half".to_owned(),
        workflow: "build".to_owned(),
        state: "working".to_owned(),
        active: true,
        ended: false,
        len,
        next_wake: None,
        has_work: true,
        created: Timestamp(1),
        updated: Timestamp(2),
        cost: None,
    }
}

/// The append that creates a run with two events.
fn creation(n: u32, issue: u64) -> Append {
    Append {
        run: run(n),
        expected_len: 0,
        events: vec!["{\"began\":1}".to_owned(), "{\"went\":2}".to_owned()],
        row: row(n, issue, 2),
        consumes: None,
        note: None,
        outcomes: Vec::new(),
        contents: Vec::new(),
        at: Timestamp(5),
    }
}

fn delivery(id: &str) -> NewDelivery {
    NewDelivery {
        id: DeliveryId::new(id).unwrap(),
        event: "issues".to_owned(),
        action: "labeled".to_owned(),
        lane: "7/1".to_owned(),
        facts: format!("{{\"id\":\"{id}\"}}"),
        body: Bytes::from(format!("{{\"the body of\":\"{id}\"}}").repeat(20)),
        received: Timestamp(3),
    }
}

fn outcome(key: &str) -> NewOutcome {
    NewOutcome {
        kind: InboxKind::Outcome,
        key: key.to_owned(),
        lane: "7/1".to_owned(),
        body: b"it ended".to_vec(),
        facts: "{}".to_owned(),
        received: Timestamp(4),
    }
}
