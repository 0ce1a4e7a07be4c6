//! Texts into values, each with the reason why it is none.

use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use super::settings::Sandbox;
use crate::agent::sandbox::Allowed;
use crate::ledger::{Millionths, Rate};
use crate::model::MicroUsd;

/// The longest duration that can be asked for: ten years, so that no sum with it overflows.
const LONGEST: Duration = Duration::from_hours(24 * 3660);

/// Reads `500ms`, `120s`, `10m`, `2h` or `14d`; never zero.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it wants a whole number with a unit, such as `120s`, `10m`, `2h` or `14d`".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    match number.checked_mul(unit).map(Duration::from_millis) {
        Some(Duration::ZERO) => Err("it must be longer than nothing".to_owned()),
        Some(duration) if duration <= LONGEST => Ok(duration),
        _ => Err("it is longer than ten years".to_owned()),
    }
}

/// Reads a pause, which may be none at all.
pub(super) fn pause(text: &str) -> Result<Duration, String> {
    if text.trim_end_matches(['m', 's', 'h', 'd']) == "0" {
        Ok(Duration::ZERO)
    } else {
        duration(text)
    }
}

/// Reads the name of an environment variable that agents may see. Ours are not for them.
pub(super) fn variable(text: &str) -> Result<String, String> {
    let word = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !word {
        return Err("it wants the name of an environment variable".to_owned());
    }
    if text.starts_with("FOOTPLATE_") {
        return Err("variables of Footplate's own hold secrets and are never passed on".to_owned());
    }
    Ok(text.to_owned())
}

/// Writes a duration as people write it in the file.
pub(super) fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    for (unit, name) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        if ms.is_multiple_of(unit) {
            return format!("{}{name}", ms / unit);
        }
    }
    format!("{ms}ms")
}

/// Reads an amount in US dollars.
pub(super) fn dollars(text: &str) -> Result<MicroUsd, String> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain
        .then(|| text.parse().ok().and_then(MicroUsd::from_dollars))
        .flatten()
        .ok_or_else(|| "it wants an amount in US dollars, such as `5` or `0.50`".to_owned())
}

/// Reads the price of a million tokens in US dollars.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    Rate::from_dollars(text)
        .ok_or_else(|| "it wants US dollars for a million tokens, such as `4` or `0.95`".to_owned())
}

/// Reads a share such as `80%` or `12.5%`, of at most the whole.
pub(super) fn share(text: &str) -> Result<Millionths, String> {
    let wrong = || "it wants a share from `0%` to `100%`".to_owned();
    let number = text.strip_suffix('%').ok_or_else(wrong)?;
    let (whole, places) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || places.len() > 4 || !digits(whole) || !digits(places) {
        return Err(wrong());
    }
    let share = format!("{whole}{places:0<4}").parse().map_err(|_| wrong())?;
    (share <= crate::ledger::WHOLE).then_some(share).ok_or_else(wrong)
}

/// Reads a day such as `2026-11-22`.
pub(super) fn day(text: &str) -> Result<String, String> {
    text.parse::<jiff::civil::Date>()
        .ok()
        .filter(|day| day.to_string() == text)
        .map(|day| day.to_string())
        .ok_or_else(|| "it wants a day such as `2026-11-22`".to_owned())
}

/// Says whether a text can be the name of a harness or provider.
pub(super) fn is_word(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 40
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// Reads a count of at least 1.
pub(super) fn count(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| "it wants a whole number from 1".to_owned())
}

/// Reads an id of GitHub.
pub(super) fn id(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| "it wants the number that GitHub shows".to_owned())
}

/// Reads `true` or `false`.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "it wants `true` or `false`".to_owned())
}

/// Reads an address to listen at.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "it wants an IP address and a port, such as `127.0.0.1:3000`".to_owned())
}

/// Reads the base of a service's addresses.
pub(super) fn base(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|_| "it wants an address such as `https://api.github.com`".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("it wants an address that begins with `https://` or `http://`".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not hold a name or a password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it must not hold `?` or `#`".to_owned());
    }
    Ok(url)
}

/// Reads a label's name.
pub(super) fn label(text: &str) -> Result<String, String> {
    // GitHub allows 50 characters: https://docs.github.com/rest/issues/labels
    let fits = !text.trim().is_empty() && text.chars().count() <= 50 && !text.contains([',', '\n']);
    fits.then(|| text.to_owned())
        .ok_or_else(|| "it wants 1 to 50 characters without commas".to_owned())
}

/// Reads any text that is not empty.
pub(super) fn text(text: &str) -> Result<String, String> {
    (!text.trim().is_empty())
        .then(|| text.to_owned())
        .ok_or_else(|| "it is empty".to_owned())
}

/// A host that children may reach.
pub(super) fn host(text: &str) -> Result<Allowed, String> {
    text.parse::<Allowed>().map_err(|error| error.to_string())
}

/// A sandbox.
pub(super) fn sandbox(text: &str) -> Result<Sandbox, String> {
    match text {
        "auto" => Ok(Sandbox::Auto),
        "bubblewrap" => Ok(Sandbox::Bubblewrap),
        "landlock" => Ok(Sandbox::Landlock),
        "none" => Ok(Sandbox::None),
        _ => Err("it wants `auto`, `bubblewrap`, `landlock` or `none`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown_in_the_same_words() {
        for text in ["500ms", "90s", "10m", "2h", "14d"] {
            assert_eq!(show_duration(duration(text).unwrap()), text);
        }
        assert_eq!(duration("120s").unwrap(), Duration::from_mins(2));
        for bad in [
            "",
            "10",
            "m",
            "1.5h",
            "-1s",
            "10 m",
            "0s",
            "99999999999d",
            "18446744073709551616s",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn dollars_are_plain_decimals() {
        assert_eq!(dollars("0.50").unwrap(), MicroUsd(500_000));
        for bad in ["", "-1", "1e3", "NaN", "inf", "1.2.3", "$5"] {
            assert!(dollars(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_are_percent_of_the_whole() {
        for (text, wanted) in [
            ("80%", 800_000),
            ("12.5%", 125_000),
            ("0%", 0),
            ("100%", 1_000_000),
        ] {
            assert_eq!(share(text).unwrap(), wanted, "{text}");
        }
        for bad in ["", "80", "%", "101%", "-1%", "1.23456%", "1e1%", ".5%"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn days_are_days() {
        assert!(day("2026-11-22").is_ok());
        for bad in ["", "2026-11-31", "22.11.2026", "2026-11-22T00:00:00"] {
            assert!(day(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_base_carries_no_password_and_no_query() {
        assert!(base("http://127.0.0.1:8080/api/v3").is_ok());
        for bad in [
            "github.com",
            "ftp://x",
            "https://me:pw@host",
            "https://host/?x",
            "file:///x",
        ] {
            assert!(base(bad).is_err(), "{bad}");
        }
    }
}
