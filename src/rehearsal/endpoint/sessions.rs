//! Which session a request belongs to, which scenario plays it, and where it stands.

use super::asked::Asked;
use super::fault::{Fault, Strike};
use super::scenario::{Scenario, Script, When};

/// All sessions, and what is left of limited scenarios and faults.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: Vec<Session>,
    /// How many sessions each scenario has had.
    begun: Vec<u32>,
    /// How often each strike of each scenario has struck.
    struck: Vec<Vec<u32>>,
}

/// One session of an agent with a model.
#[derive(Debug)]
struct Session {
    scenario: usize,
    head: u64,
    /// How many results its newest request held.
    results: usize,
    /// How many of the scenario's calls are done.
    step: usize,
    /// Whether the newest answer was a wasted turn, which comes again.
    wasted: bool,
    /// Whether it has said its last words.
    over: bool,
}

/// What is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) scenario: usize,
    pub(super) session: usize,
    pub(super) step: usize,
    pub(super) fault: Option<Fault>,
}

impl Sessions {
    pub(super) fn new(script: &Script) -> Self {
        Self {
            all: Vec::new(),
            begun: vec![0; script.scenarios.len()],
            struck: script
                .scenarios
                .iter()
                .map(|scenario| vec![0; scenario.strikes.len()])
                .collect(),
        }
    }

    /// The part that this request plays; `None` for an aside, and where no scenario fits.
    pub(super) fn part(&mut self, script: &Script, asked: &Asked, key: &str) -> Option<Part> {
        let at = self.find(asked).or_else(|| self.begin(script, asked, key))?;
        let session = &mut self.all[at];
        if asked.results > session.results {
            if !session.wasted {
                session.step += asked.results - session.results;
            }
            session.results = asked.results;
        }
        session.wasted = false;
        let (scenario, step) = (session.scenario, session.step);
        let played = &script.scenarios[scenario];
        let fault = self.strike(scenario, played, step);
        let session = &mut self.all[at];
        session.wasted = fault.as_ref().is_some_and(Fault::wastes_turn);
        session.over = fault.is_none() && played.step(step).call.is_none();
        Some(Part {
            scenario,
            session: at,
            step,
            fault,
        })
    }

    fn find(&self, asked: &Asked) -> Option<usize> {
        let named = asked.call.as_deref().and_then(session_of);
        if let Some(at) = named.filter(|at| *at < self.all.len()) {
            return Some(at);
        }
        let head = asked.head();
        let continued = asked.continued || asked.results > 0;
        // The same beginning again, before anything came of it, is the same request repeated by its client.
        self.all.iter().rposition(|session| {
            session.head == head && (continued || (session.results == 0 && !session.over))
        })
    }

    fn begin(&mut self, script: &Script, asked: &Asked, key: &str) -> Option<usize> {
        let fits = |(at, scenario): (usize, &Scenario)| {
            let left = scenario.sessions.is_none_or(|n| self.begun[at] < n);
            let seen = scenario.toolless || !asked.tools.is_empty();
            (left && seen && scenario.when.iter().all(|when| holds(when, asked, key))).then_some(at)
        };
        let scenario = script.scenarios.iter().enumerate().find_map(fits)?;
        self.begun[scenario] += 1;
        self.all.push(Session {
            scenario,
            head: asked.head(),
            results: asked.results,
            step: asked.results,
            wasted: false,
            over: false,
        });
        Some(self.all.len() - 1)
    }

    fn strike(&mut self, at: usize, scenario: &Scenario, step: usize) -> Option<Fault> {
        let counts = &mut self.struck[at];
        let fits = |(number, strike): (usize, &Strike)| {
            let left = strike.times.is_none_or(|times| counts[number] < times);
            let here = strike.step.is_none_or(|wanted| wanted == step);
            let possible = strike.fault != Fault::EditNotFound
                || matches!(scenario.step(step).call, Some(super::scenario::Turn::Edit { .. }));
            (left && here && possible).then_some(number)
        };
        let number = scenario.strikes.iter().enumerate().find_map(fits)?;
        counts[number] += 1;
        Some(scenario.strikes[number].fault.clone())
    }
}

fn holds(when: &When, asked: &Asked, key: &str) -> bool {
    match when {
        When::Prompt(text) => asked.prompt.contains(text.as_str()),
        When::Role(role) => asked.role() == Some(role.as_str()),
        When::Model(model) => asked.model == *model,
        When::Key(wanted) => key == wanted,
    }
}

/// The id of a call: it names the session, and no two are the same.
pub(super) fn call_id(session: Option<usize>, number: u32) -> String {
    match session {
        Some(session) => format!("call_{session}s{number}"),
        None => format!("call_xs{number}"),
    }
}

fn session_of(call: &str) -> Option<usize> {
    let (_, rest) = call.split_once("call_")?;
    rest.split_once('s')?.0.parse().ok()
}
