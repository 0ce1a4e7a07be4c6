//! The body of an answer as it comes from the connection.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;

use super::chunks::Chunks;
use super::pool::Home;
use super::{Broken, Line};

/// Room for a read where little comes: more than a model says in a second.
pub(super) const LEAST_ROOM: usize = 4 * 1024;

/// Room for a read where much comes.
const MOST_ROOM: usize = 64 * 1024;

/// A body that is being read.
#[derive(Debug)]
pub(in crate::meter) struct Body {
    /// None when it is over.
    line: Option<Line>,
    /// Where the connection goes, if it can be used again.
    home: Option<Home>,
    framing: Framing,
    /// What was read and not passed on.
    buffer: BytesMut,
    /// How much the next read may bring.
    room: usize,
}

/// How it is known where a body ends.
#[derive(Debug)]
pub(super) enum Framing {
    /// It has that many more bytes.
    Length(u64),
    /// It says so itself.
    Chunks(Chunks),
    /// The connection ends with it.
    Close,
}

impl Framing {
    /// Takes the framing off the bytes; says how many are left and how many were read.
    fn strip(&mut self, bytes: &mut [u8]) -> Result<(usize, usize), Broken> {
        match self {
            Self::Length(left) => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                Ok((taken, taken))
            }
            Self::Chunks(chunks) => chunks.strip(bytes),
            Self::Close => Ok((bytes.len(), bytes.len())),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunks(chunks) => chunks.is_over(),
            Self::Close => false,
        }
    }
}

impl Body {
    /// The body on a connection from which `buffer` was read after the head.
    pub(super) fn new(line: Line, home: Option<Home>, framing: Framing, buffer: BytesMut) -> Self {
        Self {
            line: Some(line),
            home,
            framing,
            buffer,
            room: LEAST_ROOM,
        }
    }

    /// Whether all that was promised was handed on.
    pub(super) fn is_over(&self) -> bool {
        self.buffer.is_empty() && self.framing.is_over()
    }

    /// The next piece that is not empty: as much as is there.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            if self.framing.is_over() {
                self.part();
                return Poll::Ready(None);
            }
            if !self.buffer.is_empty() {
                let Ok((kept, read)) = self.framing.strip(&mut self.buffer) else {
                    self.line = None;
                    return Poll::Ready(Some(Err(Broken)));
                };
                let mut piece = self.buffer.split_to(read);
                piece.truncate(kept);
                if kept > 0 {
                    return Poll::Ready(Some(Ok(piece.freeze())));
                }
                continue;
            }
            let Some(line) = &mut self.line else {
                return Poll::Ready(None);
            };
            // The buffer takes its old place again if what was read into it has been passed on by now.
            self.buffer.reserve(self.room);
            match ready!(pin!(line.read_buf(&mut self.buffer)).poll(cx)) {
                Ok(0) => {
                    self.line = None;
                    let whole = matches!(self.framing, Framing::Close);
                    return Poll::Ready((!whole).then_some(Err(Broken)));
                }
                Ok(read) => self.make_room(read),
                Err(_) => {
                    self.line = None;
                    return Poll::Ready(Some(Err(Broken)));
                }
            }
        }
    }

    /// Asks for more next time where all the room was used, and for less where hardly any was.
    fn make_room(&mut self, read: usize) {
        if read >= self.room {
            self.room = (self.room * 2).min(MOST_ROOM);
        } else if read < self.room / 8 {
            self.room = (self.room / 2).max(LEAST_ROOM);
        }
    }

    /// Lets the connection go; what came behind the body makes it useless.
    fn part(&mut self) {
        if let (Some(line), Some(home)) = (self.line.take(), self.home.take())
            && self.buffer.is_empty()
        {
            home.keep(line);
        }
    }
}
