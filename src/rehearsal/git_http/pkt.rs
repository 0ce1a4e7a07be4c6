//! Git's packet lines.

/// The end of a section.
pub(super) const FLUSH: &[u8] = b"0000";
/// The most that one packet of a side band carries.
const BAND: usize = 65_515;

/// Appends one packet.
pub(super) fn push(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(format!("{:04x}", data.len() + 4).as_bytes());
    out.extend_from_slice(data);
}

/// Appends data on a band: 1 for the answer, 2 for words to people.
pub(super) fn push_band(out: &mut Vec<u8>, band: u8, data: &[u8]) {
    for chunk in data.chunks(BAND) {
        let mut packet = Vec::with_capacity(chunk.len() + 1);
        packet.push(band);
        packet.extend_from_slice(chunk);
        push(out, &packet);
    }
}

/// Reads packets up to the first flush; returns them and where the rest begins. `None` if malformed.
pub(super) fn section(bytes: &[u8]) -> Option<(Vec<&[u8]>, usize)> {
    let mut packets = Vec::new();
    let mut at = 0;
    loop {
        let digits = std::str::from_utf8(bytes.get(at..at + 4)?).ok()?;
        let length = usize::from_str_radix(digits, 16).ok()?;
        if length == 0 {
            return Some((packets, at + 4));
        }
        if length < 4 {
            return None;
        }
        packets.push(bytes.get(at + 4..at + length)?);
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_cut_packet_is_refused() {
        let mut out = Vec::new();
        push(&mut out, b"one");
        push(&mut out, b"");
        out.extend_from_slice(FLUSH);
        out.extend_from_slice(b"PACK");
        assert_eq!(section(&out), Some((vec![&b"one"[..], &b""[..]], out.len() - 4)));
        assert_eq!(section(&out[..5]), None);
        assert_eq!(section(b"0002"), None);
    }
}
