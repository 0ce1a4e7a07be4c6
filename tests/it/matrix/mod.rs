//! Every harness against everything that goes wrong with models: real programs, a real worktree, the meter, and a
//! scripted model behind it.
//!
//! A cell of the matrix is an attempt that meets one fault. It must end in the right class, by itself and within the
//! meter's limits; nothing of its process tree may be left; its worktree must be clean again for the next attempt;
//! and the meter's reading must add up with the endpoint's own count, to the token. Once for every harness the next
//! attempt is really made, and succeeds.
//!
//! [`expected`] is the table of classes, [`column`] says what goes wrong and when, [`subject`] who is put to the
//! test, and [`field`] is the place. `docs/faults.md` shows the same table with what was measured.
//!
//! Every harness meets every fault; no cell is left out anywhere.

mod column;
mod field;
mod subject;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use column::Column;
use field::{Field, Outcome, REQUESTS};
use subject::Subject;

/// Programs take up to a gigabyte and two cores each while they start; then they mostly wait.
static PLACES: Semaphore = Semaphore::const_new(3);

/// The right class.
///
/// The exceptions are harnesses whose own reaction to a fault makes it another one.
#[expect(clippy::match_same_arms, reason = "each row has a reason of its own")]
fn expected(subject: Subject, column: Column) -> &'static str {
    match (column, subject) {
        (Column::Fine, _) => "success",
        (Column::TooMany, _) => "rate_limited",
        (Column::BadKey, _) => "auth",
        (Column::Failing | Column::Reset | Column::Cut | Column::Html, _) => "unavailable",
        (Column::Hang | Column::Stall, _) => "hang",
        (Column::EditNotFound, _) => "edit_failed",
        // These give up by themselves after some calls that they could not read; the others go on until the attempt
        // has made as many requests as the meter lets it.
        (Column::BadArguments, Subject::Builtin | Subject::Gemini | Subject::Kimi) => "malformed_call",
        (Column::UnknownTool, Subject::Builtin) => "malformed_call",
        // These see that they go round in circles, and call that the end of their work: one has words for it.
        (Column::UnknownTool | Column::Loop, Subject::Gemini) => "missing_artifact",
        (Column::UnknownTool | Column::Loop, Subject::Kimi) => "empty",
        // Its own detection of loops ends it with an error that no field tells from others.
        (Column::Loop | Column::UnknownTool, Subject::Qwen) => "crash",
        (Column::BadArguments | Column::UnknownTool | Column::Loop, _) => "budget",
        (Column::Empty, _) => "empty",
        (Column::OutputLimit, _) => "truncated",
        (Column::Refusal, _) => "refused",
        // Blank lines are no fault of the wire, and the words among them no work.
        (Column::BlankLines, _) => "missing_artifact",
        (Column::OtherModel, _) => "wrong_model",
    }
}

/// Says what is wrong with an attempt, whatever its class.
fn complaints(outcome: &Outcome, wanted: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let (class, ended, reading) = (outcome.class(), &outcome.ended, &outcome.reading);
    check(class == wanted, format!("its class is {class}, not {wanted}"));
    check(
        ended.stopped.is_none(),
        format!("it had to be stopped: {:?}", ended.stopped),
    );
    check(
        reading.requests <= REQUESTS,
        format!("{} requests", reading.requests),
    );
    check(
        outcome.alive.is_empty(),
        format!("still alive: {:?}", outcome.alive),
    );
    check(ended.killed.survivors == 0, format!("{:?}", ended.killed));

    let told = outcome.told();
    check(
        outcome.counts.refused.is_empty(),
        format!("the endpoint refused {:?}", outcome.counts.refused),
    );
    check(
        reading.usage == told.usage,
        format!(
            "the meter counted {:?}, the endpoint told {:?}",
            reading.usage, told.usage
        ),
    );
    check(
        reading.models == told.models,
        format!("by model {:?} against {:?}", reading.models, told.models),
    );
    check(
        reading.sent == told.requests,
        format!("{} were sent, {} arrived", reading.sent, told.requests),
    );
    let unread = outcome.untold() + told.untold;
    check(
        reading.unread == unread,
        format!(
            "{} unread, {unread} answers were cut or silent or did not tell",
            reading.unread
        ),
    );
    check(
        told.answered + told.struck == told.requests,
        format!("the endpoint lost a request: {told:?}"),
    );
    wrong
}

