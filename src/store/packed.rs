//! Bytes as they are stored: lz4 where that makes them smaller, else as they are.

use std::cell::RefCell;

use lz4_flex::block::{CompressTable, compress, compress_into_with_table, get_maximum_output_size};

use super::Error;

/// Bytes below this are packed in room that each thread keeps: nearly all deliveries are, and room for the worst
/// case, three times what is needed, would wait for the disk with each of them otherwise.
const KEEP_ROOM_BELOW: usize = 60 << 10;

/// lz4 cannot expand a block more than this many times, so a larger claim is a damaged row, not a reason to
/// allocate (a literal or match length grows by at most 255 for each byte of input).
const MAX_EXPANSION: usize = 255;

/// Bytes ready to be stored, with the length they had before.
///
/// No flag says whether they are compressed: they are exactly where the two lengths differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    /// What is stored.
    pub(super) bytes: Vec<u8>,
    /// The length of the original.
    pub(super) size: usize,
}

impl Packed {
    /// Compresses the bytes if that makes them smaller.
    pub(super) fn pack(original: &[u8]) -> Self {
        let smaller = if original.len() < KEEP_ROOM_BELOW {
            ROOM.with_borrow_mut(|room| room.squeeze(original).map(<[u8]>::to_vec))
        } else {
            let mut squeezed = compress(original);
            squeezed.shrink_to_fit();
            (squeezed.len() < original.len()).then_some(squeezed)
        };
        Self {
            bytes: smaller.unwrap_or_else(|| original.to_vec()),
            size: original.len(),
        }
    }

    /// Gives back the original.
    pub(super) fn unpack(self, what: impl FnOnce() -> String) -> Result<Vec<u8>, Error> {
        if self.bytes.len() == self.size {
            return Ok(self.bytes);
        }
        if self.bytes.len() > self.size || self.size > self.bytes.len().saturating_mul(MAX_EXPANSION) {
            return Err(Error::corrupt(what(), "its length cannot be right"));
        }
        match lz4_flex::block::decompress(&self.bytes, self.size) {
            Ok(original) if original.len() == self.size => Ok(original),
            Ok(_) => Err(Error::corrupt(what(), "it unpacks to another length")),
            Err(error) => Err(Error::corrupt(what(), error)),
        }
    }
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

/// What one thread compresses in, again and again.
#[derive(Default)]
struct Room {
    table: CompressTable,
    output: Vec<u8>,
}

impl Room {
    /// Compresses the bytes; `None` where that does not make them smaller.
    fn squeeze(&mut self, original: &[u8]) -> Option<&[u8]> {
        let most = get_maximum_output_size(original.len());
        if self.output.len() < most {
            self.output.resize(most, 0);
        }
        let length = compress_into_with_table(original, &mut self.output, &mut self.table).ok()?;
        (length < original.len()).then(|| &self.output[..length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_whether_or_not_it_shrank() {
        // Long ones between short ones, which are packed in the same room.
        let long = vec![b'x'; 100_000];
        for original in [
            &b""[..],
            b"a",
            b"abcdefgh",
            &long[..10_000],
            &long,
            b"a",
            &long[..70_000],
            b"",
        ] {
            let packed = Packed::pack(original);
            assert!(packed.bytes.len() <= original.len());
            assert_eq!(packed.unpack(String::new).unwrap(), original);
        }
    }

    #[test]
    fn an_absurd_length_is_refused_before_anything_is_allocated() {
        let packed = Packed {
            bytes: vec![1; 10],
            size: usize::MAX / 2,
        };
        assert!(
            matches!(packed.unpack(|| "row 1".to_owned()), Err(Error::Corrupt { what, .. }) if what == "row 1")
        );
    }

    #[test]
    fn damaged_bytes_are_noticed() {
        let mut packed = Packed::pack(&[b'x'; 10_000]);
        packed.bytes.truncate(3);
        assert!(packed.unpack(String::new).is_err());
    }
}
