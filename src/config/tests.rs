//! Tests of the settings.

mod classes;
mod providers;

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::{Error, Harness, RepositoryConfig, Sandbox, Secret, Settings, example};
use crate::agent::Variables;
use crate::model::{AppId, MicroUsd, Role};

fn nothing(_: &str) -> Option<String> {
    None
}

fn read(text: &str) -> Result<Settings, Error> {
    Settings::parse("footplate.yml", text, Path::new("/etc/footplate"), nothing)
}

fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Error> {
    let env = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    Settings::parse("footplate.yml", text, Path::new("/etc/footplate"), env)
}

/// What is told about a text.
fn told(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn the_example_is_valid_and_says_what_it_says() {
    let settings = read(example()).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(settings.database_url, "sqlite:/var/lib/footplate/footplate.db");
    assert_eq!(settings.github.app_id, Some(AppId(12345)));
    assert_eq!(
        settings.harnesses["mine"],
        Harness::Command {
            argv: vec!["python3".into(), "agent.py".into()],
            variables: Variables::new(),
        }
    );
    assert_eq!(
        settings.providers["moonshot"].key,
        Some(Secret::Unset {
            variable: "MOONSHOT_API_KEY".into()
        })
    );
    assert_eq!(
        settings.routes[&Role::Implement],
        ["claude:moonshot/kimi-k2.6", "gemini:google/gemini-3.5-flash"]
    );
    assert_eq!(
        settings.guards.of("claude:moonshot/kimi-k2.6").wall,
        Duration::from_hours(1)
    );
    assert_eq!(
        settings.guards.of("claude:anthropic/claude-opus-5-5").wall,
        Duration::from_mins(30)
    );
    assert_eq!(settings.limits.run, Some(MicroUsd(5_000_000)));
    assert_eq!(settings.sandbox, Some(Sandbox::Auto));
    assert_eq!(settings.retention, Duration::from_hours(30 * 24));
}

#[test]
fn the_example_shows_the_defaults() {
    let (shown, default) = (read(example()).unwrap(), read("").unwrap());
    assert_eq!(shown.listen, default.listen);
    assert_eq!(shown.guards.all, default.guards.all);
    assert_eq!(
        (
            shown.guards.retry_delay,
            shown.guards.patience,
            shown.guards.status_pause
        ),
        (
            default.guards.retry_delay,
            default.guards.patience,
            default.guards.status_pause
        )
    );
    assert_eq!(
        shown.limits.concurrent_attempts,
        default.limits.concurrent_attempts
    );
    assert_eq!(
        (default.limits.run, default.limits.repository_day),
        (None, None),
        "there is no limit unless one is set"
    );
    assert_eq!(shown.labels, default.labels);
    assert_eq!(shown.bare_commands, default.bare_commands);
    assert_eq!(shown.retention, default.retention);
}

#[test]
fn without_a_file_the_environment_is_enough() {
    let settings = read_with(
        "",
        &[
            ("FOOTPLATE_LISTEN", "0.0.0.0:80"),
            ("FOOTPLATE_DATA_DIR", "/data"),
            ("FOOTPLATE_DATABASE_URL", "sqlite:/elsewhere/x.db"),
            ("FOOTPLATE_GITHUB_APP_ID", "7"),
            (
                "FOOTPLATE_GITHUB_PRIVATE_KEY",
                "-----BEGIN RSA PRIVATE KEY-----\\nabc\\n-----END RSA PRIVATE KEY-----",
            ),
            ("FOOTPLATE_GITHUB_WEBHOOK_SECRET", "hush"),
            ("FOOTPLATE_GITHUB_API_URL", "http://127.0.0.1:1/api/v3"),
            ("FOOTPLATE_GITHUB_URL", "http://127.0.0.1:1"),
            ("FOOTPLATE_GUARD_IDLE", "1s"),
            ("FOOTPLATE_LIMITS_RUN_USD", "0.25"),
            ("FOOTPLATE_LABELS_TRIGGER", "bot:go"),
            ("FOOTPLATE_COMMANDS_BARE", "false"),
            ("FOOTPLATE_SANDBOX", "none"),
        ],
    )
    .unwrap();
    assert_eq!(settings.database_url, "sqlite:/elsewhere/x.db");
    assert_eq!(settings.guards.all.idle, Duration::from_secs(1));
    assert_eq!(settings.limits.run, Some(MicroUsd(250_000)));
    assert_eq!(
        (settings.labels.trigger.as_str(), settings.bare_commands),
        ("bot:go", false)
    );
    assert_eq!(settings.github.api_url.as_str(), "http://127.0.0.1:1/api/v3");
    assert_eq!(settings.sandbox, Some(Sandbox::None));
    let app = settings.app().unwrap();
    assert_eq!(app.id, AppId(7));
    assert_eq!(app.webhook_secret.expose_secret(), "hush");
    assert!(app.private_key.expose_secret().contains("-----\nabc\n-----"));
}

#[test]
fn the_environment_wins_over_the_file_and_an_empty_variable_does_not() {
    let file = "listen: 127.0.0.1:1\nguard: {idle: 3m}\n";
    let settings = read_with(
        file,
        &[("FOOTPLATE_LISTEN", "127.0.0.1:2"), ("FOOTPLATE_GUARD_IDLE", "")],
    )
    .unwrap();
    assert_eq!(settings.listen.port(), 2);
    assert_eq!(settings.guards.all.idle, Duration::from_mins(3));
}

#[test]
fn data_goes_to_the_users_data_folder_where_nothing_is_said() {
    let dir = |variables: &[(&str, &str)]| read_with("", variables).unwrap().data_dir;
    assert_eq!(
        dir(&[("HOME", "/home/me")]),
        Path::new("/home/me/.local/share/footplate")
    );
    assert_eq!(
        dir(&[("HOME", "/home/me"), ("XDG_DATA_HOME", "/xdg")]),
        Path::new("/xdg/footplate")
    );
    assert_eq!(dir(&[]), Path::new(".footplate-data"));
    assert_eq!(
        read("data_dir: data\n").unwrap().data_dir,
        Path::new("/etc/footplate/data")
    );
}

#[test]
fn a_mistake_is_told_with_file_line_column_key_and_a_way_out() {
    insta::assert_snapshot!(told("listen: 127.0.0.1:3000\nguard:\n  idel: 10m\n"), @"footplate.yml:3:3: unknown key `idel` (did you mean `idle`?)");
    insta::assert_snapshot!(told("sandbox: nope\n"), @"footplate.yml:1:10: sandbox: it wants `auto`, `bubblewrap`, `landlock` or `none`");
    insta::assert_snapshot!(told("routes:\n  planing: [claude]\n"), @"footplate.yml:2:3: unknown name `planing` (did you mean `plan`?)");
    insta::assert_snapshot!(told("listen: a\nlisten: b\n"), @"footplate.yml:2:1: this key is given twice");
    insta::assert_snapshot!(told("harnesses: {mine: {kind: comand, argv: [x]}}\n"), @"footplate.yml:1:26: harnesses.mine.kind: there is no such kind of harness (did you mean `command`?)");
    insta::assert_snapshot!(told("harnesses: {mine: {kind: command, file: x}}\n"), @"footplate.yml:1:26: harnesses.mine: a harness of kind command wants `argv`, perhaps `env`, and nothing else (write `{kind: command, argv: [program, argument]}`)");
    insta::assert_snapshot!(told("harnesses: {mine: {kind: scripted, file: x, env: {A: b}}}\n"), @"footplate.yml:1:26: harnesses.mine: a harness of kind scripted wants `file` and nothing else (write `{kind: scripted, file: story.yml}`)");
    insta::assert_snapshot!(told("harnesses: {mine: {kind: codex, argv: [x]}}\n"), @"footplate.yml:1:26: harnesses.mine: a harness of kind codex takes `program` and `login` and nothing else (write `{kind: codex, program: /opt/codex}`)");
    insta::assert_snapshot!(told("harnesses: {mine: {kind: acp, argv: [x], env: {A: \"{model_ulr}\"}}}\n"), @"footplate.yml:1:51: harnesses.mine.env.A: there is nothing of the name `model_ulr` to put between braces (did you mean `model_url`?)");
    insta::assert_snapshot!(told("harnesses: {mine: {kind: acp, argv: [x], env: {FOOTPLATE_SECRET: a}}}\n"), @"footplate.yml:1:66: harnesses.mine.env.FOOTPLATE_SECRET: variables of Footplate's own hold secrets and are never passed on");
    insta::assert_snapshot!(told("providers: {x: {base_url: \"https://x\"}}\n"), @"footplate.yml:1:27: providers.x: `dialect` and `base_url` are written together (several dialects of one provider are `base_urls: {anthropic: …, openai: …}`)");
    insta::assert_snapshot!(told("listen: [1]\n"), @"footplate.yml:1:9: one value would belong here");
    insta::assert_snapshot!(told("routes: {plan: claude}\n"), @"footplate.yml:1:16: a list would belong here");
    insta::assert_snapshot!(told("guard: [1]\n"), @"footplate.yml:1:8: keys and values would belong here");
    insta::assert_snapshot!(told("guard: {idle: 1s\n"), @"footplate.yml:1:8: this is not well-formed YAML");
}

#[test]
fn a_key_without_a_value_is_a_key_left_out() {
    let settings = read("listen:\ngithub:\nguard:\n  idle:\nallowed_bots:\nroutes:\n").unwrap();
    assert_eq!(settings.guards, read("").unwrap().guards);
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let error = read_with(
        "guard:\n  wall: soon\nlimits:\n  run_usd: much\n  concurrent_attempts: 0\ngithub: {api_url: github.com}\n",
        &[("FOOTPLATE_LISTEN", "here")],
    )
    .unwrap_err();
    insta::assert_snapshot!(error.to_string(), @r"
    footplate.yml:2:9: guard.wall: it wants a whole number with a unit, such as `120s`, `10m`, `2h` or `14d`
    footplate.yml:4:12: limits.run_usd: it wants an amount in US dollars, such as `5` or `0.50`
    footplate.yml:5:24: limits.concurrent_attempts: it wants a whole number from 1
    footplate.yml:6:19: github.api_url: it wants an address such as `https://api.github.com`
    FOOTPLATE_LISTEN: it wants an IP address and a port, such as `127.0.0.1:3000`
    ");
}

#[test]
fn no_message_and_no_debug_print_repeats_a_secret() {
    let files = [
        "github: {webhook_secret: [hunter2]}",
        "github: {webhook_secret: {hunter2: hunter2}}",
        "github:\n  webhook_secret: \"hunter2\n",
        "github: {webhook_secret: 'env:hunter2 not a name'}",
        "github: {app_id: hunter2}",
        "providers: {x: {dialect: anthropic, base_url: \"https://me:hunter2@host\", key: a}}",
        "providers: {x: {dialect: anthropic, base_url: \"https://host\", key: [hunter2]}}",
    ];
    for file in files {
        let error = read(file).unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("hunter2"),
            "{file}\n{error:?}"
        );
    }
    let settings = read("github: {app_id: 1, private_key: hunter2, webhook_secret: hunter2}").unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    let error = settings.app().unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("hunter2"),
        "a key pasted where a path belongs: {error}"
    );
}

