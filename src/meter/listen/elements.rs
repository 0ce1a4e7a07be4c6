//! The elements of a JSON array that comes piece by piece, as Gemini streams without `alt=sse`.

use super::LARGEST;

/// Finds where elements begin and end, and keeps no more than the one under way.
#[derive(Debug, Default)]
pub(super) struct Elements {
    element: Vec<u8>,
    depth: u32,
    in_text: bool,
    escaped: bool,
    closed: bool,
    skipping: bool,
}

impl Elements {
    /// Hears the next piece, and calls with each element that is an object.
    pub(super) fn feed(&mut self, piece: &[u8], mut each: impl FnMut(&[u8])) {
        let mut from = 0;
        for (at, &byte) in piece.iter().enumerate() {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => {
                    // The array itself is depth one.
                    if self.depth == 1 {
                        from = at;
                        self.element.clear();
                        self.skipping = false;
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 1 {
                        if self.element.is_empty() {
                            each(&piece[from..=at]);
                        } else if !self.skipping {
                            self.element.extend_from_slice(&piece[from..=at]);
                            each(&self.element);
                        }
                        self.element.clear();
                        from = at + 1;
                    }
                    self.closed |= self.depth == 0;
                }
                _ => {}
            }
        }
        if self.depth > 1 && !self.skipping {
            self.skipping = self.element.len() + piece.len() > LARGEST;
            if self.skipping {
                self.element = vec![b' '];
            } else {
                self.element.extend_from_slice(&piece[from..]);
            }
        }
    }

    /// Whether the array came to its end.
    pub(super) fn closed(&self) -> bool {
        self.closed
    }
}
