//! Tests of budgets, as tables.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_000_000);

fn dollars(amount: u64) -> MicroUsd {
    MicroUsd(amount * 1_000_000)
}

fn limited(money: &[(Scope, u64)]) -> Budget {
    Budget {
        money: money
            .iter()
            .map(|(scope, limit)| (*scope, dollars(*limit)))
            .collect(),
        ..Budget::default()
    }
}

fn spent(scope: Scope, known: u64, unknown: u32, frees: Option<i64>) -> BTreeMap<Scope, Spent> {
    let spent = Spent {
        known: dollars(known),
        unknown,
        frees: frees.map(|after| Timestamp(NOW.0 + after)),
    };
    BTreeMap::from([(scope, spent)])
}

fn costs(cost: Expected) -> Offer {
    Offer {
        cost,
        windows: Vec::new(),
    }
}

fn about(amount: u64) -> Offer {
    costs(Expected::About(dollars(amount)))
}

fn window(used: Option<u32>, resets: Option<i64>, expected: u32) -> Offer {
    Offer {
        cost: Expected::Nothing,
        windows: vec![WindowState {
            name: "anthropic/5h".into(),
            used: used.map(|percent| percent * 10_000),
            resets: resets.map(|after| Timestamp(NOW.0 + after)),
            expected: expected * 10_000,
        }],
    }
}

/// A decision in a few words.
fn word(decision: &Decision) -> String {
    match decision {
        Decision::Go => "go".to_owned(),
        Decision::Downgrade { to, why } => format!("downgrade to {to}: {why}"),
        Decision::Wait { until, why } => format!("wait {}: {why}", until.0 - NOW.0),
        Decision::Stop(why) => format!("stop: {why}"),
    }
}

#[test]
fn money_decides_by_what_is_left_and_what_is_known() {
    use Expected::{Nothing, Unheard, Unpriced};
    use Scope::{Month, RepositoryDay, Run};
    type Row<'a> = (
        &'a str,
        &'a [(Scope, u64)],
        BTreeMap<Scope, Spent>,
        Vec<Offer>,
        &'a str,
    );
    let table: &[Row<'_>] = &[
        (
            "no limit, no price",
            &[],
            spent(Run, 99, 3, None),
            vec![costs(Unpriced)],
            "go",
        ),
        (
            "it fits",
            &[(Run, 5)],
            spent(Run, 4, 0, None),
            vec![about(1)],
            "go",
        ),
        (
            "used up",
            &[(Run, 5)],
            spent(Run, 5, 0, None),
            vec![about(0)],
            "stop: The budget of the run is used up: $5.0000 of $5.0000.",
        ),
        (
            "too dear",
            &[(Run, 5)],
            spent(Run, 4, 0, None),
            vec![about(2)],
            "stop: The next attempt costs about $2.0000, and $1.0000 is left of the budget of the run.",
        ),
        (
            "a cheaper one fits",
            &[(Run, 5)],
            spent(Run, 4, 0, None),
            vec![about(2), about(3), about(1)],
            "downgrade to 2: The next attempt costs about $2.0000, and $1.0000 is left of the budget of the run.",
        ),
        (
            "nothing to estimate from",
            &[(Run, 5)],
            spent(Run, 4, 0, None),
            vec![costs(Unheard)],
            "go",
        ),
        (
            "unknown price",
            &[(Run, 5)],
            BTreeMap::new(),
            vec![costs(Unpriced)],
            "stop: The budget of the run cannot be kept: the candidate's price is unknown.",
        ),
        (
            "a known price instead",
            &[(Run, 5)],
            BTreeMap::new(),
            vec![costs(Unpriced), about(1)],
            "downgrade to 1: The budget of the run cannot be kept: the candidate's price is unknown.",
        ),
        (
            "unknown spent",
            &[(Run, 5)],
            spent(Run, 1, 2, None),
            vec![about(1)],
            "stop: The budget of the run cannot be kept: 2 attempts did not report what they cost.",
        ),
        (
            "a subscription goes on",
            &[(Run, 5)],
            spent(Run, 9, 1, None),
            vec![about(1), costs(Nothing)],
            "downgrade to 1: The budget of the run is used up: $9.0000 of $5.0000.",
        ),
        (
            "the day will pass",
            &[(Run, 5), (RepositoryDay, 50)],
            spent(RepositoryDay, 50, 0, Some(700)),
            vec![about(1)],
            "wait 700: The budget of the repository's day is used up: $50.0000 of $50.0000.",
        ),
        (
            "the run never frees",
            &[(Run, 5), (Month, 50)],
            spent(Month, 50, 0, Some(700))
                .into_iter()
                .chain(spent(Run, 5, 0, None))
                .collect(),
            vec![about(1)],
            "stop: The budget of the run is used up: $5.0000 of $5.0000.",
        ),
        (
            "nobody there",
            &[(Run, 5)],
            BTreeMap::new(),
            vec![],
            "stop: There is no candidate.",
        ),
        (
            "waiting does not tell a price",
            &[(Month, 5)],
            spent(Month, 1, 0, Some(700)),
            vec![costs(Unpriced)],
            "stop: The budget of the month cannot be kept: the candidate's price is unknown.",
        ),
        (
            "a moment that has passed is no moment to wait for",
            &[(Month, 5)],
            spent(Month, 6, 0, Some(-1)),
            vec![about(1)],
            "stop: The budget of the month is used up: $6.0000 of $5.0000.",
        ),
    ];
    for (what, limits, spent, offers, wanted) in table {
        let decision = limited(limits).decide(spent, offers, NOW);
        assert_eq!(word(&decision), *wanted, "{what}");
    }
}

