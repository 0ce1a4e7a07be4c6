use super::in_spite_of_every_fault;
use super::story::{Intentions, PLAN, Story};
use super::world::identity;
use crate::command::Command;
use crate::github::{IssueState, User};
use crate::model::{CommitId, Login, NodeId, UserId};
use crate::publish::{Error, Intend, Publisher};
use crate::run::{EndedHow, NodePhase, PublishResult};

const BRANCH: &str = "footplate/12-half-prices-00000a";

#[tokio::test]
async fn there_is_one_commit_and_one_pull_request_whatever_goes_wrong() {
    in_spite_of_every_fault(
        Story::ready,
        async |story| {
            if story.run().pull.is_some() {
                return Ok(());
            }
            let attempts = &story.node("publish").attempts;
            let began = attempts.last().is_some_and(|attempt| attempt.began.is_some());
            let key = if began {
                crate::model::AttemptKey {
                    run: story.run().created.run.clone(),
                    node: NodeId::new("publish").unwrap(),
                    generation: 1,
                    n: 1,
                }
            } else {
                story.began("publish")
            };
            let result = story.try_publish(&key).await?;
            story.published(key, result);
            Ok(())
        },
        |story| {
            let run = story.run();
            let state = story.world.state();
            assert_eq!(run.intended.len(), 1);
            assert_eq!(state.branches.get(BRANCH), run.intended.first());
            assert_eq!(run.pushed.as_ref(), run.intended.first());
            assert_eq!(state.pulls.len(), 1);
            let pull = run.pull.as_ref().unwrap();
            assert_eq!(pull.number, state.pulls[0].number);
            assert_eq!(story.node("publish").phase, NodePhase::Succeeded);
        },
    )
    .await;
}

