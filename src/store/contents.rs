//! Contents, kept once under the SHA-256 of what they are.

use sqlx::{AnyConnection, Row};

use crate::model::{ContentHash, Timestamp};

use super::batch::Batch;
use super::packed::Packed;
use super::{Database, Error, sql};

impl Database {
    pub(super) async fn put_content(&self, content: &[u8]) -> Result<ContentHash, Error> {
        let hash = ContentHash::of(content);
        let packed = Packed::pack(content);
        let mut connection = self.writer().acquire().await?;
        insert(&mut connection, &hash, &packed, self.now()).await?;
        Ok(hash)
    }

    pub(super) async fn get_content(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, Error> {
        let row = sqlx::query("SELECT size, body FROM contents WHERE hash = $1")
            .bind(hash.to_string())
            .fetch_optional(self.readers())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let what = || format!("content {hash}");
        let size = sql::unsigned(row.try_get(0)?, what)?;
        let packed = Packed {
            bytes: row.try_get(1)?,
            size: usize::try_from(size).unwrap_or(usize::MAX),
        };
        let content = packed.unpack(what)?;
        if ContentHash::of(&content) == *hash {
            Ok(Some(content))
        } else {
            Err(Error::corrupt(what(), "it is not what its address says"))
        }
    }
}

/// The statement of [`insert`], as a part of a batch.
pub(super) fn insert_with_others(
    batch: &mut Batch,
    hash: &ContentHash,
    packed: Packed,
    at: Timestamp,
) -> Result<(), Error> {
    batch.say(
        "INSERT INTO contents (hash, size, body, touched) VALUES ($, $, $, $) \
         ON CONFLICT (hash) DO UPDATE SET touched = excluded.touched WHERE contents.touched < excluded.touched",
    );
    batch.end();
    batch.bind(hash.to_string())?;
    batch.bind(sql::signed(packed.size as u64)?)?;
    batch.bind(packed.bytes)?;
    batch.bind(at.0)
}

/// Keeps a content. One that is kept already is marked as young again, so that it is not forgotten between now
/// and the event that refers to it.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    hash: &ContentHash,
    packed: &Packed,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO contents (hash, size, body, touched) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (hash) DO UPDATE SET touched = excluded.touched WHERE contents.touched < excluded.touched",
    )
    .bind(hash.to_string())
    .bind(sql::signed(packed.size as u64)?)
    .bind(packed.bytes.as_slice())
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}
