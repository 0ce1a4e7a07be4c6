//! Webhook deliveries as the App sees them in its log.

use serde_json::{Value, json};

use super::super::world::{Attempt, Delivery};
use super::moment;

/// One attempt in the list.
pub(in super::super) fn delivery_row(delivery: &Delivery, attempt: &Attempt) -> Value {
    json!({
        "id": attempt.id,
        "guid": delivery.guid,
        "delivered_at": moment(attempt.at),
        "redelivery": attempt.redelivery,
        "duration": f64::from(u32::try_from(attempt.millis).unwrap_or(u32::MAX)) / 1000.0,
        "status": status_text(attempt),
        "status_code": attempt.status.unwrap_or(0),
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation_id,
        "repository_id": delivery.repository_id,
        "throttled_at": null,
    })
}

/// One attempt with what was sent and answered.
pub(in super::super) fn delivery_detail(delivery: &Delivery, attempt: &Attempt, url: &str) -> Value {
    let mut row = delivery_row(delivery, attempt);
    row["url"] = json!(url);
    row["request"] = json!({
        "headers": {"X-GitHub-Delivery": delivery.guid, "X-GitHub-Event": delivery.event},
        "payload": serde_json::from_slice::<Value>(&delivery.body).unwrap_or(Value::Null),
    });
    row["response"] = json!({"headers": {}, "payload": attempt.response});
    row
}

fn status_text(attempt: &Attempt) -> &'static str {
    match attempt.status {
        Some(200..300) => "OK",
        Some(_) => "Invalid HTTP Response",
        None => "timed out",
    }
}
