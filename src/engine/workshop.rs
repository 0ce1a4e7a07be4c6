//! Where attempts are made: what the engine asks of whoever runs agents and checks.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::book::Page;
use super::error::Error;
use super::purses::Stake;
use crate::model::AttemptKey;
use crate::run::{Report, Verdict};
use crate::workflow::Node;

/// What came of an attempt.
#[derive(Debug)]
pub struct Work {
    /// The report.
    pub report: Report,
    /// The artifacts that the report names and that are not stored yet: whoever logs the report stores them with it.
    pub contents: Vec<Vec<u8>>,
    /// What counts what was spent until the report is logged.
    pub stake: Option<Stake>,
}

impl From<Report> for Work {
    /// Work whose report names nothing that is not stored.
    fn from(report: Report) -> Self {
        Self {
            report,
            contents: Vec::new(),
            stake: None,
        }
    }
}

impl Work {
    /// Judges it anew so that nothing of it is handed on: neither its artifacts nor its files.
    pub fn withdraw(&mut self, verdict: Verdict) {
        self.report.verdict = verdict;
        self.report.artifacts.clear();
        self.report.fields.clear();
        self.report.snapshot = None;
        self.contents.clear();
    }
}

/// A place at the bench; given back when dropped.
pub struct Slot(pub Option<tokio::sync::OwnedSemaphorePermit>);

/// Runs agents and checks.
pub trait Workshop: Send + Sync + 'static {
    /// Waits for a place; `None` where the wait was broken off.
    fn slot(&self, node: &Node, stop: &CancellationToken) -> impl Future<Output = Option<Slot>> + Send;

    /// Makes one attempt and says what came of it. When it returns, nothing of the attempt is left running.
    ///
    /// # Errors
    /// This machine failed, not the candidate.
    fn attempt(
        &self,
        page: &Page,
        key: &AttemptKey,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<Work, Error>> + Send;

    /// Puts away what a run has on disk besides refs and rows, as long as nothing of it is being made; what a
    /// later attempt needs is made again.
    fn put_away(&self, page: &Page) -> impl Future<Output = ()> + Send;

    /// Lets time pass.
    fn pause(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}
