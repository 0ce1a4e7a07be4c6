//! Real agent programs, at pinned versions, against scripted models: each edits a file with its own tools.
//!
//! They hold the endpoint of the rehearsal to what real programs ask and accept: its protocols, its strictness,
//! and the translation of turns into the tools that each program offers. [`programs`] knows the command lines.

mod programs;

use footplate::model::TokenUsage;
use footplate::rehearsal::endpoint::{Endpoint, Fault, Scenario, Script, Strike, Turn};

use programs::{Program, Scene};

const ARTIFACT: &str = "---\nfootplate: implementation/1\nsteps: [{id: 1, done: true}]\ndeviations: []\n---\nDone, 'quoted' and for $0.\n";

fn editing() -> Scenario {
    Scenario::role("implement")
        .turn(Turn::say("I look first."))
        .turn(Turn::read("hello.txt"))
        .turn(Turn::edit("hello.txt", "hello world", "hello footplate"))
        .turn(Turn::write(".footplate/implementation.md", ARTIFACT))
        .turn(Turn::shell("cat hello.txt > copy.txt"))
        .turn(Turn::say("Everything is done as planned."))
        .usage([TokenUsage {
            input: 100,
            cache_read: 20,
            output: 5,
            ..TokenUsage::default()
        }])
}

async fn endpoint(scenario: Scenario, program: Program) -> Endpoint {
    let mut script = Script::of([scenario]).key("key-1");
    script.models = vec![program.model().to_owned()];
    Endpoint::start(script).await.expect("a free port")
}

const PROMPT: &str = "# Your task: implement\n\nReplace hello world by hello footplate.\n";

async fn edits_with_its_own_tools(program: Program) {
    let endpoint = endpoint(editing(), program).await;
    let scene = Scene::new(program);
    let said = scene.run(&endpoint.address(), PROMPT).await;
    let seen = endpoint.seen();
    let counts = endpoint.stop().await;
    let story = format!("{said}\n{seen:#?}\n{counts:#?}");
    assert_eq!(said.code, Some(0), "{story}");
    assert_eq!(
        scene.read("hello.txt"),
        "hello footplate\nsecond line\n",
        "{story}"
    );
    assert_eq!(
        scene.read("copy.txt"),
        "hello footplate\nsecond line\n",
        "{story}"
    );
    assert_eq!(scene.read(".footplate/implementation.md"), ARTIFACT, "{story}");
    // Gemini prints the text in pieces, as they came.
    let ended = match program {
        Program::Gemini => "\"status\":\"success\"",
        _ => "Everything is done as planned.",
    };
    assert!(said.out.contains(ended), "{story}");
    assert_eq!(counts.refused, Vec::<String>::new(), "{story}");
    let steps: Vec<usize> = seen
        .iter()
        .filter(|seen| seen.session.is_some())
        .map(|seen| seen.step)
        .collect();
    assert_eq!(steps, [0, 1, 2, 3, 4], "{story}");
    let count = counts.key("key-1");
    assert_eq!((count.answered, count.untold), (count.requests, 0), "{story}");
}

#[tokio::test]
async fn claude_edits_with_its_own_tools() {
    edits_with_its_own_tools(Program::Claude).await;
}

#[tokio::test]
async fn codex_edits_with_its_own_tools() {
    edits_with_its_own_tools(Program::Codex).await;
}

#[tokio::test]
async fn gemini_edits_with_its_own_tools() {
    edits_with_its_own_tools(Program::Gemini).await;
}

#[tokio::test]
async fn qwen_edits_with_its_own_tools() {
    edits_with_its_own_tools(Program::Qwen).await;
}

#[tokio::test]
async fn kimi_edits_with_its_own_tools() {
    edits_with_its_own_tools(Program::Kimi).await;
}

#[tokio::test]
async fn opencode_edits_with_its_own_tools() {
    edits_with_its_own_tools(Program::Opencode).await;
}

#[tokio::test]
async fn an_edit_that_does_not_apply_ends_in_a_claim_and_an_untouched_file() {
    for program in [Program::Claude, Program::Codex] {
        let scenario = editing().strike(Strike::always(Fault::EditNotFound));
        let endpoint = endpoint(scenario, program).await;
        let scene = Scene::new(program);
        let said = scene.run(&endpoint.address(), PROMPT).await;
        assert_eq!(said.code, Some(0), "the exit code does not tell: {said}");
        assert!(said.out.contains("Everything is done as planned."), "{said}");
        assert_eq!(scene.read("hello.txt"), "hello world\nsecond line\n", "{said}");
    }
}
