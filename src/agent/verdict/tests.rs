//! The conclusions as tables.

use std::time::Duration;

use super::super::{Killed, Terminal, TerminalError};
use super::*;
use crate::model::Timestamp;

fn ended() -> Ended {
    Ended {
        exit: Exit::Code(0),
        stopped: None,
        usage: None,
        cost: None,
        text: "Done.".to_owned(),
        output_tail: String::new(),
        edit_failures: Vec::new(),
        events: 1,
        terminal: None,
        lingered: false,
        retries: 0,
        session: None,
        model_reported: None,
        windows: Vec::new(),
        killed: Killed::default(),
        started: Timestamp(0),
        ended: Timestamp(1),
        wall: Duration::from_millis(1),
    }
}

fn facts() -> VerdictFacts<'static> {
    VerdictFacts {
        must_change: true,
        changed: true,
        tampered: false,
        collected: 1,
        refused: &[],
        wire: &[],
        exact_model: false,
    }
}

#[track_caller]
fn check(ended: &Ended, facts: VerdictFacts<'_>, sentence: &str) {
    let said = match verdict(ended, facts) {
        Verdict::Success => "success".to_owned(),
        Verdict::Failure(class) => class.to_string(),
    };
    assert_eq!(said, sentence);
}

#[test]
fn an_end_without_words_after_a_failing_provider_is_the_providers() {
    let refused = [CollectError {
        name: ArtifactName::new("plan.md").expect("a name"),
        why: Refusal::Missing,
    }];
    let wire = [WireFault::CutOff, WireFault::RateLimited { until: None }];
    let lost = VerdictFacts {
        collected: 0,
        refused: &refused,
        wire: &wire,
        ..facts()
    };
    let with = |text: &str| Ended {
        terminal: Some(Terminal {
            ok: true,
            text: text.to_owned(),
            ..Terminal::default()
        }),
        ..ended()
    };
    check(&with(" "), lost, "its provider had too many requests");
    check(&with("Done."), lost, "it did not write plan.md");
    check(&ended(), lost, "it did not write plan.md");
}

#[test]
fn success_wants_a_clean_end_and_everything_that_was_asked_for() {
    check(&ended(), facts(), "success");
    check(
        &ended(),
        VerdictFacts {
            changed: false,
            ..facts()
        },
        "it changed nothing",
    );
    check(
        &ended(),
        VerdictFacts {
            tampered: true,
            ..facts()
        },
        "it replaced the worktree's `.git`",
    );
    check(
        &Ended {
            exit: Exit::Code(3),
            ..ended()
        },
        facts(),
        "it ended with exit code 3",
    );
    check(
        &Ended {
            exit: Exit::Signal(9),
            ..ended()
        },
        facts(),
        "it ended with SIGKILL",
    );
}

#[test]
fn files_are_an_answer_and_silence_without_files_is_none() {
    let mute = Ended {
        text: " \n".to_owned(),
        ..ended()
    };
    check(&mute, facts(), "success");
    check(
        &mute,
        VerdictFacts {
            must_change: false,
            ..facts()
        },
        "success",
    );
    let nothing = VerdictFacts {
        must_change: false,
        changed: false,
        collected: 0,
        ..facts()
    };
    check(&mute, nothing, "it left neither words nor files");
    check(
        &mute,
        VerdictFacts {
            changed: true,
            ..nothing
        },
        "it left neither words nor files",
    );
    check(&ended(), nothing, "success");
}

#[test]
fn a_hang_is_a_failure_even_with_a_perfect_result_and_exit_0() {
    for (stop, sentence) in [
        (Stop::FirstEvent, "it gave no sign of life in time"),
        (Stop::Idle, "it fell silent and was stopped"),
        (Stop::Wall, "it took too long and was stopped"),
        (Stop::Cancelled, "it was cancelled"),
        (Stop::OutputFlood, "it printed without end and was stopped"),
    ] {
        check(
            &Ended {
                stopped: Some(stop),
                ..ended()
            },
            facts(),
            sentence,
        );
    }
}

