//! One seed: a world, a server in it, and a scheduler that decides what happens next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::chance::Chance;
use super::mutants::Mutant;
use super::people;
use super::process::Process;
use super::repository::land;
use super::scene::{Faults, Job, Scene};
use super::store::Stand;
use super::watch::{self, Moment, Promise};
use super::workflows;

/// What a seed showed.
pub(super) struct Played {
    pub(super) broken: Option<(Promise, String)>,
    pub(super) story: Vec<String>,
    pub(super) steps: u64,
}

/// Everything that happens to a seed besides what follows from it.
#[derive(Debug, Clone, Copy)]
struct Budget {
    acts: u32,
    crashes: u32,
    rivals: u32,
    tempted: u32,
}

struct Task {
    job: Job,
    woken: Arc<Woken>,
    waker: Waker,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Play {
    scene: Arc<Scene>,
    mutant: Option<Mutant>,
    process: Process,
    tasks: Vec<Task>,
    budget: Budget,
    /// Another process takes the delivery, too.
    rival_soon: bool,
    steps: u64,
}

/// The most steps of a seed; a quiet world is reached in a fraction of them.
const MOST_STEPS: u64 = 60_000;

/// Plays a seed. `acts` limits what people do, to shrink a failing one; only where it is to be `told` there is
/// a story, which takes longer than playing.
pub(super) fn play(seed: u64, mutant: Option<Mutant>, acts: Option<u32>, told: bool) -> Played {
    let mut chance = Chance::new(seed ^ 0xf007_91a7_e000_0000);
    let frozen = workflows::frozen(&mut chance);
    let calm = chance.per_mille(250);
    let mut odds = |most: usize| {
        if calm {
            0
        } else {
            u32::try_from(chance.below(most + 1)).unwrap_or(0)
        }
    };
    let faults = Faults {
        outside: odds(25),
        forbidden: if odds(4) == 4 { 3 } else { 0 },
        store: if odds(3) == 3 { 4 } else { 0 },
        attempts: odds(300),
    };
    let budget = Budget {
        acts: acts.unwrap_or(5 + u32::try_from(chance.below(10)).unwrap_or(0)),
        crashes: u32::try_from(chance.below(4)).unwrap_or(0),
        tempted: acts.map_or(2, |acts| acts.min(2)),
        rivals: if chance.per_mille(400) { 6 } else { 0 },
    };
    let scene = Scene::new(seed, faults, frozen, told);
    scene.tell(|| {
        format!(
            "seed {seed}: {faults:?}, {budget:?}, workflow {}",
            scene.frozen.workflow.name
        )
    });
    for _ in 0..=chance.below(2) {
        scene.hub().open_issue("Add price_half");
    }
    let process = Process::boot(&scene, mutant);
    let mut play = Play {
        scene,
        mutant,
        process,
        tasks: Vec::new(),
        budget,
        rival_soon: false,
        steps: 0,
    };
    play.main();
    if !play.is_broken() {
        play.end();
    }
    let broken = play.scene.watch().broken.clone();
    Played {
        broken,
        story: play.scene.story(),
        steps: play.steps,
    }
}

impl Play {
    fn is_broken(&self) -> bool {
        self.scene.watch().broken.is_some()
    }

    fn roll(&self, n: u32) -> bool {
        self.scene.chance().below(10_000) < n as usize
    }

    /// The wild part: anything may happen at any time.
    fn main(&mut self) {
        while !self.is_broken() && self.steps < MOST_STEPS / 2 {
            if self.is_tempted() {
                continue;
            }
            if self.budget.acts > 0 && self.roll(25) {
                self.act(false);
            } else if self.scene.watch().crashed || (self.budget.crashes > 0 && self.roll(12)) {
                self.crash();
            } else if self.budget.rivals > 0 && self.is_contested() {
                self.budget.rivals -= 1;
                self.process.compete();
            } else if self.roll(150) {
                self.deliver();
            } else if self.roll(10) {
                self.shift_time();
            } else if self.roll(5) {
                self.process.wake_once();
            } else if self.roll(30) {
                self.land();
            } else if !self.poll() && !self.quiet(Duration::from_hours(1)) {
                if self.budget.acts == 0 {
                    return;
                }
                self.act(true);
            }
        }
    }

    /// Whether another process should come in now: best while several inputs of a run wait.
    fn is_contested(&mut self) -> bool {
        let waiting = self.scene.shelf().pending.len();
        std::mem::take(&mut self.rival_soon) || self.roll(if waiting > 1 { 300 } else { 10 })
    }

    /// Comes in between at a moment that matters, now and then.
    fn is_tempted(&mut self) -> bool {
        let Some(moment) = self.scene.watch().moment.take() else {
            return false;
        };
        let (odds, left) = match moment {
            Moment::Decided => (15, self.budget.crashes),
            Moment::BranchSeen(_) => (800, self.budget.tempted),
            Moment::PlanShown(_) | Moment::Approved(_) => (1000, self.budget.tempted),
            Moment::PullOpened(_) => (3000, self.budget.tempted),
        };
        if left == 0 || !self.roll(odds) {
            return false;
        }
        if !matches!(moment, Moment::Decided) {
            self.budget.tempted -= 1;
        }
        if people::interfere(&self.scene, &moment) && self.budget.crashes > 0 {
            self.crash();
        }
        true
    }

    /// The end: no more faults, everything is delivered, people answer, and what runs comes to its end.
    fn end(&mut self) {
        self.scene.calm();
        self.scene.tell(|| "from here on all goes well".to_owned());
        for round in 0.. {
            self.calm_down();
            if self.is_broken() || !people::settle(&self.scene, round) {
                break;
            }
            if round > 16 {
                self.scene
                    .watch()
                    .blame(Promise::EveryRunEndsOrWaits, "people answer, and it does not end");
                break;
            }
        }
        if !self.is_broken() {
            watch::final_look(&self.scene);
            self.look_at_inbox();
        }
    }