#[test]
fn what_a_server_lacks_is_told_with_the_variable_that_would_set_it() {
    let settings = read("github: {webhook_secret: env:MY_SECRET}\n").unwrap();
    insta::assert_snapshot!(settings.app().unwrap_err().to_string(), @r"
    github.app_id: it is missing (set it in the file or as FOOTPLATE_GITHUB_APP_ID)
    github.private_key: it is missing (set it in the file or as FOOTPLATE_GITHUB_PRIVATE_KEY)
    github.webhook_secret: the environment variable MY_SECRET is not set
    ");
}

#[test]
fn a_swapped_model_fails_an_attempt_only_where_the_operator_says_so() {
    assert!(!read("").unwrap().guards.exact_model);
    assert!(read("guard: {exact_model: true}\n").unwrap().guards.exact_model);
    assert!(read("guard: {exact_model: perhaps}\n").is_err());
}

#[test]
fn hosts_that_children_may_reach_are_checked() {
    let settings = read("egress: {setup: [registry.npmjs.org, '*.crates.io:443'], agents: []}\n").unwrap();
    assert_eq!(settings.egress.setup.len(), 2);
    assert!(settings.egress.agents.is_empty());
    assert!(
        read("egress: {agents: ['10.0.0.1']}\n").is_err(),
        "an address is no host"
    );
}

#[test]
fn the_private_key_is_read_from_a_file_beside_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key.pem"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    let file = folder.path().join("footplate.yml");
    std::fs::write(
        &file,
        "github: {app_id: 1, private_key: key.pem, webhook_secret: s}\n",
    )
    .unwrap();
    let settings = Settings::load(Some(&file), nothing).unwrap();
    assert!(
        settings
            .app()
            .unwrap()
            .private_key
            .expose_secret()
            .contains("BEGIN PRIVATE KEY")
    );

    std::fs::write(folder.path().join("key.pem"), "nothing of the kind\n").unwrap();
    let error = settings.app().unwrap_err().to_string();
    assert!(error.contains("holds no PEM text"), "{error}");

    let absent = Settings::load(Some(&folder.path().join("absent.yml")), nothing)
        .unwrap_err()
        .to_string();
    assert!(absent.contains("absent.yml"), "{absent}");
}

