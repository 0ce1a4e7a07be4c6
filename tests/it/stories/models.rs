//! The whole line with real agent programs: each asks its model through the meter, from inside the sandbox, and what
//! it wrote becomes a pull request.

use std::path::Path;
use std::time::Duration;

use footplate::model::TokenUsage;
use footplate::rehearsal::endpoint::{Endpoint, Fault, Scenario, Script, Strike, Turn};
use serde_json::Value;

use super::scripts;
use super::server;
use super::stage::{Set, Stage};

/// A provider's key: it must never be seen by an agent.
const KEY: &str = "sk-the-real-key-0123456789";

/// What each answer uses.
const EACH: TokenUsage = TokenUsage {
    input: 300,
    cache_read: 40,
    cache_write: 0,
    cache_write_hour: 0,
    output: 7,
    reasoning: 0,
};

/// A model that works as every program can: it looks, edits, and writes its artifacts.
fn model(name: &str) -> Script {
    let usage = || [EACH];
    let writes = |role: &str, artifact: Value| {
        let artifact = &artifact["artifact"];
        let path = format!(".footplate/{}", artifact["name"].as_str().expect("a name"));
        Scenario::role(role)
            .turn(Turn::read("words.txt"))
            .turn(Turn::write(&path, artifact["content"].as_str().expect("a text")))
            .turn(Turn::say("It is written down."))
            .usage(usage())
    };
    let implementation = &scripts::implementation()["artifact"];
    let implement = Scenario::role("implement")
        .turn(Turn::read("words.txt"))
        .turn(Turn::edit("words.txt", "one\nthree", "one\ntwo\nthree"))
        .turn(Turn::write(
            ".footplate/implementation.md",
            implementation["content"].as_str().expect("a text"),
        ))
        .turn(Turn::shell("grep -q two words.txt"))
        .turn(Turn::say("The word is added."))
        .usage(usage());
    let mut script = Script::of([
        writes("explore", scripts::exploration()),
        writes("plan", scripts::plan("Add the word two")),
        implement,
        writes("validate", scripts::validation("pass")),
    ])
    .key(KEY);
    script.models = vec![name.to_owned()];
    script
}

async fn from_label_to_pull_request(harness: &str, name: &str) {
    with(Set::new(), harness, name, &["anthropic", "openai", "gemini"]).await;
}

/// A set whose every role is played by this harness, with a model of the endpoint that speaks these dialects.
fn with_model(set: Set, endpoint: &Endpoint, harness: &str, name: &str, dialects: &[&str]) -> Set {
    let base = endpoint.address();
    let bases = dialects.iter().map(|dialect| {
        let version = if *dialect == "openai" { "/v1" } else { "" };
        format!("{dialect}: '{base}{version}'")
    });
    let bases = bases.collect::<Vec<_>>().join(", ");
    set.route(&format!("{harness}:scripted/{name}"))
        .settings(&format!(
            "providers:\n  scripted: {{base_urls: {{{bases}}}, key: {KEY}}}\n\
         prices:\n  scripted/{name}: {{input: 1, cache_read: 0.1, cache_write: 2, output: 10}}"
        ))
}

/// The attempts of the only run as the ledger has them.
async fn ledger(stage: &Stage) -> Vec<Value> {
    let (listed, runs) = server::run(&stage.settings(), &["--json", "runs", "list"]).await;
    assert!(listed, "{runs}");
    let runs: Value = serde_json::from_str(&runs).expect("a list as JSON");
    let run = runs.pointer("/runs/0/run").or_else(|| runs.pointer("/0/run"));
    let run = run
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("a run in {runs}"));
    let (shown, ledger) = server::run(&stage.settings(), &["--json", "runs", "show", run, "--ledger"]).await;
    assert!(shown, "{ledger}");
    let ledger: Value = serde_json::from_str(&ledger).expect("a ledger as JSON");
    ledger["attempts"].as_array().expect("attempts").clone()
}

/// The tokens and requests of all attempts together.
fn booked(attempts: &[Value]) -> (TokenUsage, u64) {
    let wires = attempts
        .iter()
        .filter_map(|attempt| attempt.pointer("/account/wire"));
    wires.fold((TokenUsage::default(), 0), |(mut usage, requests), wire| {
        usage += serde_json::from_value::<TokenUsage>(wire["usage"].clone()).expect("tokens by kind");
        (usage, requests + wire["requests"].as_u64().expect("a number"))
    })
}

