//! A handful of counters in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::Server;

/// What the server counts.
#[derive(Debug, Default)]
pub struct Metrics {
    accepted: AtomicU64,
    duplicates: AtomicU64,
    ignored: AtomicU64,
    pings: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
}

/// What became of a webhook call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Stored.
    Accepted,
    /// Stored before.
    Duplicate,
    /// Of an event that nothing here listens to.
    Ignored,
    /// GitHub's first call.
    Ping,
    /// Not signed, or not readable.
    Rejected,
    /// The store failed.
    Failed,
}

impl Metrics {
    /// Counts a call.
    pub fn count(&self, fate: Fate) {
        self.counter(fate).fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn of(&self, fate: Fate) -> u64 {
        self.counter(fate).load(Ordering::Relaxed)
    }

    fn counter(&self, fate: Fate) -> &AtomicU64 {
        match fate {
            Fate::Accepted => &self.accepted,
            Fate::Duplicate => &self.duplicates,
            Fate::Ignored => &self.ignored,
            Fate::Ping => &self.pings,
            Fate::Rejected => &self.rejected,
            Fate::Failed => &self.failed,
        }
    }

    /// The counters as text.
    pub fn render(&self) -> String {
        let mut text = String::from(
            "# HELP footplate_deliveries_total Webhook calls by what became of them.\n\
             # TYPE footplate_deliveries_total counter\n",
        );
        for (word, fate) in [
            ("accepted", Fate::Accepted),
            ("duplicate", Fate::Duplicate),
            ("ignored", Fate::Ignored),
            ("ping", Fate::Ping),
            ("rejected", Fate::Rejected),
            ("failed", Fate::Failed),
        ] {
            let _ = writeln!(
                text,
                "footplate_deliveries_total{{fate=\"{word}\"}} {}",
                self.of(fate)
            );
        }
        text
    }
}

pub(super) async fn show(State(server): State<Arc<Server>>) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4")],
        server.metrics.render(),
    )
}
