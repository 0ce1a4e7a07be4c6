//! What a commit may not bring: the rules, on the difference that this exact commit makes.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::tree::Tree;
use super::{Context, Error, secrets};
use crate::contract::Plan;
use crate::git::{Change, Rules, policy};
use crate::github::Repository;
use crate::model::CommitId;

/// The most findings that are told one by one; a person reads no more, and they all stand in one sentence of
/// the log.
const MOST: usize = 20;

/// The rules that a commit breaks, a sentence each; empty where it may be pushed.
pub(super) async fn inspect<T: Tree>(
    tree: &T,
    at: &Repository,
    context: &Context,
    plan: Option<&Plan>,
    commit: &CommitId,
    changes: &[Change],
) -> Result<Vec<String>, Error> {
    if changes.is_empty() {
        return Ok(vec![
            "The work does not change any file of the base branch.".to_owned(),
        ]);
    }
    let protected = match protected(&context.frozen.policy.protected) {
        Ok(globs) => globs,
        Err(finding) => return Ok(vec![finding]),
    };
    let scope = plan.map(Plan::scope);
    let rules = Rules {
        scope: |path: &str| scope.as_ref().is_none_or(|files| files.touches(path)),
        protected: |path: &str| protected.is_match(path),
        workflows: false,
    };
    let mut findings: Vec<String> = policy(changes, &rules).iter().map(ToString::to_string).collect();
    let patch = tree.patch(at, &context.run.base_commit, commit).await?;
    for (path, what) in secrets::in_patch(&patch) {
        findings.push(format!("{path} holds what looks like {what}."));
    }
    if findings.len() > MOST {
        let more = findings.len() - MOST;
        findings.truncate(MOST);
        findings.push(format!("There are {more} more findings."));
    }
    Ok(findings)
}

/// The protected paths. A glob without a slash means files and folders of that name everywhere, as people
/// write `CODEOWNERS`; one that names a folder means what is in it.
fn protected(globs: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let plain = glob.trim_start_matches('/').trim_end_matches('/');
        let anywhere = if glob.trim_end_matches('/').contains('/') {
            ""
        } else {
            "**/"
        };
        for pattern in [format!("{anywhere}{plain}"), format!("{anywhere}{plain}/**")] {
            // A rule that can't be read holds everything back rather than nothing.
            let compiled = GlobBuilder::new(&pattern)
                .literal_separator(true)
                .case_insensitive(true)
                .build()
                .map_err(|_| format!("The protected path {glob} is no valid glob."))?;
            set.add(compiled);
        }
    }
    set.build()
        .map_err(|_| "The protected paths are too many or too large.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protected_paths_hold_at_any_depth_and_for_whole_folders() {
        let globs = ["CODEOWNERS", "deploy/", "/ops/*.sh", "*.lock"].map(str::to_owned);
        let set = protected(&globs).unwrap();
        for path in [
            "CODEOWNERS",
            ".github/CODEOWNERS",
            "deploy/a/b",
            "x/deploy/c",
            "ops/a.sh",
            "a/Cargo.lock",
            "codeowners",
        ] {
            assert!(set.is_match(path), "{path}");
        }
        for path in ["CODEOWNERS.md", "ops/a/b.sh", "x/ops/a.sh", "src/lib.rs"] {
            assert!(!set.is_match(path), "{path}");
        }
        assert!(protected(&["a[".to_owned()]).is_err());
    }
}