/// The whole way, with a provider that speaks these dialects.
async fn with(set: Set, harness: &str, name: &str, dialects: &[&str]) {
    let endpoint = Endpoint::start(model(name)).await.expect("a free port");
    let set = with_model(set, &endpoint, harness, name, dialects);
    let stage = set
        .sandbox("bubblewrap")
        .settings("recordings: recordings")
        .start()
        .await;
    let issue = stage.ask();
    let pull = stage.build(issue).await;
    assert_eq!(
        stage.file(&pull.branch, "words.txt").as_deref(),
        Some("one\ntwo\nthree\n")
    );
    assert_eq!(stage.commits("main", &pull.branch).len(), 1);
    assert!(pull.body.contains("sandbox (bubblewrap)"), "{}", pull.body);
    assert!(
        pull.body.contains(&format!("{harness}:scripted/{name}")),
        "{}",
        pull.body
    );

    // What the ledger says is what the endpoint counted, to the token.
    let attempts = ledger(&stage).await;
    let counts = endpoint.stop().await;
    let counted = counts.key(KEY);
    assert_eq!(counts.refused, Vec::<String>::new());
    let (usage, requests) = booked(&attempts);
    assert_eq!(
        (usage.prompt(), usage.answer()),
        (counted.usage.prompt(), counted.usage.answer()),
        "{attempts:#?}\n{counted:#?}"
    );
    assert_eq!(
        (usage, requests),
        (counted.usage, u64::from(counted.requests)),
        "{attempts:#?}"
    );
    assert!(!stage.log().contains(KEY));
    let recorded = recorded(&stage.folder().join("recordings"));
    assert_eq!(recorded, requests, "every exchange is kept");
    stage.end().await;
}

/// How many exchanges are recorded, whole and without the key.
fn recorded(folder: &Path) -> u64 {
    let mut count = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)
            .expect("a folder of recordings")
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).expect("a file of a recording");
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(KEY), "{}", path.display());
            if path.extension().is_some_and(|kind| kind == "json") {
                let index: Value = serde_json::from_str(&text).expect("an index");
                assert_eq!(
                    (&index["status"], &index["whole"]),
                    (&200.into(), &true.into()),
                    "{index}"
                );
                count += 1;
            }
        }
    }
    count
}

#[tokio::test]
async fn claude_goes_the_whole_way() {
    from_label_to_pull_request("claude", "claude-sonnet-5-5").await;
}

#[tokio::test]
async fn codex_goes_the_whole_way() {
    from_label_to_pull_request("codex", "gpt-5.3-codex").await;
}

#[tokio::test]
async fn gemini_goes_the_whole_way() {
    from_label_to_pull_request("gemini", "gemini-3-flash-preview").await;
}

#[tokio::test]
async fn qwen_goes_the_whole_way() {
    from_label_to_pull_request("qwen", "scripted-1").await;
}

#[tokio::test]
async fn kimi_goes_the_whole_way_over_acp() {
    from_label_to_pull_request("kimi", "scripted-1").await;
}

#[tokio::test]
async fn opencode_goes_the_whole_way_over_acp() {
    from_label_to_pull_request("opencode", "scripted-1").await;
}

#[tokio::test]
async fn agents_over_acp_speak_anthropics_dialect_where_the_provider_has_no_other() {
    for harness in ["kimi", "opencode"] {
        with(Set::new(), harness, "scripted-1", &["anthropic"]).await;
    }
}

/// An agent that Footplate knows nothing of, told its model in variables of its own: Kimi Code under another name.
#[tokio::test]
async fn any_other_agent_goes_the_whole_way_over_acp() {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/agents");
    let text = format!(
        "{{kind: acp, argv: [{0}/bin/node, {0}/node_modules/@moonshot-ai/kimi-code/dist/main.mjs, acp], env: \
         {{KIMI_CODE_HOME: '{{home}}/.kimi-code', KIMI_MODEL_NAME: '{{model}}', KIMI_MODEL_PROVIDER_TYPE: openai, \
         KIMI_MODEL_BASE_URL: '{{model_url}}/v1', KIMI_MODEL_API_KEY: '{{model_key}}', KIMI_MODEL_MAX_CONTEXT_SIZE: \
         '200000', KIMI_DISABLE_TELEMETRY: '1'}}}}",
        tools.display()
    );
    with(
        Set::new().harness("stranger", &text),
        "stranger",
        "scripted-1",
        &["openai"],
    )
    .await;
}

#[tokio::test]
async fn the_built_in_agent_goes_the_whole_way() {
    from_label_to_pull_request("builtin", "scripted-1").await;
}

