//! Several statements that go to the database in one trip.
//!
//! With SQLite a trip is two changes of thread, which cost more than most statements here, so that a transaction of
//! six statements is two trips. A database that prepares single statements only would be given them one by one.

use sqlx::any::AnyArguments;
use sqlx::{Any, Arguments, Encode, Type};

use super::Error;

/// Statements with their arguments, numbered through all of them.
#[derive(Default)]
pub(super) struct Batch {
    /// The statements, each ended by `; `.
    pub(super) text: String,
    pub(super) arguments: AnyArguments<'static>,
    count: usize,
}

impl Batch {
    /// Adds a part of a statement, in which an argument stands as `$`; each of them is bound next, in its order.
    pub(super) fn say(&mut self, part: &str) {
        for piece in part.split_inclusive('$') {
            self.text.push_str(piece);
            if piece.ends_with('$') {
                self.count += 1;
                self.text.push_str(&self.count.to_string());
            }
        }
    }

    /// Ends a statement.
    pub(super) fn end(&mut self) {
        self.text.push_str("; ");
    }

    /// Binds the next argument.
    pub(super) fn bind<T>(&mut self, value: T) -> Result<(), Error>
    where
        T: 'static + Encode<'static, Any> + Type<Any>,
    {
        Ok(self.arguments.add(value).map_err(sqlx::Error::Encode)?)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn arguments_are_numbered_through_all_statements() {
        let mut batch = super::Batch::default();
        batch.say("INSERT INTO a VALUES ($, $)");
        batch.end();
        batch.say("DELETE FROM b WHERE c = $");
        batch.end();
        assert_eq!(
            batch.text,
            "INSERT INTO a VALUES ($1, $2); DELETE FROM b WHERE c = $3; "
        );
    }
}
