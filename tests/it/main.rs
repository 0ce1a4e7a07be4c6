//! t

mod openapi;
mod standin;
