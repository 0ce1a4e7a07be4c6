//! Git objects of the stand-in's repositories: what the API needs to read, compare, commit and merge.
//!
//! Everything works on the bare repository on disk, so that API and git protocol see the same truth.

use std::path::Path;

use git2::{Delta, DiffOptions, ObjectType, Oid, Patch, Repository, Signature, Time};

use crate::model::Timestamp;

/// One file of a diff.
#[derive(Debug, Clone)]
pub(super) struct ChangedFile {
    pub(super) path: String,
    pub(super) previous: Option<String>,
    pub(super) status: &'static str,
    pub(super) additions: usize,
    pub(super) deletions: usize,
    pub(super) patch: Option<String>,
    pub(super) blob: String,
}

/// Who committed when.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) at: Timestamp,
}

impl Signer {
    fn signature(&self) -> Result<Signature<'static>, git2::Error> {
        Signature::new(&self.name, &self.email, &Time::new(self.at.0.div_euclid(1000), 0))
    }
}

/// A commit to be written.
pub(super) struct NewCommit<'a> {
    pub(super) tree: &'a str,
    pub(super) parents: &'a [String],
    pub(super) message: &'a str,
    pub(super) author: &'a Signer,
    pub(super) committer: &'a Signer,
}

/// What stands between two commits.
pub(super) struct Comparison {
    pub(super) merge_base: String,
    /// Commits of head that base lacks, oldest first.
    pub(super) ahead: Vec<String>,
    pub(super) behind: usize,
    pub(super) files: Vec<ChangedFile>,
}

/// Creates an empty bare repository.
pub(super) fn create(dir: &Path, default_branch: &str) -> Result<(), git2::Error> {
    let mut options = git2::RepositoryInitOptions::new();
    options
        .bare(true)
        .external_template(false)
        .initial_head(default_branch);
    let repository = Repository::init_opts(dir, &options)?;
    let mut config = repository.config()?;
    config.set_str("gc.auto", "0")?;
    config.set_str("uploadpack.allowAnySHA1InWant", "true")?;
    config.set_str("uploadpack.allowFilter", "true")
}

/// The commit a branch points at.
pub(super) fn branch_tip(dir: &Path, branch: &str) -> Option<String> {
    ref_target(dir, &format!("refs/heads/{branch}"))
}

/// The object a full ref name points at.
pub(super) fn ref_target(dir: &Path, name: &str) -> Option<String> {
    let repository = Repository::open_bare(dir).ok()?;
    let target = repository.find_reference(name).ok()?.resolve().ok()?.target()?;
    Some(target.to_string())
}

/// All refs below a prefix (`refs/heads/`), sorted by name, with their targets.
pub(super) fn refs_below(dir: &Path, prefix: &str) -> Result<Vec<(String, String)>, git2::Error> {
    let repository = Repository::open_bare(dir)?;
    let mut found = Vec::new();
    for reference in repository.references()? {
        let reference = reference?;
        if let (Ok(name), Some(target)) = (reference.name(), reference.target())
            && name.starts_with(prefix)
        {
            found.push((name.to_owned(), target.to_string()));
        }
    }
    found.sort();
    Ok(found)
}

/// Sets, moves or (with `None`) deletes a ref.
pub(super) fn set_ref(dir: &Path, name: &str, target: Option<&str>) -> Result<(), git2::Error> {
    let repository = Repository::open_bare(dir)?;
    match target {
        Some(sha) => repository
            .reference(name, Oid::from_str(sha)?, true, "")
            .map(|_| ()),
        None => repository.find_reference(name)?.delete(),
    }
}

/// The commit that a branch, tag, full ref or (abbreviated) SHA names.
pub(super) fn resolve(dir: &Path, name: &str) -> Option<String> {
    let repository = Repository::open_bare(dir).ok()?;
    for candidate in [
        format!("refs/heads/{name}"),
        format!("refs/tags/{name}"),
        format!("refs/{name}"),
    ] {
        if let Ok(reference) = repository.find_reference(&candidate)
            && let Ok(commit) = reference.peel_to_commit()
        {
            return Some(commit.id().to_string());
        }
    }
    if name.len() < 7 || !name.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let object = repository.revparse_single(name).ok()?;
    Some(object.peel_to_commit().ok()?.id().to_string())
}

