//! Tables in GitHub's Markdown.

/// The most rows of a table; what is left out is counted.
const ROWS_MAX: usize = 100;

/// Renders a table; cells are finished one-line Markdown without bare pipes.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = format!("| {} |\n|{}\n", head.join(" | "), " --- |".repeat(head.len()));
    for row in rows.iter().take(ROWS_MAX) {
        out.push_str(&line(row));
    }
    if rows.len() > ROWS_MAX {
        let mut last = vec![String::new(); head.len()];
        last[0] = format!("… and {} more", rows.len() - ROWS_MAX);
        out.push_str(&line(&last));
    }
    out.trim_end().to_owned()
}