#[test]
fn a_huge_file_and_a_bomb_of_aliases_are_refused() {
    assert!(told(&format!("# {}\n", "x".repeat(70_000))).contains("64 KiB"));
    let bomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n";
    read(bomb).unwrap_err();
    read(&format!("listen: {}", "[".repeat(5000))).unwrap_err();
}

fn server() -> Settings {
    read("routes: {plan: [a, b, c], validate: [a]}\nguard: {idle: 10m, failures: 2, candidates: {b: {idle: 3m}}}\nlimits: {run_usd: 5}\n")
        .unwrap()
}

fn repository(text: &str) -> RepositoryConfig {
    RepositoryConfig::parse(".github/footplate.yml", text).unwrap()
}

#[test]
fn a_repository_that_says_nothing_gets_the_servers_policy() {
    let effective = repository("").tighten(&server()).unwrap();
    assert_eq!(effective.routes, server().routes);
    assert_eq!(
        (effective.guards, effective.limits),
        (server().guards, server().limits)
    );
    assert!(effective.bare_commands);
}

#[test]
fn a_repository_can_select_reorder_and_be_stricter() {
    let effective = repository(
        "workflow: careful\nbase: develop\nsetup: [npm ci]\ntests: [npm test]\nprotected: ['migrations/**']\n\
         routes: {plan: [c, a]}\nguard: {idle: 5m, failures: 1, retry_delay: 1m, patience: 3d}\nlimits: {run_usd: 1}\ncommands: {bare: false}\n",
    )
    .tighten(&server())
    .unwrap();
    assert_eq!(effective.workflow.as_deref(), Some("careful"));
    assert_eq!(effective.base.unwrap().as_str(), "develop");
    assert_eq!(
        (effective.setup, effective.tests),
        (vec!["npm ci".to_owned()], vec!["npm test".to_owned()])
    );
    assert_eq!(effective.protected, ["migrations/**"]);
    assert_eq!(effective.routes[&Role::Plan], ["c", "a"]);
    assert_eq!(effective.routes[&Role::Validate], ["a"]);
    assert_eq!(effective.guards.of("a").idle, Duration::from_mins(5));
    assert_eq!(
        effective.guards.of("b").idle,
        Duration::from_mins(3),
        "the server's own exception is stricter still"
    );
    assert_eq!(effective.guards.of("b").failures, 1);
    assert_eq!(effective.guards.retry_delay, Duration::from_mins(1));
    assert_eq!(effective.guards.patience, Duration::from_hours(3 * 24));
    assert_eq!(effective.limits.run, Some(MicroUsd(1_000_000)));
    assert_eq!(effective.limits.repository_day, server().limits.repository_day);
    assert!(!effective.bare_commands);
}

