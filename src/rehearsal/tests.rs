//! The stand-in's strictness, tried from outside: plain HTTP, the real git, and a webhook receiver.

mod api;
mod client;
mod faults;
mod git;
mod hooks;
mod people;
mod recheck;