#[test]
fn failed_edits_explain_why_nothing_changed_and_are_forgiven_otherwise() {
    let clumsy = Ended {
        edit_failures: vec!["a".to_owned(), "b".to_owned()],
        ..ended()
    };
    check(&clumsy, facts(), "success");
    check(
        &clumsy,
        VerdictFacts {
            changed: false,
            ..facts()
        },
        "2 edits did not apply and nothing changed",
    );
}

#[test]
fn the_gravest_trouble_with_artifacts_is_named() {
    let error = |name: &str, why| CollectError {
        name: ArtifactName::new(name).expect("valid"),
        why,
    };
    let all = [
        error("a.md", Refusal::Stale),
        error("b.md", Refusal::Missing),
        error("c.md", Refusal::Missing),
        error("d.md", Refusal::HardLink),
    ];
    let with = |refused| VerdictFacts { refused, ..facts() };
    check(
        &ended(),
        with(&all),
        "what it left was refused: d.md is a hard link",
    );
    check(&ended(), with(&all[..3]), "it did not write b.md and c.md");
    check(&ended(), with(&all[..1]), "it did not write a.md anew");
}

#[test]
fn what_could_not_be_killed_outranks_all() {
    let killed = Killed {
        survivors: 1,
        ..Killed::default()
    };
    check(
        &Ended {
            killed,
            stopped: Some(Stop::Cancelled),
            ..ended()
        },
        facts(),
        "a process of it could not be killed",
    );
}

/// What a harness said of its end: fine, or this kind of error.
#[expect(clippy::unnecessary_wraps, reason = "it stands where there may be none")]
fn last(kind: Option<TerminalKind>) -> Option<Terminal> {
    Some(match kind {
        None => Terminal {
            ok: true,
            text: "Done.".to_owned(),
            ..Terminal::default()
        },
        Some(kind) => Terminal {
            error: Some(TerminalError {
                kind,
                status: None,
                until: None,
            }),
            ..Terminal::default()
        },
    })
}

/// Exit, last word, whether the tree changed, faults on the wire, sentence.
type Row<'a> = (Exit, Option<TerminalKind>, bool, &'a [WireFault], &'a str);

