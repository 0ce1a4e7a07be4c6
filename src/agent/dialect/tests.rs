//! All dialects against real streams.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::agent::lines::Lines;
use crate::agent::{Ended, Killed, Verdict, VerdictFacts, verdict};
use crate::ledger::WireFault;
use crate::model::Timestamp;

/// Reads a stream as a run of that exit would have been read.
fn ended(cli: Cli, name: &str, exit: i32) -> Ended {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/agent/dialect/fixtures");
    let read = |kind: &str| std::fs::read(folder.join(format!("{name}.{kind}")));
    let stdout = read("jsonl").unwrap_or_else(|error| panic!("{name}.jsonl: {error}"));
    let mut listener = Listener::cli(cli, &());
    let mut lines = Lines::default();
    lines.feed(&read("stderr").unwrap_or_default(), |line| listener.stderr(line));
    lines.finish(|line| listener.stderr(line));
    lines.feed(&stdout, |line| listener.stdout(line));
    lines.finish(|line| listener.stdout(line));
    listener.exited(Exit::Code(exit));
    let mut seen = listener.transcript;
    Ended {
        exit: Exit::Code(exit),
        stopped: None,
        usage: seen.usage,
        cost: seen.cost(),
        text: seen.text(),
        output_tail: seen.tail(),
        edit_failures: seen.edit_failures,
        events: seen.events,
        terminal: seen.terminal,
        lingered: false,
        retries: seen.retries,
        session: seen.session,
        model_reported: seen.model,
        windows: seen.windows,
        killed: Killed::default(),
        started: Timestamp(0),
        ended: Timestamp(1),
        wall: Duration::from_millis(1),
    }
}

/// What a node that must write ends with, if git saw a change or not.
fn class(ended: &Ended, changed: bool, wire: &[WireFault]) -> String {
    let facts = VerdictFacts {
        must_change: true,
        changed,
        tampered: false,
        collected: 0,
        refused: &[],
        wire,
        exact_model: false,
    };
    match verdict(ended, facts) {
        Verdict::Success => "success".to_owned(),
        Verdict::Failure(class) => class.to_string(),
    }
}

/// Every stream: its exit, and whether the run had changed the tree.
const STREAMS: &[(Cli, &str, i32, bool)] = &[
    (Cli::Claude, "claude-ok", 0, true),
    (Cli::Claude, "claude-ok-oauth-limits", 0, true),
    (Cli::Claude, "claude-ok-foreign-model", 0, true),
    (Cli::Claude, "claude-429", 1, false),
    (Cli::Claude, "claude-badedit", 0, false),
    (Cli::Claude, "claude-drop", 1, false),
    (Cli::Claude, "claude-empty", 0, false),
    (Cli::Claude, "claude-truncated", 1, false),
    (Cli::Claude, "claude-unknown-tool", 1, false),
    (Cli::Claude, "claude-sigint", 0, false),
    (Cli::Codex, "codex-ok", 0, true),
    (Cli::Codex, "codex-badedit", 0, false),
    (Cli::Codex, "codex-401", 1, false),
    (Cli::Codex, "codex-empty", 0, false),
    (Cli::Codex, "codex-stall", 1, false),
    (Cli::Gemini, "gemini-ok", 0, true),
    (Cli::Gemini, "gemini-badedit", 0, false),
    (Cli::Gemini, "gemini-429", 173, false),
    (Cli::Gemini, "gemini-empty", 0, false),
    (Cli::Gemini, "gemini-truncated", 0, false),
    (Cli::Qwen, "qwen-ok", 0, true),
    (Cli::Qwen, "qwen-badedit", 0, false),
    (Cli::Qwen, "qwen-truncated", 0, false),
    (Cli::Qwen, "qwen-unknown-tool", 1, false),
    (Cli::Qwen, "qwen-429-wall-time", 55, false),
];

