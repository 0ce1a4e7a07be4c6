//! The line itself: attempts, candidates, limits.

use super::*;

#[test]
fn a_run_goes_from_explore_to_review_and_merge() {
    let mut world = World::begin();
    assert_eq!((world.word(), world.wants().as_str()), ("queued", "explore/1/1"));
    world.end(|_| {});
    assert_eq!((world.word(), world.wants().as_str()), ("working", "plan/1/1"));
    world.end(|_| {});
    assert_eq!((world.word(), world.wants().as_str()), ("waiting", ""));
    world.post_plan(100);
    assert_eq!(replies(&world.approve(101)), [ReplyKind::Accepted]);
    assert_eq!(world.wants(), "implement/1/1");
    world.end(|_| {});
    assert_eq!(world.wants(), "check/1/1");
    world.end(|_| {});
    assert_eq!(world.wants(), "validate/1/1");
    world.end(|_| {});
    assert_eq!(world.wants(), "publish/1/1");
    world.end(|_| {});
    assert_eq!((world.word(), world.wants().as_str()), ("in review", ""));
    world.tell(Input::PullClosed {
        pull: PullNumber(13),
        merged: true,
    });
    assert_eq!(world.word(), "merged");
}

#[test]
fn an_attempt_begins_once_and_only_its_first_result_counts() {
    let mut world = World::begin();
    let key = world.attempts().remove(0);
    assert_eq!(world.tell(Input::Began(key.clone())).len(), 1);
    assert_eq!(world.tell(Input::Began(key.clone())).len(), 0);
    let lost = Report::bare(key.clone(), Verdict::Lost, world.now);
    world.tell(Input::AttemptEnded(Box::new(lost)));
    let late = Report::bare(key, Verdict::Succeeded, world.now);
    assert!(world.tell(Input::AttemptEnded(Box::new(late))).is_empty());
    assert_eq!(world.wants(), "explore/1/2");
}

#[test]
fn a_candidate_that_fails_twice_gives_way_to_the_next_and_the_last_one_to_a_person() {
    let mut world = World::to_gate();
    world.approve(101);
    let candidate = |world: &World| {
        let node = world.run().node(&NodeId::new("implement").unwrap()).unwrap();
        node.latest().unwrap().candidate.clone().unwrap().1
    };
    assert_eq!(candidate(&world), "a:x/one");
    world.fail(Failure::Hang);
    assert_eq!(candidate(&world), "a:x/one");
    world.fail(Failure::Hang);
    assert_eq!(candidate(&world), "b:y/two");
    world.fail(Failure::NoChange);
    world.fail(Failure::Crash);
    assert_eq!((world.word(), world.wants().as_str()), ("waiting", ""));
    assert_eq!(
        replies(&world.command(
            Command::Retry {
                node: None,
                model: Some("two".to_owned())
            },
            120
        )),
        [ReplyKind::Accepted]
    );
    assert_eq!(world.wants(), "implement/2/1");
    assert_eq!(candidate(&world), "b:y/two");
}

#[test]
fn a_lint_failure_goes_back_to_its_author_a_bounded_number_of_times() {
    let mut world = World::begin();
    for n in 1..=4 {
        assert_eq!(world.wants(), format!("explore/1/{n}"));
        world.end(|report| {
            report.verdict = Verdict::Returned {
                findings: vec!["line 2: no".to_owned()],
            };
            report.artifacts.clear();
        });
    }
    // Two returns are free, the next two count against the candidate.
    let node = world.run().node(&NodeId::new("explore").unwrap()).unwrap();
    assert_eq!(node.latest().unwrap().candidate.as_ref().unwrap().1, "b:y/two");
}

#[test]
fn a_gate_expires_and_a_stuck_run_gives_up_after_its_patience() {
    let mut world = World::to_gate();
    let due = next_wake(&world.frozen, world.run()).unwrap();
    world.tell(Input::Wake);
    assert_eq!(world.word(), "waiting", "an early wake-up is harmless");
    world.now = due;
    world.tell(Input::Wake);
    assert_eq!(world.word(), "failed");
}

#[test]
fn without_a_person_a_failure_ends_the_run() {
    let mut world = World::with(|created| created.attended = false);
    for _ in 0..4 {
        world.fail(Failure::Hang);
    }
    assert_eq!(world.word(), "failed");
}

#[test]
fn one_comment_is_answered_once() {
    let mut world = World::to_gate();
    world.command(Command::Status, 101);
    assert!(world.command(Command::Status, 101).is_empty());
}

#[test]
fn a_budget_that_is_spent_or_cannot_be_told_stops_the_run() {
    for cost in [Some(crate::model::MicroUsd(2_000_000)), None] {
        let mut world = World::begin();
        world.frozen.policy.run_usd = Some(crate::model::MicroUsd(1_000_000));
        world.end(|report| report.cost = cost);
        assert_eq!(world.word(), "waiting", "{cost:?}");
        assert!(
            world.run().stuck.as_ref().unwrap().why.contains("budget"),
            "{cost:?}"
        );
    }
}

#[test]
fn the_names_of_artifacts_are_not_confused() {
    let world = World::to_gate();
    let plan = ArtifactName::new("plan.md").unwrap();
    let state = world.run().node(&NodeId::new("plan").unwrap()).unwrap();
    assert_eq!(
        state.artifacts.get(&plan),
        world.run().plan.as_ref().map(|plan| &plan.hash)
    );
}

#[test]
fn a_newer_log_is_refused_and_not_guessed() {
    assert!(matches!(
        Recorded::from_line(r#"{"v":2,"at":0,"e":{"unheard_of":{}}}"#),
        Err(UnreadableEvent::Newer { found: 2 })
    ));
}
