//! The oracles: what must hold after every single thing that happens.
//!
//! They see what reached the store, GitHub and the bench, never what the product says about itself; the state of
//! a run they fold themselves from the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use footplate::engine::Page;
use footplate::git::Push;
use footplate::github::Pull;
use footplate::model::{AttemptKey, BranchName, CommentId, CommitId, RunId};
use footplate::report::{Marker, MarkerKind};
use footplate::run::{
    EndedHow, Event, Frozen, NodePhase, Origin, Recorded, RepeatWhy, Run, Verdict, evolve, next_wake,
    outstanding, replay, tell,
};
use footplate::store::{Append, InboxKind};
use footplate::workflow::{Node, NodeKind, Settled, Trigger};

use super::forge::may_write;
use super::hub::{APP, BOT, Hub};
use super::repository::Files;
use super::scene::Scene;
use super::workshop::file_of;

/// A promise of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Promise {
    InputsExist,
    OnlyTheNewestCounts,
    OneWorktreeOneLife,
    OneDeliveryActsOnce,
    TheApprovedPlanIsBuilt,
    ApprovalBindsToContent,
    NothingAfterTheEnd,
    TheRightEnd,
    OneActiveRun,
    OneOfEachComment,
    OnePullRequest,
    NoPersonIsOverwritten,
    OutsidersHaveNoEffect,
    TheLogIsTheState,
    EveryResultIsBooked,
    UnwantedWorkStops,
    EveryRunEndsOrWaits,
    SetAsideForAReason,
}

/// A run as its log tells it.
pub(super) struct Life {
    pub(super) frozen: Arc<Frozen>,
    run: Option<Run>,
    pub(super) log: Vec<Recorded>,
    ended_at: Option<u64>,
}

impl Life {
    pub(super) fn run(&self) -> &Run {
        self.run.as_ref().expect("its log begins with its creation")
    }
}

/// A moment in which it is tempting to interfere.
#[derive(Debug, Clone)]
pub(super) enum Moment {
    /// The branch was looked at, and is about to be pushed to.
    BranchSeen(BranchName),
    /// The pull request is open, and nobody knows yet.
    PullOpened(u64),
    /// A plan stands in a comment.
    PlanShown(u64),
    /// A plan was approved.
    Approved(RunId),
    /// A decision was committed, and nothing has followed from it yet.
    Decided,
}

/// The witnesses' notebook.
#[derive(Default)]
pub(super) struct Watch {
    pub(super) lives: BTreeMap<RunId, Life>,
    pub(super) broken: Option<(Promise, String)>,
    pub(super) step: u64,
    /// The process has ended by itself.
    pub(super) crashed: bool,
    /// What has just happened.
    pub(super) moment: Option<Moment>,
    /// When an action was started last.
    started: BTreeMap<String, u64>,
    counted: Counted,
}

/// What people caused, by what they did.
#[derive(Default)]
struct Counted {
    approvals: BTreeSet<CommentId>,
    repeats: BTreeMap<&'static str, usize>,
}

impl Watch {
    pub(super) fn blame(&mut self, promise: Promise, what: impl Into<String>) {
        if self.broken.is_none() {
            self.broken = Some((promise, what.into()));
        }
    }

    pub(super) fn note_start(&mut self, action: String) {
        let step = self.step;
        self.started.entry(action).or_insert(step);
    }
}

