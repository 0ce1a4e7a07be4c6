//! The core by itself: data in, events out.

mod again;
mod approval;
mod crash;
mod end;
mod failing;
mod line;
mod money;
mod showing;
mod split;

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
                status_pause_ms: 0,
                ..Guard::default()
            },
            candidate_limits: std::collections::BTreeMap::new(),
            run_usd: None,
            setup: Vec::new(),
            tests: Vec::new(),
            protected: Vec::new(),
            sandbox: "none".to_owned(),
            default_branch: None,
            budget: crate::ledger::Budget::default(),
            prices: std::collections::BTreeMap::new(),
            billing: std::collections::BTreeMap::new(),
            classes: Classes::default(),
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
            labels: Vec::new(),
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
        let frozen = self.frozen.expanded(self.run()).into_owned();
        let node = frozen.workflow.node(&key.node).unwrap();
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
