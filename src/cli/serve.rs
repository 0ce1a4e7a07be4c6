//! `footplate serve`.

use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::{Failure, Kind};
use super::{show, trace};
use crate::config::Settings;
use crate::server::{App, StartError};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) log: trace::Log,
}

pub(super) async fn main(settings: Settings) -> Result<ExitCode, Failure> {
    let mut app = App::start(settings).await?;
    show::line(format!("footplate listens on http://{}", app.address()));
    let told = |kind| signal(kind).map_err(|error| Failure::new(Kind::Machine, error));
    let (mut terminate, mut interrupt) = (told(SignalKind::terminate())?, told(SignalKind::interrupt())?);
    let ended = tokio::select! {
        ended = app.wait() => ended,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    app.shut_down().await;
    ended?;
    Ok(ExitCode::SUCCESS)
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let kind = match &error {
            StartError::Settings(_) | StartError::GitHub(_) => Kind::Configuration,
            _ => Kind::Machine,
        };
        Self::new(kind, error)
    }
}
