//! What cannot begin is said at once, with what to do about it.

use super::scene::Scene;
use crate::command_line::program::Place;

#[test]
fn a_bad_issue_ends_with_five() {
    let scene = Scene::new();
    scene.place.write("empty.md", "\n\n");
    std::fs::write(scene.place.path().join("binary.md"), [0xff, 0xfe, 0x00]).unwrap();
    for (file, why) in [
        ("nowhere.md", "nowhere.md cannot be read"),
        ("empty.md", "its first line is to be the title"),
        ("binary.md", "it is not UTF-8"),
        ("repo", "repo cannot be read"),
    ] {
        let said = scene
            .place
            .run(&["run", "--repo", "repo", "--issue", file, "--", "sh", "agent.sh"]);
        assert_eq!((said.code, said.out.as_str()), (Some(5), ""), "{file}: {said:?}");
        assert!(said.err.contains(why), "{file}: {}", said.err);
    }
}

#[test]
fn what_is_no_repository_ends_with_five() {
    let place = Place::new();
    place.write("issue.md", "Title\n");
    std::fs::create_dir(place.path().join("plain")).unwrap();
    place.git(&["init", "-q", "empty"]);
    for (folder, why) in [
        ("plain", "is not in a git repository"),
        ("nowhere", "nowhere cannot be opened"),
        ("empty", "no commit"),
    ] {
        let said = place.run(&["run", "--repo", folder, "--issue", "issue.md", "--", "true"]);
        assert_eq!(said.code, Some(5), "{folder}: {said:?}");
        assert!(said.err.contains(why), "{folder}: {}", said.err);
    }
}

#[test]
fn a_base_that_is_no_branch_ends_with_five() {
    let scene = Scene::new();
    let said = scene.run(&["--base", "nowhere", "--", "sh", "agent.sh"]);
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(said.err.contains("there is no branch `nowhere`"), "{}", said.err);
    scene.in_repo(&["switch", "-q", "--detach"]);
    let said = scene.run(&["--", "sh", "agent.sh"]);
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(said.err.contains("--base BRANCH"), "{}", said.err);
}

#[test]
fn without_anybody_to_do_the_work_it_is_said_what_to_write() {
    let scene = Scene::new();
    let said = scene.run(&["--yes"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    insta::assert_snapshot!(said.err, @r#"
    footplate: nobody is configured to explore, plan, implement, validate; name a program that does the work after `--`, as in

        footplate run --repo . --issue issue.md -- python3 agent.py

    or write `harnesses` and `routes` into `footplate.yml`:

        harnesses:
          mine: {kind: command, argv: [python3, /path/to/agent.py]}
        routes:
          explore: [mine]
          plan: [mine]
          implement: [mine]
          validate: [mine]
    "#);
}

#[test]
fn an_agent_that_is_not_there_is_noticed_before_anything_begins() {
    let scene = Scene::new();
    for (arguments, why) in [
        (
            &["--yes", "--", "no-such-program"][..],
            "`no-such-program` was not found",
        ),
        (&["--yes", "--agent", "mine"], "no harness `mine` is configured"),
        (&["--yes", "--agent", "Not A Candidate"], "is no candidate"),
    ] {
        let said = scene.run(arguments);
        assert_eq!(said.code, Some(3), "{arguments:?}: {said:?}");
        assert!(said.err.contains(why), "{arguments:?}: {}", said.err);
    }
    let runs = scene.place.run(&["runs", "list", "--all"]);
    assert_eq!(runs.err, "There are no runs.\n");
}

#[test]
fn a_report_that_could_not_be_written_is_noticed_before_anything_begins() {
    let scene = Scene::new();
    let said = scene.run(&["--yes", "--report", "no/where.md", "--", "sh", "agent.sh"]);
    assert_eq!((said.code, said.out.as_str()), (Some(5), ""), "{said:?}");
}

#[test]
fn a_workflow_with_mistakes_is_shown_with_their_places() {
    let scene = Scene::new();
    scene.place.write(
        "flow.yml",
        "name: flow\nnodes:\n  one: {run: [x], needs: [two]}\n",
    );
    let said = scene.run(&["--workflow", "flow.yml", "--", "sh", "agent.sh"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.err.contains("flow.yml:3:"), "{}", said.err);
}
