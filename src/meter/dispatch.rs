//! Sending a request, again and again if need be, until an answer begins or it is known that there will be none.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::breaker::Breaker;
use super::desk::{Desk, Underway};
use super::gateway::Shared;
use super::lease::Source;
use super::listen::Listener;
use super::refusal::Refusal;
use super::wire::{Answer, Flow};
use super::{headers, pause, windows};
use crate::ledger::WireFault;

/// The largest error that is read; larger ones are cut.
const LARGEST_ERROR: usize = 1024 * 1024;

/// A request as it goes to the provider.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) method: Method,
    /// The full address, or path and query where a recording answers.
    pub(super) address: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether a model is asked, so that the answer must look like one.
    pub(super) asks_a_model: bool,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An answer begins.
    Answered {
        status: StatusCode,
        headers: HeaderMap,
        first: Bytes,
        flow: Flow,
    },
    /// The provider said no, and there is no use in asking again.
    Declined {
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    },
    /// There is no answer.
    Refused(Refusal),
}

/// What one sending came to.
enum Came {
    Begun(Answer, Bytes),
    Error(StatusCode, HeaderMap, Bytes),
    Lost(String),
}

/// Sends a request as often as the lease allows.
pub(super) async fn dispatch(
    shared: &Shared,
    desk: &Arc<Desk>,
    order: &Order,
    underway: &mut Underway,
) -> Outcome {
    let lease = &desk.lease;
    let provider = lease.upstream.provider.as_str();
    let breaker: Arc<Breaker> = shared.breaker(provider);
    let deadline = Instant::now() + lease.limits.patience;
    let mut n = 1;
    loop {
        let pass = match breaker.enter(deadline).await {
            Ok(pass) => pass,
            Err(shut) => {
                let wait = shut.until.saturating_duration_since(Instant::now());
                return in_vain(shared, desk, shut.status, Some(wait));
            }
        };
        underway.sent();
        let Ok(came) = timeout(lease.limits.first_byte, once(shared, desk, order)).await else {
            desk.fault(WireFault::NoFirstByte);
            return Outcome::Refused(Refusal::in_vain(format!(
                "{provider} sent no byte of an answer within {} s",
                lease.limits.first_byte.as_secs_f32()
            )));
        };
        let (status, told) = match came {
            Came::Begun(answer, first) => {
                pass.success();
                read_windows(shared, desk, &answer.headers);
                if order.asks_a_model && !Listener::is_answer(&first) {
                    // Not passed on: one harness would ask again for ever.
                    underway.refused();
                    desk.fault(WireFault::NotAnAnswer);
                    return Outcome::Refused(Refusal::in_vain(format!(
                        "{provider} answered with something that is no answer of a model"
                    )));
                }
                return Outcome::Answered {
                    status: answer.status,
                    headers: headers::returning(&answer.headers),
                    first,
                    flow: answer.flow,
                };
            }
            Came::Error(status, headers, body) => {
                underway.refused();
                read_windows(shared, desk, &headers);
                if !is_transient(status, &headers, &body) {
                    pass.success();
                    desk.fault(fault_of(status, &body));
                    let mut headers = headers::returning(&headers);
                    headers.remove(http::header::CONTENT_LENGTH);
                    super::refusal::mark_final(&mut headers);
                    return Outcome::Declined {
                        status,
                        headers,
                        body,
                    };
                }
                let told = pause::told(&headers, &body, shared.now());
                pass.failure(told, Some(status.as_u16()));
                (Some(status.as_u16()), told)
            }
            Came::Lost(why) => {
                underway.refused();
                tracing::debug!(provider, why, "no answer");
                pass.failure(None, None);
                (None, None)
            }
        };
        n += 1;
        let wait = told.map_or_else(
            || pause::grown(shared.settings.first_pause, shared.settings.longest_pause, n),
            |told| told + pause::spread((told / 10).min(Duration::from_secs(1))),
        );
        if n > lease.limits.tries || Instant::now() + wait > deadline {
            return in_vain(shared, desk, status, told);
        }
        sleep(wait).await;
    }
}

