//! `footplate run`: the workflow on a repository of this machine, with real agents and real git.

mod broken_off;
mod money;
mod refusals;
mod scene;

use scene::{AGENT, BEFORE, Scene, steady};

const YES: &[&str] = &["--yes", "--", "sh", "agent.sh"];

#[test]
fn a_new_branch_holds_exactly_the_agents_change_and_nothing_else_is_touched() {
    let scene = Scene::new();
    scene.place.write("repo/notes.txt", "changed and not committed\n");
    scene.place.write("repo/untracked.txt", "mine\n");
    let before = scene.in_repo(&["status", "--porcelain", "--branch"]);

    let said = scene.run(&["--yes", "--report", "report.md", "--", "sh", "agent.sh"]);
    assert_eq!(said.code, Some(0), "{said:?}");

    let branches = scene.new_branches();
    assert_eq!(branches.len(), 1, "{branches:?}");
    let branch = &branches[0];
    assert!(
        branch.starts_with("footplate/task-let-half-round-down-"),
        "{branch}"
    );
    let range = format!("main...{branch}");
    insta::assert_snapshot!(scene.in_repo(&["diff", &range]), @r#"
    diff --git a/price.sh b/price.sh
    index 7ff2ca9..dd014ec 100644
    --- a/price.sh
    +++ b/price.sh
    @@ -1 +1 @@
    -half() { echo $1; }
    +half() { echo $(($1 / 2)); }
    diff --git a/test.sh b/test.sh
    new file mode 100644
    index 0000000..3b7942d
    --- /dev/null
    +++ b/test.sh
    @@ -0,0 +1,2 @@
    +. ./price.sh
    +[ "$(half 5)" = 2 ]
    "#);
    insta::assert_snapshot!(steady(&scene.in_repo(&["log", "--format=%an <%ae>%n%B", &format!("main..{branch}")]), &scene), @r#"
    Footplate <footplate@footplate.invalid>
    Let half round down

    Footplate-Run: RUN
    "#);

    assert_eq!(scene.in_repo(&["status", "--porcelain", "--branch"]), before);
    assert_eq!(
        std::fs::read_to_string(scene.place.path().join("repo/price.sh")).unwrap(),
        BEFORE
    );

    insta::assert_snapshot!(steady(&said.out, &scene), @r#"
    # Let half round down.

    **Not verified.** No test ran, a tool was missing, or the tests could not be counted.
    **Validation passed** by `command`.

    > **Note:** Agents and checks work in a sandbox (bubblewrap).

    > **Note:** `operator` approved the plan on THEN.

    ### What changed

    - [x] **1** Halve
      - `price.sh` +1 −1
    - [x] **2** Cover it
      - `test.sh` +2 −0

    ### Checks

    | Command | With the change | Before | Time |
    | --- | --- | --- | --- |
    | `sh test.sh` | exit 0, tests not counted | exit 2, tests not counted | 0.0 s |

    ### Validation

    | Criterion | Met | Evidence |
    | --- | --- | --- |
    | half of 5 is 2 | yes | checks.md, command 1 |

    ### Deviations from the plan

    None reported.

    ### Who did what, and what it cost

    | Step | State | Done by | Attempts | Time | Tokens | Cost |
    | --- | --- | --- | --- | --- | --- | --- |
    | `explore` | done | `command` | 1 | 0.0 s | unknown | unknown |
    | `plan` | done | `command` | 1 | 0.0 s | unknown | unknown |
    | `approve` | done | gate | 0 | — | — | — |
    | `implement` | done | `command` | 1 | 0.0 s | unknown | unknown |
    | `check` | done | check | 1 | 0.0 s | — | — |
    | `validate` | done | `command` | 1 | 0.0 s | unknown | unknown |
    | **Total** |  |  | 5 | 0.0 s |  | unknown |

    ### What the implementer wrote

    Divided by two.

    ### What the validator wrote

    It halves.

    <sub>Run `RUN`, asked for by `operator`, plan `c3dfd1725c37`, commit `COMMIT` for `main`.</sub>

    The change is on branch footplate/task-let-half-round-down-SHORT: git -C HERE/repo diff main...footplate/task-let-half-round-down-SHORT
    "#);
    insta::assert_snapshot!(steady(&said.err, &scene), @r#"
    Run RUN begins on main at COMMIT.
    What is not committed there is neither used nor touched.
    … explore (command)
    ✓ explore 0.0 s
    … plan (command)
    ✓ plan 0.0 s
    ? approve waits for a decision
    ✓ approve plan c3dfd1725c37
    … implement (command)
    ✓ implement 0.0 s
    … check
    ✓ check 0.0 s
    … validate (command)
    ✓ validate 0.0 s
    … publish
    ✓ publish 0.0 s
    "#);
    let report = std::fs::read_to_string(scene.place.path().join("report.md")).unwrap();
    assert!(said.out.starts_with(&report), "the file holds what was printed");
}

#[test]
fn the_runs_log_is_there_afterwards() {
    let scene = Scene::new();
    assert_eq!(scene.run(YES).code, Some(0));
    let run = scene.last_run();

    assert_eq!(scene.place.run(&["runs", "list"]).out, "", "it is over");
    let said = scene.place.run(&["runs", "list", "--all"]);
    insta::assert_snapshot!(steady(&said.out, &scene), @r#"
    RUN                         STATE   ISSUE       PULL  COST     TITLE
    RUN  closed  local/repo        unknown  Let half round down
    "#);
    let said = scene.place.run(&["runs", "show", &run[20..]]);
    insta::assert_snapshot!(steady(&said.out, &scene), @r#"
    RUN  closed  Let half round down
    base main at COMMIT, branch footplate/task-let-half-round-down-SHORT
    0 tokens (and more that nobody reported), $0.0000 (and more that nobody reported)
    STEP       STATE  TRIES  TIME   CANDIDATE
    explore    done   1      0.0 s  command
    plan       done   1      0.0 s  command
    approve    done   0
    implement  done   1      0.0 s  command
    check      done   1      0.0 s
    validate   done   1      0.0 s  command
    publish    done   1      0.0 s
    "#);
    let said = scene.place.run(&["replay", &run]);
    assert_eq!(said.code, Some(0));
    for words in [
        "operator asked for “Let half round down”",
        "operator approved plan",
        "is on the branch",
    ] {
        assert!(said.out.contains(words), "{words:?} in\n{}", said.out);
    }
    let left: Vec<_> = std::fs::read_dir(scene.place.path().join("home/.local/share/footplate/local/runs"))
        .unwrap()
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir()))
        .collect();
    assert!(left.is_empty(), "worktrees go with the run: {left:?}");
}

#[test]
fn progress_can_be_kept_quiet() {
    let scene = Scene::new();
    let said = scene.run(&["--quiet", "--yes", "--", "sh", "agent.sh"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.contains("Validation passed"), "{}", said.out);
}

#[test]
fn an_agent_that_does_nothing_is_no_success() {
    let scene = Scene::new();
    let idle = AGENT
        .lines()
        .filter(|line| !line.starts_with("printf"))
        .collect::<Vec<_>>()
        .join("\n");
    scene.agent("agent.sh", &idle);
    let said = scene.run(YES);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(scene.new_branches().is_empty());
    insta::assert_snapshot!(steady(&said.out, &scene), @r#"
    ### Footplate: failed

    The step `implement` failed. All candidates of its route failed, after 2 attempts. The last time: It changed nothing.

    > **Note:** Agents and checks work in a sandbox (bubblewrap).

    | Step | State | Done by | Attempts | Time | Tokens | Cost |
    | --- | --- | --- | --- | --- | --- | --- |
    | `explore` | done | `command` | 1 | 0.0 s | unknown | unknown |
    | `plan` | done | `command` | 1 | 0.0 s | unknown | unknown |
    | `approve` | done | gate | 0 | — | — | — |
    | `implement` | failed | `command` | 2 | 0.0 s | unknown | unknown |
    | `check` | skipped | check | 0 | — | — | — |
    | `validate` | skipped | agent | 0 | — | — | — |
    | `publish` | skipped | publish | 0 | — | — | — |
    | **Total** |  |  | 4 | 0.0 s |  | unknown |

    **Findings**

    - `implement`: Attempt 1 by command: it changed nothing.
    - `implement`: Attempt 2 by command: it changed nothing.
    - `implement`: All candidates of its route failed, after 2 attempts. The last time: It changed nothing.
    - `check`: What it needs failed or was skipped.
    - `validate`: What it needs failed or was skipped.
    - `publish`: What it needs failed or was skipped.

    <sub>Run `RUN` of workflow `build`, asked for by `operator`, as of THEN.</sub>
    "#);
}

#[test]
fn work_outside_the_plan_is_refused_and_kept_as_a_patch() {
    let scene = Scene::new();
    scene.agent(
        "agent.sh",
        &format!("{AGENT}\n[ $FOOTPLATE_ROLE = implement ] && echo new > other.txt; true\n"),
    );
    let said = scene.run(&["--yes", "--report", "report.md", "--", "sh", "agent.sh"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(scene.new_branches().is_empty());
    assert!(
        said.out
            .contains("The commit was not pushed: other.txt is not among the plan's files."),
        "{}",
        said.out
    );
    assert!(said.err.contains("The work is kept as a patch"), "{}", said.err);
    scene.in_repo(&["apply", "../report.patch"]);
    let now = scene.in_repo(&["status", "--porcelain"]);
    assert_eq!(now, " M price.sh\n?? other.txt\n?? test.sh\n");
    let fetch = said
        .err
        .lines()
        .find(|line| line.contains(" fetch "))
        .expect("a command to fetch it");
    let words: Vec<&str> = fetch.trim().split(' ').collect();
    scene.in_repo(&["fetch", words[4], words[5]]);
    assert_eq!(scene.in_repo(&["show", "FETCH_HEAD:other.txt"]), "new\n");
}

#[test]
fn a_hung_agent_is_replaced_by_the_next_candidate() {
    let scene = Scene::new();
    scene.agent("stuck.sh", "sleep 1000 & sleep 1000");
    let here = scene.place.path().display();
    scene.place.write(
        "footplate.yml",
        &format!(
            "harnesses:\n  stuck: {{kind: command, argv: [sh, {here}/stuck.sh]}}\n  works: {{kind: command, argv: [sh, \
             {here}/agent.sh]}}\nroutes: {{explore: [works], plan: [works], implement: [stuck, works], validate: \
             [works]}}\nguard: {{failures: 1, candidates: {{stuck: {{first_event: 300ms, idle: 300ms}}}}}}\n"
        ),
    );
    let said = scene.run(&["--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("✗ implement (stuck): "), "{}", said.err);
    assert!(
        said.err.contains("… implement (works, attempt 2)\n✓ implement"),
        "{}",
        said.err
    );
    assert_eq!(scene.new_branches().len(), 1);
}

#[test]
fn only_a_plan_can_be_asked_for() {
    let scene = Scene::new();
    let said = scene.run(&["--plan-only", "--", "sh", "agent.sh"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(scene.new_branches().is_empty());
    insta::assert_snapshot!(steady(&said.out, &scene), @r#"
    ## Plan

    Let half round down.

    ### Steps

    | # | Step | Class | Files | After |
    | --- | --- | --- | --- | --- |
    | 1 | Halve | logic | `price.sh` |  |
    | 2 | Cover it | tests | `test.sh` | 1 |

    ### Files that may change

    - `price.sh`
    - `test.sh`

    ### Commands that check it

    - `sh test.sh`

    ### Done when

    - half of 5 is 2

    ### The plan in its author's words

    # Plan
    Divide by two.

    <sub>Plan `c3dfd1725c37`, small, for `main` at `COMMIT`, written by `command`, cost so far unknown, run `RUN`.</sub>
    "#);
}

#[test]
fn without_a_person_the_plan_waits_and_can_be_gone_on_with() {
    let scene = Scene::new();
    let said = scene.run(&["--", "sh", "agent.sh"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.starts_with("## Plan"), "{}", said.out);
    assert!(scene.new_branches().is_empty());
    let run = scene.last_run();
    let here = scene.place.path().canonicalize().unwrap();
    let hint = format!(
        "footplate run --resume {run} --yes -- sh {}/agent.sh",
        here.display()
    );
    assert!(said.err.contains(&hint), "{hint:?} in\n{}", said.err);

    let said = scene
        .place
        .run(&["run", "--resume", &run, "--yes", "--", "sh", "agent.sh"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(scene.new_branches().len(), 1);
    let said = scene
        .place
        .run(&["run", "--resume", &run, "--yes", "--", "sh", "agent.sh"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("is over already"), "{}", said.err);
}

#[test]
fn a_waiting_run_can_be_cancelled() {
    let scene = Scene::new();
    assert_eq!(scene.run(&["--", "sh", "agent.sh"]).code, Some(1));
    let run = scene.last_run();
    let said = scene.place.run(&["runs", "cancel", &run]);
    assert_eq!(
        (said.code, said.out),
        (Some(0), format!("Run {run} is cancelled.\n"))
    );
    let said = scene.place.run(&["runs", "show", &run]);
    assert!(said.out.contains("cancelled"), "{}", said.out);
    let said = scene.place.run(&["runs", "cancel", &run]);
    assert_eq!(said.code, Some(1));
}

#[test]
fn a_plan_with_questions_is_never_approved_unseen() {
    let scene = Scene::new();
    scene.agent(
        "agent.sh",
        &AGENT.replace("questions: []", "questions: [Down or up?]"),
    );
    let said = scene.run(YES);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("Down or up?"), "{}", said.out);
    assert!(
        said.err.contains("The plan leaves 1 question open."),
        "{}",
        said.err
    );
    assert!(scene.new_branches().is_empty());
}

#[test]
fn a_workflow_of_ones_own_is_followed() {
    let scene = Scene::new();
    scene.place.write(
        "checks.yml",
        "name: checks\nnodes:\n  one: {run: [test -f price.sh], writes: [checks.md]}\n  two: {role: implement, needs: \
         [one], writes: [implementation.md]}\n  publish: {publish: pull_request, needs: [two]}\n",
    );
    let said = scene.run(&["--workflow", "checks.yml", "--", "sh", "agent.sh"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(scene.new_branches().len(), 1);
    assert!(said.err.contains("✓ one"), "{}", said.err);
}

#[test]
fn another_branch_can_be_the_base() {
    let scene = Scene::new();
    scene.in_repo(&["switch", "-q", "-c", "next"]);
    scene.place.write("repo/next.txt", "next\n");
    scene.commit("Next");
    scene.in_repo(&["switch", "-q", "--detach", "main"]);
    let said = scene.run(&["--base", "next", "--yes", "--", "sh", "agent.sh"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let branch = scene
        .new_branches()
        .into_iter()
        .find(|name| name.starts_with("footplate/"))
        .expect("a new branch");
    assert_eq!(
        scene.in_repo(&["diff", "--name-only", &format!("next...{branch}")]),
        "price.sh\ntest.sh\n"
    );
}
