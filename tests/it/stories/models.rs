//! The whole line with real agent programs: each asks its model through the meter, from inside the sandbox, and what
//! it wrote becomes a pull request.

use std::path::Path;

use footplate::model::TokenUsage;
use footplate::rehearsal::endpoint::{Endpoint, Scenario, Script, Turn};
use serde_json::Value;

use super::scripts;
use super::server;
use super::stage::Set;

/// A provider's key: it must never be seen by an agent.
const KEY: &str = "sk-the-real-key-0123456789";

/// A model that works as every program can: it looks, edits, and writes its artifacts.
fn model(name: &str) -> Script {
    let usage = || {
        [TokenUsage {
            input: 300,
            cache_read: 40,
            output: 7,
            ..TokenUsage::default()
        }]
    };
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

/// The whole way, with a provider that speaks these dialects.
async fn with(set: Set, harness: &str, name: &str, dialects: &[&str]) {
    let endpoint = Endpoint::start(model(name)).await.expect("a free port");
    let base = endpoint.address();
    let bases = dialects.iter().map(|dialect| {
        let version = if *dialect == "openai" { "/v1" } else { "" };
        format!("{dialect}: '{base}{version}'")
    });
    let bases = bases.collect::<Vec<_>>().join(", ");
    let stage = set
        .sandbox("bubblewrap")
        .route(&format!("{harness}:scripted/{name}"))
        .settings(&format!(
            "providers:\n  scripted: {{base_urls: {{{bases}}}, key: {KEY}}}\n\
             prices:\n  scripted/{name}: {{input: 1, cache_read: 0.1, cache_write: 2, output: 10}}"
        ))
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
    let counts = endpoint.stop().await;
    let counted = counts.key(KEY);
    assert_eq!(counts.refused, Vec::<String>::new());
    let mut booked = TokenUsage::default();
    let mut requests = 0;
    for attempt in ledger["attempts"].as_array().expect("attempts") {
        let Some(wire) = attempt.pointer("/account/wire") else {
            continue;
        };
        requests += wire["requests"].as_u64().expect("a number");
        booked += serde_json::from_value::<TokenUsage>(wire["usage"].clone()).expect("tokens by kind");
    }
    assert_eq!(
        (booked.prompt(), booked.answer()),
        (counted.usage.prompt(), counted.usage.answer()),
        "{ledger:#}\n{counted:#?}"
    );
    assert_eq!(
        (booked, requests),
        (counted.usage, u64::from(counted.requests)),
        "{ledger:#}"
    );
    assert!(!stage.log().contains(KEY));
    stage.end().await;
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
