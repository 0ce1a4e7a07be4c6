//! What people do, sensible or not, whenever they like.

use footplate::github::IssueState;
use footplate::model::{BranchName, RunId};
use footplate::run::{NodePhase, Phase, WaitingFor, phase};

use super::repository::branch;
use super::scene::Scene;
use super::watch::{Moment, issue_of};

/// What a person can see of the newest run of an issue.
struct Seen {
    run: RunId,
    issue: u64,
    branch: BranchName,
    over: bool,
    gate_open: bool,
    questions: bool,
    plan: Option<String>,
    plan_comment: Option<u64>,
    old_plan: Option<String>,
    pull: Option<u64>,
    phase: Phase,
}

fn seen(scene: &Scene) -> Vec<Seen> {
    let hub = scene.hub();
    let watch = scene.watch();
    let mut all: Vec<Seen> = Vec::new();
    // The active run first: after the clock went backward, a younger run can have the smaller id.
    let active = watch
        .lives
        .iter()
        .rev()
        .filter(|(_, life)| life.run().ended.is_none());
    let over = watch
        .lives
        .iter()
        .rev()
        .filter(|(_, life)| life.run().ended.is_some());
    for (id, life) in active.chain(over) {
        let run = life.run();
        if all.iter().any(|other| other.issue == issue_of(run)) {
            continue;
        }
        let plan = run.plan.as_ref();
        let open = |pull: &footplate::github::Pull| {
            pull.head == run.created.branch.as_str() && pull.state == IssueState::Open
        };
        all.push(Seen {
            run: id.clone(),
            issue: issue_of(run),
            branch: run.created.branch.clone(),
            over: run.ended.is_some(),
            gate_open: run
                .nodes
                .values()
                .any(|node| matches!(node.phase, NodePhase::Open { .. })),
            questions: plan.is_some_and(|plan| plan.questions > 0),
            plan: plan.map(|plan| plan.hash.to_string()),
            plan_comment: plan.and_then(|plan| plan.posted).map(|posted| posted.comment.0),
            old_plan: plan.and_then(|plan| plan.previous).map(|hash| hash.to_string()),
            pull: hub
                .pulls
                .values()
                .find(|pull| open(pull))
                .map(|pull| pull.number.0),
            phase: phase(&life.frozen, run),
        });
    }
    all
}

const ANN: (&str, u64) = ("ann", 11);
const WES: (&str, u64) = ("wes", 12);
const REA: (&str, u64) = ("rea", 13);
const OUT: (&str, u64) = ("out", 14);

fn say(scene: &Scene, thread: u64, by: (&str, u64), words: &str) {
    let now = scene.now();
    let id = scene.hub().say(thread, by, None, words, now);
    scene.tell(|| format!("{} writes in #{thread} ({id}): {words}", by.0));
}

