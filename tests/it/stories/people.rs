//! Who may say what, and what Footplate answers.

use serde_json::Value;

use super::stage::Set;

#[tokio::test]
async fn a_strangers_label_through_a_form_starts_nothing_and_is_refused_once() {
    let stage = Set::new().start().await;
    let issue = stage
        .open_issue_by_form("outsider", "Mine bitcoin", "please", &["agent:build"])
        .expect("a form takes it");
    let refusal = stage.answer(issue, "wants write permission").await;
    assert!(refusal.contains("`outsider`"), "{refusal}");
    stage
        .unlabel("octo", issue, "agent:build")
        .expect("the owner may");
    stage.quiet(issue).await;
    assert_eq!(stage.runs().await.len(), 0);
    assert_eq!(stage.answers(issue).len(), 2, "the refusal and the help");
    stage.end().await;
}

#[tokio::test]
async fn the_label_of_a_person_who_only_sorts_issues_starts_nothing() {
    let stage = Set::new().start().await;
    let issue = stage.issue();
    stage
        .label("tristan", issue, "agent:build")
        .expect("triage may label");
    stage.answer(issue, "`tristan`").await;
    assert_eq!(stage.runs().await.len(), 0);
    stage.end().await;
}

#[tokio::test]
async fn a_reading_members_approval_is_refused_in_words_once_and_then_by_reaction() {
    let stage = Set::new().start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.standing(issue, "waiting for approval").await;
    let first = stage.say("rhea", issue, "/approve");
    assert_eq!(stage.reaction(first).await, "confused");
    let second = stage.say("rhea", issue, "/approve");
    assert_eq!(stage.reaction(second).await, "confused");
    let third = stage.say("outsider", issue, "/cancel");
    assert_eq!(stage.reaction(third).await, "confused");
    stage.quiet(issue).await;
    let answers = stage.answers(issue);
    assert_eq!(answers.len(), 2, "{answers:#?}");
    assert_eq!(
        answers[0],
        "Sorry `rhea`, `/approve` wants write permission in this repository, so nothing was done."
    );
    stage.standing(issue, "waiting for approval").await;
    stage.end().await;
}

#[tokio::test]
async fn a_command_that_is_quoted_shown_edited_in_or_said_by_a_program_does_nothing() {
    let stage = Set::new().start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.standing(issue, "waiting for approval").await;
    let comments = [
        stage.say("octo", issue, "> /approve\n\nNot sure yet."),
        stage.say("octo", issue, "Answer with:\n\n```\n/approve\n```\n"),
        stage.say("octo", issue, "    /approve\n"),
        stage.say("octo", issue, "You could write `/approve` or /cancel."),
        stage.say("octo", issue, "Looks fine."),
    ];
    stage
        .edit_comment("octo", comments[4], "/approve")
        .expect("its author may edit it");
    stage
        .delete_comment("octo", comments[4])
        .expect("its author may delete it");
    // The same comment again, as GitHub would tell of one by another program.
    let program = stage.read(|world| {
        let told = world.deliveries.iter().find(|d| {
            d.event == "issue_comment" && String::from_utf8_lossy(&d.body).contains("Not sure yet")
        });
        let mut payload: Value =
            serde_json::from_slice(&told.expect("it was told").body).expect("payloads are JSON");
        payload["comment"]["body"] = "/approve".into();
        payload["sender"]["type"] = "Bot".into();
        payload["sender"]["login"] = "robot[bot]".into();
        payload
    });
    stage.send_event("issue_comment", &program);
    stage.quiet(issue).await;
    assert_eq!(stage.answers(issue).len(), 1, "only the help");
    for comment in &comments[..4] {
        let reactions = stage.read(|world| world.comment(comment.0).map(|(_, _, c)| c.reactions.len()));
        assert_eq!(reactions, Some(0));
    }
    stage.standing(issue, "waiting for approval").await;
    assert_eq!(stage.pulls().len(), 0);
    stage.end().await;
}

#[tokio::test]
async fn cancel_status_help_and_a_slip_of_the_pen_are_answered() {
    let stage = Set::new().start().await;
    let issue = stage.ask();
    stage.plan(issue).await;
    stage.standing(issue, "waiting for approval").await;
    stage.say("wanda", issue, "/aprove");
    let slip = stage.answer(issue, "Did you mean").await;
    assert!(slip.contains("`/approve`"), "{slip}");
    stage.say("wanda", issue, "/shrug");
    stage.say("rhea", issue, "/aprove");
    stage.say("tristan", issue, "/status");
    let status = stage.answer(issue, "**Waiting for approval.**").await;
    assert!(status.contains("/approve"), "{status}");
    stage.say("wanda", issue, "/help");
    stage.answer(issue, "| `/cancel` | The run ends.").await;
    let cancel = stage.say("wanda", issue, "/cancel");
    assert_eq!(stage.reaction(cancel).await, "+1");
    stage.standing(issue, "cancelled").await;
    assert!(
        stage.status(issue).contains("by `wanda`"),
        "{}",
        stage.status(issue)
    );
    assert_eq!(stage.answers(issue).len(), 3, "{:#?}", stage.answers(issue));
    stage.say("wanda", issue, "/approve");
    stage.answer(issue, "The run is over").await;
    stage.say("wanda", issue, "/footplate build");
    stage.revision(issue, 1).await;
    stage.standing(issue, "waiting for approval").await;
    assert_eq!(stage.runs().await.len(), 2);
    stage.end().await;
}

#[tokio::test]
async fn footplate_is_silent_where_it_has_no_run_unless_it_is_addressed() {
    let stage = Set::new().start().await;
    let issue = stage.issue();
    stage.say("octo", issue, "/approve");
    stage.say("octo", issue, "/retry");
    stage.say("octo", issue, "/footplate approve");
    stage.answer(issue, "There is no run here").await;
    assert_eq!(stage.answers(issue).len(), 1);
    stage.end().await;
}
