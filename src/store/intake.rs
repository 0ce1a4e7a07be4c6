//! Durable acceptance of deliveries.
//!
//! An fsync costs milliseconds whatever it writes, so that one for each delivery ends near 270 deliveries a second.
//! Here callers queue up; one task takes whatever waits, writes it as one statement, which is one transaction
//! and one fsync, and then answers all of them. Whoever comes meanwhile is in the next group.
//! Under low load a group is one delivery, and nobody waits for company.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use sqlx::{AnyPool, Row};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::model::{DeliveryId, Timestamp};

use super::packed::Packed;
use super::{Error, InboxKind, sql};

/// Statements exist for groups of 1, 2, 4, … 64 rows, so that all of them stay prepared. Beyond 64 rows a group
/// gains less than a hundredth of an fsync for each.
const GROUP_SIZES: usize = 7;

/// The most rows of a group.
const MAX_GROUP: usize = 1 << (GROUP_SIZES - 1);

/// A group is closed when its bodies reach this many bytes (packed): larger transactions spill the page cache
/// and get slower for each row.
const MAX_GROUP_BYTES: usize = 1 << 20;

/// A prepared statement keeps a copy of its last parameters, so that large groups are written without keeping.
const KEEP_PREPARED_BELOW: usize = 512 << 10;

/// Turns without anybody new after which a group is complete. A turn lets everybody work who can, and looks once at
/// what arrived from the network; one is a few microseconds where there is nothing to do.
const PATIENCE: u32 = 2;

/// Callers that may wait in the queue; further ones wait at its door.
const QUEUE: usize = 1024;

/// Bytes that may wait in the queue, in KiB: 64 MiB, a little more than two of the largest deliveries.
const QUEUE_KIB: usize = 64 << 10;

/// Bodies from this size are compressed off the runtime's threads: about 0.15 ms of work.
const COMPRESS_ELSEWHERE: usize = 256 << 10;

/// Values of one row.
const COLUMNS: usize = 8;

/// A delivery whose signature was right, as it is accepted.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// The value of `X-GitHub-Delivery`; the same on redelivery.
    pub id: DeliveryId,
    /// The value of `X-GitHub-Event`.
    pub event: String,
    /// The payload's action, empty where it has none.
    pub action: String,
    /// Rows of one lane are decided in their order.
    pub lane: String,
    /// What a decision needs of the body, as JSON.
    pub facts: String,
    /// The body as it was received.
    pub body: Bytes,
    /// When it was received.
    pub received: Timestamp,
}

/// What became of a delivery. It is durable in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is in the inbox now.
    New,
    /// Its id was there already, decided or not; this one was dropped.
    Duplicate,
}

/// The door through which deliveries come in. Clones share it.
#[derive(Debug, Clone)]
pub struct Intake {
    queue: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
}

/// A delivery in the queue, packed, and whom to tell.
struct Waiting {
    delivery: NewDelivery,
    packed: Packed,
    answer: oneshot::Sender<Result<Accepted, Error>>,
    /// Its share of the queue's bytes, given back when it is answered.
    _room: OwnedSemaphorePermit,
}

impl Intake {
    /// Accepts a delivery and returns when it is on disk.
    ///
    /// A caller that stops waiting may or may not have been accepted; a redelivery tells.
    ///
    /// # Errors
    /// The database cannot be written or the store is being closed. The delivery was not accepted:
    /// answer GitHub with an error, so that it shows as failed and can be redelivered.
    pub async fn accept(&self, mut delivery: NewDelivery) -> Result<Accepted, Error> {
        let body = std::mem::take(&mut delivery.body);
        let packed = if body.len() < COMPRESS_ELSEWHERE {
            let packed = Packed::pack(&body);
            // Nobody needs it while the disk is waited for.
            drop(body);
            packed
        } else {
            tokio::task::spawn_blocking(move || Packed::pack(&body))
                .await
                .map_err(|_| Error::Closed)?
        };
        let room = u32::try_from((packed.bytes.len() >> 10).clamp(1, QUEUE_KIB)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room)
            .acquire_many_owned(room)
            .await
            .map_err(|_| Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            delivery,
            packed,
            answer,
            _room: room,
        };
        self.queue.send(waiting).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }
}

/// Starts the task that writes. It ends after `stop`, when the queue is empty; whoever owns it joins it.
pub(super) fn start(
    writer: AnyPool,
    arrivals: watch::Sender<u64>,
    stop: CancellationToken,
) -> (Intake, JoinHandle<()>) {
    let (queue, waiting) = mpsc::channel(QUEUE);
    let intake = Intake {
        queue,
        room: Arc::new(Semaphore::new(QUEUE_KIB)),
    };
    (intake, tokio::spawn(run(waiting, writer, arrivals, stop)))
}

/// Takes whatever waits, writes it, answers, until there is nothing more to come.
async fn run(
    mut queue: mpsc::Receiver<Waiting>,
    writer: AnyPool,
    arrivals: watch::Sender<u64>,
    stop: CancellationToken,
) {
    let mut group = Vec::with_capacity(MAX_GROUP);
    let mut next = None;
    loop {
        let first = if next.is_some() {
            next.take()
        } else {
            tokio::select! {
                biased;
                first = queue.recv() => first,
                () = stop.cancelled(), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
            }
        };
        let Some(first) = first else { return };
        let mut bytes = first.packed.bytes.len();
        group.push(first);
        // Whoever is ready to queue up gets a turn first, for as long as that brings somebody. Otherwise the callers
        // of the last group and the few that came meanwhile would form small groups for ever, and every group costs
        // a flush: 0.1 ms of CPU, as much as all else that a delivery needs.
        let mut turns = PATIENCE;
        while turns > 0 && next.is_none() && group.len() < MAX_GROUP {
            tokio::task::yield_now().await;
            let before = group.len();
            while group.len() < MAX_GROUP {
                let Ok(another) = queue.try_recv() else { break };
                bytes += another.packed.bytes.len();
                if bytes > MAX_GROUP_BYTES {
                    next = Some(another);
                    break;
                }
                group.push(another);
            }
            turns = if group.len() > before { PATIENCE } else { turns - 1 };
        }
        write_group(&writer, &arrivals, std::mem::take(&mut group)).await;
    }
}