#[test]
fn every_stream_is_read_as_what_it_was() {
    let mut table = String::new();
    for &(cli, name, exit, changed) in STREAMS {
        let ended = ended(cli, name, exit);
        let last = ended.terminal.as_ref().expect("each of them has a last word");
        let _ = write!(table, "{name}: {}", class(&ended, changed, &[]));
        if let Some(usage) = ended.usage {
            let (input, read, write, output) =
                (usage.input, usage.cache_read, usage.cache_write, usage.output);
            let _ = write!(table, "; in {input} read {read} write {write} out {output}");
        }
        let cost = ended.cost.map_or_else(String::new, |cost| format!(", {cost}"));
        let (edits, retries) = (ended.edit_failures.len(), ended.retries);
        let _ = write!(table, "{cost}; edits failed {edits}, retries {retries}; ");
        let _ = match last.error {
            None => write!(table, "ok"),
            Some(error) => write!(table, "{:?} {:?}", error.kind, error.status),
        };
        let model = ended.model_reported.as_deref().unwrap_or("-");
        let _ = writeln!(table, "; {model}; {:?}", last.text.lines().next().unwrap_or(""));
    }
    insta::assert_snapshot!(table, @r#"
    claude-ok: success; in 3400 read 1200 write 0 out 206, $0.0180; edits failed 0, retries 0; ok; claude-opus-5-5; "Done: hello.txt now says hello footplate."
    claude-ok-oauth-limits: success; in 3400 read 1200 write 0 out 206, $0.0180; edits failed 0, retries 0; ok; claude-opus-5-5; "Done: hello.txt now says hello footplate."
    claude-ok-foreign-model: success; in 3400 read 1200 write 0 out 206; edits failed 0, retries 0; ok; kimi-k2.6; "Done: hello.txt now says hello footplate."
    claude-429: its provider had too many requests; in 0 read 0 write 0 out 0, $0.0000; edits failed 0, retries 10; RateLimited Some(429); claude-opus-5-5; ""
    claude-badedit: its only edit did not apply and nothing changed; in 3400 read 1200 write 0 out 206, $0.0180; edits failed 1, retries 0; ok; claude-opus-5-5; "Done: hello.txt now says hello footplate."
    claude-drop: its provider failed or broke off; in 5000 read 0 write 0 out 41, $0.0208; edits failed 0, retries 1; Unavailable None; claude-opus-5-5; ""
    claude-empty: it left neither words nor files; in 2000 read 0 write 0 out 100, $0.0100; edits failed 0, retries 0; ok; claude-opus-5-5; ""
    claude-truncated: the answer was cut off, being too long; in 4000 read 0 write 0 out 200, $0.0200; edits failed 0, retries 1; Unavailable None; claude-opus-5-5; ""
    claude-unknown-tool: it used up what it may spend; in 31400 read 7600 write 0 out 1190, $0.1509; edits failed 0, retries 1; Limit None; claude-opus-5-5; ""
    claude-sigint: it ended without success; in 1000 read 0 write 0 out 50, $0.0050; edits failed 0, retries 0; Interrupted None; claude-opus-5-5; ""
    codex-ok: success; in 3400 read 1200 write 0 out 206; edits failed 0, retries 0; ok; -; "Done: hello.txt now says hello footplate."
    codex-badedit: its only edit did not apply and nothing changed; in 3400 read 1200 write 0 out 206; edits failed 1, retries 0; ok; -; "Done: hello.txt now says hello footplate."
    codex-401: its provider refused the key (status 401); edits failed 0, retries 5; Auth Some(401); -; ""
    codex-empty: it left neither words nor files; in 1000 read 0 write 0 out 50; edits failed 0, retries 0; ok; -; ""
    codex-stall: its provider failed or broke off; edits failed 0, retries 5; Unavailable None; -; ""
    gemini-ok: success; in 3400 read 1200 write 0 out 206; edits failed 0, retries 0; ok; fake; "Done: hello.txt now says hello footplate."
    gemini-badedit: its only edit did not apply and nothing changed; in 3400 read 1200 write 0 out 206; edits failed 1, retries 0; ok; fake; "Done: hello.txt now says hello footplate."
    gemini-429: its provider had too many requests; in 0 read 0 write 0 out 0; edits failed 0, retries 0; RateLimited Some(429); gemini-3.5-flash; ""
    gemini-empty: it left neither words nor files; in 4000 read 0 write 0 out 200; edits failed 0, retries 0; Empty None; fake; ""
    gemini-truncated: it changed nothing; in 1000 read 0 write 0 out 50; edits failed 0, retries 0; ok; fake; "I will look at the file first."
    qwen-ok: success; in 3400 read 1200 write 0 out 206; edits failed 0, retries 0; ok; qwen3.8-max; "Done: hello.txt now says hello footplate."
    qwen-badedit: its only edit did not apply and nothing changed; in 3400 read 1200 write 0 out 206; edits failed 1, retries 0; ok; qwen3.8-max; "Done: hello.txt now says hello footplate."
    qwen-truncated: it changed nothing; in 8000 read 0 write 0 out 400; edits failed 0, retries 3; ok; qwen3.8-max; "I will look at the file first.I will look at the file first.I will look at the file first.I will look at the file first."
    qwen-unknown-tool: it ended with exit code 1; in 3400 read 1200 write 0 out 206; edits failed 0, retries 0; Other None; qwen3.8-max; ""
    qwen-429-wall-time: it used up what it may spend; edits failed 0, retries 0; Limit None; qwen3.8-max; ""
    "#);
}
