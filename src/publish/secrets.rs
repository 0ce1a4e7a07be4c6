//! A baseline scan for credentials, in what is pushed and in what is posted.
//!
//! It knows a dozen kinds by the fixed beginnings that their issuers gave them for this purpose. It is a net
//! under the other measures (no secret is in an agent's reach), not a replacement for a scanner.

use std::ops::Range;

/// Characters that a token may hold.
#[derive(Clone, Copy)]
enum Alphabet {
    /// `A-Z0-9`.
    Upper,
    /// `A-Za-z0-9`.
    Alphanumeric,
    /// `A-Za-z0-9_-`.
    Url,
}

/// A kind of credential: how it begins, and how much of which characters must follow.
struct Kind {
    name: &'static str,
    prefix: &'static str,
    alphabet: Alphabet,
    least: usize,
}

const fn kind(name: &'static str, prefix: &'static str, alphabet: Alphabet, least: usize) -> Kind {
    Kind {
        name,
        prefix,
        alphabet,
        least,
    }
}

/// The kinds, longer beginnings before shorter ones. The lengths are those of real tokens, as GitHub's list of
/// secret scanning patterns and the issuers' own pages show them, or a little less.
const KINDS: [Kind; 15] = [
    kind("an AWS access key", "AKIA", Alphabet::Upper, 16),
    kind("an AWS access key", "ASIA", Alphabet::Upper, 16),
    kind("a GitHub token", "github_pat_", Alphabet::Url, 36),
    kind("a GitHub token", "ghp_", Alphabet::Alphanumeric, 36),
    kind("a GitHub token", "gho_", Alphabet::Alphanumeric, 36),
    kind("a GitHub token", "ghu_", Alphabet::Alphanumeric, 36),
    kind("a GitHub token", "ghs_", Alphabet::Alphanumeric, 36),
    kind("a GitHub token", "ghr_", Alphabet::Alphanumeric, 36),
    kind("an Anthropic key", "sk-ant-", Alphabet::Url, 20),
    kind("a model provider's key", "sk-", Alphabet::Url, 32),
    kind("a Slack token", "xoxb-", Alphabet::Url, 20),
    kind("a Slack token", "xoxp-", Alphabet::Url, 20),
    kind("a Google key", "AIza", Alphabet::Url, 35),
    kind("a GitLab token", "glpat-", Alphabet::Url, 20),
    kind("an npm token", "npm_", Alphabet::Alphanumeric, 36),
];

/// Begins the first line of a private key in PEM (RFC 7468); the line goes on with the kind of key.
const PEM_BEGIN: &str = "-----BEGIN ";
/// Ends that line.
const PEM_KEY: &str = "PRIVATE KEY-----";
/// Begins the last line of a private key.
const PEM_END: &str = "-----END ";

/// What was found in the added lines of a patch: the file, and what kind of credential, each once.
pub(super) fn in_patch(patch: &[u8]) -> Vec<(String, &'static str)> {
    let text = String::from_utf8_lossy(patch);
    let mut found: Vec<(String, &'static str)> = Vec::new();
    let mut file = String::new();
    let mut in_header = true;
    for line in text.lines() {
        if line.starts_with("diff --git ") {
            in_header = true;
        } else if line.starts_with("@@ ") {
            in_header = false;
        } else if in_header {
            if let Some(name) = line.strip_prefix("+++ ") {
                name.strip_prefix("b/").unwrap_or(name).clone_into(&mut file);
            }
        } else if let Some(added) = line.strip_prefix('+') {
            for (_, name) in find(added) {
                if !found.iter().any(|(known, what)| *known == file && *what == name) {
                    found.push((file.clone(), name));
                }
            }
        }
    }
    found
}

/// The text with everything that looks like a credential taken out.
pub(super) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, name) in find(text) {
        if range.start < done {
            continue;
        }
        out.push_str(&text[done..range.start]);
        out.push_str("[removed: ");
        out.push_str(name);
        out.push(']');
        done = range.end;
    }
    out.push_str(&text[done..]);
    out
}

