//! Keeping what runs froze: workflow and policy, each addressed by its content.

use super::error::Error;
use crate::model::{ContentHash, RunId};
use crate::run::{Frozen, Policy};
use crate::store::Journal;
use crate::workflow::Workflow;

/// The addresses of a workflow and a policy, without storing them.
pub fn addresses(frozen: &Frozen) -> (ContentHash, ContentHash) {
    (
        ContentHash::of(json(&frozen.workflow)),
        ContentHash::of(json(&frozen.policy)),
    )
}

/// Stores both.
pub(super) async fn put(journal: &impl Journal, frozen: &Frozen) -> Result<(), Error> {
    journal.put(&json(&frozen.workflow)).await?;
    journal.put(&json(&frozen.policy)).await?;
    Ok(())
}

/// Reads both back.
pub(super) async fn get(
    journal: &impl Journal,
    run: &RunId,
    workflow: &ContentHash,
    policy: &ContentHash,
) -> Result<Frozen, Error> {
    let workflow: Workflow = read(journal, run, "workflow", workflow).await?;
    let policy: Policy = read(journal, run, "policy", policy).await?;
    Ok(Frozen { workflow, policy })
}

async fn read<T: serde::de::DeserializeOwned>(
    journal: &impl Journal,
    run: &RunId,
    what: &str,
    hash: &ContentHash,
) -> Result<T, Error> {
    let damaged = |why: String| Error::Damaged {
        run: run.clone(),
        why,
    };
    let bytes = journal
        .get(hash)
        .await?
        .ok_or_else(|| damaged(format!("the snapshot of its {what} is gone")))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| damaged(format!("the snapshot of its {what} is damaged: {error}")))
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("snapshots hold nothing that JSON cannot")
}
