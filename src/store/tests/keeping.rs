//! Contents, and forgetting.

use std::sync::atomic::Ordering;

use super::{World, creation, delivery, run};
use crate::model::{ContentHash, Timestamp};
use crate::store::{Accepted, Append, Error, Forgotten, Journal, Settle};

#[tokio::test]
async fn a_content_is_kept_once_and_read_back_by_its_address() {
    let world = World::new().await;
    for content in [&b""[..], b"short", &b"long and longer ".repeat(1000)] {
        let hash = world.store.put(content).await.unwrap();
        assert_eq!(hash, ContentHash::of(content));
        assert_eq!(world.store.put(content).await.unwrap(), hash);
        assert_eq!(world.store.get(&hash).await.unwrap().unwrap(), content);
    }
    assert_eq!(
        world.store.get(&ContentHash::of("never put")).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_damaged_content_is_noticed_when_it_is_read() {
    let world = World::new().await;
    let short = world.store.put(b"short").await.unwrap();
    let long = world.store.put(&b"long and longer ".repeat(1000)).await.unwrap();
    world
        .vandal("UPDATE contents SET body = x'73686f7274' || x'' WHERE size = 5")
        .await;
    world
        .vandal("UPDATE contents SET body = CAST(x'73686f7275' AS BLOB) WHERE size = 5")
        .await;
    world
        .vandal("UPDATE contents SET body = substr(body, 1, length(body) - 3) WHERE size > 5")
        .await;
    for hash in [short, long] {
        let error = world.store.get(&hash).await.unwrap_err();
        assert!(
            matches!(&error, Error::Corrupt { what, .. } if what.contains(&hash.to_string())),
            "{error}"
        );
    }
}

#[tokio::test]
async fn forgetting_drops_old_bodies_and_ended_runs_and_keeps_what_is_still_needed() {
    let world = World::new().await;
    let intake = world.store.intake();
    for id in ["decided", "pending"] {
        intake.accept(delivery(id)).await.unwrap();
    }
    let seq = world.store.pending(0, 1).await.unwrap()[0].seq;
    world
        .store
        .settle(
            seq,
            Settle::Done {
                note: Some("a stranger's words".to_owned()),
            },
        )
        .await
        .unwrap();

    let begin = async |n: u32, ended: bool, content: &str| {
        let mut append = Append {
            contents: vec![content.into()],
            ..creation(n, n.into())
        };
        append.events[1] = format!("{{\"plan\":\"{}\"}}", ContentHash::of(content));
        (append.row.ended, append.row.active, append.row.has_work) = (ended, !ended, false);
        world.store.append(append).await.unwrap();
    };
    begin(1, true, "of an ended run").await;
    begin(2, false, "of a waiting run").await;
    begin(3, true, "of a waiting run").await;
    world.clock.0.store(50, Ordering::Relaxed);
    world.store.put(b"young").await.unwrap();

    assert_eq!(
        world.store.forget(Timestamp(1)).await.unwrap(),
        Forgotten::default()
    );
    assert_eq!(
        world.store.forget(Timestamp(40)).await.unwrap(),
        Forgotten {
            deliveries: 1,
            runs: 2,
            contents: 1
        }
    );
    assert_eq!(
        world.store.forget(Timestamp(40)).await.unwrap(),
        Forgotten::default()
    );

    assert_eq!(
        intake.accept(delivery("decided")).await.unwrap(),
        Accepted::Duplicate
    );
    assert_eq!(
        world.store.pending(0, 9).await.unwrap()[0].body,
        delivery("pending").body
    );
    assert_eq!(world.store.load(&run(1)).await.unwrap(), None);
    assert_eq!(world.store.load(&run(2)).await.unwrap().unwrap().len(), 2);
    let kept = async |content: &str| {
        world
            .store
            .get(&ContentHash::of(content))
            .await
            .unwrap()
            .is_some()
    };
    assert!(!kept("of an ended run").await);
    assert!(kept("of a waiting run").await);
    assert!(kept("young").await);
}

#[tokio::test]
async fn a_content_put_again_is_young_again() {
    let world = World::new().await;
    let hash = world.store.put(b"twice").await.unwrap();
    world.clock.0.store(50, Ordering::Relaxed);
    world.store.put(b"twice").await.unwrap();
    world.clock.0.store(20, Ordering::Relaxed);
    world.store.put(b"twice").await.unwrap();
    world.store.forget(Timestamp(40)).await.unwrap();
    assert!(world.store.get(&hash).await.unwrap().is_some());
}
