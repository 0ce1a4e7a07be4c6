//! How a run ends, and what is still said then.

use super::*;

#[test]
fn what_is_said_about_a_run_that_is_over() {
    let mut world = World::to_gate();
    assert_eq!(
        replies(&world.command(Command::Cancel, 101)),
        [ReplyKind::Accepted]
    );
    assert_eq!(world.word(), "cancelled");
    assert_eq!(replies(&world.approve(102)), [ReplyKind::Over]);
    assert_eq!(world.wants(), "");
    assert_eq!(next_wake(&world.frozen, world.run()), None);
}

#[test]
fn a_cancel_waits_for_a_push_that_has_begun() {
    let mut world = World::to_gate();
    world.approve(101);
    for _ in 0..3 {
        world.end(|_| {});
    }
    let key = world.attempts().remove(0);
    world.tell(Input::Began(key.clone()));
    world.command(Command::Cancel, 102);
    assert!(world.run().ended.is_none());
    world.tell(Input::AttemptEnded(Box::new(Report::bare(
        key,
        Verdict::Cancelled,
        world.now,
    ))));
    assert_eq!(world.word(), "cancelled");
}

#[test]
fn merge_and_close_in_either_order_end_as_merged() {
    let merge = || Input::PullClosed {
        pull: PullNumber(13),
        merged: true,
    };
    let close = || Input::IssueClosed { merged: true };
    for inputs in [[merge(), close()], [close(), merge()]] {
        let mut world = World::to_review();
        for input in inputs {
            world.tell(input);
        }
        assert_eq!(world.word(), "merged");
    }
}

#[test]
fn somebody_elses_commit_on_the_branch_stops_the_run() {
    let mut world = World::to_gate();
    world.approve(101);
    for _ in 0..3 {
        world.end(|_| {});
    }
    world.end(|report| {
        report.publish = Some(PublishResult::BranchMoved {
            found: Some(commit(66)),
        });
    });
    assert_eq!(world.word(), "waiting");
    assert!(world.run().stuck.is_some());
}

#[test]
fn a_run_for_a_plan_only_ends_when_the_plan_is_posted() {
    let mut world = World::with(|created| created.plan_only = true);
    world.end(|_| {});
    world.end(|_| {});
    assert_eq!(world.word(), "waiting");
    world.post_plan(100);
    assert_eq!(world.word(), "closed");
}

#[test]
fn a_merge_before_the_run_knows_its_pull_request_is_a_merge() {
    for crash in [false, true] {
        let mut world = World::to_gate();
        world.approve(101);
        for _ in 0..3 {
            world.end(|_| {});
        }
        let key = world
            .attempts()
            .into_iter()
            .next()
            .expect("it is to be published");
        world.tell(Input::Began(key.clone()));
        world.tell(Input::PushIntended {
            key: key.clone(),
            commit: commit(91),
        });
        world.tell(Input::PullClosed {
            pull: PullNumber(13),
            merged: true,
        });
        assert_eq!(world.word(), "merged");
        if crash {
            world.tell(Input::Recover);
        }
        let holds = |action: &Action| matches!(action, Action::Attempt(_) | Action::HoldWork { .. });
        assert!(
            !outstanding(&world.frozen, world.run()).iter().any(holds),
            "nothing is left to do or to keep"
        );
    }
}