/// The first implementer works until its server is killed. Returns its account, after the run went on to its end.
async fn killed_while(first: Scenario, is_time: impl Fn(&Stage, &Endpoint) -> bool) -> Value {
    let name = "scripted-1";
    let mut script = model(name);
    script.scenarios.insert(0, first.sessions(1).usage([EACH]));
    let endpoint = Endpoint::start(script).await.expect("a free port");
    let mut stage = with_model(Set::new(), &endpoint, "builtin", name, &["openai"])
        .start()
        .await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.standing(issue, "waiting for approval").await;
    stage.say("octo", issue, "/approve");
    let waiting = async {
        while !is_time(&stage, &endpoint) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let came = tokio::time::timeout(Duration::from_mins(1), waiting).await;
    came.unwrap_or_else(|_| panic!("the time never came\n{}", stage.picture()));
    stage.crash().await;
    stage.pull(issue).await;
    let attempts = ledger(&stage).await;
    let counted = endpoint.stop().await.key(KEY);
    let (usage, requests) = booked(&attempts);
    assert_eq!(
        (usage, requests),
        (counted.usage, u64::from(counted.requests)),
        "{attempts:#?}\n{counted:#?}"
    );
    let lost = attempts.iter().find(|attempt| attempt["outcome"] == "lost");
    let account = lost.unwrap_or_else(|| panic!("no lost attempt in {attempts:#?}"))["account"].clone();
    stage.end().await;
    account
}

#[tokio::test]
async fn what_an_agent_used_before_its_server_was_killed_is_booked() {
    let busy = Scenario::role("implement")
        .turn(Turn::read("words.txt"))
        .turn(Turn::shell("sleep 600.25"));
    let works = |stage: &Stage, _: &Endpoint| {
        let agents = stage.agents();
        agents.iter().any(|process| process.line.contains("sleep 600.25")) && nothing_is_open(stage.data())
    };
    let account = killed_while(busy, works).await;
    let usage: TokenUsage = serde_json::from_value(account["wire"]["usage"].clone()).expect("tokens by kind");
    assert_eq!((usage.input, usage.cache_read, usage.output), (600, 80, 14));
    assert_eq!(account["wire"]["unread"], 0);
    // 600 at 1 dollar a million, 80 at 0.1, 14 at 10.
    assert_eq!(account["computed_cost"], 748, "{account:#}");
}

/// Whether every answer that an implementer's attempt got is booked: the agent has its last byte a moment earlier.
fn nothing_is_open(data: &Path) -> bool {
    let runs = std::fs::read_dir(data.join("runs")).expect("there are runs");
    runs.flatten().all(|run| {
        let note = run.path().join("readings/implement-1-1.jsonl");
        let text = std::fs::read_to_string(note).expect("the meter takes notes");
        let last = text.lines().last();
        last.is_some_and(|line| line.starts_with("{\"open\":0,"))
    })
}

#[tokio::test]
async fn an_answer_that_was_under_way_when_the_server_was_killed_is_not_taken_for_free() {
    let stalled = Scenario::role("implement")
        .turn(Turn::read("words.txt"))
        .turn(Turn::say("I think about it."))
        .strike(Strike::always(Fault::StallMidStream).at(1));
    let asked = |_: &Stage, endpoint: &Endpoint| endpoint.counts().key(KEY).struck == 1;
    let account = killed_while(stalled, asked).await;
    let usage: TokenUsage = serde_json::from_value(account["wire"]["usage"].clone()).expect("tokens by kind");
    assert_eq!((usage.input, usage.cache_read, usage.output), (300, 40, 7));
    assert_eq!(account["wire"]["unread"], 1);
    assert_eq!(account["computed_cost"], Value::Null, "{account:#}");
}

/// Money that one run's request may still cost is not there for another run.
#[tokio::test]
async fn two_runs_at_once_cannot_spend_what_one_limit_has_left() {
    let name = "scripted-1";
    let mut script = model(name);
    // The first explorer's second answer never ends.
    let stalled = Scenario::role("explore")
        .turn(Turn::read("words.txt"))
        .turn(Turn::say("I think about it."))
        .strike(Strike::always(Fault::StallMidStream).at(1));
    script.scenarios.insert(0, stalled.sessions(1).usage([EACH]));
    let endpoint = Endpoint::start(script).await.expect("a free port");
    let stage = with_model(Set::new(), &endpoint, "builtin", name, &["openai"])
        .settings("limits: {repository_day_usd: 0.2}")
        .start()
        .await;
    let first = stage.ask();
    let asked = async {
        while endpoint.counts().key(KEY).struck == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let came = tokio::time::timeout(Duration::from_mins(1), asked).await;
    came.unwrap_or_else(|_| panic!("nothing was asked\n{}", stage.picture()));
    let second = stage.ask();
    stage.standing(second, "waiting for a person").await;
    let status = stage.status(second);
    assert!(status.contains("budget"), "{status}");
    stage.say("octo", first, "/cancel");
    stage.standing(first, "cancelled").await;
    endpoint.stop().await;
    stage.end().await;
}
