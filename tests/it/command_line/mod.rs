//! The command line as people use it: what it prints, and how it ends.

pub(crate) mod program;

use std::sync::Arc;

use footplate::model::{RepositoryId, RepositoryName, RunId, SystemClock, Timestamp};
use footplate::store::{Append, Database, Journal, RunRow};
use program::Place;
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
}

#[test]
fn wrong_arguments_end_with_two_and_say_how_it_is_done() {
    let place = Place::new();
    for arguments in [
        &["frobnicate"][..],
        &["run"],
        &["workflow"],
        &["runs", "show"],
        &["replay"],
    ] {
        let said = place.run(arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {said:?}");
        assert!(said.err.contains("Usage"), "{arguments:?}: {said:?}");
        assert_eq!(said.out, "", "{arguments:?}");
    }
}

#[test]
fn the_built_in_workflow_is_right_and_can_be_drawn() {
    let place = Place::new();
    let said = place.run(&["workflow", "check"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(said.out, @"The workflow `build` is right: 7 steps.");

    let said = place.run(&["workflow", "graph"]);
    assert_eq!(said.code, Some(0));
    assert!(
        said.out.starts_with("graph") || said.out.starts_with("flowchart"),
        "{}",
        said.out
    );
    for node in [
        "explore",
        "plan",
        "approve",
        "implement",
        "check",
        "validate",
        "publish",
    ] {
        assert!(said.out.contains(node), "{node} in {}", said.out);
    }
    let said = place.run(&["workflow", "graph", "--json"]);
    assert!(
        json(&said.out)["mermaid"]
            .as_str()
            .is_some_and(|text| text.contains("explore"))
    );
}

#[test]
fn a_workflows_mistakes_are_told_with_their_places() {
    let place = Place::new();
    place.write(
        "broken.yml",
        "name: broken\nnodes:\n  plan: {role: plann, writes: [plan.md]}\n  approve: {gate: plan.md, needs: [plan]}\n",
    );
    let said = place.run(&["workflow", "check", "broken.yml"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("broken.yml:3:"), "{}", said.err);
    assert!(said.err.contains("plann"), "{}", said.err);
    assert!(said.err.contains("footplate: broken.yml has "), "{}", said.err);

    let said = place.run(&["workflow", "check", "broken.yml", "--json"]);
    assert_eq!(said.code, Some(1));
    let problems = json(&said.out);
    assert!(!problems["problems"].as_array().expect("a list").is_empty());

    let said = place.run(&["workflow", "check", "nowhere.yml"]);
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(
        said.err.starts_with("footplate: nowhere.yml cannot be read"),
        "{}",
        said.err
    );
}

#[test]
fn without_runs_there_is_an_empty_list() {
    let place = Place::new();
    let said = place.run(&["runs", "list"]);
    assert_eq!(
        (said.code, said.out.as_str(), said.err.as_str()),
        (Some(0), "", "There are no runs.\n")
    );
    let said = place.run(&["runs", "list", "--json", "--all"]);
    assert_eq!(json(&said.out), serde_json::json!({"runs": []}));
}

#[test]
fn a_run_that_is_not_there_ends_with_five() {
    let place = Place::new();
    for arguments in [
        &["runs", "show", "01zz"][..],
        &["runs", "cancel", "01zz"],
        &["replay", "01zz"],
    ] {
        let said = place.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(5), ""), "{arguments:?}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(
                said.err,
                @"footplate: there is no run `01zz`; `footplate runs list --all` names them"
            );
        }
    }
}

#[test]
fn wrong_settings_end_with_three_and_name_every_place() {
    let place = Place::new();
    place.write("footplate.yml", "listen: nowhere\nguard: {idle: soon}\n");
    let said = place.run(&["runs", "list"]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""));
    assert!(said.err.contains("footplate.yml:1:9: listen"), "{}", said.err);
    assert!(
        said.err.contains("footplate.yml:2:15: guard.idle"),
        "{}",
        said.err
    );

    let said = place.run(&["runs", "list", "--config", "elsewhere.yml"]);
    assert_eq!(said.code, Some(3));
    assert!(said.err.contains("elsewhere.yml"), "{}", said.err);
}

