//! What has to be done now and then: asking GitHub for deliveries that never arrived, forgetting what is old,
//! keeping mirrors tidy.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::github::{Client, HookDelivery};
use crate::model::{Clock, DeliveryId, SystemClock, Timestamp};
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
pub(super) async fn run(client: Client, store: Database, retention: Duration, stop: CancellationToken) {
    tokio::join!(
        every(LOOK_FOR_MISSED, &stop, || ask_for_missed(&client)),
        every(FORGET, &stop, || forget(&store, retention)),
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

async fn forget(store: &Database, retention: Duration) {
    let kept = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    let before = Timestamp(SystemClock.now().0.saturating_sub(kept));
    match store.forget(before).await {
        Ok(forgotten) => tracing::debug!(?forgotten, "old things were forgotten"),
        Err(error) => tracing::warn!(%error, "old things could not be forgotten"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
