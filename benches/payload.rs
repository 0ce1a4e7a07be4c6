//! Instructions to read the facts of a delivery of 25,000 bytes, counted by callgrind: the same on every machine
//! with the same instruction set, however busy it is.
//!
//! `cargo bench --bench payload`

mod measure;

use anyhow::{Context, Result};
use bytes::Bytes;
use footplate::github::Door;
use http::{HeaderMap, HeaderName, HeaderValue};
use measure::{Table, delivery, process, say, usage};
use secrecy::SecretString;

/// The most instructions: a seventh above a bare parse of the same fields.
const GOAL: f64 = 260_000.0;

/// How often facts are read beyond the first time, whose set-up is subtracted.
const TIMES: u32 = 200;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    if let Some(at) = words.iter().position(|word| word == "--child") {
        return read(words[at + 1] == "facts", words[at + 2].parse()?);
    }
    let mut table = Table::new(
        "Reading a delivery of 25,000 bytes, each",
        &["", "instructions", "CPU, µs", "goal"],
    );
    for (what, kind, goal) in [
        (
            "facts, as the door reads them",
            "facts",
            format!("at most {GOAL}"),
        ),
        (
            "floor: a check for UTF-8, and JSON skipped",
            "floor",
            String::new(),
        ),
    ] {
        let counted = match (instructions(kind, 1), instructions(kind, 1 + TIMES)) {
            (Ok(one), Ok(many)) => format!("{:.0}", (many - one) / f64::from(TIMES)),
            (Err(error), _) | (_, Err(error)) => format!("not counted: {error:#}"),
        };
        let before = usage::own_cpu()?;
        read(kind == "facts", 2000)?;
        let cpu = usage::own_cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / 2000.0;
        table.row(vec![what.to_owned(), counted, format!("{cpu:.1}"), goal]);
    }
    table.print();
    say("\nInstructions need valgrind; without it only the CPU time is told.");
    Ok(())
}

/// Instructions of this program while it reads so often.
fn instructions(kind: &str, times: u32) -> Result<f64> {
    process::instructions_of_self(&["--child".to_owned(), kind.to_owned(), times.to_string()])
}

fn read(facts: bool, times: u32) -> Result<()> {
    let body = Bytes::from(delivery::body(1000));
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-github-event", "issues".to_owned()),
        ("x-github-delivery", "payload-0000-4e6a-8d00".to_owned()),
        ("x-hub-signature-256", delivery::signature(&body)),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value)?);
    }
    let door = Door::new([&SecretString::from(delivery::SECRET)], None);
    let delivery = door.verify(&headers, &body).context("the door lets it in")?;
    for _ in 0..times {
        if facts {
            std::hint::black_box(delivery.facts()?);
        } else {
            let text = std::str::from_utf8(std::hint::black_box(&body))?;
            std::hint::black_box(serde_json::from_str::<serde::de::IgnoredAny>(text)?);
        }
    }
    Ok(())
}