/// Plays a cell, and returns what is wrong with it.
async fn cell(subject: Subject, column: Column) -> Option<String> {
    let places = PLACES.acquire_many(subject.places());
    let _places = places.await.expect("nobody closes it");
    let field = Field::new(subject).await;
    let outcome = field.attempt(1, column.scenario()).await;
    note(subject, column, &outcome);
    let mut wrong = complaints(&outcome, expected(subject, column));
    let left = matches!(column, Column::Fine | Column::Cut | Column::Stall);
    if left && !outcome.changed {
        wrong.push("it left nothing behind, although it had edited the file before".to_owned());
    }
    if column == Column::Fine && !field.read("hello.txt").starts_with("hello footplate\n") {
        wrong.push(format!("hello.txt holds {:?}", field.read("hello.txt")));
    }
    field.throw_back().await;
    if field.files() != ["hello.txt"] || field.read("hello.txt") != field::HELLO {
        wrong.push(format!("the next attempt would find {:?}", field.files()));
    }
    if column == Column::Stall {
        let next = field.attempt(2, column::editing()).await;
        let of_next = complaints(&next, "success").into_iter();
        wrong.extend(of_next.map(|what| format!("the next attempt: {what}")));
    }
    (!wrong.is_empty()).then(|| {
        let mut story = format!("{} × {}\n", subject.name(), column.title());
        for what in wrong {
            let _ = writeln!(story, "  {what}");
        }
        let _ = writeln!(story, "  {:?}\n{:#?}", outcome.verdict, outcome.reading);
        let _ = writeln!(story, "{:#?}\n{}", outcome.told(), outcome.ended.output_tail);
        story
    })
}

/// Keeps what was measured, for the table of `docs/faults.md`.
fn note(subject: Subject, column: Column, outcome: &Outcome) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix");
    std::fs::create_dir_all(&folder).expect("a folder");
    let line = format!(
        "{}\t{}\t{}\t{:.1}\t{}\t{}\n",
        subject.name(),
        column.title(),
        outcome.class(),
        outcome.ended.wall.as_secs_f32(),
        outcome.reading.requests,
        outcome.reading.sent,
    );
    let file = folder.join(format!("{}-{column:?}.tsv", subject.name()));
    std::fs::write(file, line).expect("written");
}

async fn row(subject: Subject) {
    let cells = Column::ALL.into_iter().map(|column| cell(subject, column));
    let wrong: Vec<String> = join_all(cells).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn claude_ends_every_fault_in_its_class() {
    row(Subject::Claude).await;
}

#[tokio::test]
async fn codex_ends_every_fault_in_its_class() {
    row(Subject::Codex).await;
}

#[tokio::test]
async fn gemini_ends_every_fault_in_its_class() {
    row(Subject::Gemini).await;
}

#[tokio::test]
async fn qwen_ends_every_fault_in_its_class() {
    row(Subject::Qwen).await;
}

#[tokio::test]
async fn kimi_over_acp_ends_every_fault_in_its_class() {
    row(Subject::Kimi).await;
}

#[tokio::test]
async fn opencode_over_acp_ends_every_fault_in_its_class() {
    row(Subject::Opencode).await;
}

#[tokio::test]
async fn the_built_in_agent_ends_every_fault_in_its_class() {
    row(Subject::Builtin).await;
}

#[tokio::test]
async fn a_program_of_anybodys_ends_every_fault_in_its_class() {
    row(Subject::Command).await;
}

#[test]
fn the_document_shows_the_table_of_this_test() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    let text = std::fs::read_to_string(file).expect("docs/faults.md");
    let mut shown = BTreeSet::new();
    let mut head: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let fields: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if fields[0] == "fault" {
            head = fields;
        } else if let Some(column) = Column::ALL.iter().find(|column| column.title() == fields[0]) {
            for (name, field) in head.iter().zip(&fields).skip(1) {
                let class = field.split(',').next().unwrap_or_default();
                shown.insert((name.to_string(), column.title(), class.to_owned()));
            }
        }
    }
    for subject in Subject::ALL {
        for column in Column::ALL {
            let class = expected(subject, column).to_owned();
            let wanted = (subject.name().to_owned(), column.title(), class);
            assert!(shown.contains(&wanted), "docs/faults.md lacks {wanted:?}");
        }
    }
}
