//! Which class a plan's step belongs to, and which candidates a class has, as a run froze them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::frozen::Policy;
use crate::model::Role;
use crate::route::Candidate;

/// How a plan's steps are classed, and the classes with candidates of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Classes {
    /// The rules, the first that holds first; a step that none holds for has the class that the plan gives it.
    pub rules: Vec<ClassRule>,
    /// The candidates of a class by its name, best first; they take the place of its role's.
    pub routes: BTreeMap<String, Vec<Candidate>>,
}

impl Classes {
    /// Whether nothing was said about classes.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.routes.is_empty()
    }
}

/// A rule for the class of steps. What it names must hold together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRule {
    /// The class: `logic`, `design`, `content` or `tests`.
    pub class: String,
    /// The issue must carry this label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The step names files, and these globs cover all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

impl Policy {
    /// The candidates for a role, or for a class of steps that has its own; empty where there are none.
    pub fn candidates(&self, role: Role, class: Option<&str>) -> &[Candidate] {
        class
            .and_then(|class| self.classes.routes.get(class))
            .or_else(|| self.routes.get(&role))
            .map_or(&[], Vec::as_slice)
    }

    /// The role whose route does a class of steps: design where the class is design or content and there is such a
    /// route, else implement.
    pub fn role_of_class(&self, class: &str) -> Role {
        let has_design = || {
            self.routes
                .get(&Role::Design)
                .is_some_and(|route| !route.is_empty())
        };
        match class {
            "design" if has_design() || self.classes.routes.contains_key("design") => Role::Design,
            "content" if has_design() => Role::Design,
            _ => Role::Implement,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(routes: &[(Role, &str)], classes: &[(&str, &str)]) -> Policy {
        let one = |name: &str| vec![name.parse().unwrap()];
        Policy {
            routes: routes.iter().map(|(role, name)| (*role, one(name))).collect(),
            classes: Classes {
                rules: Vec::new(),
                routes: classes
                    .iter()
                    .map(|(class, name)| ((*class).to_owned(), one(name)))
                    .collect(),
            },
            ..Policy::default()
        }
    }

    fn way(policy: &Policy, class: &str) -> String {
        let role = policy.role_of_class(class);
        let names: Vec<String> = policy
            .candidates(role, Some(class))
            .iter()
            .map(ToString::to_string)
            .collect();
        format!("{role}: {}", names.join(" "))
    }

    #[test]
    fn design_and_content_go_to_the_design_route_where_there_is_one() {
        let with = policy(&[(Role::Implement, "a"), (Role::Design, "b")], &[]);
        let without = policy(&[(Role::Implement, "a")], &[]);
        for (class, wanted, lacking) in [
            ("logic", "implement: a", "implement: a"),
            ("tests", "implement: a", "implement: a"),
            ("design", "design: b", "implement: a"),
            ("content", "design: b", "implement: a"),
        ] {
            assert_eq!(way(&with, class), wanted, "{class}");
            assert_eq!(way(&without, class), lacking, "{class}");
        }
    }

    #[test]
    fn a_classes_own_candidates_win() {
        let policy = policy(
            &[(Role::Implement, "a"), (Role::Design, "b")],
            &[("content", "c"), ("tests", "d")],
        );
        assert_eq!(way(&policy, "content"), "design: c");
        assert_eq!(way(&policy, "tests"), "implement: d");
        assert_eq!(way(&policy, "design"), "design: b");
    }

    #[test]
    fn a_policy_of_before_has_no_classes() {
        let mut json = serde_json::to_value(policy(&[(Role::Implement, "a")], &[])).unwrap();
        assert!(json.get("classes").is_none(), "nothing said is nothing written");
        let old: Policy = serde_json::from_value(json.take()).unwrap();
        assert!(old.classes.is_empty());
    }
}