#[test]
fn a_repository_that_would_loosen_the_policy_is_told_each_reason() {
    let mut strict = server();
    strict.bare_commands = false;
    let refused = repository(
        "routes: {plan: [a, gold], implement: [a], validate: []}\nguard: {idle: 11m, wall: 31m, failures: 3, first_byte: 3m, stream_idle: 2m, requests: 201, retry_delay: 1s, patience: 15d}\n\
         limits: {run_usd: 5.01, concurrent_attempts: 5}\ncommands: {bare: true}\n",
    )
    .tighten(&strict)
    .unwrap_err();
    insta::assert_snapshot!(refused.join("\n"), @r"
    `guard.idle: 11m` is longer than this server's 10m
    `guard.wall: 31m` is longer than this server's 30m
    `guard.failures: 3` is more than this server's 2
    `guard.first_byte: 3m` is longer than this server's 2m
    `guard.stream_idle: 2m` is longer than this server's 90s
    `guard.requests: 201` is more than this server's 200
    `guard.retry_delay: 1s` is shorter than this server's 2s
    `guard.patience: 15d` is longer than this server's 14d
    `limits.run_usd: $5.0100` is more than this server's $5.0000
    `limits.concurrent_attempts: 5` is more than this server's 4
    `commands.bare` cannot be turned on here: the server has it turned off
    `routes.plan` names `gold`, which this server does not offer for it; it offers `a`, `b`, `c`
    `routes.implement` names `a`, which this server does not offer for it; it offers nothing
    `routes.validate` is empty: leave it out, or name at least one candidate
    ");
}

#[test]
fn a_repository_cannot_say_what_only_the_server_decides() {
    for text in [
        "harnesses: {x: {kind: command, argv: [sh]}}",
        "providers: {}",
        "sandbox: none",
        "data_dir: /",
        "guard: {candidates: {a: {wall: 9h}}}",
        "guard: {status_pause: 9h}",
        "guard: {on: {budget: again}}",
        "github: {url: 'https://evil.example'}",
        "workflow: ../../etc/passwd",
        "base: '--upload-pack=x'",
        "protected: ['[']",
        "tests: ['']",
    ] {
        let error = RepositoryConfig::parse(".github/footplate.yml", text)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(".github/footplate.yml:1:"), "{text}: {error}");
    }
}

