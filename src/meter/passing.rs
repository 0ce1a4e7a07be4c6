//! An answer on its way to the harness: unchanged, listened to, and not for ever.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep};

use super::desk::{Desk, Open};
use super::listen::{End, Listener};
use super::purse::Reservation;
use super::record::Take;
use super::wire::{Broken, Flow};

/// The body of an answer that is passed on.
#[derive(Debug)]
pub(super) struct Passing {
    first: Option<Bytes>,
    flow: Flow,
    idle: Duration,
    /// When the last piece came.
    last: Instant,
    /// Wakes us when too much time may have passed. It is moved only when it fires, not with every piece.
    alarm: Pin<Box<Sleep>>,
    booking: Booking,
}

/// What has to be done when an answer is over, however it ends.
#[derive(Debug)]
pub(super) struct Booking {
    pub(super) desk: Arc<Desk>,
    /// The model that was asked.
    pub(super) model: String,
    pub(super) reservation: Option<Reservation>,
    /// Until what it used is booked.
    pub(super) open: Option<Open>,
    /// None when it is over, or never cost anything.
    pub(super) listener: Option<Listener>,
    pub(super) take: Option<Take>,
}

impl Booking {
    fn hear(&mut self, piece: &Bytes) {
        if let Some(listener) = &mut self.listener {
            listener.feed(piece);
        }
        if let Some(take) = &mut self.take {
            take.piece(piece.clone());
        }
    }

    fn close(&mut self, end: End) {
        if let Some(listener) = self.listener.take() {
            self.desk
                .book(&self.model, listener.end(end), self.reservation.take());
        }
        self.open = None;
        if let Some(take) = self.take.take() {
            take.end(end == End::Whole);
        }
    }
}

impl Drop for Booking {
    fn drop(&mut self) {
        self.close(End::Left);
    }
}

impl Passing {
    pub(super) fn new(first: Bytes, flow: Flow, idle: Duration, booking: Booking) -> Self {
        Self {
            first: Some(first).filter(|first| !first.is_empty()),
            flow,
            idle,
            last: Instant::now(),
            alarm: Box::pin(sleep(idle)),
            booking,
        }
    }

    /// Whether it fell silent for too long.
    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        while self.alarm.as_mut().poll(cx).is_ready() {
            let due = self.last + self.idle;
            if due <= Instant::now() {
                return true;
            }
            self.alarm.as_mut().reset(due);
        }
        false
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        let piece = match this.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => this.flow.poll_piece(cx),
        };
        match piece {
            Poll::Ready(Some(Ok(piece))) => {
                this.last = Instant::now();
                this.booking.hear(&piece);
                // A body of promised length is not asked for its end once that length was sent.
                if this.flow.is_over() {
                    this.booking.close(End::Whole);
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Poll::Ready(Some(Err(broken))) => {
                this.booking.close(End::Broken);
                Poll::Ready(Some(Err(broken)))
            }
            Poll::Ready(None) => {
                this.booking.close(End::Whole);
                Poll::Ready(None)
            }
            Poll::Pending if this.is_silent(cx) => {
                this.booking.close(End::Silent);
                Poll::Ready(Some(Err(Broken)))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
