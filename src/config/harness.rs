//! The `harnesses` of the settings.

use std::collections::BTreeMap;

use crate::agent::{Cli, Filled, Variables};
use crate::suggest;

use super::load::Load;
use super::settings::Harness;
use super::value;
use super::wire::{self, Text};

/// The keys of a harness beside its kind, as they are written.
const KEYS: [&str; 5] = ["argv", "env", "file", "login", "program"];

/// A kind of harness: what it must be given, what it may be given, and how it is written.
struct Kind {
    wants: &'static [&'static str],
    may: &'static [&'static str],
    example: &'static str,
}

fn kind(name: &str) -> Option<Kind> {
    let (wants, may, example): (&[_], &[_], _) = match name {
        "command" => (&["argv"], &["env"], "{kind: command, argv: [program, argument]}"),
        "acp" => (&["argv"], &["env"], "{kind: acp, argv: [program, acp]}"),
        "scripted" => (&["file"], &[], "{kind: scripted, file: story.yml}"),
        cli if Cli::named(cli).is_some() => {
            (&[], &["program", "login"], "{kind: claude, program: /opt/claude}")
        }
        _ => return None,
    };
    Some(Kind { wants, may, example })
}

impl<E: Fn(&str) -> Option<String>> Load<'_, E> {
    /// One harness; `None`, with a problem noted, where it is wrong.
    pub(super) fn harness(&mut self, name: &str, file: &wire::Harness) -> Option<Harness> {
        let key = format!("harnesses.{name}");
        if !value::is_word(name) {
            let message = "a harness's name is a word of lower-case letters, digits, `-` and `_`";
            self.reader.refuse_at(&file.kind, &key, message, None);
            return None;
        }
        let Some(kind) = kind(&file.kind.value) else {
            let kinds = ["command", "acp", "scripted"].into_iter();
            let help = suggest::help(&file.kind.value, kinds.chain(Cli::ALL.map(Cli::as_str)));
            let at = format!("{key}.kind");
            self.reader
                .refuse_at(&file.kind, &at, "there is no such kind of harness", help);
            return None;
        };
        let given = [
            !file.argv.is_empty(),
            !file.env.is_empty(),
            file.file.is_some(),
            file.login.is_some(),
            file.program.is_some(),
        ];
        let given: Vec<&str> = KEYS
            .into_iter()
            .zip(given)
            .filter_map(|(key, given)| given.then_some(key))
            .collect();
        let missing = kind.wants.iter().any(|key| !given.contains(key));
        let foreign = given
            .iter()
            .any(|key| !kind.wants.contains(key) && !kind.may.contains(key));
        if missing || foreign {
            let message = told(&file.kind.value, &kind);
            let help = Some(format!(
                "write `{}`",
                kind.example.replace("claude", &file.kind.value)
            ));
            self.reader.refuse_at(&file.kind, &key, &message, help);
            return None;
        }
        let argv = || file.argv.iter().map(|text| text.value.clone()).collect();
        Some(match file.kind.value.as_str() {
            "command" => Harness::Command {
                argv: argv(),
                variables: self.variables(&key, &file.env),
            },
            "acp" => Harness::Acp {
                argv: argv(),
                variables: self.variables(&key, &file.env),
            },
            "scripted" => Harness::Scripted {
                file: self.folder.join(&file.file.as_ref()?.value),
            },
            cli => Harness::Cli {
                cli: Cli::named(cli)?,
                program: file.program.as_ref().map(|text| text.value.clone()),
                login: file.login.as_ref().map(|text| self.folder.join(&text.value)),
            },
        })
    }

    /// The variables of a harness.
    fn variables(&mut self, key: &str, file: &BTreeMap<String, Text>) -> Variables {
        let mut variables = Variables::new();
        for (name, text) in file {
            let at = format!("{key}.env.{name}");
            if let Err(why) = value::variable(name) {
                self.reader.refuse_at(text, &at, &why, None);
                continue;
            }
            match Filled::parse(&text.value) {
                Ok(filled) => {
                    variables.insert(name.clone(), filled);
                }
                Err(place) => {
                    let message = if place.is_empty() {
                        "a brace is opened and not closed".to_owned()
                    } else {
                        format!("there is nothing of the name `{place}` to put between braces")
                    };
                    let help = suggest::help(&place, Filled::places());
                    self.reader.refuse_at(text, &at, &message, help);
                }
            }
        }
        variables
    }
}

fn told(name: &str, kind: &Kind) -> String {
    let list = |keys: &[&str]| {
        keys.iter()
            .map(|key| format!("`{key}`"))
            .collect::<Vec<_>>()
            .join(" and ")
    };
    match (kind.wants, kind.may) {
        ([], may) => format!("a harness of kind {name} takes {} and nothing else", list(may)),
        (wants, []) => format!("a harness of kind {name} wants {} and nothing else", list(wants)),
        (wants, may) => format!(
            "a harness of kind {name} wants {}, perhaps {}, and nothing else",
            list(wants),
            list(may)
        ),
    }
}
