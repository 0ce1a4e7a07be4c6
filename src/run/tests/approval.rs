//! What an approval holds for.

use super::*;

#[test]
fn an_approval_holds_only_for_what_its_author_saw() {
    let bare = Command::Approve {
        hash: None,
        notes: String::new(),
    };
    let refused = |change: fn(&mut Order)| {
        let mut world = World::to_gate();
        let mut order = world.order(bare.clone(), 101);
        change(&mut order);
        let kinds = replies(&world.tell(Input::Command(Box::new(order))));
        assert!(world.run().approval.is_none(), "{kinds:?}");
        assert!(matches!(kinds[..], [ReplyKind::NeedsHash { .. }]), "{kinds:?}");
    };
    refused(|order| order.comment = Some(CommentId(99)));
    refused(|order| order.observed.plan_comment = Some(ContentHash::of("edited")));
    refused(|order| order.observed.plan_comment = None);
    refused(|order| order.observed.issue_text = Some(ContentHash::of("edited")));
    refused(|order| order.observed.issue_text = None);
    refused(|order| order.observed.base_touches_plan = true);
    refused(|order| order.observed.base_head = None);
}

#[test]
fn a_hash_says_what_is_approved_and_another_one_is_refused() {
    let mut world = World::to_gate();
    let plan = world.run().plan.as_ref().unwrap().hash;
    let with = |hash: &str| Command::Approve {
        hash: Some(hash.to_owned()),
        notes: String::new(),
    };
    assert_eq!(
        replies(&world.command(with("00000000"), 101)),
        [ReplyKind::WrongHash { plan }]
    );
    let mut order = world.order(with(&plan.to_string()[..12]), 102);
    order.observed.plan_comment = None;
    assert_eq!(
        replies(&world.tell(Input::Command(Box::new(order)))),
        [ReplyKind::Accepted]
    );
    assert_eq!(world.wants(), "implement/1/1");
}

#[test]
fn an_unposted_plan_or_one_with_questions_cannot_be_approved() {
    let mut world = World::begin();
    world.end(|_| {});
    world.end(|report| report.questions = 2);
    assert_eq!(
        replies(&world.approve(101)),
        [ReplyKind::QuestionsOpen { questions: 2 }]
    );
    world.command(
        Command::Replan {
            wishes: String::new(),
        },
        102,
    );
    world.end(|_| {});
    assert_eq!(replies(&world.approve(103)), [ReplyKind::NotPosted]);
}

#[test]
fn an_edit_of_the_issue_voids_the_approval_and_stops_the_work() {
    let mut world = World::to_gate();
    world.approve(101);
    assert_eq!(world.wants(), "implement/1/1");
    world.tell(Input::IssueEdited {
        text: ContentHash::of("other"),
    });
    assert_eq!((world.word(), world.wants().as_str()), ("waiting", ""));
    assert!(world.run().voided.is_some());
    assert!(matches!(
        replies(&world.approve(102))[..],
        [ReplyKind::NeedsHash { .. }]
    ));
}

#[test]
fn a_base_that_moved_in_the_plans_files_asks_for_approval_again() {
    let mut world = World::to_gate();
    world.approve(101);
    for _ in 0..3 {
        world.end(|_| {});
    }
    world.end(|report| report.publish = Some(PublishResult::BaseMoved { head: commit(5) }));
    assert_eq!(world.word(), "waiting");
    assert!(world.run().approval.is_none() && world.run().stuck.is_none());
}

#[test]
fn a_plan_that_could_not_be_posted_is_approved_by_its_hash_or_not_at_all() {
    let mut world = World::begin();
    world.end(|_| {});
    world.end(|_| {});
    assert_eq!(replies(&world.approve(101)), [ReplyKind::NotPosted]);
    let plan = world.run().plan.clone().unwrap();
    world.tell(Input::EffectFailed {
        action: ActionKey::plan(&world.run().created.run, plan.revision, &plan.hash).to_string(),
        why: "GitHub forbids it.".to_owned(),
    });
    assert_eq!(
        replies(&world.approve(102)),
        [ReplyKind::Unpostable { plan: plan.hash }]
    );
    let by_hash = Command::Approve {
        hash: Some(plan.hash.short()),
        notes: String::new(),
    };
    assert_eq!(replies(&world.command(by_hash, 103)), [ReplyKind::Accepted]);
}

#[test]
fn an_issue_edited_before_its_approval_is_heard_wants_the_hash() {
    let edited = ContentHash::of("edited");
    for heard in [false, true] {
        let mut world = World::to_gate();
        if heard {
            world.tell(Input::IssueEdited { text: edited });
        }
        let seen = |world: &World, hash: Option<String>, comment| {
            let notes = String::new();
            let mut order = world.order(Command::Approve { hash, notes }, comment);
            order.observed.issue_text = Some(edited);
            Input::Command(Box::new(order))
        };
        let bare = seen(&world, None, 101);
        assert!(matches!(
            replies(&world.tell(bare))[..],
            [ReplyKind::NeedsHash { .. }]
        ));
        assert!(world.run().approval.is_none());
        let hash = world.run().plan.as_ref().unwrap().hash.short();
        let explicit = seen(&world, Some(hash), 102);
        assert_eq!(replies(&world.tell(explicit)), [ReplyKind::Accepted]);
        assert_eq!(world.run().approval.as_ref().unwrap().issue_text, edited);
        assert!(
            world.tell(Input::IssueEdited { text: edited }).is_empty(),
            "the edit that is heard of afterwards was known when the plan was approved"
        );
        assert_eq!(world.wants(), "implement/1/1");
        world.tell(Input::IssueEdited {
            text: ContentHash::of("edited again"),
        });
        assert!(world.run().approval.is_none(), "a later edit voids it");
    }
}
