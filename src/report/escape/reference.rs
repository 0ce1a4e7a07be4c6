//! Words that GitHub acts upon: mentions, issue references, links to issues, commands.

/// Whether a character may belong to such a word.
pub(super) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || "@#/.-_:+%=?".contains(c)
}

/// Whether GitHub, or a bot that reads the thread, might act upon a word.
///
/// `before` is the character that stands before it. Rather too much than too little: `@` before a letter or
/// digit is a mention unless a letter or digit stands before it (`me@example.com`); `#` before a digit is a
/// reference; so is `GH-1`, and the address of an issue, a pull request or a discussion on any host.
pub(in crate::report) fn is_live(before: Option<char>, word: &str) -> bool {
    let mut previous = before;
    let mut rest = word.chars();
    while let Some(c) = rest.next() {
        let next = rest.clone().next();
        match c {
            '@' if next.is_some_and(|n| n.is_ascii_alphanumeric())
                && !previous.is_some_and(|p| p.is_ascii_alphanumeric()) =>
            {
                return true;
            }
            '#' if next.is_some_and(|n| n.is_ascii_digit()) => return true,
            _ => {}
        }
        previous = Some(c);
    }
    let lower = word.to_ascii_lowercase();
    lower
        .match_indices("gh-")
        .any(|(at, _)| lower[at + 3..].starts_with(|c: char| c.is_ascii_digit()))
        || is_issue_address(&lower)
}

/// Whether a lower-case text holds the web address of an issue, a pull request or a discussion.
pub(super) fn is_issue_address(lower: &str) -> bool {
    ["/issues/", "/pull/", "/pulls/", "/discussions/"]
        .iter()
        .any(|part| {
            lower
                .match_indices(part)
                .any(|(at, _)| lower[at + part.len()..].starts_with(|c: char| c.is_ascii_digit()))
        })
}

/// Whether a word is a command for some bot when a line begins with it.
pub(super) fn is_command(word: &str) -> bool {
    word.strip_prefix('/')
        .is_some_and(|rest| rest.starts_with(char::is_alphabetic))
}

/// Whether a link may stay: web and mail addresses and relative ones, but not those of issues.
pub(super) fn is_harmless_address(address: &str) -> bool {
    let lower = address.trim().to_lowercase();
    let scheme = lower
        .split_once([':', '/', '?', '#'])
        .filter(|(name, _)| lower[name.len()..].starts_with(':'));
    let known = scheme.is_none_or(|(name, _)| matches!(name, "http" | "https" | "mailto"));
    known && !is_issue_address(&lower) && !lower.contains(|c: char| c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_github_acts_upon_is_known() {
        for word in [
            "@octocat",
            "@org/team",
            "#12",
            "owner/repo#12",
            "GH-12",
            "gh-1",
            "/@me",
            "x.@me",
            "é@me",
            "https://github.com/o/r/issues/12",
            "https://ghe.example/o/r/pull/3",
            "_@user_",
        ] {
            assert!(is_live(None, word), "{word}");
        }
        for word in [
            "me@example.com",
            "@",
            "#",
            "#L12",
            "C#",
            "gh-pages",
            "https://example.com/pull/all",
            "a/b",
        ] {
            assert!(!is_live(None, word), "{word}");
        }
        assert!(!is_live(Some('a'), "@b"));
    }

    #[test]
    fn only_web_and_mail_addresses_stay_links() {
        for good in [
            "https://example.com/a:b",
            "HTTP://x",
            "mailto:a@b.c",
            "docs/a.md",
            "#part",
            "?a=b:c",
            "/x:y",
        ] {
            assert!(is_harmless_address(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            " JavaScript:x",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc",
            "https://github.com/o/r/issues/1",
        ] {
            assert!(!is_harmless_address(bad), "{bad}");
        }
    }
}
