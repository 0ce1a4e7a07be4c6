//! A repository, an issue and an agent, all real.

use std::path::PathBuf;

use crate::command_line::program::{Place, Said};

/// An agent that does its work in every role.
pub(super) const AGENT: &str = r#"
echo "working as $FOOTPLATE_ROLE"
case "$FOOTPLATE_ROLE" in
explore) cat > "$FOOTPLATE_ARTIFACTS/exploration.md" <<END
---
footplate: exploration/1
files: [price.sh]
notes: []
---
The prices are in price.sh.
END
;;
plan) cat > "$FOOTPLATE_ARTIFACTS/plan.md" <<END
---
footplate: plan/1
summary: Let half round down.
files: [price.sh, test.sh]
steps:
  - {id: 1, title: Halve, class: logic, files: [price.sh]}
  - {id: 2, title: Cover it, class: tests, files: [test.sh], needs: [1]}
tests: [sh test.sh]
criteria: [half of 5 is 2]
risks: []
questions: []
size: small
---
# Plan
Divide by two.
END
;;
implement)
printf 'half() { echo $(($1 / 2)); }\n' > price.sh
printf '. ./price.sh\n[ "$(half 5)" = 2 ]\n' > test.sh
cat > "$FOOTPLATE_ARTIFACTS/implementation.md" <<END
---
footplate: implementation/1
steps: [{id: 1, done: true}, {id: 2, done: true}]
deviations: []
---
Divided by two.
END
;;
validate) cat > "$FOOTPLATE_ARTIFACTS/validation.md" <<END
---
footplate: validation/1
verdict: pass
criteria: [{criterion: 1, met: true, evidence: "checks.md, command 1"}]
findings: []
---
It halves.
END
;;
esac
"#;

/// What stands in `price.sh` before.
pub(super) const BEFORE: &str = "half() { echo $1; }\n";

/// The repository `repo` with a branch `main`, an issue and an agent.
pub(super) struct Scene {
    pub(super) place: Place,
}

impl Scene {
    pub(super) fn new() -> Self {
        let place = Place::new();
        place.git(&["init", "-q", "-b", "main", "repo"]);
        place.write("repo/price.sh", BEFORE);
        place.write("repo/notes.txt", "kept\n");
        let scene = Self { place };
        scene.commit("Begin");
        scene
            .place
            .write("issue.md", "# Let half round down\n\nHalf of 5 is 5 now.\n");
        scene.agent("agent.sh", AGENT);
        scene
    }

    pub(super) fn commit(&self, message: &str) {
        self.in_repo(&["add", "-A"]);
        let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
        self.in_repo(&[&author[..], &["commit", "-q", "-m", message]].concat());
    }

    /// Writes an agent; its path from where commands are given is its name.
    pub(super) fn agent(&self, name: &str, script: &str) -> PathBuf {
        self.place.write(name, script)
    }

    /// `footplate run` with the issue and further arguments.
    pub(super) fn run(&self, arguments: &[&str]) -> Said {
        self.place
            .run(&[&["run", "--repo", "repo", "--issue", "issue.md"], arguments].concat())
    }

    pub(super) fn in_repo(&self, arguments: &[&str]) -> String {
        self.place.git(&[&["-C", "repo"], arguments].concat())
    }

    /// The branches besides `main`.
    pub(super) fn new_branches(&self) -> Vec<String> {
        let all = self.in_repo(&["branch", "--format=%(refname:short)"]);
        all.lines()
            .filter(|name| *name != "main")
            .map(str::to_owned)
            .collect()
    }

    /// The id of the youngest run.
    pub(super) fn last_run(&self) -> String {
        let said = self.place.run(&["runs", "list", "--all", "--json"]);
        let list: serde_json::Value = serde_json::from_str(&said.out).expect("a list as JSON");
        list["runs"][0]["run"].as_str().expect("a run").to_owned()
    }
}

/// The text without what differs from run to run: ids, commits, dates and durations.
pub(super) fn steady(text: &str, scene: &Scene) -> String {
    let run = scene.last_run();
    let short = &run[run.len() - 6..];
    let folder = scene.place.path().canonicalize().expect("it is there");
    let text = text
        .replace(&run, "RUN")
        .replace(&format!("-{short}"), "-SHORT")
        .replace(&folder.to_string_lossy().into_owned(), "HERE");
    let mut out = String::new();
    for line in text.lines() {
        let words: Vec<String> = line.split(' ').map(steady_word).collect();
        out.push_str(words.join(" ").trim_end());
        out.push('\n');
    }
    out
}

fn steady_word(word: &str) -> String {
    let is_commit = |text: &str| text.len() == 10 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_seconds = |text: &str| {
        text.split_once('.').is_some_and(|(whole, tenths)| {
            !whole.is_empty() && whole.bytes().chain(tenths.bytes()).all(|b| b.is_ascii_digit())
        })
    };
    let core = word.trim_matches(|c: char| "`.,".contains(c));
    if is_commit(core) {
        word.replace(core, "COMMIT")
    } else if is_seconds(core) {
        word.replace(core, "0.0")
    } else if let Some(date) = word.get(..20).filter(|date| date.ends_with('Z')) {
        word.replace(date, "THEN")
    } else {
        word.to_owned()
    }
}
