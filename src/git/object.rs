//! Reading what a commit holds, and how commits relate.

use git2::ObjectType;

use super::error::{Error, blocking};
use super::mirror::{Mirror, commit_id, find_commit};
use crate::model::CommitId;

/// The largest file that [`Mirror::read`] returns: configuration and instructions are kilobytes, and a
/// megabyte of either is a mistake or an attack.
pub const MAX_READ_BYTES: u64 = 1 << 20;

impl Mirror {
    /// Reads a regular file of a commit; `None` where the commit has nothing at that path.
    ///
    /// Links are not followed, in no component of the path.
    ///
    /// # Errors
    /// [`Error::NotAFile`], [`Error::TooLarge`] beyond [`MAX_READ_BYTES`], [`Error::UnknownCommit`].
    pub async fn read(&self, commit: &CommitId, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let (commit, path) = (commit.clone(), path.to_owned());
        self.in_repository(move |repository| {
            let tree = find_commit(repository, &commit)?
                .tree()
                .map_err(Error::library("read a tree"))?;
            let Some(entry) = at_path(&tree, &path)? else {
                return Ok(None);
            };
            let not_a_file = |what| {
                Err(Error::NotAFile {
                    path: path.clone(),
                    what,
                })
            };
            match (entry.filemode(), entry.kind()) {
                (0o120_000, _) => return not_a_file("a symbolic link"),
                (_, Some(ObjectType::Tree)) => return not_a_file("a folder"),
                (_, Some(ObjectType::Blob)) => {}
                _ => return not_a_file("a submodule"),
            }
            let odb = repository
                .odb()
                .map_err(Error::library("open the object store"))?;
            let (size, _) = odb
                .read_header(entry.id())
                .map_err(Error::library("read a file's size"))?;
            if size as u64 > MAX_READ_BYTES {
                return Err(Error::TooLarge {
                    what: path,
                    limit: MAX_READ_BYTES,
                });
            }
            let blob = repository
                .find_blob(entry.id())
                .map_err(Error::library("read a file"))?;
            Ok(Some(blob.content().to_vec()))
        })
        .await
    }

    /// Names the regular files directly in a folder of a commit, in the order of their bytes.
    ///
    /// A missing folder has none; `""` is the root; names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], or a damaged mirror.
    pub async fn list(&self, commit: &CommitId, folder: &str) -> Result<Vec<String>, Error> {
        let (commit, folder) = (commit.clone(), folder.trim_matches('/').to_owned());
        self.in_repository(move |repository| {
            let root = find_commit(repository, &commit)?
                .tree()
                .map_err(Error::library("read a tree"))?;
            let tree = if folder.is_empty() {
                root
            } else {
                match at_path(&root, &folder)? {
                    Some(entry) if entry.kind() == Some(ObjectType::Tree) => repository
                        .find_tree(entry.id())
                        .map_err(Error::library("read a folder"))?,
                    _ => return Ok(Vec::new()),
                }
            };
            let regular = |mode| matches!(mode, 0o100_644 | 0o100_755 | 0o100_664);
            let names = tree
                .iter()
                .filter(|entry| regular(entry.filemode()))
                .filter_map(|entry| std::str::from_utf8(entry.name_bytes()).ok().map(str::to_owned));
            Ok(names.collect())
        })
        .await
    }

    /// Tells whether the mirror has the commit.
    ///
    /// # Errors
    /// A damaged mirror.
    pub async fn contains(&self, commit: &CommitId) -> Result<bool, Error> {
        let (mirror, commit) = (self.clone(), commit.clone());
        blocking(move || {
            mirror.restore()?;
            mirror.has(&commit)
        })
        .await
    }

    /// The best common ancestor of two commits; `None` where their histories have nothing in common.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], or a damaged mirror.
    pub async fn merge_base(&self, one: &CommitId, other: &CommitId) -> Result<Option<CommitId>, Error> {
        let (one, other) = (one.clone(), other.clone());
        self.in_repository(move |repository| {
            let (one, other) = (
                find_commit(repository, &one)?.id(),
                find_commit(repository, &other)?.id(),
            );
            match repository.merge_base(one, other) {
                Ok(base) => commit_id(base).map(Some),
                Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
                Err(error) => Err(Error::library("find a merge base")(error)),
            }
        })
        .await
    }

    /// Tells whether `descendant` is `ancestor` or stands on it.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], or a damaged mirror.
    pub async fn is_ancestor(&self, ancestor: &CommitId, descendant: &CommitId) -> Result<bool, Error> {
        let (ancestor, descendant) = (ancestor.clone(), descendant.clone());
        self.in_repository(move |repository| {
            let old = find_commit(repository, &ancestor)?.id();
            let new = find_commit(repository, &descendant)?.id();
            Ok(old == new
                || repository
                    .graph_descendant_of(new, old)
                    .map_err(Error::library("compare histories"))?)
        })
        .await
    }

    /// The parents of a commit, in their order.
    ///
    /// # Errors
    /// [`Error::UnknownCommit`], or a damaged mirror.
    pub async fn parents(&self, commit: &CommitId) -> Result<Vec<CommitId>, Error> {
        let commit = commit.clone();
        self.in_repository(move |repository| {
            find_commit(repository, &commit)?
                .parent_ids()
                .map(commit_id)
                .collect()
        })
        .await
    }
}

/// The entry at a path, walked component by component; `None` where there is none.
fn at_path(tree: &git2::Tree<'_>, path: &str) -> Result<Option<git2::TreeEntry<'static>>, Error> {
    let odd = path.split('/').any(|part| matches!(part, "" | "." | ".."));
    if odd {
        return Ok(None);
    }
    match tree.get_path(std::path::Path::new(path)) {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(Error::library("walk a tree")(error)),
    }
}
