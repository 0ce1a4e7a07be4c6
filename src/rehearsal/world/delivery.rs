//! Webhook deliveries: what was due, what was sent, what came back.

use crate::model::Timestamp;

/// One event on its way to one App; redeliveries share its GUID.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// GitHub's numeric id of the delivery.
    pub id: u64,
    /// The value of `X-GitHub-Delivery`, the same on redelivery.
    pub guid: String,
    /// To which App.
    pub app_id: u64,
    /// The event, such as `issue_comment`.
    pub event: String,
    /// Its action, such as `created`, where it has one.
    pub action: Option<String>,
    /// Of which installation.
    pub installation_id: Option<u64>,
    /// In which repository.
    pub repository_id: Option<u64>,
    /// The body as it is signed and sent.
    pub body: bytes::Bytes,
    /// When the event happened.
    pub created_at: Timestamp,
    /// Every time it was sent, oldest first.
    pub attempts: Vec<Attempt>,
    /// Whether a test threw it away unsent.
    pub dropped: bool,
}

impl Delivery {
    /// Whether any attempt was answered with 2xx.
    pub fn accepted(&self) -> bool {
        self.attempts
            .iter()
            .any(|a| a.status.is_some_and(|s| (200..300).contains(&s)))
    }
}

/// One sending of a delivery.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// GitHub's id of this attempt; the first is the delivery's own.
    pub id: u64,
    /// When it was finished.
    pub at: Timestamp,
    /// The receiver's HTTP status; `None` where no answer came within the deadline.
    pub status: Option<u16>,
    /// The receiver's answer, or why there was none.
    pub response: String,
    /// How long the answer took, in milliseconds.
    pub millis: u64,
    /// Whether somebody asked for it again.
    pub redelivery: bool,
}
