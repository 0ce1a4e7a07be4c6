//! `POST /webhook`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Server;
use super::body::{Held, Unread};
use super::metrics::Fate;
use crate::github::{MAX_BODY_BYTES, Rejection, lane};
use crate::store::{Accepted, NewDelivery};

/// The events that something here listens to. Others are counted and answered, not kept: an App that is
/// subscribed to check runs would fill the store with them.
const HEARD: [&str; 8] = [
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "push",
    "repository",
    "installation",
    "installation_repositories",
];

/// How long a body may take to arrive. GitHub itself gives up after 10 s.
const BODY_TIME: Duration = Duration::from_secs(20);

pub(super) async fn receive(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if let Err(rejection) = server.door.glance(&head.headers) {
        return reject(&server, rejection);
    }
    let Ok(read) = tokio::time::timeout(BODY_TIME, Held::read(body, MAX_BODY_BYTES, &server.room)).await
    else {
        server.metrics.count(Fate::Rejected);
        return answer(
            StatusCode::REQUEST_TIMEOUT,
            r#"{"error":"The body did not arrive in time."}"#.to_owned(),
        );
    };
    // It counts as held until the delivery is stored.
    let held = match read {
        Ok(held) => held,
        Err(Unread::TooLarge) => return reject(&server, Rejection::TooLarge),
        Err(Unread::NoRoom) => {
            server.metrics.count(Fate::Failed);
            tracing::warn!("a delivery was refused: too much arrives at the same time");
            let text = r#"{"error":"Too much arrives here at the same time. Redeliver it later."}"#;
            return answer(StatusCode::SERVICE_UNAVAILABLE, text.to_owned());
        }
        Err(Unread::Broken) => {
            // Nobody is there to read it.
            server.metrics.count(Fate::Rejected);
            return answer(
                StatusCode::BAD_REQUEST,
                r#"{"error":"The body broke off."}"#.to_owned(),
            );
        }
    };
    let body = held.bytes.clone();
    let delivery = match server.door.verify(&head.headers, &body) {
        Ok(delivery) => delivery,
        Err(rejection) => return reject(&server, rejection),
    };
    if delivery.event() == "ping" {
        server.metrics.count(Fate::Ping);
        return answer(StatusCode::OK, r#"{"ok":"pong"}"#.to_owned());
    }
    let facts = match delivery.facts() {
        Ok(facts) => facts,
        Err(rejection) => return reject(&server, rejection),
    };
    if !HEARD.contains(&delivery.event()) {
        server.metrics.count(Fate::Ignored);
        tracing::debug!(event = delivery.event(), "nothing listens to this event");
        return answer(
            StatusCode::ACCEPTED,
            r#"{"ok":"nothing listens to this event"}"#.to_owned(),
        );
    }
    let id = delivery.id().clone();
    let new = NewDelivery {
        id: id.clone(),
        event: delivery.event().to_owned(),
        action: facts.action.clone().unwrap_or_default(),
        lane: lane(&facts),
        facts: serde_json::to_string(&facts).expect("facts hold nothing that JSON cannot"),
        body,
        received: server.clock.now(),
    };
    // What is not needed any more is not kept while the disk is waited for: many calls wait at the same time.
    drop((head, delivery, facts));
    let stored = server.intake.accept(new).await;
    drop(held);
    match stored {
        Ok(Accepted::New) => {
            server.metrics.count(Fate::Accepted);
            answer(StatusCode::ACCEPTED, r#"{"ok":"accepted"}"#.to_owned())
        }
        Ok(Accepted::Duplicate) => {
            server.metrics.count(Fate::Duplicate);
            answer(StatusCode::ACCEPTED, r#"{"ok":"accepted before"}"#.to_owned())
        }
        Err(error) => {
            // GitHub shows the delivery as failed and keeps it, so that it can be redelivered.
            server.metrics.count(Fate::Failed);
            tracing::error!(delivery = %id, %error, "a delivery could not be stored");
            let text = r#"{"error":"The delivery could not be stored. Redeliver it later."}"#;
            answer(StatusCode::SERVICE_UNAVAILABLE, text.to_owned())
        }
    }
}

fn reject(server: &Server, rejection: Rejection) -> Response {
    server.metrics.count(Fate::Rejected);
    tracing::warn!(?rejection, "a webhook call was refused");
    answer(rejection.status(), rejection.body())
}

fn answer(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
