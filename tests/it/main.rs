//! t

mod command_line;
mod local;
mod openapi;
mod standin;