/// Sends it once, and waits until a first piece of the body is there, or all of an error.
async fn once(shared: &Shared, desk: &Desk, order: &Order) -> Came {
    let answer = match &desk.lease.upstream.source {
        Source::Recording(replay) => Ok(replay.answer(&order.method, &order.address, &order.body)),
        Source::Network(_) => {
            let mut request = Request::new(Full::new(order.body.clone()));
            *request.method_mut() = order.method.clone();
            *request.headers_mut() = order.headers.clone();
            match order.address.parse() {
                Ok(uri) => {
                    *request.uri_mut() = uri;
                    shared.wire.send(request).await
                }
                Err(_) => Err("the provider's address is wrong".to_owned()),
            }
        }
    };
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(why) => return Came::Lost(why),
    };
    if answer.status.is_success() {
        return match answer.flow.piece().await {
            Some(Ok(first)) => Came::Begun(answer, first),
            Some(Err(_)) => Came::Lost("the answer broke off before its first byte".to_owned()),
            None => Came::Begun(answer, Bytes::new()),
        };
    }
    let mut body = BytesMut::new();
    while let Some(Ok(piece)) = answer.flow.piece().await {
        body.extend_from_slice(&piece[..piece.len().min(LARGEST_ERROR - body.len())]);
        if body.len() == LARGEST_ERROR {
            break;
        }
    }
    Came::Error(answer.status, answer.headers, body.freeze())
}

fn read_windows(shared: &Shared, desk: &Desk, headers: &HeaderMap) {
    let found = windows::read(headers, shared.now());
    if !found.is_empty() {
        desk.windows(&found);
        shared.note_windows(&desk.lease.upstream.provider, found);
    }
}

/// All tries are used up, or the time for them.
fn in_vain(shared: &Shared, desk: &Desk, status: Option<u16>, told: Option<Duration>) -> Outcome {
    let provider = &desk.lease.upstream.provider;
    let until = told.map(|wait| shared.now().plus(wait));
    let fault = match status {
        Some(429) => WireFault::RateLimited { until },
        status => WireFault::Unavailable { status },
    };
    desk.fault(fault);
    let again = until.map(|until| format!("; it wants to be left alone until {until}"));
    let what = match status {
        // Opencode asks again where a message sounds as if that would help, whatever the status says.
        Some(429) => "does not want to be asked now".to_owned(),
        Some(_) => "failed again and again".to_owned(),
        None => "cannot be reached".to_owned(),
    };
    Outcome::Refused(Refusal::in_vain(format!(
        "{provider} {what}{}",
        again.unwrap_or_default()
    )))
}

/// Whether asking again may help.
fn is_transient(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
    if headers
        .get("x-should-retry")
        .is_some_and(|value| value == "false")
    {
        return false;
    }
    match status.as_u16() {
        // OpenAI says so when the money is gone.
        429 => !matches!(
            kind_of(body).as_deref(),
            Some("insufficient_quota" | "billing_error")
        ),
        408 | 500..=599 => status != StatusCode::NOT_IMPLEMENTED,
        _ => false,
    }
}

/// What an error that will not go away means.
fn fault_of(status: StatusCode, body: &[u8]) -> WireFault {
    match (status.as_u16(), kind_of(body).as_deref()) {
        (429, _) => WireFault::RateLimited { until: None },
        (_, Some("model_not_found")) | (404, _) => WireFault::UnknownModel,
        (status @ 401..=403, _) | (status, Some("authentication_error" | "billing_error")) => {
            WireFault::Auth { status }
        }
        (status @ 500.., _) => WireFault::Unavailable { status: Some(status) },
        (status, _) => WireFault::Rejected { status },
    }
}

/// The code of an error, or its type.
fn kind_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let error = body.get("error")?;
    ["code", "type", "status"]
        .into_iter()
        .find_map(|name| error.get(name)?.as_str())
        .map(str::to_owned)
}
