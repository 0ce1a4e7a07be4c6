//! The two things every statement here needs: placeholders for several rows, and numbers that fit.

use std::fmt::Write;

use super::Error;

/// A statement handed to the database as it is.
pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments<'q>>;

/// Writes `($1,$2),($3,$4)` for 2 rows of 2 columns, for a multi-row `VALUES`.
pub(super) fn rows(rows: usize, columns: usize) -> String {
    rows_between("", rows, columns, "")
}

/// Writes `('a',$1,$2,0),('a',$3,$4,0)` for 2 rows of 2 columns between `'a',` and `,0`.
pub(super) fn rows_between(before: &str, rows: usize, columns: usize, after: &str) -> String {
    let mut text = String::with_capacity(rows * (columns * 5 + before.len() + after.len() + 3));
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ",(" });
        text.push_str(before);
        for column in 0..columns {
            let comma = if column == 0 { "" } else { "," };
            write!(text, "{comma}${}", row * columns + column + 1).expect("writing to a String cannot fail");
        }
        text.push_str(after);
        text.push(')');
    }
    text
}

/// Converts a count or an id to what both databases store.
pub(super) fn signed(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::Invalid("a number does not fit into 63 bits"))
}

/// Converts a stored count or id back.
pub(super) fn unsigned(number: i64, what: impl FnOnce() -> String) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::corrupt(what(), "a count is negative"))
}

/// Leaves out the one character that PostgreSQL's text cannot hold.
pub(super) fn text(text: &str) -> String {
    text.replace('\0', "")
}

#[cfg(test)]
mod tests {
    #[test]
    fn placeholders_are_numbered_through_all_rows() {
        assert_eq!(super::rows(2, 3), "($1,$2,$3),($4,$5,$6)");
        assert_eq!(super::rows_between("'a',", 2, 1, ",0"), "('a',$1,0),('a',$2,0)");
    }
}
