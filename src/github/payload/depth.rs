//! How deep a JSON text is nested, found out cheaply.

/// How deep a body may be nested; real payloads stay below 12, and this is also `serde_json`'s limit.
const MAX_DEPTH: usize = 128;

/// Whether brackets are nested too deep outside of strings.
///
/// Skipped fields are not covered by the parser's own limit. Counting the brackets first is much cheaper
/// than following them, and most payloads have too few to be deep.
pub(super) fn is_too_deep(body: &[u8]) -> bool {
    openers(body) > MAX_DEPTH && depth_reaches(body, MAX_DEPTH + 1)
}

/// Counts `{` and `[`, also those within strings. Bytes are summed up in bytes, which compiles to vector
/// instructions.
fn openers(body: &[u8]) -> usize {
    // The two differ in one bit, and no other byte becomes `{` with it.
    let count = |chunk: &[u8]| {
        chunk
            .iter()
            .fold(0u8, |sum, byte| sum + u8::from(byte | 0x20 == b'{'))
    };
    body.chunks(usize::from(u8::MAX))
        .map(|chunk| usize::from(count(chunk)))
        .sum()
}

fn depth_reaches(body: &[u8], limit: usize) -> bool {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(&byte) = body.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_string(body, at),
            b'{' | b'[' => {
                depth += 1;
                if depth == limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The place behind the closing quote of a string that begins at `at`.
fn end_of_string(body: &[u8], mut at: usize) -> usize {
    while let Some(found) = body.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if body[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    body.len()
}