/// An append was committed.
pub(super) fn appended(scene: &Scene, append: &Append) {
    for line in &append.events {
        let recorded = match Recorded::from_line(line) {
            Ok(recorded) => recorded,
            Err(error) => return scene.watch().blame(Promise::TheLogIsTheState, error.to_string()),
        };
        scene.tell(|| format!("  log of {}: {}", append.run.short(), tell(&recorded)));
        if let Event::Created(_) = recorded.event {
            born(scene, append, recorded);
        } else {
            before(scene, &append.run, &recorded);
            grow(scene, &append.run, recorded);
        }
    }
    let mut watch = scene.watch();
    let Some(life) = watch.lives.get(&append.run) else {
        return;
    };
    let (run, frozen, row) = (life.run(), &life.frozen, &append.row);
    let approved = append.events.iter().any(|event| event.contains("\"approved\""));
    let moment = if approved {
        Moment::Approved(append.run.clone())
    } else {
        Moment::Decided
    };
    let told = (row.len, row.ended, row.next_wake, row.has_work, row.pull);
    let is = (
        run.len,
        run.ended.is_some(),
        next_wake(frozen, run),
        !outstanding(frozen, run).is_empty() || is_open(run),
        run.pull.as_ref().map(|pull| pull.number),
    );
    if told != is {
        watch.blame(
            Promise::TheLogIsTheState,
            format!("the row says {told:?}, the log {is:?}"),
        );
    }
    watch.moment = Some(moment);
}

fn is_open(run: &Run) -> bool {
    let mut attempts = run.nodes.values().flat_map(|node| &node.attempts);
    attempts.any(|attempt| attempt.began.is_some() && attempt.report.is_none())
}

fn born(scene: &Scene, append: &Append, recorded: Recorded) {
    let Event::Created(created) = &recorded.event else {
        return;
    };
    let shelf = scene.shelf();
    let read = |hash| shelf.content(hash).cloned().unwrap_or_default();
    let (workflow, policy) = (read(&created.workflow), read(&created.policy));
    drop(shelf);
    let (Ok(workflow), Ok(policy)) = (serde_json::from_slice(&workflow), serde_json::from_slice(&policy))
    else {
        return scene
            .watch()
            .blame(Promise::TheLogIsTheState, "what the run froze cannot be read");
    };
    let mut run = None;
    evolve(&mut run, &recorded);
    let mut watch = scene.watch();
    if !may_write(&created.requester.login) {
        watch.blame(
            Promise::OutsidersHaveNoEffect,
            format!("{} started a run", created.requester.login),
        );
    }
    // The end of a run's id depends on the delivery alone.
    if watch
        .lives
        .keys()
        .any(|other| other.as_str()[10..] == append.run.as_str()[10..])
    {
        watch.blame(Promise::OneDeliveryActsOnce, "one delivery started two runs");
    }
    let frozen = Arc::new(Frozen { workflow, policy });
    let life = Life {
        frozen,
        run,
        log: vec![recorded],
        ended_at: None,
    };
    watch.lives.insert(append.run.clone(), life);
    let mut active: BTreeMap<u64, usize> = BTreeMap::new();
    for life in watch.lives.values().filter(|life| life.run().ended.is_none()) {
        *active.entry(issue_of(life.run())).or_default() += 1;
    }
    if active.values().any(|count| *count > 1) {
        watch.blame(
            Promise::OneActiveRun,
            format!("{active:?} runs are active by issue"),
        );
    }
}

pub(super) fn issue_of(run: &Run) -> u64 {
    match &run.created.origin {
        Origin::Issue { number, .. } => number.0,
        Origin::Local { .. } => 0,
    }
}

fn grow(scene: &Scene, id: &RunId, recorded: Recorded) {
    let mut watch = scene.watch();
    let step = watch.step;
    let Some(life) = watch.lives.get_mut(id) else {
        return;
    };
    evolve(&mut life.run, &recorded);
    if let Event::Ended { .. } = recorded.event {
        life.ended_at = Some(step);
    }
    life.log.push(recorded);
    let run = life.run();
    let edited = run.pull.is_none()
        && run.ended.is_none()
        && run
            .approval
            .as_ref()
            .is_some_and(|approval| approval.issue_text != run.issue_text);
    // Within one decision the edit is logged first and the approval voided next.
    if edited
        && !matches!(
            life.log.last().map(|last| &last.event),
            Some(Event::IssueEdited { .. })
        )
    {
        watch.blame(
            Promise::ApprovalBindsToContent,
            "an approval outlived an edit of the issue",
        );
    }
}

