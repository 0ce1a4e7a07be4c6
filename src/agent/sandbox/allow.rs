//! Which hosts may be reached, and which addresses never.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Where TLS listens; what an entry without a port means.
const HTTPS: u16 = 443;

/// Hosts and ports that may be reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowList(Vec<Allowed>);

impl AllowList {
    /// These and no others.
    pub fn new(entries: Vec<Allowed>) -> Self {
        Self(entries)
    }

    /// Whether a host, in lower case and without a trailing dot, may be reached at a port.
    pub fn allows(&self, host: &str, port: u16) -> bool {
        self.0.iter().any(|entry| entry.port == port && entry.is(host))
    }
}

/// One entry: `registry.npmjs.org`, `crates.example:8443`, `*.example.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The name, or with `wildcard` what must stand behind a dot.
    name: String,
    wildcard: bool,
    port: u16,
}

impl Allowed {
    fn is(&self, host: &str) -> bool {
        if self.wildcard {
            // At least one label before the dot: `*.example.org` is not `example.org`.
            host.strip_suffix(&self.name)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty())
        } else {
            host == self.name
        }
    }
}

/// Says why an entry is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no host: it wants a name such as `example.org`, `*.example.org` or `example.org:8443`, and no address"
)]
pub struct BadHost(String);

impl FromStr for Allowed {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        let bad = || BadHost(text.to_owned());
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| bad())?),
            None => (text, HTTPS),
        };
        let (wildcard, host) = match host.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, host),
        };
        let name = host_name(host).filter(|_| port != 0).ok_or_else(bad)?;
        // A wildcard over a whole top-level domain is a slip of the pen.
        if wildcard && !name.contains('.') || is_address(&name) {
            return Err(bad());
        }
        Ok(Self { name, wildcard, port })
    }
}

/// A host's name in the form in which names are compared; `None` if it is none.
pub(super) fn host_name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let valid = !text.is_empty()
        && text.len() <= 253
        && text
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    valid.then(|| text.to_ascii_lowercase())
}

/// Whether a host is written as an address, in any of the ways that resolvers take: `10.1`, `0x7f000001`, `[::1]`.
pub(super) fn is_address(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let number = |text: &str| {
        let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        match hex {
            Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
            None => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        }
    };
    host.starts_with('[') || host.contains(':') || number(last)
}

/// Whether an address belongs to the open Internet: not to this machine, its networks, its cloud's metadata
/// services, nor to ranges without a meaning (IANA's special-purpose registries).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        // Shared by carriers, and by one cloud's metadata service.
        || a == 100 && b & 0xc0 == 64
        || (a, b, c) == (192, 0, 0)
        || a == 198 && b & 0xfe == 18
        // Multicast, reserved, broadcast.
        || a >= 224
        // Another cloud's virtual host.
        || address == Ipv4Addr::new(168, 63, 129, 16);
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let inner = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // Addresses of IPv4 in their several wrappings: mapped, translated, tunneled.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(inner(high, low))
        }
        [0x2002, high, low, ..] => is_public_v4(inner(high, low)),
        [0x2001, 0xdb8 | 0, ..] => false,
        // Only this eighth has been given out to the Internet.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> AllowList {
        AllowList::new(
            entries
                .iter()
                .map(|entry| entry.parse().expect("a host"))
                .collect(),
        )
    }

    #[test]
    fn a_host_is_allowed_by_its_exact_name_and_port_or_by_a_suffix() {
        let list = list(&["Registry.npmjs.org", "crates.example:8443", "*.example.org"]);
        for (host, port, allowed) in [
            ("registry.npmjs.org", 443, true),
            ("registry.npmjs.org", 80, false),
            ("evil-registry.npmjs.org", 443, false),
            ("registry.npmjs.org.evil.com", 443, false),
            ("crates.example", 8443, true),
            ("crates.example", 443, false),
            ("a.example.org", 443, true),
            ("a.b.example.org", 443, true),
            ("example.org", 443, false),
            ("badexample.org", 443, false),
        ] {
            assert_eq!(list.allows(host, port), allowed, "{host}:{port}");
        }
    }

    #[test]
    fn addresses_and_nonsense_are_no_entries() {
        for text in [
            "",
            "*",
            "*.org",
            "10.0.0.1",
            "::1",
            "[::1]:80",
            "a b",
            "a:0",
            "a:x",
            "http://a.b",
            "127.1",
            "0x7f000001",
        ] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_open_internet_is_public() {
        for (address, public) in [
            ("93.184.216.34", true),
            ("2606:4700::1111", true),
            ("127.0.0.1", false),
            ("10.0.0.1", false),
            ("172.31.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.100.100.200", false),
            ("168.63.129.16", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:93.184.216.34", true),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("::7f00:1", false),
        ] {
            assert_eq!(
                is_public(address.parse().expect("an address")),
                public,
                "{address}"
            );
        }
    }
}
