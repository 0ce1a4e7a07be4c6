//! The memory that bodies of webhook calls may take together.
//!
//! A body has to be read to its end before its signature can be checked, so that anybody who reaches the port can
//! make us hold bytes. They are counted as they come, over all calls, and a call for whose bytes there is no room is
//! refused at once: GitHub keeps a delivery that was refused, and it is asked for again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

/// What is held at most: five deliveries of the largest kind, or some thousands of the usual.
const ROOM: usize = 128 * 1024 * 1024;

/// Room for bodies.
#[derive(Debug)]
pub struct Room {
    left: Arc<AtomicUsize>,
}

impl Default for Room {
    fn default() -> Self {
        Self::of(ROOM)
    }
}

/// A body, or as much of one as has come, and the room that it takes until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    _share: Share,
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is larger than one may be.
    TooLarge,
    /// All bodies together would be.
    NoRoom,
    /// Its connection broke.
    Broken,
}

impl Room {
    /// Room for so many bytes.
    pub fn of(bytes: usize) -> Self {
        Self {
            left: Arc::new(AtomicUsize::new(bytes)),
        }
    }

    /// Reads a body of at most so many bytes.
    pub(super) async fn read(&self, mut body: Body, most: usize) -> Result<Held, Unread> {
        let mut share = Share {
            left: Arc::clone(&self.left),
            taken: 0,
        };
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|_| Unread::Broken)?.into_data() else {
                continue;
            };
            if share.taken + piece.len() > most {
                return Err(Unread::TooLarge);
            }
            share.grow(piece.len())?;
            // Most bodies come in one piece, which is then not copied.
            if share.taken == piece.len() {
                first = piece;
            } else {
                if all.is_empty() {
                    all.extend_from_slice(&first);
                    first = Bytes::new();
                }
                all.extend_from_slice(&piece);
            }
        }
        let bytes = if all.is_empty() { first } else { all.freeze() };
        Ok(Held { bytes, _share: share })
    }
}

/// A part of the room, given back when dropped.
#[derive(Debug)]
struct Share {
    left: Arc<AtomicUsize>,
    taken: usize,
}

impl Share {
    fn grow(&mut self, by: usize) -> Result<(), Unread> {
        let less = |left: usize| left.checked_sub(by);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .map_err(|_| Unread::NoRoom)?;
        self.taken += by;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.left.fetch_add(self.taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body that comes in these pieces.
    fn body(pieces: &[&'static str]) -> Body {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes())))
            .collect();
        Body::from_stream(futures_util::stream::iter(pieces))
    }

    #[tokio::test]
    async fn bodies_are_read_whole_in_however_many_pieces_they_come() {
        let room = Room::default();
        for pieces in [
            &[][..],
            &["abc"],
            &["a", "", "bc"],
            &["", "ab", "c"],
            &["a", "b", "c"],
        ] {
            let held = room.read(body(pieces), 3).await.unwrap();
            assert_eq!(held.bytes, pieces.concat(), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn all_bodies_together_take_no_more_than_the_room_and_give_it_back() {
        let room = Room::of(10);
        let first = room.read(body(&["1234", "5678"]), 8).await.unwrap();
        let refused = room.read(body(&["ab", "c"]), 8).await.unwrap_err();
        assert_eq!(refused, Unread::NoRoom);
        let second = room.read(body(&["ab"]), 8).await.unwrap();
        drop(first);
        let third = room.read(body(&["12345678"]), 8).await.unwrap();
        assert_eq!(room.read(body(&["!"]), 8).await.unwrap_err(), Unread::NoRoom);
        drop((second, third));
        assert_eq!(room.left.load(Ordering::Relaxed), 10);
    }

    #[tokio::test]
    async fn a_body_beyond_the_largest_is_refused_as_such() {
        let room = Room::of(10);
        let refused = room.read(body(&["1234", "5"]), 4).await.unwrap_err();
        assert_eq!(refused, Unread::TooLarge);
        assert_eq!(room.left.load(Ordering::Relaxed), 10);
    }
}
