//! Looking into repositories: what is checked out in a person's, and what a branch changes in ours.

use std::path::Path;

/// The branch that is checked out in a folder's repository; `None` where there is none.
pub fn branch_of(folder: &Path) -> Option<String> {
    let repository = git2::Repository::open(folder).ok()?;
    let head = repository.head().ok()?;
    head.is_branch()
        .then(|| head.shorthand().ok().map(str::to_owned))
        .flatten()
}

/// What a branch changes since it left another, as a patch; `None` where either is missing.
pub fn difference(repository: &Path, base: &str, head: &str) -> Option<String> {
    patch(repository, base, head).ok()
}

fn patch(repository: &Path, base: &str, head: &str) -> Result<String, git2::Error> {
    let repository = git2::Repository::open_bare(repository)?;
    let commit = |branch: &str| {
        repository
            .find_reference(&format!("refs/heads/{branch}"))?
            .peel_to_commit()
    };
    let (base, head) = (commit(base)?, commit(head)?);
    let from = repository.find_commit(repository.merge_base(base.id(), head.id())?)?;
    let diff = repository.diff_tree_to_tree(Some(&from.tree()?), Some(&head.tree()?), None)?;
    let mut text = String::new();
    diff.print(git2::DiffFormat::Patch, |_, _, line| {
        if matches!(line.origin(), '+' | '-' | ' ') {
            text.push(line.origin());
        }
        text.push_str(&String::from_utf8_lossy(line.content()));
        true
    })?;
    Ok(text)
}