/// What must hold in the moment before an event takes effect.
fn before(scene: &Scene, id: &RunId, recorded: &Recorded) {
    let mut watch = scene.watch();
    let Watch { lives, counted, .. } = &mut *watch;
    let Some(life) = lives.get(id) else { return };
    let verdict = examine(scene, life, counted, &recorded.event);
    if let Err((promise, what)) = verdict {
        watch.blame(promise, what);
    }
}

type Finding = Result<(), (Promise, String)>;

fn hold(holds: bool, promise: Promise, what: impl FnOnce() -> String) -> Finding {
    if holds { Ok(()) } else { Err((promise, what())) }
}

fn examine(scene: &Scene, life: &Life, counted: &mut Counted, event: &Event) -> Finding {
    let run = life.run();
    let bookkeeping = matches!(
        event,
        Event::AttemptEnded { .. }
            | Event::StatusPosted { .. }
            | Event::StatusDue
            | Event::ReplyOwed { .. }
            | Event::Replied { .. }
            | Event::PlanCollapsed { .. }
            | Event::PlanPosted { .. }
            | Event::WorkHeld { .. }
            | Event::EffectFailed { .. }
    );
    hold(
        run.ended.is_none() || bookkeeping,
        Promise::NothingAfterTheEnd,
        || format!("{event:?} follows the end"),
    )?;
    match event {
        Event::AttemptScheduled { key, .. } => {
            let node = &known(life, key)?;
            let state = run.node(&key.node).expect("it is known");
            let n = state.latest().map_or(1, |attempt| attempt.n + 1);
            hold(
                key.generation == state.generation && key.n == n,
                Promise::OnlyTheNewestCounts,
                || format!("{key:?} is scheduled out of its turn"),
            )?;
            inputs(scene, life, node)
        }
        Event::AttemptBegan { key } => {
            let node = &known(life, key)?;
            let latest = run.node(&key.node).and_then(|state| state.latest());
            let newest = latest.is_some_and(|attempt| {
                (attempt.generation, attempt.n) == (key.generation, key.n)
                    && attempt.began.is_none()
                    && attempt.report.is_none()
            });
            hold(
                newest && run.cancel.is_none(),
                Promise::OnlyTheNewestCounts,
                || format!("{key:?} begins unwanted"),
            )?;
            inputs(scene, life, node)
        }
        Event::AttemptEnded { report } => ended(scene, life, report),
        Event::NodeSucceeded { node } => {
            let state = run.node(node);
            let latest = state
                .and_then(|state| state.latest())
                .and_then(|attempt| attempt.verdict());
            hold(
                latest == Some(&Verdict::Succeeded),
                Promise::OnlyTheNewestCounts,
                || format!("{node} succeeds by {latest:?}"),
            )
        }
        Event::Approved {
            plan, by, comment, ..
        } => {
            let hub = scene.hub();
            hold(may_write(&by.login), Promise::OutsidersHaveNoEffect, || {
                format!("{} approved", by.login)
            })?;
            let newest = run
                .plan
                .as_ref()
                .filter(|newest| newest.hash == *plan && newest.questions == 0);
            let Some(newest) = newest else {
                return Err((
                    Promise::ApprovalBindsToContent,
                    "another plan than the newest is approved".to_owned(),
                ));
            };
            let Some(comment) = comment else { return Ok(()) };
            hold(
                counted.approvals.insert(*comment),
                Promise::OneDeliveryActsOnce,
                || format!("comment {comment} approved twice"),
            )?;
            let Some(said) = hub.comments.get(&comment.0) else {
                return Ok(());
            };
            let word = said.body.split_whitespace().find(|word| {
                (8..=64).contains(&word.len())
                    && word
                        .bytes()
                        .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
            });
            if let Some(hash) = word {
                return hold(plan.begins_with(hash), Promise::ApprovalBindsToContent, || {
                    format!("`{}` approved plan {}", said.body, plan.short())
                });
            }
            let Some(posted) = newest.posted else {
                return Err((
                    Promise::ApprovalBindsToContent,
                    "a bare approval without a posted plan".to_owned(),
                ));
            };
            let shown = hub.comments.get(&posted.comment.0);
            let edited = shown.is_none_or(|shown| shown.edited.is_some_and(|when| when < comment.0));
            hold(
                !edited && *comment > posted.comment,
                Promise::ApprovalBindsToContent,
                || "a bare approval of an edited or a later plan".to_owned(),
            )
        }
        Event::Repeated { why, by, .. } => {
            let Some(by) = by else { return Ok(()) };
            hold(may_write(&by.login), Promise::OutsidersHaveNoEffect, || {
                format!("{} repeated", by.login)
            })?;
            let (kind, asked) = match why {
                RepeatWhy::Replan { .. } => ("replan", asked(&scene.hub(), "/replan")),
                RepeatWhy::Retry { .. } => ("retry", asked(&scene.hub(), "/retry")),
                RepeatWhy::Review { .. } => ("review", scene.hub().reviews_by_writers),
                RepeatWhy::Repair { .. } => return Ok(()),
            };
            let count = counted.repeats.entry(kind).or_default();
            *count += 1;
            hold(*count <= asked, Promise::OneDeliveryActsOnce, || {
                format!("{kind} was asked for {asked} times and done {count} times")
            })
        }
        Event::CancelRequested { by: Some(by), .. } => {
            hold(may_write(&by.login), Promise::OutsidersHaveNoEffect, || {
                format!("{} cancelled", by.login)
            })
        }
        Event::ReplyOwed { to, .. } => {
            let hub = scene.hub();
            let by = hub
                .comments
                .get(&to.0.0)
                .map(|said| said.by.0.clone())
                .unwrap_or_default();
            hold(Hub::may_write(&by), Promise::OutsidersHaveNoEffect, || {
                format!("{by} gets an answer")
            })
        }
        Event::PushIntended { commit } => built(scene, life, commit),
        Event::Ended { how, .. } => {
            let hub = scene.hub();
            let pull = hub
                .pulls
                .values()
                .find(|pull| pull.head == run.created.branch.as_str() && is_bots(pull));
            let merged = pull.is_some_and(|pull| pull.merged);
            let by_person = run.cancel.as_ref().is_some_and(|(by, _)| by.is_some());
            let right = match how {
                EndedHow::Merged => merged,
                // A person who closed the issue before the merge has stopped the run.
                EndedHow::Closed | EndedHow::Cancelled => {
                    !merged || by_person || !hub.closed_by_merge.contains(&issue_of(run))
                }
                EndedHow::Failed => true,
            };
            hold(right, Promise::TheRightEnd, || {
                format!("it ends as {how:?} although merged is {merged}")
            })
        }
        _ => Ok(()),
    }
}