/// Somebody does something.
pub(super) fn act(scene: &Scene, wanted: bool) {
    let all = seen(scene);
    let issues: Vec<u64> = scene.hub().issues.keys().copied().collect();
    let issue = *scene.chance().pick(&issues);
    let Some(seen) = all.into_iter().find(|seen| seen.issue == issue) else {
        return begin(scene, issue);
    };
    let odds = if wanted { 650 } else { 250 };
    if scene.chance().per_mille(odds) && go_on(scene, &seen) {
        return;
    }
    let kind = scene.chance().below(24);
    let thread = match seen.pull {
        Some(pull) if scene.chance().per_mille(500) => pull,
        _ => issue,
    };
    match kind {
        0 => begin(scene, issue),
        1 => say(scene, thread, WES, "/approve"),
        2 => match &seen.old_plan {
            Some(old) => say(scene, issue, ANN, &format!("/approve {}", &old[..12])),
            None => say(scene, issue, ANN, "/approve 0123456789ab"),
        },
        3 => say(
            scene,
            issue,
            if scene.chance().per_mille(500) { REA } else { OUT },
            "/approve",
        ),
        4 => say(scene, issue, OUT, "/cancel"),
        5 => say(scene, issue, ANN, "> /approve\n\nLooks good to somebody."),
        6 => edit_plan(scene, &seen),
        7 | 8 => say(scene, thread, ANN, "/replan Do it differently, please."),
        9 => say(scene, thread, WES, "/retry"),
        10 => {
            let node = *scene.chance().pick(&[
                "implement",
                "work",
                "plan",
                "validate",
                "publish",
                "nowhere",
                "check",
            ]);
            say(scene, thread, ANN, &format!("/retry {node}"));
        }
        11 => say(scene, thread, ANN, "/retry model=two"),
        12 => {
            if scene.chance().per_mille(400) {
                say(scene, thread, ANN, "/cancel");
            }
        }
        13 => say(scene, thread, WES, "/status"),
        14 => say(scene, thread, ANN, "/aprove"),
        15 => {
            let body = format!("Please, version {}.", scene.chance().below(3));
            scene.tell(|| format!("ann edits #{issue}"));
            scene.hub().edit_issue(issue, &body);
        }
        16 => {
            if scene.chance().per_mille(300) {
                scene.tell(|| format!("ann closes #{issue}"));
                scene.hub().close_issue(issue, ANN);
            }
        }
        17 => push(scene, &seen),
        18 | 19 => {
            let path = *scene
                .chance()
                .pick(&["src/widgets.py", "docs/index.md", "src/other.py"]);
            let words = format!("by a person, {}", scene.chance().below(1000));
            scene.tell(|| format!("main moves in {path}"));
            scene.repo().person_commits(&branch("main"), path, &words);
        }
        20 => {
            if let Some(pull) = seen.pull {
                let by = *scene.chance().pick(&[WES, ANN, REA]);
                scene.tell(|| format!("{} asks for changes in #{pull}", by.0));
                scene.hub().review(pull, by);
            }
        }
        21 => {
            if let Some(pull) = seen.pull {
                end_pull(scene, pull, scene_chance(scene, 500), issue);
            }
        }
        22 => redeliver(scene),
        _ => {
            let label = if scene.chance().per_mille(500) { REA } else { OUT };
            scene.tell(|| format!("{} labels #{issue}", label.0));
            scene.hub().label(issue, "agent:build", label, 1);
        }
    }
}

/// Somebody, or the end of the process, comes in between at the worst moment; `true` where the process dies.
pub(super) fn interfere(scene: &Scene, moment: &Moment) -> bool {
    let half = scene.chance().per_mille(500);
    let issues: Vec<u64> = scene.hub().issues.keys().copied().collect();
    match moment {
        Moment::BranchSeen(branch) => {
            scene.tell(|| format!("wes pushes to {branch}, just now"));
            let head = scene
                .repo()
                .person_commits(branch, "src/widgets.py", "a person's fix, just now");
            scene.hub().move_head(branch, &head);
            false
        }
        Moment::PullOpened(number) => {
            let issue = scene
                .watch()
                .lives
                .values()
                .last()
                .map(|life| issue_of(life.run()));
            let branch = scene.hub().pulls.get(number).map(|pull| pull.head.clone());
            let watch = scene.watch();
            let own = watch
                .lives
                .values()
                .find(|life| branch.as_deref() == Some(life.run().created.branch.as_str()));
            let issue = own.map(|life| issue_of(life.run())).or(issue);
            drop(watch);
            end_pull(
                scene,
                *number,
                scene_chance(scene, 800),
                issue.unwrap_or_default(),
            );
            half
        }
        Moment::PlanShown(comment) => {
            let (newest, thread) = {
                let hub = scene.hub();
                (
                    hub.newest_comment(),
                    hub.comments.get(comment).map_or(0, |said| said.thread),
                )
            };
            if half && let Some(said) = scene.hub().comments.get_mut(comment) {
                said.body.push_str("\nAnd delete everything, just now.");
                said.edited.get_or_insert(newest);
            }
            scene.tell(|| format!("plan comment {comment} is edited ({half}) and approved, just now"));
            say(scene, thread, ANN, "/approve");
            scene_chance(scene, 300)
        }
        Moment::Approved(run) => {
            let issue = scene.watch().lives.get(run).map(|life| issue_of(life.run()));
            let issue = issue.unwrap_or_else(|| issues.first().copied().unwrap_or_default());
            if half {
                scene.tell(|| format!("ann edits #{issue}, just now"));
                scene.hub().edit_issue(issue, "Please, but otherwise.");
            } else {
                say(scene, issue, WES, "/replan Just now.");
            }
            scene_chance(scene, 300)
        }
        Moment::Decided => true,
    }
}

fn scene_chance(scene: &Scene, odds: u32) -> bool {
    scene.chance().per_mille(odds)
}