#[test]
fn the_operator_says_what_follows_from_a_class_of_failure() {
    use crate::run::{Failure, Reaction};
    let settings = read("guard: {on: {rate_limited: next, hang: ask}}\n").unwrap();
    let on = [
        (Failure::Hang, Reaction::Ask),
        (Failure::RateLimited, Reaction::Next),
    ];
    assert_eq!(settings.guards.on, std::collections::BTreeMap::from(on));
    insta::assert_snapshot!(
        read("guard:\n  on:\n    rate_limit: next\n    hang: shout\n").unwrap_err(),
        @"
    footplate.yml:3:17: guard.on.rate_limit: there is no such class of failure (did you mean `rate_limited`?)
    footplate.yml:4:11: guard.on.hang: it wants `again`, `pause`, `next`, `wait` or `ask`
    "
    );
}

#[test]
fn the_limits_of_the_wire_differ_by_candidate_and_a_repository_can_tighten_them() {
    let file = "guard: {first_byte: 1m, requests: 50, candidates: {b: {stream_idle: 5m, requests: 300}}}\n";
    let settings = read(file).unwrap();
    let minutes = Duration::from_mins;
    let of = |guards: &super::Guards, name: &str| {
        let guard = guards.of(name);
        (guard.first_byte, guard.stream_idle, guard.requests)
    };
    let ninety = Duration::from_secs(90);
    assert_eq!(of(&settings.guards, "a"), (minutes(1), ninety, 50));
    assert_eq!(of(&settings.guards, "b"), (minutes(1), minutes(5), 300));
    let tight = repository("guard: {first_byte: 30s, requests: 20}")
        .tighten(&settings)
        .unwrap();
    assert_eq!(of(&tight.guards, "b"), (Duration::from_secs(30), minutes(5), 20));
}
