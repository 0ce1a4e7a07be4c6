//! A thousand seeded worlds in which everything happens that can happen to a server, over the product's own
//! book, driver, reception, crew, publisher and reconciliation.
//!
//! Only the outermost traits are simulated: the store in memory ([`store`]), GitHub with its webhooks ([`hub`],
//! [`forge`]), git as a small commit graph ([`repository`]), agents and checks ([`workshop`]), the executor and
//! the clock ([`process`], [`scene`]).
//! A seeded scheduler ([`play`]) polls one task at a time. Every call to the outside is a point at which another
//! task may go on, people may act ([`people`]), or the process dies: all futures, the book and the executor are
//! dropped, while store, GitHub, branches and the agents' leftovers stay, and a new process recovers.
//! After every step the oracles ([`watch`]) hold what happened against the product's promises.
//!
//! `FOOTPLATE_SEEDS=n` plays more seeds, `FOOTPLATE_SEED=n` one of them with its log printed.

mod chance;
mod forge;
mod hub;
mod mutants;
mod people;
mod play;
mod process;
mod repository;
mod scene;
mod store;
mod watch;
mod workflows;
mod workshop;

use std::fmt::Write as _;

use mutants::Mutant;
use play::{Played, play};

/// How many seeds every test run plays.
const SEEDS: u64 = 1000;

#[test]
fn a_thousand_seeds_keep_every_promise() {
    if let Some(seed) = number("FOOTPLATE_SEED") {
        let played = play(seed, None, None, true);
        println!("{}", played.story.join("\n"));
        assert!(played.broken.is_none(), "{:?}", played.broken);
        return;
    }
    let seeds = number("FOOTPLATE_SEEDS").unwrap_or(SEEDS);
    let halves: Vec<_> = (0..2)
        .map(|half| {
            std::thread::spawn(move || {
                (half..seeds)
                    .step_by(2)
                    .filter_map(|seed| failing(seed, None))
                    .collect()
            })
        })
        .collect();
    let mut broken: Vec<(u64, Played)> = Vec::new();
    for half in halves {
        let half: Vec<(u64, Played)> = half.join().expect("a player does not panic");
        broken.extend(half);
    }
    if let Some((seed, first)) = broken.first() {
        let list: Vec<String> = broken
            .iter()
            .map(|(seed, played)| format!("{seed}: {:?}", played.broken))
            .collect();
        panic!(
            "{}\n{} seeds fail:\n{}",
            report(*seed, first),
            list.len(),
            list.join("\n")
        );
    }
}

#[test]
fn every_seeded_bug_is_caught() {
    let halves: Vec<_> = (0..2)
        .map(|half| {
            std::thread::spawn(move || Mutant::ALL.into_iter().skip(half).step_by(2).map(hunt).collect())
        })
        .collect();
    let hunts: Vec<Vec<Hunt>> = halves
        .into_iter()
        .map(|half| half.join().expect("a player does not panic"))
        .collect();
    let mut table = String::new();
    let mut missed = Vec::new();
    for (mutant, caught) in hunts.into_iter().flatten() {
        match caught {
            Some((seed, played)) => {
                let (promise, what) = played.broken.expect("it failed");
                let _ = writeln!(
                    table,
                    "{mutant:?} is caught by {promise:?} after {} seeds: {what}",
                    seed + 1
                );
            }
            None => missed.push(mutant),
        }
    }
    println!("{table}");
    assert!(
        missed.is_empty(),
        "nothing catches {missed:?}; the others:\n{table}"
    );
}

/// A mutant, and the first seed that shows it.
type Hunt = (Mutant, Option<(u64, Played)>);

fn hunt(mutant: Mutant) -> Hunt {
    (mutant, (0..SEEDS).find_map(|seed| failing(seed, Some(mutant))))
}

fn failing(seed: u64, mutant: Option<Mutant>) -> Option<(u64, Played)> {
    let played = play(seed, mutant, None, false);
    played.broken.is_some().then_some((seed, played))
}

/// The log of a failing seed, with as few acts of people as still make it fail.
fn report(seed: u64, played: &Played) -> String {
    let smaller = (0..15)
        .map(|acts| (acts, play(seed, None, Some(acts), false)))
        .find(|(_, played)| played.broken.is_some());
    let acts = smaller.map(|(acts, _)| acts);
    let shown = play(seed, None, acts, true);
    let acts = acts
        .map(|acts| format!(", also with only {acts} acts of people"))
        .unwrap_or_default();
    format!(
        "seed {seed} breaks {:?} after {} steps{acts}\n{}\n{:?}",
        played.broken,
        played.steps,
        shown.story.join("\n"),
        shown.broken
    )
}

fn number(name: &str) -> Option<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "which seeds to play is said from outside"
    )]
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("it wants a number"))
}
