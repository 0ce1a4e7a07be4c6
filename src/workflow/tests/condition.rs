//! Conditions: grammar, meaning and refusals.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::id;
use crate::model::NodeId;
use crate::workflow::{Condition, Field, Reference, Scope, UnresolvedReference};

#[derive(Debug, Default)]
struct World {
    outputs: BTreeMap<(String, String), Field>,
    inputs: BTreeMap<String, Field>,
}

impl Scope for World {
    fn output(&self, node: &NodeId, field: &str) -> Option<Field> {
        self.outputs.get(&(node.to_string(), field.to_owned())).cloned()
    }
    fn input(&self, name: &str) -> Option<Field> {
        self.inputs.get(name).cloned()
    }
}

fn world() -> World {
    let text = |text: &str| Field::Text(text.to_owned());
    let outputs = [
        ("plan", "size", text("large")),
        ("plan", "steps", Field::Number(3.0)),
        ("plan", "odd", Field::Number(f64::NAN)),
        ("plan", "trap", text("x' || $INPUTS.dry == 'true")),
        ("check", "verified", text("true")),
        ("check", "count", text(" 12 ")),
        ("check", "done", Field::Bool(true)),
        ("check", "hex", text("0x10")),
        ("check", "inf", text("inf")),
    ];
    World {
        outputs: outputs
            .into_iter()
            .map(|(n, f, v)| ((n.to_owned(), f.to_owned()), v))
            .collect(),
        inputs: [
            ("dry".to_owned(), Field::Bool(false)),
            ("who".to_owned(), text("ann")),
        ]
        .into(),
    }
}

fn decide(text: &str) -> Result<bool, UnresolvedReference> {
    Condition::parse(text)
        .unwrap_or_else(|e| panic!("{text}: {e}"))
        .evaluate(&world())
}

#[test]
fn conditions_mean_what_they_say() {
    let table = [
        ("$plan.output.size == 'large'", true),
        ("$plan.output.size == \"large\"", true),
        ("$plan.output.size=='large'", true),
        ("  $plan.output.size   !=   'large'  ", false),
        ("$plan.output.size == 'Large'", false),
        ("$plan.output.steps == 3", true),
        ("$plan.output.steps == '3'", true),
        ("$plan.output.steps == 3.0", true),
        ("$plan.output.steps != 4", true),
        ("$plan.output.steps < 4", true),
        ("$plan.output.steps <= 3", true),
        ("$plan.output.steps > 3", false),
        ("$plan.output.steps >= 3", true),
        ("$plan.output.steps > -1.5e1", true),
        ("$plan.output.steps > '2'", true),
        // By size only numbers compare.
        ("$plan.output.size > 1", false),
        ("$plan.output.size <= 'zzz'", false),
        ("$check.output.count > 11", true),
        ("$check.output.hex > 1", false),
        ("$check.output.inf > 1", false),
        ("$check.output.done >= 1", false),
        // What is no number compares false with everything.
        ("$plan.output.odd == 3", false),
        ("$plan.output.odd != 3", false),
        ("$plan.output.odd < 3", false),
        // A truth value and its word are the same.
        ("$check.output.verified == true", true),
        ("$check.output.verified == 'true'", true),
        ("$check.output.done == true", true),
        ("$check.output.done == 'true'", true),
        ("$check.output.done != false", true),
        ("$INPUTS.dry == false", true),
        ("$INPUTS.who == 'ann'", true),
        // `&&` binds closer than `||`.
        (
            "$plan.output.steps == 3 || $plan.output.steps == 4 && $INPUTS.dry == true",
            true,
        ),
        (
            "$plan.output.steps == 4 && $INPUTS.dry == true || $plan.output.steps == 3",
            true,
        ),
        (
            "$plan.output.steps == 4 || $plan.output.steps == 3 && $INPUTS.dry == true",
            false,
        ),
        ("$INPUTS.who == 'a && b' || $INPUTS.who == \"it's\"", false),
        // A value is data.
        ("$plan.output.trap == 'x'", false),
    ];
    for (text, wanted) in table {
        assert_eq!(decide(text), Ok(wanted), "{text}");
    }
}

#[test]
fn a_missing_value_is_an_error_only_where_it_is_needed() {
    let missing = || Err(UnresolvedReference("$plan.output.nothing".to_owned()));
    assert_eq!(decide("$plan.output.nothing == 'x'"), missing());
    assert_eq!(decide("$plan.output.nothing != 'x'"), missing());
    assert_eq!(
        decide("$plan.output.steps == 3 || $plan.output.nothing == 'x'"),
        Ok(true)
    );
    assert_eq!(
        decide("$plan.output.steps == 4 && $plan.output.nothing == 'x'"),
        Ok(false)
    );
    assert_eq!(
        decide("$plan.output.steps == 4 || $plan.output.nothing == 'x'"),
        missing()
    );
    assert_eq!(
        decide("$INPUTS.nobody == 1").map_err(|e| e.to_string()),
        Err("`$INPUTS.nobody` has no value here".to_owned())
    );
}