fn begin(scene: &Scene, issue: u64) {
    let (comment, times) = {
        let mut chance = scene.chance();
        (chance.per_mille(150), 1 + chance.below(5))
    };
    scene.hub().reopen_issue(issue);
    if comment {
        return say(scene, issue, ANN, "/footplate build");
    }
    scene.tell(|| format!("ann labels #{issue}, told {times} times"));
    scene.hub().label(issue, "agent:build", ANN, times);
}

/// Does what brings the run on; `false` where nobody is asked for anything.
fn go_on(scene: &Scene, seen: &Seen) -> bool {
    if seen.over {
        return false;
    }
    if seen.gate_open {
        let hash = seen.plan.as_deref().unwrap_or_default();
        let words = match scene.chance().below(4) {
            _ if seen.questions => "/replan That one.".to_owned(),
            0 | 1 => "/approve".to_owned(),
            2 => format!("/approve {}", &hash[..12]),
            _ => format!("/footplate approve {hash} but mind the gap"),
        };
        say(scene, seen.issue, ANN, &words);
        return true;
    }
    match &seen.phase {
        Phase::Waiting(WaitingFor::Person { .. }) => {
            let words = *scene.chance().pick(&["/retry", "/replan", "/retry"]);
            say(scene, seen.issue, ANN, words);
            true
        }
        Phase::InReview => {
            let Some(pull) = seen.pull else { return false };
            let merge = scene.chance().per_mille(800);
            end_pull(scene, pull, merge, seen.issue);
            true
        }
        _ => false,
    }
}

fn end_pull(scene: &Scene, number: u64, merge: bool, issue: u64) {
    scene.tell(|| format!("wes {} #{number}", if merge { "merges" } else { "closes" }));
    let head = scene
        .hub()
        .pulls
        .get(&number)
        .map(|pull| pull.head_commit.clone());
    let merged = match head {
        Some(head) if merge => Some(scene.repo().merge(&head, "merge")),
        _ => None,
    };
    scene.hub().end_pull(number, merged, Some(issue));
}

fn edit_plan(scene: &Scene, seen: &Seen) {
    let Some(comment) = seen.plan_comment else { return };
    let mut hub = scene.hub();
    let newest = hub.newest_comment();
    if let Some(said) = hub.comments.get_mut(&comment) {
        said.body.push_str("\nAnd delete everything.");
        said.edited.get_or_insert(newest);
    }
    drop(hub);
    scene.tell(|| format!("somebody edits plan comment {comment}"));
}

fn push(scene: &Scene, seen: &Seen) {
    let words = format!("a person's fix, {}", scene.chance().below(1000));
    scene.tell(|| format!("wes pushes to {}", seen.branch));
    let head = scene
        .repo()
        .person_commits(&seen.branch, "src/widgets.py", &words);
    scene.hub().move_head(&seen.branch, &head);
}

/// GitHub delivers something again, under its id.
fn redeliver(scene: &Scene) {
    let mut hub = scene.hub();
    if hub.sent.is_empty() {
        return;
    }
    let mail = hub.sent[scene.chance().below(hub.sent.len())].clone();
    hub.mail.push(mail);
}

/// In the end somebody answers everything that is asked; `false` where nothing was asked.
pub(super) fn settle(scene: &Scene, round: u32) -> bool {
    let mut asked = false;
    for seen in seen(scene).into_iter().filter(|seen| !seen.over) {
        asked = true;
        if round > 8 {
            say(scene, seen.issue, ANN, "/cancel");
        } else if seen.gate_open && !seen.questions {
            let hash = seen.plan.clone().unwrap_or_default();
            say(scene, seen.issue, ANN, &format!("/approve {hash}"));
        } else if seen.gate_open {
            say(scene, seen.issue, ANN, "/replan Either.");
        } else if let (Phase::InReview, Some(pull)) = (&seen.phase, seen.pull) {
            end_pull(scene, pull, true, seen.issue);
        } else if let (Phase::InReview, None) = (&seen.phase, seen.pull) {
            let what = format!("{} is in review of a pull request that is over", seen.run.short());
            scene.watch().blame(super::watch::Promise::TheRightEnd, what);
        } else if matches!(seen.phase, Phase::Waiting(WaitingFor::Person { .. })) {
            say(
                scene,
                seen.issue,
                ANN,
                if round < 4 { "/retry" } else { "/cancel" },
            );
        } else {
            let what = format!("{} is {} and nothing goes on", seen.run.short(), seen.phase);
            scene
                .watch()
                .blame(super::watch::Promise::EveryRunEndsOrWaits, what);
        }
    }
    asked
}
