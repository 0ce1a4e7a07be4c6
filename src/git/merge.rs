//! Two lines of work put together without a worktree.

use super::error::Error;
use super::mirror::{Mirror, find_commit};
use super::{CommitOrder, Person, TreePath, commit};
use crate::model::{CommitId, Timestamp};

/// What came of putting two commits together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The commit that holds both; where they conflict, the files hold git's marks.
    pub commit: CommitId,
    /// The paths in which both changed the same, empty where git could put everything together.
    pub conflicts: Vec<TreePath>,
}

impl Mirror {
    /// Puts two commits together on top of what both started from.
    ///
    /// The result has one parent, `ours`, as a snapshot has: it is one more state of the work. No ref points to it:
    /// [`Mirror::hold`] it. The same commits, message and time give the same id. Merge drivers that a repository
    /// names are not run; its attributes choose among git's own.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`] where a commit is missing, commits without a common one, or a failing disk.
    pub async fn merge(
        &self,
        ours: &CommitId,
        theirs: &CommitId,
        message: &str,
        at: Timestamp,
    ) -> Result<Merged, Error> {
        let (one, other) = (ours.clone(), theirs.clone());
        self.in_repository(move |repository| {
            find_commit(repository, &one)?;
            find_commit(repository, &other).map(|_| ())
        })
        .await?;
        let call = self.call("merge-tree").await?.args([
            "--write-tree",
            "-z",
            "--name-only",
            "--no-messages",
            ours.as_str(),
            theirs.as_str(),
        ]);
        let output = call.run().await?;
        if !matches!(output.code, Some(0 | 1)) {
            return Err(super::call::failed("merge-tree", &output));
        }
        let mut fields = output
            .stdout
            .split(|byte| *byte == 0)
            .filter(|field| !field.is_empty());
        let tree = fields.next().unwrap_or_default();
        let tree = git2::Oid::from_str(String::from_utf8_lossy(tree).trim())
            .map_err(Error::library("read a merged tree"))?;
        let conflicts: Vec<TreePath> = fields.map(TreePath::new).collect();
        let order = CommitOrder {
            tree_of: ours.clone(),
            parents: vec![ours.clone()],
            author: Person::footplate(),
            committer: Person::footplate(),
            message: message.to_owned(),
            at,
        };
        let commit = self
            .in_repository(move |repository| {
                let tree = repository
                    .find_tree(tree)
                    .map_err(Error::library("read a merged tree"))?;
                let parent = find_commit(repository, &order.parents[0])?;
                commit::write(repository, &order, &tree, &[parent])
            })
            .await?;
        Ok(Merged { commit, conflicts })
    }
}
