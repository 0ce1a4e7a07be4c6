//! What a commit may not bring, looked for in its changes before it is pushed.
//!
//! The rules read the difference between two exact commits, never a worktree or a patch, so what is checked
//! is what is pushed. A violation says what and where in a sentence that people can read; what follows from
//! it (holding the work, asking someone) is decided elsewhere.

use std::fmt;

use super::change::{Change, ChangeKind, Entry, EntryKind, TreePath};

/// The largest file that GitHub takes: 100 MB, as in its documentation "About large files on GitHub".
pub const MAX_FILE_BYTES: u64 = 100 << 20;

/// What is allowed beyond the rules that always hold.
#[derive(Debug, Clone)]
pub struct Rules<S, P> {
    /// Tells whether the plan allows a path to change.
    pub scope: S,
    /// Tells whether a path is protected, whatever the plan says.
    pub protected: P,
    /// Whether files in `.github/workflows/` may change.
    pub workflows: bool,
}

/// One thing that a commit may not bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where.
    pub path: TreePath,
    /// What.
    pub offence: Offence,
}

/// The rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offence {
    /// The path is not among the plan's files.
    OutsidePlan,
    /// The path is protected.
    Protected,
    /// It changes what continuous integration runs.
    Workflow,
    /// A link leads out of the tree, or may.
    LeavingLink {
        /// Where it leads, escaped.
        target: String,
    },
    /// It is a commit of another repository.
    Submodule,
    /// It lists other repositories.
    SubmoduleList,
    /// It lies in the folder for artifacts.
    ArtifactFolder,
    /// It is, or leads into, a git directory.
    GitFolder,
    /// It is larger than GitHub takes.
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// Its name is not UTF-8, so that the plan can't name it.
    Unnameable,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.offence {
            Offence::OutsidePlan => write!(f, "{path} is not among the plan's files."),
            Offence::Protected => write!(f, "{path} is protected and may not change."),
            Offence::Workflow => {
                write!(
                    f,
                    "{path} changes what continuous integration runs; a person must do that."
                )
            }
            Offence::LeavingLink { target } => {
                write!(
                    f,
                    "{path} is a link to {target}, which leads out of the repository or may do so."
                )
            }
            Offence::Submodule => write!(f, "{path} is a submodule; Footplate does not add or move those."),
            Offence::SubmoduleList => write!(f, "{path} lists submodules; a person must change that."),
            Offence::ArtifactFolder => {
                write!(
                    f,
                    "{path} lies in the folder for artifacts, which is no part of the work."
                )
            }
            Offence::GitFolder => write!(f, "{path} is or leads into a git directory."),
            Offence::TooLarge { bytes } => {
                write!(
                    f,
                    "{path} has {} MB; GitHub takes at most 100 MB per file.",
                    bytes.div_ceil(1 << 20)
                )
            }
            Offence::Unnameable => {
                write!(f, "{path} has a name that is not UTF-8, which no plan can allow.")
            }
        }
    }
}

/// Looks at every change, and says everything that is wrong, in the order of the changes.
pub fn policy<S, P>(changes: &[Change], rules: &Rules<S, P>) -> Vec<Violation>
where
    S: Fn(&str) -> bool,
    P: Fn(&str) -> bool,
{
    let mut found = Vec::new();
    for change in changes {
        let mut blame = |offence| {
            found.push(Violation {
                path: change.path.clone(),
                offence,
            })
        };
        match change.path.as_str() {
            None => blame(Offence::Unnameable),
            Some(path) => {
                if (rules.protected)(path) {
                    blame(Offence::Protected);
                }
                if !(rules.scope)(path) {
                    blame(Offence::OutsidePlan);
                }
            }
        }
        if is_in(&change.path, &[b".footplate"]) {
            blame(Offence::ArtifactFolder);
        }
        if is_in(&change.path, &[b".github", b"workflows"]) && !rules.workflows {
            blame(Offence::Workflow);
        }
        if change.path.as_bytes().eq_ignore_ascii_case(b".gitmodules") {
            blame(Offence::SubmoduleList);
        }
        if change.path.components().any(is_git_folder) {
            blame(Offence::GitFolder);
        }
        let is_submodule =
            |entry: &Option<Entry>| entry.as_ref().is_some_and(|e| e.kind == EntryKind::Submodule);
        if is_submodule(&change.old) || is_submodule(&change.new) {
            blame(Offence::Submodule);
        }
        if change.kind == ChangeKind::Deleted {
            continue;
        }
        match &change.new {
            Some(Entry {
                kind: EntryKind::Link(target),
                ..
            }) => {
                if target.split(|byte| *byte == b'/').any(is_git_folder) {
                    blame(Offence::GitFolder);
                }
                if leaves(&change.path, target) {
                    let target = TreePath::new(target.clone()).to_string();
                    blame(Offence::LeavingLink { target });
                }
            }
            Some(Entry { bytes, .. }) if *bytes > MAX_FILE_BYTES => {
                blame(Offence::TooLarge { bytes: *bytes })
            }
            _ => {}
        }
    }
    found
}

/// Tells whether a path begins with these components, in any case: some file systems do not tell them apart.
fn is_in(path: &TreePath, folder: &[&[u8]]) -> bool {
    let mut components = path.components();
    folder.iter().all(|wanted| {
        components
            .next()
            .is_some_and(|part| part.eq_ignore_ascii_case(wanted))
    })
}

/// Tells whether some system takes a component for `.git`: NTFS knows it as `git~1` and drops dots and
/// spaces at the end and what follows a colon; HFS+ drops invisible characters.
fn is_git_folder(component: &[u8]) -> bool {
    let text: String = String::from_utf8_lossy(component)
        .chars()
        .filter(|c| !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'))
        .collect();
    let text = text
        .split(':')
        .next()
        .unwrap_or_default()
        .trim_end_matches(['.', ' ']);
    text.eq_ignore_ascii_case(".git") || text.eq_ignore_ascii_case("git~1")
}

/// Tells whether a link at `path` leads out of the tree, or may through another link.
///
/// A target that first goes up, no further than the root, and then only down, stays in the tree, whatever
/// the links on its way are, as long as those do. One that goes up after it went down may follow a link down
/// and leave from there.
fn leaves(path: &TreePath, target: &[u8]) -> bool {
    if target.is_empty() || target[0] == b'/' {
        return true;
    }
    let mut room = path.components().count() - 1;
    let mut going_down = false;
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if going_down || room == 0 => return true,
            b".." => room -= 1,
            _ => going_down = true,
        }
    }
    false
}