fn is_bots(pull: &Pull) -> bool {
    pull.user.as_ref().is_some_and(|user| user.id.0 == BOT.1)
}

fn asked(hub: &Hub, word: &str) -> usize {
    hub.comments
        .values()
        .filter(|said| Hub::may_write(&said.by.0) && said.body.contains(word))
        .count()
}

fn known(life: &Life, key: &AttemptKey) -> Result<Node, (Promise, String)> {
    let frozen = life.frozen.expanded(life.run());
    let node = frozen
        .workflow
        .node(&key.node)
        .filter(|_| life.run().node(&key.node).is_some());
    node.cloned()
        .ok_or_else(|| (Promise::InputsExist, format!("there is no node for {key:?}")))
}

/// A node's inputs: what it needs is settled as its trigger rule wants, and what it reads exists.
fn inputs(scene: &Scene, life: &Life, node: &Node) -> Finding {
    let run = life.run();
    let frozen = life.frozen.expanded(run);
    let mut settled = Vec::new();
    for need in &node.needs {
        settled.push(match run.node(need).map(|state| &state.phase) {
            Some(NodePhase::Succeeded) => Settled::Succeeded,
            Some(NodePhase::Failed { .. }) => Settled::Failed,
            Some(NodePhase::Skipped { .. }) => Settled::Skipped,
            _ => {
                return Err((
                    Promise::InputsExist,
                    format!("{} starts before {need} is settled", node.id),
                ));
            }
        });
    }
    hold(
        node.trigger.decide(&settled) == Trigger::Run,
        Promise::InputsExist,
        || format!("{} starts against its trigger rule", node.id),
    )?;
    for name in &node.reads {
        let Some(producer) = frozen.workflow.producer(name) else {
            continue;
        };
        let Some(state) = run
            .node(&producer.id)
            .filter(|state| state.phase == NodePhase::Succeeded)
        else {
            continue;
        };
        let there = state
            .artifacts
            .get(name)
            .is_some_and(|hash| scene.shelf().content(hash).is_some());
        hold(there, Promise::InputsExist, || {
            format!("{} starts without {name}", node.id)
        })?;
    }
    let gated = frozen.workflow.upstream(&node.id).into_iter().any(|id| {
        frozen
            .workflow
            .node(&id)
            .is_some_and(|node| matches!(node.kind, NodeKind::Gate(_)))
    });
    if gated && node.is_writer() {
        let plan = approved(life);
        let written = life.frozen.workflow.nodes.iter().find_map(|node| {
            let name = node.writes.iter().find(|name| name.as_str() == "plan.md")?;
            run.node(&node.id)?.artifacts.get(name).copied()
        });
        hold(
            plan.is_some() && plan == written,
            Promise::TheApprovedPlanIsBuilt,
            || {
                format!(
                    "{} starts with plan {written:?} where {plan:?} is approved",
                    node.id
                )
            },
        )?;
    }
    Ok(())
}

