//! Deliveries, one and many.

use std::time::Duration;

use futures_util::future::join_all;

use super::{World, delivery, outcome};
use crate::store::{Accepted, Error, InboxKind, Journal, Settle};

#[tokio::test]
async fn an_accepted_delivery_is_pending_with_its_body_and_facts() {
    let world = World::new().await;
    let sent = delivery("a-1");
    assert_eq!(
        world.store.intake().accept(sent.clone()).await.unwrap(),
        Accepted::New
    );

    let pending = world.store.pending(0, 10).await.unwrap();
    assert_eq!(pending.len(), 1);
    let row = &pending[0];
    assert_eq!(
        (row.key.as_str(), row.kind, row.lane.as_str()),
        ("a-1", InboxKind::Delivery, "7/1")
    );
    assert_eq!((row.event.as_str(), row.action.as_str()), ("issues", "labeled"));
    assert_eq!(
        (row.facts.as_str(), row.received, row.failures),
        (sent.facts.as_str(), sent.received, 0)
    );
    assert_eq!(row.body, sent.body);
}

#[tokio::test]
async fn a_redelivery_is_a_duplicate_before_and_after_it_was_decided() {
    let world = World::new().await;
    let intake = world.store.intake();
    intake.accept(delivery("a-1")).await.unwrap();
    assert_eq!(intake.accept(delivery("a-1")).await.unwrap(), Accepted::Duplicate);

    let seq = world.store.pending(0, 10).await.unwrap()[0].seq;
    world
        .store
        .settle(
            seq,
            Settle::Done {
                note: Some("nothing to do".to_owned()),
            },
        )
        .await
        .unwrap();
    assert_eq!(intake.accept(delivery("a-1")).await.unwrap(), Accepted::Duplicate);
    assert!(world.store.pending(0, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn of_many_equal_deliveries_at_once_exactly_one_is_new() {
    let world = World::new().await;
    let intake = world.store.intake();
    intake.accept(delivery("old")).await.unwrap();
    // 300 callers at once, so that groups hold old ids, ids of the same group and new ones side by side.
    let ids: Vec<String> = (0..300)
        .map(|n| {
            if n % 7 == 0 {
                "old".to_owned()
            } else {
                format!("id-{}", n % 50)
            }
        })
        .collect();
    let answers = join_all(ids.iter().map(|id| intake.accept(delivery(id)))).await;

    let mut new: Vec<&str> = ids
        .iter()
        .zip(answers)
        .filter(|(_, answer)| *answer.as_ref().unwrap() == Accepted::New)
        .map(|(id, _)| id.as_str())
        .collect();
    new.sort_unstable();
    let mut distinct: Vec<&str> = ids.iter().map(String::as_str).filter(|id| *id != "old").collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(new, distinct);
    let kept = world.store.pending(0, 1000).await.unwrap();
    assert_eq!(kept.len(), distinct.len() + 1);
    for row in kept {
        assert_eq!(row.body, delivery(&row.key).body, "bodies stay with their ids");
    }
}

#[tokio::test]
async fn ten_thousand_deliveries_keep_their_order_and_can_be_read_page_by_page() {
    let world = World::new().await;
    let intake = world.store.intake();
    for batch in 0..10 {
        let answers =
            join_all((0..1000).map(|n| intake.accept(delivery(&format!("d-{:05}", batch * 1000 + n))))).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap() == Accepted::New));
    }
    let (mut after, mut keys, mut last) = (0, Vec::new(), 0);
    loop {
        let page = world.store.pending(after, 999).await.unwrap();
        let Some(end) = page.last() else { break };
        after = end.seq;
        for row in page {
            assert!(row.seq > last);
            last = row.seq;
            keys.push(row.key);
        }
    }
    assert_eq!(keys.len(), 10_000);
    let batches: Vec<&str> = keys.iter().map(|key| &key[..4]).collect();
    assert!(
        batches.is_sorted(),
        "what was accepted before another came stands before it"
    );
}

#[tokio::test]
async fn what_was_answered_survives_a_store_that_is_dropped_without_closing() {
    let world = World::new().await;
    let intake = world.store.intake();
    let callers: Vec<_> = (0..200)
        .map(|n| {
            let intake = intake.clone();
            tokio::spawn(async move { intake.accept(delivery(&format!("id-{n}"))).await.map(|_| n) })
        })
        .collect();
    // Half of the callers are cut off in the middle of whatever they wait for.
    for caller in callers.iter().skip(100) {
        caller.abort();
    }
    let mut answered = Vec::new();
    for caller in callers {
        if let Ok(n) = caller.await {
            answered.push(format!("id-{}", n.unwrap()));
        }
    }
    assert!(answered.len() >= 100);
    let reopened = world.reopened().await;
    drop(world.store);

    let kept: Vec<String> = reopened
        .pending(0, 1000)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.key)
        .collect();
    for id in &answered {
        assert!(kept.contains(id), "{id} was answered and is gone");
    }
    // What was not answered may be tried again whether or not it was kept.
    for n in 0..200 {
        reopened
            .intake()
            .accept(delivery(&format!("id-{n}")))
            .await
            .unwrap();
    }
    assert_eq!(reopened.pending(0, 1000).await.unwrap().len(), 200);
}