    /// Runs until nothing is left to do within a day.
    fn calm_down(&mut self) {
        while !self.is_broken() {
            if self.steps > MOST_STEPS {
                self.scene
                    .watch()
                    .blame(Promise::EveryRunEndsOrWaits, "it never comes to rest");
                return;
            }
            if self.scene.watch().crashed {
                self.crash();
            }
            if !self.deliver() && !self.poll() && !self.land() && !self.quiet(Duration::from_hours(24)) {
                return;
            }
        }
    }

    /// Polls one task that can go on; `false` where there is none.
    fn poll(&mut self) -> bool {
        self.steps += 1;
        self.scene.watch().step = self.steps;
        self.take_tasks();
        let ready: Vec<usize> = (0..self.tasks.len())
            .filter(|i| self.tasks[*i].woken.0.load(Ordering::Relaxed))
            .collect();
        if ready.is_empty() {
            return false;
        }
        let chosen = *self.scene.chance().pick(&ready);
        let task = &mut self.tasks[chosen];
        task.woken.0.store(false, Ordering::Relaxed);
        let done = task.job.as_mut().poll(&mut Context::from_waker(&task.waker));
        if done == Poll::Ready(()) {
            drop(self.tasks.swap_remove(chosen));
        }
        true
    }

    fn take_tasks(&mut self) {
        self.process.pump();
        for (_, job) in self.scene.take_spawned() {
            let woken = Arc::new(Woken(AtomicBool::new(true)));
            let waker = Waker::from(Arc::clone(&woken));
            self.tasks.push(Task { job, woken, waker });
        }
    }

    /// Nothing can go on by itself: looks whether that is right, and lets time pass if something waits for it
    /// no longer than `patience`.
    fn quiet(&mut self, patience: Duration) -> bool {
        if self.deliver() {
            return true;
        }
        let now = self.scene.now();
        let wake = self
            .scene
            .shelf()
            .next_wake()
            .map(|wake| wake.since(now).max(Duration::from_secs(1)));
        let timer = self.scene.next_timer();
        // An agent that is being stopped has its grace.
        if timer.is_none_or(|timer| timer > Duration::from_secs(1)) {
            watch::quiet(&self.scene);
        }
        let Some(next) = timer
            .into_iter()
            .chain(wake)
            .min()
            .filter(|next| *next <= patience)
        else {
            return false;
        };
        self.scene.pass(next);
        true
    }

    fn act(&mut self, wanted: bool) {
        self.budget.acts -= 1;
        people::act(&self.scene, wanted);
    }

    /// A delivery arrives, in whatever order.
    fn deliver(&mut self) -> bool {
        let mut hub = self.scene.hub();
        if hub.mail.is_empty() {
            return false;
        }
        let near = hub.mail.len().min(6);
        let place = self.scene.chance().below(near);
        let mail = hub.mail.remove(place);
        hub.sent.push(mail.clone());
        drop(hub);
        let row = mail.row(self.scene.now());
        if row.action == "labeled" && self.budget.rivals > 0 && self.roll(4_000) {
            self.rival_soon = true;
        }
        let new = if self.mutant == Some(Mutant::TakesDeliveriesTwice) {
            self.scene.shelf().take_in_again(row);
            true
        } else {
            self.scene.shelf().take_in(row)
        };
        self.scene
            .tell(|| format!("{mail} arrives{}", if new { "" } else { " again" }));
        true
    }

    /// The process dies between two statements, and another one starts.
    fn crash(&mut self) {
        self.budget.crashes = self.budget.crashes.saturating_sub(1);
        self.scene.tell(|| "crash".to_owned());
        self.tasks.clear();
        self.scene.drop_timers();
        if self.roll(3_000) {
            self.shift_time();
        }
        self.scene.watch().crashed = false;
        self.process = Process::boot(&self.scene, self.mutant);
    }

    /// A push of a dead process lands, or is lost.
    fn land(&mut self) -> bool {
        let orphans = self.scene.repo().flying.clone();
        let Some(push) = orphans.first() else { return false };
        let arrives = self.roll(500);
        if self.tasks.is_empty() || arrives {
            self.scene.repo().flying.remove(0);
            if arrives {
                land(&self.scene, push, true);
            }
            return true;
        }
        false
    }

    /// The wall clock jumps, mostly forward.
    fn shift_time(&self) {
        let by = match self.scene.chance().below(8) {
            0 => -30_000,
            1 => 3_600_000,
            2 => 86_400_000,
            _ => 20_000,
        };
        self.scene.tell(|| format!("the clock moves by {by} ms"));
        self.scene.shift_clock(by);
    }

    fn look_at_inbox(&self) {
        let shelf = self.scene.shelf();
        let left: Vec<String> = shelf
            .pending
            .iter()
            .map(|place| shelf.rows[*place].0.key.clone())
            .collect();
        let aside = shelf.rows.iter().find(|(_, stand, _)| *stand == Stand::Aside);
        let aside = aside.map(|(row, _, note)| format!("{} is set aside: {note:?}", row.key));
        let refusals = shelf.refusals + self.scene.hub().refusals;
        drop(shelf);
        let mut watch = self.scene.watch();
        if !left.is_empty() {
            watch.blame(
                Promise::EveryRunEndsOrWaits,
                format!("{left:?} stay in the inbox"),
            );
        }
        if let Some(aside) = aside.filter(|_| refusals < 5) {
            watch.blame(Promise::SetAsideForAReason, aside);
        }
    }
}