#[test]
#[expect(clippy::cloned_ref_to_slice_refs, reason = "the rows of a table look alike")]
fn the_first_reason_of_the_table_wins() {
    use TerminalKind as K;
    use WireFault as W;
    let (ok, failed, signal) = (Exit::Code(0), Exit::Code(1), Exit::Signal(9));
    let until = Some(Timestamp(1_000));
    let limited = W::RateLimited { until };
    let down = W::Unavailable { status: Some(503) };
    let table: &[Row<'_>] = &[
        // What was overcome stays a success.
        (
            ok,
            None,
            true,
            &[limited.clone(), W::CutOff, W::Truncated, W::Empty],
            "success",
        ),
        (ok, None, true, &[W::WrongModel { served: "b".into() }], "success"),
        // The meter's refusal beats the crash and the 403 that it caused.
        (
            failed,
            Some(K::Auth),
            false,
            &[W::Budget],
            "it used up what it may spend",
        ),
        (
            failed,
            Some(K::Other),
            false,
            &[W::TooManyRequests, down.clone()],
            "it used up what it may spend",
        ),
        (
            failed,
            Some(K::Limit),
            false,
            &[limited.clone()],
            "it used up what it may spend",
        ),
        // The wire beats the harness, the newest fault the older ones.
        (
            failed,
            Some(K::Auth),
            false,
            &[down.clone(), limited.clone()],
            "its provider has too many requests until 1970-01-01T00:00:01Z",
        ),
        (
            failed,
            Some(K::Other),
            false,
            &[limited.clone(), down.clone()],
            "its provider failed or broke off (status 503)",
        ),
        (
            failed,
            Some(K::NoResult),
            false,
            &[W::Auth { status: 401 }],
            "its provider refused the key (status 401)",
        ),
        (
            failed,
            Some(K::Other),
            false,
            &[W::Rejected { status: 413 }],
            "its provider called the request wrong (status 413)",
        ),
        (
            failed,
            Some(K::Other),
            false,
            &[W::UnknownModel],
            "its provider does not know the model",
        ),
        (
            failed,
            Some(K::Other),
            false,
            &[W::NoFirstByte],
            "it gave no sign of life in time",
        ),
        (
            failed,
            Some(K::Other),
            false,
            &[W::Stalled],
            "it fell silent and was stopped",
        ),
        (
            failed,
            Some(K::Other),
            false,
            &[W::NotAnAnswer],
            "its provider failed or broke off",
        ),
        (
            ok,
            Some(K::Empty),
            false,
            &[W::Refused],
            "the model or its provider refused",
        ),
        // A crash of its own is none of the provider's.
        (
            failed,
            None,
            true,
            &[limited.clone()],
            "it ended with exit code 1",
        ),
        (
            signal,
            Some(K::NoResult),
            false,
            &[limited.clone()],
            "it ended with SIGKILL",
        ),
        (
            ok,
            Some(K::Interrupted),
            false,
            &[down.clone()],
            "it ended without success",
        ),
        // Without a wire, its own typed word.
        (
            failed,
            Some(K::RateLimited),
            false,
            &[],
            "its provider had too many requests",
        ),
        (failed, Some(K::Auth), false, &[], "its provider refused the key"),
        (
            failed,
            Some(K::UnknownModel),
            false,
            &[],
            "its provider does not know the model",
        ),
        (
            failed,
            Some(K::Unavailable),
            false,
            &[],
            "its provider failed or broke off",
        ),
        (ok, Some(K::Empty), false, &[], "it left neither words nor files"),
        (ok, Some(K::NoResult), true, &[], "it ended without success"),
        (failed, Some(K::Other), true, &[], "it ended with exit code 1"),
        // It ended well, but nothing changed.
        (ok, None, false, &[], "it changed nothing"),
        (
            ok,
            None,
            false,
            &[W::MalformedCall],
            "the model's calls of tools could not be read",
        ),
        (
            ok,
            None,
            false,
            &[W::Truncated],
            "the answer was cut off, being too long",
        ),
        (
            ok,
            None,
            false,
            &[W::Refused, W::Empty],
            "the model or its provider refused",
        ),
        (
            ok,
            None,
            false,
            &[limited.clone(), down.clone()],
            "it changed nothing",
        ),
    ];
    for (exit, word, changed, wire, sentence) in table {
        let ended = Ended {
            exit: *exit,
            terminal: last(*word),
            ..ended()
        };
        let facts = VerdictFacts {
            changed: *changed,
            collected: 0,
            wire,
            ..facts()
        };
        check(&ended, facts, sentence);
    }
}

#[test]
fn another_model_fails_where_only_the_asked_one_may_answer() {
    let wire = [WireFault::WrongModel {
        served: "gemini-3.8-flash".to_owned(),
    }];
    let facts = VerdictFacts {
        wire: &wire,
        exact_model: true,
        ..facts()
    };
    check(&ended(), facts, "another model answered, gemini-3.8-flash");
}

#[test]
fn the_exit_of_a_harness_that_had_to_be_killed_after_its_last_word_says_nothing() {
    let lingered = Ended {
        exit: Exit::Signal(15),
        lingered: true,
        terminal: last(None),
        ..ended()
    };
    check(&lingered, facts(), "success");
    let failed = Ended {
        terminal: last(Some(TerminalKind::Auth)),
        ..lingered
    };
    check(&failed, facts(), "its provider refused the key");
}

#[test]
fn a_cut_off_or_refused_answer_is_none_whatever_was_left() {
    let word = |truncated, refused| Ended {
        terminal: Some(Terminal {
            truncated,
            refused,
            ..last(None).expect("one")
        }),
        ..ended()
    };
    check(
        &word(true, false),
        facts(),
        "the answer was cut off, being too long",
    );
    check(&word(false, true), facts(), "the model or its provider refused");
}

#[test]
fn failures_survive_being_written_down() {
    let class = FailureClass::Hang { limit: Stop::Idle };
    let json = serde_json::to_string(&class).expect("serializes");
    assert_eq!(json, r#"{"class":"hang","limit":"idle"}"#);
    assert_eq!(
        serde_json::from_str::<FailureClass>(&json).expect("reads back"),
        class
    );
}
