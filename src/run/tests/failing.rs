//! What follows from the class of a failure.

use std::collections::BTreeMap;

use super::*;

/// Who is asked next, by the name of the candidate; or what the run does instead.
fn next(world: &World) -> String {
    let node = world.run().node(&NodeId::new("explore").unwrap()).unwrap();
    match &node.phase {
        NodePhase::Running => node.latest().unwrap().candidate.clone().unwrap().1,
        NodePhase::Backoff { until, .. } => format!("waits {} s", (until.0 - world.now.0) / 1_000),
        NodePhase::Failed { .. } => world.word().to_owned(),
        other => format!("{other:?}"),
    }
}

fn after(failures: &[Failure]) -> String {
    let mut world = World::begin();
    for class in failures {
        world.fail(*class);
    }
    next(&world)
}

#[test]
fn each_class_of_failure_has_its_consequence() {
    let table: [(&[Failure], &str); 11] = [
        (&[Failure::Hang], "a:x/one"),
        (&[Failure::Hang, Failure::Crash], "b:y/two"),
        (&[Failure::Auth], "b:y/two"),
        (&[Failure::WrongModel], "b:y/two"),
        (&[Failure::Refused, Failure::Refused], "waiting"),
        (&[Failure::RateLimited], "b:y/two"),
        (&[Failure::RateLimited, Failure::RateLimited], "waits 57 s"),
        (&[Failure::RateLimited, Failure::Auth], "waits 57 s"),
        (&[Failure::Budget], "waiting"),
        (&[Failure::Truncated, Failure::Truncated], "b:y/two"),
        (
            &[
                Failure::Empty,
                Failure::NoChange,
                Failure::MalformedCall,
                Failure::EditFailed,
            ],
            "waiting",
        ),
    ];
    for (failures, wanted) in table {
        assert_eq!(after(failures), wanted, "{failures:?}");
    }
}

#[test]
fn a_run_waits_until_the_provider_named_and_then_goes_on_with_whoever_is_back_first() {
    let mut world = World::begin();
    let begun = world.now.0;
    for hours in [5, 1] {
        world.end(|report| {
            report.verdict = Verdict::Failed {
                class: Failure::RateLimited,
                why: "Its window is used up.".to_owned(),
            };
            report.until = Some(Timestamp(begun + hours * 3_600_000));
            report.artifacts.clear();
        });
    }
    let wake = next_wake(&world.frozen, world.run());
    assert_eq!(wake, Some(Timestamp(begun + 3_600_000)), "the earlier of the two");
    world.tell(Input::Wake);
    assert!(world.attempts().is_empty(), "an early wake-up changes nothing");
    world.now = Timestamp(begun + 3_600_000);
    world.tell(Input::Wake);
    assert_eq!(next(&world), "b:y/two");
}

#[test]
fn the_operators_reaction_is_part_of_what_a_run_froze() {
    let mut world = World::begin();
    world.frozen.policy.guard.on = BTreeMap::from([(Failure::RateLimited, Reaction::Ask)]);
    world.fail(Failure::RateLimited);
    assert_eq!(next(&world), "waiting");
}