fn approved(life: &Life) -> Option<footplate::model::ContentHash> {
    life.run().approval.as_ref().map(|approval| approval.plan)
}

fn has_gate(life: &Life) -> bool {
    life.frozen
        .workflow
        .nodes
        .iter()
        .any(|node| matches!(node.kind, NodeKind::Gate(_)))
}

/// An attempt's end is booked once, and with what the attempt really came to.
fn ended(scene: &Scene, life: &Life, report: &footplate::run::Report) -> Finding {
    let key = &report.key;
    let attempt = life.run().node(&key.node).and_then(|state| {
        state
            .attempts
            .iter()
            .find(|attempt| (attempt.generation, attempt.n) == (key.generation, key.n))
    });
    let Some(attempt) = attempt else {
        return Err((
            Promise::EveryResultIsBooked,
            format!("{key:?} ends and was never scheduled"),
        ));
    };
    hold(attempt.report.is_none(), Promise::EveryResultIsBooked, || {
        format!("{key:?} is booked twice")
    })?;
    if report.verdict == Verdict::Lost {
        let delivered = scene.shelf().stand(InboxKind::Outcome, &format!("attempt/{key}"));
        return hold(delivered.is_none(), Promise::EveryResultIsBooked, || {
            format!("{key:?} counts as lost although its result is in the inbox")
        });
    }
    let bench = scene.bench();
    let same = match bench.made.get(key) {
        Some(made) => (made.usage, made.cost, &made.verdict) == (report.usage, report.cost, &report.verdict),
        None => report.usage.is_none() && report.artifacts.is_empty(),
    };
    hold(same, Promise::OnlyTheNewestCounts, || {
        format!("{key:?} is booked with another's result")
    })?;
    let own = |hash| {
        bench
            .authors
            .get(hash)
            .is_some_and(|authors| authors.contains(key))
    };
    hold(
        report.artifacts.iter().all(|artifact| own(&artifact.hash)),
        Promise::OnlyTheNewestCounts,
        || format!("{key:?} brings another's artifacts"),
    )
}

