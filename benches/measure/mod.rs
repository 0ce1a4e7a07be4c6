//! What the benchmarks share: processes and what they use, figures with their spread, and tables.
//!
//! Time is told as CPU time (user and system) wherever that answers the question: wall time moves with whatever
//! else the machine does. What must be wall time is measured beside a floor, in turns, in one run.

#![allow(
    dead_code,
    reason = "every benchmark is a program of its own and uses its part of this"
)]

pub(crate) mod delivery;
pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod usage;
pub(crate) mod world;

use std::time::Duration;

/// Figures of one kind, one a round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn add(&mut self, figure: f64) {
        self.0.push(figure);
    }

    pub(crate) fn add_ms(&mut self, time: Duration) {
        self.add(time.as_secs_f64() * 1e3);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The middle one; of an even number the upper of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn most(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// `median (least–most)`.
    pub(crate) fn show(&self) -> String {
        if self.is_empty() {
            return "not measured".to_owned();
        }
        let digits = usize::from(self.median() < 100.0) + usize::from(self.median() < 10.0);
        format!(
            "{:.digits$} ({:.digits$}–{:.digits$})",
            self.median(),
            self.least(),
            self.most()
        )
    }
}

/// A table that is printed when it is complete.
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, head: &[&str]) -> Self {
        Self {
            title: title.into(),
            rows: vec![head.iter().map(|&cell| cell.to_owned()).collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    #[expect(clippy::print_stdout, reason = "a benchmark's output is what it prints")]
    pub(crate) fn print(self) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        println!("\n{}\n", self.title);
        for (n, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| format!("{cell:<width$}"))
                .collect();
            println!("| {} |", cells.join(" | "));
            if n == 0 {
                let lines: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
                println!("| {} |", lines.join(" | "));
            }
        }
    }
}

/// Says something besides the tables.
#[expect(clippy::print_stdout, reason = "a benchmark's output is what it prints")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// The number after `--name` on the command line, or what it is by default.
pub(crate) fn option(name: &str, default: u64) -> u64 {
    let mut words = std::env::args().skip_while(|word| word.strip_prefix("--") != Some(name));
    words
        .nth(1)
        .and_then(|number| number.parse().ok())
        .unwrap_or(default)
}

/// The word after `--name` on the command line.
pub(crate) fn word(name: &str) -> Option<String> {
    let mut words = std::env::args().skip_while(|word| word.strip_prefix("--") != Some(name));
    words.nth(1)
}

/// Whether `--name` stands on the command line.
pub(crate) fn flag(name: &str) -> bool {
    std::env::args().any(|word| word.strip_prefix("--") == Some(name))
}
