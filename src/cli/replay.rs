//! `footplate replay RUN`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::exit::{Failure, Kind};
use super::{runs, show};
use crate::config::Settings;
use crate::run::{Recorded, tell};
use crate::store::Journal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run's id, or its beginning or end.
    run: String,
}

pub(super) async fn main(
    settings: &Settings,
    arguments: &Arguments,
    json: bool,
) -> Result<ExitCode, Failure> {
    let stores = runs::Stores::open(settings).await?;
    let (store, row) = stores.find(&arguments.run).await?;
    let lines = store.load(&row.run).await?.unwrap_or_default();
    let log: Vec<Recorded> = lines
        .iter()
        .map(|line| Recorded::from_line(line))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(Kind::Machine, error))?;
    if json {
        show::json(&json!({ "run": row.run, "events": log }));
    } else {
        for recorded in &log {
            show::line(format!("{}  {}", recorded.at, tell(recorded)));
        }
    }
    stores.close().await?;
    Ok(ExitCode::SUCCESS)
}
