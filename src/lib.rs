//! Footplate, the driver of mixed-provider coding workflows.
//!
//! Modules stand on floors; each may import only what stands below it.

// Floor 0: words.
pub mod model;
// Floor 1: pure decisions, without input or output.
pub mod command;
pub mod contract;
pub mod report;
pub mod route;
pub mod run;
pub mod workflow;
// Floor 2: one outside world each.
pub mod agent;
pub mod git;
pub mod github;
pub mod store;
// Floor 3: settings and publishing.
pub mod config;
pub mod publish;
// Floor 4: the driver.
pub mod engine;
// Floor 5: faces.
pub mod rehearsal;
pub mod server;
// Floor 6: the command line.
pub mod cli;
