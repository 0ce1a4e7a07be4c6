//! Sends an answer: whole, or event by event, to its end or to where a fault ends it.

use std::convert::Infallible;
use std::io;

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use bytes::Bytes;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::reply::Frame;

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// After its last event.
    Whole,
    /// In its middle, with the connection.
    Cut,
    /// In its middle, and the connection stays open.
    Stall,
}

/// What is done once a stream has been handed over to its last byte.
pub(super) type Told = Box<dyn FnOnce() + Send>;

/// An answer in server-sent events.
pub(super) fn events(
    frames: &[Frame],
    end: End,
    stop: CancellationToken,
    told: Option<Told>,
) -> Response<Body> {
    let kept = match end {
        End::Whole => frames.len(),
        End::Cut | End::Stall => (frames.len() / 2).max(1),
    };
    let mut pieces: Vec<Piece> = frames[..kept]
        .iter()
        .map(|frame| Piece::Bytes(Bytes::from(frame.text())))
        .collect();
    match end {
        End::Whole => {
            if let Some(told) = told {
                // Counted before the last bytes leave: whoever has read them finds them counted.
                let last = pieces.len().saturating_sub(1);
                pieces.insert(last, Piece::Told(told));
            }
        }
        End::Cut => pieces.push(Piece::Cut),
        End::Stall => pieces.push(Piece::Stall(stop)),
    }
    let body = stream::unfold(pieces.into_iter(), |mut rest| async move {
        loop {
            return match rest.next()? {
                Piece::Bytes(bytes) => Some((Ok(bytes), rest)),
                Piece::Told(told) => {
                    told();
                    continue;
                }
                Piece::Cut => {
                    // A pause lets what was said before leave.
                    tokio::task::yield_now().await;
                    Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), rest))
                }
                Piece::Stall(stop) => {
                    stop.cancelled().await;
                    Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), rest))
                }
            };
        }
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The events as one JSON array, which is how Gemini streams to those who do not ask for events.
pub(super) fn array(frames: &[Frame]) -> Response<Body> {
    let all: Vec<&str> = frames.iter().map(|frame| frame.data.as_str()).collect();
    let pieces = [format!("[{}", all.first().unwrap_or(&""))]
        .into_iter()
        .chain(all.iter().skip(1).map(|data| format!(",\r\n{data}")))
        .chain(["]".to_owned()])
        .map(|text| Ok::<_, Infallible>(Bytes::from(text)))
        .collect::<Vec<_>>();
    let mut response = Response::new(Body::from_stream(stream::iter(pieces)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

enum Piece {
    Bytes(Bytes),
    Told(Told),
    Cut,
    Stall(CancellationToken),
}
