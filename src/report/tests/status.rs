//! The status comment.

use super::*;

#[test]
fn the_status_comment_shows_state_graph_and_table() {
    assert_snapshot!(status(&status_view(Standing::Working)), @r#"
    <!-- footplate:run=01jd0000000000000000abcdef kind=status generation=0 -->

    ### Footplate: working

    Nothing is wanted of you now; `/cancel` ends it, `/replan` asks for another plan.

    [Plan](https://github.com/o/r/issues/7#issuecomment-1)

    > **Note:** Agents run with the server's rights: there is no sandbox.

    ```mermaid
    flowchart LR
      n0["plan<br/>claude#58;anthropic#47;claude#45;opus#45;5#45;5#64;high<br/>done"]:::done
      n1["approve<br/>done"]:::done
      n2["implement<br/>gemini#58;google#47;gemini#45;3#46;5#45;flash<br/>running"]:::running
      n3["publish<br/>pending"]:::pending
      n0 --> n1
      n1 --> n2
      n2 --> n3
      classDef pending fill:#eaeef2,stroke:#8c959f,color:#1f2328
      classDef running fill:#ddf4ff,stroke:#0969da,color:#1f2328
      classDef done fill:#dafbe1,stroke:#1a7f37,color:#1f2328
    ```

    | Step | State | Done by | Attempts | Time | Tokens | Cost |
    | --- | --- | --- | --- | --- | --- | --- |
    | `plan` | done | `claude:anthropic/claude-opus-5-5@high` | 1 | 1 min 35 s | 12.3k in, 900 out | $0.0180 |
    | `approve` | done | gate | 0 | — | — | — |
    | `implement` | running | `claude:moonshot/kimi-k2.6`, `gemini:google/gemini-3.5-flash` | 3 | 1 min 35 s | unknown | unknown |
    | `publish` | pending | publish | 0 | — | — | — |
    | **Total** |  |  | 4 | 3 min 10 s |  | $0.0180 + unknown |

    **Findings**

    - `implement`: attempt 1: no output for 10 minutes, asked `@octocat` &#124; `#12`
    - `implement`: attempt 2: an empty diff

    <sub>Run `01jd0000000000000000abcdef` of workflow `build`, asked for by `hubot`, as of 2026-11-23T10:00:00Z.</sub>
    "#);
}

#[test]
fn the_status_for_a_terminal_has_neither_marker_nor_drawing() {
    let text = status_text(&status_view(Standing::Done {
        branch: branch("footplate/7-half-prices-abcdef"),
    }));
    assert!(!text.contains("<!--") && !text.contains("mermaid"));
    assert!(text.contains("The work lies on the branch `footplate/7-half-prices-abcdef`."));
}

#[test]
fn every_state_says_what_happens_next() {
    let expires = Timestamp::parse("2026-12-07T10:00:00Z");
    let pull = PullNumber(9);
    let standings = [
        Standing::Queued,
        Standing::Working,
        Standing::AwaitingApproval {
            plan: hash("plan"),
            expires,
        },
        Standing::AwaitingAnswers,
        Standing::AwaitingPerson {
            why: "Somebody pushed to the branch".into(),
        },
        Standing::AwaitingTime {
            until: expires.unwrap(),
            why: "The provider's limit is reached".into(),
        },
        Standing::AwaitingSlot,
        Standing::InReview { pull },
        Standing::Merged { pull },
        Standing::Closed { pull: Some(pull) },
        Standing::Closed { pull: None },
        Standing::Planned,
        Standing::Failed {
            why: "the plan's files do not exist".into(),
        },
        Standing::Cancelled {
            by: Some(login("hubot")),
        },
    ];
    let lines = standings
        .map(|standing| reply_text(&ReplyKind::Status { standing, url: None }))
        .join("\n");
    assert_snapshot!(lines, @r#"
    **Queued.** It begins as soon as it is its turn; `/cancel` ends it.
    **Working.** Nothing is wanted of you now; `/cancel` ends it, `/replan` asks for another plan.
    **Waiting for approval.** Somebody who may write to this repository answers the plan with `/approve 64879f7d6b96`, `/replan WISHES` or `/cancel`, until 2026-12-07T10:00:00Z.
    **Waiting for answers.** The plan has questions: answer them with `/replan` and your answers.
    **Waiting for a person.** Somebody pushed to the branch.
    **Waiting until 2026-12-07T10:00:00Z.** The provider's limit is reached. It goes on by itself.
    **Waiting for a free slot.** Other runs are at work; it goes on by itself.
    **In review.** Pull request #9 is open. `/replan WISHES` or `/retry` there or here updates it; merging or closing it ends the run.
    **Merged.** Pull request #9 was merged.
    **Closed.** Pull request #9 was closed without being merged.
    **Closed.** The issue was closed.
    **Planned.** The plan is written, and nothing more was asked for; `/footplate build` builds anew.
    **Failed.** The plan's files do not exist. `/retry` repeats the step that failed, `/replan WISHES` begins with another plan.
    **Cancelled.** It was cancelled by `hubot`. `/footplate build` begins anew.
    "#);
}

#[test]
fn a_graph_survives_names_that_are_made_to_break_it() {
    let mut bad = agent(
        "end",
        NodeState::Failed,
        "a\"]; click n0 \"javascript:x\"\n``` #quot;",
        None,
    );
    bad.candidates.push("``` \" ] --> <b>\n%%{init}".into());
    let text = graph(&[bad], &[(0, 0), (0, 9)]).unwrap();
    assert_snapshot!(text, @r#"
    ```mermaid
    flowchart LR
      n0["end<br/>#96;#96;#96; #34; #93; #45;#45;#62; #60;b#62;#10;#37;#37;#123;init#125;<br/>failed"]:::failed
      n0 --> n0
      classDef failed fill:#ffebe9,stroke:#cf222e,color:#1f2328
    ```
    "#);
    assert_eq!(graph(&[], &[]), None);
}
