//! Keeps the source tree in the shape that `ARCHITECTURE.md` promises.
//!
//! [`rules`] holds what is allowed, as tables; [`source`] reads just enough Rust to apply them.
//! Each finding says where, why, and what to do next.
//! Every rule is shown to bite on a small text before it is let loose on the tree.

mod rules;
mod source;

use std::path::Path;
use std::sync::LazyLock;

use rules::Finding;
use source::{Source, Tree};

/// All Rust files, read once.
static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::read(Path::new(env!("CARGO_MANIFEST_DIR"))));

/// A rule over one file.
type Rule = fn(&Source) -> Vec<Finding>;

#[track_caller]
fn check(rule: Rule) {
    assert!(
        TREE.files.len() > 100,
        "the tree is read at all: {}",
        TREE.files.len()
    );
    settle(TREE.files.iter().flat_map(rule).collect());
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "findings end here")]
fn settle(findings: Vec<Finding>) {
    let text: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(text.is_empty(), "\n{}\n", text.join("\n"));
}

#[test]
fn modules_import_only_what_stands_below_them() {
    check(rules::floors);
}

#[test]
fn every_module_stands_on_a_floor() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lib = std::fs::read_to_string(root.join("src/lib.rs")).expect("src/lib.rs can be read");
    settle(rules::unplaced(&Source::parse("src/lib.rs", &lib)));
}

#[test]
fn libraries_are_named_only_by_the_modules_that_own_them() {
    check(rules::libraries);
}

#[test]
fn the_lower_floors_are_pure() {
    check(rules::purity);
}

#[test]
fn only_the_store_speaks_sql() {
    check(rules::sql);
}

#[test]
fn every_file_begins_with_its_story() {
    check(rules::story);
}

#[test]
fn no_file_is_a_drawer_for_odds_and_ends() {
    check(rules::names);
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    check(rules::leftovers);
}

#[test]
fn files_stay_small() {
    check(rules::size);
}

#[test]
fn the_changelog_has_a_place_for_what_is_not_released() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("CHANGELOG.md")).expect("CHANGELOG.md can be read");
    settle(rules::changelog(&text));
}

#[test]
fn documents_name_only_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut findings = Vec::new();
    for (path, text) in source::documents(root) {
        findings.extend(rules::links(&path, &text, &|target| root.join(target).exists()));
    }
    settle(findings);
}

#[test]
fn the_settings_to_begin_with_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let settings = footplate::config::Settings::load(Some(&root.join("footplate.yml")), |name| {
        (name == "FOOTPLATE_SECRET").then(|| "secret".to_owned())
    });
    settings.unwrap_or_else(|error| panic!("deploy/footplate.yml: {error}"));
}

#[test]
fn the_examples_in_the_documents_are_valid() {
    use footplate::{config::RepositoryConfig, contract::declared_fields, workflow};

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for (path, text) in source::documents(root) {
        for (kind, line, example) in source::examples(&text) {
            seen += 1;
            let place = format!("{path}:{line}");
            match kind.as_str() {
                "repository" => {
                    drop(RepositoryConfig::parse(&place, &example).unwrap_or_else(|e| panic!("{e}")));
                }
                "workflow" => drop(
                    workflow::parse(&example, &place, &declared_fields).unwrap_or_else(|e| panic!("{e:#?}")),
                ),
                other => panic!("{place}: nothing is known about examples of {other}"),
            }
        }
    }
    assert_eq!(seen, 2, "the examples are found");
}

#[test]
fn both_places_that_install_cargo_deny_agree_on_its_version() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path| std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let script = read("scripts/test");
    let version = script
        .lines()
        .find_map(|line| line.strip_prefix("cargo_deny_version="))
        .expect("scripts/test pins cargo-deny");
    let wanted = format!("cargo-deny --locked --version {version} ");
    assert!(
        read(".github/workflows/ci.yml").contains(&wanted),
        ".github/workflows/ci.yml installs another cargo-deny than scripts/test; it should say `{wanted}`"
    );
}

#[test]
fn the_image_is_built_with_the_toolchain_of_the_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path| std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let toolchain = read("rust-toolchain.toml");
    let version = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"'))
        .expect("rust-toolchain.toml names a channel");
    let image = read("deploy/Dockerfile");
    for wanted in [
        format!("FROM rust:{version}-"),
        format!("RUSTUP_TOOLCHAIN={version} "),
    ] {
        assert!(
            image.contains(&wanted),
            "deploy/Dockerfile should say `{wanted}`, as rust-toolchain.toml does"
        );
    }
}

