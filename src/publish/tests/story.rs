//! A run that is told through the core itself, so that its states are ones that can happen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::world::{ISSUE, REPOSITORY, World, identity};
use crate::command::Command;
use crate::model::{
    Artifact, ArtifactName, AttemptKey, BranchName, Clock, CommentId, CommitId, ContentHash, InstallationId,
    Login, MicroUsd, NodeId, RepositoryName, Role, RunId, Timestamp, TokenUsage, UserId,
};
use crate::publish::{Context, Error, GitHub, Intend, Labels, Publisher, Settings};
use crate::route::Candidate;
use crate::run::{
    Action, Created, FORMAT, Frozen, Guard, Input, Observed, Order, Origin, Person, Policy, PublishResult,
    Recorded, ReplyTo, Report, Run, Verdict, decide, evolve, outstanding,
};
use crate::workflow::Workflow;

pub(super) const PLAN: &str = "\
---
footplate: plan/1
summary: Add price_half, rounding down.
files: [src/widgets.py, tests/test_widgets.py]
steps:
  - {id: 1, title: Add price_half, class: logic, files: [src/widgets.py]}
  - {id: 2, title: Cover it, class: tests, files: [tests/test_widgets.py], needs: [1]}
tests: [python3 -m unittest]
criteria: [price_half rounds down to whole cents]
risks: []
questions: []
size: small
---
# Plan
Halve and round down.
";

const EXPLORATION: &str = "\
---
footplate: exploration/1
files: [src/widgets.py]
---
One module.
";

const IMPLEMENTATION: &str = "\
---
footplate: implementation/1
steps: [{id: 1, done: true}, {id: 2, done: true}]
deviations: [The name is half_price.]
---
Done; thanks @octocat.
";

const CHECKS: &str = "\
---
footplate: checks/1
commit: 1111111111111111111111111111111111111111
commands:
  - {run: python3 -m unittest, exit: 0, seconds: 0.4, tests: {passed: 4, failed: 0, skipped: 0}, base: {exit: 0, tests: {passed: 3, failed: 0, skipped: 0}}}
verified: true
---
OK
";

const VALIDATION: &str = "\
---
footplate: validation/1
verdict: pass
criteria: [{criterion: 1, met: true, evidence: 4 tests passed}]
findings: [{severity: minor, file: src/widgets.py, line: 3, text: Name the rounding rule.}]
---
Fine.
";

pub(super) struct Story {
    pub(super) world: Arc<World>,
    pub(super) publisher: GitHub<World, World>,
    pub(super) frozen: Arc<Frozen>,
    pub(super) base: CommitId,
    pub(super) work: CommitId,
    run: Option<Run>,
    texts: BTreeMap<ContentHash, String>,
    now: Timestamp,
}

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
}

pub(super) const BASE_FILES: [(&str, &str); 2] =
    [("src/widgets.py", "a\n"), ("tests/test_widgets.py", "b\n")];

pub(super) fn run_id(digit: char) -> RunId {
    RunId::new(format!("01jd000000000000000000000{digit}")).unwrap()
}

impl Story {
    /// A run whose issue has just been labeled.
    pub(super) fn begun() -> Self {
        Self::begun_in(Arc::new(World::new()), run_id('a'))
    }

    /// A run in a world that may have seen others.
    pub(super) fn begun_in(world: Arc<World>, id: RunId) -> Self {
        let base = world.plant(&BASE_FILES, &[]);
        let work = world.plant(
            &[("src/widgets.py", "a\nc\n"), ("tests/test_widgets.py", "d\n")],
            &[&base],
        );
        world.state().branches.insert("main".to_owned(), base.clone());
        let publisher = publisher(&world);
        let frozen = Arc::new(Frozen {
            workflow: Workflow::built_in(),
            policy: policy(),
        });
        let mut story = Self {
            world,
            publisher,
            frozen,
            base,
            work,
            run: None,
            texts: BTreeMap::new(),
            now: Timestamp(1_700_000_000_000),
        };
        let created = story.created(id);
        story.tell(&Input::Start(Box::new(created)));
        story
    }

    /// The same with its plan written and waiting to be posted.
    pub(super) fn planned() -> Self {
        let mut story = Self::begun();
        story.plan(PLAN);
        story
    }