/// Everything that looks like a credential, in order.
fn find(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found = Vec::new();
    for kind in &KINDS {
        for (at, _) in text.match_indices(kind.prefix) {
            let before = text[..at].chars().next_back();
            // `task-sk-…` and `disk-usage` are words.
            if before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                continue;
            }
            let token = &text[at + kind.prefix.len()..];
            let length = token
                .bytes()
                .take_while(|byte| kind.alphabet.holds(*byte))
                .count();
            if length >= kind.least && is_random(&token[..length]) {
                found.push((at..at + kind.prefix.len() + length, kind.name));
            }
        }
    }
    for (at, _) in text.match_indices(PEM_BEGIN) {
        let line_end = text[at..].find('\n').map_or(text.len(), |length| at + length);
        if text[at..line_end].contains(PEM_KEY) {
            found.push((at..end_of_key(text, line_end), "a private key"));
        }
    }
    found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    found.dedup_by(|later, earlier| later.0.start < earlier.0.end);
    found
}

/// The end of a private key's last line; where that is missing, of the last line that looks like a part of it.
fn end_of_key(text: &str, from: usize) -> usize {
    let mut end = from;
    for line in text[from..].split_inclusive('\n') {
        let content = line.trim();
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        if content.starts_with(PEM_END) {
            return end + line.trim_end().len();
        }
        if !content.is_empty() && !content.bytes().all(base64) && !content.contains(": ") {
            break;
        }
        end += line.len();
    }
    from.max(end.min(from + text[from..end].trim_end().len()))
}

/// Whether a text holds digits as well as letters: placeholders such as `sk-your-key-goes-here` do not.
fn is_random(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

impl Alphabet {
    fn holds(self, byte: u8) -> bool {
        match self {
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Put together here, so that no scanner takes this file for a leak.
    fn token(prefix: &str) -> String {
        format!("{prefix}{}", "A1B2C3D4E5F6G7H8".repeat(3))
    }

    #[test]
    fn every_kind_is_found_and_taken_out() {
        for kind in &KINDS {
            let secret = token(kind.prefix);
            let text = format!("key = \"{secret}\"");
            let shown = redact(&text);
            assert_eq!(shown, format!("key = \"[removed: {}]\"", kind.name));
        }
    }

    #[test]
    fn words_and_placeholders_are_no_secrets() {
        for text in [
            "disk-usage-of-a-very-long-and-winding-name-2024",
            "task-1234567890123456789012345678901234567890",
            "sk-your-api-key-goes-right-here-please-now-x",
            "AKIA1234",
            "ghp_short1",
            "-----BEGIN CERTIFICATE-----",
            "sk-",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn a_private_key_goes_as_a_whole_and_nothing_after_it() {
        let begin = format!("{PEM_BEGIN}RSA {PEM_KEY}");
        let text = format!("a\n{begin}\nMIIabc+/=\nxyz\n{PEM_END}RSA {PEM_KEY}\nb\n");
        assert_eq!(redact(&text), "a\n[removed: a private key]\nb\n");
        let text = format!("a\n{begin}\nMIIabc\n```\nb c");
        assert_eq!(redact(&text), "a\n[removed: a private key]\n```\nb c");
        assert_eq!(redact(&begin), "[removed: a private key]");
    }

    #[test]
    fn only_added_lines_of_a_patch_are_looked_at() {
        let secret = token("ghp_");
        let patch = format!(
            "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-{secret}\n {secret}\n+fine\n\
             diff --git a/y b/y\n--- /dev/null\n+++ b/y\n@@ -0,0 +1,2 @@\n+++ {secret}\n+{secret}\n"
        );
        assert_eq!(in_patch(patch.as_bytes()), [("y".to_owned(), "a GitHub token")]);
    }
}
