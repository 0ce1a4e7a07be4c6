//! Forgetting what issues, repositories and models said, once it is old enough.

use std::collections::HashSet;

use sqlx::Row;

use crate::model::{RunId, Timestamp};

use super::{Database, Error, sql};

/// Rows that one transaction deletes, so that deliveries never wait long behind it.
const AT_ONCE: usize = 200;

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Inbox rows whose body and facts were dropped. Their keys stay, so that a redelivery is still a duplicate.
    pub deliveries: u64,
    /// Ended runs whose log and row were dropped.
    pub runs: u64,
    /// Contents that no remaining run refers to.
    pub contents: u64,
}

impl Database {
    /// Forgets what is older than `before`: bodies of decided inbox rows, runs that ended, and the contents that
    /// no remaining run refers to. What is pending, set aside or belongs to a run that has not ended stays.
    ///
    /// A content counts as referred to where its address stands anywhere in an event of a run that remains.
    ///
    /// # Errors
    /// The store cannot be written. What was forgotten until then stays forgotten; call again.
    pub async fn forget(&self, before: Timestamp) -> Result<Forgotten, Error> {
        Ok(Forgotten {
            deliveries: self.purge_deliveries(before).await?,
            runs: self.purge_runs(before).await?,
            contents: self.purge_contents(before).await?,
        })
    }

    /// Drops body, facts and note of inbox rows that were decided and arrived before `before`; returns how many.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn purge_deliveries(&self, before: Timestamp) -> Result<u64, Error> {
        let query = "UPDATE inbox SET body = $1, size = 0, facts = '{}', note = NULL WHERE seq IN (\
                     SELECT seq FROM inbox WHERE received < $2 AND state = 'done' AND (size > 0 OR facts <> '{}') LIMIT $3)";
        let mut all = 0;
        loop {
            let done = sqlx::query(query)
                .bind(&[][..] as &[u8])
                .bind(before.0)
                .bind(sql::signed(AT_ONCE as u64)?)
                .execute(self.writer())
                .await?;
            all += done.rows_affected();
            if done.rows_affected() < AT_ONCE as u64 {
                return Ok(all);
            }
        }
    }

    async fn purge_runs(&self, before: Timestamp) -> Result<u64, Error> {
        let old =
            "SELECT run FROM runs WHERE ended = 1 AND has_work = 0 AND updated < $1 ORDER BY run LIMIT $2";
        let mut all = 0;
        loop {
            let mut transaction = self.begin().await?;
            let limit = sql::signed(AT_ONCE as u64)?;
            let runs = sqlx::query(old)
                .bind(before.0)
                .bind(limit)
                .fetch_all(&mut *transaction)
                .await?;
            for row in &runs {
                let run: &str = row.try_get(0)?;
                for query in [
                    "DELETE FROM events WHERE run = $1",
                    "DELETE FROM runs WHERE run = $1",
                ] {
                    sqlx::query(query).bind(run).execute(&mut *transaction).await?;
                }
            }
            transaction.commit().await?;
            all += runs.len() as u64;
            if runs.len() < AT_ONCE {
                return Ok(all);
            }
        }
    }

    async fn purge_contents(&self, before: Timestamp) -> Result<u64, Error> {
        let old = sqlx::query("SELECT hash FROM contents WHERE touched < $1")
            .bind(before.0)
            .fetch_all(self.readers())
            .await?;
        let mut old: HashSet<String> = old.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        if old.is_empty() {
            return Ok(0);
        }
        // An append that refers to one of these meanwhile brings it along or has put it again, which makes it
        // young; that is asked once more below.
        for run in self.all_runs().await? {
            for event in self.read_events(&run).await?.unwrap_or_default() {
                addresses(&event, |address| {
                    old.remove(address);
                });
            }
        }
        let old: Vec<String> = old.into_iter().collect();
        let mut all = 0;
        for chunk in old.chunks(AT_ONCE) {
            let mut transaction = self.begin().await?;
            for hash in chunk {
                let query = "DELETE FROM contents WHERE hash = $1 AND touched < $2";
                let done = sqlx::query(query)
                    .bind(hash.as_str())
                    .bind(before.0)
                    .execute(&mut *transaction)
                    .await?;
                all += done.rows_affected();
            }
            transaction.commit().await?;
        }
        Ok(all)
    }

    async fn all_runs(&self) -> Result<Vec<RunId>, Error> {
        let rows = sqlx::query("SELECT run FROM runs")
            .fetch_all(self.readers())
            .await?;
        rows.iter()
            .map(|row| {
                RunId::new(row.try_get::<String, _>(0)?).map_err(|error| Error::corrupt("a run's id", error))
            })
            .collect()
    }
}

/// Calls `found` with every run of 64 lower-case hexadecimal digits in the text.
fn addresses(text: &str, mut found: impl FnMut(&str)) {
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let mut start = 0;
    for (place, byte) in text.bytes().chain([b' ']).enumerate() {
        if !is_digit(byte) {
            if place - start == 64 {
                found(&text[start..place]);
            }
            start = place + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn addresses_are_found_wherever_they_stand() {
        let (a, b) = ("a".repeat(64), "0".repeat(64));
        let text = format!(
            "{{\"x\":\"{a}\",\"y\":\"{b}ä\",\"long\":\"{}\"}} {a}",
            "c".repeat(65)
        );
        let mut found = Vec::new();
        super::addresses(&text, |address| found.push(address.to_owned()));
        assert_eq!(found, [a.clone(), b, a]);
    }
}