/// What a unit of systemd may not have, or the sandbox does not work: covers over `/proc`, fewer system calls and
/// kinds of sockets than bubblewrap and Landlock make.
#[test]
fn the_unit_leaves_room_for_the_sandbox() {
    let unit =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/footplate.service"));
    let unit = unit.expect("deploy/footplate.service can be read");
    let values = |key: &str| -> Vec<&str> {
        let lines = unit.lines().filter_map(|line| line.split_once('='));
        let of_key = lines.filter(|(name, _)| *name == key);
        of_key.flat_map(|(_, value)| value.split_whitespace()).collect()
    };
    let covers = [
        "ProtectProc",
        "ProcSubset",
        "ProtectKernelTunables",
        "ProtectKernelLogs",
        "ProtectHostname",
        "RestrictNamespaces",
    ];
    for key in covers {
        assert_eq!(values(key), [""; 0], "{key} keeps bubblewrap from mounting /proc");
    }
    let calls = values("SystemCallFilter");
    let wanted = [
        "@system-service",
        "@mount",
        "sethostname",
        "seccomp",
        "landlock_restrict_self",
    ];
    for call in wanted {
        assert!(calls.contains(&call), "{call} is not allowed: {calls:?}");
    }
    assert!(values("RestrictAddressFamilies").contains(&"AF_NETLINK"));
}

/// The rules, each made to bite once.
mod bites {
    use super::rules;
    use super::source::Source;