#[test]
fn doctor_says_what_is_missing_in_words_and_as_json() {
    let place = Place::new();
    let said = place.run(&["doctor"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    for line in [
        "missing  GitHub App",
        "ok       git",
        "ok       sandbox",
        "missing  route implement",
    ] {
        assert!(said.out.contains(line), "{line:?} in\n{}", said.out);
    }
    let said = place.run(&["doctor", "--json"]);
    let findings = json(&said.out);
    assert!(findings["missing"].as_u64().is_some_and(|missing| missing > 0));
    let names = findings["findings"].as_array().expect("a list");
    assert!(
        names
            .iter()
            .any(|finding| finding["what"] == "git" && finding["state"] == "ok")
    );
}

#[test]
fn doctor_is_content_where_nothing_is_missing() {
    let place = Place::new();
    let key = place.write("key.pem", footplate::rehearsal::THROWAWAY_KEY);
    place.write(
        "footplate.yml",
        &format!(
            "github: {{app_id: 1, private_key: {}, webhook_secret: sesame}}\nharnesses: {{mine: {{kind: command, argv: \
             [sh, agent.sh]}}}}\nroutes: {{explore: [mine], plan: [mine], implement: [mine], validate: \
             [mine]}}\nclasses: {{routes: {{design: [mine]}}}}\nsandbox: none\n",
            key.display()
        ),
    );
    let said = place.run(&["doctor"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.out.contains("missing"), "{}", said.out);
    assert!(said.out.contains("route of class design"), "{}", said.out);
    assert!(
        !said.out.contains("sesame") && !said.out.contains("PRIVATE"),
        "{}",
        said.out
    );
}

#[tokio::test]
async fn doctor_names_a_run_that_cannot_be_read_and_says_what_next() {
    let place = Place::new();
    let url = format!("sqlite:{}", place.path().join("store.db").display());
    place.write("footplate.yml", &format!("database_url: {url}\n"));
    let store = Database::open(&url, Arc::new(SystemClock))
        .await
        .expect("a store");
    let run = RunId::new("01jd0000000000000000abcdef").expect("an id");
    let at = Timestamp(1_790_000_000_000);
    let row = RunRow {
        run: run.clone(),
        repository: RepositoryId(1),
        repository_name: RepositoryName::new("acme/widgets").expect("a name"),
        issue: None,
        pull: None,
        title: "A run".to_owned(),
        workflow: "build".to_owned(),
        state: "working".to_owned(),
        active: true,
        ended: false,
        len: 1,
        next_wake: None,
        has_work: true,
        created: at,
        updated: at,
        cost: None,
    };
    let append = Append {
        run: run.clone(),
        expected_len: 0,
        events: vec![r#"{"v":1,"at":0,"e":"torn"#.to_owned()],
        row,
        consumes: None,
        note: None,
        outcomes: Vec::new(),
        contents: Vec::new(),
        at,
    };
    store.append(append).await.expect("the store can be written");
    store.close().await.expect("the store can be closed");
    let said = place.run(&["doctor"]);
    assert_eq!(said.code, Some(4), "{said:?}");
    let line = said
        .out
        .lines()
        .find(|line| line.contains(run.as_str()))
        .expect("it is named");
    assert!(line.starts_with("broken "), "{line}");
    for words in [
        "cannot be read: the event is damaged",
        "restore the store from a backup",
    ] {
        assert!(line.contains(words), "{words:?} in {line}");
    }
}

const CONFIGURED: &str = "prices:\n  mine/big: {input: 2, output: 10.5, context: 1000, as_of: 2026-11-22}\n\
                          providers:\n  mine: {dialect: openai, base_url: 'http://127.0.0.1:1', billing: tokens}\n";

#[test]
fn prices_are_listed_and_shown_with_what_is_configured_and_where_they_are_from() {
    let place = Place::new();
    place.write("footplate.yml", CONFIGURED);
    let said = place.run(&["prices", "list", "--provider", "mine"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    insta::assert_snapshot!(said.out, @r"
    MODEL     IN  OUT   CACHED  WRITTEN  CONTEXT  AS OF
    mine/big  2   10.5  ?       ?        1000     2026-11-22
    ");
    let all = place.run(&["prices", "list", "--json"]);
    let all = json(&all.out);
    let names: Vec<&str> = all["models"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|model| model["model"].as_str())
        .collect();
    for name in ["mine/big", "moonshot/kimi-k2.6", "google/gemini-3.5-flash"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let shown = place.run(&["prices", "show", "big"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(
        shown.out.starts_with("mine/big\n") && shown.out.contains("footplate.yml"),
        "{shown:?}"
    );
    let shown = place.run(&["prices", "show", "kimi-k2.6", "--json"]);
    assert_eq!(json(&shown.out)["model"], "moonshot/kimi-k2.6");
    let missing = place.run(&["prices", "show", "mine/huge"]);
    assert_eq!((missing.code, missing.out.as_str()), (Some(5), ""), "{missing:?}");
    assert!(missing.err.contains("footplate prices list"), "{}", missing.err);
}

#[test]
fn a_price_file_is_compared_and_taken_over_into_settings_that_are_read_again() {
    let place = Place::new();
    place.write("footplate.yml", CONFIGURED);
    let file = r#"{"moonshotai": {"id": "moonshotai", "models": {"kimi-k2.6": {"id": "kimi-k2.6",
        "cost": {"input": 99, "output": 100}, "limit": {"context": 262144}}}}}"#;
    place.write("api.json", file);
    let said = place.run(&["prices", "diff", "api.json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("changed  moonshot/kimi-k2.6"), "{}", said.out);
    let taken = place.run(&["prices", "diff", "api.json", "--apply", "new.yml"]);
    assert_eq!(taken.code, Some(0), "{taken:?}");
    let written = std::fs::read_to_string(place.path().join("new.yml")).expect("it was written");
    place.write("other.yml", &written);
    let shown = place.run(&["--config", "other.yml", "prices", "show", "moonshot/kimi-k2.6"]);
    assert!(shown.out.contains("99"), "{shown:?}\n{written}");
    let again = place.run(&["prices", "diff", "api.json", "--apply", "new.yml"]);
    assert_ne!(again.code, Some(0), "a file that is there is not written over");
    let wrong = place.write("wrong.json", "[");
    let said = place.run(&["prices", "diff", &wrong.display().to_string()]);
    assert_eq!(said.code, Some(3), "{said:?}");
}