    /// The same with its plan posted and approved, and the work done, up to publishing.
    pub(super) async fn ready() -> Self {
        let mut story = Self::planned();
        story.approve().await;
        story.build();
        story
    }

    /// Explores and plans.
    pub(super) fn plan(&mut self, plan: &str) {
        if self.is_wanted("explore") {
            self.done("explore", &[("exploration.md", EXPLORATION)], |_| {});
        }
        let questions = u32::from(!plan.contains("questions: []"));
        self.done("plan", &[("plan.md", plan)], |report| {
            report.questions = questions;
        });
    }

    /// Posts the plan and approves it in a comment.
    pub(super) async fn approve(&mut self) {
        let plan = self.run().plan.clone().unwrap().hash;
        let posted = self.publisher.post_plan(&self.context(), &plan).await.unwrap();
        let (comment, body) = (posted.comment, posted.body);
        self.tell(&Input::PlanPosted { plan, comment, body });
        let hash = Some(plan.short());
        let notes = String::new();
        let head = self.world.state().branches["main"].clone();
        self.command_at(Command::Approve { hash, notes }, None, Some(head));
        assert!(self.run().approval.is_some(), "{:?}", self.run().replies);
    }

    /// Implements, checks and validates.
    pub(super) fn build(&mut self) {
        let work = self.work.clone();
        self.done("implement", &[("implementation.md", IMPLEMENTATION)], |report| {
            report.snapshot = Some(work);
        });
        self.done("check", &[("checks.md", CHECKS)], |report| {
            report.passed = Some(true);
        });
        self.done("validate", &[("validation.md", VALIDATION)], |report| {
            report.passed = Some(true);
        });
    }

    /// Publishes once, tells the run, and returns what came of it.
    pub(super) async fn publish(&mut self) -> PublishResult {
        let key = self.began("publish");
        let result = self.try_publish(&key).await.unwrap();
        self.published(key, result.clone());
        result
    }

    /// Publishes without telling the run the result; intentions are logged.
    pub(super) async fn try_publish(&mut self, key: &AttemptKey) -> Result<PublishResult, Error> {
        let intentions = Intentions::default();
        let (context, work) = (self.context(), self.work.clone());
        let result = self.publisher.publish(&context, key, &work, &intentions).await;
        for commit in intentions.0.into_inner().unwrap() {
            let key = key.clone();
            self.tell(&Input::PushIntended { key, commit });
        }
        result
    }

    pub(super) fn published(&mut self, key: AttemptKey, result: PublishResult) {
        let mut report = Report::bare(key, Verdict::Succeeded, self.now);
        report.publish = Some(result);
        self.tell(&Input::AttemptEnded(Box::new(report)));
    }

    pub(super) fn command(&mut self, command: Command, comment: Option<CommentId>) {
        let head = self.world.state().branches["main"].clone();
        self.command_at(command, comment, Some(head));
    }

    fn command_at(&mut self, command: Command, comment: Option<CommentId>, base_head: Option<CommitId>) {
        let order = Order {
            command,
            by: alice(),
            comment,
            reply_to: comment.map(ReplyTo),
            text: None,
            observed: Observed {
                issue_text: Some(self.run().issue_text),
                base_head,
                base_touches_plan: false,
                plan_comment: None,
            },
        };
        self.tell(&Input::Command(Box::new(order)));
    }

    pub(super) fn tell(&mut self, input: &Input) {
        self.now = self.now.plus(Duration::from_mins(1));
        for event in decide(&self.frozen, self.run.as_ref(), input, self.now) {
            let recorded = Recorded {
                v: FORMAT,
                at: self.now,
                event,
            };
            evolve(&mut self.run, &recorded);
        }
    }

    /// Notes that the status was posted, as the driver does.
    pub(super) fn posted(&mut self, comment: Option<CommentId>) {
        let revision = self.run().revision;
        self.tell(&Input::StatusPosted { comment, revision });
    }

    pub(super) fn run(&self) -> &Run {
        self.run.as_ref().unwrap()
    }

    pub(super) fn context(&self) -> Context {
        Context {
            run: Arc::new(self.run().clone()),
            frozen: Arc::clone(&self.frozen),
            texts: self.texts.clone(),
        }
    }

    /// A fresh publisher, as after a crash.
    pub(super) fn crash(&mut self) {
        self.publisher = publisher(&self.world);
    }