/// Writes a group and answers everybody in it. Where the group fails as a whole, each is tried alone, so that
/// one that cannot be stored takes nobody with it.
async fn write_group(writer: &AnyPool, arrivals: &watch::Sender<u64>, group: Vec<Waiting>) {
    match insert(writer, &group).await {
        Ok(accepted) => {
            if accepted.contains(&Accepted::New) {
                arrivals.send_modify(|count| *count += 1);
            }
            for (waiting, accepted) in group.into_iter().zip(accepted) {
                // Whoever gave up waiting does not need the answer.
                drop(waiting.answer.send(Ok(accepted)));
            }
        }
        Err(error) => match <[Waiting; 1]>::try_from(group) {
            Ok([waiting]) => drop(waiting.answer.send(Err(error))),
            Err(group) => {
                tracing::warn!(%error, deliveries = group.len(), "a group was refused, trying each alone");
                for waiting in group {
                    Box::pin(write_group(writer, arrivals, vec![waiting])).await;
                }
            }
        },
    }
}

/// Inserts a group as one statement and says of each row whether it is new.
async fn insert(writer: &AnyPool, group: &[Waiting]) -> Result<Vec<Accepted>, Error> {
    // The first of each id is to be inserted; where an id stands twice, the later one is a duplicate.
    let mut places = HashMap::with_capacity(group.len());
    for (place, waiting) in group.iter().enumerate() {
        places.entry(waiting.delivery.id.as_str()).or_insert(place);
    }
    let firsts: Vec<&Waiting> = group
        .iter()
        .enumerate()
        .filter(|(place, w)| places[w.delivery.id.as_str()] == *place)
        .map(|(_, w)| w)
        .collect();

    let size = firsts.len().next_power_of_two();
    let bytes: usize = firsts.iter().map(|w| w.packed.bytes.len()).sum();
    let mut query =
        sqlx::query(&STATEMENTS[size.trailing_zeros() as usize]).persistent(bytes < KEEP_PREPARED_BELOW);
    for waiting in &firsts {
        query = bind(
            query,
            &waiting.delivery,
            waiting.packed.size,
            &waiting.packed.bytes,
        )?;
    }
    for _ in firsts.len()..size {
        // Fills the statement up to its size: a second row of an id in the same statement is left out.
        query = bind(query, &firsts[0].delivery, 0, &[])?;
    }
    let inserted = query.execute(writer).await?.rows_affected();
    let news = if inserted == firsts.len() as u64 {
        places.into_values().collect()
    } else {
        newest(writer, &places, inserted).await?
    };
    let mut accepted = vec![Accepted::Duplicate; group.len()];
    for place in news {
        accepted[place] = Accepted::New;
    }
    Ok(accepted)
}

/// Says which of these ids the statement before this one inserted: as many as it counted, and those that came last.
/// Places in the order of arrival only grow, and what inserts deliveries is one task.
///
/// Asking is cheaper than having every statement return what it inserted: deliveries seldom come twice.
async fn newest(writer: &AnyPool, places: &HashMap<&str, usize>, inserted: u64) -> Result<Vec<usize>, Error> {
    if inserted == 0 {
        return Ok(Vec::new());
    }
    let query = format!(
        "SELECT key FROM inbox WHERE kind = '{}' AND key IN {} ORDER BY seq DESC LIMIT {inserted}",
        InboxKind::Delivery.as_str(),
        sql::rows(1, places.len()),
    );
    let mut query = sqlx::query(&query).persistent(false);
    for key in places.keys() {
        query = query.bind(*key);
    }
    let rows = query.fetch_all(writer).await?;
    rows.iter()
        .filter_map(|row| match row.try_get::<&str, _>(0) {
            Ok(key) => places.get(key).map(|place| Ok(*place)),
            Err(error) => Some(Err(error.into())),
        })
        .collect()
}

/// One statement for each group size. What was there already is left as it is.
static STATEMENTS: LazyLock<[String; GROUP_SIZES]> = LazyLock::new(|| {
    let kind = format!("'{}',", InboxKind::Delivery.as_str());
    std::array::from_fn(|power| {
        format!(
            "INSERT INTO inbox (kind, key, lane, event, action, facts, received, size, body, state, failures) \
             VALUES {} ON CONFLICT (kind, key) DO NOTHING",
            sql::rows_between(&kind, 1 << power, COLUMNS, ",'pending',0"),
        )
    })
});

fn bind<'q>(
    query: sql::Query<'q>,
    delivery: &'q NewDelivery,
    size: usize,
    body: &'q [u8],
) -> Result<sql::Query<'q>, Error> {
    Ok(query
        .bind(delivery.id.as_str())
        .bind(delivery.lane.as_str())
        .bind(delivery.event.as_str())
        .bind(delivery.action.as_str())
        .bind(delivery.facts.as_str())
        .bind(delivery.received.0)
        .bind(sql::signed(size as u64)?)
        .bind(body))
}
