//! What the tree must look like, as tables, and the rules that apply them.

use std::fmt;

use super::source::Source;

/// The modules and their floors, in reading order, with the neighbors on the same floor that they may know.
const FLOORS: &[(&str, u8, &[&str])] = &[
    ("model", 0, &[]),
    ("room", 0, &[]),
    ("suggest", 0, &[]),
    ("yaml", 0, &[]),
    ("workflow", 1, &[]),
    ("route", 1, &[]),
    ("command", 1, &[]),
    ("contract", 1, &[]),
    ("ledger", 1, &[]),
    ("run", 1, &["workflow", "route", "command", "ledger"]),
    (
        "report",
        1,
        &["workflow", "route", "command", "contract", "ledger", "run"],
    ),
    ("github", 2, &[]),
    ("git", 2, &[]),
    ("agent", 2, &[]),
    ("meter", 2, &[]),
    ("store", 2, &[]),
    ("config", 3, &[]),
    ("publish", 3, &[]),
    ("engine", 4, &[]),
    ("server", 5, &[]),
    ("rehearsal", 5, &[]),
    ("cli", 6, &[]),
];

/// Lower modules that a module must not use although its floor would allow it, with the reason.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    (
        "rehearsal",
        "github",
        "the stand-in checks signatures and tokens with code of its own, or it would share the mistakes it looks for",
    ),
    (
        "rehearsal",
        "meter",
        "the endpoint tells and counts tokens with code of its own, or it would share the mistakes it looks for",
    ),
    (
        "rehearsal",
        "agent",
        "the endpoint plays the model for whoever asks, and must not know how agents are started or read",
    ),
];

/// Libraries and the modules that may name them. The rehearsal checks independently, so it owns copies.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("octocrab", &["github"]),
    ("jsonwebtoken", &["github", "rehearsal"]),
    ("hmac", &["github", "rehearsal"]),
    ("sha2", &["github", "model", "rehearsal"]),
    ("sha1", &["rehearsal"]),
    ("strsim", &["suggest", "command"]),
    ("serde_saphyr", &["yaml", "config", "agent", "github"]),
    ("hyper", &["meter"]),
    ("hyper_util", &["github", "meter"]),
    ("hyper_rustls", &["github", "meter"]),
    ("reqwest", &["rehearsal", "agent"]),
    ("agent_client_protocol", &["agent"]),
    ("landlock", &["agent"]),
    ("seccompiler", &["agent"]),
    ("git2", &["git", "rehearsal"]),
    ("sqlx", &["store"]),
    ("lz4_flex", &["store"]),
    ("axum", &["server", "meter", "rehearsal"]),
    ("nix", &["agent", "git"]),
    ("clap", &["cli"]),
    ("anyhow", &["cli"]),
    ("tracing_subscriber", &["cli"]),
    ("std::process::Command", &["agent", "git"]),
    ("tokio::process", &["agent", "git", "rehearsal"]),
];

/// What the floors 0 and 1 have no use for: time, chance and the outside come in as arguments.
const IMPURE: &[&str] = &[
    "tokio",
    "tracing",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "rand",
    "tempfile",
];

/// The beginnings of SQL statements; in capitals, as the store writes them.
const STATEMENTS: &[&str] = &[
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
];

/// Names of drawers; what is put into one belongs to an idea with a name.
const DRAWERS: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "impl",
];

/// Lines of a file: beyond about 400 it usually holds two ideas, beyond this it surely does.
const LONGEST: usize = 600;

/// Lines of a file with tests, which reads like a list.
const LONGEST_TEST: usize = 1200;

/// Something that is not as it should be.
#[derive(Debug)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    why: String,
    next: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}. {}.", self.path, self.line, self.why, self.next)
    }
}

fn finding(source: &Source, line: usize, why: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding {
        path: source.path.clone(),
        line,
        why: why.into(),
        next: next.into(),
    }
}

