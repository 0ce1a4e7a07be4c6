//! Ids as newtypes: a function that takes a [`NodeId`] cannot be handed a branch name.

use std::fmt;

/// Says why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {kind}: {why}")]
pub struct InvalidId {
    /// What was wanted, for people: `run id`, `branch name`.
    pub kind: &'static str,
    /// What was given, cut to 80 characters.
    pub text: String,
    /// The rule that it breaks.
    pub why: &'static str,
}

impl InvalidId {
    pub(crate) fn new(kind: &'static str, text: &str, why: &'static str) -> Self {
        Self {
            kind,
            text: text.chars().take(80).collect(),
            why,
        }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text and wraps it.
            ///
            /// # Errors
            /// The text breaks the rule of this kind of id; the error names it.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let check: fn(&str) -> Result<(), &'static str> = $check;
                match check(&text) {
                    Ok(()) => Ok(Self(text)),
                    Err(why) => Err(InvalidId::new($kind, &text, why)),
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

text_id! {
    /// Identifies a run: 26 characters of lower-case Crockford base 32 (a ULID), sortable by birth.
    RunId, "run id", |text| {
        let fits = text.len() == 26
            && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
        if fits { Ok(()) } else { Err("it wants 26 lower-case letters and digits") }
    }
}

impl RunId {
    /// The first six characters of the random part, as used in branch names.
    ///
    /// The leading ten characters of a ULID are its time, so the first six of the id itself would be
    /// the same for all runs of a fortnight.
    pub fn short(&self) -> &str {
        &self.0[20..26]
    }
}

text_id! {
    /// Names a node of a workflow: a lower-case word such as `implement`.
    NodeId, "node id", |text| {
        let mut bytes = text.bytes();
        if text.len() > 40 {
            return Err("it may be at most 40 characters long");
        }
        if !bytes.next().is_some_and(|b| b.is_ascii_lowercase()) {
            return Err("it must begin with a lower-case letter");
        }
        if bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-') {
            Ok(())
        } else {
            Err("it may hold lower-case letters, digits, `_` and `-` only")
        }
    }
}

text_id! {
    /// Identifies one webhook call: the value of `X-GitHub-Delivery`, a GUID; the same on redelivery.
    DeliveryId, "delivery id", |text| {
        let fits = !text.is_empty()
            && text.len() <= 100
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits { Ok(()) } else { Err("it wants 1 to 100 letters, digits, `-` or `_`") }
    }
}

text_id! {
    /// A GitHub user's or App's login, such as `octocat` or `footplate[bot]`.
    Login, "login", |text| {
        let stem = text.strip_suffix("[bot]").unwrap_or(text);
        let fits = !stem.is_empty()
            && stem.len() <= 100
            && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits { Ok(()) } else { Err("it wants letters, digits, `-` and `_`, and at most a `[bot]` suffix") }
    }
}

text_id! {
    /// A repository as `owner/name`. It can be renamed: keys are numeric, this is for URLs and people.
    RepositoryName, "repository name", |text| {
        let part = |p: &str| {
            !p.is_empty() && p != "." && p != ".." && p.len() <= 100
                && p.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        match text.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => Ok(()),
            _ => Err("it wants `owner/name`"),
        }
    }
}

impl RepositoryName {
    /// The part before the slash.
    pub fn owner(&self) -> &str {
        self.0.split_once('/').map_or("", |(owner, _)| owner)
    }

    /// The part after the slash.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

text_id! {
    /// A branch without `refs/heads/`, in the subset of `git check-ref-format` that needs no quoting.
    BranchName, "branch name", |text| {
        if text.is_empty() || text.len() > 200 {
            return Err("it wants 1 to 200 characters");
        }
        if text.starts_with('-') || text.starts_with('/') || text.ends_with('/') || text.ends_with('.') {
            return Err("it may not begin with `-` or `/`, nor end with `/` or `.`");
        }
        if text.contains("..") || text.contains("//") || text.contains("@{") || text == "@" {
            return Err("it may not contain `..`, `//` or `@{`");
        }
        if text.split('/').any(|part| part.starts_with('.') || part.as_bytes().ends_with(b".lock")) {
            return Err("no part may begin with `.` or end with `.lock`");
        }
        let bad = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\\"'`$&|;<>(){}!#".contains(c);
        if text.chars().any(bad) {
            return Err("it may not contain spaces or any of ~ ^ : ? * [ \\ and shell characters");
        }
        Ok(())
    }
}

text_id! {
    /// A git object id of a commit: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
    CommitId, "commit id", |text| {
        let fits = matches!(text.len(), 40 | 64)
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if fits { Ok(()) } else { Err("it wants 40 or 64 lower-case hexadecimal digits") }
    }
}

impl CommitId {
    /// The first ten digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

number_id! {
    /// A repository's numeric id on GitHub, which survives renames and transfers.
    RepositoryId
}
number_id! {
    /// The id of an App's installation on an account.
    InstallationId
}
number_id! {
    /// The number of an issue or a pull request within its repository.
    IssueNumber
}
number_id! {
    /// The number of a pull request within its repository.
    PullNumber
}
number_id! {
    /// The numeric id of an issue comment; ids grow with time within one GitHub instance.
    CommentId
}
number_id! {
    /// The numeric id of an account.
    UserId
}
number_id! {
    /// The numeric id of a GitHub App.
    AppId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branch_names_that_git_or_a_shell_would_misread_are_refused() {
        for bad in [
            "", "-x", "a..b", "a b", "a/.b", "x.lock", "a\nb", "@", "a@{1}", "a;b", "a$b", "x/",
        ] {
            assert!(BranchName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["main", "footplate/12-fix-ümlaut-x1y2z3", "release/1.x"] {
            assert!(BranchName::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn ids_are_checked_when_they_are_read_back() {
        assert!(serde_json::from_str::<NodeId>("\"implement\"").is_ok());
        assert!(serde_json::from_str::<NodeId>("\"Implement it\"").is_err());
        assert!(serde_json::from_str::<RepositoryName>("\"../x\"").is_err());
        assert!(Login::new("footplate[bot]").is_ok());
        assert!(Login::new("a b").is_err());
    }
}
