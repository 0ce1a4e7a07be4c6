//! Why a meter or a lease cannot be had. What goes wrong between harness and provider is data: a
//! [`crate::ledger::WireFault`].

use std::path::PathBuf;

/// Why the meter does not start, or a provider's address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on; another one, or another moment, may do.
    #[error("the meter cannot listen on {address}: {why}")]
    Listen {
        /// What was tried.
        address: String,
        /// What the system says.
        why: std::io::Error,
    },
    /// The socket's place holds something that is no socket; it is left alone.
    #[error("{} is in the way of the meter's socket", .0.display())]
    InTheWay(PathBuf),
    /// The provider's address or key is unusable; the configuration is wrong.
    #[error("provider `{provider}`: {why}")]
    Provider {
        /// The provider's name in the configuration.
        provider: String,
        /// What is wrong with it, without the key.
        why: &'static str,
    },
    /// The folder is no recording that can be played back.
    #[error("{} is no recording: {why}", .folder.display())]
    Recording {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}
