//! The core by itself: data in, events out.

use super::*;
use crate::command::Command;
use crate::model::{
    Artifact, ArtifactName, AttemptKey, BranchName, CommentId, CommitId, ContentHash, InstallationId,
    IssueNumber, Login, NodeId, PullNumber, RepositoryId, RepositoryName, Role, RunId, Timestamp,
};
use crate::workflow::Workflow;

const RUN: &str = "01jd0000000000000000abcdef";

/// A run of the built-in workflow, driven by hand.
struct World {
    frozen: Frozen,
    run: Option<Run>,
    log: Vec<Recorded>,
    now: Timestamp,
}

impl World {
    fn begin() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Created)) -> Self {
        let workflow = Workflow::built_in();
        let candidates = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let routes = Role::ALL
            .into_iter()
            .map(|role| (role, candidates(&["a:x/one", "b:y/two"])))
            .collect();
        let policy = Policy {
            routes,
            guard: Guard {
                retry_delay_ms: 0,
                ..Guard::default()
            },
            candidate_limits: std::collections::BTreeMap::new(),
            run_usd: None,
            budget: crate::ledger::Budget::default(),
            prices: std::collections::BTreeMap::new(),
            billing: std::collections::BTreeMap::new(),
            setup: Vec::new(),
            tests: Vec::new(),
            protected: Vec::new(),
            sandbox: "none".to_owned(),
            default_branch: None,
        };
        let mut created = Created {
            run: RunId::new(RUN).unwrap(),
            origin: Origin::Issue {
                installation: InstallationId(1),
                repository: RepositoryId(2),
                name: RepositoryName::new("acme/widgets").unwrap(),
                number: IssueNumber(12),
            },
            title: "Add price_half".to_owned(),
            issue_text: ContentHash::of("text"),
            requester: person("ann"),
            base: BranchName::new("main").unwrap(),
            base_commit: commit(0),
            branch: BranchName::new("footplate/12-add-abcdef").unwrap(),
            workflow_name: workflow.name.clone(),
            workflow: ContentHash::of("workflow"),
            policy: ContentHash::of("policy"),
            plan_only: false,
            attended: true,
            nodes: workflow.nodes.iter().map(|node| node.id.clone()).collect(),
        };
        change(&mut created);
        let mut world = Self {
            frozen: Frozen { workflow, policy },
            run: None,
            log: Vec::new(),
            now: Timestamp(1_000_000),
        };
        world.tell(Input::Start(Box::new(created)));
        world
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "inputs are made where they are told"
    )]
    fn tell(&mut self, input: Input) -> Vec<Event> {
        self.now = Timestamp(self.now.0 + 1_000);
        let events = decide(&self.frozen, self.run.as_ref(), &input, self.now);
        for event in &events {
            let recorded = Recorded {
                v: FORMAT,
                at: self.now,
                event: event.clone(),
            };
            let line = recorded.to_line();
            assert_eq!(
                Recorded::from_line(&line).unwrap(),
                recorded,
                "the log reads back"
            );
            evolve(&mut self.run, &recorded);
            self.log.push(recorded);
        }
        assert_eq!(replay(&self.log), self.run, "the log is the state");
        events
    }

    fn run(&self) -> &Run {
        self.run.as_ref().unwrap()
    }

    fn attempts(&self) -> Vec<AttemptKey> {
        outstanding(&self.frozen, self.run())
            .into_iter()
            .filter_map(|action| match action {
                Action::Attempt(key) => Some(key),
                _ => None,
            })
            .collect()
    }

    fn wants(&self) -> String {
        self.attempts()
            .iter()
            .map(|key| format!("{key:?}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn word(&self) -> &'static str {
        phase(&self.frozen, self.run()).as_str()
    }

    /// The only attempt that is wanted begins and ends.
    fn end(&mut self, change: impl FnOnce(&mut Report)) -> Vec<Event> {
        let key = self.attempts().into_iter().next().expect("an attempt is wanted");
        self.tell(Input::Began(key.clone()));
        let mut report = Report::bare(key.clone(), Verdict::Succeeded, self.now);
        let node = self.frozen.workflow.node(&key.node).unwrap();
        for name in &node.writes {
            let hash = ContentHash::of(format!("{name} {key}"));
            report.artifacts.push(Artifact {
                name: name.clone(),
                hash,
            });
        }
        match key.node.as_str() {
            "implement" => report.snapshot = Some(commit(10 + key.generation)),
            "check" | "validate" => report.passed = Some(true),
            "publish" => {
                report.publish = Some(PublishResult::Published {
                    commit: commit(90 + key.generation),
                    pull: PullNumber(13),
                    url: "https://example.com/13".to_owned(),
                });
            }
            _ => {}
        }
        change(&mut report);
        self.tell(Input::AttemptEnded(Box::new(report)))
    }

    fn fail(&mut self, class: Failure) {
        self.end(|report| {
            report.verdict = Verdict::Failed {
                class,
                why: "It failed.".to_owned(),
            };
            report.artifacts.clear();
            report.snapshot = None;
        });
    }

    fn post_plan(&mut self, comment: u64) {
        let plan = self.run().plan.as_ref().unwrap().hash;
        self.tell(Input::PlanPosted {
            plan,
            comment: CommentId(comment),
            body: ContentHash::of("plan comment"),
        });
    }

    fn order(&self, command: Command, comment: u64) -> Order {
        Order {
            command,
            by: person("ann"),
            comment: Some(CommentId(comment)),
            reply_to: Some(ReplyTo(CommentId(comment))),
            text: None,
            observed: Observed {
                issue_text: Some(self.run().issue_text),
                base_head: Some(self.run().base_commit.clone()),
                base_touches_plan: false,
                plan_comment: Some(ContentHash::of("plan comment")),
            },
        }
    }

    fn command(&mut self, command: Command, comment: u64) -> Vec<Event> {
        let order = self.order(command, comment);
        self.tell(Input::Command(Box::new(order)))
    }

    fn approve(&mut self, comment: u64) -> Vec<Event> {
        self.command(
            Command::Approve {
                hash: None,
                notes: String::new(),
            },
            comment,
        )
    }

    fn to_gate() -> Self {
        let mut world = Self::begin();
        world.end(|_| {});
        world.end(|_| {});
        world.post_plan(100);
        world
    }

    fn to_review() -> Self {
        let mut world = Self::to_gate();
        world.approve(101);
        for _ in 0..4 {
            world.end(|_| {});
        }
        world
    }
}

fn person(login: &str) -> Person {
    Person {
        login: Login::new(login).unwrap(),
        id: None,
    }
}

fn commit(n: u32) -> CommitId {
    CommitId::new(format!("{n:040}")).unwrap()
}

fn replies(events: &[Event]) -> Vec<ReplyKind> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::ReplyOwed { kind, .. } => Some(kind.clone()),
            _ => None,
        })
        .collect()
}

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
fn a_run_for_a_plan_only_ends_when_the_plan_is_posted() {
    let mut world = World::with(|created| created.plan_only = true);
    world.end(|_| {});
    world.end(|_| {});
    assert_eq!(world.word(), "waiting");
    world.post_plan(100);
    assert_eq!(world.word(), "closed");
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

#[test]
fn a_newer_log_is_refused_and_not_guessed() {
    assert!(matches!(
        Recorded::from_line(r#"{"v":2,"at":0,"e":{"unheard_of":{}}}"#),
        Err(UnreadableEvent::Newer { found: 2 })
    ));
}
