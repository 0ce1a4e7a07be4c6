//! What a local run cost, and where its money ends.

use serde_json::Value;

use super::scene::{AGENT, Scene};

/// Ten thousand tokens and a cent, on every attempt.
const USAGE: &str = r#"echo '{"type":"usage","input_tokens":10000,"output_tokens":100,"cache_read_tokens":7,"cost_usd":0.01}'"#;

fn scene() -> Scene {
    let scene = Scene::new();
    scene.agent("agent.sh", &format!("{USAGE}\n{AGENT}"));
    scene
}

#[test]
fn the_ledger_of_a_run_is_shown_to_people_spreadsheets_and_programs() {
    let scene = scene();
    let said = scene.run(&["--yes", "--", "sh", "agent.sh"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let run = scene.last_run();

    let shown = scene.place.run(&["runs", "show", &run, "--ledger"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let lines: Vec<&str> = shown.out.lines().collect();
    assert!(lines[0].starts_with("ATTEMPT"), "{}", shown.out);
    let steps: Vec<&str> = lines[1..]
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(
        steps,
        ["explore", "plan", "implement", "validate", "total"],
        "{}",
        shown.out
    );
    let total = lines.last().unwrap();
    assert!(total.contains("$0.0400") && total.contains("40000"), "{total}");
    assert!(shown.err.contains("unknown"), "{}", shown.err);

    let csv = scene.place.run(&["runs", "show", &run, "--ledger", "--csv"]);
    let rows: Vec<&str> = csv.out.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 5, "{}", csv.out);
    assert!(
        rows[0].starts_with("run,node,generation,n,candidate,outcome,"),
        "{}",
        rows[0]
    );
    assert!(
        rows[1].starts_with(&format!("{run},explore,1,1,command,succeeded,")),
        "{}",
        rows[1]
    );

    let json = scene.place.run(&["runs", "show", &run, "--ledger", "--json"]);
    let ledger: Value = serde_json::from_str(&json.out).expect("it is JSON");
    assert_eq!(ledger["total"]["money"]["known"], 40_000);
    assert_eq!(ledger["total"]["tokens"]["known"]["input"], 40_000);
    assert_eq!(ledger["attempts"].as_array().map(Vec::len), Some(4));

    let wrong = scene.place.run(&["runs", "show", &run, "--csv"]);
    assert_eq!(wrong.code, Some(2), "a CSV of what: {wrong:?}");
}

#[test]
fn a_local_run_ends_where_its_budget_does_and_says_so() {
    let scene = scene();
    scene.place.write("footplate.yml", "limits: {run_usd: 0.015}\n");
    let said = scene.run(&["--yes", "--", "sh", "agent.sh"]);
    assert_ne!(said.code, Some(0), "{said:?}");
    assert!(
        said.err.contains("The next attempt costs about")
            || said.err.contains("The budget of the run is used up"),
        "{said:?}"
    );
}
