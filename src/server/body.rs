//! Bodies of webhook calls, which take bounded memory together.
//!
//! A body has to be read to its end before its signature can be checked, so that anybody who reaches the port can
//! make us hold bytes. They are counted as they come, over all calls, and a call for whose bytes there is no room is
//! refused at once: GitHub keeps a delivery that was refused, and it is asked for again.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::room::{NoRoom, Room, Share};

/// What is held at most: five deliveries of the largest kind, or some thousands of the usual.
pub(super) const ROOM: usize = 128 * 1024 * 1024;

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

impl Held {
    /// Reads a body of at most so many bytes.
    pub(super) async fn read(mut body: Body, most: usize, room: &Room) -> Result<Self, Unread> {
        let mut share = room.share();
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|_| Unread::Broken)?.into_data() else {
                continue;
            };
            if share.taken() + piece.len() > most {
                return Err(Unread::TooLarge);
            }
            share.grow(piece.len()).map_err(|NoRoom| Unread::NoRoom)?;
            // Most bodies come in one piece, which is then not copied.
            if share.taken() == piece.len() {
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
        Ok(Self { bytes, _share: share })
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
        let room = Room::of(3);
        for pieces in [
            &[][..],
            &["abc"],
            &["a", "", "bc"],
            &["", "ab", "c"],
            &["a", "b", "c"],
        ] {
            let held = Held::read(body(pieces), 3, &room).await.unwrap();
            assert_eq!(held.bytes, pieces.concat(), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn a_body_is_refused_beyond_its_own_bound_and_beyond_that_of_all() {
        let room = Room::of(10);
        let read = |pieces: &[&'static str]| Held::read(body(pieces), 8, &room);
        assert_eq!(read(&["12345678", "9"]).await.unwrap_err(), Unread::TooLarge);
        let first = read(&["1234", "5678"]).await.unwrap();
        assert_eq!(read(&["ab", "c"]).await.unwrap_err(), Unread::NoRoom);
        let second = read(&["ab"]).await.unwrap();
        assert_eq!(room.left(), 0);
        drop((first, second));
        assert_eq!(room.left(), 10);
    }
}
