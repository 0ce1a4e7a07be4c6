//! Templates: single pass, values as data.

use proptest::prelude::*;

use crate::workflow::{Template, UnresolvedReference};

fn render(text: &str) -> Result<String, UnresolvedReference> {
    let lookup = |name: &str| match name {
        "issue.title" => Some("T".to_owned()),
        "issue.body" => Some("{{ issue.title }} $& $' {{{{ }} \\1 $plan.output".to_owned()),
        "plan.output.summary" => Some("S".to_owned()),
        _ => None,
    };
    Template::parse(text)
        .unwrap_or_else(|e| panic!("{text}: {e}"))
        .render(lookup)
}

#[test]
fn places_are_filled_and_everything_else_stays() {
    let table = [
        ("", ""),
        ("plain", "plain"),
        ("{{ issue.title }}", "T"),
        ("{{issue.title}}{{  plan.output.summary\n}}", "TS"),
        ("a {{ issue.title }} b", "a T b"),
        ("{{{{ issue.title }}", "{{ issue.title }}"),
        ("{{{{{{ issue.title }}", "{{T"),
        ("}} {x} {", "}} {x} {"),
        ("ä{{issue.title}}ö", "äTö"),
    ];
    for (text, wanted) in table {
        assert_eq!(render(text).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn a_value_is_never_looked_at_again() {
    assert_eq!(
        render("Do: {{ issue.body }} END").as_deref(),
        Ok("Do: {{ issue.title }} $& $' {{{{ }} \\1 $plan.output END")
    );
}

#[test]
fn a_reference_without_a_value_is_an_error() {
    assert_eq!(
        render("{{ issue.titel }}"),
        Err(UnresolvedReference("issue.titel".to_owned()))
    );
}

#[test]
fn what_is_no_template_is_refused_at_its_place() {
    let table = [
        ("ab {{ x", 3, "never closed"),
        ("{{", 0, "never closed"),
        ("{{{{ {{", 5, "never closed"),
        ("{{ }}", 0, "`` is no reference"),
        ("{{ a b }}", 0, "`a b` is no reference"),
        ("{{ a..b }}", 0, "`a..b` is no reference"),
        ("{{ $a }}", 0, "`$a` is no reference"),
        ("ä {{ {{ a }} }}", 3, "`{{ a` is no reference"),
    ];
    for (text, offset, message) in table {
        let error = Template::parse(text).expect_err(text);
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!(error.offset, offset, "{text}");
    }
}

#[test]
fn references_come_in_the_order_of_the_text() {
    let template =
        Template::parse("{{ b.output.x }} {{{{ no }} {{ a }} {{ b.output.x }}").expect("a template");
    assert_eq!(
        template.references().collect::<Vec<_>>(),
        ["b.output.x", "a", "b.output.x"]
    );
}

#[test]
fn json_holds_a_template_as_its_text() {
    let template = Template::parse("a {{ b }} {{{{").expect("a template");
    let json = serde_json::to_string(&template).expect("serializes");
    assert_eq!(json, "\"a {{ b }} {{{{\"");
    assert_eq!(
        serde_json::from_str::<Template>(&json).expect("reads back"),
        template
    );
    assert!(serde_json::from_str::<Template>("\"{{\"").is_err());
}

proptest! {
    #[test]
    fn every_text_is_a_template_or_an_error_within_it(text in "(\\{|\\}|a| |\\.|ä|\\n){0,24}|\\PC{0,40}") {
        match Template::parse(&text) {
            Ok(template) => { let _ = template.render(|_| Some("{{ a }}".to_owned())); }
            Err(error) => prop_assert!(text.is_char_boundary(error.offset)),
        }
    }

    #[test]
    fn any_value_arrives_as_it_is(value in "(\\{|\\}|[$]|\\\\|a|[.]|\\PC){0,40}", before in "[a-z }]{0,8}", after in "[a-z }]{0,8}") {
        let template = Template::parse(&format!("{before}{{{{ v }}}}{after}")).expect("a template");
        let shown = template.render(|_| Some(value.clone()));
        prop_assert_eq!(shown, Ok(format!("{before}{value}{after}")));
    }
}
