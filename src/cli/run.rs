//! `footplate run`.

use std::process::ExitCode;

use clap::Args;

use super::exit::{Failure, Kind};
use super::trace;
use crate::config::Settings;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) log: trace::Log,
}

pub(super) async fn main(_: Settings, _: Arguments) -> Result<ExitCode, Failure> {
    Err(Failure::said(Kind::Machine, "later"))
}