/// A module imports what stands below it, and named neighbors.
pub(crate) fn floors(source: &Source) -> Vec<Finding> {
    let Some((module, floor, neighbors)) = place(source) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (line, other) in source.imports() {
        let Some((_, below, _)) = FLOORS.iter().find(|(name, ..)| *name == other) else {
            continue;
        };
        let forbidden = FORBIDDEN
            .iter()
            .find(|(who, whom, _)| *who == module && *whom == other);
        if let Some((_, _, reason)) = forbidden {
            let why = format!("`{module}` (floor {floor}) imports `{other}`, and must not: {reason}");
            found.push(finding(source, line, why, "Write the part that is needed here"));
        } else if other != module && *below >= floor && !neighbors.contains(&other.as_str()) {
            found.push(finding(
                source,
                line,
                format!("`{module}` (floor {floor}) imports `{other}` (floor {below}), which does not stand below it"),
                format!("Take plain data as an argument, or move the code to where both may be known, above `{other}`"),
            ));
        }
    }
    for (line, text) in source.text.lines().enumerate() {
        let Some(target) = text
            .trim()
            .strip_prefix("#[path = \"")
            .and_then(|t| t.strip_suffix("\"]"))
        else {
            continue;
        };
        let why = format!("a module is taken from another folder, {target}");
        let next = "Import it from its owner, or give it a module of its own on a lower floor";
        found.push(finding(source, line + 1, why, next));
    }
    found
}

/// The crate's root declares the modules that have a floor, and no others.
pub(crate) fn unplaced(lib: &Source) -> Vec<Finding> {
    let declared: Vec<(usize, &str)> = lib
        .code
        .lines()
        .enumerate()
        .filter_map(|(at, line)| Some((at + 1, line.trim().strip_prefix("pub mod ")?.strip_suffix(';')?)))
        .collect();
    let mut found = Vec::new();
    for (line, name) in &declared {
        if !FLOORS.iter().any(|(known, ..)| known == name) {
            let next = "Give it one in FLOORS of tests/it/tidy/rules.rs and in ARCHITECTURE.md";
            found.push(finding(lib, *line, format!("`{name}` stands on no floor"), next));
        }
    }
    for (name, floor, _) in FLOORS {
        if !declared.iter().any(|(_, known)| known == name) {
            let next = format!("Declare it in src/lib.rs under floor {floor}, or take it out of FLOORS");
            found.push(finding(
                lib,
                1,
                format!("`{name}` has a floor and is no module"),
                next,
            ));
        }
    }
    found
}

/// A library is named by its owners.
pub(crate) fn libraries(source: &Source) -> Vec<Finding> {
    let Some((module, ..)) = place(source) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (library, owners) in LIBRARIES.iter().filter(|(_, owners)| !owners.contains(&module)) {
        for line in source.names(library) {
            let why = format!(
                "`{module}` names `{library}`, which belongs to {}",
                listed(owners)
            );
            let next = "Ask the owner for what is needed, in words of the project";
            found.push(finding(source, line, why, next));
        }
    }
    found
}

/// The floors 0 and 1 do nothing but compute.
pub(crate) fn purity(source: &Source) -> Vec<Finding> {
    let Some((module, 0 | 1, _)) = place(source) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for name in IMPURE {
        for line in source.names(name) {
            let why = format!("`{module}` names `{name}`, but the floors 0 and 1 are pure");
            found.push(finding(
                source,
                line,
                why,
                "Let the caller do it and pass in the result",
            ));
        }
    }
    found
}

/// Statements are kept in the store.
pub(crate) fn sql(source: &Source) -> Vec<Finding> {
    let Some((module, ..)) = place(source).filter(|(module, ..)| *module != "store") else {
        return Vec::new();
    };
    let statement = |text: &str| STATEMENTS.iter().any(|s| text.trim_start().starts_with(s));
    let why = format!("`{module}` holds an SQL statement, and only `store` speaks SQL");
    let texts = source.texts.iter().filter(|(_, text)| statement(text));
    texts
        .map(|(line, _)| {
            finding(
                source,
                *line,
                &*why,
                "Put a question into words in src/store/journal.rs",
            )
        })
        .collect()
}

