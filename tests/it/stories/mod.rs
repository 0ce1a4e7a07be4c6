//! Stories: the real program as a process, against the stand-in for GitHub, with real git and real agents.
//!
//! A [`stage::Stage`] is a small world: a stand-in with one repository, the server as a child process with
//! settings and a data folder of its own, and agents whose steps stand in [`scripts`]. People act through the
//! stand-in's verbs; what they then see on GitHub is awaited, never slept for. A story ends with
//! [`stage::Stage::end`], which asks whether GitHub would have taken every request, and whether a process of an
//! agent is left.

mod processes;
mod scripts;
mod server;
mod stage;

mod agents;
mod configuration;
mod confined;
mod deliveries;
mod faults;
mod kills;
mod line;
mod models;
mod money;
mod parts;
mod people;
mod plans;
mod pulls;
