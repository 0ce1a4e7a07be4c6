//! What has to be done now and then: asking GitHub for deliveries that never arrived, forgetting what is old.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::github::{Client, HookDelivery};
use crate::model::{Clock, DeliveryId, RunId, SystemClock, Timestamp};
use crate::store::Database;

/// How often missed deliveries are looked for.
const LOOK_FOR_MISSED: Duration = Duration::from_mins(10);

/// How far back missed deliveries are looked for. GitHub keeps them for three days.
const MISSED_SINCE: Duration = Duration::from_hours(72);

/// A delivery younger than this may still be on its way.
const ON_ITS_WAY: Duration = Duration::from_mins(1);

/// The most deliveries that are asked for again at one time, so that a long outage does not end in a flood.
const MOST_AT_ONCE: usize = 100;

/// How often old things are forgotten.
const FORGET: Duration = Duration::from_hours(6);

/// Does the chores until told to stop.
pub(super) async fn run(client: Client, store: Database, settings: &Settings, stop: CancellationToken) {
    tokio::join!(
        every(LOOK_FOR_MISSED, &stop, || ask_for_missed(&client)),
        every(FORGET, &stop, || forget(&store, settings)),
    );
}

async fn every<F: Future<Output = ()>>(pause: Duration, stop: &CancellationToken, chore: impl Fn() -> F) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = chore() => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// GitHub tries each delivery once. What failed while this server was down is asked for again; what did arrive
/// is recognized by its id and ignored.
async fn ask_for_missed(client: &Client) {
    let now = SystemClock.now();
    let since = Timestamp(
        now.0
            .saturating_sub(i64::try_from(MISSED_SINCE.as_millis()).unwrap_or(i64::MAX)),
    );
    let deliveries = match client.hook_deliveries(since).await {
        Ok(deliveries) => deliveries,
        Err(error) => {
            tracing::warn!(%error, "GitHub does not say which deliveries were missed");
            return;
        }
    };
    for attempt in missed(&deliveries, now).into_iter().take(MOST_AT_ONCE) {
        match client.redeliver(attempt).await {
            Ok(()) => tracing::info!(attempt, "a missed delivery was asked for again"),
            Err(error) => tracing::warn!(attempt, %error, "a missed delivery could not be asked for"),
        }
    }
}

/// The newest attempt of every delivery of which none succeeded, oldest first.
fn missed(deliveries: &[HookDelivery], now: Timestamp) -> Vec<u64> {
    let mut by_guid: BTreeMap<&DeliveryId, (bool, u64)> = BTreeMap::new();
    for delivery in deliveries {
        let young = delivery.at.is_none_or(|at| now.since(at) < ON_ITS_WAY);
        let known = by_guid.entry(&delivery.guid).or_insert((false, delivery.id));
        known.0 |= delivery.succeeded || young;
        known.1 = known.1.max(delivery.id);
    }
    let mut missed: Vec<u64> = by_guid
        .into_values()
        .filter(|(fine, _)| !fine)
        .map(|(_, id)| id)
        .collect();
    missed.sort_unstable();
    missed
}

async fn forget(store: &Database, settings: &Settings) {
    if let Some(folder) = settings.recordings.clone() {
        let kept = settings.retention;
        let removed = tokio::task::spawn_blocking(move || forget_recordings(&folder, kept)).await;
        match removed.map_err(io::Error::other).flatten() {
            Ok(removed) => tracing::debug!(removed, "old recordings were removed"),
            Err(error) => tracing::warn!(%error, "old recordings could not be removed"),
        }
    }
    let kept = i64::try_from(settings.retention.as_millis()).unwrap_or(i64::MAX);
    let before = Timestamp(SystemClock.now().0.saturating_sub(kept));
    match store.forget(before).await {
        Ok(forgotten) => tracing::debug!(?forgotten, "old things were forgotten"),
        Err(error) => tracing::warn!(%error, "old things could not be forgotten"),
    }
}

/// Removes the recordings of the runs of which none was added to for so long; says of how many.
fn forget_recordings(folder: &Path, kept: Duration) -> io::Result<usize> {
    let runs = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        runs => runs?,
    };
    let mut removed = 0;
    for run in runs {
        let run = run?;
        // A folder of somebody else's is none of ours.
        let ours = run
            .file_name()
            .to_str()
            .is_some_and(|name| RunId::new(name).is_ok());
        if !ours || !run.file_type()?.is_dir() {
            continue;
        }
        // Each attempt has a folder of its own in it, made when it first asked a model.
        let age = run.metadata()?.modified()?.elapsed().unwrap_or_default();
        if age > kept {
            std::fs::remove_dir_all(run.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_go_when_they_are_old_and_nothing_else_does() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("recordings");
        assert_eq!(forget_recordings(&folder, Duration::ZERO).unwrap(), 0);
        let run = folder.join("01jd0000000000000000000000");
        std::fs::create_dir_all(run.join("plan-1-1")).unwrap();
        std::fs::create_dir_all(folder.join("mine")).unwrap();
        std::fs::write(folder.join("01jd0000000000000000000001"), "a file").unwrap();
        assert_eq!(forget_recordings(&folder, Duration::from_hours(1)).unwrap(), 0);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(forget_recordings(&folder, Duration::from_millis(1)).unwrap(), 1);
        assert!(!run.exists());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[test]
    fn only_deliveries_that_never_arrived_are_asked_for_again() {
        let now = Timestamp(10_000_000);
        let delivery = |id, guid: &str, minutes: i64, succeeded| HookDelivery {
            id,
            guid: DeliveryId::new(guid).unwrap(),
            at: Some(Timestamp(now.0 - minutes * 60_000)),
            succeeded,
            event: "issues".to_owned(),
        };
        let deliveries = [
            delivery(9, "young", 0, false),
            delivery(8, "mended", 5, true),
            delivery(3, "mended", 9, false),
            delivery(7, "lost", 6, false),
            delivery(2, "lost", 20, false),
            delivery(1, "older", 30, false),
        ];
        assert_eq!(missed(&deliveries, now), [1, 7]);
    }
}
