//! Budgets: who makes the next attempt, when, or why nobody does.

use std::collections::BTreeMap;

use super::*;
use crate::ledger::{Account, Billing, Budget, Reading, Scope, Spent, WindowShare};
use crate::model::MicroUsd;
use crate::run::budget::{DAY, month};
use crate::run::{Outside, WindowRead};

const DOLLAR: u64 = 1_000_000;

fn limited(scope: Scope, dollars: u64) -> World {
    let mut world = World::begin();
    world.frozen.policy.budget = Budget {
        money: BTreeMap::from([(scope, MicroUsd(dollars * DOLLAR))]),
        ..Budget::default()
    };
    world
}

fn explore(world: &World) -> String {
    let node = world.run().node(&NodeId::new("explore").unwrap()).unwrap();
    match &node.phase {
        NodePhase::Running => node.latest().unwrap().candidate.clone().unwrap().1,
        NodePhase::Backoff { until, why } => {
            format!("until {}: {}", until.0, why.as_deref().unwrap_or("?"))
        }
        NodePhase::Failed { why } => format!("stopped: {why}"),
        other => format!("{other:?}"),
    }
}

fn spend(world: &mut World, cost: Option<u64>) {
    world.end(|report| {
        report.cost = cost.map(|dollars| MicroUsd(dollars * DOLLAR));
        report.verdict = Verdict::Failed {
            class: Failure::Empty,
            why: "It gave no answer.".to_owned(),
        };
        report.artifacts.clear();
    });
}

/// What the look-up before the attempt that is wanted finds.
fn look_up(world: &mut World, outside: Outside) {
    let key = world.attempts().into_iter().next().expect("an attempt is wanted");
    world.tell(Input::Spending { key, outside });
}

fn others(scope: Scope, known: u64, unknown: u32, frees: Option<Timestamp>) -> Outside {
    let known = MicroUsd(known * DOLLAR);
    let spent = Spent {
        known,
        unknown,
        frees,
    };
    Outside {
        money: BTreeMap::from([(scope, spent)]),
        ..Outside::default()
    }
}

fn window(name: &str, used: u32, resets: Timestamp) -> Outside {
    let read = WindowRead {
        used,
        resets: Some(resets),
    };
    Outside {
        windows: BTreeMap::from([(name.to_owned(), read)]),
        ..Outside::default()
    }
}

fn pay(world: &mut World, candidate: &str, billing: Billing) {
    world.frozen.policy.billing.insert(candidate.to_owned(), billing);
}

#[test]
fn a_run_that_spent_its_budget_stops_and_says_so() {
    let mut world = limited(Scope::Run, 1);
    spend(&mut world, Some(2));
    assert_eq!(
        explore(&world),
        "stopped: The budget of the run is used up: $2.0000 of $1.0000. Whoever runs the server can raise \
         `limits.run_usd`; it then holds for runs that begin later."
    );
    assert_eq!(world.word(), "waiting");
}

#[test]
fn an_unknown_cost_refuses_where_there_is_a_limit_and_only_there() {
    let mut world = limited(Scope::Run, 1);
    spend(&mut world, None);
    assert!(
        explore(&world).contains("did not report what it cost"),
        "{}",
        explore(&world)
    );
    let mut free = World::begin();
    spend(&mut free, None);
    assert_eq!(explore(&free), "a:x/one");
}

#[test]
fn what_does_not_fit_goes_to_the_next_candidate_that_does() {
    let mut world = limited(Scope::Run, 3);
    pay(&mut world, "b:y/two", Billing::Own);
    spend(&mut world, Some(2));
    assert_eq!(
        explore(&world),
        "b:y/two",
        "another attempt like it costs more than is left"
    );
}

#[test]
fn a_candidate_without_a_price_does_not_get_money_that_is_limited() {
    let mut world = World::begin();
    let names = ["a:x/one", "b:y/two"];
    for name in names {
        pay(&mut world, name, Billing::Tokens);
    }
    world.frozen.policy.run_usd = Some(MicroUsd(DOLLAR));
    look_up(&mut world, Outside::default());
    assert!(
        explore(&world).contains("price is unknown"),
        "{}",
        explore(&world)
    );
}