#[tokio::test]
async fn a_body_of_many_megabytes_is_accepted_among_small_ones() {
    let world = World::new().await;
    let intake = world.store.intake();
    let mut large = delivery("large");
    // Bytes that lz4 cannot shrink, so that the group's limit matters.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(5 << 20)
    .collect();
    large.body = noise.clone().into();
    let small = (0..20).map(|n| delivery(&format!("small-{n}")));
    let answers = join_all(small.chain([large]).map(|one| intake.accept(one))).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == Accepted::New));
    let kept = world.store.pending(0, 100).await.unwrap();
    assert_eq!(kept.len(), 21);
    assert!(kept.iter().any(|row| row.body == noise));
}

#[tokio::test]
async fn an_empty_body_is_accepted() {
    let world = World::new().await;
    let mut empty = delivery("empty");
    empty.body = bytes::Bytes::new();
    world.store.intake().accept(empty).await.unwrap();
    assert_eq!(world.store.pending(0, 1).await.unwrap()[0].body, b"");
}

#[tokio::test]
async fn who_waits_for_arrivals_is_told_after_the_commit_and_not_of_duplicates() {
    let world = World::new().await;
    let mut wakeups = world.store.wakeups();
    world.store.intake().accept(delivery("a")).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), wakeups.changed())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(world.store.pending(0, 10).await.unwrap().len(), 1);

    wakeups.mark_unchanged();
    world.store.intake().accept(delivery("a")).await.unwrap();
    assert!(!wakeups.has_changed().unwrap());

    assert!(world.store.deliver(outcome("k")).await.unwrap());
    assert!(wakeups.has_changed().unwrap());
}

#[tokio::test]
async fn closing_answers_what_waits_and_refuses_what_comes_later() {
    let world = World::new().await;
    let intake = world.store.intake();
    let waiting: Vec<_> = (0..50)
        .map(|n| {
            let intake = intake.clone();
            tokio::spawn(async move { intake.accept(delivery(&format!("id-{n}"))).await })
        })
        .collect();
    tokio::task::yield_now().await;
    world.store.close().await.unwrap();
    let mut accepted = 0;
    for caller in waiting {
        match caller.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(error) => assert!(matches!(error, Error::Closed), "{error}"),
        }
    }
    assert!(matches!(
        intake.accept(delivery("late")).await,
        Err(Error::Closed)
    ));
    assert!(matches!(world.store.pending(0, 1).await, Err(Error::Closed)));
    assert_eq!(
        world.reopened().await.pending(0, 100).await.unwrap().len(),
        accepted
    );
}

#[tokio::test]
async fn a_database_that_cannot_be_written_refuses_and_loses_nothing() {
    let world = World::new().await;
    world.store.intake().accept(delivery("before")).await.unwrap();
    world.vandal("ALTER TABLE inbox RENAME TO away").await;
    let intake = world.store.intake();
    let answers = join_all((0..5).map(|n| intake.accept(delivery(&format!("id-{n}"))))).await;
    assert!(answers.into_iter().all(|answer| answer.is_err()));

    world.vandal("ALTER TABLE away RENAME TO inbox").await;
    assert_eq!(
        intake.accept(delivery("before")).await.unwrap(),
        Accepted::Duplicate
    );
    assert_eq!(intake.accept(delivery("id-0")).await.unwrap(), Accepted::New);
}