/// The kind of an object (`commit`, `tree`, `blob`, `tag`), where it exists.
pub(super) fn kind(dir: &Path, sha: &str) -> Option<ObjectType> {
    let repository = Repository::open_bare(dir).ok()?;
    repository
        .find_object(Oid::from_str(sha).ok()?, None)
        .ok()?
        .kind()
}

/// Compares two commits as a pull request does: from their merge base to head.
///
/// # Errors
/// One of them is missing, or they have no history in common.
pub(super) fn compare(dir: &Path, base: &str, head: &str) -> Result<Comparison, git2::Error> {
    let repository = Repository::open_bare(dir)?;
    let (base, head) = (Oid::from_str(base)?, Oid::from_str(head)?);
    let merge_base = repository.merge_base(base, head)?;
    let list = |from: Oid, to: Oid| -> Result<Vec<String>, git2::Error> {
        let mut walk = repository.revwalk()?;
        walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
        walk.push(to)?;
        walk.hide(from)?;
        walk.map(|id| id.map(|id| id.to_string())).collect()
    };
    Ok(Comparison {
        merge_base: merge_base.to_string(),
        ahead: list(base, head)?,
        behind: list(head, base)?.len(),
        files: diff(&repository, Some(merge_base), head)?,
    })
}

/// The files that a commit changes against its first parent.
pub(super) fn commit_files(dir: &Path, sha: &str) -> Result<Vec<ChangedFile>, git2::Error> {
    let repository = Repository::open_bare(dir)?;
    let commit = repository.find_commit(Oid::from_str(sha)?)?;
    diff(&repository, commit.parent_ids().next(), commit.id())
}

fn diff(repository: &Repository, from: Option<Oid>, to: Oid) -> Result<Vec<ChangedFile>, git2::Error> {
    let old = from.map(|id| repository.find_commit(id)?.tree()).transpose()?;
    let new = repository.find_commit(to)?.tree()?;
    let mut options = DiffOptions::new();
    let mut diff = repository.diff_tree_to_tree(old.as_ref(), Some(&new), Some(&mut options))?;
    diff.find_similar(None)?;
    let mut files = Vec::new();
    for (index, delta) in diff.deltas().enumerate() {
        let text = |file: git2::DiffFile<'_>| {
            file.path_bytes()
                .map(|p| String::from_utf8_lossy(p).into_owned())
                .unwrap_or_default()
        };
        let patch = Patch::from_diff(&diff, index)?;
        let (additions, deletions, patch) = match patch {
            Some(mut patch) => {
                let (_, additions, deletions) = patch.line_stats()?;
                (additions, deletions, Some(hunks(&mut patch)?))
            }
            None => (0, 0, None),
        };
        let status = match delta.status() {
            Delta::Added => "added",
            Delta::Deleted => "removed",
            Delta::Renamed => "renamed",
            Delta::Copied => "copied",
            _ => "modified",
        };
        let old_path = text(delta.old_file());
        let path = if status == "removed" {
            old_path.clone()
        } else {
            text(delta.new_file())
        };
        let blob = if status == "removed" {
            delta.old_file().id()
        } else {
            delta.new_file().id()
        };
        files.push(ChangedFile {
            previous: (status == "renamed").then_some(old_path),
            path,
            status,
            additions,
            deletions,
            patch,
            blob: blob.to_string(),
        });
    }
    Ok(files)
}

/// The hunks alone, without git's file header, as GitHub shows them.
fn hunks(patch: &mut Patch<'_>) -> Result<String, git2::Error> {
    let whole = patch.to_buf()?;
    let whole = String::from_utf8_lossy(&whole).into_owned();
    let start = if whole.starts_with("@@") {
        Some(0)
    } else {
        whole.find("\n@@").map(|at| at + 1)
    };
    Ok(start
        .map(|at| whole[at..].trim_end_matches('\n').to_owned())
        .unwrap_or_default())
}

/// The paths that differ between two commits, both sides of a rename, for policies on pushes.
pub(super) fn touched_paths(dir: &Path, from: Option<&str>, to: &str) -> Result<Vec<String>, git2::Error> {
    let repository = Repository::open_bare(dir)?;
    let from = from.map(Oid::from_str).transpose()?;
    let files = diff(&repository, from, Oid::from_str(to)?)?;
    Ok(files
        .into_iter()
        .flat_map(|f| std::iter::once(f.path).chain(f.previous))
        .collect())
}

