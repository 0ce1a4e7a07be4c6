//! The framing of a body that comes in chunks (RFC 9112, section 7.1).

use super::Broken;

/// The longest line of a chunk's size, extensions included.
const LONGEST_SIZE: u32 = 4096;

/// All trailers together may have that many bytes.
const LONGEST_TRAILERS: u32 = 64 * 1024;

/// Takes the framing off, whatever pieces it comes in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunks {
    at: At,
    /// Bytes of the line, or of the trailers, so far.
    seen: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the digits of a size.
    Size { size: u64, digits: u8 },
    /// After the digits, before the line's end.
    Extension { size: u64 },
    /// Before the line feed of a size's line.
    SizeEnd { size: u64 },
    /// In the data.
    Data { left: u64 },
    /// After the data.
    DataEnd,
    /// Before the line feed after the data.
    DataLine,
    /// At the beginning of a line of trailers.
    Trailer,
    /// Within a line of trailers.
    InTrailer,
    /// Before the last line feed.
    Last,
    /// Behind everything.
    End,
}

const FRESH: At = At::Size { size: 0, digits: 0 };

impl Chunks {
    pub(super) fn new() -> Self {
        Self { at: FRESH, seen: 0 }
    }

    /// Whether the last chunk has come.
    pub(super) fn is_over(&self) -> bool {
        self.at == At::End
    }

    /// Moves the data in `bytes` together at their beginning; says how many bytes that are, and how many were read.
    /// All are, unless the body ends among them.
    pub(super) fn strip(&mut self, bytes: &mut [u8]) -> Result<(usize, usize), Broken> {
        let (mut from, mut to) = (0, 0);
        while let Some(&byte) = bytes.get(from) {
            self.at = match self.at {
                At::Data { left } => {
                    let there = bytes.len() - from;
                    let taken = usize::try_from(left).map_or(there, |left| left.min(there));
                    if from != to {
                        bytes.copy_within(from..from + taken, to);
                    }
                    to += taken;
                    from += taken;
                    match left - taken as u64 {
                        0 => At::DataEnd,
                        left => At::Data { left },
                    }
                }
                At::End => break,
                at => {
                    // Nearly always the whole line is there, and is nothing but a size.
                    if self.seen == 0
                        && at == FRESH
                        && let Some((size, length)) = size_line(&bytes[from..])
                    {
                        from += length;
                        self.at = At::Data { left: size };
                        continue;
                    }
                    if at == At::DataEnd && bytes[from..].starts_with(b"\r\n") {
                        from += 2;
                        self.at = FRESH;
                        continue;
                    }
                    from += 1;
                    self.seen += 1;
                    self.step(at, byte)?
                }
            };
        }
        Ok((to, from))
    }

    /// What follows a byte of the framing.
    fn step(&mut self, at: At, byte: u8) -> Result<At, Broken> {
        let most = match at {
            At::Trailer | At::InTrailer | At::Last => LONGEST_TRAILERS,
            _ => LONGEST_SIZE,
        };
        if self.seen > most {
            return Err(Broken);
        }
        Ok(match (at, byte) {
            (At::Size { size, digits }, _) if byte.is_ascii_hexdigit() && digits < 16 => {
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    _ => (byte | 0x20) - b'a' + 10,
                };
                At::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                }
            }
            (At::Size { size, digits: 1.. } | At::Extension { size }, b'\r') => At::SizeEnd { size },
            (At::Size { size, digits: 1.. }, b';' | b' ' | b'\t') => At::Extension { size },
            (At::Extension { size }, _) if byte != b'\n' => At::Extension { size },
            (At::SizeEnd { size }, b'\n') => {
                self.seen = 0;
                match size {
                    0 => At::Trailer,
                    left => At::Data { left },
                }
            }
            (At::DataEnd, b'\r') => At::DataLine,
            (At::DataLine, b'\n') => {
                self.seen = 0;
                FRESH
            }
            (At::Trailer, b'\r') => At::Last,
            (At::InTrailer, b'\n') => At::Trailer,
            (At::Trailer | At::InTrailer, _) => At::InTrailer,
            (At::Last, b'\n') => At::End,
            _ => return Err(Broken),
        })
    }
}

/// The size of a chunk with data, and the length of its line, if the line is there and has up to five plain digits.
fn size_line(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut size = 0;
    for (digits, &byte) in bytes.iter().take(6).enumerate() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if size > 0 && bytes.get(digits + 1) == Some(&b'\n') => return Some((size, digits + 2)),
            _ => return None,
        };
        size = size << 4 | u64::from(digit);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMED: &str = "5\r\nhello\r\n1;name=\"value\"\r\n \r\n0000C \r\nworld\r\n0\r\n\r\n\r\n\
                          a\r\n and so on\r\n0\r\nx: y\r\nz:\r\n\r\n";
    const BARE: &str = "hello world\r\n0\r\n\r\n and so on";

    fn stripped(framed: &str, piece: usize) -> Result<(String, bool), Broken> {
        let mut chunks = Chunks::new();
        let mut bare = Vec::new();
        for piece in framed.as_bytes().chunks(piece) {
            let mut piece = piece.to_vec();
            let (kept, _) = chunks.strip(&mut piece)?;
            bare.extend_from_slice(&piece[..kept]);
        }
        Ok((String::from_utf8(bare).expect("text"), chunks.is_over()))
    }

    #[test]
    fn the_framing_is_taken_off_wherever_a_piece_ends() {
        for piece in 1..=FRAMED.len() {
            assert_eq!(stripped(FRAMED, piece), Ok((BARE.to_owned(), true)), "{piece}");
        }
    }

    #[test]
    fn what_follows_the_body_is_not_read() {
        let mut bytes = b"1\r\na\r\n0\r\n\r\nHTTP/1.1".to_vec();
        let (kept, read) = Chunks::new().strip(&mut bytes).expect("chunks");
        assert_eq!((kept, read), (1, bytes.len() - "HTTP/1.1".len()));
    }

    #[test]
    fn a_body_without_its_last_chunk_is_not_over() {
        let all_but_the_last_byte = &FRAMED[..FRAMED.len() - 1];
        assert_eq!(stripped(all_but_the_last_byte, 7), Ok((BARE.to_owned(), false)));
    }

    #[test]
    fn wrong_framing_is_an_end() {
        for framed in [
            "\r\n",
            "x\r\n",
            "-1\r\na\r\n",
            "0x1\r\na\r\n",
            "1\na\r\n",
            "1\r\nab\r\n",
            "11112222333344445\r\n",
            "1;\n\r\na",
            "1\r\na\n",
            "0\r\n\rx",
        ] {
            assert_eq!(stripped(framed, 3), Err(Broken), "{framed:?}");
        }
        let endless = "1;".to_owned() + &"x".repeat(5000);
        assert_eq!(stripped(&endless, 100), Err(Broken));
    }
}