/// A commit holds the work that was made from the approved plan.
fn built(scene: &Scene, life: &Life, commit: &CommitId) -> Finding {
    if !has_gate(life) {
        return Ok(());
    }
    let files = scene.repo().files(commit);
    let Some(plan) = approved(life) else {
        return Err((
            Promise::TheApprovedPlanIsBuilt,
            "a push without an approval".to_owned(),
        ));
    };
    // What was divided is whole again.
    let parts = life.run().splits.values().flat_map(|split| &split.parts);
    let divided: Vec<&str> = parts.map(|part| part.share.class.as_str()).collect();
    for class in ["logic", "design", "tests"] {
        let must = class == "logic" || divided.contains(&class);
        let text = files.get(file_of(class)).filter(|text| *text != "nothing");
        let from = text.and_then(|text| text.split(' ').next());
        let Some(from) = from.or(must.then_some("")) else {
            continue;
        };
        hold(from == plan.to_string(), Promise::TheApprovedPlanIsBuilt, || {
            format!("plan {from} was built for {class} and {plan} is approved")
        })?;
    }
    Ok(())
}

/// A worktree is opened for an attempt.
pub(super) fn opened(scene: &Scene, page: &Page, key: &AttemptKey) {
    let fresh = scene.bench().opened.insert(key.clone());
    scene.bench().alive.insert(key.clone());
    let mut watch = scene.watch();
    if !fresh {
        watch.blame(
            Promise::OneWorktreeOneLife,
            format!("{key:?} works a second time"),
        );
    }
    let Some(life) = watch.lives.get(&key.run) else {
        return watch.blame(Promise::OneWorktreeOneLife, format!("{key:?} works for no run"));
    };
    let state = life.run().node(&key.node);
    let logged = state.is_some_and(|state| {
        let own = state
            .attempts
            .iter()
            .find(|attempt| (attempt.generation, attempt.n) == (key.generation, key.n));
        own.is_some_and(|attempt| attempt.began.is_some() && attempt.report.is_none())
    });
    if !logged {
        return watch.blame(
            Promise::OneWorktreeOneLife,
            format!("{key:?} works, and the log does not say so"),
        );
    }
    let newest = life.run().ended.is_none()
        && life.run().cancel.is_none()
        && state
            .and_then(|state| state.latest())
            .is_some_and(|newest| (newest.generation, newest.n) == (key.generation, key.n));
    let frozen = life.frozen.expanded(life.run());
    let writer = frozen.workflow.node(&key.node).is_some_and(Node::is_writer);
    if newest && writer && has_gate(life) {
        let shown = life.frozen.workflow.nodes.iter().find_map(|node| {
            let name = node.writes.iter().find(|name| name.as_str() == "plan.md")?;
            page.run.node(&node.id)?.artifacts.get(name).copied()
        });
        let plan = approved(life);
        if shown != plan {
            watch.blame(
                Promise::TheApprovedPlanIsBuilt,
                format!("{key:?} is shown {shown:?}, and {plan:?} is approved"),
            );
        }
    }
}

/// The remote took a push.
pub(super) fn pushed(scene: &Scene, push: &Push, over_a_person: bool, _: &Files) {
    if over_a_person {
        let what = format!(
            "{} overwrote a person's commit on {}",
            push.commit.short(),
            push.branch
        );
        scene.watch().blame(Promise::NoPersonIsOverwritten, what);
    }
}

/// We wrote or edited a comment.
pub(super) fn commented(scene: &Scene, id: u64) {
    let hub = scene.hub();
    let Some(said) = hub.comments.get(&id) else { return };
    let Some(marker) = Marker::parse(&said.body) else {
        return;
    };
    let alike = hub.comments.values().filter(|other| {
        other.app == Some(APP)
            && other.thread == said.thread
            && Marker::parse(&other.body).is_some_and(|other| match marker.kind {
                MarkerKind::Status => other.kind == MarkerKind::Status,
                _ => other == marker,
            })
    });
    let count = alike.count();
    let body = said.body.lines().take(3).collect::<Vec<_>>().join(" / ");
    drop(hub);
    let mut watch = scene.watch();
    if marker.kind == MarkerKind::Plan {
        watch.moment = Some(Moment::PlanShown(id));
    }
    if count > 1 {
        watch.blame(
            Promise::OneOfEachComment,
            format!("{count} comments are {marker}: {body}"),
        );
    }
    let ended = marker
        .run
        .as_ref()
        .and_then(|run| watch.lives.get(run))
        .and_then(|life| life.ended_at);
    if let (Some(ended), MarkerKind::Plan, Some(run)) = (ended, marker.kind, &marker.run) {
        let start = format!("plan/{run}/");
        let begun = watch
            .started
            .iter()
            .any(|(key, step)| key.starts_with(&start) && *step <= ended);
        if !begun {
            watch.blame(
                Promise::NothingAfterTheEnd,
                format!("comment {id} shows a plan after the end"),
            );
        }
    }
}