/// A file says first what it is for; a module's own tests are for the module.
pub(crate) fn story(source: &Source) -> Vec<Finding> {
    if source.text.starts_with("//! ") || (source.test && source.path.starts_with("src/")) {
        return Vec::new();
    }
    let next = "Begin with `//! ` and one sentence about its purpose";
    vec![finding(source, 1, "no story at the beginning of the file", next)]
}

/// A file is named by its idea.
pub(crate) fn names(source: &Source) -> Vec<Finding> {
    let words = source.path.trim_end_matches(".rs").split(['/', '_', '.']);
    let drawers = words.filter(|word| DRAWERS.contains(word));
    let next = "Name the idea, or put each part beside what it serves";
    drawers
        .map(|word| {
            finding(
                source,
                1,
                format!("`{word}` says nothing about what is inside"),
                next,
            )
        })
        .collect()
}

/// Comments do not promise.
pub(crate) fn leftovers(source: &Source) -> Vec<Finding> {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("HA", "CK:"),
    ];
    let next = "Do it, or file an issue and say in the code what holds today";
    let lines = source.text.lines().enumerate();
    lines
        .filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)))
        .map(|(at, _)| finding(source, at + 1, "a note for later", next))
        .collect()
}

/// A file holds one idea.
pub(crate) fn size(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    let longest = if source.test { LONGEST_TEST } else { LONGEST };
    if !source.path.starts_with("src/") || lines <= longest {
        return Vec::new();
    }
    let next = "Find the second idea in it and give it a file";
    vec![finding(source, lines, format!("more than {longest} lines"), next)]
}

/// What changes for users has a place to be told.
pub(crate) fn changelog(text: &str) -> Vec<Finding> {
    if text.lines().any(|line| line.trim() == "## [Unreleased]") {
        return Vec::new();
    }
    let why = "no section `## [Unreleased]`".to_owned();
    let next = "Add it above the newest release".to_owned();
    vec![Finding {
        path: "CHANGELOG.md".to_owned(),
        line: 1,
        why,
        next,
    }]
}

/// Relative links and quoted paths in a document lead somewhere.
pub(crate) fn links(path: &str, text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    let mut fenced = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let linked = line.split("](").skip(1).filter_map(|part| part.split(')').next());
        let linked = linked.filter(|target| !target.contains(':') && !target.starts_with('#'));
        let linked = linked.map(|target| joined(folder, target.split('#').next().unwrap_or_default()));
        let quoted = line
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| is_path(word))
            .map(str::to_owned);
        for target in linked.chain(quoted) {
            if !exists(&target) {
                let why = format!("`{target}` does not exist");
                let next = "Correct the document".to_owned();
                found.push(Finding {
                    path: path.to_owned(),
                    line: at + 1,
                    why,
                    next,
                });
            }
        }
    }
    found
}

/// Whether a quoted word names a file or folder of the repository.
fn is_path(word: &str) -> bool {
    let known = [
        "src/",
        "tests/",
        "docs/",
        "deploy/",
        "benches/",
        "scripts/",
        ".github/workflows/ci",
    ];
    known.iter().any(|folder| word.starts_with(folder)) && !word.contains(['*', ' ', '{', '<', '…', ':'])
}

/// A relative link, seen from the repository's root.
fn joined(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The row of the file's module; none for test code and outside the floors.
fn place(source: &Source) -> Option<(&'static str, u8, &'static [&'static str])> {
    let module = source.module().filter(|_| !source.test)?;
    FLOORS.iter().find(|(name, ..)| *name == module).copied()
}

fn listed(owners: &[&str]) -> String {
    let quoted: Vec<String> = owners.iter().map(|owner| format!("`{owner}`")).collect();
    quoted.join(" and ")
}
