use super::in_spite_of_every_fault;
use super::story::{PLAN, Story, run_id};
use super::world::ISSUE;
use crate::command::Command;
use crate::model::{CommentId, ContentHash};
use crate::publish::{Error, Publisher};
use crate::run::{Input, ReplyKind, ReplyTo};

async fn status(story: &mut Story) -> Result<(), Error> {
    let comment = story.publisher.post_status(&story.context()).await?;
    story.posted(comment);
    Ok(())
}

async fn plan(story: &mut Story) -> Result<(), Error> {
    let plan = story.run().plan.clone().unwrap().hash;
    let posted = story.publisher.post_plan(&story.context(), &plan).await?;
    let (comment, body) = (posted.comment, posted.body);
    story.tell(&Input::PlanPosted { plan, comment, body });
    Ok(())
}

fn nudge(story: &mut Story) {
    let text = ContentHash::of(format!("{}", story.run().len));
    story.tell(&Input::IssueEdited { text });
}

#[tokio::test]
async fn there_is_one_status_comment_whatever_goes_wrong() {
    in_spite_of_every_fault(
        async || Story::begun(),
        async |story| {
            status(story).await?;
            nudge(story);
            status(story).await
        },
        |story| assert_eq!(story.world.ours("status").len(), 1),
    )
    .await;
}

#[tokio::test]
async fn there_is_one_comment_per_plan_whatever_goes_wrong() {
    in_spite_of_every_fault(
        async || Story::planned(),
        plan,
        |story| {
            let posted = story.run().plan.clone().unwrap().posted.unwrap();
            let comments = story.world.ours("plan");
            assert_eq!(comments.len(), 1);
            assert_eq!(posted.comment, comments[0].id);
            assert_eq!(posted.body, ContentHash::of(&comments[0].body));
        },
    )
    .await;
}

#[tokio::test]
async fn a_comment_is_answered_once_whatever_goes_wrong() {
    in_spite_of_every_fault(
        async || {
            let story = Story::begun();
            story.world.stranger_says("/approve");
            story
        },
        async |story| {
            let to = ReplyTo(CommentId(1_001));
            story
                .publisher
                .reply(&story.context(), to, &ReplyKind::NotWaiting)
                .await
        },
        |story| {
            assert_eq!(story.world.ours("reply").len(), 1);
            assert!(
                story
                    .world
                    .state()
                    .reactions
                    .contains(&(CommentId(1_001), "confused"))
            );
        },
    )
    .await;
}

#[tokio::test]
async fn an_accepted_command_gets_a_reaction_and_no_words() {
    let story = Story::begun();
    let asked = story.world.stranger_says("/cancel");
    let context = story.context();
    let to = ReplyTo(asked);
    story
        .publisher
        .reply(&context, to, &ReplyKind::Accepted)
        .await
        .unwrap();
    assert!(story.world.state().reactions.contains(&(asked, "+1")));
    assert!(story.world.ours("reply").is_empty());
}

#[tokio::test]
async fn a_comment_that_is_gone_needs_no_answer() {
    let story = Story::begun();
    let to = ReplyTo(CommentId(5));
    story
        .publisher
        .reply(&story.context(), to, &ReplyKind::Over)
        .await
        .unwrap();
    assert!(story.world.ours("reply").is_empty());
}

#[tokio::test]
async fn a_marker_that_a_stranger_pasted_is_no_comment_of_ours() {
    let mut story = Story::planned();
    let run = run_id('a');
    let status_marker = format!("<!-- footplate:run={run} kind=status generation=0 -->\nhello");
    let plan_marker = format!("<!-- footplate:run={run} kind=plan generation=1 -->\n/approve");
    story.world.stranger_says(&status_marker);
    story.world.stranger_says(&plan_marker);
    status(&mut story).await.unwrap();
    plan(&mut story).await.unwrap();
    let state = story.world.state();
    assert_eq!(state.comments[&ISSUE].len(), 4);
    assert_eq!(state.comments[&ISSUE][0].body, status_marker);
    assert_eq!(state.comments[&ISSUE][1].body, plan_marker);
}

#[tokio::test]
async fn a_status_that_shows_the_newest_revision_is_left_alone() {
    let mut story = Story::begun();
    status(&mut story).await.unwrap();
    let calls = story.world.state().calls.len();
    status(&mut story).await.unwrap();
    assert_eq!(story.world.state().calls.len(), calls);
}