/// We opened a pull request.
pub(super) fn pull_opened(scene: &Scene, pull: &Pull) {
    scene.watch().moment = Some(Moment::PullOpened(pull.number.0));
    let count = scene
        .hub()
        .pulls
        .values()
        .filter(|other| other.head == pull.head && is_bots(other))
        .count();
    if count > 1 {
        scene.watch().blame(
            Promise::OnePullRequest,
            format!("{count} pull requests from {}", pull.head),
        );
    }
}

/// Nothing is left to do for the process: whatever still lives must be wanted.
pub(super) fn quiet(scene: &Scene) {
    let alive = scene.bench().alive.clone();
    let decided = scene.shelf().pending.is_empty();
    let hub = scene.hub();
    let mut watch = scene.watch();
    let stale = watch.lives.values().find(|life| {
        let run = life.run();
        let now = hub.issue_text(issue_of(run)).map(|text| text.hash());
        let seen = run.approval.as_ref().map(|approval| approval.issue_text);
        run.ended.is_none() && run.cancel.is_none() && run.pull.is_none() && seen.is_some() && seen != now
    });
    if let Some(run) = stale
        .map(|life| life.run().created.run.clone())
        .filter(|_| decided)
    {
        watch.blame(
            Promise::ApprovalBindsToContent,
            format!("{run} was approved for another text of the issue"),
        );
    }
    for key in alive {
        let Some(life) = watch.lives.get(&key.run) else {
            continue;
        };
        let wanted = life.run().ended.is_none()
            && life.run().cancel.is_none()
            && life
                .run()
                .node(&key.node)
                .and_then(|state| state.latest())
                .is_some_and(|newest| {
                    (newest.generation, newest.n) == (key.generation, key.n) && newest.report.is_none()
                });
        if !wanted {
            watch.blame(
                Promise::UnwantedWorkStops,
                format!("{key:?} goes on although nobody wants it"),
            );
        }
    }
}

/// The log alone gives the state, and every attempt that began has an end.
pub(super) fn final_look(scene: &Scene) {
    let mut watch = scene.watch();
    let mut broken = None;
    for (id, life) in &watch.lives {
        if replay(&life.log) != life.run {
            broken = Some((
                Promise::TheLogIsTheState,
                format!("the log of {id} does not give its state"),
            ));
        }
        let open = life
            .run()
            .nodes
            .iter()
            .flat_map(|(id, node)| node.attempts.iter().map(move |attempt| (id, attempt)));
        for (node, attempt) in open.filter(|(_, attempt)| attempt.began.is_some() && attempt.report.is_none())
        {
            let what = format!("{node}/{}/{} began and has no end", attempt.generation, attempt.n);
            broken = Some((Promise::EveryResultIsBooked, what));
        }
        let left = outstanding(&life.frozen, life.run());
        let run = life.run();
        if run.status_posted < run.revision && run.refused.is_empty() {
            let what = format!("{id} shows revision {} of {}", run.status_posted, run.revision);
            broken = Some((Promise::EveryRunEndsOrWaits, what));
        }
        if !left.is_empty() {
            broken = Some((
                Promise::EveryRunEndsOrWaits,
                format!("{left:?} of {id} stays undone"),
            ));
        }
        if life.run().ended.is_none() {
            broken = Some((Promise::EveryRunEndsOrWaits, format!("{id} does not end")));
        }
    }
    if let Some((promise, what)) = broken {
        watch.blame(promise, what);
    }
}
