//! Classes of steps.

use super::*;
use crate::contract::StepClass;

const BOTH: &str = "\
routes: {implement: [a], design: [b]}
classes:
  rules:
    - {class: design, files: ['**/*.css', 'web/**']}
    - {class: content, label: copy}
  routes: {content: [\"c:anthropic/claude-opus-5-5\"]}
";

#[test]
fn rules_and_routes_are_read_and_a_shipped_provider_of_a_class_is_known() {
    let settings = read(BOTH).unwrap();
    let rules = &settings.classes.rules;
    assert_eq!(rules.len(), 2);
    assert_eq!(rules[0].class, StepClass::Design);
    assert_eq!(rules[0].files, ["**/*.css", "web/**"]);
    assert_eq!(rules[1].label.as_deref(), Some("copy"));
    assert_eq!(
        settings.classes.routes[&StepClass::Content],
        ["c:anthropic/claude-opus-5-5"]
    );
    assert!(settings.providers.contains_key("anthropic"));
}

#[test]
fn mistakes_in_classes_are_told_with_their_place() {
    for (text, wanted) in [
        (
            "classes: {rules: [{class: desing, label: x}]}",
            "there is no such class",
        ),
        (
            "classes: {rules: [{class: design}]}",
            "wants a `label`, `files`, or both",
        ),
        (
            "classes: {rules: [{class: design, files: ['[']}]}",
            "wants a glob",
        ),
        ("classes: {routes: {prose: [a]}}", "there is no such class"),
        ("classes: {rule: []}", "unknown key `rule`"),
    ] {
        let told = told(text);
        assert!(told.contains(wanted) && told.contains(":1:"), "{text}: {told}");
    }
}

#[test]
fn a_repository_adds_rules_behind_the_servers_and_no_routes() {
    let settings = read(BOTH).unwrap();
    let text = "classes: {rules: [{class: tests, files: ['spec/**']}]}";
    let repository = RepositoryConfig::parse("footplate.yml", text).unwrap();
    let effective = repository.tighten(&settings).unwrap();
    let classes: Vec<StepClass> = effective.classes.rules.iter().map(|rule| rule.class).collect();
    assert_eq!(
        classes,
        [StepClass::Design, StepClass::Content, StepClass::Tests],
        "what the operator said comes first"
    );
    assert_eq!(effective.classes.routes, settings.classes.routes);
    assert!(RepositoryConfig::parse("footplate.yml", "classes: {routes: {design: [a]}}").is_err());
}
