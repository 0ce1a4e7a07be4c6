//! What people are shown, and how often.

use super::*;

#[test]
fn an_effect_that_was_refused_stays_refused_and_a_plan_is_posted_under_a_new_number() {
    let mut world = World::begin();
    world.end(|_| {});
    world.end(|report| report.artifacts[0].hash = ContentHash::of("the plan"));
    let posting = |world: &World| {
        outstanding(&world.frozen, world.run())
            .into_iter()
            .find_map(|action| match action {
                Action::PostPlan { revision, .. } => Some((revision, action.key().to_string())),
                _ => None,
            })
    };
    let (revision, action) = posting(&world).expect("the plan is to be posted");
    assert_eq!(revision, 1);
    world.tell(Input::EffectFailed {
        action: action.clone(),
        why: "GitHub forbids it.".to_owned(),
    });
    assert_eq!(posting(&world), None);
    assert_eq!(world.word(), "waiting");
    world.command(
        Command::Replan {
            wishes: String::new(),
        },
        101,
    );
    world.end(|report| report.artifacts[0].hash = ContentHash::of("the plan"));
    let (revision, again) = posting(&world).expect("the same plan is to be posted again");
    assert_eq!(revision, 2);
    assert_ne!(
        action, again,
        "the outcome of the first is in the inbox already, and would swallow the second's"
    );
}

/// The key of writing the status comment, where that is wanted.
fn showing(world: &World) -> Option<String> {
    let mut actions = outstanding(&world.frozen, world.run()).into_iter();
    let post = actions.find(|action| matches!(action, Action::PostStatus { .. }));
    post.map(|action| action.key().to_string())
}

fn shown(world: &mut World) {
    let revision = world.run().revision;
    world.tell(Input::StatusPosted {
        comment: Some(CommentId(50)),
        revision,
    });
}

#[test]
fn the_status_comment_rests_between_two_edits_and_ends_with_the_newest_state() {
    let mut world = World::begin();
    world.frozen.policy.guard.status_pause_ms = 5_000;
    assert!(showing(&world).is_some(), "the first one is posted at once");
    shown(&mut world);
    let at = world.now;
    world.end(|_| {});
    assert_eq!(showing(&world), None, "two seconds later it rests");
    assert_eq!(
        next_wake(&world.frozen, world.run()),
        Some(Timestamp(at.0 + 5_000))
    );
    assert!(
        world.tell(Input::Wake).is_empty(),
        "an early wake-up changes nothing"
    );
    world.now = Timestamp(at.0 + 4_000);
    assert_eq!(world.tell(Input::Wake), [Event::StatusDue]);
    assert!(showing(&world).is_some());
    assert!(world.tell(Input::Wake).is_empty(), "a repeated one neither");
    shown(&mut world);
    world.command(Command::Cancel, 101);
    assert_eq!(world.word(), "cancelled");
    assert_eq!(showing(&world), None, "the end waits for its turn, too");
    let due = next_wake(&world.frozen, world.run()).expect("the end is to be shown");
    world.now = due;
    world.tell(Input::Wake);
    assert!(showing(&world).is_some());
    shown(&mut world);
    assert_eq!(showing(&world), None);
    assert_eq!(next_wake(&world.frozen, world.run()), None);
}

#[test]
fn a_clock_that_is_set_back_does_not_silence_the_status_comment() {
    let mut world = World::begin();
    world.frozen.policy.guard.status_pause_ms = 5_000;
    shown(&mut world);
    world.end(|_| {});
    assert_eq!(showing(&world), None);
    world.now = Timestamp(world.now.0 - 3_600_000);
    assert_eq!(world.tell(Input::Wake), [Event::StatusDue]);
    assert!(showing(&world).is_some());
}

#[test]
fn one_edit_shows_all_that_happened_meanwhile_and_a_refused_one_is_tried_with_the_next_change() {
    let mut world = World::begin();
    let first = showing(&world).expect("it is to be posted");
    world.end(|_| {});
    assert_eq!(
        showing(&world),
        Some(first.clone()),
        "what is under way is enough"
    );
    world.tell(Input::EffectFailed {
        action: first.clone(),
        why: "GitHub forbids it.".to_owned(),
    });
    let second = showing(&world).expect("the newest state was not refused");
    world.tell(Input::EffectFailed {
        action: second.clone(),
        why: "GitHub forbids it.".to_owned(),
    });
    assert_eq!(showing(&world), None);
    world.end(|_| {});
    let third = showing(&world).expect("the next change is tried");
    assert!(third != first && third != second);
}
