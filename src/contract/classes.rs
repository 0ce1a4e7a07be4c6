//! Rules that class a plan's steps, where the plan's own word for them does not decide.

use super::files::Files;
use super::plan::{Step, StepClass};

/// Rules for the classes of steps, compiled; make them once for a whole plan.
#[derive(Debug, Clone, Default)]
pub struct ClassRules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    class: StepClass,
    label: Option<String>,
    files: Option<Files>,
}

impl ClassRules {
    /// Adds a rule behind those there are: the class of steps whose issue carries the label, and whose files are all
    /// covered by the globs. What is left out (no label, no globs) is not asked for.
    #[must_use]
    pub fn with(mut self, class: StepClass, label: Option<&str>, globs: &[String]) -> Self {
        self.0.push(Rule {
            class,
            label: label.map(str::to_lowercase),
            files: (!globs.is_empty()).then(|| Files::new(globs.iter().map(String::as_str))),
        });
        self
    }

    /// The class of a step: of the first rule that holds, else what the plan says.
    ///
    /// A step that names no files may change all of the plan's, so that no globs cover it.
    pub fn class_of(&self, step: &Step, labels: &[String]) -> StepClass {
        let holds = |rule: &&Rule| {
            let labeled = rule
                .label
                .as_ref()
                .is_none_or(|wanted| labels.iter().any(|label| label.to_lowercase() == *wanted));
            let covered = rule.files.as_ref().is_none_or(|files| {
                !step.files.is_empty()
                    && step
                        .files
                        .iter()
                        .all(|file| files.touches(file.trim_end_matches('/')))
            });
            labeled && covered
        };
        self.0.iter().find(holds).map_or(step.class, |rule| rule.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(class: StepClass, files: &[&str]) -> Step {
        Step {
            id: 1,
            title: "A".to_owned(),
            class,
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            needs: Vec::new(),
        }
    }

    #[test]
    fn the_first_rule_that_holds_decides_and_else_the_plan() {
        use StepClass::{Content, Design, Logic, Tests};
        let globs = |globs: &[&str]| -> Vec<String> { globs.iter().map(|glob| (*glob).to_owned()).collect() };
        let rules = ClassRules::default()
            .with(Design, None, &globs(&["**/*.css", "web/**"]))
            .with(Content, Some("Copy"), &[])
            .with(Tests, Some("qa"), &globs(&["tests/**"]));
        for (files, labels, wanted) in [
            (&["web/a.css"][..], &[][..], Design),
            (&["**/*.css"], &[], Design),
            (&["a.css", "src/a.rs"], &[], Logic),
            (&[], &[], Logic),
            (&["src/a.rs"], &["copy"], Content),
            (&["a.css"], &["copy"], Design),
            (&["tests/a.rs"], &["qa"], Tests),
            (&["src/a.rs"], &["qa"], Logic),
            (&["tests/a.rs"], &[], Logic),
        ] {
            let labels: Vec<String> = labels.iter().map(|label: &&str| (*label).to_owned()).collect();
            assert_eq!(
                rules.class_of(&step(Logic, files), &labels),
                wanted,
                "{files:?} {labels:?}"
            );
        }
    }
}