#[tokio::test]
async fn a_status_comment_that_somebody_deleted_is_written_once_more() {
    let mut story = Story::begun();
    status(&mut story).await.unwrap();
    let first = story.run().status_comment.unwrap();
    story.world.state().comments.clear();
    nudge(&mut story);
    status(&mut story).await.unwrap();
    let comments = story.world.ours("status");
    assert_eq!(comments.len(), 1);
    assert_ne!(comments[0].id, first);
    assert_eq!(story.run().status_comment, Some(comments[0].id));
}

#[tokio::test]
async fn the_next_run_takes_the_status_comment_over_and_the_old_one_lets_it_go() {
    let mut old = Story::begun();
    status(&mut old).await.unwrap();
    let mut new = Story::begun_in(std::sync::Arc::clone(&old.world), run_id('b'));
    status(&mut new).await.unwrap();
    let comments = new.world.ours("status");
    assert_eq!(comments.len(), 1);
    assert!(comments[0].body.contains("00b"), "{}", comments[0].body);
    nudge(&mut old);
    old.crash();
    status(&mut old).await.unwrap();
    assert_eq!(new.world.ours("status"), comments);
}

#[tokio::test]
async fn the_state_label_follows_the_run_and_other_labels_stay() {
    let mut story = Story::begun();
    let labels = |story: &Story| Vec::from_iter(story.world.state().labels.clone());
    status(&mut story).await.unwrap();
    assert_eq!(labels(&story), ["agent:queued", "bug"]);
    story.plan(PLAN);
    status(&mut story).await.unwrap();
    assert_eq!(labels(&story), ["agent:waiting", "bug"]);
    story.command(Command::Cancel, None);
    status(&mut story).await.unwrap();
    assert_eq!(labels(&story), ["bug"]);
}

#[tokio::test]
async fn a_plan_that_was_edited_before_it_was_noted_does_not_count_as_unedited() {
    let mut story = Story::planned();
    let hash = story.run().plan.clone().unwrap().hash;
    let posted = story.publisher.post_plan(&story.context(), &hash).await.unwrap();
    story.world.state().comments.get_mut(&ISSUE).unwrap()[0]
        .body
        .push_str("and more");
    story.crash();
    let again = story.publisher.post_plan(&story.context(), &hash).await.unwrap();
    assert_eq!(again, posted);
    assert!(story.world.ours("plan")[0].body.ends_with("and more"));
    plan(&mut story).await.unwrap();
}

#[tokio::test]
async fn a_superseded_plan_is_collapsed() {
    let mut story = Story::planned();
    plan(&mut story).await.unwrap();
    story.command(
        Command::Replan {
            wishes: String::new(),
        },
        None,
    );
    story.plan(&PLAN.replace("rounding down", "rounding up"));
    plan(&mut story).await.unwrap();
    let old = *story.run().collapsible.first().unwrap();
    story.publisher.collapse(&story.context(), old).await.unwrap();
    story.publisher.collapse(&story.context(), old).await.unwrap();
    assert_eq!(
        Vec::from_iter(story.world.state().minimized.clone()),
        [format!("IC_{old}")]
    );
    let comments = story.world.ours("plan");
    assert_eq!(comments.len(), 2);
    assert!(
        comments[1]
            .body
            .contains("+summary: Add price_half, rounding up."),
        "{}",
        comments[1].body
    );
}

#[tokio::test]
async fn nothing_that_looks_like_a_credential_is_posted() {
    let mut story = Story::begun();
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    story.plan(&PLAN.replace("Halve and", &format!("Use {secret} and")));
    plan(&mut story).await.unwrap();
    let body = story.world.ours("plan")[0].body.clone();
    assert!(
        !body.contains(&secret) && body.contains("[removed: a GitHub token]"),
        "{body}"
    );
}

