//! Driving one run to its end: what arrives, what a person decides, and when to stop.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::line::Line;
use super::machine;
use super::progress::Progress;
use super::terminal::{Answer, Terminal};
use crate::cli::exit::Failure;
use crate::command::Command;
use crate::engine::Page;
use crate::model::{Clock, ContentHash, SystemClock};
use crate::run::{NodePhase, PlanState, next_wake};

/// How often the inbox is looked at without being told: an order of `footplate runs` comes from another process.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How the driving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The run is over.
    Over,
    /// The plan waits for somebody who can decide.
    Undecided,
    /// A signal of this number broke it off.
    Interrupted(u8),
}

/// The signals that end a run.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(machine)?,
            terminate: signal(SignalKind::terminate()).map_err(machine)?,
        })
    }

    /// Waits for one, and says its number.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
        }
    }
}

/// Who decides about a plan.
pub(super) enum Decider {
    /// It is approved unseen.
    Yes,
    /// The person at the terminal.
    Person(Terminal),
    /// Nobody is there.
    Nobody,
}

impl Decider {
    pub(super) fn new(yes: bool, issue: Option<&Path>) -> Self {
        if yes {
            Self::Yes
        } else if issue != Some(Path::new("-")) && std::io::stdin().is_terminal() {
            Self::Person(Terminal::default())
        } else {
            Self::Nobody
        }
    }
}

pub(super) async fn drive(
    line: &mut Line,
    mut decider: Decider,
    progress: &mut Progress,
    signals: &mut Signals,
) -> Result<Ending, Failure> {
    let mut interrupted = None;
    let mut approved = None;
    loop {
        let page = line.page().await?;
        progress.show(&page);
        if Line::is_over(&page) {
            return Ok(interrupted.map_or(Ending::Over, Ending::Interrupted));
        }
        if let Some((plan, generation)) = undecided(&page).filter(|_| interrupted.is_none()) {
            match &mut decider {
                // An approval that did not hold would not hold the next time either.
                Decider::Yes if plan.questions == 0 && approved != Some((plan.hash, generation)) => {
                    approved = Some((plan.hash, generation));
                    line.order(approve(plan.hash), None).await?;
                    continue;
                }
                Decider::Person(terminal) if !terminal.has_asked(plan, generation) => {
                    let context = line.context(&page).await?;
                    let text = line.publisher().plan(&context).unwrap_or_default();
                    terminal.ask(plan, generation, &text);
                }
                Decider::Person(_) => {}
                Decider::Yes | Decider::Nobody => return Ok(Ending::Undecided),
            }
        }
        tokio::select! {
            signal = signals.next() => {
                if interrupted.is_some() {
                    return Ok(Ending::Interrupted(signal));
                }
                interrupted = Some(signal);
                progress.say("Stopping; once more to stop at once.");
                line.order(Command::Cancel, None).await?;
            }
            answer = answer(&mut decider) => match answer {
                Answer::Approve(plan) => line.order(approve(plan), None).await?,
                Answer::Replan(wishes) => {
                    let command = Command::Replan { wishes: wishes.clone() };
                    line.order(command, Some(&wishes)).await?;
                }
                Answer::Cancel => line.order(Command::Cancel, None).await?,
            },
            news = line.news() => line.follow(news).await?,
            () = tokio::time::sleep(until_wake(&page)) => {
                line.take_in().await?;
                line.wake().await?;
            }
        }
    }
}

/// The plan that waits for a decision, and the generation of its gate: a planner that was asked for another plan
/// may come back with the same one.
fn undecided(page: &Page) -> Option<(&PlanState, u32)> {
    let plan = page.run.plan.as_ref()?;
    let gate = page.run.node(&plan.gate)?;
    let open = matches!(gate.phase, NodePhase::Open { .. });
    let waits = open && plan.posted.is_some() && !page.run.created.plan_only && page.run.ended.is_none();
    waits.then_some((plan, gate.generation))
}

fn approve(plan: ContentHash) -> Command {
    Command::Approve {
        hash: Some(plan.to_string()),
        notes: String::new(),
    }
}

async fn answer(decider: &mut Decider) -> Answer {
    match decider {
        Decider::Person(terminal) => terminal.answer().await,
        Decider::Yes | Decider::Nobody => std::future::pending().await,
    }
}

fn until_wake(page: &Page) -> Duration {
    let wake = next_wake(&page.frozen, &page.run);
    let wait = wake.map_or(LOOK_AGAIN, |wake| wake.since(SystemClock.now()));
    wait.clamp(Duration::from_millis(20), LOOK_AGAIN)
}
