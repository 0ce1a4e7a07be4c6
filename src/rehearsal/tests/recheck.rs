//! The sample is sound: its tests pass before and after the scripted agent's change.

use std::path::Path;

use serde_json::Value;

use crate::rehearsal::sample;

#[expect(clippy::disallowed_methods, reason = "the sample's tests are Python's")]
fn tests_pass(dir: &Path) -> (bool, String) {
    let output = std::process::Command::new("python3")
        .args(["-m", "unittest", "discover", "-s", "tests"])
        .current_dir(dir)
        .output()
        .expect("the sample wants python3 in PATH");
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn the_scripted_change_applies_and_its_tests_pass() {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in sample::FILES {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let (ok, said) = tests_pass(dir.path());
    assert!(ok && said.contains("Ran 3 tests"), "{said}");
    let script: Value = serde_saphyr::from_str(sample::SCRIPT).unwrap();
    for step in script["implement"].as_array().unwrap() {
        let Some(edit) = step.get("edit") else { continue };
        let path = dir.path().join(edit["file"].as_str().unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let (find, replace) = (edit["find"].as_str().unwrap(), edit["replace"].as_str().unwrap());
        assert_eq!(text.matches(find).count(), 1, "{find:?}");
        std::fs::write(&path, text.replacen(find, replace, 1)).unwrap();
    }
    let (ok, said) = tests_pass(dir.path());
    assert!(ok && said.contains("Ran 5 tests"), "{said}");
}

#[test]
fn the_script_writes_every_artifact_with_its_front_block() {
    let script: Value = serde_saphyr::from_str(sample::SCRIPT).unwrap();
    for (role, name, version) in [
        ("explore", "exploration.md", "exploration/1"),
        ("plan", "plan.md", "plan/1"),
        ("implement", "implementation.md", "implementation/1"),
        ("validate", "validation.md", "validation/1"),
    ] {
        let steps = script[role].as_array().unwrap();
        let artifact = steps.iter().find_map(|s| s.get("artifact")).unwrap();
        assert_eq!(artifact["name"], name);
        let content = artifact["content"].as_str().unwrap();
        let block = content
            .strip_prefix("---\n")
            .unwrap()
            .split_once("\n---\n")
            .unwrap()
            .0;
        let block: Value = serde_saphyr::from_str(block).unwrap();
        assert_eq!(block["footplate"], version);
    }
}
