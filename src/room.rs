//! Memory that strangers may make us hold: bytes are counted as they come, and refused beyond a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for so many bytes.
#[derive(Debug, Clone)]
pub struct Room(Arc<AtomicUsize>);

/// Says that there is no room left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much is held here at the same time")]
pub struct NoRoom;

impl Room {
    /// Room for so many bytes.
    pub fn of(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// A share in it, of nothing yet.
    pub fn share(&self) -> Share {
        Share {
            room: self.clone(),
            taken: 0,
        }
    }

    /// How many bytes are free.
    pub fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A part of a room, given back when dropped.
#[derive(Debug)]
#[must_use = "what is not kept goes back at once"]
pub struct Share {
    room: Room,
    taken: usize,
}

impl Share {
    /// Takes so many bytes more.
    ///
    /// # Errors
    /// There is no room for them; the share stays as it is.
    pub fn grow(&mut self, by: usize) -> Result<(), NoRoom> {
        let less = |left: usize| left.checked_sub(by);
        self.room
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .map_err(|_| NoRoom)?;
        self.taken += by;
        Ok(())
    }

    /// How many bytes it has.
    pub fn taken(&self) -> usize {
        self.taken
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shares_together_take_no_more_than_the_room_and_give_it_back() {
        let room = Room::of(10);
        let (mut first, mut second) = (room.share(), room.share());
        first.grow(4).unwrap();
        first.grow(4).unwrap();
        assert_eq!(second.grow(3), Err(NoRoom));
        second.grow(2).unwrap();
        assert_eq!((first.taken(), second.taken(), room.left()), (8, 2, 0));
        drop(first);
        second.grow(8).unwrap();
        drop(second);
        assert_eq!(room.left(), 10);
    }
}
