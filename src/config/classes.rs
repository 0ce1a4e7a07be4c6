//! How the steps of plans are classed, and the candidates that classes have of their own.

use std::collections::BTreeMap;

use globset::Glob;

use super::file::Reader;
use super::value;
use super::wire::{self, Text};
use crate::contract::StepClass;
use crate::suggest;

/// How the steps of plans are classed, and the candidates that classes have of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Classes {
    /// The rules, the first that holds first.
    pub rules: Vec<ClassRule>,
    /// The candidates of a class as they were written, best first; they take the place of its role's.
    pub routes: BTreeMap<StepClass, Vec<String>>,
}

/// A rule for the class of steps. What it names must hold together; it names at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassRule {
    /// The class.
    pub class: StepClass,
    /// The issue must carry this label.
    pub label: Option<String>,
    /// The step names files, and these globs cover all of them.
    pub files: Vec<String>,
}

/// Reads the operator's section.
pub(super) fn classes(reader: &mut Reader<'_>, file: &wire::Classes) -> Classes {
    let mut routes = BTreeMap::new();
    for (name, candidates) in &file.routes {
        let key = format!("classes.routes.{name}");
        let Some(first) = candidates.first() else {
            // There is no value to point at; an empty list is a class without a route of its own.
            continue;
        };
        match class(name) {
            Ok(class) => {
                routes.insert(class, reader.values(&key, candidates, value::text));
            }
            Err(why) => reader.refuse_at(first, &key, why, suggestion(name)),
        }
    }
    Classes {
        rules: rules(reader, &file.rules),
        routes,
    }
}

/// Reads rules, the operator's or a repository's.
pub(super) fn rules(reader: &mut Reader<'_>, rules: &[wire::ClassRule]) -> Vec<ClassRule> {
    let mut read = Vec::with_capacity(rules.len());
    for rule in rules {
        let of = match class(&rule.class.value) {
            Ok(of) => of,
            Err(why) => {
                let help = suggestion(&rule.class.value);
                reader.refuse_at(&rule.class, "classes.rules", why, help);
                continue;
            }
        };
        if rule.label.is_none() && rule.files.is_empty() {
            let message = "a rule wants a `label`, `files`, or both";
            reader.refuse_at(&rule.class, "classes.rules", message, None);
            continue;
        }
        read.push(ClassRule {
            class: of,
            label: reader.value("classes.rules.label", rule.label.as_ref(), value::text),
            files: globs(reader, &rule.files),
        });
    }
    read
}

fn globs(reader: &mut Reader<'_>, texts: &[Text]) -> Vec<String> {
    reader.values("classes.rules.files", texts, |text| match Glob::new(text) {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err("it wants a glob, such as `**/*.css`".to_owned()),
    })
}

fn class(name: &str) -> Result<StepClass, String> {
    StepClass::named(name).ok_or_else(|| {
        "there is no such class; there are `logic`, `design`, `content` and `tests`".to_owned()
    })
}

fn suggestion(name: &str) -> Option<String> {
    suggest::help(name, StepClass::ALL.map(StepClass::as_str))
}
