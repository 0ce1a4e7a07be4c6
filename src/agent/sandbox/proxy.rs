//! What a client asks of the proxy, read and checked before anything else happens.

use super::Refusal;
use super::allow::{host_name, is_address};

/// A request's first part: its line and its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// The name of the host.
    pub(super) host: String,
    pub(super) port: u16,
    /// What goes to the host in place of what the client sent; none where it wants a tunnel.
    pub(super) forward: Option<Vec<u8>>,
}

/// Reads a request's head, up to and with its empty line.
///
/// # Errors
/// It is not a request of a proxy, or names an address.
pub(super) fn parse(head: &[u8]) -> Result<Request, (Refusal, String)> {
    let malformed = || (Refusal::Malformed, String::new());
    let text = std::str::from_utf8(head).map_err(|_| malformed())?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version @ ("HTTP/1.1" | "HTTP/1.0")), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(malformed());
    };
    if method == "CONNECT" {
        let (host, port) = authority(target, None)?;
        return Ok(Request {
            host,
            port,
            forward: None,
        });
    }
    let rest = target.strip_prefix("http://").ok_or_else(malformed)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (name, path) = rest.split_at(end);
    let (host, port) = authority(name, Some(80))?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    // The host is told whom the client asked the proxy for, whatever else the client claims, and one request only.
    let mut forward = format!("{method} {slash}{path} {version}\r\nHost: {name}\r\nConnection: close\r\n");
    for line in lines.filter(|line| !line.is_empty()) {
        let (header, _) = line.split_once(':').ok_or_else(malformed)?;
        let header = header.to_ascii_lowercase();
        if header.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(malformed());
        }
        if !matches!(header.as_str(), "host" | "connection" | "keep-alive" | "upgrade")
            && !header.starts_with("proxy-")
        {
            forward.push_str(line);
            forward.push_str("\r\n");
        }
    }
    forward.push_str("\r\n");
    Ok(Request {
        host,
        port,
        forward: Some(forward.into_bytes()),
    })
}

fn authority(text: &str, default: Option<u16>) -> Result<(String, u16), (Refusal, String)> {
    let malformed = || (Refusal::Malformed, String::new());
    let (host, port) = match text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((host, port)) => (host, port.parse().map_err(|_| malformed())?),
        None => (text, default.ok_or_else(malformed)?),
    };
    if is_address(host) {
        return Err((Refusal::Address, format!("{host}:{port}")));
    }
    Ok((host_name(host).ok_or_else(malformed)?, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_and_plain_requests_are_read_and_rewritten() {
        let tunnel = parse(b"CONNECT Example.org:443 HTTP/1.1\r\nHost: other\r\n\r\n").expect("a tunnel");
        assert_eq!(
            (tunnel.host.as_str(), tunnel.port, tunnel.forward),
            ("example.org", 443, None)
        );
        let plain = parse(b"GET http://example.org/a?b HTTP/1.1\r\nHost: evil.org\r\nProxy-Authorization: x\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n");
        let plain = plain.expect("a request");
        assert_eq!((plain.host.as_str(), plain.port), ("example.org", 80));
        assert_eq!(
            String::from_utf8(plain.forward.expect("it is forwarded")).expect("text"),
            "GET /a?b HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\nAccept: */*\r\n\r\n"
        );
    }

    #[test]
    fn addresses_and_nonsense_are_refused() {
        for (text, why) in [
            ("CONNECT 127.0.0.1:443 HTTP/1.1", Refusal::Address),
            ("CONNECT [::1]:443 HTTP/1.1", Refusal::Address),
            ("CONNECT 2130706433:443 HTTP/1.1", Refusal::Address),
            ("GET http://0x7f.1/ HTTP/1.1", Refusal::Address),
            ("CONNECT example.org HTTP/1.1", Refusal::Malformed),
            ("CONNECT a@b:443 HTTP/1.1", Refusal::Malformed),
            ("GET / HTTP/1.1", Refusal::Malformed),
            ("GET http://user@example.org/ HTTP/1.1", Refusal::Malformed),
            ("GET http://example.org/ HTTP/1.1 x", Refusal::Malformed),
            ("GET ftp://example.org/ HTTP/1.1", Refusal::Malformed),
        ] {
            let refused = parse(format!("{text}\r\n\r\n").as_bytes()).expect_err(text);
            assert_eq!(refused.0, why, "{text}");
        }
    }
}
