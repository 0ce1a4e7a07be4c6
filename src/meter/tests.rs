//! The meter over real HTTP.
