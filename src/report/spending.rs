//! What the attempts used, in full: by step and candidate, with a row of totals.

use std::time::Duration;

use super::escape::{code, code_cell, inline};
use super::view::NodeView;
use super::{figure, table};
use crate::ledger::{Line, Sum, Totals, percent};
use crate::model::MicroUsd;

const HEAD: [&str; 15] = [
    "Step",
    "Done by",
    "Attempts",
    "Input",
    "Cache read",
    "Cache written",
    "Output",
    "Reasoning",
    "Cost",
    "Reported",
    "List price",
    "Requests",
    "Failed edits",
    "First byte",
    "Windows",
];

/// The section, folded; empty where no account was kept of anything.
pub(super) fn spending(nodes: &[NodeView]) -> String {
    let lines: Vec<&Line> = nodes.iter().flat_map(|node| &node.ledger).collect();
    let metered = |line: &&&Line| {
        line.account
            .as_ref()
            .is_some_and(|account| account.wire.is_some())
    };
    let has_more = |line: &&&Line| {
        let account = line.account.as_ref();
        account.is_some_and(|account| account.price.is_some() || account.provider.is_some())
    };
    if lines.iter().find(metered).is_none() && lines.iter().find(has_more).is_none() {
        return String::new();
    }
    let mut rows = Vec::new();
    for node in nodes {
        let mut candidates: Vec<&str> = Vec::new();
        for line in &node.ledger {
            if !candidates.contains(&line.candidate.as_str()) {
                candidates.push(&line.candidate);
            }
        }
        for candidate in candidates {
            let own = node.ledger.iter().filter(|line| line.candidate == candidate);
            rows.push(row(
                code(node.id.as_str()),
                code_cell(candidate),
                &own.collect::<Vec<_>>(),
            ));
        }
    }
    rows.push(row("**Total**".to_owned(), String::new(), &lines));
    let mut out = format!(
        "<details><summary>What each attempt used</summary>\n\n{}",
        table::table(&HEAD, &rows)
    );
    let mut prices: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.account.as_ref()?.price.as_deref())
        .collect();
    prices.sort_unstable();
    prices.dedup();
    if !prices.is_empty() {
        let prices: Vec<String> = prices.into_iter().take(20).map(code).collect();
        out.push_str("\n\nPrices: ");
        out.push_str(&prices.join(", "));
        out.push('.');
    }
    out.push_str("\n\n</details>");
    out
}

fn row(step: String, by: String, lines: &[&Line]) -> Vec<String> {
    let totals = Totals::of(lines.iter().copied());
    let all = totals.attempts;
    let tokens = |kind: u64| partly(figure::count(kind), totals.tokens.unknown, all);
    let used = totals.tokens.known;
    let mut cells = vec![
        step,
        by,
        attempts(lines),
        tokens(used.input),
        tokens(used.cache_read),
        tokens(used.cache_write.saturating_add(used.cache_write_hour)),
        tokens(used.output),
        tokens(used.reasoning),
        money(totals.money, all),
        reported(totals.reported, all),
        money(totals.list, all),
    ];
    let first_byte = totals.slowest_first_byte_ms.map_or("unknown".to_owned(), |ms| {
        figure::duration(Duration::from_millis(ms))
    });
    cells.push(partly(
        totals.requests.known.to_string(),
        totals.requests.unknown,
        all,
    ));
    cells.push(totals.failed_edits.to_string());
    cells.push(first_byte);
    let windows: Vec<String> = totals
        .windows
        .iter()
        .take(10)
        .map(|(name, filled)| {
            let share = |share: Option<u32>| share.map_or("unknown".to_owned(), percent);
            format!(
                "{} {} → {}",
                inline(name),
                share(filled.before),
                share(filled.after)
            )
        })
        .collect();
    cells.push(if windows.is_empty() {
        "—".to_owned()
    } else {
        windows.join(", ")
    });
    cells
}

/// `3`, or `3: 1 hang, 1 lost`, so that what did not come to anything is seen too.
fn attempts(lines: &[&Line]) -> String {
    let mut others: Vec<(&str, u32)> = Vec::new();
    for line in lines.iter().filter(|line| line.outcome != "succeeded") {
        match others.iter_mut().find(|(outcome, _)| *outcome == line.outcome) {
            Some((_, count)) => *count += 1,
            None => others.push((&line.outcome, 1)),
        }
    }
    let others: Vec<String> = others
        .into_iter()
        .map(|(outcome, count)| format!("{count} {}", inline(&outcome.replace('_', " "))))
        .collect();
    if others.is_empty() {
        lines.len().to_string()
    } else {
        format!("{}: {}", lines.len(), others.join(", "))
    }
}

fn money(sum: Sum<MicroUsd>, all: u32) -> String {
    partly(sum.known.to_string(), sum.unknown, all)
}

/// A harness need not report anything, which is no gap where the wire was read.
fn reported(sum: Sum<MicroUsd>, all: u32) -> String {
    if sum.unknown == all {
        "—".to_owned()
    } else {
        sum.known.to_string()
    }
}

/// A sum of which parts are unknown.
fn partly(known: String, unknown: u32, all: u32) -> String {
    match unknown {
        0 => known,
        _ if unknown >= all => "unknown".to_owned(),
        _ => format!("{known} + unknown"),
    }
}
