//! When two names mean the same model.

use std::collections::BTreeSet;

/// Whether a model that calls itself `served` is the one that was asked for as `asked`, or one of `also`.
///
/// Providers answer with a dated name (`-20261001`, `-2026-10-01`, `-001`), and routers put a vendor before it.
pub(super) fn same(asked: &str, served: &str, also: &BTreeSet<String>) -> bool {
    let served = plain(served);
    plain(asked) == served
        || also.iter().any(|name| match name.strip_suffix('*') {
            Some(beginning) => served.starts_with(&last_part(beginning).to_ascii_lowercase()),
            None => plain(name) == served,
        })
}

/// The name without vendor, date and `-latest`, in lower case.
fn plain(name: &str) -> String {
    let mut name = last_part(name.trim()).to_ascii_lowercase();
    // `:free` and the like choose among servers of one model; what stands before is the model.
    if let Some(end) = name
        .find(':')
        .filter(|&at| name[at..] == *":free" || name[at..] == *":nitro")
    {
        name.truncate(end);
    }
    loop {
        let shorter = undated(&name).len();
        if shorter == name.len() || shorter == 0 {
            return name;
        }
        name.truncate(shorter);
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

fn undated(name: &str) -> &str {
    if let Some(stem) = name.strip_suffix("-latest") {
        return stem;
    }
    // -2026-10-01
    let bytes = name.as_bytes();
    if let Some(at) = bytes.len().checked_sub(11) {
        let shape = |i: usize, b: u8| match i {
            0 | 5 | 8 => b == b'-',
            _ => b.is_ascii_digit(),
        };
        if bytes[at..].iter().enumerate().all(|(i, &b)| shape(i, b)) {
            return &name[..at];
        }
    }
    if let Some((stem, tail)) = name.rsplit_once(['-', '@'])
        && tail.bytes().all(|b| b.is_ascii_digit())
        && (tail.len() == 8 || (tail.len() == 3 && tail.starts_with('0')))
    {
        return stem;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_vendors_and_latest_do_not_make_another_model() {
        let none = BTreeSet::new();
        for (asked, served) in [
            ("claude-opus-5-5", "claude-opus-5-5-20261001"),
            ("claude-opus-5-5-20261001", "claude-opus-5-5"),
            ("gpt-5.5", "gpt-5.5-2026-10-01"),
            ("kimi-k2.6", "moonshotai/Kimi-K2.6"),
            ("models/gemini-3.5-flash", "gemini-3.5-flash"),
            ("gemini-3.5-flash", "gemini-3.5-flash-001"),
            ("claude-opus-5-5-latest", "claude-opus-5-5"),
            ("claude-opus-5-5@20261001", "claude-opus-5-5"),
            ("qwen/qwen3.6:free", "qwen3.6"),
        ] {
            assert!(same(asked, served, &none), "{asked} {served}");
        }
    }

    #[test]
    fn another_version_or_size_is_another_model() {
        let none = BTreeSet::new();
        for (asked, served) in [
            ("gemini-3.5-flash", "gemini-3.8-flash"),
            ("claude-opus-5-5", "claude-sonnet-5-5"),
            ("gpt-5.5", "gpt-5.5-mini"),
            ("qwen3.6:32b", "qwen3.6:8b"),
            ("kimi-k2.6", ""),
        ] {
            assert!(!same(asked, served, &none), "{asked} {served}");
        }
    }

    #[test]
    fn further_names_count_and_a_star_is_a_beginning() {
        let also = BTreeSet::from(["deepseek-v4-pro".to_owned(), "vendor/glm-5*".to_owned()]);
        assert!(same("claude-opus-5-5", "deepseek-v4-pro-20261001", &also));
        assert!(same("glm", "glm-5.1-air", &also));
        assert!(!same("glm", "glm-4.7", &also));
    }
}
