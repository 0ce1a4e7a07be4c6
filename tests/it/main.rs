//! t

mod openapi;
mod standin;
mod stories;
