//! The HTTP server: webhook, health and metrics.
//!
//! A webhook call goes the shortest way: signature, facts, inbox, answer.
//! It is answered with 202 only after the delivery is committed; everything else happens later, elsewhere.

mod app;
mod body;
mod chores;
mod claim;
mod gear;
mod health;
mod metrics;
mod webhook;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::github::Door;
use crate::model::Clock;
use crate::room::Room;
use crate::store::Intake;

pub use app::{App, StartError, find_git, harnesses};
pub use gear::{Gear, Strangers, gear, sandbox};
pub use health::Readiness;
pub use metrics::Metrics;

/// What the server needs.
pub struct Server {
    /// Lets signed webhook calls in.
    pub door: Door,
    /// Where deliveries are kept.
    pub intake: Intake,
    /// When they arrived.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whether the rest of the program is ready.
    pub readiness: Arc<Readiness>,
    /// How much of bodies is held at the same time.
    pub room: Room,
}

impl Server {
    /// The routes.
    pub fn router(self) -> Router {
        let server = Arc::new(self);
        Router::new()
            .route("/webhook", post(webhook::receive))
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .route("/metrics", get(metrics::show))
            .with_state(server)
    }

    /// Serves until told to stop; calls that are being answered are finished first.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        let app = self.router();
        axum::serve(listener, app)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
    }
}

/// Opens the port.
///
/// # Errors
/// The address is taken or not ours; the sentence says which address it was.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ListenError { address, source })
}

/// Says why the port could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; is another server running there?")]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}