#[test]
fn what_is_no_condition_is_refused_at_its_place() {
    let table = [
        ("", 0, "wants `$node.output.field`"),
        ("   ", 3, "wants `$node.output.field`"),
        ("true", 0, "wants `$node.output.field`"),
        ("plan.output.size == 1", 0, "wants `$node.output.field`"),
        (
            "$plan.output == 'yes'",
            0,
            "`$plan.output` is a model's whole text",
        ),
        (
            "$a.output.x == 1 && $plan.output != 'yes'",
            20,
            "`$plan.output` is a model's whole text",
        ),
        ("$plan.size == 1", 0, "wants `$node.output.field`"),
        ("$plan.output.size.x == 1", 0, "wants `$node.output.field`"),
        ("$plan.output. == 1", 0, "wants `$node.output.field`"),
        ("$INPUTS == 1", 0, "wants `$node.output.field`"),
        ("$Plan.output.size == 1", 0, "is not a valid node id"),
        ("$plan.output.size = 1", 18, "wants one of =="),
        ("$plan.output.size", 17, "wants one of =="),
        ("$plan.output.size == ", 21, "wants quoted text"),
        ("$plan.output.size == big", 21, "wants quoted text"),
        ("$plan.output.size == inf", 21, "wants quoted text"),
        ("$plan.output.size == 'big", 21, "never closed"),
        ("$plan.output.size == 1 2", 23, "wants `&&`, `||` or its end"),
        (
            "$plan.output.size == 1 & $a.output.b == 1",
            23,
            "wants `&&`, `||` or its end",
        ),
        ("$plan.output.size == 1 &&", 25, "wants `$node.output.field`"),
        ("($plan.output.size == 1)", 0, "no parentheses"),
        ("$a.output.b == $c.output.d", 15, "wants quoted text"),
    ];
    for (text, offset, message) in table {
        let error = Condition::parse(text).expect_err(text);
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!(error.offset, offset, "{text}");
    }
    assert!(Condition::parse(&format!("$a.output.b == '{}'", "x".repeat(2_000))).is_err());
}

#[test]
fn references_come_in_the_order_of_the_text() {
    let condition =
        Condition::parse("$b.output.x == 1 || $INPUTS.y == 2 && $a.output.z == 3").expect("a condition");
    let output = |node: &str, field: &str| Reference::Output {
        node: id(node),
        field: field.to_owned(),
    };
    let wanted = [
        output("b", "x"),
        Reference::Input("y".to_owned()),
        output("a", "z"),
    ];
    assert_eq!(condition.references().cloned().collect::<Vec<_>>(), wanted);
}

#[test]
fn json_holds_a_condition_as_its_text() {
    let condition = Condition::parse("$a.output.b == 1").expect("a condition");
    let json = serde_json::to_string(&condition).expect("serializes");
    assert_eq!(json, "\"$a.output.b == 1\"");
    assert_eq!(
        serde_json::from_str::<Condition>(&json).expect("reads back"),
        condition
    );
    assert!(serde_json::from_str::<Condition>("\"$a.output == 1\"").is_err());
}

proptest! {
    #[test]
    fn every_text_is_a_condition_or_an_error_within_it(
        text in "\\PC{0,40}|([$](a|INPUTS)[.](output[.])?[a-z]? ?(==|<|=|!=) ?('x'|1|true|ä|\")? ?(&&|\\|\\|)? ?){0,4}",
    ) {
        match Condition::parse(&text) {
            Ok(condition) => { let _ = condition.evaluate(&world()); }
            Err(error) => prop_assert!(text.is_char_boundary(error.offset), "{}", error.offset),
        }
    }

    #[test]
    fn by_size_numbers_compare_as_numbers(a in -1e9_f64..1e9, b in -1e9_f64..1e9) {
        let mut world = World::default();
        world.outputs.insert(("n".to_owned(), "x".to_owned()), Field::Number(a));
        let holds = |sign: &str| {
            Condition::parse(&format!("$n.output.x {sign} {b}")).map(|c| c.evaluate(&world))
        };
        prop_assert_eq!(holds("<"), Ok(Ok(a < b)));
        prop_assert_eq!(holds(">="), Ok(Ok(a >= b)));
        prop_assert_eq!(holds("=="), Ok(Ok(a.total_cmp(&b).is_eq())));
    }
}
