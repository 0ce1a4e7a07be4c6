//! What is done again, and with which number.

use super::*;

#[test]
fn replan_begins_new_generations_and_a_late_result_of_the_old_one_is_only_booked() {
    let mut world = World::to_gate();
    world.approve(101);
    let old = world.attempts().remove(0);
    world.tell(Input::Began(old.clone()));
    world.command(
        Command::Replan {
            wishes: "smaller".to_owned(),
        },
        102,
    );
    assert_eq!(world.wants(), "plan/2/1");
    let mut late = Report::bare(old, Verdict::Succeeded, world.now);
    late.cost = Some(crate::model::MicroUsd(5));
    late.snapshot = Some(commit(77));
    world.tell(Input::AttemptEnded(Box::new(late)));
    assert_eq!(world.run().cost().0, crate::model::MicroUsd(5));
    assert_eq!(world.wants(), "plan/2/1");
    assert!(
        world
            .run()
            .node(&NodeId::new("implement").unwrap())
            .unwrap()
            .snapshot
            .is_none()
    );
}

#[test]
fn a_failed_validation_is_repaired_on_top_of_the_work_and_keeps_the_approval() {
    let mut world = World::to_gate();
    world.approve(101);
    world.end(|_| {});
    world.end(|_| {});
    world.end(|report| report.passed = Some(false));
    assert_eq!(world.wants(), "implement/2/1");
    assert!(world.run().approval.is_some());
    let node = world.run().node(&NodeId::new("implement").unwrap()).unwrap();
    assert_eq!(
        node.latest().unwrap().start,
        commit(11),
        "it goes on from the first round's work"
    );
    assert!(matches!(node.repeat, Some(RepeatWhy::Repair { round: 1, .. })));
}

#[test]
fn repairs_are_bounded_then_escalate_once_then_ask_a_person() {
    let mut world = World::to_gate();
    world.approve(101);
    let mut candidates = Vec::new();
    while world.word() == "working" || world.word() == "queued" {
        let key = world.attempts().remove(0);
        if key.node.as_str() == "implement" {
            candidates.push(
                world
                    .run()
                    .node(&key.node)
                    .unwrap()
                    .latest()
                    .unwrap()
                    .candidate
                    .clone()
                    .unwrap()
                    .0,
            );
        }
        world.end(|report| {
            if report.key.node.as_str() == "validate" {
                report.passed = Some(false);
            }
        });
        assert!(candidates.len() < 10, "repairs go on for ever");
    }
    assert_eq!(
        candidates,
        [0, 0, 0, 1],
        "the first try, two rounds, one escalation"
    );
    assert_eq!(world.word(), "waiting");
    world.command(
        Command::Retry {
            node: None,
            model: None,
        },
        130,
    );
    assert_eq!(
        world.wants(),
        "implement/5/1",
        "a bare retry repeats the work, not the judgement"
    );
}

#[test]
fn commands_in_review_lead_to_a_new_generation() {
    let mut world = World::to_review();
    world.command(
        Command::Retry {
            node: None,
            model: None,
        },
        140,
    );
    assert_eq!(world.wants(), "implement/2/1");
    let mut world = World::to_review();
    world.command(
        Command::Replan {
            wishes: String::new(),
        },
        140,
    );
    assert_eq!(world.wants(), "plan/2/1");
    let mut world = World::to_review();
    let review = Review {
        pull: PullNumber(13),
        by: person("bob"),
        text: ContentHash::of("no"),
    };
    world.tell(Input::Review(review));
    assert_eq!(world.wants(), "implement/2/1");
    assert_eq!(
        world
            .run()
            .node(&NodeId::new("implement").unwrap())
            .unwrap()
            .latest()
            .unwrap()
            .start,
        commit(11)
    );
}

#[test]
fn a_plan_that_comes_back_after_another_one_is_posted_again() {
    let mut world = World::begin();
    world.end(|_| {});
    let mut keys = std::collections::BTreeSet::new();
    for (text, comment) in [("one", 100), ("two", 102), ("one", 104)] {
        world.end(|report| report.artifacts[0].hash = ContentHash::of(text));
        let actions = outstanding(&world.frozen, world.run());
        let posting = actions
            .iter()
            .find(|action| matches!(action, Action::PostPlan { .. }));
        assert!(
            keys.insert(posting.expect("the plan is to be posted").key()),
            "each posting has a key of its own"
        );
        world.post_plan(comment);
        world.command(
            Command::Replan {
                wishes: String::new(),
            },
            comment + 1,
        );
    }
}

#[test]
fn a_plan_that_comes_out_the_same_is_posted_again_and_the_newest_comment_counts() {
    let mut world = World::begin();
    world.end(|_| {});
    let same = |report: &mut Report| report.artifacts[0].hash = ContentHash::of("the plan");
    world.end(same);
    world.post_plan(100);
    world.command(
        Command::Replan {
            wishes: "smaller".to_owned(),
        },
        101,
    );
    world.end(same);
    let plan = world.run().plan.clone().unwrap();
    assert_eq!((plan.revision, plan.previous), (2, Some(plan.hash)));
    assert_eq!(replies(&world.approve(102)), [ReplyKind::NotPosted]);
    world.post_plan(103);
    assert_eq!(world.run().collapsible.first(), Some(&CommentId(100)));
    world.post_plan(100);
    assert_eq!(
        world.run().plan.as_ref().unwrap().posted.unwrap().comment,
        CommentId(103),
        "what is heard late about the old comment changes nothing"
    );
    assert_eq!(replies(&world.approve(104)), [ReplyKind::Accepted]);
}