/// Whether `ancestor` is `descendant` or comes before it.
pub(super) fn is_ancestor(dir: &Path, ancestor: &str, descendant: &str) -> bool {
    let check = || -> Result<bool, git2::Error> {
        let repository = Repository::open_bare(dir)?;
        let (ancestor, descendant) = (Oid::from_str(ancestor)?, Oid::from_str(descendant)?);
        Ok(ancestor == descendant || repository.graph_descendant_of(descendant, ancestor)?)
    };
    check().unwrap_or(false)
}

/// Commits that `tip` has and none of `known` reaches, oldest first.
pub(super) fn new_commits(dir: &Path, tip: &str, known: &[String]) -> Result<Vec<String>, git2::Error> {
    let repository = Repository::open_bare(dir)?;
    let mut walk = repository.revwalk()?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
    walk.push(Oid::from_str(tip)?)?;
    for sha in known {
        walk.hide(Oid::from_str(sha)?)?;
    }
    walk.map(|id| id.map(|id| id.to_string())).collect()
}

/// A file's bytes in a commit.
pub(super) fn read_file(dir: &Path, commit: &str, path: &str) -> Option<Vec<u8>> {
    let repository = Repository::open_bare(dir).ok()?;
    let tree = repository
        .find_commit(Oid::from_str(commit).ok()?)
        .ok()?
        .tree()
        .ok()?;
    let entry = tree.get_path(Path::new(path)).ok()?;
    Some(repository.find_blob(entry.id()).ok()?.content().to_vec())
}

/// Writes a commit.
///
/// # Errors
/// The tree or a parent is missing.
pub(super) fn commit(dir: &Path, new: &NewCommit<'_>) -> Result<String, git2::Error> {
    let repository = Repository::open_bare(dir)?;
    let tree = repository.find_tree(Oid::from_str(new.tree)?)?;
    let parents = new
        .parents
        .iter()
        .map(|sha| repository.find_commit(Oid::from_str(sha)?))
        .collect::<Result<Vec<_>, git2::Error>>()?;
    let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
    let id = repository.commit(
        None,
        &new.author.signature()?,
        &new.committer.signature()?,
        new.message,
        &tree,
        &parents,
    )?;
    Ok(id.to_string())
}

/// A tree like that of `parent` (or empty) with files written; `None` as content deletes.
pub(super) fn tree_with(
    dir: &Path,
    parent: Option<&str>,
    files: &[(String, Option<Vec<u8>>)],
) -> Result<String, git2::Error> {
    let repository = Repository::open_bare(dir)?;
    let mut index = git2::Index::new()?;
    if let Some(sha) = parent {
        index.read_tree(&repository.find_commit(Oid::from_str(sha)?)?.tree()?)?;
    }
    for (path, content) in files {
        match content {
            Some(bytes) => {
                let entry = git2::IndexEntry {
                    ctime: git2::IndexTime::new(0, 0),
                    mtime: git2::IndexTime::new(0, 0),
                    dev: 0,
                    ino: 0,
                    mode: 0o100_644,
                    uid: 0,
                    gid: 0,
                    file_size: 0,
                    id: repository.blob(bytes)?,
                    flags: 0,
                    flags_extended: 0,
                    path: path.clone().into_bytes(),
                };
                index.add(&entry)?;
            }
            None => index.remove_path(Path::new(path))?,
        }
    }
    Ok(index.write_tree_to(&repository)?.to_string())
}

/// The tree of a commit.
pub(super) fn tree_of(dir: &Path, commit: &str) -> Result<String, git2::Error> {
    let repository = Repository::open_bare(dir)?;
    Ok(repository
        .find_commit(Oid::from_str(commit)?)?
        .tree_id()
        .to_string())
}

/// The tree that results from merging head into base; `None` where they conflict.
pub(super) fn merged_tree(dir: &Path, base: &str, head: &str) -> Result<Option<String>, git2::Error> {
    let repository = Repository::open_bare(dir)?;
    let base = repository.find_commit(Oid::from_str(base)?)?;
    let head = repository.find_commit(Oid::from_str(head)?)?;
    let mut index = repository.merge_commits(&base, &head, None)?;
    if index.has_conflicts() {
        return Ok(None);
    }
    Ok(Some(index.write_tree_to(&repository)?.to_string()))
}
