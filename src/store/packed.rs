//! Bytes as they are stored: lz4 where that makes them smaller, else as they are.

use super::Error;

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
        let squeezed = lz4_flex::block::compress(original);
        let bytes = if squeezed.len() < original.len() {
            squeezed
        } else {
            original.to_vec()
        };
        Self {
            bytes,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_whether_or_not_it_shrank() {
        for original in [&b""[..], b"a", b"abcdefgh", &[b'x'; 10_000]] {
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
