//! What a crash leaves behind.

use super::*;

#[test]
fn a_restart_loses_what_had_begun_and_keeps_what_had_not() {
    let mut world = World::begin();
    assert!(world.tell(Input::Recover).is_empty());
    let key = world.attempts().remove(0);
    world.tell(Input::Began(key));
    world.tell(Input::Recover);
    assert_eq!(world.wants(), "explore/1/2");
    assert!(
        world.tell(Input::Recover).is_empty(),
        "recovering twice changes nothing"
    );
}

#[test]
fn what_was_lost_at_a_crash_starts_again_from_the_same_commit_and_counts_against_nobody() {
    let mut world = World::to_gate();
    world.approve(101);
    let latest = |world: &World| {
        let node = world.run().node(&NodeId::new("implement").unwrap()).unwrap();
        let latest = node.latest().unwrap();
        (latest.n, latest.start.clone(), latest.candidate.clone())
    };
    let (_, start, candidate) = latest(&world);
    let most = world.frozen.policy.guard.lost;
    for n in 1..=most {
        let key = world.attempts().remove(0);
        world.tell(Input::Began(key.clone()));
        let events = world.tell(Input::Recover);
        assert!(
            matches!(&events[0], Event::AttemptEnded { report } if report.verdict == Verdict::Lost),
            "{events:?}"
        );
        assert_eq!(latest(&world), (n + 1, start.clone(), candidate.clone()));
        let mut late = Report::bare(key, Verdict::Succeeded, world.now);
        late.snapshot = Some(commit(77));
        assert!(
            world.tell(Input::AttemptEnded(Box::new(late))).is_empty(),
            "what a lost attempt says after all is not heard"
        );
    }
    let key = world.attempts().remove(0);
    world.tell(Input::Began(key));
    world.tell(Input::Recover);
    assert_eq!((world.word(), world.wants().as_str()), ("waiting", ""));
    assert!(
        world
            .run()
            .stuck
            .as_ref()
            .unwrap()
            .why
            .contains("The server stopped"),
        "a person is asked in the end"
    );
}

#[test]
fn publishing_that_was_lost_at_a_crash_is_done_again_and_knows_what_it_intended() {
    let mut world = World::to_gate();
    world.approve(101);
    for _ in 0..3 {
        world.end(|_| {});
    }
    let key = world.attempts().remove(0);
    world.tell(Input::Began(key.clone()));
    world.tell(Input::PushIntended {
        key,
        commit: commit(91),
    });
    world.tell(Input::Recover);
    assert_eq!(world.wants(), "publish/1/2");
    assert!(world.run().intended.contains(&commit(91)));
    world.end(|_| {});
    assert_eq!(world.word(), "in review");
}
