//! `footplate runs show RUN --ledger`.

use super::exit::Failure;
use super::{runs, show};
use crate::ledger::{Line, Sum, Totals, percent, table};
use crate::model::MicroUsd;
use crate::run::lines;
use crate::store::{Database, RunRow};

/// Shows what each attempt of a run used.
pub(super) async fn show(store: Database, row: &RunRow, csv: bool, json: bool) -> Result<(), Failure> {
    let page = runs::page(store, row).await?;
    let order = |line: &Line| {
        let nodes = &page.frozen.workflow.nodes;
        let at = nodes.iter().position(|node| node.id.as_str() == line.node);
        at.unwrap_or(usize::MAX)
    };
    let mut lines = lines(&page.run);
    lines.sort_by_key(order);
    if json {
        show::json(&table::json(&lines));
        return Ok(());
    }
    if csv {
        show::raw(&table::csv(&lines));
        return Ok(());
    }
    if lines.is_empty() {
        show::aside("No attempt has begun.");
        return Ok(());
    }
    let mut cells: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let attempt = format!("{} {}.{}", line.node, line.generation, line.n);
            cells(attempt, &line.candidate, &line.outcome, &Totals::of([line]))
        })
        .collect();
    cells.push(cells_of_all(&lines));
    show::table(
        &[
            "ATTEMPT",
            "CANDIDATE",
            "OUTCOME",
            "IN",
            "CACHED",
            "WRITTEN",
            "OUT",
            "REASONED",
            "COST",
            "REPORTED",
            "LIST",
            "REQUESTS",
            "BAD EDITS",
            "TIME",
            "FIRST BYTE",
            "WINDOWS",
        ],
        &cells,
    );
    let mut prices: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.account.as_ref()?.price.as_deref())
        .collect();
    prices.sort_unstable();
    prices.dedup();
    if !prices.is_empty() {
        show::aside(format!("Prices: {}.", prices.join(", ")));
    }
    show::aside("`?` is unknown, and `+?` says that a part is; --csv and --json have every figure.");
    Ok(())
}

fn cells_of_all(lines: &[Line]) -> Vec<String> {
    cells("total".to_owned(), "", "", &Totals::of(lines))
}

fn cells(attempt: String, candidate: &str, outcome: &str, totals: &Totals) -> Vec<String> {
    let plain = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let used = totals.tokens.known;
    let tokens = |kind: u64| partly(kind.to_string(), totals.tokens.unknown, totals.attempts);
    let money = |sum: Sum<MicroUsd>| partly(sum.known.to_string(), sum.unknown, totals.attempts);
    let share = |share: Option<u32>| share.map_or("?".to_owned(), percent);
    let windows: Vec<String> = totals
        .windows
        .iter()
        .map(|(name, filled)| {
            format!(
                "{} {} → {}",
                plain(name),
                share(filled.before),
                share(filled.after)
            )
        })
        .collect();
    vec![
        attempt,
        plain(candidate),
        outcome.to_owned(),
        tokens(used.input),
        tokens(used.cache_read),
        tokens(used.cache_write.saturating_add(used.cache_write_hour)),
        tokens(used.output),
        tokens(used.reasoning),
        money(totals.money),
        money(totals.reported),
        money(totals.list),
        partly(
            totals.requests.known.to_string(),
            totals.requests.unknown,
            totals.attempts,
        ),
        totals.failed_edits.to_string(),
        format!("{}.{} s", totals.wall_ms / 1_000, totals.wall_ms % 1_000 / 100),
        totals
            .slowest_first_byte_ms
            .map_or("?".to_owned(), |ms| format!("{ms} ms")),
        windows.join(", "),
    ]
}

/// A sum of which parts are unknown.
fn partly(known: String, unknown: u32, all: u32) -> String {
    match unknown {
        0 => known,
        _ if unknown >= all => "?".to_owned(),
        _ => format!("{known} +?"),
    }
}
