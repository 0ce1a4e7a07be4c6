//! Integration tests: the crate's shape, the stand-in, the simulator, real agent programs, and whole stories with the real program.

mod command_line;
mod confinement;
mod local;
mod matrix;
mod openapi;
mod real_agents;
mod simulator;
mod standin;
mod stories;
mod tidy;