    fn is_wanted(&self, node: &str) -> bool {
        self.wanted(node).is_some()
    }

    fn wanted(&self, node: &str) -> Option<AttemptKey> {
        outstanding(&self.frozen, self.run())
            .into_iter()
            .find_map(|action| match action {
                Action::Attempt(key) if key.node.as_str() == node => Some(key),
                _ => None,
            })
    }

    /// Begins the attempt that the core wants of a node.
    pub(super) fn began(&mut self, node: &str) -> AttemptKey {
        let key = self
            .wanted(node)
            .unwrap_or_else(|| panic!("{node} is not wanted: {:#?}", self.run().nodes));
        self.tell(&Input::Began(key.clone()));
        key
    }

    pub(super) fn done(&mut self, node: &str, artifacts: &[(&str, &str)], more: impl FnOnce(&mut Report)) {
        let key = self.began(node);
        let is_agent = !matches!(node, "check" | "publish");
        let mut report = Report::bare(key, Verdict::Succeeded, self.now);
        report.ended = self.now.plus(Duration::from_secs(90));
        if is_agent {
            report.cost = Some(MicroUsd(123_400));
            report.usage = Some(TokenUsage {
                input: 1_000,
                cache_read: 500,
                cache_write: 0,
                output: 200,
                ..TokenUsage::default()
            });
        }
        for (name, text) in artifacts {
            let hash = ContentHash::of(text);
            self.texts.insert(hash, (*text).to_owned());
            let name = ArtifactName::new(*name).unwrap();
            report.artifacts.push(Artifact { name, hash });
        }
        more(&mut report);
        self.tell(&Input::AttemptEnded(Box::new(report)));
    }

    pub(super) fn node(&self, node: &str) -> &crate::run::Node {
        self.run().node(&NodeId::new(node).unwrap()).unwrap()
    }

    fn created(&self, run: RunId) -> Created {
        Created {
            run,
            origin: Origin::Issue {
                installation: InstallationId(3),
                repository: REPOSITORY,
                name: RepositoryName::new("o/r").unwrap(),
                number: ISSUE,
            },
            title: "Half prices".to_owned(),
            issue_text: ContentHash::of("issue"),
            requester: alice(),
            base: BranchName::new("main").unwrap(),
            base_commit: self.base.clone(),
            branch: BranchName::new("footplate/12-half-prices-00000a").unwrap(),
            workflow_name: "build".to_owned(),
            workflow: ContentHash::of("workflow"),
            policy: ContentHash::of("policy"),
            plan_only: false,
            labels: Vec::new(),
            attended: true,
            nodes: self
                .frozen
                .workflow
                .nodes
                .iter()
                .map(|node| node.id.clone())
                .collect(),
        }
    }
}

/// Collects the intentions, as the log would.
#[derive(Default)]
pub(super) struct Intentions(pub(super) Mutex<Vec<CommitId>>);

impl Intend for Intentions {
    async fn intend(&self, commit: &CommitId) -> Result<bool, Error> {
        self.0.lock().unwrap().push(commit.clone());
        Ok(true)
    }
}

pub(super) fn alice() -> Person {
    Person {
        login: Login::new("alice").unwrap(),
        id: Some(UserId(5)),
    }
}

fn publisher(world: &Arc<World>) -> GitHub<World, World> {
    let settings = Settings {
        identity: identity(),
        web: "https://github.com".to_owned(),
        labels: Labels::default(),
        draft: true,
        ask_review: true,
    };
    GitHub::new(
        Arc::clone(world),
        Arc::clone(world),
        Arc::new(FixedClock),
        settings,
    )
}

fn policy() -> Policy {
    let route = |role: Role| (role, vec!["claude:anthropic/opus".parse::<Candidate>().unwrap()]);
    Policy {
        routes: Role::ALL.into_iter().map(route).collect(),
        classes: crate::run::Classes::default(),
        guard: Guard::default(),
        candidate_limits: BTreeMap::new(),
        run_usd: None,
        budget: crate::ledger::Budget::default(),
        prices: BTreeMap::new(),
        billing: BTreeMap::new(),
        setup: Vec::new(),
        tests: Vec::new(),
        protected: vec!["CODEOWNERS".to_owned()],
        sandbox: "none".to_owned(),
        default_branch: Some(BranchName::new("main").unwrap()),
    }
}