#[test]
fn what_other_runs_spent_withdraws_an_attempt_before_it_costs_anything() {
    let mut world = limited(Scope::Issue, 5);
    look_up(&mut world, others(Scope::Issue, 4, 0, None));
    assert_eq!(explore(&world), "a:x/one");
    look_up(&mut world, others(Scope::Issue, 5, 0, None));
    assert!(
        explore(&world).starts_with("stopped: The budget of the issue is used up"),
        "{}",
        explore(&world)
    );
    assert_eq!(world.run().cost(), (MicroUsd::ZERO, false));
    let mut unknown = limited(Scope::Month, 5);
    look_up(&mut unknown, others(Scope::Month, 0, 2, None));
    assert!(
        explore(&unknown).contains("2 attempts did not report"),
        "{}",
        explore(&unknown)
    );
}

#[test]
fn a_days_budget_waits_until_it_frees_and_looks_again() {
    let mut world = limited(Scope::RepositoryDay, 5);
    for days in 1..9 {
        let frees = world.now.plus(DAY);
        look_up(&mut world, others(Scope::RepositoryDay, 5, 0, Some(frees)));
        assert_eq!(
            explore(&world),
            format!(
                "until {}: The budget of the repository's day is used up: $5.0000 of $5.0000.",
                frees.0
            )
        );
        assert_eq!(next_wake(&world.frozen, world.run()), Some(frees));
        world.now = frees;
        world.tell(Input::Wake);
        assert_eq!(
            explore(&world),
            "a:x/one",
            "day {days}: what was seen is too old to refuse"
        );
    }
    look_up(&mut world, others(Scope::RepositoryDay, 1, 0, None));
    assert_eq!(explore(&world), "a:x/one");
}

#[test]
fn a_full_window_goes_to_the_next_candidate_or_waits_for_its_reset() {
    let full = |world: &World| window("x/5h", 850_000, world.now.plus(DAY));
    let mut world = World::begin();
    world.frozen.policy.budget.window_reserve = 200_000;
    look_up(&mut world, Outside::default());
    let outside = full(&world);
    look_up(&mut world, outside);
    assert_eq!(
        explore(&world),
        "a:x/one",
        "nobody keeps a share of what is paid by the token"
    );
    pay(&mut world, "a:x/one", Billing::Window);
    let outside = full(&world);
    look_up(&mut world, outside);
    assert_eq!(explore(&world), "b:y/two");
    world
        .frozen
        .policy
        .routes
        .values_mut()
        .for_each(|route| route.truncate(1));
    let mut alone = limited(Scope::Run, 1);
    alone.frozen = world.frozen.clone();
    let outside = full(&alone);
    let resets = alone.now.plus(DAY).0;
    look_up(&mut alone, outside);
    assert_eq!(
        explore(&alone),
        format!(
            "until {resets}: The window x/5h is 85% full, and may be filled to 80%; the rest is kept for people."
        )
    );
}

#[test]
fn a_runs_own_readings_of_windows_are_known_without_a_look_up() {
    let mut world = World::begin();
    world.frozen.policy.budget.window_reserve = 200_000;
    pay(&mut world, "a:x/one", Billing::Window);
    let resets = Some(world.now.plus(DAY));
    world.end(|report| {
        report.artifacts.clear();
        report.verdict = Verdict::Failed {
            class: Failure::Empty,
            why: "It gave no answer.".to_owned(),
        };
        report.account = Some(Account {
            provider: Some("x".to_owned()),
            wire: Some(Reading {
                windows: vec![WindowShare {
                    name: "5h".to_owned(),
                    before: Some(790_000),
                    after: Some(810_000),
                    resets,
                }],
                ..Reading::default()
            }),
            ..Account::default()
        });
    });
    assert_eq!(explore(&world), "b:y/two");
}

#[test]
fn a_look_up_for_an_attempt_that_has_begun_or_is_gone_changes_nothing() {
    let mut world = limited(Scope::Issue, 1);
    let key = world.attempts().remove(0);
    world.tell(Input::Began(key.clone()));
    let outside = others(Scope::Issue, 9, 0, None);
    assert!(world.tell(Input::Spending { key, outside }).is_empty());
}

#[test]
fn months_begin_on_their_first_day_in_utc() {
    let at = |text: &str| Timestamp::parse(text).unwrap();
    assert_eq!(
        month(at("2026-12-31T23:59:59Z")),
        (at("2026-12-01T00:00:00Z"), at("2027-01-01T00:00:00Z"))
    );
    assert_eq!(
        month(at("2026-02-01T00:00:00Z")),
        (at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z"))
    );
}
