//! Integration tests: everything that takes more than one floor of the product.

mod openapi;
mod simulator;
mod standin;
