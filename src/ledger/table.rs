//! The ledger as a file: CSV for spreadsheets, JSON for programs.

use serde::Serialize;
use std::collections::BTreeMap;

use super::totals::{By, Line, Totals, totals};
use super::{Account, Reading};
use crate::model::MicroUsd;

/// The columns of the CSV. Money is in micro-dollars; an empty cell is unknown, never nothing.
pub const COLUMNS: [&str; 29] = [
    "run",
    "node",
    "generation",
    "n",
    "candidate",
    "outcome",
    "provider",
    "asked",
    "served",
    "input",
    "cache_read",
    "cache_write",
    "cache_write_hour",
    "output",
    "reasoning",
    "cost_micro_usd",
    "reported_micro_usd",
    "computed_micro_usd",
    "list_micro_usd",
    "price",
    "requests",
    "sent",
    "unread",
    "failed_edits",
    "wall_ms",
    "first_byte_ms",
    "windows_before",
    "windows_after",
    "faults",
];

/// Writes one line for each attempt under a line of names, as RFC 4180 has it.
///
/// Names come from models and settings: a cell that a spreadsheet would take for a formula gets an apostrophe.
pub fn csv(lines: &[Line]) -> String {
    let mut out = COLUMNS.join(",");
    out.push_str("\r\n");
    for line in lines {
        let cells = cells(line);
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(&quoted(cell));
        }
        out.push_str("\r\n");
    }
    out
}

/// The ledger as one value: each attempt, and the totals of all and by what they have in common.
pub fn json(lines: &[Line]) -> serde_json::Value {
    #[derive(Serialize)]
    struct Ledger<'a> {
        attempts: &'a [Line],
        total: Totals,
        by: BTreeMap<&'static str, BTreeMap<String, Totals>>,
    }
    let ledger = Ledger {
        attempts: lines,
        total: Totals::of(lines),
        by: By::ALL
            .into_iter()
            .map(|by| (by.as_str(), totals(lines, by)))
            .collect(),
    };
    serde_json::to_value(ledger).unwrap_or_default()
}

fn cells(line: &Line) -> [String; COLUMNS.len()] {
    let account = line.account.as_ref();
    let wire = account.and_then(|account| account.wire.as_ref());
    let usage = account.and_then(Account::usage);
    let tokens = |kind: fn(&crate::model::TokenUsage) -> u64| shown(usage.as_ref().map(kind));
    let money = |amount: Option<MicroUsd>| shown(amount.map(|amount| amount.0));
    let name = |name: Option<&String>| name.cloned().unwrap_or_default();
    [
        line.run.clone(),
        line.node.clone(),
        line.generation.to_string(),
        line.n.to_string(),
        line.candidate.clone(),
        line.outcome.clone(),
        name(account.and_then(|account| account.provider.as_ref())),
        name(account.and_then(|account| account.asked.as_ref())),
        wire.map(|reading| joined(reading.models.keys().cloned()))
            .unwrap_or_default(),
        tokens(|usage| usage.input),
        tokens(|usage| usage.cache_read),
        tokens(|usage| usage.cache_write),
        tokens(|usage| usage.cache_write_hour),
        tokens(|usage| usage.output),
        tokens(|usage| usage.reasoning),
        money(account.and_then(Account::cost)),
        money(account.and_then(|account| account.reported_cost)),
        money(account.and_then(|account| account.computed_cost)),
        money(account.and_then(|account| account.list_cost)),
        name(account.and_then(|account| account.price.as_ref())),
        shown(wire.map(|reading| reading.requests)),
        shown(wire.map(|reading| reading.sent)),
        shown(wire.map(|reading| reading.unread)),
        shown(account.map(|account| account.failed_edits)),
        shown(account.map(|account| account.wall_ms)),
        shown(wire.and_then(|reading| reading.first_byte_ms)),
        windows(wire, |window| window.before),
        windows(wire, |window| window.after),
        wire.map(|reading| joined(reading.faults.iter().filter_map(fault)))
            .unwrap_or_default(),
    ]
}

/// `5h=0.12 7d=0.4`, as shares of one.
fn windows(wire: Option<&Reading>, share: fn(&super::WindowShare) -> Option<u32>) -> String {
    let windows = wire.map(|reading| reading.windows.as_slice()).unwrap_or_default();
    joined(windows.iter().filter_map(|window| {
        let share = share(window)?;
        let places = format!("{:06}", share % 1_000_000);
        let places = places.trim_end_matches('0');
        let places = if places.is_empty() { "0" } else { places };
        Some(format!("{}={}.{places}", window.name, share / 1_000_000))
    }))
}