#[test]
fn windows_keep_a_reserve_for_people() {
    let named = Budget {
        windows: BTreeMap::from([("anthropic/5h".to_owned(), 800_000)]),
        ..Budget::default()
    };
    let reserved = Budget {
        window_reserve: 300_000,
        ..Budget::default()
    };
    let full = |used: u32, limit: u32| {
        format!(
            "The window anthropic/5h is {used}% full, and may be filled to {limit}%; the rest is kept for people."
        )
    };
    let table = [
        (
            "room",
            &named,
            vec![window(Some(79), Some(60), 1)],
            "go".to_owned(),
        ),
        (
            "full",
            &named,
            vec![window(Some(80), Some(60), 0)],
            format!("wait 60: {}", full(80, 80)),
        ),
        (
            "it would be",
            &named,
            vec![window(Some(75), Some(60), 6)],
            format!("wait 60: {}", full(75, 80)),
        ),
        (
            "no reset told",
            &named,
            vec![window(Some(90), None, 0)],
            format!("stop: {}", full(90, 80)),
        ),
        (
            "begun anew",
            &named,
            vec![window(Some(99), Some(0), 0)],
            "go".to_owned(),
        ),
        (
            "never read",
            &named,
            vec![window(None, None, 50)],
            "go".to_owned(),
        ),
        (
            "everybody's reserve",
            &reserved,
            vec![window(Some(70), Some(60), 0)],
            format!("wait 60: {}", full(70, 70)),
        ),
        (
            "the one that fits first",
            &named,
            vec![window(Some(80), Some(60), 0), window(Some(90), Some(30), 0)],
            format!("wait 30: {}", full(90, 80)),
        ),
        (
            "another provider",
            &named,
            vec![window(Some(80), Some(60), 0), about(1)],
            format!("downgrade to 1: {}", full(80, 80)),
        ),
        (
            "without a limit it may be filled",
            &Budget::default(),
            vec![window(Some(99), Some(60), 0)],
            "go".to_owned(),
        ),
        (
            "but not beyond",
            &Budget::default(),
            vec![window(Some(100), Some(60), 0)],
            format!("wait 60: {}", full(100, 100)),
        ),
    ];
    for (what, budget, offers, wanted) in table {
        assert_eq!(
            word(&budget.decide(&BTreeMap::new(), &offers, NOW)),
            wanted,
            "{what}"
        );
    }
}

#[test]
fn what_is_left_is_the_least_of_all_scopes() {
    let budget = limited(&[(Scope::Run, 5), (Scope::Month, 50)]);
    assert_eq!(budget.left(&BTreeMap::new()), Some(dollars(5)));
    assert_eq!(budget.left(&spent(Scope::Month, 48, 0, None)), Some(dollars(2)));
    assert_eq!(budget.left(&spent(Scope::Run, 9, 0, None)), Some(MicroUsd::ZERO));
    assert_eq!(Budget::default().left(&spent(Scope::Run, 9, 0, None)), None);
}

#[test]
fn shares_read_well() {
    let shares = [0, 123_400, 800_000, 999_999].map(percent);
    assert_eq!(shares, ["0%", "12.3%", "80%", "100%"]);
}

fn any_budget() -> impl Strategy<Value = Budget> {
    let scope = proptest::sample::select(Scope::ALL.to_vec());
    let money = proptest::collection::btree_map(scope, (0..100_u64).prop_map(MicroUsd), 0..4);
    let windows = proptest::collection::btree_map("a/[12]", 0..=WHOLE, 0..2);
    (money, windows, 0..=WHOLE).prop_map(|(money, windows, window_reserve)| Budget {
        money,
        windows,
        window_reserve,
    })
}

proptest! {
    #[test]
    fn a_tightened_budget_allows_nothing_that_either_refuses(
        one in any_budget(), other in any_budget(), known in 0..120_u64, cost in 0..50_u64, used in 0..=WHOLE,
    ) {
        let spent: BTreeMap<_, _> = Scope::ALL.into_iter()
            .map(|scope| (scope, Spent { known: MicroUsd(known), ..Spent::default() })).collect();
        let offer = Offer {
            cost: Expected::About(MicroUsd(cost)),
            windows: vec![WindowState { name: "a/1".into(), used: Some(used), resets: None, expected: 0 }],
        };
        let goes = |budget: &Budget| budget.decide(&spent, std::slice::from_ref(&offer), NOW) == Decision::Go;
        prop_assert_eq!(goes(&one.tightened(&other)), goes(&one) && goes(&other));
    }
}