#[tokio::test]
async fn the_commit_is_the_app_s_and_credits_the_person_who_asked() {
    let mut story = Story::ready().await;
    story.publish().await;
    let state = story.world.state();
    let commit = &state.commits[&state.branches[BRANCH]];
    assert_eq!(commit.parents, [story.base.clone()]);
    assert_eq!(commit.files, state.commits[&story.work].files);
    insta::assert_snapshot!(commit.message, @r#"
    Add price_half, rounding down

    Footplate-Run: 01jd000000000000000000000a
    Co-authored-by: alice <5+alice@users.noreply.github.com>

    2023-11-14T22:20:20Z
    "#);
    assert_eq!(identity().email(), "4242+footplate[bot]@users.noreply.github.com");
    assert_eq!(state.reviewers, [Login::new("alice").unwrap()]);
    assert!(state.held.values().any(|held| *held == state.branches[BRANCH]));
}

#[tokio::test]
async fn the_pull_request_tells_the_whole_story() {
    let mut story = Story::ready().await;
    story.publish().await;
    let state = story.world.state();
    let pull = &state.pulls[0];
    assert!(pull.draft);
    assert_eq!(pull.base, "main");
    assert_eq!(pull.title, "Add price_half, rounding down");
    let body = pull
        .body
        .replace(&crate::model::ContentHash::of(PLAN).short(), "HASH")
        .replace(state.branches[BRANCH].short(), "COMMIT");
    insta::assert_snapshot!(body, @r#"
    <!-- footplate:run=01jd000000000000000000000a kind=pull generation=1 -->

    Add price_half, rounding down.

    Closes #12

    **Verified:** Footplate ran the checks below on the pushed commit.
    **Validation passed** by `claude:anthropic/opus`.

    > **Note:** Agents run with the server's rights: there is no sandbox.

    > **Note:** `alice` approved the plan on 2023-11-14T22:20:20Z.

    ### What changed

    - [x] **1** Add price_half
      - `src/widgets.py` +2 −1
    - [x] **2** Cover it
      - `tests/test_widgets.py` +1 −1

    ### Checks

    | Command | With the change | Before | Time |
    | --- | --- | --- | --- |
    | `python3 -m unittest` | exit 0, 4 passed, 0 failed | exit 0, 3 passed, 0 failed | 0.4 s |

    ### Validation

    | Criterion | Met | Evidence |
    | --- | --- | --- |
    | price_half rounds down to whole cents | yes | 4 tests passed |

    **Findings**

    - **minor** `src/widgets.py:3`: Name the rounding rule.

    ### Deviations from the plan

    - The name is half_price.

    ### Who did what, and what it cost

    | Step | State | Done by | Attempts | Time | Tokens | Cost |
    | --- | --- | --- | --- | --- | --- | --- |
    | `explore` | done | `claude:anthropic/opus` | 1 | 1 min 30 s | 1.5k in, 200 out | $0.1234 |
    | `plan` | done | `claude:anthropic/opus` | 1 | 1 min 30 s | 1.5k in, 200 out | $0.1234 |
    | `approve` | done | gate | 0 | — | — | — |
    | `implement` | done | `claude:anthropic/opus` | 1 | 1 min 30 s | 1.5k in, 200 out | $0.1234 |
    | `check` | done | check | 1 | 1 min 30 s | — | — |
    | `validate` | done | `claude:anthropic/opus` | 1 | 1 min 30 s | 1.5k in, 200 out | $0.1234 |
    | **Total** |  |  | 5 | 7 min 30 s |  | $0.4936 |

    <details>
    <summary>What the implementer wrote</summary>

    Done; thanks `@octocat`.

    </details>

    <details>
    <summary>What the validator wrote</summary>

    Fine.

    </details>

    <sub>Run `01jd000000000000000000000a`, asked for by `alice`, [plan HASH](https://github.com/o/r/issues/12#issuecomment-1001), commit `COMMIT` for `main`.</sub>
    "#);
}

#[tokio::test]
async fn a_person_s_commit_on_the_branch_is_never_overwritten() {
    let mut story = Story::ready().await;
    let theirs = story.world.plant(&[("x", "y")], &[&story.base]);
    story
        .world
        .state()
        .branches
        .insert(BRANCH.to_owned(), theirs.clone());
    let result = story.publish().await;
    assert_eq!(
        result,
        PublishResult::BranchMoved {
            found: Some(theirs.clone())
        }
    );
    assert_eq!(story.world.state().branches[BRANCH], theirs);
    assert!(story.world.state().pulls.is_empty());
    // Also not once something of ours had been there.
    let mut story = Story::ready().await;
    story.publish().await;
    let ours = story.run().pushed.clone().unwrap();
    let theirs = story.world.plant(&[("x", "z")], &[&ours]);
    story
        .world
        .state()
        .branches
        .insert(BRANCH.to_owned(), theirs.clone());
    again(
        &mut story,
        &[("src/widgets.py", "a\ne\n"), ("tests/test_widgets.py", "d\n")],
    );
    let result = story.publish().await;
    assert_eq!(
        result,
        PublishResult::BranchMoved {
            found: Some(theirs.clone())
        }
    );
    assert_eq!(story.world.state().branches[BRANCH], theirs);
}

#[tokio::test]
async fn later_work_goes_on_top_of_what_was_pushed_and_updates_the_same_pull_request() {
    let mut story = Story::ready().await;
    story.publish().await;
    let first = story.run().pushed.clone().unwrap();
    again(
        &mut story,
        &[("src/widgets.py", "a\ne\n"), ("tests/test_widgets.py", "d\n")],
    );
    story.publish().await;
    let state = story.world.state();
    assert_eq!(state.commits[&state.branches[BRANCH]].parents, [first]);
    assert_eq!(state.pulls.len(), 1);
    assert!(state.pulls[0].body.contains(state.branches[BRANCH].short()));
    assert_eq!(state.reviewers.len(), 1);
}

#[tokio::test]
async fn what_was_pushed_before_a_crash_is_known_by_the_intention_and_replaced() {
    let mut story = Story::ready().await;
    let key = story.began("publish");
    story.try_publish(&key).await.unwrap();
    let lost = story.world.state().branches[BRANCH].clone();
    // The result never reached the log.
    story.crash();
    story.tell(&crate::run::Input::Recover);
    assert!(story.run().pushed.is_none() && story.run().intended.contains(&lost));
    again(
        &mut story,
        &[("src/widgets.py", "a\ne\n"), ("tests/test_widgets.py", "d\n")],
    );
    let result = story.publish().await;
    assert!(matches!(result, PublishResult::Published { .. }), "{result:?}");
    let state = story.world.state();
    assert_ne!(state.branches[BRANCH], lost);
    assert_eq!(
        state.commits[&state.branches[BRANCH]].parents,
        [story.base.clone()]
    );
    assert_eq!(state.pulls.len(), 1);
}

#[tokio::test]
async fn the_same_work_again_makes_no_new_commit() {
    let mut story = Story::ready().await;
    story.publish().await;
    let first = story.run().pushed.clone();
    story.command(
        Command::Retry {
            node: Some(NodeId::new("publish").unwrap()),
            model: None,
        },
        None,
    );
    story.publish().await;
    assert_eq!(story.run().pushed, first);
    assert_eq!(story.world.state().branches.get(BRANCH), first.as_ref());
}

#[tokio::test]
async fn a_new_plan_on_a_newer_base_brings_that_base_along() {
    let mut story = Story::ready().await;
    story.publish().await;
    let first = story.run().pushed.clone().unwrap();
    let newer = story.world.plant(
        &[
            ("src/widgets.py", "a\n"),
            ("tests/test_widgets.py", "b\n"),
            ("README", "r\n"),
        ],
        &[&story.base],
    );
    story
        .world
        .state()
        .branches
        .insert("main".to_owned(), newer.clone());
    story.command(
        Command::Replan {
            wishes: String::new(),
        },
        None,
    );
    story.plan(&PLAN.replace("rounding down", "rounding up"));
    story.approve().await;
    story.work = story.world.plant(
        &[
            ("src/widgets.py", "a\nup\n"),
            ("tests/test_widgets.py", "d\n"),
            ("README", "r\n"),
        ],
        &[&newer],
    );
    story.build();
    let result = story.publish().await;
    assert!(matches!(result, PublishResult::Published { .. }), "{result:?}");
    let state = story.world.state();
    assert_eq!(state.commits[&state.branches[BRANCH]].parents, [first, newer]);
    assert!(state.pulls[0].title.contains("rounding up"));
}

#[tokio::test]
async fn a_base_that_moved_in_the_plan_s_files_asks_the_person_again() {
    let mut story = Story::ready().await;
    let elsewhere = story.world.plant(
        &[
            ("src/widgets.py", "a\n"),
            ("tests/test_widgets.py", "b\n"),
            ("README", "r\n"),
        ],
        &[&story.base],
    );
    story.world.state().branches.insert("main".to_owned(), elsewhere);
    let key = story.began("publish");
    let result = story.try_publish(&key).await.unwrap();
    assert!(matches!(result, PublishResult::Published { .. }), "{result:?}");

    let mut story = Story::ready().await;
    let head = story.world.plant(
        &[("src/widgets.py", "moved\n"), ("tests/test_widgets.py", "b\n")],
        &[&story.base],
    );
    story
        .world
        .state()
        .branches
        .insert("main".to_owned(), head.clone());
    assert_eq!(story.publish().await, PublishResult::BaseMoved { head });
    assert!(story.run().voided.is_some() && story.run().approval.is_none());
    assert!(!story.world.state().branches.contains_key(BRANCH));
}

#[tokio::test]
async fn what_a_commit_may_not_bring_is_not_pushed_and_said_in_sentences() {
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    let base = [("src/widgets.py", "a\n"), ("tests/test_widgets.py", "b\n")];
    let with = |more: &[(&'static str, &str)]| {
        let mut files: Vec<(&str, String)> = base
            .iter()
            .map(|(path, text)| (*path, (*text).to_owned()))
            .collect();
        for (path, text) in more {
            files.retain(|(known, _)| known != path);
            files.push((path, (*text).to_owned()));
        }
        files
    };
    let table = [
        (with(&[]), "The work does not change any file of the base branch."),
        (
            with(&[("README", "x\n")]),
            "README is not among the plan's files.",
        ),
        (
            with(&[(".github/workflows/ci.yml", "x\n")]),
            ".github/workflows/ci.yml changes what continuous integration runs",
        ),
        (
            with(&[("src/widgets.py", "->/etc/passwd")]),
            "src/widgets.py is a link to /etc/passwd",
        ),
        (
            with(&[("docs/CODEOWNERS", "x\n")]),
            "docs/CODEOWNERS is protected",
        ),
        (
            with(&[("src/widgets.py", &format!("key = {secret}\n"))]),
            "src/widgets.py holds what looks like a GitHub token.",
        ),
    ];
    for (files, finding) in table {
        let mut story = Story::ready().await;
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        story.work = story.world.plant(&files, &[&story.base]);
        match story.publish().await {
            PublishResult::Refused { findings } => {
                assert!(
                    findings.iter().any(|found| found.contains(finding)),
                    "{findings:?}"
                );
                assert!(!findings.concat().contains(&secret));
            }
            result => panic!("{finding}: {result:?}"),
        }
        assert!(!story.world.state().branches.contains_key(BRANCH));
        assert!(story.run().intended.is_empty() && story.run().stuck.is_some());
    }
}

#[tokio::test]
async fn what_is_no_longer_wanted_is_not_pushed() {
    struct No;
    impl Intend for No {
        async fn intend(&self, _: &CommitId) -> Result<bool, Error> {
            Ok(false)
        }
    }
    let mut story = Story::ready().await;
    let key = story.began("publish");
    let result = story
        .publisher
        .publish(&story.context(), &key, &story.work, &No)
        .await;
    assert!(matches!(result, Err(Error::Unwanted)));
    assert!(!story.world.state().branches.contains_key(BRANCH));
}

#[tokio::test]
async fn what_github_says_about_a_refused_push_reaches_the_person() {
    let mut story = Story::ready().await;
    story.world.state().refuses_pushes = Some("GH006: Protected branch\nupdate failed".to_owned());
    let result = story.publish().await;
    let why = "GitHub refused the push: GH006: Protected branch update failed".to_owned();
    assert_eq!(result, PublishResult::Refused { findings: vec![why] });
}

#[tokio::test]
async fn another_s_pull_request_from_the_branch_is_left_alone() {
    let mut story = Story::ready().await;
    story.publish().await;
    let marked = story.world.state().pulls[0].clone();
    // The same branch and even the same marker, but a person's.
    let mut story = Story::ready().await;
    let mut theirs = marked.clone();
    theirs.user = Some(User {
        id: UserId(666),
        login: Login::new("mallory").unwrap(),
        is_bot: false,
    });
    story.world.state().pulls.push(theirs.clone());
    match story.publish().await {
        PublishResult::Refused { findings } => {
            assert!(findings[0].contains("is not Footplate's"), "{findings:?}");
        }
        result => panic!("{result:?}"),
    }
    assert_eq!(story.world.state().pulls, [theirs]);
}

#[tokio::test]
async fn a_merged_pull_request_is_done_and_a_closed_one_is_not_pushed_to() {
    for merged in [true, false] {
        let mut story = Story::ready().await;
        story.publish().await;
        let head = story.world.state().branches[BRANCH].clone();
        again(
            &mut story,
            &[("src/widgets.py", "a\ne\n"), ("tests/test_widgets.py", "d\n")],
        );
        {
            let mut state = story.world.state();
            state.pulls[0].state = IssueState::Closed;
            state.pulls[0].merged = merged;
        }
        let result = story.publish().await;
        match result {
            PublishResult::Published { commit, .. } if merged => assert_eq!(commit, head),
            PublishResult::Refused { findings } if !merged => {
                assert_eq!(
                    findings,
                    ["Pull request 30 was closed; reopen it to go on with it."]
                );
            }
            result => panic!("{result:?}"),
        }
        assert_eq!(story.world.state().branches[BRANCH], head);
    }
}

#[tokio::test]
async fn where_there_are_no_drafts_the_pull_request_is_none() {
    let mut story = Story::ready().await;
    story.world.state().has_no_drafts = true;
    story.publish().await;
    assert!(!story.world.state().pulls[0].draft);
}

#[tokio::test]
async fn work_without_a_pull_request_is_kept_and_the_status_says_where() {
    let mut story = Story::ready().await;
    story.command(Command::Cancel, None);
    assert_eq!(story.run().ended.as_ref().unwrap().0, EndedHow::Cancelled);
    let kept = story.publisher.hold(&story.context()).await.unwrap();
    let again = story.publisher.hold(&story.context()).await.unwrap();
    assert_eq!(kept, again);
    let name = format!("held/{}", story.run().created.run);
    assert_eq!(story.world.state().held[&name], story.work);
    assert_eq!(kept.reference, Some(format!("refs/footplate/{name}")));
    assert!(String::from_utf8(kept.patch.unwrap()).unwrap().contains("+c"));
    let reference = kept.reference;
    story.tell(&crate::run::Input::WorkHeld {
        reference,
        patch: None,
    });
    story.publisher.post_status(&story.context()).await.unwrap();
    let body = story.world.ours("status")[0].body.clone();
    assert!(body.contains(&format!("refs/footplate/{name}")), "{body}");
}

#[tokio::test]
async fn a_forgotten_plan_lets_nothing_out() {
    let mut story = Story::ready().await;
    let key = story.began("publish");
    let mut context = story.context();
    context.texts.clear();
    let intentions = Intentions::default();
    let result = story
        .publisher
        .publish(&context, &key, &story.work, &intentions)
        .await
        .unwrap();
    assert!(matches!(result, PublishResult::Refused { .. }), "{result:?}");
    assert!(!story.world.state().branches.contains_key(BRANCH));
}

/// Lets the implementer do its work again, with another result.
fn again(story: &mut Story, files: &[(&str, &str)]) {
    let node = Some(NodeId::new("implement").unwrap());
    story.command(Command::Retry { node, model: None }, None);
    story.work = story.world.plant(files, &[&story.base]);
    story.build();
}