/// The fault's name as JSON has it.
fn fault(fault: &super::WireFault) -> Option<String> {
    let value = serde_json::to_value(fault).ok()?;
    Some(value.get("fault")?.as_str()?.to_owned())
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

fn shown(number: Option<impl ToString>) -> String {
    number.map_or(String::new(), |number| number.to_string())
}

fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Filled, WindowShare, WireFault};
    use crate::model::TokenUsage;

    fn line(node: &str, account: Option<Account>) -> Line {
        Line {
            run: "01RUN".into(),
            node: node.into(),
            generation: 1,
            n: 1,
            candidate: "claude:moonshot/kimi-k2.6".into(),
            outcome: "succeeded".into(),
            account,
        }
    }

    fn account(input: u64, cost: Option<u64>) -> Account {
        let usage = TokenUsage {
            input,
            output: 2,
            ..TokenUsage::default()
        };
        Account {
            provider: Some("moonshot".into()),
            asked: Some("kimi-k2.6".into()),
            wire: Some(Reading {
                usage,
                models: BTreeMap::from([("kimi-k2.6".to_owned(), usage)]),
                requests: 3,
                sent: 4,
                first_byte_ms: Some(900),
                windows: vec![WindowShare {
                    name: "5h".into(),
                    before: Some(120_000),
                    after: Some(input.try_into().unwrap_or(0)),
                    resets: None,
                }],
                faults: vec![WireFault::CutOff],
                ..Reading::default()
            }),
            reported_cost: Some(MicroUsd(17_960)),
            computed_cost: cost.map(MicroUsd),
            list_cost: cost.map(MicroUsd),
            price: Some("2026-11-22/abc".into()),
            failed_edits: 1,
            wall_ms: 1_000,
            ..Account::default()
        }
    }

    #[test]
    fn totals_add_what_is_known_and_count_what_is_not() {
        let lines = [
            line("plan", Some(account(100, Some(4_190)))),
            line("plan", None),
            line("implement", Some(account(200, None))),
        ];
        let all = Totals::of(&lines);
        assert_eq!(all.attempts, 3);
        assert_eq!((all.tokens.known.input, all.tokens.unknown), (300, 1));
        assert_eq!((all.money.known, all.money.unknown), (MicroUsd(4_190), 2));
        assert_eq!((all.reported.known, all.reported.unknown), (MicroUsd(35_920), 1));
        assert_eq!((all.requests.known, all.requests.unknown), (6, 1));
        assert_eq!(
            (all.failed_edits, all.wall_ms, all.slowest_first_byte_ms),
            (2, 2_000, Some(900))
        );
        let window = Filled {
            before: Some(120_000),
            after: Some(200),
        };
        assert_eq!(all.windows, BTreeMap::from([("moonshot/5h".to_owned(), window)]));
        let keys = |by| totals(&lines, by).into_keys().collect::<Vec<_>>();
        assert_eq!(keys(By::Node), ["01RUN/implement", "01RUN/plan"]);
        assert_eq!(keys(By::Model), ["moonshot/kimi-k2.6", "unknown/unknown"]);
        assert_eq!(totals(&lines, By::Candidate)["claude:moonshot/kimi-k2.6"], all);
    }

    #[test]
    fn the_csv_leaves_unknown_cells_empty_and_defuses_formulas() {
        let mut strange = line("a,\"b\"", None);
        strange.candidate = "=HYPERLINK(1)".into();
        let text = csv(&[line("plan", Some(account(100, Some(4_190)))), strange]);
        let rows: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(rows[0], COLUMNS.join(","));
        assert_eq!(
            rows[1],
            "01RUN,plan,1,1,claude:moonshot/kimi-k2.6,succeeded,moonshot,kimi-k2.6,kimi-k2.6,100,0,0,0,2,0,4190,17960,\
             4190,4190,2026-11-22/abc,3,4,0,1,1000,900,5h=0.12,5h=0.0001,cut_off"
        );
        assert_eq!(
            rows[2],
            "01RUN,\"a,\"\"b\"\"\",1,1,'=HYPERLINK(1),succeeded,,,,,,,,,,,,,,,,,,,,,,,"
        );
    }

    #[test]
    fn the_json_holds_attempts_and_totals() {
        let value = json(&[line("plan", Some(account(100, Some(4_190))))]);
        assert_eq!(value["attempts"][0]["account"]["computed_cost"], 4_190);
        assert_eq!(value["total"]["money"]["known"], 4_190);
        assert_eq!(
            value["by"]["model"]["moonshot/kimi-k2.6"]["tokens"]["known"]["input"],
            100
        );
    }
}