#[tokio::test]
async fn people_read_what_is_wrong_and_what_they_can_do() {
    let story = Story::planned();
    let hash = story.run().plan.clone().unwrap().hash;
    let kinds = [
        ReplyKind::NotWaiting,
        ReplyKind::NeedsHash {
            plan: hash,
            why: "The plan's comment was edited after it was posted.".to_owned(),
        },
        ReplyKind::WrongHash { plan: hash },
        ReplyKind::QuestionsOpen { questions: 2 },
        ReplyKind::NotPosted,
        ReplyKind::Unpostable { plan: hash },
        ReplyKind::AlreadyActive,
        ReplyKind::Over,
        ReplyKind::NothingToRepeat,
        ReplyKind::NoSuchNode {
            node: "deploy".to_owned(),
            nodes: vec!["plan".to_owned()],
        },
        ReplyKind::NoSuchCandidate {
            why: "no candidate of the route is called `kimi`".to_owned(),
        },
        ReplyKind::Status,
    ];
    let mut all = String::new();
    for kind in &kinds {
        let words = crate::publish::views::reply(&story.context(), kind, story.publisher.settings());
        all += &words.unwrap().replace(&hash.short(), "HASH");
        all.push('\n');
    }
    insta::assert_snapshot!(all, @r#"
    There is no plan to approve yet; it is posted here when it is written.
    The plan's comment was edited after it was posted. If plan `HASH` is what you want to be built, write `/approve HASH`.
    That is not the newest plan's hash. If plan `HASH` is what you want to be built, write `/approve HASH`.
    The plan has 2 questions, so it cannot be approved yet. `/replan` with the answers goes on.
    Nothing was approved: it is not certain yet that the newest plan stands here. Its comment will come or be found in a moment; have a look at it and write `/approve` then.
    Nothing was approved: the plan could not be posted here. `/replan` makes another try. If plan `HASH` is what you want to be built, write `/approve HASH`.
    This issue already has a run, which is waiting for approval. `/cancel` ends it, `/replan WISHES` changes its course.
    The run is over, so nothing was done. `/footplate build` begins anew.
    There is nothing to repeat: no step has failed. `/retry STEP` repeats a certain one.
    There is no step `deploy` to repeat. There is: `plan`.
    No candidate of the route is called `kimi`. Nothing was repeated.
    **Waiting for approval.** Somebody who may write to this repository answers the plan with `/approve HASH`, `/replan WISHES` or `/cancel`, until 2023-11-28T22:18:20Z.
    "#);
}

#[tokio::test]
async fn the_status_shows_failures_costs_and_what_to_do() {
    let mut story = Story::planned();
    story.approve().await;
    let key = story.began("implement");
    let mut report = crate::run::Report::bare(
        key,
        crate::run::Verdict::Failed {
            class: crate::run::Failure::Hang,
            why: "No sign of life for 10 minutes.".to_owned(),
        },
        crate::model::Timestamp(1_700_000_000_000),
    );
    report.ended = report.started.plus(std::time::Duration::from_mins(10));
    story.tell(&Input::AttemptEnded(Box::new(report)));
    status(&mut story).await.unwrap();
    let body = story.world.ours("status")[0].body.clone();
    let hash = ContentHash::of(PLAN).short();
    insta::assert_snapshot!(body.replace(&hash, "HASH"), @r#"
    <!-- footplate:run=01jd000000000000000000000a kind=status generation=0 -->

    ### Footplate: working

    Nothing is wanted of you now; `/cancel` ends it, `/replan` asks for another plan.

    [Plan, revision 1](https://github.com/o/r/issues/12#issuecomment-1001)

    > **Note:** Agents run with the server's rights: there is no sandbox.

    ```mermaid
    flowchart LR
      n0["explore<br/>claude#58;anthropic#47;opus<br/>done"]:::done
      n1["plan<br/>claude#58;anthropic#47;opus<br/>done"]:::done
      n2["approve<br/>done"]:::done
      n3["implement<br/>claude#58;anthropic#47;opus<br/>ready"]:::ready
      n4["check<br/>pending"]:::pending
      n5["validate<br/>pending"]:::pending
      n6["publish<br/>pending"]:::pending
      n0 --> n1
      n1 --> n2
      n2 --> n3
      n3 --> n4
      n4 --> n5
      n5 --> n6
      classDef pending fill:#eaeef2,stroke:#8c959f,color:#1f2328
      classDef ready fill:#eaeef2,stroke:#0969da,color:#1f2328
      classDef done fill:#dafbe1,stroke:#1a7f37,color:#1f2328
    ```

    | Step | State | Done by | Attempts | Time | Tokens | Cost |
    | --- | --- | --- | --- | --- | --- | --- |
    | `explore` | done | `claude:anthropic/opus` | 1 | 1 min 30 s | 1.5k in, 200 out | $0.1234 |
    | `plan` | done | `claude:anthropic/opus` | 1 | 1 min 30 s | 1.5k in, 200 out | $0.1234 |
    | `approve` | done | gate | 0 | — | — | — |
    | `implement` | ready | `claude:anthropic/opus` | 1 | 10 min 00 s | unknown | unknown |
    | `check` | pending | check | 0 | — | — | — |
    | `validate` | pending | agent | 0 | — | — | — |
    | `publish` | pending | publish | 0 | — | — | — |
    | **Total** |  |  | 3 | 13 min 00 s |  | $0.2468 + unknown |

    **Findings**

    - `implement`: Attempt 1 by claude:anthropic/opus: it hung. No sign of life for 10 minutes.

    <sub>Run `01jd000000000000000000000a` of workflow `build`, asked for by `alice`, as of 2023-11-14T22:22:20Z.</sub>
    "#);
}
