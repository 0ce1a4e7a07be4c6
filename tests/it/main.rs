//! The tests that stand outside the crate: its shape, the stand-in, and whole stories.

mod openapi;
mod standin;
mod tidy;
