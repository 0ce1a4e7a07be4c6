//! Any agent that speaks the Agent Client Protocol (ACP), behind a bridge.
//!
//! The bridge is a child process of our own program, inside the sandbox with the agent that it starts: towards the
//! agent it is an ACP client, towards us it prints the JSON lines of the `command` harness. So an ACP agent is
//! watched, confined and judged like every other.
//!
//! Files and terminals are not delegated to the bridge: most agents would not use it, and the sandbox is the guard
//! in any case. Tokens are not reported: what agents say about them over ACP is incomplete, and the meter counts.

mod bridge;
mod permission;

pub use bridge::bridge_main;

/// The hidden subcommand of the command line that runs the bridge; the agent's command line follows.
pub const BRIDGE_SUBCOMMAND: &str = "acp-bridge";