    fn found(rule: super::Rule, path: &str, text: &str) -> Vec<String> {
        rule(&Source::parse(path, text))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[track_caller]
    fn bites(rule: super::Rule, path: &str, text: &str, beginning: &str) {
        let found = found(rule, path, text);
        assert!(
            found.len() == 1 && found[0].starts_with(beginning),
            "one finding that begins {beginning:?}, not {found:?}"
        );
    }

    #[track_caller]
    fn passes(rule: super::Rule, path: &str, text: &str) {
        assert_eq!(found(rule, path, text), Vec::<String>::new());
    }

    #[test]
    fn an_import_of_a_sibling_on_floor_two() {
        bites(
            rules::floors,
            "src/git/mirror.rs",
            "//! m\nuse crate::store::Database;\n",
            "src/git/mirror.rs:2: `git` (floor 2) imports `store` (floor 2)",
        );
    }

    #[test]
    fn an_import_from_above_within_a_group() {
        bites(
            rules::floors,
            "src/run/mod.rs",
            "//! m\nuse crate::{\n    model::RunId,\n    engine::{Book, Pump},\n};\n",
            "src/run/mod.rs:4: `run` (floor 1) imports `engine` (floor 4)",
        );
    }

    #[test]
    fn an_import_in_the_middle_of_code_and_by_way_of_super() {
        bites(
            rules::floors,
            "src/model/id.rs",
            "//! m\nfn f() { crate::git::version() }\n",
            "src/model/id.rs:2: `model` (floor 0) imports `git`",
        );
        bites(
            rules::floors,
            "src/model/id.rs",
            "//! m\nuse super::super::git::Git;\n",
            "src/model/id.rs:2: `model` (floor 0) imports `git`",
        );
        passes(
            rules::floors,
            "src/rehearsal/rest/apps.rs",
            "//! m\nuse super::super::world::App;\n",
        );
        passes(
            rules::floors,
            "src/agent/mod.rs",
            "//! m\nuse super::model::RunId;\n",
        );
    }

    #[test]
    fn a_foreign_file_taken_in_by_path() {
        bites(
            rules::floors,
            "src/run/mod.rs",
            "//! m\n#[path = \"../store/log.rs\"]\nmod log;\n",
            "src/run/mod.rs:2: a module is taken from another folder",
        );
    }

    #[test]
    fn the_rehearsal_may_not_lean_on_the_code_it_checks() {
        bites(
            rules::floors,
            "src/rehearsal/hooks.rs",
            "//! m\nuse crate::github::Door;\n",
            "src/rehearsal/hooks.rs:2: `rehearsal` (floor 5) imports `github`",
        );
    }

    #[test]
    fn words_in_comments_strings_and_tests_are_no_imports() {
        passes(
            rules::floors,
            "src/model/id.rs",
            "//! [`crate::store`]\n/* use crate::store; */\nconst A: &str = \"crate::store\";\n\
             const B: &str = r#\"a \" crate::store\"#;\nconst C: char = '\"';\nfn f<'a>(x: &'a str) {}\n\
             #[cfg(test)]\nmod tests {\n    use crate::store::Database;\n}\n",
        );
        bites(
            rules::floors,
            "src/model/id.rs",
            "//! m\n#[cfg(test)]\nmod tests;\nuse crate::store::Database;\n",
            "src/model/id.rs:4:",
        );
    }

    #[test]
    fn a_module_without_a_floor() {
        let found = rules::unplaced(&Source::parse(
            "src/lib.rs",
            "//! m\npub mod model;\npub mod extras;\n",
        ));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(
            found[0].starts_with("src/lib.rs:3: `extras` stands on no floor"),
            "{found:?}"
        );
        assert!(
            found
                .iter()
                .any(|f| f.contains("`store` has a floor and is no module")),
            "{found:?}"
        );
    }

    #[test]
    fn a_library_named_by_the_wrong_module() {
        bites(
            rules::libraries,
            "src/engine/driver.rs",
            "//! m\nuse sqlx::Row;\n",
            "src/engine/driver.rs:2: `engine` names `sqlx`",
        );
        bites(
            rules::libraries,
            "src/server/mod.rs",
            "//! m\nlet c = std::process::Command::new(x);\n",
            "src/server/mod.rs:2: `server` names `std::process::Command`",
        );
        passes(rules::libraries, "src/store/log.rs", "//! m\nuse sqlx::Row;\n");
        passes(
            rules::libraries,
            "src/server/mod.rs",
            "//! m\nuse crate::axum::Row;\nlet ax = my_sqlx::go();\n",
        );
    }

    #[test]
    fn input_and_output_on_a_pure_floor() {
        bites(
            rules::purity,
            "src/run/decide/mod.rs",
            "//! m\nlet a = std::fs::read(path);\n",
            "src/run/decide/mod.rs:2: `run` names `std::fs`",
        );
        passes(rules::purity, "src/model/time.rs", "//! m\nSystemTime::now()\n");
        passes(rules::purity, "src/store/log.rs", "//! m\nuse tokio::time;\n");
    }

    #[test]
    fn a_statement_outside_the_store() {
        bites(
            rules::sql,
            "src/engine/book.rs",
            "//! m\nlet q = \"SELECT id FROM runs\";\n",
            "src/engine/book.rs:2: `engine` holds an SQL statement",
        );
        passes(
            rules::sql,
            "src/store/log.rs",
            "//! m\nlet q = \"SELECT id FROM runs\";\n",
        );
        passes(
            rules::sql,
            "src/engine/book.rs",
            "//! m\nlet q = \"Select a candidate\";\n",
        );
    }

    #[test]
    fn a_file_without_a_story() {
        bites(
            rules::story,
            "src/git/mirror.rs",
            "use a::b;\n",
            "src/git/mirror.rs:1: no story",
        );
        passes(rules::story, "src/git/mirror.rs", "//! Mirrors.\n");
    }

    #[test]
    fn a_drawer() {
        bites(
            rules::names,
            "src/git/utils.rs",
            "//! m\n",
            "src/git/utils.rs:1: `utils` says nothing",
        );
        bites(
            rules::names,
            "src/common/git.rs",
            "//! m\n",
            "src/common/git.rs:1: `common` says nothing",
        );
        bites(
            rules::names,
            "src/git/slot_manager.rs",
            "//! m\n",
            "src/git/slot_manager.rs:1: `manager`",
        );
        passes(rules::names, "src/git/mirror.rs", "//! m\n");
    }

    #[test]
    fn a_note_for_later() {
        let note = concat!("//! m\n// TO", "DO: later\n");
        bites(
            rules::leftovers,
            "src/git/mirror.rs",
            note,
            "src/git/mirror.rs:2: a note for later",
        );
        passes(
            rules::leftovers,
            "src/git/mirror.rs",
            "//! m\n// todo list of the person\n",
        );
    }

    #[test]
    fn a_file_that_grew_too_long() {
        let long = |lines: usize| "//! m\n".repeat(lines);
        bites(
            rules::size,
            "src/git/mirror.rs",
            &long(601),
            "src/git/mirror.rs:601: more than 600 lines",
        );
        passes(rules::size, "src/git/mirror.rs", &long(600));
        passes(rules::size, "src/git/tests/mirrors.rs", &long(601));
        bites(
            rules::size,
            "src/git/tests.rs",
            &long(1201),
            "src/git/tests.rs:1201: more than 1200 lines",
        );
    }

    #[test]
    fn a_changelog_without_an_open_section() {
        assert_eq!(rules::changelog("# Changelog\n\n## [0.1.0]\n").len(), 1);
        assert_eq!(rules::changelog("# Changelog\n\n## [Unreleased]\n").len(), 0);
    }

    #[test]
    fn a_document_that_names_a_file_that_is_gone() {
        let text = "See [here](docs/gone.md#part) and [there](https://example.com/x) and `src/gone.rs`.\n\
                    ```\n[not](a/link.md)\n```\n";
        let found = rules::links("docs/x.md", text, &|_| false);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("docs/x.md:1: `docs/docs/gone.md` does not exist"),
            "{found:?}"
        );
        assert!(
            found[1].starts_with("docs/x.md:1: `src/gone.rs` does not exist"),
            "{found:?}"
        );
        assert!(rules::links("docs/x.md", text, &|_| true).is_empty());
        assert!(rules::links("a/b.md", "[up](../src)", &|target| target == "src").is_empty());
    }
}
