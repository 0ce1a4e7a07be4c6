//! Why an attempt could not even begin.

use std::io;
use std::path::PathBuf;

/// Says why no child process ran. What a child did once it ran is data: [`crate::agent::Ended`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The harness's program is not installed, or not executable; another try will not help.
    #[error("the program `{program}` was not found on the path {path}")]
    NoProgram {
        /// The first word of the command line.
        program: String,
        /// The search path that was used.
        path: String,
    },
    /// The command line is empty, or its program is a relative path, which would be looked up in the
    /// repository that is being worked on.
    #[error("`{0}` can't be started: a program is named by an absolute path or by a name on the path")]
    BadCommand(String),
    /// A folder or file that the attempt needs could not be prepared.
    #[error("{what} {} could not be prepared", path.display())]
    Folder {
        /// What it is for: `the worktree`, `the artifact folder`.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused to start or to watch a process, as when descriptors or processes run out;
    /// a later try may work.
    #[error("`{program}` could not be started")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}
